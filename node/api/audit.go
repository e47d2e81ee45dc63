package api

import (
	"context"
	"fmt"

	"google.golang.org/grpc/codes"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/bundle"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/store"
	"github.com/custodyledger/custodyledger/node/client"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// auditService is AuditService.
type auditService struct {
	custodyv1.UnimplementedAuditServiceServer
	reader       reader
	voice        Voice // may be nil
	rulesVersion uint32
	trust        bundle.Trust // in the genesis
}

// GetTreeHead gives the root of a size.
func (s *auditService) GetTreeHead(ctx context.Context, request *custodyv1.GetTreeHeadRequest) (*custodyv1.GetTreeHeadResponse, error) {
	snapshot, err := s.reader.read(ctx, request.Consistency)
	if err == nil && request.Size > snapshot.Size() {
		if err = snapshot.Close(); err == nil {
			snapshot, err = s.reader.atLeast(ctx, request.Size, "size")
		}
	}
	if err != nil {
		return nil, err
	}
	head := &custodyv1.TreeHead{Size: orCurrent(request.Size, snapshot)}
	err = closing(snapshot, func() error {
		root, err := merkle.RootAt(snapshot, head.Size)
		if err != nil {
			return err
		}
		head.Root = root[:]
		head.TimeMs, err = recordedAt(snapshot, head.Size-1)
		return err
	})
	return answer(&custodyv1.GetTreeHeadResponse{Head: head}, err)
}

func recordedAt(snapshot *store.Snapshot, index uint64) (uint64, error) {
	if index+1 == snapshot.Size() {
		return snapshot.Head().RecordedAt, nil
	}
	b, err := snapshot.Entry(index)
	if err != nil {
		return 0, err
	}
	entry, err := ledger.DecodeEntry(b)
	if err != nil {
		return 0, damaged(index, err)
	}
	return entry.RecordedAt, nil
}

// Entries streams entries in order, in batches.
func (s *auditService) Entries(request *custodyv1.EntriesRequest, stream custodyv1.AuditService_EntriesServer) error {
	if request.To != 0 && request.From > request.To {
		return backwards("from", request.From, request.To)
	}
	ctx := stream.Context()
	asked, field := request.To, "to"
	if asked == 0 {
		asked, field = request.From, "from"
	}
	snapshot, err := s.reader.atLeast(ctx, asked, field)
	if err != nil {
		return err
	}
	to := orCurrent(request.To, snapshot)
	if err := snapshot.Close(); err != nil {
		return err
	}
	for next := request.From; next < to; {
		chunk, after, err := s.entries(ctx, next, to)
		if err != nil {
			return err
		}
		response := &custodyv1.EntriesResponse{From: next}
		for _, e := range chunk {
			response.Entries = append(response.Entries, e.bytes)
		}
		if err := stream.Send(response); err != nil {
			return err
		}
		next = after
	}
	return nil
}

func (s *auditService) entries(ctx context.Context, from, to uint64) (chunk []rawEntry, next uint64, err error) {
	snapshot, err := s.reader.sound(s.reader.backend.Read(ctx, stale))
	if err != nil {
		return nil, 0, err
	}
	err = closing(snapshot, func() (err error) {
		chunk, next, err = copyEntries(snapshot, from, to)
		return err
	})
	return chunk, next, err
}

// GetInclusionProof proves that a leaf stands at an index of the tree of a size.
func (s *auditService) GetInclusionProof(ctx context.Context, request *custodyv1.GetInclusionProofRequest) (*custodyv1.GetInclusionProofResponse, error) {
	snapshot, err := s.reader.atLeast(ctx, request.Size, "size")
	if err != nil {
		return nil, err
	}
	response := &custodyv1.GetInclusionProofResponse{Index: request.Index, Size: orCurrent(request.Size, snapshot)}
	err = closing(snapshot, func() error {
		if request.Index >= response.Size {
			f := beyond("index", request.Index, response.Size)
			f.message = fmt.Sprintf("index %d is not below size %d", request.Index, response.Size)
			return f
		}
		proof, err := merkle.InclusionProof(snapshot, request.Index, response.Size)
		if err != nil {
			return err
		}
		root, err := merkle.RootAt(snapshot, response.Size)
		if err != nil {
			return err
		}
		leaf, err := snapshot.Hashes(0, request.Index, request.Index+1)
		if err != nil {
			return err
		}
		response.Root, response.LeafHash, response.Proof = root[:], leaf[0][:], hashes(proof)
		return nil
	})
	return answer(response, err)
}

// GetConsistencyProof proves that one tree is a prefix of another.
func (s *auditService) GetConsistencyProof(ctx context.Context, request *custodyv1.GetConsistencyProofRequest) (*custodyv1.GetConsistencyProofResponse, error) {
	if request.From == 0 {
		return nil, &fault{code: codes.OutOfRange, reason: client.ReasonOutOfRange, field: "from", message: "every tree begins with the empty one, so a proof from size 0 says nothing; ask from size 1"}
	}
	if request.To != 0 && request.From > request.To {
		return nil, backwards("from", request.From, request.To)
	}
	snapshot, err := s.reader.atLeast(ctx, request.To, "to")
	if err != nil {
		return nil, err
	}
	response := &custodyv1.GetConsistencyProofResponse{From: request.From, To: orCurrent(request.To, snapshot)}
	err = closing(snapshot, func() error {
		if request.From > response.To {
			return beyond("from", request.From, response.To)
		}
		proof, err := merkle.ConsistencyProof(snapshot, response.From, response.To)
		if err != nil {
			return err
		}
		from, err := merkle.RootAt(snapshot, response.From)
		if err != nil {
			return err
		}
		to, err := merkle.RootAt(snapshot, response.To)
		if err != nil {
			return err
		}
		response.RootFrom, response.RootTo, response.Proof = from[:], to[:], hashes(proof)
		return nil
	})
	return answer(response, err)
}

// closing uses a snapshot and lets go of it.
func closing(snapshot *store.Snapshot, use func() error) error {
	err := use()
	if closing := snapshot.Close(); err == nil {
		err = closing
	}
	return err
}

// orCurrent gives the size asked for, or that of the snapshot for 0.
func orCurrent(asked uint64, snapshot *store.Snapshot) uint64 {
	if asked == 0 {
		return snapshot.Size()
	}
	return asked
}

func hashes(proof []merkle.Hash) [][]byte {
	out := make([][]byte, 0, len(proof))
	for i := range proof {
		out = append(out, proof[i][:])
	}
	return out
}
