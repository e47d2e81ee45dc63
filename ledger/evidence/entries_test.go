package evidence

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

func TestBadEntry(t *testing.T) {
	w := newWorld(t, "ledger.example.org/trade")
	key, party := w.association(0)
	other := newWorld(t, "other.example.org")
	one := func(build func(*chain)) *chain {
		c := w.chain()
		c.append(w.event(party, register, key), []uint64{0})
		build(c)
		return c
	}
	entry := func(change func(*ledger.Entry)) func(*chain) {
		return func(c *chain) { c.append(w.event(party, register, key), []uint64{0}, change) }
	}
	for name, test := range map[string]struct {
		fault Fault
		chain *chain
	}{
		"no entry at all":      {FaultForm, one(func(c *chain) { c.raw([]byte("x")) })},
		"an empty leaf":        {FaultForm, one(func(c *chain) { c.raw(nil) })},
		"a byte behind":        {FaultForm, one(func(c *chain) { c.raw(append(slices.Clone(c.entries[1]), 0)) })},
		"no links":             {FaultForm, one(entry(func(e *ledger.Entry) { e.Links = nil }))},
		"a link too many":      {FaultForm, one(entry(func(e *ledger.Entry) { e.Links = []uint64{0, 0} }))},
		"a link to itself":     {FaultForm, one(entry(func(e *ledger.Entry) { e.Links = []uint64{2} }))},
		"an event of no form":  {FaultForm, one(entry(func(e *ledger.Entry) { e.Signed.Event = append(slices.Clone(e.Signed.Event), 0) }))},
		"a signature too many": {FaultForm, one(entry(func(e *ledger.Entry) { e.Signed.Signatures = append(e.Signed.Signatures, e.Signed.Signatures[0]) }))},
		"the wrong kind":       {FaultForm, one(entry(func(e *ledger.Entry) { e.Kind = ledger.KindGovernance }))},
		"a handover of no note": {FaultForm, one(entry(func(e *ledger.Entry) {
			*e = ledger.Entry{Kind: ledger.KindHandover, Index: e.Index, RecordedAt: e.RecordedAt, Prev: e.Prev, Note: []byte("x")}
		}))},
		"another index":    {FaultPlace, one(entry(func(e *ledger.Entry) { e.Index = 7 }))},
		"a second genesis": {FaultPlace, one(func(c *chain) { c.raw(c.entries[0]) })},
		"a forged signature": {FaultSignature, one(entry(func(e *ledger.Entry) {
			e.Signed.Signatures = [][]byte{slices.Clone(e.Signed.Signatures[0])}
			e.Signed.Signatures[0][50] ^= 1
		}))},
		"another ledger's event": {FaultLedger, one(func(c *chain) { c.append(other.event(party, register, key), []uint64{0}) })},
	} {
		last := uint64(len(test.chain.entries) - 1)
		e, err := BadEntry(w.trust, w.note(test.chain.end(), at, 0, 1), test.chain.included(last)...)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		w.holds(e, err, w.trust, n0+" and "+n1, "")
		if got := e.content.(*badEntry).Fault; got != test.fault {
			t.Errorf("%s: %s, expected %s", name, got, test.fault)
		}
		_, err = BadEntry(w.trust, w.note(test.chain.end(), at, 0, 1), test.chain.included(1)...)
		refuses(t, name+": the entry before it", err, ErrUnproven, "nothing is wrong")
	}
	bare := one(entry(func(e *ledger.Entry) { e.Links = nil }))
	_, err := BadEntry(w.trust, w.note(bare.end(), at, 0), bare.included(1, 2)...)
	refuses(t, "links that are not there, beside another entry", err, ErrUnproven, "nothing is wrong")
	foreign := &chain{w: w}
	foreign.raw(foreign.encode(other.genesis.Entry(other.file)))
	e, err := BadEntry(w.trust, w.note(foreign.end(), at, 2), foreign.included(0)...)
	w.holds(e, err, w.trust, n2, "")
	late := &chain{w: w}
	genesis := w.genesis.Entry(w.file)
	genesis.RecordedAt++
	late.raw(late.encode(genesis))
	e, err = BadEntry(w.trust, w.note(late.end(), at, 2), late.included(0)...)
	w.holds(e, err, w.trust, n2, "")
}

func TestTwoBadEntries(t *testing.T) {
	w := newWorld(t, "ledger.example.org/trade")
	key, party := w.association(0)
	dealer, recovery, fresh := w.newKey(), w.newKey(), w.newKey()
	dealerID := ledger.NewPartyID(dealer.Public().ID())
	admit := func(e *custodyv1.Event) {
		e.Commitments = []*custodyv1.Commitment{{Field: custodyv1.PrivateField_PRIVATE_FIELD_LEGAL_NAME, Hash: make([]byte, 32)}}
		e.Body = &custodyv1.Event_PartyAdmit{PartyAdmit: &custodyv1.PartyAdmit{
			Key: dealer.Public().Bytes(), RecoveryKey: recovery.Public().Bytes(), Scopes: uint32(ledger.ScopesAll), Country: "IN", Role: custodyv1.Role_ROLE_DEALER,
		}}
	}
	revoke := func(e *custodyv1.Event) {
		id := fresh.Public().ID()
		e.Body = &custodyv1.Event_KeyRevoke{KeyRevoke: &custodyv1.KeyRevoke{KeyId: id[:], Reason: 1}}
	}
	add := func(e *custodyv1.Event) {
		e.Body = &custodyv1.Event_KeyAdd{KeyAdd: &custodyv1.KeyAdd{Key: fresh.Public().Bytes(), Scopes: 1}}
	}
	honest := w.chain()
	honest.append(w.event(party, admit, key, dealer, recovery), []uint64{0})                                // 1
	honest.append(w.event(dealerID, add, dealer, fresh), []uint64{1})                                       // 2
	made := honest.append(w.event(dealerID, register, fresh), []uint64{2})                                  // 3
	item := ledger.NewItemID(made, 0)                                                                       //
	offered := honest.append(w.event(dealerID, offer(item, made, party), dealer), []uint64{2, 0, 3})        // 4
	honest.append(w.event(dealerID, revoke, dealer), []uint64{2})                                           // 5
	withdrawn := honest.append(w.event(dealerID, withdraw(item, offered, offered), dealer), []uint64{5, 4}) // 6
	honest.append(w.event(dealerID, offer(item, withdrawn, party), dealer), []uint64{5, 0, 6})              // 7
	for i := range honest.entries {
		_, err := BadEntry(w.trust, w.note(honest.end(), at, 0), honest.included(uint64(i))...)
		refuses(t, "an honest entry", err, ErrUnproven, "nothing is wrong")
		for j := range i {
			_, err := BadEntry(w.trust, w.note(honest.end(), at, 0), honest.included(uint64(j), uint64(i))...)
			refuses(t, "two honest entries", err, ErrUnproven, "nothing is wrong")
		}
	}

	// with changes the entry at an index and leaves all others as they are, but for prev.
	with := func(index int, change func(*ledger.Entry)) *chain {
		c := w.chain()
		for i, b := range honest.entries[1:] {
			e, err := ledger.DecodeEntry(b)
			if err != nil {
				t.Fatal(err)
			}
			e.Prev = c.leaves[i]
			if i+1 == index {
				change(e)
			}
			c.raw(c.encode(e))
		}
		return c
	}
	again, err := ledger.DecodeEntry(honest.entries[3])
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		fault  Fault
		first  uint64
		second uint64
		change func(*ledger.Entry)
	}{
		"prev of another":            {FaultChain, 5, 6, func(e *ledger.Entry) { e.Prev[0] ^= 1 }},
		"recorded earlier":           {FaultTime, 2, 6, func(e *ledger.Entry) { e.RecordedAt = start + 1 }},
		"an event again":             {FaultRepeated, 3, 5, func(e *ledger.Entry) { e.Signed, e.Links = again.Signed, again.Links }},
		"a revoked key":              {FaultRevoked, 5, 7, func(e *ledger.Entry) { e.Signed, e.Links = w.event(dealerID, register, fresh), []uint64{5} }},
		"an item's entry passed":     {FaultLink, 4, 6, func(e *ledger.Entry) { e.Links = []uint64{5, 3} }},
		"an item's creation passed":  {FaultLink, 3, 4, func(e *ledger.Entry) { e.Links = []uint64{2, 0, 1} }},
		"a link to another thing":    {FaultLink, 5, 6, func(e *ledger.Entry) { e.Links = []uint64{5, 5} }},
		"a party's change passed":    {FaultLink, 5, 6, func(e *ledger.Entry) { e.Links = []uint64{2, 4} }},
		"a party's admission passed": {FaultLink, 1, 2, func(e *ledger.Entry) { e.Links = []uint64{0} }},
		"a party link to no change":  {FaultLink, 4, 6, func(e *ledger.Entry) { e.Links = []uint64{4, 4} }},
		"a dealer in the genesis":    {FaultLink, 0, 2, func(e *ledger.Entry) { e.Links = []uint64{0} }},
	} {
		c := with(int(test.second), test.change)
		e, err := BadEntry(w.trust, w.note(c.end(), at, 1, 2), c.included(test.first, test.second)...)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		w.holds(e, err, w.trust, n1+" and "+n2, "")
		if got := e.content.(*badEntry).Fault; got != test.fault {
			t.Errorf("%s: %s, expected %s", name, got, test.fault)
		}
	}
	note := w.note(honest.end(), at, 0)
	three := honest.included(1, 2, 3)
	for name, test := range map[string]struct {
		note    *checkpoint.Note
		entries []Included
		says    string
	}{
		"no entry":             {note, nil, "0 entries"},
		"three entries":        {note, three, "3 entries"},
		"one entry twice":      {note, []Included{three[0], three[0]}, "stands behind"},
		"descending":           {note, []Included{three[1], three[0]}, "stands behind"},
		"an entry not in it":   {note, []Included{{Index: 1, Entry: []byte("x"), Proof: three[0].Proof}}, "not in the head"},
		"beyond the head":      {w.note(honest.head(3), at, 0), honest.included(5), "not in the head"},
		"signed by strangers":  {newWorld(t, "other.example.org").note(honest.end(), at, 0), three[:1], "no known key"},
		"another fault's file": {note, three[:1], "nothing is wrong"},
	} {
		_, err := BadEntry(w.trust, test.note, test.entries...)
		refuses(t, name, err, ErrUnproven, test.says)
	}
	_, err = BadEntry(w.files, note, three[0])
	refuses(t, "a policy file only", err, ErrTrust, "genesis")
	c := with(6, func(e *ledger.Entry) { e.Prev[0] ^= 1 })
	e, err := BadEntry(w.trust, w.note(c.end(), at, 1), c.included(5, 6)...)
	if err != nil {
		t.Fatal(err)
	}
	e.content.(*badEntry).Fault = FaultTime
	_, err = e.Verify(w.trust)
	refuses(t, "another fault than it has", err, ErrUnproven, "do not have the fault")
}

// TestVectorLog: the vectors' ledger, to which the rules were applied, has no fault
// that this package would convict for, neither one entry nor any two.
func TestVectorLog(t *testing.T) {
	b, err := os.ReadFile("../testdata/vectors/log.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors struct {
		Entries []struct{ Entry string }
	}
	if err := json.Unmarshal(b, &vectors); err != nil {
		t.Fatal(err)
	}
	var trust *Trust
	var log []judged
	for i, v := range vectors.Entries {
		entry, err := hex.DecodeString(v.Entry)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			genesis, err := ledger.DecodeEntry(entry)
			if err != nil {
				t.Fatal(err)
			}
			if trust, err = FromGenesis(genesis.Genesis); err != nil {
				t.Fatal(err)
			}
		}
		j, found := trust.judge(uint64(i), entry)
		if len(found) > 0 || !j.sound {
			t.Errorf("%v", found)
		}
		j.leaf = merkle.LeafHash(entry)
		for _, before := range log {
			if found := between(before, j); len(found) > 0 {
				t.Errorf("%v", found)
			}
		}
		log = append(log, j)
	}
	if len(log) < 15 {
		t.Fatalf("%d entries", len(log))
	}
}
