package bundle_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/bundle"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/rules"
	"github.com/custodyledger/custodyledger/ledger/sign"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// refusal is a file that must be refused, and what the refusal must say.
type refusal struct {
	name   string
	file   []byte
	policy []byte // the policy file it is held against; nil: the genesis
	says   string
}

// index gives the place of the entry with an index.
func place(b *bundle.Bundle, index uint64) int {
	return slices.IndexFunc(b.Entries, func(e bundle.Entry) bool { return entryIndex(e.Bytes) == index })
}

func entryIndex(b []byte) uint64 { return binary.BigEndian.Uint64(b[2:]) }

// refusals builds every bundle that must be refused, each from an honest one.
func refusals(t testing.TB) (*world, []refusal) {
	w, item := sold(t)
	var all []refusal
	add := func(name, says string, file []byte) { all = append(all, refusal{name: name, says: says, file: file}) }
	changed := func(name, says string, change func(b *bundle.Bundle)) {
		b := w.bundle(associations, item)
		change(b)
		add(name, says, w.encode(b))
	}
	last := w.state.Items[item].LastIndex
	honest := w.encode(w.bundle(associations, item))

	changed("event-left-out", "something was left out", func(b *bundle.Bundle) {
		b.Entries = slices.Delete(b.Entries, place(b, last-1), place(b, last-1)+1)
	})
	changed("registration-left-out", "something was left out", func(b *bundle.Bundle) {
		b.Entries = slices.Delete(b.Entries, place(b, w.state.Items[item].Registered), place(b, w.state.Items[item].Registered)+1)
	})
	changed("admission-missing", "something was left out", func(b *bundle.Bundle) {
		b.Entries = slices.Delete(b.Entries, 1, 2)
	})
	changed("genesis-missing", "must be the genesis", func(b *bundle.Bundle) { b.Entries = b.Entries[1:] })
	changed("later-sale-left-out", "what followed was left out", func(b *bundle.Bundle) {
		*b = *w.shortened(b, item)
		b.Statements = []bundle.Statement{w.state1(w.state.Items[item].Statement(w.id, w.state.Matters[item], false, w.note(w.head.Size).Checkpoint, w.now), associations...)}
	})
	changed("entry-of-another-item", "nothing to do with the items", func(b *bundle.Bundle) {
		for _, index := range []uint64{5, 3} {
			if place(b, index) < 0 {
				proof, err := merkle.InclusionProof(w, index, w.head.Size)
				if err != nil {
					t.Fatal(err)
				}
				entry, _ := w.Entry(index)
				at, _ := slices.BinarySearchFunc(b.Entries, index, func(e bundle.Entry, i uint64) int { return int(entryIndex(e.Bytes)) - int(i) })
				b.Entries = slices.Insert(b.Entries, at, bundle.Entry{Bytes: entry, Proof: proof})
			}
		}
	})
	changed("entries-out-of-order", "ascending order", func(b *bundle.Bundle) { b.Entries[1], b.Entries[2] = b.Entries[2], b.Entries[1] })
	changed("entry-twice", "ascending order", func(b *bundle.Bundle) { b.Entries = slices.Insert(b.Entries, 2, b.Entries[1]) })
	changed("proof-too-long", "not proven to stand", func(b *bundle.Bundle) { b.Entries[1].Proof = append(b.Entries[1].Proof, merkle.Hash{}) })
	changed("proof-too-short", "not proven to stand", func(b *bundle.Bundle) { b.Entries[1].Proof = b.Entries[1].Proof[1:] })
	changed("subject-not-there", "no entry of the bundle makes", func(b *bundle.Bundle) { b.Subjects[0][0] ^= 1 })
	changed("second-subject-not-there", "statements", func(b *bundle.Bundle) { b.Subjects = append(b.Subjects, ledger.ItemID(bytes.Repeat([]byte{255}, 20))) })
	changed("subjects-out-of-order", "ascending order", func(b *bundle.Bundle) {
		b.Subjects, b.Statements = append(b.Subjects, b.Subjects[0]), append(b.Statements, b.Statements[0])
	})
	changed("handover-out-of-nowhere", "consistency proofs", func(b *bundle.Bundle) { b.Handovers = [][]merkle.Hash{nil} })

	// The checkpoint.
	underNote := func(name, says string, note *checkpoint.Note) {
		b := w.bundle(associations, item)
		b.Note = note.Encode()
		add(name, says, w.encode(b))
	}
	head := w.note(w.head.Size).Checkpoint
	wrongRoot, wrongSize := head, head
	wrongRoot.Root[0] ^= 1
	wrongSize.Size++
	underNote("root-wrong", "not proven to stand", w.noteOf(wrongRoot, associations...))
	underNote("size-wrong", "", w.noteOf(wrongSize, associations...))
	underNote("note-without-quorum", "not final under the policy in force", w.note(w.head.Size, associations[1]))
	twice := w.note(w.head.Size, associations[1])
	twice.Signatures = append(twice.Signatures, twice.Signatures...)
	underNote("note-signed-twice-by-one", "stands twice", twice)
	swapped := w.note(w.head.Size, associations...)
	swapped.Signatures[0], swapped.Signatures[2] = swapped.Signatures[2], swapped.Signatures[0]
	underNote("note-lines-out-of-order", "out of order", swapped)
	stranger := w.note(w.head.Size, associations...)
	key := checkpoint.Key{Name: "witness.example.org", Type: checkpoint.CosignerKey, Public: seeded("a witness").Public()}
	stranger.Signatures = append(stranger.Signatures, key.Sign(seeded("a witness"), head, 1))
	underNote("note-with-a-strangers-line", "not by a key of the policy", stranger)
	otherLog := head
	otherLog.Origin = "ledger.example.org/other"
	underNote("note-of-another-log", "it is of log", w.noteOf(otherLog, associations...))

	// Statements.
	restated := func(name, says string, change func(*ledger.Statement), by ...string) {
		b := w.bundle(associations, item)
		s := w.state.Items[item].Statement(w.id, w.state.Matters[item], false, head, w.now)
		change(&s)
		b.Statements = []bundle.Statement{w.state1(s, by...)}
		add(name, says, w.encode(b))
	}
	same := func(*ledger.Statement) {}
	restated("statement-of-one", "1 associations signed it", same, associations[2])
	restated("statement-of-another-size", "it is about size", func(s *ledger.Statement) { s.Size++ }, associations...)
	restated("statement-of-another-root", "it is about size", func(s *ledger.Statement) { s.Root[0] ^= 1 }, associations...)
	restated("statement-of-another-item", "it is about item", func(s *ledger.Statement) { s.Item[0] ^= 1 }, associations...)
	restated("statement-of-another-ledger", "it is about ledger", func(s *ledger.Statement) { s.Ledger[0] ^= 1 }, associations...)
	restated("statement-of-another-holder", "another custody", func(s *ledger.Statement) { s.Custody.Party[0] ^= 1 }, associations...)
	restated("statement-of-a-later-event", "what followed was left out", func(s *ledger.Statement) { s.LastIndex++ }, associations...)
	restated("statement-of-the-past", "time", func(s *ledger.Statement) { s.At = 1 }, associations...)
	changed("statement-signed-twice-by-one", "stands twice", func(b *bundle.Bundle) {
		b.Statements[0].Signatures = []bundle.Signature{b.Statements[0].Signatures[0], b.Statements[0].Signatures[0]}
	})
	changed("statement-signature-of-nobody", "the policy has 3", func(b *bundle.Bundle) { b.Statements[0].Signatures[2].Node = 3 })
	changed("statement-signature-of-another", "does not hold", func(b *bundle.Bundle) { b.Statements[0].Signatures[0].Bytes = b.Statements[0].Signatures[1].Bytes })

	// The form.
	add("trailing-byte", "left over", append(bytes.Clone(honest), 0))
	add("cut-short", "do not fit", honest[:len(honest)-1])
	add("another-version", "first line", append([]byte("custody-bundle/v2\n"), honest[len(bundle.Magic):]...))
	add("empty", "first line", nil)
	huge := bytes.Clone(honest)
	copy(huge[len(bundle.Magic):], []byte{0xff, 0xff})
	add("huge-count-of-subjects", "expected 0 to 1000", huge)
	entries := len(bundle.Magic) + 2 + 20 + 2 + len(w.bundle(nil, item).Note)
	huge = bytes.Clone(honest)
	copy(huge[entries:], []byte{0xff, 0xff})
	add("huge-count-of-entries", "do not fit", huge[:entries+1000])

	// Another ledger.
	other := newWorldOf(t, "ledger.example.org/other")
	other.admit("north.example.org", "asha")
	foreign := other.encode(other.bundle(associations, other.register("asha")))
	add("another-ledger", "the bundle is of ledger", foreign)
	all = append(all, refusal{"policy-of-another-origin", honest, policyFile(t, other.genesis.Policy()), "the policy file is of log"})
	strict := w.genesis.Policy()
	strict.Nodes = strict.Nodes[:1]
	strict.Quorum = 1
	strict.Nodes = slices.Clone(strict.Nodes)
	strict.Nodes[0].Log, strict.Nodes[0].Cosigner = seeded("nobody").Public(), seeded("nobody either").Public()
	all = append(all, refusal{"policy-of-other-keys", honest, policyFile(t, strict), "not final under the policy file"})
	return w, append(append(all, forgeries(t)...), handoverRefusals(t)...)
}

// shortened leaves out the last event on an item, as a seller would.
func (w *world) shortened(b *bundle.Bundle, item ledger.ItemID) *bundle.Bundle {
	w.Helper()
	entry, err := ledger.DecodeEntry(w.entries[w.state.Items[item].LastIndex])
	if err != nil {
		w.Fatal(err)
	}
	note, err := checkpoint.ParseNote(b.Note)
	if err != nil {
		w.Fatal(err)
	}
	event := w.decode(entry.Signed)
	before := event.ItemLinks(entry.Links)[0]
	short, err := bundle.Build(w, bundle.Final{RulesVersion: 1, Note: note, Policy: w.state.Policy().InForce, Governance: w.governance}, []bundle.Subject{{Item: item, Last: before}})
	if err != nil {
		w.Fatal(err)
	}
	return short
}

// forgeries are bundles of ledgers on which the nodes colluded: the rules refuse
// an entry in them, and every node signed it all the same.
func forgeries(t testing.TB) []refusal {
	var all []refusal
	forged := func(name, says string, forge func(w *world, item ledger.ItemID) ledger.SignedEvent) {
		w := newWorld(t)
		w.admit("north.example.org", "asha")
		w.admit("south.example.org", "bram")
		clerk := seeded("clerk")
		w.do("asha", &custodyv1.KeyAdd{Key: clerk.Public().Bytes(), Scopes: uint32(ledger.ScopeReceive)}, seeded("asha"), clerk)
		item := w.register("asha")
		w.force(forge(w, item))
		all = append(all, refusal{name: name, says: says, file: w.encode(w.bundle(nil, item))})
	}
	forged("key-not-in-scope", "MISSING_SCOPE", func(w *world, item ledger.ItemID) ledger.SignedEvent {
		return w.event("asha", w.offer(item, "bram", sale), seeded("clerk"))
	})
	forged("key-revoked", "KEY_REVOKED", func(w *world, item ledger.ItemID) ledger.SignedEvent {
		id := seeded("clerk").Public().ID()
		w.do("asha", &custodyv1.KeyRevoke{KeyId: id[:], Reason: custodyv1.RevokeReason_REVOKE_REASON_LOST})
		return w.event("asha", w.offer(item, "bram", sale), seeded("clerk"))
	})
	forged("key-unknown", "UNKNOWN_KEY", func(w *world, item ledger.ItemID) ledger.SignedEvent {
		return w.event("asha", w.offer(item, "bram", sale), seeded("a thief"))
	})
	forged("key-of-another-party", "FOREIGN_KEY", func(w *world, item ledger.ItemID) ledger.SignedEvent {
		return w.event("asha", w.offer(item, "bram", sale), seeded("bram"))
	})
	forged("not-the-holder", "NOT_HOLDER", func(w *world, item ledger.ItemID) ledger.SignedEvent {
		return w.event("bram", w.offer(item, "asha", sale))
	})
	forged("stale-prev", "STALE_PREV", func(w *world, item ledger.ItemID) ledger.SignedEvent {
		o := w.offer(item, "bram", sale)
		o.Item.Prev = bytes.Repeat([]byte{7}, 32)
		return w.event("asha", o)
	})
	forged("signature-forged", "does not hold", func(w *world, item ledger.ItemID) ledger.SignedEvent {
		signed := w.event("asha", w.offer(item, "bram", sale))
		signed.Signatures = [][]byte{seeded("a thief").Sign(ledger.SigningBytes(signed.Event))}
		return signed
	})
	forged("wrong-ledger", "WRONG_LEDGER", func(w *world, item ledger.ItemID) ledger.SignedEvent {
		id := w.id
		w.id[0] ^= 1
		signed := w.event("asha", w.offer(item, "bram", sale))
		w.id = id
		return signed
	})
	return all
}

// handoverRefusals are bundles whose chain of policies is broken.
func handoverRefusals(t testing.TB) []refusal {
	var all []refusal
	changed := func(name, says string, change func(w *world, b *bundle.Bundle)) {
		w, item, _ := handedOver(t)
		b := w.bundle(associations, item)
		change(w, b)
		all = append(all, refusal{name: name, says: says, file: w.encode(b)})
	}
	remove := func(b *bundle.Bundle, index uint64) {
		b.Entries = slices.Delete(b.Entries, place(b, index), place(b, index)+1)
	}
	changed("approval-missing", "no adopted policy", func(w *world, b *bundle.Bundle) { remove(b, w.governance[1]) })
	changed("proposal-missing", "", func(w *world, b *bundle.Bundle) { remove(b, w.governance[0]) })
	changed("handover-missing", "", func(w *world, b *bundle.Bundle) {
		remove(b, w.governance[2])
		b.Handovers = b.Handovers[1:]
	})
	changed("last-handover-missing", "", func(w *world, b *bundle.Bundle) {
		remove(b, w.governance[5])
		b.Handovers = b.Handovers[:1]
	})
	changed("handover-proof-missing", "consistency proofs", func(_ *world, b *bundle.Bundle) { b.Handovers = b.Handovers[1:] })
	changed("handover-proof-wrong", "not proven to be part", func(_ *world, b *bundle.Bundle) { b.Handovers[0][0][0] ^= 1 })
	changed("handover-proofs-swapped", "not proven to be part", func(_ *world, b *bundle.Bundle) {
		b.Handovers[0], b.Handovers[1] = b.Handovers[1], b.Handovers[0]
	})
	changed("pending-proposal", "nothing to do with the items", func(w *world, b *bundle.Bundle) {
		index := w.governance[6]
		entry, _ := w.Entry(index)
		proof, err := merkle.InclusionProof(w, index, w.head.Size)
		if err != nil {
			t.Fatal(err)
		}
		at, _ := slices.BinarySearchFunc(b.Entries, index, func(e bundle.Entry, i uint64) int { return int(entryIndex(e.Bytes)) - int(i) })
		b.Entries = slices.Insert(b.Entries, at, bundle.Entry{Bytes: entry, Proof: proof})
	})
	// Signed with the keys that the handover retired.
	w, item, _ := handedOver(t)
	b := w.bundle(associations, item)
	old := *w
	old.state = w.state.Clone()
	old.state.Write(rules.Changes{Policy: &rules.PolicyState{InForce: w.genesis.Policy()}})
	old.keys = map[string]sign.PrivateKey{}
	for _, association := range associations {
		for _, use := range []string{"logs ", "cosigns ", "states "} {
			old.keys[use+association] = seeded(use + association)
		}
	}
	b.Note = old.note(w.head.Size, associations...).Encode()
	return append(all, refusal{name: "note-by-retired-keys", says: "not by a key of the policy in force", file: w.encode(b)})
}

func TestRefused(t *testing.T) {
	w, all := refusals(t)
	for _, r := range all {
		trust := w.trust()
		if r.policy != nil {
			var err error
			if trust, err = bundle.TrustPolicyFile(r.policy); err != nil {
				t.Fatal(err)
			}
		}
		_, err := bundle.Verify(r.file, trust)
		var refused *bundle.Error
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), r.says) {
			t.Errorf("%s: %v, want %q", r.name, err, r.says)
		}
	}
}

// TestLaterSaleLeftOut: without statements a shortened bundle verifies, and says
// that nothing shows that nothing followed.
func TestLaterSaleLeftOut(t *testing.T) {
	w, item := sold(t)
	r, err := bundle.Verify(w.encode(w.shortened(w.bundle(nil, item), item)), w.trust())
	if err != nil || r.Items[0].Stated != nil || len(r.Items[0].Events) != 4 {
		t.Fatalf("%v %+v", err, r)
	}
}
