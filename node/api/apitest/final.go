package apitest

import (
	"context"
	"time"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/sign"
	"github.com/custodyledger/custodyledger/ledger/store"
	"github.com/custodyledger/custodyledger/node/api"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// NodeKeys are what one node signs with.
type NodeKeys struct{ Log, Cosigner, Statement sign.PrivateKey }

// Note signs a head with the log and cosigner keys of the nodes at some
// positions of the genesis; of all if none is named.
func (w *World) Note(size uint64, root merkle.Hash, nodes ...int) []byte {
	policy := w.Genesis.Policy()
	if len(nodes) == 0 {
		for i := range policy.Nodes {
			nodes = append(nodes, i)
		}
	}
	note := &checkpoint.Note{Checkpoint: checkpoint.Checkpoint{Origin: w.Genesis.Name, Size: size, Root: root}}
	for _, i := range nodes {
		n := policy.Nodes[i]
		note.Signatures = append(note.Signatures,
			policy.LogKey(n).Sign(w.Nodes[i].Log, note.Checkpoint, 0),
			policy.CosignerKey(n).Sign(w.Nodes[i].Cosigner, note.Checkpoint, Start/1000))
	}
	return note.Encode()
}

// Finalize makes the ledger final as it is, and gives the note.
func (w *World) Finalize() []byte {
	w.TB.Helper()
	size, root := w.Backend.Store.Head()
	note := w.Note(size, root)
	if err := w.Backend.ApplyFinal(note); err != nil {
		w.TB.Fatal(err)
	}
	return note
}

// ApplyFinal makes a note the last final one.
func (b *Backend) ApplyFinal(note []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.position.Index++
	outcome, err := b.Store.ApplyFinal(b.position, b.now, note)
	b.changed()
	if err == nil {
		err = outcome.Refused
	}
	return err
}

// WaitFinal waits for a final size.
func (b *Backend) WaitFinal(ctx context.Context, size uint64) (final store.Final, err error) {
	err = b.wait(ctx, func() (ok bool) {
		final, ok = b.Store.Final()
		return ok && final.Size >= size
	})
	return final, err
}

// Voice is what one node of the world says in its own name.
type Voice struct {
	World *World
	Node  int // position in the genesis
	Said  []string
}

// OwnNote signs the head as it is.
func (v Voice) OwnNote() []byte {
	size, root := v.World.Backend.Store.Head()
	return v.World.Note(size, root, v.Node)
}

// Alarms gives Said.
func (v Voice) Alarms() []string { return v.Said }

// Promise signs that an event came at the ledger's time.
func (v Voice) Promise(event ledger.EventID) *custodyv1.Promise {
	now := v.World.Backend.Time()
	payload := ledger.Promise{
		Ledger: v.World.Ledger, Event: event, Node: v.World.Genesis.Nodes[v.Node].ID,
		ReceivedAt: now, Deadline: now + uint64(time.Minute.Milliseconds()),
	}.Payload()
	signature := v.World.Nodes[v.Node].Statement.Sign(sign.PAE(sign.PromisePayloadType, payload))
	return &custodyv1.Promise{Payload: payload, Signature: signature[:]}
}

var (
	_ api.Finality = (*Backend)(nil)
	_ api.Voice    = Voice{}
)
