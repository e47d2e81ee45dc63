package api

import (
	"context"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/store"
	"github.com/custodyledger/custodyledger/node/client"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Finality tells when a checkpoint becomes final; *replica.Replica is one.
type Finality interface {
	// WaitFinal returns when this node has a final checkpoint of at least size,
	// and gives the last one.
	WaitFinal(ctx context.Context, size uint64) (store.Final, error)
	// Final gives the last final checkpoint of this node; ok is false before the
	// first.
	Final() (final store.Final, ok bool)
}

// Voice is what a node says in its own name.
type Voice interface {
	// OwnNote gives the last head that the node signed, a signed note; nil before
	// the first.
	OwnNote() []byte
	// Alarms are what the node holds against others or the cluster; a sentence each.
	Alarms() []string
	// Promise signs that an event, whose signatures hold, has reached this node
	// now and is recorded or refused by a deadline. nil: the node does not sign.
	Promise(event ledger.EventID) *custodyv1.Promise
}

// answerMargin is how long before its deadline a call that waits is answered
// with what there is, so that the answer arrives.
func answerMargin(remaining time.Duration) time.Duration {
	return min(remaining/8, 250*time.Millisecond)
}

// ahead gives a context that ends in time to answer before the caller gives up.
func ahead(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, has := ctx.Deadline()
	if !has {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline.Add(-answerMargin(time.Until(deadline))))
}

// proofs waits until recorded events are final and proves each. It gives none if
// the time of the call ends first, or the node stops: the events are recorded
// all the same, and GetReceipt proves them later.
func (s *ledgerService) proofs(ctx context.Context, receipts []*custodyv1.Receipt) []string {
	size := uint64(0)
	for _, r := range receipts {
		size = max(size, r.Index+1)
	}
	ctx, cancel := ahead(ctx)
	defer cancel()
	defer context.AfterFunc(s.guard.stop, cancel)()
	if s.config.Finality == nil {
		return nil
	}
	if _, err := s.config.Finality.WaitFinal(ctx, size); err != nil {
		return nil
	}
	var proofs []string
	snapshot, err := reader{s.backend}.sound(s.backend.Read(ctx, stale))
	if err == nil {
		err = closing(snapshot, func() (err error) {
			proofs, err = receiptProofs(snapshot, receipts)
			return err
		})
	}
	if err != nil {
		s.config.Logger.Error("events are recorded and final, and cannot be proven", "error", err)
		return nil
	}
	return proofs
}

// receiptProofs proves events of the ledger under its last final checkpoint;
// none if one of them is not under it, or if all proofs together would be longer
// than an answer may be.
func receiptProofs(snapshot *store.Snapshot, receipts []*custodyv1.Receipt) ([]string, error) {
	final, ok := snapshot.Final()
	if !ok {
		return nil, snapshot.Err()
	}
	bytes, proofs := 0, make([]string, 0, len(receipts))
	for _, r := range receipts {
		if r.Index >= final.Size {
			return nil, nil
		}
		proof, err := receiptProof(snapshot, final, r.Index)
		if err != nil {
			return nil, err
		}
		if bytes += len(proof); bytes > client.AnswerBytesMax/4 && len(receipts) > 1 {
			return nil, nil
		}
		proofs = append(proofs, proof)
	}
	return proofs, nil
}

// receiptProof proves an entry under a final checkpoint that covers it.
func receiptProof(snapshot *store.Snapshot, final store.Final, index uint64) (string, error) {
	entry, err := snapshot.Entry(index)
	if err != nil {
		return "", err
	}
	extra, err := ledger.ReceiptExtra(entry)
	if err != nil {
		return "", damaged(index, err)
	}
	hashes, err := merkle.InclusionProof(snapshot, index, final.Size)
	if err != nil {
		return "", err
	}
	proof := checkpoint.Proof{Extra: extra, Index: index, Hashes: hashes, Note: final.Note}
	return string(proof.Encode()), nil
}

// GetCheckpoint gives the last final checkpoint and the node's own last head.
func (s *auditService) GetCheckpoint(ctx context.Context, _ *custodyv1.GetCheckpointRequest) (*custodyv1.GetCheckpointResponse, error) {
	snapshot, err := s.reader.sound(s.reader.backend.Read(ctx, stale))
	if err != nil {
		return nil, err
	}
	response := &custodyv1.GetCheckpointResponse{}
	err = closing(snapshot, func() error {
		if final, ok := snapshot.Final(); ok {
			response.Final = final.Note
		}
		return snapshot.Err()
	})
	if s.voice != nil {
		response.Own = s.voice.OwnNote()
	}
	return answer(response, err)
}

// describeFinal fills in what is final.
func (s *ledgerService) describeFinal(ctx context.Context, response *custodyv1.GetStatusResponse) {
	if s.config.Voice != nil {
		response.Alarms = s.config.Voice.Alarms()
	}
	snapshot, err := reader{s.backend}.sound(s.backend.Read(ctx, stale))
	if err != nil {
		return // a node that cannot read still says how it is
	}
	defer snapshot.Close()
	final, ok := snapshot.Final()
	if !ok {
		return
	}
	if response.FinalSize != final.Size {
		response.FinalReceivedMs = 0 // of another one
	}
	response.FinalSize, response.FinalRoot = final.Size, final.Root[:]
	response.FinalCosigners = cosigners(snapshot.Policy().For(final.Size), final.Note)
}

// cosigners names the associations whose cosignature under a note holds.
func cosigners(policy ledger.Policy, raw []byte) []string {
	note, err := checkpoint.ParseNote(raw)
	if err != nil {
		return nil
	}
	var names []string
	for _, n := range policy.Nodes {
		if _, err := policy.CosignerKey(n).Verify(note); err == nil {
			names = append(names, n.Association)
		}
	}
	return names
}

// waitInvalid is the fault of a wait that is not one of its choices.
func waitInvalid(field, message string) *fault {
	return invalid(client.ReasonInvalidArgument, field, message)
}

// checkWaits refuses a wait on an event of a group or stream.
func checkWaits(requests []*custodyv1.AppendRequest) *fault {
	for i, r := range requests {
		if r.GetWait() != custodyv1.Wait_WAIT_UNSPECIFIED {
			f := waitInvalid("wait", "an event of a group or stream has no wait of its own; leave it out")
			f.event = i
			return f
		}
	}
	return nil
}

// noPromises is the fault of a node that does not sign.
func noPromises() *fault {
	return &fault{
		code: codes.FailedPrecondition, reason: client.ReasonMethodClosed, field: "wait",
		message: "this node signs no promises; nothing was recorded; wait for committed, or ask another node",
	}
}
