package cosign

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/sign"
	"github.com/custodyledger/custodyledger/ledger/store"
	"github.com/custodyledger/custodyledger/ledger/store/storetest"
)

// stored is a testNode over a real store on a disk that can lose power.
type stored struct {
	*testNode
	store *store.Store
}

func (s stored) Head() (uint64, merkle.Hash)    { return s.store.Head() }
func (s stored) Policy() (ledger.Policy, error) { return s.store.Policy(), nil }
func (s stored) SignHead(size uint64, root merkle.Hash, now uint64) (uint64, error) {
	return s.store.SignHead(size, root, now)
}

func (s stored) SignedHead() (store.SignedHead, bool) { return s.store.SignedHead() }

func (s stored) RootAt(size uint64) (merkle.Hash, error) {
	snapshot := s.store.Snapshot()
	defer snapshot.Close()
	return merkle.RootAt(snapshot, size)
}

// TestAPowerCutNeverMakesTwoRootsOfOneSize cuts the power at moments around each
// signature. What was signed by then binds the node that comes up: it has the
// head, knows that it signed it, and signs no smaller one and no other root, also
// when raft then gives it another history than it had before.
func TestAPowerCutNeverMakesTwoRootsOfOneSize(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 30 {
		trade := storetest.NewTrade(storetest.Pseudorandom(random.Uint64()))
		disk := storetest.NewCrashable()
		options := disk.Options()
		must(t, store.Create("ledger", trade.File, options))
		ledgers, err := store.Open("ledger", options)
		must(t, err)
		signer := newStored(t, trade, ledgers)
		position := ledger.Position{Cluster: [32]byte{1}, Term: 1}
		var signed []checkpoint.Checkpoint
		cuts := 1 + random.IntN(12)
		for range cuts {
			position.Index++
			submission := trade.Next()
			trade.Twin.Apply(trade.Now, submission)
			_, err := ledgers.Apply(position, []store.Batch{{At: trade.Now, Submissions: []ledger.Submission{submission}}})
			must(t, err)
			if random.IntN(2) == 0 {
				continue
			}
			size, root := ledgers.Head()
			if _, err := signer.cosigner.sign(size, root); err == nil {
				signed = append(signed, checkpoint.Checkpoint{Origin: trade.Genesis.Name, Size: size, Root: root})
			}
		}
		crashed := disk.CrashPartly(random.IntN(101), random)
		must(t, signer.cosigner.Close())
		must(t, ledgers.Close())

		again, err := store.Open("ledger", crashed.Options())
		must(t, err)
		reborn := newStored(t, trade, again)
		if len(signed) > 0 {
			last := signed[len(signed)-1]
			head, ok := reborn.SignedHead()
			if !ok || head.Size != last.Size || head.Root != last.Root {
				t.Fatalf("signed %s, after the power cut it knows of %+v", last, head)
			}
			if head, _ := reborn.Head(); head < last.Size {
				t.Fatalf("signed %s, after the power cut it has %d entries", last, head)
			}
		}
		// Another history from here on: other times make other entries.
		position = again.Position()
		position.Cluster, position.Index = [32]byte{1}, position.Index+1
		for range 3 {
			size, root := reborn.Head()
			_, err := reborn.cosigner.sign(size, root)
			for _, before := range signed {
				if err == nil && (size < before.Size || size == before.Size && root != before.Root) {
					t.Fatalf("signed %s, and size %d with root %s after a power cut", before, size, root)
				}
			}
			submission := storetest.NewTrade(storetest.Pseudorandom(7)).Next()
			_, applyErr := again.Apply(position, []store.Batch{{At: trade.Now + 99_999, Submissions: []ledger.Submission{submission}}})
			if applyErr != nil && !errors.Is(applyErr, store.ErrApplied) {
				must(t, applyErr)
			}
			position.Index++
		}
		if len(signed) > 0 {
			last := signed[len(signed)-1]
			other := last.Root
			other[0] ^= 1
			if _, err := reborn.cosigner.sign(last.Size, other); err == nil {
				t.Fatalf("signed %s, and another root for that size after a power cut", last)
			}
			if _, err := reborn.cosigner.sign(last.Size-1, rootOf(t, reborn, last.Size-1)); err == nil && last.Size > 1 {
				t.Fatalf("signed %s, and a smaller head after a power cut", last)
			}
		}
		must(t, reborn.cosigner.Close())
		must(t, again.Close())
	}
}

// A clock that is set back over a restart does not make an honest node look as
// if it had gone back, although nobody is there to tell it what it signed.
func TestTheTimeOfACosignatureOutlivesARestart(t *testing.T) {
	trade := storetest.NewTrade(storetest.Pseudorandom(11))
	disk := storetest.NewCrashable()
	must(t, store.Create("ledger", trade.File, disk.Options()))
	ledgers, err := store.Open("ledger", disk.Options())
	must(t, err)
	now := time.Unix(1_900_000_000, 0)
	sign := func(s stored) uint64 {
		t.Helper()
		s.cosigner.clock = func() time.Time { return now }
		size, root := s.Head()
		_, err := s.cosigner.sign(size, root)
		must(t, err)
		keys, err := s.cosigner.signer()
		must(t, err)
		at, err := keys.policy.CosignerKey(keys.node).Verify(s.cosigner.notes.ownNote())
		must(t, err)
		return at
	}
	n := newStored(t, trade, ledgers)
	first := sign(n)
	if first != uint64(now.Unix()) {
		t.Fatalf("dated %d at %d", first, now.Unix())
	}
	crashed := disk.Crash()
	must(t, n.cosigner.Close())
	must(t, ledgers.Close())
	now = now.Add(-24 * time.Hour)
	again, err := store.Open("ledger", crashed.Options())
	must(t, err)
	defer again.Close()
	_, err = again.Apply(ledger.Position{Cluster: [32]byte{1}, Index: 1, Term: 1}, nil)
	must(t, err)
	_, err = again.Apply(ledger.Position{Cluster: [32]byte{1}, Index: 2, Term: 1}, []store.Batch{{At: trade.Now, Submissions: []ledger.Submission{trade.Next()}}})
	must(t, err)
	n = newStored(t, trade, again)
	defer n.cosigner.Close()
	if at := sign(n); at < first {
		t.Errorf("the larger head is dated %d, the smaller one %d", at, first)
	}
}

func rootOf(t testing.TB, s stored, size uint64) merkle.Hash {
	t.Helper()
	if size == 0 {
		return merkle.Hash{}
	}
	root, err := s.RootAt(size)
	must(t, err)
	return root
}

// newStored makes a signer over a store, which nobody else knows anything about.
func newStored(t testing.TB, trade *storetest.Trade, over *store.Store) stored {
	t.Helper()
	genesis := *trade.Genesis
	genesis.Nodes = genesis.Nodes[:1] // nobody to ask what it once signed
	s := stored{&testNode{id: genesis.Nodes[0].ID}, over}
	keys := trade.Nodes[0]
	cosigner, err := New(Config{
		Node: s.id, LedgerID: ledger.GenesisID(trade.File), Genesis: &genesis, GenesisFile: trade.File, Ledger: s,
		Keys: Keys{Log: []sign.PrivateKey{keys.Log}, Cosigner: []sign.PrivateKey{keys.Cosigner}, Statement: []sign.PrivateKey{keys.Statement}},
	})
	must(t, err)
	s.cosigner = cosigner
	return s
}
