package cosign

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// ErrRolledBack: other nodes hold a head with this node's own cosignature that
// is larger than its ledger. What it had was on disk when it signed, so that the
// folder is an older copy of itself: its votes are as old.
var ErrRolledBack = errors.New("this node once signed more than its ledger holds now: the data folder is an older copy. It must not vote again as it is")

// ErrForked: a quorum made a head final that this node's ledger contradicts.
var ErrForked = errors.New("the ledger is forked: two histories are signed. Keep the data folder as it is, and compare it with the other associations before any node runs again")

const (
	recallPause = 100 * time.Millisecond
	// recallAgain is how often the others are asked after raft has started, until
	// enough have answered.
	recallAgain = 500 * time.Millisecond
	// recallOnce is the least time that the others get for an answer.
	recallOnce = time.Second
	// recallRest is how long a start waits for the others once enough have answered.
	recallRest = 500 * time.Millisecond
	// recallLate is how long answers may be missing before there is an alarm.
	recallLate = 15 * time.Second
)

// recall is what the other nodes know that this node once signed. Until enough
// of them have said, and its ledger bears all of it out, it does not sign.
type recall struct {
	mu       sync.Mutex
	others   []string
	answered map[string]bool
	heads    map[string]checkpoint.Checkpoint // newest own head, by who holds it
	sure     bool
	since    time.Time // when this process began to ask
}

func (r *recall) init(genesis *ledger.Genesis, self string) {
	r.since = time.Now()
	r.answered, r.heads = map[string]bool{}, map[string]checkpoint.Checkpoint{}
	for _, n := range genesis.Nodes {
		if n.ID != self {
			r.others = append(r.others, n.ID)
		}
	}
}

// enough tells whether those that have answered are, with this node, a majority
// of all nodes: as many as have to be up for anything to be committed, so that
// recall waits for no node that the cluster can do without.
func (r *recall) enough() bool { return len(r.answered) >= (len(r.others)+1)/2 }

func (r *recall) missing() []string {
	var missing []string
	for _, node := range r.others {
		if !r.answered[node] {
			missing = append(missing, node)
		}
	}
	return missing
}

// Recall asks the other nodes, before raft starts, what this one has signed. It
// returns when all have answered, a moment after enough of them have, or when
// patience is over and all have been asked once. The error is that of ctx or wraps ErrRolledBack: the node
// must not run.
func (s *Cosigner) Recall(ctx context.Context, patience time.Duration) error {
	began := time.Now()
	asking, cancel := context.WithTimeout(ctx, max(patience, recallOnce))
	defer cancel()
	for {
		missing := s.recallMissing()
		asked := make(chan struct{}, len(missing))
		for _, node := range missing {
			s.running.Go(func() {
				s.askHead(asking, node)
				asked <- struct{}{}
			})
		}
		var rest <-chan time.Time
	answers:
		for range missing {
			if s.recallEnough() && rest == nil {
				timer := time.NewTimer(recallRest)
				defer timer.Stop()
				rest = timer.C
			}
			select {
			case <-asked:
			case <-asking.Done():
			case <-rest:
				break answers
			}
			if err := s.checkRecall(); err != nil {
				return err
			}
		}
		if s.recallEnough() {
			return nil
		}
		if time.Since(began) >= patience {
			return ctx.Err()
		}
		select {
		case <-time.After(recallPause):
		case <-asking.Done():
			return ctx.Err()
		}
	}
}

func (s *Cosigner) recallEnough() bool {
	s.recall.mu.Lock()
	defer s.recall.mu.Unlock()
	return s.recall.enough()
}

func (s *Cosigner) recallMissing() []string {
	s.recall.mu.Lock()
	defer s.recall.mu.Unlock()
	return s.recall.missing()
}

// noteRecall takes a node's answer to what it holds of this one.
func (s *Cosigner) noteRecall(node string, response *custodyv1.HeadsResponse) {
	head, at, known := s.ownHead(response.Yours)
	s.notBefore(at)
	s.recall.mu.Lock()
	defer s.recall.mu.Unlock()
	if !slices.Contains(s.recall.others, node) {
		return
	}
	s.recall.answered[node] = true
	if known && head.Size >= s.recall.heads[node].Size && s.recall.heads[node] != head {
		s.recall.heads[node] = head
		s.recall.sure = false
	}
}

// ownHead reads a note that is said to carry this node's cosignature; any of its
// keys counts, so that a change of keys forgets nothing.
func (s *Cosigner) ownHead(raw []byte) (head checkpoint.Checkpoint, at uint64, ok bool) {
	if len(raw) == 0 {
		return head, 0, false
	}
	note, err := checkpoint.ParseNote(raw)
	if err != nil || note.Origin != s.config.Genesis.Name {
		return head, 0, false
	}
	for _, private := range s.config.Keys.Cosigner {
		key := checkpoint.Key{Name: s.cosignerName(), Type: checkpoint.CosignerKey, Public: private.Public()}
		if at, err := key.Verify(note); err == nil {
			return note.Checkpoint, at, true
		}
	}
	return head, 0, false
}

// cosignerName is the same under every policy: a change of keys changes neither
// the node nor its association.
func (s *Cosigner) cosignerName() string {
	policy := s.config.Genesis.Policy()
	n, _ := policy.Node(s.node)
	return policy.CosignerKey(n).Name
}

// checkRecall compares what this node once signed with its ledger.
func (s *Cosigner) checkRecall() error {
	size, _ := s.ledger.Head()
	s.recall.mu.Lock()
	defer s.recall.mu.Unlock()
	for node, head := range s.recall.heads {
		if head.Size > size && !s.config.Rejoining {
			return fmt.Errorf("%w: node %s holds this node's cosignature of size %d, the ledger has %d entries", ErrRolledBack, node, head.Size, size)
		}
	}
	return nil
}

// mayRecall is nil once it is sure that a head of that size contradicts nothing
// that this node has signed.
func (s *Cosigner) mayRecall(size uint64) error {
	s.recall.mu.Lock()
	defer s.recall.mu.Unlock()
	if s.recall.sure {
		return nil
	}
	err := s.contradicted(size)
	if err != nil {
		if s.recall.enough() || time.Since(s.recall.since) >= recallLate {
			s.alarms.raise(AlarmRecall, "", err.Error())
		}
		return err
	}
	s.recall.sure = true
	s.alarms.clear(AlarmRecall, "")
	return nil
}

// contradicted is called under recall.mu.
func (s *Cosigner) contradicted(size uint64) error {
	if !s.recall.enough() {
		return fmt.Errorf("%w before a majority of all nodes, itself included, has said what it signed before its start: %s did not answer yet", errNotSigning, strings.Join(s.recall.missing(), ", "))
	}
	for node, head := range s.recall.heads {
		if head.Size > size {
			return fmt.Errorf("%w: node %s holds its cosignature of size %d, it would be of %d now", errNotSigning, node, head.Size, size)
		}
		root, err := s.ledger.RootAt(head.Size)
		if err != nil {
			return err
		}
		if root != head.Root {
			return fmt.Errorf("%w: node %s holds its cosignature of size %d with root %s, its ledger has root %s there", errNotSigning, node, head.Size, head.Root, root)
		}
	}
	return nil
}
