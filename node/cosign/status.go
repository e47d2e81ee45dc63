package cosign

import (
	"sync"
	"time"

	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// received is when the last final note came.
type received struct {
	mu   sync.Mutex
	size uint64
	at   time.Time
}

func (r *received) note(final *checkpoint.Note, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.size, r.at = final.Size, at
}

// Describe fills in what GetStatus says about final checkpoints and alarms.
func (s *Cosigner) Describe(response *custodyv1.GetStatusResponse) {
	response.Alarms = s.alarms.sentences()
	final, _, err := s.final()
	if err != nil || final == nil {
		return
	}
	response.FinalSize, response.FinalRoot = final.Size, final.Root[:]
	s.status.mu.Lock()
	if s.status.size == final.Size {
		response.FinalReceivedMs = uint64(max(0, s.status.at.UnixMilli()))
	}
	s.status.mu.Unlock()
	for _, n := range s.config.Genesis.Policy().Nodes {
		if s.cosignedBy(n.ID, final) {
			response.FinalCosigners = append(response.FinalCosigners, n.Association)
		}
	}
}

// OwnNote gives the last head that this node signed; nil before there is one.
func (s *Cosigner) OwnNote() []byte { return encoded(s.notes.ownNote()) }
