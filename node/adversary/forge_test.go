package adversary

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"slices"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// forgery is a log of a liar's making, with its tree.
type forgery struct {
	entries [][]byte
	levels  [][]merkle.Hash // by tile level
}

// Hashes implements merkle.Reader.
func (f *forgery) Hashes(level uint8, from, to uint64) ([]merkle.Hash, error) {
	if int(level) >= len(f.levels) || to > uint64(len(f.levels[level])) {
		return nil, errors.New("no such hash")
	}
	return f.levels[level][from:to], nil
}

func (f *forgery) size() uint64 { return uint64(len(f.entries)) }

// asIs makes a log of entries that may not even fit together.
func asIs(entries [][]byte) *forgery {
	f := &forgery{entries: entries}
	var tree merkle.Frontier
	for _, e := range entries {
		tree.Append(merkle.LeafHash(e), func(level uint8, _ uint64, h merkle.Hash) {
			for int(level) >= len(f.levels) {
				f.levels = append(f.levels, nil)
			}
			f.levels[level] = append(f.levels[level], h)
		})
	}
	return f
}

// forge makes a log whose chain and tree fit, out of true entries and a lie: indexes and prevs are made anew.
func (n *network) forge(entries [][]byte, lie func([]*ledger.Entry) []*ledger.Entry) *forgery {
	n.Helper()
	var decoded []*ledger.Entry
	for _, b := range entries {
		e, err := ledger.DecodeEntry(slices.Clone(b))
		n.must(err)
		decoded = append(decoded, e)
	}
	var forged [][]byte
	for i, e := range lie(decoded) {
		if i > 0 {
			e.Index, e.Prev = uint64(i), merkle.LeafHash(forged[i-1])
		}
		b, err := e.Encode()
		n.must(err)
		forged = append(forged, b)
	}
	return asIs(forged)
}

// rootAt gives the root over the first entries.
func (n *network) rootAt(f *forgery, size uint64) merkle.Hash {
	n.Helper()
	root, err := merkle.RootAt(f, size)
	n.must(err)
	return root
}

// headOf is the checkpoint over the first entries of a log.
func (n *network) headOf(f *forgery, size uint64) checkpoint.Checkpoint {
	n.Helper()
	return n.head(size, n.rootAt(f, size))
}

// inclusion proves that an entry stands in a log of a size.
func (n *network) inclusion(f *forgery, index, size uint64) []merkle.Hash {
	n.Helper()
	proof, err := merkle.InclusionProof(f, index, size)
	n.must(err)
	return proof
}

// open answers on the member's client port with a forged log and notes of the liar's choice. The result changes them.
func (l *liar) open(f *forgery, final, own *checkpoint.Note) *shop {
	l.Helper()
	s := &shop{forgery: f, final: encoded(final), own: encoded(own)}
	listener, err := net.Listen("tcp", l.config.ClientListen)
	l.must(err)
	server := grpc.NewServer(grpc.Creds(credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{l.TLS}})))
	custodyv1.RegisterAuditServiceServer(server, s)
	custodyv1.RegisterLedgerServiceServer(server, &counter{shop: s, id: l.network.id, node: l.member.id})
	var serving sync.WaitGroup
	serving.Go(func() { server.Serve(listener) })
	l.Cleanup(func() {
		server.Stop()
		serving.Wait()
	})
	return s
}

func encoded(note *checkpoint.Note) []byte {
	if note == nil {
		return nil
	}
	return note.Encode()
}

// shop is the liar's AuditService.
type shop struct {
	custodyv1.UnimplementedAuditServiceServer
	*forgery
	mu         sync.Mutex
	final, own []byte
}

func (s *shop) orAll(size uint64) uint64 {
	if size == 0 {
		return s.size()
	}
	return size
}

func (s *shop) GetTreeHead(_ context.Context, r *custodyv1.GetTreeHeadRequest) (*custodyv1.GetTreeHeadResponse, error) {
	size := s.orAll(r.Size)
	root, err := merkle.RootAt(s, size)
	if err != nil {
		return nil, status.Error(codes.OutOfRange, err.Error())
	}
	last, err := ledger.DecodeEntry(s.entries[size-1])
	if err != nil {
		return nil, err
	}
	return &custodyv1.GetTreeHeadResponse{Head: &custodyv1.TreeHead{Size: size, Root: root[:], TimeMs: last.RecordedAt}}, nil
}

func (s *shop) GetCheckpoint(context.Context, *custodyv1.GetCheckpointRequest) (*custodyv1.GetCheckpointResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &custodyv1.GetCheckpointResponse{Final: s.final, Own: s.own}, nil
}

func (s *shop) Entries(r *custodyv1.EntriesRequest, stream custodyv1.AuditService_EntriesServer) error {
	to := min(s.orAll(r.To), s.size())
	if r.From >= to {
		return nil
	}
	return stream.Send(&custodyv1.EntriesResponse{From: r.From, Entries: s.entries[r.From:to]})
}

func (s *shop) GetInclusionProof(_ context.Context, r *custodyv1.GetInclusionProofRequest) (*custodyv1.GetInclusionProofResponse, error) {
	size := s.orAll(r.Size)
	proof, err := merkle.InclusionProof(s, r.Index, size)
	if err != nil {
		return nil, status.Error(codes.OutOfRange, err.Error())
	}
	root, err := merkle.RootAt(s, size)
	leaf := merkle.LeafHash(s.entries[r.Index])
	return &custodyv1.GetInclusionProofResponse{Index: r.Index, Size: size, Root: root[:], LeafHash: leaf[:], Proof: slicesOf(proof)}, err
}

func (s *shop) GetConsistencyProof(_ context.Context, r *custodyv1.GetConsistencyProofRequest) (*custodyv1.GetConsistencyProofResponse, error) {
	to := s.orAll(r.To)
	proof, err := merkle.ConsistencyProof(s, r.From, to)
	if err != nil {
		return nil, status.Error(codes.OutOfRange, err.Error())
	}
	from, err := merkle.RootAt(s, r.From)
	if err != nil {
		return nil, err
	}
	root, err := merkle.RootAt(s, to)
	return &custodyv1.GetConsistencyProofResponse{From: r.From, To: to, RootFrom: from[:], RootTo: root[:], Proof: slicesOf(proof)}, err
}

func slicesOf(hashes []merkle.Hash) [][]byte {
	var out [][]byte
	for i := range hashes {
		out = append(out, hashes[i][:])
	}
	return out
}

// counter is the liar's LedgerService: who it is, and receipts of its own log.
type counter struct {
	custodyv1.UnimplementedLedgerServiceServer
	shop *shop
	id   ledger.LedgerID
	node string
}

func (c *counter) GetStatus(context.Context, *custodyv1.GetStatusRequest) (*custodyv1.GetStatusResponse, error) {
	return &custodyv1.GetStatusResponse{
		NodeId: c.node, LedgerId: c.id[:], RulesVersion: ledger.RulesVersion1, Size: c.shop.size(),
		State: custodyv1.NodeState_NODE_STATE_FOLLOWER,
	}, nil
}
