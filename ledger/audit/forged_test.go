package audit

import (
	"errors"
	"slices"
	"testing"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/sign"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// forge gives a source whose node wrote a ledger of its own: entries changed,
// then numbered, chained and hashed anew, so that only rules and signatures
// can tell.
func (w *world) forge(t *testing.T, change func([]*ledger.Entry) []*ledger.Entry) *copySource {
	t.Helper()
	var entries []*ledger.Entry
	for _, b := range w.entries {
		entry, err := ledger.DecodeEntry(b)
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, entry)
	}
	source := &copySource{name: "forger"}
	var prev merkle.Hash
	for i, entry := range change(entries) {
		entry.Index, entry.Prev = uint64(i), prev
		b, err := entry.Encode()
		if err != nil {
			t.Fatal(err)
		}
		prev = merkle.LeafHash(b)
		source.entries = append(source.entries, b)
	}
	source.head = TreeHead{Size: uint64(len(source.entries)), Root: rootOf(source.entries)}
	return source
}

// TestForgedLedgers: a ledger that is consistent in itself and breaks one rule.
func TestForgedLedgers(t *testing.T) {
	w := story(t)
	group, later := 0, 0 // a group's first entry, and a registration behind the group
	for i, b := range w.entries[1:] {
		entry, err := ledger.DecodeEntry(b)
		if err != nil {
			t.Fatal(err)
		}
		event, rejection := ledger.DecodeEvent(1, entry.Signed)
		if entry.Kind == ledger.KindHandover {
			break
		}
		if rejection != nil {
			t.Fatal(rejection)
		}
		if event.Group != nil && event.Group.Position == 0 {
			group = i + 1
		}
		if registers := len(event.Outputs()) == 1; registers && group > 0 && event.Group == nil && later == 0 {
			later = i + 1
		}
	}
	linked := 8
	stranger := seeded("a stranger")
	for _, c := range []struct {
		name   string
		change func([]*ledger.Entry) []*ledger.Entry
		index  int
		kind   Kind
		reason ledger.Reason
	}{
		{"wrong link of an item", func(es []*ledger.Entry) []*ledger.Entry { es[linked].Links[2]--; return es }, linked, LinkWrong, ""},
		{"wrong link of the acting party", func(es []*ledger.Entry) []*ledger.Entry { es[linked].Links[0]--; return es }, linked, LinkWrong, ""},
		{"wrong link of the other party", func(es []*ledger.Entry) []*ledger.Entry { es[linked].Links[1]--; return es }, linked, LinkWrong, ""},
		{"links of two parties changed about", func(es []*ledger.Entry) []*ledger.Entry {
			es[linked].Links[0], es[linked].Links[1] = es[linked].Links[1], es[linked].Links[0]
			return es
		}, linked, LinkWrong, ""},
		{"no link", func(es []*ledger.Entry) []*ledger.Entry { es[linked].Links = nil; return es }, linked, LinkWrong, ""},
		{"a link too many", func(es []*ledger.Entry) []*ledger.Entry {
			es[linked].Links = append(es[linked].Links, 1)
			return es
		}, linked, LinkWrong, ""},
		{"a link of a registration", func(es []*ledger.Entry) []*ledger.Entry { es[4].Links = []uint64{3}; return es }, 4, LinkWrong, ""},
		{"time backwards", func(es []*ledger.Entry) []*ledger.Entry { es[5].RecordedAt = es[4].RecordedAt - 1; return es }, 5, TimeBackwards, ""},
		{"event too late", func(es []*ledger.Entry) []*ledger.Entry {
			es[len(es)-1].RecordedAt += 90 * 24 * 3600_000
			return es
		}, len(w.entries) - 1, RuleBroken, ledger.EventExpired},
		{"event twice", func(es []*ledger.Entry) []*ledger.Entry {
			again := *es[4]
			again.RecordedAt = es[6].RecordedAt
			return slices.Insert(es, 6, &again)
		}, 6, EventRepeated, ""},
		{"admission left out", func(es []*ledger.Entry) []*ledger.Entry { return slices.Delete(es, 1, 2) }, 3, RuleBroken, ledger.UnknownParty},
		{"offer before its registration", func(es []*ledger.Entry) []*ledger.Entry {
			es[4], es[6] = es[6], es[4]
			es[4].RecordedAt, es[6].RecordedAt = es[6].RecordedAt, es[4].RecordedAt
			return es
		}, 4, RuleBroken, ledger.UnknownItem},
		{"stranger's signature", func(es []*ledger.Entry) []*ledger.Entry {
			es[linked].Signed.Signatures = [][]byte{stranger.Sign(ledger.SigningBytes(es[linked].Signed.Event))}
			return es
		}, linked, SignatureBad, ledger.BadSignature},
		{"signature left out", func(es []*ledger.Entry) []*ledger.Entry {
			es[1].Signed.Signatures = es[1].Signed.Signatures[:2]
			return es
		}, 1, EventInvalid, ledger.WrongSigners},
		{"half a group", func(es []*ledger.Entry) []*ledger.Entry { return slices.Delete(es, group+2, group+3) }, group + 2, GroupBroken, ledger.GroupIncomplete},
		{"group without its first", func(es []*ledger.Entry) []*ledger.Entry { return slices.Delete(es, group, group+1) }, group, GroupBroken, ledger.GroupIncomplete},
		{"group taken apart", func(es []*ledger.Entry) []*ledger.Entry {
			moved := es[later]
			moved.RecordedAt = es[group].RecordedAt
			return slices.Insert(slices.Delete(es, later, later+1), group+1, moved)
		}, group + 1, GroupBroken, ledger.GroupIncomplete},
		{"group at two times", func(es []*ledger.Entry) []*ledger.Entry {
			for _, e := range es[group+1:] {
				e.RecordedAt++
			}
			return es
		}, group + 1, GroupBroken, ledger.GroupIncomplete},
		{"ledger ends inside a group", func(es []*ledger.Entry) []*ledger.Entry { return es[:group+2] }, group + 1, GroupBroken, ledger.GroupIncomplete},
		{"a second genesis", func(es []*ledger.Entry) []*ledger.Entry {
			again := *es[0]
			again.RecordedAt = es[6].RecordedAt
			return slices.Insert(es, 7, &again)
		}, 7, EntryUndecodable, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			report := w.audit(w.forge(t, c.change))
			w.wants(t, c.name, report, uint64(c.index), c.kind)
			if f := report.Findings(); len(f) == 1 && f[0].Reason != c.reason {
				t.Errorf("expected reason %q, found %v", c.reason, f[0])
			}
			if got := report.Head.Size; got > uint64(c.index) {
				t.Errorf("verified %d entries, the finding is at %d", got, c.index)
			}
		})
	}
}

// fork gives two ledgers that are both right and differ from one entry on.
func fork(t *testing.T) (one, other *world, at uint64) {
	one, other = story(t), story(t)
	at = uint64(len(one.entries))
	one.register("asha", 100)
	other.register("asha", 200)
	one.register("asha", 101)
	other.register("asha", 201)
	other.register("asha", 202)
	return one, other, at
}

func TestFork(t *testing.T) {
	one, other, at := fork(t)
	report := one.audit(one.source("one"), other.source("other"))
	one.wants(t, "fork", report, at, SourcesDiffer)
	if f := report.Sources[0].Finding; f == nil {
		t.Error("the longer source is the reference, so that the finding is about the other")
	}
	if report.Head != other.head() {
		t.Error("the longest ledger that holds is verified to its end")
	}
	head := one.source("one")
	head.head.Size, head.head.Root = at, other.head().Root
	one.wants(t, "forged earlier head", one.audit(other.source("other"), head), at-1, RootDiffers)
}

// TestSourcesOfManyLengths: followers that lag are compared at their own size,
// and one that is wrong does not keep the others from being judged.
func TestSourcesOfManyLengths(t *testing.T) {
	w := story(t)
	shorter := func(n int) *copySource {
		s := w.source("short")
		s.entries = s.entries[:n]
		s.head = TreeHead{Size: uint64(n), Root: rootOf(s.entries)}
		return s
	}
	if report := w.audit(shorter(5), w.source("long"), shorter(12), shorter(1)); !report.OK() {
		t.Fatalf("%v", report.Findings())
	}
	bad := w.source("bad")
	bad.entries[9] = flip(bad.entries[9], 700)
	report := w.audit(bad, shorter(5), w.source("long"), shorter(12))
	w.wants(t, "one bad", report, 9, SignatureBad)
	if report.Head != w.head() || report.Sources[0].Finding == nil {
		t.Fatalf("%+v", report)
	}
	ends := shorter(12)
	ends.entries = ends.entries[:10]
	w.wants(t, "entry missing in what is compared", w.audit(w.source("long"), ends), 10, EntryMissing)
}

// TestAnyRuns: however a ledger is cut into runs, the blocks and the finding
// are the same.
func TestAnyRuns(t *testing.T) {
	w := story(t)
	ledgers := [][][]byte{w.entries[1:]}
	for i := 1; i < len(w.entries); i++ {
		changed := slices.Clone(w.entries[1:])
		changed[i-1] = flip(changed[i-1], 17*8+1+i*37%1200)
		ledgers = append(ledgers, changed, slices.Delete(slices.Clone(w.entries[1:]), i-1, i))
	}
	for n, entries := range ledgers {
		want, wantSize := replayIn(t, w, entries, len(entries))
		for _, length := range []int{1, 2, 3, 5, 8, 1000} {
			got, size := replayIn(t, w, entries, length)
			if got != want {
				t.Fatalf("ledger %d in runs of %d: %q, in one run %q", n, length, got, want)
			}
			if n == 0 && size != wantSize {
				t.Fatalf("runs of %d: %d entries, %d in one run", length, size, wantSize)
			}
		}
	}
}

func replayIn(t *testing.T, w *world, entries [][]byte, length int) (string, uint64) {
	t.Helper()
	state, err := Start(w.file)
	if err != nil {
		t.Fatal(err)
	}
	r := state.Replayer()
	for run := range slices.Chunk(entries, length) {
		block, err := r.Replay(state, r.Verify(raws(run)))
		state.Apply(block)
		if err != nil {
			return err.Error(), state.Head().Size
		}
		if r.Head() != state.Head() || r.TreeHead() != state.TreeHead() {
			t.Fatal("replayer and state disagree")
		}
	}
	block, err := r.Finish(state, w.head())
	state.Apply(block)
	if err != nil {
		if _, again := r.Replay(state, r.Verify(nil)); !errors.Is(again, err) {
			t.Fatal("a replay goes on after its finding")
		}
		return err.Error(), state.Head().Size
	}
	if state.TreeHead() != w.head() || !slices.Equal(saved(t, state), saved(t, w.state)) {
		t.Fatal("another state")
	}
	return "", state.Head().Size
}

// TestOpenings: openings beside an entry come along, and are checked.
func TestOpenings(t *testing.T) {
	w := story(t)
	opening := &custodyv1.Opening{Field: custodyv1.PrivateField_PRIVATE_FIELD_LEGAL_NAME, Salt: append([]byte{1}, make([]byte, 31)...), Value: "asha"}
	run := raws(w.entries[1:3])
	run[0].Openings = []*custodyv1.Opening{opening}
	state, err := Start(w.file)
	if err != nil {
		t.Fatal(err)
	}
	r := state.Replayer()
	block, err := r.Replay(state, r.Verify(run))
	if err != nil || len(block.Entries) != 1 || len(block.Entries[0].Candidate.Openings) != 1 || block.Entries[0].Candidate.Openings[0].Value != "asha" {
		t.Fatalf("%v, %+v", err, block)
	}
	opening.Value = "bram"
	r = state.Replayer()
	_, err = r.Replay(state, r.Verify(run))
	var finding *Finding
	if !errors.As(err, &finding) || finding.Kind != OpeningWrong || finding.Index != 1 {
		t.Fatalf("%v", err)
	}
}

// TestNaiveTwin judges forged and honest ledgers with the simplest code there
// is, one entry at a time, and compares the verdict.
func TestNaiveTwin(t *testing.T) {
	w := story(t)
	for i := range w.entries {
		for _, source := range []*copySource{w.source("whole"), w.forge(t, func(es []*ledger.Entry) []*ledger.Entry {
			if i > 0 && len(es[i].Links) > 0 {
				es[i].Links[0]++
			}
			return es
		}), w.forge(t, func(es []*ledger.Entry) []*ledger.Entry { return slices.Delete(es, i, i+1) })} {
			if want, got := naive(w, source), w.audit(source).OK(); got != want {
				t.Errorf("entry %d: audit says %v, its twin %v: %v", i, got, want, w.audit(source).Findings())
			}
		}
	}
}

// naive holds every link by its own record of who was named where, every
// signature one by one, and the root by the definition of RFC 6962.
func naive(w *world, source *copySource) bool {
	named := map[ledger.ItemID]uint64{}
	changed := map[ledger.PartyID]uint64{}
	votes := naiveVotes{of: map[ledger.EventID]map[ledger.PartyID]bool{}}
	last := map[ledger.ItemID]ledger.EventID{}
	var leaves []merkle.Hash
	time := uint64(0)
	for i, b := range source.entries {
		entry, err := ledger.DecodeEntry(b)
		if err != nil || entry.Index != uint64(i) || entry.RecordedAt < time {
			return false
		}
		time = entry.RecordedAt
		if i > 0 && entry.Prev != leaves[i-1] {
			return false
		}
		leaves = append(leaves, merkle.LeafHash(b))
		if i == 0 {
			if string(entry.Genesis) != string(w.file) {
				return false
			}
			continue
		}
		if entry.Kind == ledger.KindHandover {
			if !votes.handover(w, entry, leaves[:i]) {
				return false
			}
			continue
		}
		event, rejection := ledger.DecodeEvent(1, entry.Signed)
		if rejection != nil || !votes.event(event, uint64(i)) {
			return false
		}
		for s, key := range event.Signers {
			if sign.Verify(key, ledger.SigningBytes(entry.Signed.Event), entry.Signed.Signatures[s]) != nil {
				return false
			}
		}
		for _, item := range event.Outputs() {
			named[item], last[item] = uint64(i), event.ID
		}
		links := event.ItemLinks(entry.Links)
		if len(event.Names()) != len(links) {
			return false
		}
		for n, party := range event.Parties() {
			if entry.Links[n] != changed[party] {
				return false
			}
		}
		switch body := event.Body.(type) {
		case *custodyv1.PartyAdmit:
			changed[event.Subject()] = uint64(i)
		case *custodyv1.PartySponsor:
			changed[ledger.PartyID(body.Party)] = uint64(i)
		case *custodyv1.PartySuspend:
			changed[ledger.PartyID(body.Party)] = uint64(i)
		case *custodyv1.KeyAdd, *custodyv1.KeyRevoke:
			changed[event.Party] = uint64(i)
		}
		for n, item := range event.Names() {
			if at, known := named[item]; !known || at != links[n] {
				return false
			}
			named[item] = uint64(i)
		}
		for _, ref := range event.Items {
			if last[ref.Item] != ref.Prev {
				return false
			}
			last[ref.Item] = event.ID
		}
	}
	// What the twin does not know are the parties: an admission that is left out
	// shows in the signers alone.
	known := map[sign.PublicKey]bool{}
	genesis, err := ledger.DecodeGenesis(w.file)
	if err != nil {
		return false
	}
	for _, a := range genesis.Associations {
		key, err := ledger.ParseKeyText(a.GovernanceKeys[0])
		if err != nil {
			return false
		}
		known[key] = true
	}
	groups := map[ledger.Nonce]uint32{}
	sizes := map[ledger.Nonce]uint32{}
	sponsors := map[string]bool{}
	for _, b := range source.entries[1:] {
		entry, _ := ledger.DecodeEntry(b)
		if entry.Kind == ledger.KindHandover {
			continue
		}
		event, _ := ledger.DecodeEvent(1, entry.Signed)
		if propose, ok := event.Body.(*custodyv1.PolicyPropose); ok && propose.Node != nil {
			for _, key := range event.Signers {
				known[key] = true
			}
		}
		switch event.Body.(type) {
		case *custodyv1.PartyAdmit, *custodyv1.KeyAdd:
			for _, key := range event.Signers {
				known[key] = true
			}
		case *custodyv1.PartySuspend:
			sponsors["suspended"] = true
		}
		if revoke, ok := event.Body.(*custodyv1.KeyRevoke); ok {
			found := false
			for key := range known {
				id := key.ID()
				found = found || string(id[:]) == string(revoke.KeyId)
			}
			if !found {
				return false
			}
		}
		if sponsor, ok := event.Body.(*custodyv1.PartySponsor); ok {
			sponsors[string(sponsor.Party)] = true
		}
		for _, key := range event.Signers {
			if !known[key] {
				return false
			}
		}
		if event.Group != nil {
			if groups[event.Group.ID] != event.Group.Position {
				return false
			}
			groups[event.Group.ID]++
			sizes[event.Group.ID] = event.Group.Count
		}
		if offer, ok := event.Body.(*custodyv1.Offer); ok && sponsors["suspended"] && !sponsors[string(event.Party[:])] && event.Party == partyOf("chen") {
			_ = offer
			return false
		}
	}
	for id, count := range sizes {
		if groups[id] != count {
			return false
		}
	}
	return uint64(len(leaves)) == source.head.Size && naiveRoot(leaves) == source.head.Root
}

// naiveVotes counts the approvals of every proposal; the quorum is 2, then 3.
type naiveVotes struct {
	of      map[ledger.EventID]map[ledger.PartyID]bool
	adopted uint64
	before  bool // a policy was handed over
}

func (v *naiveVotes) event(event *ledger.Event, index uint64) bool {
	var proposal ledger.EventID
	switch body := event.Body.(type) {
	case *custodyv1.PolicyPropose:
		if v.adopted > 0 {
			return false
		}
		proposal = event.ID
		v.of[proposal] = map[ledger.PartyID]bool{}
	case *custodyv1.PolicyApprove:
		proposal = ledger.EventID(body.Proposal)
	default:
		return true
	}
	if v.adopted > 0 || v.of[proposal] == nil || v.of[proposal][event.Party] {
		return false
	}
	v.of[proposal][event.Party] = true
	if !v.before && len(v.of[proposal]) == 2 {
		v.adopted = index
	}
	return true
}

// handover knows that the story has one, by the first policy's keys.
func (v *naiveVotes) handover(w *world, entry *ledger.Entry, leaves []merkle.Hash) bool {
	note, err := checkpoint.ParseNote(entry.Note)
	if err != nil || v.before || v.adopted == 0 || note.Size <= v.adopted || note.Size > uint64(len(leaves)) || naiveRoot(leaves[:note.Size]) != note.Root {
		return false
	}
	v.adopted, v.before, v.of = 0, true, map[ledger.EventID]map[ledger.PartyID]bool{}
	_, err = w.state.genesis.Policy().Checkpoint().Verify(note)
	return err == nil
}

func naiveRoot(leaves []merkle.Hash) merkle.Hash {
	if len(leaves) == 1 {
		return leaves[0]
	}
	half := 1
	for half*2 < len(leaves) {
		half *= 2
	}
	return merkle.NodeHash(naiveRoot(leaves[:half]), naiveRoot(leaves[half:]))
}
