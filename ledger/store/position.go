package store

import (
	"fmt"

	"github.com/custodyledger/custodyledger/ledger"
)

// Position gives what the last Apply or AdoptTarget stored.
func (s *Store) Position() ledger.Position { return s.state.Load().position }

// Pointer gives the last pointer that SyncPointer or AdoptTarget stored.
func (s *Store) Pointer() (p ledger.Pointer, ok bool) { return deref(s.state.Load().pointer) }

// Target gives the pointer that this ledger is catching up to.
func (s *Store) Target() (p ledger.Pointer, ok bool) { return deref(s.state.Load().target) }

func deref(p *ledger.Pointer) (ledger.Pointer, bool) {
	if p == nil {
		return ledger.Pointer{}, false
	}
	return *p, true
}

// SyncPointer stores p in place of the pointer before. On return p and every
// batch before it are on disk. It refuses, with ErrTarget and nothing changed,
// a pointer to a state that this ledger has not reached.
func (s *Store) SyncPointer(p ledger.Pointer) error {
	if err := p.Validate(); err != nil {
		return err
	}
	return s.record(func(st *state, w *writer) error {
		switch {
		case p.Cluster != st.position.Cluster || p.Index > st.position.Index:
			return fmt.Errorf("%w: it is at %s, the pointer at %s", ErrTarget, st.position, p.Position())
		case p.Size > st.head.Size || p.Size == st.head.Size && p.Root != st.head.Root:
			return fmt.Errorf("%w: it has %d entries and root %s, the pointer %d and %s", ErrTarget, st.head.Size, st.head.Root, p.Size, p.Root)
		}
		w.pointer(p)
		return nil
	})
}

// SetTarget stores p as the target, in place of one that may be there; on disk
// on return. It refuses, with ErrTarget and nothing changed, a target that this
// ledger is past already.
func (s *Store) SetTarget(p ledger.Pointer) error {
	if err := p.Validate(); err != nil {
		return err
	}
	return s.record(func(st *state, w *writer) error {
		if p.Size < st.head.Size {
			return fmt.Errorf("%w: it has %d entries, the target %d", ErrTarget, st.head.Size, p.Size)
		}
		w.target(p)
		return nil
	})
}

// AdoptTarget ends a catch-up in one atomic write that is on disk on return: the
// position becomes the target's, the target the pointer, and there is no target
// any more. The target's final checkpoint is taken over if it holds and is newer
// than the one that is known. It refuses, with ErrTarget and nothing changed,
// unless the ledger has exactly the target's size and root.
func (s *Store) AdoptTarget() error {
	return s.record(func(st *state, w *writer) error {
		if st.target == nil {
			return fmt.Errorf("%w: there is no target", ErrTarget)
		}
		if t := st.target; t.Size != st.head.Size || t.Root != st.head.Root {
			return fmt.Errorf("%w: it has %d entries and root %s, the target %d and %s", ErrTarget, st.head.Size, st.head.Root, t.Size, t.Root)
		}
		w.position(st.target.Position())
		w.pointer(*st.target)
		w.noTarget()
		w.adoptFinal(*st.target)
		return nil
	})
}

// record writes what fill adds, synced, unless fill refuses.
func (s *Store) record(fill func(*state, *writer) error) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := s.mayWrite(); err != nil {
		return err
	}
	w := s.newWriter()
	if err := fill(s.state.Load(), w); err != nil {
		_ = w.batch.Close()
		return err
	}
	return w.commit(durable)
}
