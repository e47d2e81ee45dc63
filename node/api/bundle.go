package api

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"google.golang.org/grpc/codes"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/bundle"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/store"
	"github.com/custodyledger/custodyledger/node/client"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

const (
	// bundleItemsMax is the number of items that one request may name.
	bundleItemsMax = 100
	// bundleChunkBytes is the size of one answer of GetBundle.
	bundleChunkBytes = 64 << 10
	// bundleTries is how often the statements of one bundle are gathered anew when a
	// larger size became final in between: all of them must be of one size.
	bundleTries = 5
	// statingAtOnce bounds the statements of one bundle that are gathered together.
	statingAtOnce = 16
)

// GetBundle streams one file that proves items.
func (s *ledgerService) GetBundle(request *custodyv1.GetBundleRequest, stream custodyv1.LedgerService_GetBundleServer) error {
	if s.config.Stating == nil {
		return noStatements()
	}
	ctx, cancel := context.WithTimeout(stream.Context(), s.config.CallTimeMax)
	defer cancel()
	items, least, err := s.bundleItems(ctx, request)
	if err != nil {
		return err
	}
	file, err := s.makeBundle(ctx, items, least)
	if err != nil {
		return err
	}
	return inChunks(file, func(chunk []byte) error { return stream.Send(&custodyv1.GetBundleResponse{Chunk: chunk}) })
}

func inChunks(file []byte, send func([]byte) error) error {
	for chunk := range slices.Chunk(file, bundleChunkBytes) {
		if err := send(chunk); err != nil {
			return err
		}
	}
	return nil
}

// source is a snapshot that a bundle is built of until the call ends.
type source struct {
	ctx context.Context
	*store.Snapshot
}

// Entry implements bundle.Source.
func (s source) Entry(index uint64) ([]byte, error) {
	if err := s.ctx.Err(); err != nil {
		return nil, err
	}
	return s.Snapshot.Entry(index)
}

// Hashes implements bundle.Source.
func (s source) Hashes(level uint8, from, to uint64) ([]merkle.Hash, error) {
	if err := s.ctx.Err(); err != nil {
		return nil, err
	}
	return s.Snapshot.Hashes(level, from, to)
}

// Row implements merkle.RowReader.
func (s source) Row(level uint8, from, to uint64) (*merkle.Row, error) {
	if err := s.ctx.Err(); err != nil {
		return nil, err
	}
	return s.Snapshot.Row(level, from, to)
}

// sealed encodes a bundle and verifies it before anybody gets it.
func sealed(b *bundle.Bundle, trust bundle.Trust) ([]byte, error) {
	file, err := b.Encode()
	if err != nil {
		return nil, tooLarge(err)
	}
	if _, err := bundle.Verify(file, trust); err != nil {
		return nil, fmt.Errorf("api: a bundle that this node made does not verify: %w", err)
	}
	return file, nil
}

// bundleItems gives the items that a request is about, and the least size of a
// checkpoint that covers everything on them.
func (s *ledgerService) bundleItems(ctx context.Context, request *custodyv1.GetBundleRequest) (items []ledger.ItemID, least uint64, err error) {
	switch {
	case len(request.Items) > 0 && len(request.Offer) > 0:
		return nil, 0, invalid(client.ReasonInvalidArgument, "offer", "name items or an offer, not both")
	case len(request.Items) == 0 && len(request.Offer) == 0:
		return nil, 0, invalid(ledger.MissingField, "items", "name 1 to 100 items, or an offer")
	case len(request.Items) > bundleItemsMax:
		return nil, 0, invalid(ledger.TooLarge, "items", fmt.Sprintf("%d items, at most %d", len(request.Items), bundleItemsMax))
	}
	for _, id := range request.Items {
		if f := fixed(id, len(ledger.ItemID{}), "items", "an item id"); f != nil {
			return nil, 0, f
		}
		items = append(items, ledger.ItemID(id))
	}
	if len(request.Offer) > 0 {
		if f := fixed(request.Offer, len(ledger.EventID{}), "offer", "an event id"); f != nil {
			return nil, 0, f
		}
	}
	err = s.with(ctx, nil, func(snapshot *store.Snapshot) error {
		if len(request.Offer) > 0 {
			var err error
			if items, err = s.offered(snapshot, ledger.EventID(request.Offer)); err != nil {
				return err
			}
		}
		least = snapshot.Policy().Since + 1
		for _, id := range items {
			item, ok := snapshot.Item(id)
			if !ok {
				return notFound("items", "item", snapshot)
			}
			least = max(least, item.LastIndex+1)
		}
		return nil
	})
	return items, least, err
}

// offered gives the items of an offer, or of all offers of its group. The entries
// of a group stand together in the order of their positions.
func (s *ledgerService) offered(snapshot *store.Snapshot, id ledger.EventID) ([]ledger.ItemID, error) {
	index, ok := snapshot.EventIndex(id)
	if !ok {
		return nil, notFound("offer", "offer", snapshot)
	}
	event, err := s.eventAt(snapshot, index)
	if err != nil {
		return nil, err
	}
	if _, ok := event.Body.(*custodyv1.Offer); !ok {
		return nil, invalid(client.ReasonInvalidArgument, "offer", "the event is not an offer")
	}
	if event.Group == nil {
		return event.Names(), nil
	}
	var items []ledger.ItemID
	first := index - uint64(event.Group.Position)
	for index := first; index < first+uint64(event.Group.Count); index++ {
		event, err := s.eventAt(snapshot, index)
		if err != nil {
			return nil, err
		}
		if _, ok := event.Body.(*custodyv1.Offer); ok {
			items = append(items, event.Names()...)
		}
	}
	return items, nil
}

func (s *ledgerService) eventAt(snapshot *store.Snapshot, index uint64) (*ledger.Event, error) {
	b, err := snapshot.Entry(index)
	if err != nil {
		return nil, err
	}
	entry, err := ledger.DecodeEntry(b)
	if err != nil {
		return nil, damaged(index, err)
	}
	event, rejection := ledger.DecodeEvent(s.config.Genesis.RulesVersion, entry.Signed)
	if rejection != nil {
		return nil, damaged(index, rejection)
	}
	return event, nil
}

// makeBundle gathers statements of one final size, proves everything under it,
// and verifies the file before anybody gets it.
func (s *ledgerService) makeBundle(ctx context.Context, items []ledger.ItemID, least uint64) ([]byte, error) {
	slices.SortFunc(items, func(a, b ledger.ItemID) int { return slices.Compare(a[:], b[:]) })
	items = slices.Compact(items)
	for range bundleTries {
		stated, err := s.stateAll(ctx, least, items)
		if err != nil {
			return nil, err
		}
		if least = sizeOfAll(stated); least == 0 {
			break
		}
		if slices.ContainsFunc(stated, func(f *gathered) bool { return f.statement.Size != least }) {
			continue
		}
		return s.prove(ctx, items, stated)
	}
	return nil, &fault{
		code: codes.Unavailable, reason: client.ReasonNoQuorum, retry: retrySoon,
		message: fmt.Sprintf("checkpoints became final too fast to state %d items at one of them; try again, or ask for fewer items", len(items)),
	}
}

// gathered is a statement as it was signed.
type gathered struct {
	final     *custodyv1.FinalStatement
	statement ledger.Statement
}

// sizeOfAll is the largest size among statements.
func sizeOfAll(stated []*gathered) uint64 {
	size := uint64(0)
	for _, g := range stated {
		size = max(size, g.statement.Size)
	}
	return size
}

// stateAll gathers the statements on all items.
func (s *ledgerService) stateAll(ctx context.Context, least uint64, items []ledger.ItemID) ([]*gathered, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stated := make([]*gathered, len(items))
	var group sync.WaitGroup
	places := make(chan struct{}, statingAtOnce)
	for i, id := range items {
		places <- struct{}{}
		group.Go(func() {
			defer func() { <-places }()
			final, err := s.config.Stating.Statements(ctx, least, id)
			g := &gathered{final: final}
			if err == nil {
				g.statement, err = ledger.ParseStatement(final.Payload)
			}
			if err != nil {
				cancel(err)
				return
			}
			stated[i] = g
		})
	}
	group.Wait()
	if slices.Contains(stated, nil) {
		return nil, context.Cause(ctx)
	}
	return stated, nil
}

// prove builds the file under the checkpoint of the statements. What happened
// above its size is not looked at.
func (s *ledgerService) prove(ctx context.Context, items []ledger.ItemID, stated []*gathered) ([]byte, error) {
	var b *bundle.Bundle
	err := s.with(ctx, stale, func(snapshot *store.Snapshot) error {
		note, err := checkpoint.ParseNote(stated[0].final.Note)
		if err != nil {
			return err
		}
		governance, err := snapshot.GovernanceEntries(note.Size)
		if err != nil {
			return err
		}
		policy := snapshot.Policy()
		if policy.Since >= note.Size {
			return &fault{code: codes.Unavailable, reason: client.ReasonMovedOn, retry: retrySoon, message: "the policy is changing; try again"}
		}
		subjects := make([]bundle.Subject, len(items))
		for i, id := range items {
			subjects[i] = bundle.Subject{Item: id, Last: stated[i].statement.LastIndex}
		}
		b, err = bundle.Build(source{ctx, snapshot}, bundle.Final{
			RulesVersion: s.config.Genesis.RulesVersion, Note: note, Policy: policy.InForce, Governance: governance,
		}, subjects)
		if err != nil {
			return tooLarge(err)
		}
		for _, g := range stated {
			statement, err := statementOf(policy.InForce, g.final)
			if err != nil {
				return err
			}
			b.Statements = append(b.Statements, statement)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return sealed(b, s.trust)
}

// statementOf orders the signatures of a statement by the nodes of the policy.
func statementOf(policy ledger.Policy, final *custodyv1.FinalStatement) (bundle.Statement, error) {
	statement := bundle.Statement{Payload: final.Payload}
	for _, s := range final.Signatures {
		at := slices.IndexFunc(policy.Nodes, func(n ledger.PolicyNode) bool { return n.ID == s.NodeId })
		if at < 0 || len(s.Signature) != len(bundle.Signature{}.Bytes) {
			return bundle.Statement{}, fmt.Errorf("api: a statement with a signature of node %q", s.NodeId)
		}
		statement.Signatures = append(statement.Signatures, bundle.Signature{Node: uint8(at), Bytes: [64]byte(s.Signature)})
	}
	slices.SortFunc(statement.Signatures, func(a, b bundle.Signature) int { return int(a.Node) - int(b.Node) })
	return statement, nil
}

// tooLarge tells the caller when what it asked for does not fit.
func tooLarge(err error) error {
	if errors.Is(err, bundle.ErrTooLarge) {
		return &fault{code: codes.InvalidArgument, reason: ledger.TooLarge, field: "items", message: printable(err.Error(), messageBytesMax)}
	}
	return err
}
