package audit

import (
	"fmt"
	"slices"
	"testing"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/rules"
)

func TestWholeLedgerHolds(t *testing.T) {
	w := story(t)
	report := w.audit(w.source("one"), w.source("two"), w.source("three"))
	if !report.OK() || report.Head != w.head() {
		t.Fatalf("%+v", report.Findings())
	}
}

// prefixes gives the state in front of every submission, and for every entry
// which of these it belongs to.
func prefixes(w *world) (states []*State, of []int) {
	state, err := Start(w.file)
	if err != nil {
		w.Fatal(err)
	}
	of = []int{0}
	for at := 1; at < len(w.entries); {
		clone := reloaded(w, state)
		states = append(states, clone)
		items := clone.Replayer().Verify(raws(w.entries[at:])).items
		count := 1
		if group := items[0].group(); group != nil {
			count = int(group.Count)
		}
		for range count {
			of = append(of, len(states)-1)
		}
		run := state.Replayer().run(state)
		appended, wrong := run.judge(items[:count])
		if wrong != nil {
			w.Fatal(wrong)
		}
		state.Apply(rules.Block{Entries: appended, Changes: run.sequencer.Changes()})
		at += count
	}
	return states, of
}

func raws(entries [][]byte) []Raw {
	out := make([]Raw, len(entries))
	for i := range entries {
		out[i].Entry = entries[i]
	}
	return out
}

// TestEveryBit flips every bit of every entry up to the first with goods and of
// the last, and every seventh of the others. The finding must name the entry that
// was changed.
func TestEveryBit(t *testing.T) {
	w := story(t)
	states, of := prefixes(w)
	kinds := map[Kind]int{}
	for i := 1; i < len(w.entries); i++ {
		state := states[of[i]]
		from := state.Head().Size
		shared := state.Replayer()
		verified := shared.Verify(raws(w.entries[from:]))
		last := i == len(w.entries)-1 // nothing chains to it: only the root tells
		for bit := range 8 * len(w.entries[i]) {
			if (testing.Short() || raceDetector) && bit%13 != 0 && !last {
				continue
			}
			if w.goodsFrom > 0 && i >= w.goodsFrom && bit%7 != 0 && !last { // larger events, and replays of all that goes before
				continue
			}
			items := slices.Clone(verified.items)
			items[uint64(i)-from] = shared.Verify([]Raw{{Entry: flip(w.entries[i], bit)}}).items[0]
			r := &Replayer{id: w.id, rulesVersion: 1, verifier: shared.verifier, head: state.Head(), frontier: state.edge.tree}
			head := w.head()
			block, err := r.replay(state, &Verified{items}, &head)
			finding, ok := err.(*Finding)
			if !ok {
				t.Fatalf("bit %d of entry %d: not found", bit, i)
			}
			if finding.Index != uint64(i) {
				t.Fatalf("bit %d of entry %d: %v", bit, i, finding)
			}
			if uint64(len(block.Entries)) > uint64(i)-from {
				t.Fatalf("bit %d of entry %d: the changed entry was given out", bit, i)
			}
			kinds[finding.Kind]++
		}
	}
	t.Log(kinds)
	for _, kind := range []Kind{EntryUndecodable, OutOfPlace, ChainBroken, LinkWrong, TimeBackwards, EventInvalid, SignatureBad, RootDiffers} {
		if kinds[kind] == 0 {
			t.Errorf("no flipped bit was found as %s", kind)
		}
	}
}

// TestFieldKinds flips the first bits of each field of an entry in the middle
// and demands the kind by which it is found.
func TestFieldKinds(t *testing.T) {
	w := story(t)
	at := 8 // an offer: links of two parties and an item
	entry, err := ledger.DecodeEntry(w.entries[at])
	if err != nil || len(entry.Links) != 3 {
		t.Fatalf("entry %d: %v, %d links", at, err, len(entry.Links))
	}
	for _, c := range []struct {
		field string
		byte  int
		kind  Kind
	}{
		{"version", 0, EntryUndecodable},
		{"kind", 1, EntryDiffers},
		{"index", 9, OutOfPlace},
		{"recorded time", 17, ChainBroken},
		{"prev", 18, ChainBroken},
		{"link count", 51, EntryUndecodable},
		{"link of the acting party", 59, LinkWrong},
		{"link of the other party", 67, LinkWrong},
		{"link of the item", 75, LinkWrong},
		{"signature length", 78, EntryUndecodable},
		{"signature", 79, SignatureBad},
		{"event", 79 + 64 + 4, EventInvalid},
		{"ledger id", 79 + 64 + 4 + 2 + 5, SignatureBad},
	} {
		source := w.source("copy")
		source.entries[at] = flip(source.entries[at], 8*c.byte)
		w.wants(t, c.field, w.audit(source), uint64(at), c.kind)
		w.wants(t, c.field+" beside an intact source", w.audit(w.source("intact"), source), uint64(at), "")
		w.wants(t, c.field+" in front of an intact source", w.audit(source, w.source("intact")), uint64(at), c.kind)
	}
}

func (w *world) wants(t *testing.T, what string, report *Report, index uint64, kind Kind) {
	t.Helper()
	findings := report.Findings()
	if len(findings) != 1 {
		t.Errorf("%s: findings %v", what, findings)
		return
	}
	if f := findings[0]; f.Index != index || kind != "" && f.Kind != kind {
		t.Errorf("%s: expected %s at %d, found %v", what, kind, index, f)
	}
}

func TestDroppedSwappedAndRepeated(t *testing.T) {
	w := story(t)
	n := len(w.entries)
	for i := 0; i < n; i++ {
		dropped := w.source("copy")
		dropped.entries = slices.Delete(dropped.entries, i, i+1)
		if i == 0 {
			w.wants(t, "entry 0 dropped", w.audit(dropped), 0, GenesisDiffers)
			continue
		}
		w.wants(t, fmt.Sprintf("entry %d dropped", i), w.audit(dropped), uint64(i), EntryMissing)

		twice := w.source("copy")
		twice.entries = slices.Insert(twice.entries, i, twice.entries[i])
		if i < n-1 {
			w.wants(t, fmt.Sprintf("entry %d twice", i), w.audit(twice), uint64(i+1), OutOfPlace)
		}
		for k := i + 1; k < n; k++ {
			swapped := w.source("copy")
			swapped.entries[i], swapped.entries[k] = swapped.entries[k], swapped.entries[i]
			w.wants(t, fmt.Sprintf("entries %d and %d swapped", i, k), w.audit(swapped), uint64(i), OutOfPlace)
		}
	}
}

func TestForgedHeads(t *testing.T) {
	w := story(t)
	n := uint64(len(w.entries))
	for bit := range 256 {
		forged := w.source("copy")
		forged.head.Root[bit/8] ^= 1 << (bit % 8)
		w.wants(t, "root", w.audit(forged), n-1, RootDiffers)
		w.wants(t, "root beside an intact source", w.audit(w.source("intact"), forged), n-1, RootDiffers)
	}
	longer := w.source("copy")
	longer.head.Size++
	w.wants(t, "size one more", w.audit(longer), n, EntryMissing)
	for size := uint64(1); size < n; size++ {
		shorter := w.source("copy")
		shorter.head.Size = size
		report := w.audit(shorter)
		if fs := report.Findings(); len(fs) != 1 || fs[0].Index != size-1 || fs[0].Kind != RootDiffers && fs[0].Kind != GroupBroken {
			t.Errorf("head of size %d with the root of %d: %v", size, n, fs)
		}
		shorter.head.Root = rootOf(w.entries[:size])
		if report := w.audit(shorter); !report.OK() && report.Findings()[0].Kind != GroupBroken {
			t.Errorf("an earlier head of size %d: %v", size, report.Findings())
		}
	}
	empty := w.source("copy")
	empty.head = TreeHead{}
	w.wants(t, "size 0", w.audit(empty), 0, SizeShrunk)
}

func TestAnotherGenesis(t *testing.T) {
	w := story(t)
	for bit := range 8 * len(w.entries[0]) {
		if bit%7 != 0 && bit > 800 {
			continue
		}
		source := w.source("copy")
		source.entries[0] = flip(source.entries[0], bit)
		w.wants(t, fmt.Sprintf("bit %d", bit), w.audit(source), 0, GenesisDiffers)
	}
}
