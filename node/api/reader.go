package api

import (
	"context"
	"fmt"

	"google.golang.org/grpc/codes"

	"github.com/custodyledger/custodyledger/ledger/store"
	"github.com/custodyledger/custodyledger/node/client"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// reader gives snapshots that are as fresh as a caller asks for.
type reader struct{ backend Backend }

var stale = &custodyv1.Consistency{Level: &custodyv1.Consistency_Stale{Stale: true}}

// read gives a snapshot; the caller closes it. A size that the whole ledger
// does not have is OUT_OF_RANGE, not something to wait for.
func (r reader) read(ctx context.Context, consistency *custodyv1.Consistency) (*store.Snapshot, error) {
	switch level := consistency.GetLevel().(type) {
	case *custodyv1.Consistency_AtLeastSize:
		return r.atLeast(ctx, level.AtLeastSize, "consistency.at_least_size")
	case *custodyv1.Consistency_Final:
		return nil, invalid(client.ReasonInvalidArgument, "consistency.final", "nodes make statements about items only: ask GetItem")
	}
	return r.sound(r.backend.Read(ctx, consistency))
}

// atLeast gives a snapshot of at least a size: what this node has if that is
// enough, else what the cluster has. Size 0 means the current one.
func (r reader) atLeast(ctx context.Context, size uint64, field string) (*store.Snapshot, error) {
	if size > 0 {
		snapshot, err := r.sound(r.backend.Read(ctx, stale))
		if err != nil {
			return nil, err
		}
		if snapshot.Size() >= size {
			return snapshot, nil
		}
		if err := snapshot.Close(); err != nil {
			return nil, err
		}
	}
	snapshot, err := r.sound(r.backend.Read(ctx, nil))
	if err != nil {
		return nil, err
	}
	if has := snapshot.Size(); has < size {
		if err := snapshot.Close(); err != nil {
			return nil, err
		}
		return nil, beyond(field, size, has)
	}
	return snapshot, nil
}

// sound passes a snapshot on that can be read.
func (reader) sound(snapshot *store.Snapshot, err error) (*store.Snapshot, error) {
	if err != nil {
		return nil, err
	}
	if err := snapshot.Err(); err != nil {
		_ = snapshot.Close() // err says why nothing can be read
		return nil, err
	}
	return snapshot, nil
}

// beyond is the fault of a size or index that the ledger does not have.
func beyond(field string, asked, size uint64) *fault {
	return &fault{
		code: codes.OutOfRange, reason: client.ReasonOutOfRange, field: field, size: size,
		message: fmt.Sprintf("%d lies beyond the ledger, which has %d entries", asked, size),
	}
}

func backwards(field string, from, to uint64) *fault {
	return &fault{
		code: codes.OutOfRange, reason: client.ReasonOutOfRange, field: field,
		message: fmt.Sprintf("from is %d and to is %d; from must not be greater", from, to),
	}
}

func notFound(field, what string, snapshot *store.Snapshot) *fault {
	return &fault{
		code: codes.NotFound, reason: client.ReasonNotFound, field: field, size: snapshot.Size(),
		message: fmt.Sprintf("no such %s in the first %d entries", what, snapshot.Size()),
	}
}

// readAt says how an answer stands. What is final is asked of the node, which
// keeps it at hand; in the snapshot it would be read and parsed for every answer.
func (s *ledgerService) readAt(snapshot *store.Snapshot) *custodyv1.ReadAt {
	at := &custodyv1.ReadAt{Size: snapshot.Size(), LedgerTimeMs: snapshot.Head().RecordedAt}
	last := snapshot.Final
	if s.config.Finality != nil {
		last = s.config.Finality.Final
	}
	if final, ok := last(); ok {
		at.FinalSize = final.Size
	}
	return at
}
