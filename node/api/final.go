package api

import (
	"context"
	"fmt"

	"google.golang.org/grpc/codes"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/store"
	"github.com/custodyledger/custodyledger/node/client"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Stating gathers what several associations state alike about a final size;
// *cosign.Cosigner is one. Its errors are gRPC statuses with a reason, those of a
// read, or of ctx.
type Stating interface {
	// Statements gives what as many associations as the policy asks for state about
	// an item at a final size of at least size, which it waits for.
	Statements(ctx context.Context, size uint64, item ledger.ItemID) (*custodyv1.FinalStatement, error)
	// Absence gives what they state of an event that is not in the ledger of the
	// last final size, whose time must be past after.
	Absence(ctx context.Context, event ledger.EventID, after uint64) (*custodyv1.FinalStatement, error)
}

// noStatements is the fault of a node that gathers no statements.
func noStatements() *fault {
	return &fault{
		code: codes.FailedPrecondition, reason: client.ReasonNotSigning,
		message: "this node makes no statements; ask another node",
	}
}

// GetAbsence gives the statements that an event is not in the ledger.
func (s *ledgerService) GetAbsence(ctx context.Context, request *custodyv1.GetAbsenceRequest) (*custodyv1.GetAbsenceResponse, error) {
	if f := fixed(request.EventId, len(ledger.EventID{}), "event_id", "an event id"); f != nil {
		return nil, f
	}
	if s.config.Stating == nil {
		return nil, noStatements()
	}
	absence, err := s.config.Stating.Absence(ctx, ledger.EventID(request.EventId), request.AfterMs)
	return answer(&custodyv1.GetAbsenceResponse{Absence: absence}, err)
}

// finalItem gives an item as several associations state it at the last final
// size. Nothing in the view comes from this node's own, newer state.
func (s *ledgerService) finalItem(ctx context.Context, id ledger.ItemID) (*custodyv1.GetItemResponse, error) {
	if s.config.Stating == nil {
		return nil, noStatements()
	}
	least := uint64(1)
	err := s.with(ctx, stale, func(snapshot *store.Snapshot) error {
		if _, ok := snapshot.Item(id); !ok {
			return notFound("item", "item", snapshot)
		}
		least += snapshot.Policy().Since
		return nil
	})
	if err != nil {
		return nil, err
	}
	final, err := s.config.Stating.Statements(ctx, least, id)
	if err != nil {
		return nil, err
	}
	statement, err := ledger.ParseStatement(final.Payload)
	if err != nil {
		return nil, fmt.Errorf("api: this node's own statement on item %s: %w", id, err)
	}
	response := &custodyv1.GetItemResponse{
		ReadAt: &custodyv1.ReadAt{Size: statement.Size, LedgerTimeMs: statement.At, FinalSize: statement.Size},
		Final:  final,
	}
	err = s.with(ctx, stale, func(snapshot *store.Snapshot) error {
		b, err := snapshot.Entry(statement.Registered)
		if err != nil {
			return err
		}
		response.Registration = &custodyv1.RawEntry{Index: statement.Registered, Entry: b}
		entry, err := ledger.DecodeEntry(b)
		if err != nil {
			return damaged(statement.Registered, err)
		}
		event, rejection := ledger.DecodeEvent(s.config.Genesis.RulesVersion, entry.Signed)
		if rejection != nil {
			return damaged(statement.Registered, rejection)
		}
		if response.Item, err = client.ItemOf(statement, event, entry.RecordedAt); err != nil {
			return damaged(statement.Registered, err)
		}
		return nil
	})
	return answer(response, err)
}
