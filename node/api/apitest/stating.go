package apitest

import (
	"context"
	"fmt"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/sign"
	"github.com/custodyledger/custodyledger/ledger/store"
	"github.com/custodyledger/custodyledger/node/api"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Stating states what the backend has, signed by nodes of the world.
type Stating struct {
	World *World
	Nodes []int // positions in the genesis
	// Change may change a statement before it is signed.
	Change func(*ledger.Statement)
}

// Statements implements api.Stating.
func (s Stating) Statements(ctx context.Context, size uint64, id ledger.ItemID) (*custodyv1.FinalStatement, error) {
	return s.state(ctx, size, sign.StatementPayloadType, func(snapshot *store.Snapshot, final store.Final, at uint64) ([]byte, error) {
		item, ok := snapshot.Item(id)
		if !ok || item.LastIndex >= final.Size {
			return nil, fmt.Errorf("apitest: item %s is not under the checkpoint of size %d", id, final.Size)
		}
		matter, _ := snapshot.Matter(id)
		statement := item.Statement(s.World.Ledger, matter, false, final.Checkpoint, at)
		if s.Change != nil {
			s.Change(&statement)
		}
		return statement.Payload(), nil
	})
}

// Absence implements api.Stating.
func (s Stating) Absence(ctx context.Context, event ledger.EventID, _ uint64) (*custodyv1.FinalStatement, error) {
	return s.state(ctx, 1, sign.AbsencePayloadType, func(snapshot *store.Snapshot, final store.Final, at uint64) ([]byte, error) {
		if index, ok := snapshot.EventIndex(event); ok {
			return nil, fmt.Errorf("apitest: the event is entry %d", index)
		}
		return ledger.Absence{Ledger: s.World.Ledger, Event: event, Size: final.Size, Root: final.Root, At: at}.Payload(), nil
	})
}

func (s Stating) state(ctx context.Context, size uint64, payloadType string, payload func(*store.Snapshot, store.Final, uint64) ([]byte, error)) (*custodyv1.FinalStatement, error) {
	if _, err := s.World.Backend.WaitFinal(ctx, size); err != nil {
		return nil, err
	}
	snapshot := s.World.Backend.Store.Snapshot()
	defer snapshot.Close()
	final, _ := snapshot.Final()
	b, err := snapshot.Entry(final.Size - 1)
	if err != nil {
		return nil, err
	}
	last, err := ledger.DecodeEntry(b)
	if err != nil {
		return nil, err
	}
	statement := &custodyv1.FinalStatement{Note: final.Note}
	if statement.Payload, err = payload(snapshot, final, last.RecordedAt); err != nil {
		return nil, err
	}
	for _, i := range s.Nodes {
		signature := s.World.Nodes[i].Statement.Sign(sign.PAE(payloadType, statement.Payload))
		statement.Signatures = append(statement.Signatures, &custodyv1.NodeSignature{NodeId: s.World.Genesis.Nodes[i].ID, Signature: signature})
	}
	return statement, nil
}

var _ api.Stating = Stating{}
