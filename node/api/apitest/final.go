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
	policy := w.Backend.Store.Policy()
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

// Finalize makes the ledger final as it is, by all nodes or those named, and
// gives the note.
func (w *World) Finalize(nodes ...int) []byte {
	w.TB.Helper()
	size, root := w.Backend.Store.Head()
	note := w.Note(size, root, nodes...)
	if err := w.Backend.ApplyFinal(note); err != nil {
		w.TB.Fatal(err)
	}
	return note
}

// Rekey gives a node new keys: its association proposes them, the next one
// approves, and the final checkpoint over both hands over.
func (w *World) Rekey(node int) {
	w.TB.Helper()
	keys := NodeKeys{Log: w.Key(), Cosigner: w.Key(), Statement: w.Key()}
	base := w.Backend.Store.Policy().ID()
	proposal := w.governed(node, &custodyv1.Event{Body: &custodyv1.Event_PolicyPropose{PolicyPropose: &custodyv1.PolicyPropose{
		Base: base[:], Quorum: w.Backend.Store.Policy().Quorum,
		Node: &custodyv1.NodeKeys{
			NodeId: w.Genesis.Nodes[node].ID, LogKey: keys.Log.Public().Bytes(),
			CosignerKey: keys.Cosigner.Public().Bytes(), StatementKey: keys.Statement.Public().Bytes(),
		},
	}}}, keys.Log, keys.Cosigner, keys.Statement)
	w.Record(proposal)
	id := proposal.ID()
	w.Record(w.governed((node+1)%len(w.Nodes), &custodyv1.Event{Body: &custodyv1.Event_PolicyApprove{PolicyApprove: &custodyv1.PolicyApprove{Proposal: id[:]}}}))
	w.Finalize()
	if w.Backend.Store.Policy().ID() == base {
		w.TB.Fatal("the policy was not handed over")
	}
	w.Nodes[node] = keys
}

// governed signs an event of an association with its governance key and others.
func (w *World) governed(association int, event *custodyv1.Event, others ...sign.PrivateKey) ledger.SignedEvent {
	w.TB.Helper()
	party, now := w.Genesis.Associations[association].AssociationID(), w.Backend.Time()
	event.LedgerId, event.Party, event.Nonce = w.Ledger[:], party[:], make([]byte, 16)
	event.OccurredAtMs, event.NotAfterMs = now, now+uint64(ledger.NotAfterDefault.Milliseconds())
	keys := append([]sign.PrivateKey{w.Governance[association]}, others...)
	var public []sign.PublicKey
	for _, key := range keys {
		public = append(public, key.Public())
	}
	draft, err := ledger.NewDraft(event, public...)
	if err != nil {
		w.TB.Fatal(err)
	}
	for _, key := range keys {
		if err := draft.Sign(key); err != nil {
			w.TB.Fatal(err)
		}
	}
	return w.Signed(draft.Signed())
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

// Final gives the last final checkpoint.
func (b *Backend) Final() (store.Final, bool) { return b.Store.Final() }

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
