package checkpoint_test

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/sign"
)

const (
	origin = "ledger.example.org/trade"
	at     = 1_800_000_000 // unix seconds
)

// signer is a key with its private half.
type signer struct {
	checkpoint.Key
	private sign.PrivateKey
}

func newSigner(t testing.TB, name string, keyType checkpoint.KeyType, seed uint64) signer {
	t.Helper()
	var bytes [sign.SeedSize]byte
	binary.BigEndian.PutUint64(bytes[:], seed)
	bytes[31] = byte(keyType)
	private, err := sign.NewPrivateKey(bytes[:])
	if err != nil {
		t.Fatal(err)
	}
	key, err := checkpoint.NewKey(name, keyType, private.Public())
	if err != nil {
		t.Fatal(err)
	}
	return signer{key, private}
}

func (s signer) sign(c checkpoint.Checkpoint, at uint64) checkpoint.Signature {
	return s.Key.Sign(s.private, c, at)
}

// world is n nodes with a log key and a cosigner key each.
type world struct {
	logs, cosigners []signer
	policy          *checkpoint.Policy
}

func newWorld(t testing.TB, n, quorum int) *world {
	t.Helper()
	w := &world{policy: &checkpoint.Policy{Quorum: "associations"}}
	group := checkpoint.GroupLine{Name: "associations", Threshold: quorum}
	for i := range n {
		name := fmt.Sprintf("node/n%d", i)
		w.logs = append(w.logs, newSigner(t, origin, checkpoint.LogKey, uint64(i)))
		w.cosigners = append(w.cosigners, newSigner(t, fmt.Sprintf("a%d.example.org/custody-validator", i), checkpoint.CosignerKey, uint64(i)))
		w.policy.Logs = append(w.policy.Logs, checkpoint.LogLine{Key: w.logs[i].Key})
		w.policy.Witnesses = append(w.policy.Witnesses, checkpoint.WitnessLine{Name: name, Key: w.cosigners[i].Key})
		group.Members = append(group.Members, name)
	}
	w.policy.Groups = []checkpoint.GroupLine{group}
	return w
}

// note is signed by the log keys and cosigners of the given nodes.
func (w *world) note(c checkpoint.Checkpoint, nodes ...int) *checkpoint.Note {
	n := &checkpoint.Note{Checkpoint: c}
	for _, i := range nodes {
		n.Add(w.logs[i].sign(c, 0), w.cosigners[i].sign(c, at))
	}
	return n
}

func (w *world) file(t testing.TB) []byte {
	t.Helper()
	file, err := w.policy.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// tree is a log of made-up entries.
type tree struct {
	frontier merkle.Frontier
	levels   [9][]merkle.Hash
	leaves   []merkle.Hash
}

func newTree(size int) *tree {
	t := &tree{}
	for i := range size {
		leaf := merkle.LeafHash(fmt.Appendf(nil, "entry %d", i))
		t.leaves = append(t.leaves, leaf)
		t.frontier.Append(leaf, func(level uint8, _ uint64, h merkle.Hash) { t.levels[level] = append(t.levels[level], h) })
	}
	return t
}

func (t *tree) Hashes(level uint8, from, to uint64) ([]merkle.Hash, error) {
	return t.levels[level][from:to], nil
}

func (t *tree) at(tb testing.TB, size uint64) checkpoint.Checkpoint {
	tb.Helper()
	root, err := merkle.RootAt(t, size)
	if err != nil {
		tb.Fatal(err)
	}
	return checkpoint.Checkpoint{Origin: origin, Size: size, Root: root}
}

func (t *tree) inclusion(tb testing.TB, index, size uint64) []merkle.Hash {
	tb.Helper()
	proof, err := merkle.InclusionProof(t, index, size)
	if err != nil {
		tb.Fatal(err)
	}
	return proof
}
