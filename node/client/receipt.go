package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/sign"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Proof is a verified receipt: under a checkpoint that a policy found final
// stands the leaf of the entry. Text convinces everybody who has the policy and
// the signed event, without any node.
type Proof struct {
	// Text is a C2SP tlog-proof@v1; ledger/SPEC.md has its extra line.
	Text []byte
	// Index is the entry's, Leaf its leaf hash.
	Index uint64
	Leaf  merkle.Hash
	// Final is the checkpoint, and who made it so.
	Final *checkpoint.Final
	// Entry is the whole entry, where the signed event was at hand; else nil, and
	// that Leaf is of an entry with the event is still the word of a node.
	Entry []byte
}

// VerifyProof checks a tlog-proof of a signed event offline, against the policies
// that the client trusts: the entry that the extra line and the event make stands
// under a final checkpoint.
func (c *Client) VerifyProof(text []byte, signed ledger.SignedEvent) (*Proof, error) {
	p, err := checkpoint.ParseProof(text)
	if err != nil {
		return nil, err
	}
	entry, err := ledger.EntryOf(p.Extra, signed)
	if err != nil {
		return nil, err
	}
	decoded, err := ledger.DecodeEntry(entry)
	if err != nil {
		return nil, err
	}
	if decoded.Index != p.Index {
		return nil, fmt.Errorf("%w: the proof is of entry %d, its extra line of entry %d", checkpoint.ErrMalformed, p.Index, decoded.Index)
	}
	proof, err := c.verifyLeaf(p, text, merkle.LeafHash(entry))
	if err != nil {
		return nil, err
	}
	proof.Entry = entry
	return proof, nil
}

func (c *Client) verifyLeaf(p *checkpoint.Proof, text []byte, leaf merkle.Hash) (*Proof, error) {
	final, err := c.final(p.Note)
	if err == nil {
		err = p.Under(final.Checkpoint, leaf)
	}
	if err != nil {
		return nil, err
	}
	return &Proof{Text: text, Index: p.Index, Leaf: leaf, Final: final}, nil
}

// checkProof verifies what a node gave as proof of a receipt; signed is nil where
// the event is not at hand.
func (c *Client) checkProof(ctx context.Context, n *node, receipt ledger.Receipt, text string, signed *ledger.SignedEvent) (proof *Proof, err error) {
	verify := func() (*Proof, error) {
		if signed != nil {
			return c.VerifyProof([]byte(text), *signed)
		}
		p, err := checkpoint.ParseProof([]byte(text))
		if err != nil {
			return nil, err
		}
		return c.verifyLeaf(p, []byte(text), receipt.Leaf)
	}
	proof, err = verify()
	if errors.Is(err, checkpoint.ErrNoQuorum) && c.learnPolicy(ctx, n) {
		proof, err = verify()
	}
	if err == nil && (proof.Index != receipt.Index || proof.Leaf != receipt.Leaf) {
		err = fmt.Errorf("it is of entry %d with leaf %v, the receipt says entry %d with leaf %v", proof.Index, proof.Leaf, receipt.Index, receipt.Leaf)
	}
	if err != nil {
		return nil, &Tampered{Node: n.address, Index: receipt.Index, What: "the proof of a receipt does not hold", Err: err}
	}
	return proof, nil
}

// ReceiptQuery says which receipt to ask for.
type ReceiptQuery struct {
	Event ledger.EventID
	// Signed is the event, if it is at hand: the proof then covers it.
	Signed *ledger.SignedEvent
	// NotAfter is the event's own, in unix milliseconds; 0 if it is not known.
	NotAfter uint64
	// WaitFinal goes on asking until the event is final or expired.
	WaitFinal   bool
	Consistency Consistency
}

// ReceiptState is where an event stands.
type ReceiptState struct {
	Status custodyv1.ReceiptStatus
	// Receipt is nil unless the event is recorded.
	Receipt *ledger.Receipt
	// Proof is set, and verified, where Status is final.
	Proof *Proof
	At    ReadAt
}

// receiptPoll is how often a client asks whether an event has become final.
const receiptPoll = 200 * time.Millisecond

// ReceiptState asks where an event stands. *Tampered: the node's proof does not
// hold, and nothing of its answer is given. With WaitFinal an event that is not
// final when ctx or Config.Patience ends is answered as it stood last, without an
// error.
func (c *Client) ReceiptState(ctx context.Context, query ReceiptQuery) (*ReceiptState, error) {
	until := time.Now().Add(c.patience)
	state, err := c.receiptState(ctx, query)
	for query.WaitFinal && err == nil && !state.settled() && time.Until(until) > receiptPoll {
		timer := time.NewTimer(receiptPoll)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return state, nil
		}
		next, again := c.receiptState(ctx, query)
		if again != nil && contextEnd(ctx) != nil {
			return state, nil
		}
		state, err = next, again
	}
	return state, err
}

// settled tells whether waiting can change nothing any more.
func (s *ReceiptState) settled() bool {
	return s.Status == custodyv1.ReceiptStatus_RECEIPT_STATUS_FINAL || s.Status == custodyv1.ReceiptStatus_RECEIPT_STATUS_EXPIRED
}

func (c *Client) receiptState(ctx context.Context, query ReceiptQuery) (*ReceiptState, error) {
	var state *ReceiptState
	request := &custodyv1.GetReceiptRequest{EventId: query.Event[:], Consistency: query.Consistency.message(), NotAfterMs: query.NotAfter}
	_, err := c.with(ctx, false, func(ctx context.Context, n *node) error {
		response, err := n.ledger.GetReceipt(ctx, request)
		if err != nil {
			return err
		}
		state, err = c.checkState(ctx, n, query, response)
		return err
	})
	return keep(state, err)
}

// checkState reads an answer and demands that its parts fit each other.
func (c *Client) checkState(ctx context.Context, n *node, query ReceiptQuery, response *custodyv1.GetReceiptResponse) (*ReceiptState, error) {
	state := &ReceiptState{Status: response.Status, At: readAt(response.ReadAt)}
	tampered := &Tampered{Node: n.address, Index: ledger.NoLink, What: fmt.Sprintf("a receipt of status %v that does not fit it", response.Status)}
	recorded := response.Receipt != nil
	switch response.Status {
	case custodyv1.ReceiptStatus_RECEIPT_STATUS_UNKNOWN:
		if recorded {
			return nil, tampered
		}
	case custodyv1.ReceiptStatus_RECEIPT_STATUS_EXPIRED:
		if recorded || query.NotAfter == 0 || state.At.LedgerTime <= query.NotAfter {
			return nil, tampered
		}
	case custodyv1.ReceiptStatus_RECEIPT_STATUS_COMMITTED, custodyv1.ReceiptStatus_RECEIPT_STATUS_FINAL:
		if !recorded {
			return nil, tampered
		}
	default:
		return nil, tampered
	}
	if !recorded {
		return state, nil
	}
	receipt, err := checkReceipt(n, query.Event, response.Receipt)
	if err != nil {
		return nil, err
	}
	state.Receipt = &receipt
	if response.Status == custodyv1.ReceiptStatus_RECEIPT_STATUS_FINAL {
		state.Proof, err = c.checkProof(ctx, n, receipt, response.Proof, query.Signed)
	}
	return keep(state, err)
}

// AppendFinal is Append, and then waits until the event is final. The proof is
// verified; it is nil where the event is recorded and not final when ctx or
// Config.Patience ends.
func (c *Client) AppendFinal(ctx context.Context, event ledger.SignedEvent, openings ...ledger.Opening) (ledger.Receipt, *Proof, error) {
	write := Write{Event: event, Openings: openings}
	request := write.request()
	request.Wait = custodyv1.Wait_WAIT_FINAL
	ctx, cancel := context.WithTimeoutCause(ctx, c.patience, errPatience)
	defer cancel()
	var proof *Proof
	receipts, err := c.append(ctx, []Write{write}, func(ctx context.Context, n *node) ([]*custodyv1.Receipt, error) {
		response, err := n.ledger.Append(ctx, request)
		if err != nil || response.Proof == "" {
			return []*custodyv1.Receipt{response.GetReceipt()}, err
		}
		receipt, err := checkReceipt(n, event.ID(), response.Receipt)
		if err == nil {
			proof, err = c.checkProof(ctx, n, receipt, response.Proof, &event)
		}
		return []*custodyv1.Receipt{response.Receipt}, err
	})
	if err != nil {
		return ledger.Receipt{}, nil, err
	}
	if proof == nil {
		proof, err = c.awaitProof(ctx, event, receipts[0])
	}
	return receipts[0], proof, err
}

// AppendGroupFinal is AppendGroup, and then waits until the group is final. Of
// the proofs holds what AppendFinal says, one for each event.
func (c *Client) AppendGroupFinal(ctx context.Context, writes []Write) ([]ledger.Receipt, []*Proof, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.patience, errPatience)
	defer cancel()
	receipts, err := c.AppendGroup(ctx, writes)
	if err != nil {
		return nil, nil, err
	}
	proofs := make([]*Proof, len(writes))
	// The last entry is final when all are.
	for i := len(writes) - 1; i >= 0; i-- {
		if proofs[i], err = c.awaitProof(ctx, writes[i].Event, receipts[i]); err != nil {
			return receipts, nil, err
		}
		if proofs[i] == nil {
			return receipts, nil, nil
		}
	}
	return receipts, proofs, nil
}

// awaitProof waits for the proof of an event that is recorded. What is recorded
// is no failure for want of an answer.
func (c *Client) awaitProof(ctx context.Context, event ledger.SignedEvent, receipt ledger.Receipt) (*Proof, error) {
	state, err := c.ReceiptState(ctx, ReceiptQuery{Event: event.ID(), Signed: &event, WaitFinal: true, Consistency: AtLeastSize(receipt.Index + 1)})
	switch {
	case err == nil:
		return state.Proof, nil
	case isTampered(err):
		return nil, err
	}
	return nil, nil
}

// SignedPromise is a node's word that an event has reached it and is recorded or
// refused by a deadline; its signature is verified.
type SignedPromise struct {
	ledger.Promise
	Payload   []byte
	Signature []byte
}

// AppendReceived has a node promise to have an event recorded or refused, and
// does not wait for it. ReceiptState says what became of it. Errors are those of
// Append.
func (c *Client) AppendReceived(ctx context.Context, event ledger.SignedEvent, openings ...ledger.Opening) (SignedPromise, error) {
	write := Write{Event: event, Openings: openings}
	request := write.request()
	request.Wait = custodyv1.Wait_WAIT_RECEIVED
	var promise SignedPromise
	trial, err := c.with(ctx, true, func(ctx context.Context, n *node) error {
		response, err := n.ledger.Append(ctx, request)
		if err != nil {
			return err
		}
		promise, err = c.checkPromise(event.ID(), response.Promise)
		if err != nil {
			return &Tampered{Node: n.address, Index: ledger.NoLink, What: "its promise does not hold", Err: err}
		}
		return nil
	})
	if err != nil {
		return SignedPromise{}, trial.settle(event.ID(), err)
	}
	return promise, nil
}

// checkPromise verifies a promise about an event.
func (c *Client) checkPromise(event ledger.EventID, message *custodyv1.Promise) (SignedPromise, error) {
	p, err := ledger.ParsePromise(message.GetPayload())
	if err != nil {
		return SignedPromise{}, err
	}
	if p.Event != event || p.Ledger != c.id {
		return SignedPromise{}, fmt.Errorf("it is about event %s of ledger %s", p.Event, p.Ledger)
	}
	err = fmt.Errorf("the policy has no node %q", p.Node)
	for _, key := range c.statementKeys(p.Node) {
		if err = sign.Verify(key, sign.PAE(sign.PromisePayloadType, message.Payload), message.Signature); err == nil {
			return SignedPromise{Promise: p, Payload: message.Payload, Signature: message.Signature}, nil
		}
	}
	return SignedPromise{}, err
}

// Checkpoints are heads that a node shows, signed notes. They are as it sent
// them, and nil where it has none: whoever asks verifies them.
type Checkpoints struct {
	Final, Own []byte
	Node       string // address
}

// Checkpoints asks a node for the last final checkpoint and for the last head
// that it signed itself.
func (c *Client) Checkpoints(ctx context.Context) (Checkpoints, error) {
	var checkpoints Checkpoints
	_, err := c.with(ctx, false, func(ctx context.Context, n *node) error {
		response, err := n.audit.GetCheckpoint(ctx, &custodyv1.GetCheckpointRequest{})
		checkpoints = Checkpoints{Final: response.GetFinal(), Own: response.GetOwn(), Node: n.address}
		return err
	})
	return checkpoints, err
}

// Final gives the last final checkpoint of a node, verified, with its note; nil
// before there is one.
func (c *Client) Final(ctx context.Context) (final *checkpoint.Final, note []byte, err error) {
	_, err = c.with(ctx, false, func(ctx context.Context, n *node) error {
		response, err := n.audit.GetCheckpoint(ctx, &custodyv1.GetCheckpointRequest{})
		if note = response.GetFinal(); err != nil || note == nil {
			return err
		}
		if final, err = c.judgeNote(ctx, n, note); err != nil {
			return &Tampered{Node: n.address, Index: ledger.NoLink, What: "its final checkpoint is not final", Err: err}
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	return final, note, nil
}

func (c *Client) judgeNote(ctx context.Context, n *node, raw []byte) (*checkpoint.Final, error) {
	final, err := c.final(raw)
	if !errors.Is(err, checkpoint.ErrNoQuorum) {
		return final, err
	}
	if note, _ := checkpoint.ParseNote(raw); note != nil && note.Origin == c.genesis.Name && c.learnPolicy(ctx, n) {
		final, err = c.final(raw)
	}
	return final, err
}
