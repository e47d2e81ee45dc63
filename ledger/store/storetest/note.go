package storetest

import (
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/sign"
)

// NodeKeys are the keys that a node signs with.
type NodeKeys struct{ Log, Cosigner, Statement sign.PrivateKey }

// Sign makes the lines that a node of a policy puts under a head, at a time in
// unix seconds.
func (k NodeKeys) Sign(policy ledger.Policy, node string, c checkpoint.Checkpoint, at uint64) []checkpoint.Signature {
	n, ok := policy.Node(node)
	if !ok {
		panic("storetest: no such node")
	}
	return []checkpoint.Signature{policy.LogKey(n).Sign(k.Log, c, 0), policy.CosignerKey(n).Sign(k.Cosigner, c, at)}
}

// Note gives a signed note of a head by nodes of the genesis, all if none are
// named.
func (t *Trade) Note(size uint64, root merkle.Hash, nodes ...int) []byte {
	if len(nodes) == 0 {
		for i := range t.Nodes {
			nodes = append(nodes, i)
		}
	}
	note := &checkpoint.Note{Checkpoint: checkpoint.Checkpoint{Origin: t.Genesis.Name, Size: size, Root: root}}
	for _, i := range nodes {
		lines := t.Nodes[i].Sign(t.Genesis.Policy(), t.Genesis.Nodes[i].ID, note.Checkpoint, t.Now/1000)
		note.Signatures = append(note.Signatures, lines...)
	}
	return note.Encode()
}

// FinalNote gives a note of the twin's first size entries that is final under the
// policy for that size.
func (t *Trade) FinalNote(size uint64) []byte {
	policy := t.Twin.Governs.For(size)
	note := &checkpoint.Note{Checkpoint: checkpoint.Checkpoint{Origin: policy.Origin, Size: size, Root: t.Twin.RootAt(size)}}
	for _, n := range policy.Nodes {
		keys := NodeKeys{Log: t.private[n.Log], Cosigner: t.private[n.Cosigner]}
		note.Signatures = append(note.Signatures, keys.Sign(policy, n.ID, note.Checkpoint, t.Now/1000)...)
	}
	return note.Encode()
}
