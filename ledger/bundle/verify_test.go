package bundle_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/bundle"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

const (
	sale = custodyv1.Mode_MODE_SALE
	memo = custodyv1.Mode_MODE_MEMO
)

// sold is a world in which one stone went from asha to bram to chen, beside
// other trade.
func sold(t testing.TB) (*world, ledger.ItemID) {
	w := newWorld(t)
	w.admit("north.example.org", "asha")
	w.admit("south.example.org", "bram")
	w.admit("west.example.org", "dara")
	item := w.register("asha")
	other := w.register("asha")
	w.pass(other, "asha", "dara", sale)
	w.pass(item, "asha", "bram", sale)
	w.skip(5)
	w.admit("west.example.org", "chen")
	w.pass(item, "bram", "chen", memo)
	w.skip(2)
	return w, item
}

func TestBundleVerifies(t *testing.T) {
	w, item := sold(t)
	file := w.encode(w.bundle(associations[:2], item))
	again, err := bundle.Parse(file)
	if err != nil || !bytes.Equal(w.encode(again), file) {
		t.Fatalf("written again it is another file: %v", err)
	}
	policy, err := bundle.TrustPolicyFile(policyFile(t, w.genesis.Policy()))
	if err != nil {
		t.Fatal(err)
	}
	for _, trust := range []bundle.Trust{w.trust(), policy} {
		r, err := bundle.Verify(file, trust)
		if err != nil {
			t.Fatal(err)
		}
		if r.Checkpoint.Size != w.head.Size || r.Ledger != w.id || len(r.Cosigned) != 3 || r.Cosigned[1].Association != associations[1] {
			t.Errorf("%+v", r)
		}
		got := r.Items[0]
		if len(r.Items) != 1 || got.ID != item || len(got.Events) != 5 || got.Events[0].RecordedAt == 0 || got.Registration.Mass.Micrograms != 200_000 {
			t.Errorf("%+v", got)
		}
		if !got.Custody.Is(partyOf("chen")) || !got.Owner().Is(partyOf("bram")) || len(got.Terms) != 1 || got.Terms[0].Until == 0 {
			t.Errorf("custody %v title %v", got.Custody, got.Title)
		}
		if got.Stated == nil || strings.Join(got.StatedBy, " ") != "north.example.org south.example.org" {
			t.Errorf("stated %v by %v", got.Stated, got.StatedBy)
		}
	}
	if bytes.Contains(file, partyBytes("dara")) {
		t.Error("the bundle names a party that only had to do with another item")
	}
}

func partyBytes(name string) []byte { id := partyOf(name); return id[:] }

// TestNothingOfOtherItems: of every entry in the bundle, every item named is a
// subject, and every party acted or is named on the way.
func TestNothingOfOtherItems(t *testing.T) {
	w, item := sold(t)
	parsed, err := bundle.Parse(w.encode(w.bundle(nil, item)))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range parsed.Entries[1:] {
		entry, err := ledger.DecodeEntry(e.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		event := w.decode(entry.Signed)
		for _, id := range event.Touches() {
			if id != item {
				t.Errorf("entry %d stands in the history of item %s", entry.Index, id)
			}
		}
	}
}

func TestShipment(t *testing.T) {
	w, item := sold(t)
	second := w.register("bram")
	third := w.register("bram")
	w.do("bram", &custodyv1.Release{Item: w.ref(third), Reason: custodyv1.OutsideReason_OUTSIDE_REASON_SOLD, Country: "US"})
	r, err := bundle.Verify(w.encode(w.bundle(associations, third, item, second, item)), w.trust())
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Items) != 3 {
		t.Fatalf("%d items", len(r.Items))
	}
	for _, i := range r.Items {
		if i.ID == third && (i.Custody.Outside == nil || i.Stated.Custody.Outside.Country != "US") {
			t.Errorf("%+v", i)
		}
	}
}

// TestPolicyChanged verifies a bundle after two changes of policy with what was
// trusted before each.
func TestPolicyChanged(t *testing.T) {
	w, item, policies := handedOver(t)
	file := w.encode(w.bundle(associations, item))
	if r, err := bundle.Verify(file, w.trust()); err != nil || len(r.Handovers) != 2 || r.Trusted != 2 {
		t.Fatalf("with the genesis: %v, %+v", err, r)
	}
	for i, policy := range policies {
		trust, err := bundle.TrustPolicyFile(policyFile(t, policy))
		if err != nil {
			t.Fatal(err)
		}
		r, err := bundle.Verify(file, trust)
		if err != nil {
			t.Fatalf("with policy %d: %v", i, err)
		}
		if r.Policy.ID() != policies[2].ID() || r.Trusted > 2-i {
			t.Errorf("with policy %d: policy in force %s, over %d handovers", i, r.Policy.ID(), r.Trusted)
		}
	}
}

// handedOver is sold, with the policy changed twice: new keys for two nodes of
// three, one after the other. It gives the policies in order.
func handedOver(t testing.TB) (*world, ledger.ItemID, []ledger.Policy) {
	w, item := sold(t)
	policies := []ledger.Policy{w.state.Policy().InForce}
	w.adopt(2, associations[0], "2")
	w.handOver(associations[0], "2")
	policies = append(policies, w.state.Policy().InForce)
	w.adopt(2, associations[1], "3")
	w.do(associations[2], &custodyv1.PartySponsor{Party: partyBytes("bram")})
	w.handOver(associations[1], "3")
	policies = append(policies, w.state.Policy().InForce)
	// A proposal that nobody approved yet is in no bundle.
	base := policies[2].ID()
	w.do(associations[2], &custodyv1.PolicyPropose{Base: base[:], Quorum: 3})
	w.pass(item, "chen", "bram", custodyv1.Mode_MODE_RETURN)
	return w, item, policies
}

// TestEveryBitCounts flips every bit of two small bundles.
func TestEveryBitCounts(t *testing.T) {
	w := newWorld(t)
	w.admit("north.example.org", "asha")
	item := w.register("asha")
	everyBit(t, w, w.encode(w.bundleUnder(w.note(w.head.Size, associations[:2]...), associations[:2], item)))
	w.adopt(3, "", "")
	w.handOver("", "")
	everyBit(t, w, w.encode(w.bundle(associations, item)))
}

func everyBit(t *testing.T, w *world, file []byte) {
	trust := w.trust()
	if _, err := bundle.Verify(file, trust); err != nil {
		t.Fatal(err)
	}
	step := 1
	if testing.Short() || underRace {
		step = 61
	}
	var next atomic.Int64
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			changed := bytes.Clone(file)
			for {
				bit := int(next.Add(int64(step))) - step
				if bit >= 8*len(file) {
					return
				}
				changed[bit/8] ^= 1 << (bit % 8)
				_, err := bundle.Verify(changed, trust)
				changed[bit/8] ^= 1 << (bit % 8)
				var refused *bundle.Error
				if !errors.As(err, &refused) || refused.Where == "" || refused.What == "" {
					t.Errorf("bit %d of byte %d: %v", bit%8, bit/8, err)
				}
			}
		})
	}
	group.Wait()
	t.Logf("%d bytes", len(file))
}

// TestSizeAtTenMillion holds the promise of 64 KiB for a stone with 20 events.
func TestSizeAtTenMillion(t *testing.T) {
	w := newWorld(t)
	dealers := []string{"asha", "bram", "chen", "dara", "eli", "fay", "gur", "hana", "ivo", "jun", "kai"}
	for i, d := range dealers {
		w.admit(associations[i%3], d)
		w.skip(1000)
	}
	w.skip(1_000_000)
	item := w.register("asha")
	for i := range 10 {
		w.skip(800_000)
		if i == 9 {
			w.skip(10_000_000 - w.head.Size)
		}
		w.pass(item, dealers[i], dealers[i+1], sale)
	}
	file := w.encode(w.bundle(associations, item))
	r, err := bundle.Verify(file, w.trust())
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := bundle.Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(parsed.Entries[1].Proof); got != 24 || len(r.Items[0].Events) != 21 {
		t.Fatalf("proofs of %d hashes, %d events", got, len(r.Items[0].Events))
	}
	t.Logf("%d entries, %d bytes", len(parsed.Entries), len(file))
	if len(file) > 64<<10 {
		t.Errorf("%d bytes, at most %d", len(file), 64<<10)
	}
}

func TestPolicyFileWithoutLog(t *testing.T) {
	if _, err := bundle.TrustPolicyFile([]byte("quorum none\n")); err == nil {
		t.Error("trusted")
	}
	if _, err := bundle.TrustPolicy(&checkpoint.Policy{Quorum: checkpoint.QuorumNone}); err == nil {
		t.Error("trusted")
	}
}

func FuzzParse(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, file []byte) {
		b, err := bundle.Parse(file)
		if err != nil {
			var refused *bundle.Error
			if !errors.As(err, &refused) {
				t.Fatalf("%T %v", err, err)
			}
			return
		}
		if again, err := b.Encode(); err != nil || !bytes.Equal(again, file) {
			t.Fatalf("written again it is another file: %v", err)
		}
	})
}

func FuzzVerify(f *testing.F) {
	trust := seeds(f).trust()
	f.Fuzz(func(t *testing.T, file []byte) {
		_, err := bundle.Verify(file, trust)
		var refused *bundle.Error
		if err != nil && !errors.As(err, &refused) {
			t.Fatalf("%T %v", err, err)
		}
	})
}

func seeds(f *testing.F) *world {
	w, item := sold(f)
	f.Add(w.encode(w.bundle(nil, item)))
	f.Add(w.encode(w.bundle(associations, item)))
	w, item, _ = handedOver(f)
	f.Add(w.encode(w.bundle(associations, item)))
	return w
}

// TestPolicyAlone: a bundle of no items leads from the genesis, or from any policy in
// between, to the policy in force, and says which one judges what size.
func TestPolicyAlone(t *testing.T) {
	w, _, policies := handedOver(t)
	file := w.encode(w.bundle(nil))
	trusts := []bundle.Trust{w.trust()}
	for _, policy := range policies {
		trust, err := bundle.TrustPolicyFile(policyFile(t, policy))
		if err != nil {
			t.Fatal(err)
		}
		trusts = append(trusts, trust)
	}
	for i, trust := range trusts {
		r, err := bundle.Verify(file, trust)
		if err != nil {
			t.Fatalf("trust %d: %v", i, err)
		}
		if len(r.Items) != 0 || len(r.Applied) != 0 || r.OfFile || len(r.Policies) != 3 || r.Policy.ID() != policies[2].ID() {
			t.Fatalf("trust %d: %+v", i, r)
		}
		for n, p := range r.Policies {
			if p.ID() != policies[n].ID() || n > 0 && p.Since != r.Handovers[n-1] {
				t.Errorf("trust %d: policy %d is %s since %d", i, n, p.ID(), p.Since)
			}
			until := r.Checkpoint.Size + 9
			if n < 2 {
				until = r.Handovers[n]
			}
			if r.For(p.Since+1).ID() != p.ID() || r.For(until).ID() != p.ID() {
				t.Errorf("policy %d does not judge sizes %d to %d", n, p.Since+1, until)
			}
		}
	}
	b, err := bundle.Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	b.Entries = slices.Delete(b.Entries, 1, 2)
	if _, err := bundle.Verify(w.encode(b), w.trust()); err == nil {
		t.Error("without its first proposal it verifies")
	}
}
