package ledger

import (
	"bytes"
	"encoding/hex"
	"errors"
	"reflect"
	"testing"

	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/sign"
)

// payloads are one of each, with the bytes that SPEC.md section 11 gives them.
func payloads() map[string]struct {
	value any
	bytes []byte
	parse func([]byte) (any, error)
} {
	proposal := Proposal{Cluster: [32]byte{1}, Node: "n1", Term: 2, Counter: 3, Previous: [32]byte{4}, At: 5, Body: [32]byte{6}}
	promise := Promise{Ledger: LedgerID{1}, Event: EventID{2}, Node: "n1", ReceivedAt: 3, Deadline: 4}
	absence := Absence{Ledger: LedgerID{1}, Event: EventID{2}, Size: 3, Root: merkle.Hash{4}, At: 5}
	return map[string]struct {
		value any
		bytes []byte
		parse func([]byte) (any, error)
	}{
		"proposal": {proposal, proposal.Payload(), func(b []byte) (any, error) { return ParseProposal(b) }},
		"promise":  {promise, promise.Payload(), func(b []byte) (any, error) { return ParsePromise(b) }},
		"absence":  {absence, absence.Payload(), func(b []byte) (any, error) { return ParseAbsence(b) }},
	}
}

func TestPayloadBytes(t *testing.T) {
	id := func(first string) string { return first + string(bytes.Repeat([]byte("0"), 62)) }
	want := map[string]string{
		"proposal": id("01") + "02" + hex.EncodeToString([]byte("n1")) + "0000000000000002" + "0000000000000003" + id("04") + "0000000000000005" + id("06"),
		"promise":  id("01") + id("02") + "02" + hex.EncodeToString([]byte("n1")) + "0000000000000003" + "0000000000000004",
		"absence":  id("01") + id("02") + "0000000000000003" + id("04") + "0000000000000005",
	}
	for name, p := range payloads() {
		if got := hex.EncodeToString(p.bytes); got != want[name] {
			t.Errorf("%s is %s", name, got)
		}
		if again, err := p.parse(p.bytes); err != nil || !reflect.DeepEqual(again, p.value) {
			t.Errorf("%s: %+v, %v", name, again, err)
		}
		for i := range p.bytes {
			if _, err := p.parse(p.bytes[:i]); !errors.Is(err, ErrPayload) {
				t.Errorf("the first %d bytes of a %s: %v", i, name, err)
			}
		}
		if _, err := p.parse(append(bytes.Clone(p.bytes), 0)); !errors.Is(err, ErrPayload) {
			t.Errorf("a %s and a byte: %v", name, err)
		}
	}
}

func TestPayloadNode(t *testing.T) {
	for _, test := range []struct {
		length int
		ok     bool
	}{{0, false}, {1, true}, {nodeIDBytesMax, true}, {nodeIDBytesMax + 1, false}, {255, false}} {
		node := string(bytes.Repeat([]byte("n"), test.length))
		if _, err := ParseProposal(Proposal{Node: node}.Payload()); (err == nil) != test.ok {
			t.Errorf("proposal, node of %d bytes: %v", test.length, err)
		}
		if _, err := ParsePromise(Promise{Node: node}.Payload()); (err == nil) != test.ok {
			t.Errorf("promise, node of %d bytes: %v", test.length, err)
		}
	}
}

// TestPayloadTypesApart: what is signed as one thing is not signed as another.
func TestPayloadTypesApart(t *testing.T) {
	types := []string{sign.EventPayloadType, sign.ProposalPayloadType, sign.PromisePayloadType, sign.StatementPayloadType, sign.AbsencePayloadType}
	seen := map[string]string{}
	for _, payloadType := range types {
		for name, p := range payloads() {
			message := string(sign.PAE(payloadType, p.bytes))
			if other, ok := seen[message]; ok {
				t.Errorf("%s as %s is %s", name, payloadType, other)
			}
			seen[message] = name + " as " + payloadType
		}
	}
	a := Proposal{Node: "n1"}
	b := a
	b.At++
	if a.ID() == b.ID() || a.ID() != (Proposal{Node: "n1"}).ID() {
		t.Error("an id stands for a whole proposal")
	}
}

func FuzzPayloads(f *testing.F) {
	for _, p := range payloads() {
		f.Add(p.bytes)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := ParseProposal(b); err == nil && !bytes.Equal(p.Payload(), b) {
			t.Fatalf("two forms of one proposal: %x", b)
		}
		if p, err := ParsePromise(b); err == nil && !bytes.Equal(p.Payload(), b) {
			t.Fatalf("two forms of one promise: %x", b)
		}
		if a, err := ParseAbsence(b); err == nil && !bytes.Equal(a.Payload(), b) {
			t.Fatalf("two forms of one absence: %x", b)
		}
	})
}

// TestPolicyFile: the policy of a genesis is a file that any C2SP verifier reads,
// and SPEC.md section 10 gives its lines.
func TestPolicyFile(t *testing.T) {
	g := testGenesis()
	p := g.Policy()
	file, err := p.Checkpoint().Encode()
	if err != nil {
		t.Fatal(err)
	}
	want := ""
	for _, n := range p.Nodes {
		want += "log " + p.LogKey(n).String() + "\n"
	}
	members := ""
	for _, n := range p.Nodes {
		want += "witness node/" + n.ID + " " + p.CosignerKey(n).String() + "\n"
		members += " node/" + n.ID
	}
	want += "group associations " + string(rune('0'+p.Quorum)) + members + "\nquorum associations\n"
	if string(file) != want {
		t.Errorf("%s\nexpected\n%s", file, want)
	}
	for _, n := range p.Nodes {
		if name := p.CosignerKey(n).Name; name != n.Association+"/custody-validator" || p.LogKey(n).Name != g.Name {
			t.Errorf("node %s: key names %s and %s", n.ID, name, p.LogKey(n).Name)
		}
	}
}
