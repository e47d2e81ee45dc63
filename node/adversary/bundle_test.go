package adversary

import (
	"context"
	"slices"
	"testing"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/bundle"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// bundleOf fetches the bundle of an item from a node, as anybody would hand it on.
func (n *network) bundleOf(m *member, item ledger.ItemID) []byte {
	n.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	stream, err := custodyv1.NewLedgerServiceClient(m.conn).GetBundle(ctx, &custodyv1.GetBundleRequest{Items: [][]byte{item[:]}})
	n.must(err)
	var file []byte
	for {
		chunk, err := stream.Recv()
		if err != nil && len(file) > 0 {
			return file
		}
		n.must(err)
		file = append(file, chunk.Chunk...)
	}
}

// A seller's bundle that leaves the later sale out: made of the bundle from after the sale, it does not verify, because
// the statements name the entry that is missing. Made of the one from before, it verifies, and says to which size and
// time; it proves nothing about what came later, and whoever asks for the item's state now sees the sale.
func TestBundleWithoutLaterSale(t *testing.T) {
	t.Parallel()
	n, trader := trading(t, 0)
	trust, err := bundle.TrustGenesis(n.file)
	n.must(err)
	item := trader.goods.Item
	before := n.bundleOf(n.members[0], item)
	held, err := bundle.Verify(before, trust)
	n.must(err)
	seller := trader.a.Party()
	if got := held.Items[0].Custody; !got.Is(seller) {
		t.Fatalf("the bundle before the sale says %v has the stone, not %v", got, seller)
	}

	sold := trader.sale()
	n.final(sold.Index + 1)
	after := n.bundleOf(n.members[0], item)
	now, err := bundle.Verify(after, trust)
	n.must(err)
	if now.Items[0].Custody.Is(seller) || now.Checkpoint.Size <= held.Checkpoint.Size {
		t.Fatalf("the bundle after the sale says %+v at %v", now.Items[0].Custody, now.Checkpoint)
	}

	parsed, err := bundle.Parse(after)
	n.must(err)
	for _, statements := range []bool{true, false} {
		cut := *parsed
		cut.Entries = slices.DeleteFunc(slices.Clone(parsed.Entries), func(e bundle.Entry) bool {
			entry, err := ledger.DecodeEntry(e.Bytes)
			n.must(err)
			return entry.Index == sold.Index || entry.Index == sold.Index-1 // offer and receipt
		})
		if !statements {
			cut.Statements = nil
		}
		file, err := cut.Encode()
		n.must(err)
		report, err := bundle.Verify(file, trust)
		switch {
		case statements && err == nil:
			t.Error("a bundle without the sale that its own statements name verifies")
		case !statements && err == nil && report.Items[0].Stated != nil:
			t.Error("a bundle without statements says that nothing followed")
		}
	}
	// Statements from before the sale fit no note from after it.
	old, err := bundle.Parse(before)
	n.must(err)
	mixed := *parsed
	mixed.Statements = old.Statements
	file, err := mixed.Encode()
	n.must(err)
	if _, err := bundle.Verify(file, trust); err == nil {
		t.Error("a bundle with statements of another size verifies")
	}
}
