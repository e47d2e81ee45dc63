package evidence

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"strings"
	"testing"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/sign"
)

// oneOfEach makes evidence of every kind in which node n0 alone signed what
// contradicts itself.
func (w *world) oneOfEach() []*Evidence {
	w.t.Helper()
	a, b := w.forks()
	key, party := w.association(0)
	event := w.event(party, register, key)
	item, prev := ledger.ItemID{9}, ledger.EventID{9}
	one, two := w.proposal(0, 1, 0), w.proposal(0, 1, 1)
	promise := ledger.Promise{Ledger: w.id, Event: event.ID(), Node: "n1", ReceivedAt: start + 99_999, Deadline: start + 200_000}
	promised := w.state(1, sign.PromisePayloadType, promise.Payload())
	absence := ledger.Absence{Ledger: w.id, Event: event.ID(), Size: 9, At: start + 200_001}.Payload()
	body := append([]byte{1}, eventOf(event).framed()...)
	late := w.state(0, sign.ProposalPayloadType, ledger.Proposal{Cluster: clusterID(w.id, 0), Node: "n0", Term: 1, Counter: 1, At: start, Body: sha256.Sum256(body)}.Payload())
	bad := w.chain()
	bad.raw([]byte("x"))
	var list []*Evidence
	add := func(e *Evidence, err error) {
		if err != nil {
			w.t.Fatal(err)
		}
		list = append(list, e)
	}
	add(TwoHeads(w.trust, w.note(a.end(), at, 0), w.note(b.end(), at, 0)))
	add(Heads(w.trust, w.note(a.end(), at, 0), w.note(b.end(), at, 1)))
	add(WentBack(w.trust, w.note(a.end(), at, 0), w.note(a.head(3), at+1, 0)))
	add(Forked(w.trust, 2, Side{w.note(a.head(3), at, 0), a.leaves[2], a.proof(2, 3)}, Side{w.note(b.end(), at, 0), b.leaves[2], b.proof(2, 5)}))
	add(TwoProposals(w.trust, 0, one, two))
	add(BrokenPromise(w.trust, promised, absence, []NodeSignature{
		{"n0", w.state(0, sign.AbsencePayloadType, absence).Signature}, {"n2", w.state(2, sign.AbsencePayloadType, absence).Signature}}))
	add(TwoChildren(w.trust, w.event(party, offer(item, prev, ledger.PartyID{1}), key), w.event(party, offer(item, prev, ledger.PartyID{2}), key)))
	add(BadEntry(w.trust, w.note(bad.end(), at, 0), bad.included(1)...))
	add(LateStamp(w.trust, 0, late, body, event, promised))
	return list
}

func TestEveryKindIsTested(t *testing.T) {
	w := newWorld(t, "ledger.example.org/trade")
	seen, names := map[Kind]bool{}, map[string]bool{}
	for _, e := range w.oneOfEach() {
		seen[e.Kind()], names[e.Name()] = true, true
	}
	if len(seen) != len(contents) || len(names) != len(seen) {
		t.Errorf("%d kinds and %d names of %d", len(seen), len(names), len(contents))
	}
}

// TestBits flips two bits of every byte of a file of every kind, one at a time, and
// cuts it everywhere. What still verifies convicts nobody but the one who is guilty.
func TestBits(t *testing.T) {
	w := newWorld(t, "ledger.example.org/trade")
	for _, e := range w.oneOfEach() {
		b, err := e.Encode()
		if err != nil {
			t.Fatal(err)
		}
		whole, err := e.Verify(w.trust)
		if err != nil {
			t.Fatal(err)
		}
		survived := 0
		for i := range b {
			if _, err := Parse(b[:i]); err == nil {
				t.Fatalf("%s: the first %d of %d bytes are a file", e.Kind(), i, len(b))
			}
			for _, bit := range []int{i % 8, (i + 3) % 8} {
				flipped := bytes.Clone(b)
				flipped[i] ^= 1 << bit
				f, err := Parse(flipped)
				if err != nil {
					continue
				}
				v, err := f.Verify(w.trust)
				if err != nil {
					continue
				}
				survived++
				if f.Kind() != e.Kind() || names(v.Convicted) != names(whole.Convicted) || !strings.Contains(names(whole.Answerable), names(v.Answerable)) {
					t.Fatalf("%s: byte %d bit %d: convicts %q, names %q", e.Kind(), i, bit, names(v.Convicted), names(v.Answerable))
				}
			}
		}
		// A flip may only make a line that is not needed a stranger's.
		if heads := e.Kind() == KindTwoHeads || e.Kind() == KindHeadsDiffer || e.Kind() == KindForked || e.Kind() == KindBadEntry || e.Kind() == KindWentBack; survived > 0 && !heads {
			t.Errorf("%s: %d flips still verify", e.Kind(), survived)
		}
	}
}

func TestForm(t *testing.T) {
	w := newWorld(t, "ledger.example.org/trade")
	a, b := w.forks()
	e, err := Forked(w.trust, 2, Side{w.note(a.head(3), at, 0), a.leaves[2], a.proof(2, 3)}, Side{w.note(b.end(), at, 0), b.leaves[2], b.proof(2, 5)})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	good := string(raw)
	replace := func(old, new string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("no %q in the file", old)
		}
		return strings.Replace(good, old, new, 1)
	}
	var indentless bytes.Buffer
	if err := json.Compact(&indentless, raw); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"nothing":                   "",
		"null":                      "null\n",
		"a list":                    "[]\n",
		"another format":            replace("evidence/v1", "evidence/v2"),
		"no format":                 replace("  \"format\": \"custody-evidence/v1\",\n", ""),
		"unknown kind":              replace(`"kind": "forked"`, `"kind": "guilty"`),
		"another kind":              replace(`"kind": "forked"`, `"kind": "two-heads"`),
		"unknown field":             replace(`  "content"`, "  \"x\": 1,\n  \"content\""),
		"unknown field inside":      replace(`"index"`, `"indeks"`),
		"field in capitals":         replace(`"index"`, `"Index"`),
		"a field twice":             replace(`  "kind": "forked",`, "  \"kind\": \"forked\",\n  \"kind\": \"forked\","),
		"a field twice inside":      replace(`    "index": 2,`, "    \"index\": 2,\n    \"index\": 2,"),
		"fields in another order":   replace(`  "kind": "forked",`+"\n", "") + `,"kind":"forked"`,
		"text behind":               good + "x",
		"a second object":           good + good,
		"a newline more":            good + "\n",
		"no newline":                strings.TrimSuffix(good, "\n"),
		"a byte order mark":         "\ufeff" + good,
		"compact":                   indentless.String(),
		"a tab":                     replace("  \"kind\"", "\t\"kind\""),
		"a number as text":          replace(`"index": 2`, `"index": "2"`),
		"a float":                   replace(`"index": 2`, `"index": 2.0`),
		"a negative index":          replace(`"index": 2`, `"index": -2`),
		"an index over 64 bits":     replace(`"index": 2`, `"index": 18446744073709551616`),
		"a ledger of 31 bytes":      replace(`"ledger": "`+w.id.String(), `"ledger": "`+w.id.String()[2:]),
		"a ledger in capitals":      replace(w.id.String(), strings.ToUpper(w.id.String())),
		"a hash in capitals":        replace(a.leaves[2].String(), strings.ToUpper(a.leaves[2].String())),
		"a proof that is null":      good[:strings.LastIndex(good, `"proof"`)] + "\"proof\": null\n      }\n    ]\n  }\n}\n",
		"an escape that is not due": replace("forked", `\u0066orked`),
		"a genesis that is null":    replace(`  "content"`, "  \"genesis\": null,\n  \"content\""),
		"oversize":                  replace("forked", strings.Repeat("x", BytesMax)),
		"deep":                      strings.Repeat("[", 1<<20),
	} {
		_, err := Parse([]byte(text))
		refuses(t, name, err, ErrForm, "")
	}
	proposals := w.oneOfEach()[4]
	raw, err = proposals.Encode()
	if err != nil {
		t.Fatal(err)
	}
	good = string(raw)
	payload := good[strings.Index(good, `"payload": "`)+len(`"payload": "`):]
	payload = payload[:strings.IndexByte(payload, '"')]
	for name, text := range map[string]string{
		"base64 without padding": replace(payload, strings.TrimRight(payload, "=")+"A"),
		"base64 of a URL":        replace(payload, "__"+payload[2:]),
		"base64 with a newline":  replace(payload, payload[:4]+`\n`+payload[4:]),
		"null for bytes":         replace(`"`+payload+`"`, "null"),
		"a number for bytes":     replace(`"`+payload+`"`, "7"),
	} {
		_, err := Parse([]byte(text))
		refuses(t, name, err, ErrForm, "")
	}
}

// TestLongestFile: a file at the limit is read, one byte past it is not written and
// not read.
func TestLongestFile(t *testing.T) {
	for _, over := range []int{0, 1} {
		e := &Evidence{kind: KindLateStamp, content: &lateStamp{Event: eventJSON{Signatures: []octets{}}}}
		empty, err := e.Encode()
		if err != nil {
			t.Fatal(err)
		}
		left := BytesMax - len(empty)
		e.content.(*lateStamp).Body = make([]byte, left/4*3)
		e.content.(*lateStamp).Event.Signatures = []octets{}
		e.ledger = ledger.LedgerID{}
		b, err := e.Encode()
		if err != nil || len(b) > BytesMax || BytesMax-len(b) > 3 {
			t.Fatalf("%d bytes, %v", len(b), err)
		}
		if _, err := Parse(b); err != nil {
			t.Errorf("%d bytes: %v", len(b), err)
		}
		if over == 1 {
			e.content.(*lateStamp).Body = make([]byte, (left/4+1)*3)
			_, err := e.Encode()
			refuses(t, "past the limit", err, ErrForm, "at most")
			_, err = Parse(append(b, make([]byte, BytesMax+1-len(b))...))
			refuses(t, "past the limit", err, ErrForm, "at most")
		}
	}
}

// TestManySignatures: what an attacker repeats is refused before it costs.
func TestManySignatures(t *testing.T) {
	w := newWorld(t, "ledger.example.org/trade")
	absence := ledger.Absence{Ledger: w.id, Size: 9, Root: merkle.Hash{}, At: start}.Payload()
	promise := w.state(1, sign.PromisePayloadType, ledger.Promise{Ledger: w.id, Node: "n1"}.Payload())
	signature := w.state(0, sign.AbsencePayloadType, absence).Signature
	var list []NodeSignature
	for range 10_000 {
		list = append(list, NodeSignature{"n0", signature})
	}
	_, err := BrokenPromise(w.trust, promise, absence, list)
	refuses(t, "10,000 signatures", err, ErrUnproven, "stands twice")
}

func FuzzParse(f *testing.F) {
	w := newWorld(f, "ledger.example.org/trade")
	for _, e := range w.oneOfEach() {
		b, err := e.Encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := Parse(b)
		if err != nil {
			return
		}
		if again, err := e.Encode(); err != nil || !bytes.Equal(again, b) {
			t.Fatalf("two forms of one file: %v", err)
		}
		e.Name()
		for _, trust := range []*Trust{w.trust, w.files} {
			v, err := e.Verify(trust)
			if err != nil {
				continue
			}
			for _, a := range v.Convicted {
				if a.Node != "n0" && !strings.Contains(a.Name, "a0.example.org") && !strings.Contains(a.Name, keyID(w, 0)) {
					t.Fatalf("convicts %s, who did nothing", a.Name)
				}
			}
		}
	})
}

// FuzzVerify writes the contents itself, so that the fuzzer gets past the one form of
// a file.
func FuzzVerify(f *testing.F) {
	w := newWorld(f, "ledger.example.org/trade")
	for _, e := range w.oneOfEach() {
		content, err := marshal(e.content)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(e.Kind()), content)
	}
	f.Fuzz(func(t *testing.T, kind string, content []byte) {
		empty, ok := contents[Kind(kind)]
		if !ok {
			return
		}
		e := &Evidence{kind: Kind(kind), ledger: w.id, content: empty()}
		if err := unmarshal(content, e.content); err != nil {
			return
		}
		e.Name()
		v, err := e.Verify(w.trust)
		if err != nil {
			return
		}
		for _, a := range v.Convicted {
			if a.Node != "n0" {
				t.Fatalf("convicts %s, who did nothing", a.Name)
			}
		}
		b, err := e.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(b); err != nil {
			t.Fatalf("what verifies cannot be read: %v", err)
		}
	})
}
