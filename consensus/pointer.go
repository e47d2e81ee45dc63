package consensus

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/raft"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/merkle"
)

// pointerBytesMax is above the longest encoding of a pointer.
const pointerBytesMax = ledger.PointerConfigurationBytesMax + ledger.PointerFinalNoteBytesMax + 256

// pointerOffersMax is how often the leader may offer one pointer that this node
// cannot use before it looks whether raft's memory and the disk disagree: then,
// and only then, the process ends, because only a start from disk settles it. A
// leader that lies can offer what it likes, it cannot make the two disagree.
const pointerOffersMax = 8

// pointerStore is raft's snapshot store. What it lists is one record inside
// the ledger: the target while the node catches up, else the last pointer.
//
// raft reads it from its replication goroutines, its snapshot goroutine and,
// when a pointer arrives, from its main loop.
type pointerStore struct {
	cluster [32]byte
	ledger  Ledger
	fsm     *fsm
	log     *watchedLog
	check   func(ledger.Pointer) error
	fatal   func(error)
	last    atomic.Pointer[func() uint64] // raft's own last index; nil before it has started

	mu       sync.Mutex
	incoming map[string][]byte // received, not yet restored; at most one
	offered  uint64            // index of the last pointer that was refused
	offers   int               // how often in a row
}

// current returns the record that stands for the state at the start of the
// raft log.
func (s *pointerStore) current() (ledger.Pointer, bool) {
	if t, ok := s.ledger.Target(); ok && t.Cluster == s.cluster {
		return t, true
	}
	p, ok := s.ledger.Pointer()
	return p, ok && p.Cluster == s.cluster
}

// base is the index and term of the current record: what the raft log follows
// on. No command at or below the index needs a log entry.
func (s *pointerStore) base() (index, term uint64) {
	p, _ := s.current()
	return p.Index, p.Term
}

// List implements raft.SnapshotStore.
func (s *pointerStore) List() ([]*raft.SnapshotMeta, error) {
	p, ok := s.current()
	if !ok {
		return nil, nil
	}
	meta, _, err := describePointer(p)
	if err != nil {
		return nil, err
	}
	return []*raft.SnapshotMeta{meta}, nil
}

// Open implements raft.SnapshotStore.
func (s *pointerStore) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	s.mu.Lock()
	b, received := s.incoming[id]
	delete(s.incoming, id)
	s.mu.Unlock()
	if received {
		p, err := ledger.ParsePointer(b)
		if err != nil {
			return nil, nil, err
		}
		meta, _, err := describePointer(p)
		return meta, io.NopCloser(bytes.NewReader(b)), err
	}
	p, ok := s.current()
	if !ok || pointerID(p.Index, p.Term) != id {
		return nil, nil, fmt.Errorf("consensus: there is no pointer %q any more", id)
	}
	meta, b, err := describePointer(p)
	return meta, io.NopCloser(bytes.NewReader(b)), err
}

// Create implements raft.SnapshotStore. Whether the sink takes this node's own
// pointer or a received one shows when it is filled.
func (s *pointerStore) Create(version raft.SnapshotVersion, index, term uint64, members raft.Configuration,
	membersIndex uint64, _ raft.Transport) (raft.SnapshotSink, error) {
	if version != raft.SnapshotVersionMax {
		return nil, fmt.Errorf("consensus: snapshot version %d", version)
	}
	return &pointerSink{store: s, index: index, term: term, members: members, membersIndex: membersIndex}, nil
}

type pointerSink struct {
	store        *pointerStore
	index, term  uint64
	members      raft.Configuration
	membersIndex uint64
	own          *ownPointer
	received     bytes.Buffer
}

// ownPointer is the state that fsm.Snapshot saw.
type ownPointer struct {
	size uint64
	root merkle.Hash
	note []byte
}

// Persist implements raft.FSMSnapshot. The ledger may have moved on since;
// the pointer names the state that was seen.
func (o *ownPointer) Persist(sink raft.SnapshotSink) error {
	s, ok := sink.(*pointerSink)
	if !ok {
		return fmt.Errorf("consensus: a pointer cannot be written to a %T", sink)
	}
	s.own = o // raft calls Close next
	return nil
}

// Release implements raft.FSMSnapshot.
func (o *ownPointer) Release() {}

func (s *pointerSink) ID() string    { return pointerID(s.index, s.term) }
func (s *pointerSink) Cancel() error { return nil }

func (s *pointerSink) Write(b []byte) (int, error) {
	if s.received.Len()+len(b) > pointerBytesMax {
		return 0, fmt.Errorf("consensus: a pointer has at most %d bytes", pointerBytesMax)
	}
	return s.received.Write(b)
}

// Close stores the node's own pointer durably, or checks a received one and
// keeps it for Restore. raft deletes log entries after it returned nil.
func (s *pointerSink) Close() error {
	if s.own != nil {
		return s.store.fsm.savePointer(ledger.Pointer{
			Cluster: s.store.cluster, Index: s.index, Term: s.term, Size: s.own.size, Root: s.own.root,
			ConfigurationIndex: s.membersIndex, Configuration: raft.EncodeConfiguration(s.members), FinalNote: s.own.note,
		})
	}
	if err := s.checkReceived(); err != nil {
		return err
	}
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	s.store.incoming = map[string][]byte{s.ID(): s.received.Bytes()}
	return nil
}

func (s *pointerSink) checkReceived() error {
	p, err := ledger.ParsePointer(s.received.Bytes())
	if err != nil {
		return err
	}
	members, err := decodeMembers(p.Configuration)
	switch {
	case err != nil:
		return err
	case p.Cluster != s.store.cluster:
		return fmt.Errorf("consensus: pointer of cluster %x", p.Cluster)
	case p.Index != s.index || p.Term != s.term || p.ConfigurationIndex != s.membersIndex || !reflect.DeepEqual(members, s.members):
		return errors.New("consensus: pointer and snapshot request differ")
	}
	if err := s.store.useful(p); err != nil {
		return s.store.refused(s.index, err)
	}
	if s.store.check == nil {
		return nil
	}
	if err = s.store.check(p); errors.Is(err, ErrDiverged) {
		s.store.fatal(err)
	}
	return err
}

// useful refuses a pointer to what this node has already: a late copy, for
// instance, of one that was taken over. raft empties its log when it takes one
// over, and with it would go entries above the pointer that this node has
// promised to keep.
//
// The current record itself is taken over again while the log after it is
// empty: its leader did not hear the answer, and offers it until it does.
func (s *pointerStore) useful(p ledger.Pointer) error {
	index, term := s.base()
	last, err := s.log.LastIndex()
	if err != nil {
		return err
	}
	if p.Index == index && p.Term == term && last == 0 {
		return nil
	}
	first, err := s.log.FirstIndex()
	if err != nil {
		return err
	}
	held, err := s.log.holds(p.Index, p.Term)
	if err != nil {
		return err
	}
	applied := p.Index <= s.fsm.position().Index && first <= p.Index && p.Index <= last
	if held || applied || p.Index <= index {
		return fmt.Errorf("consensus: pointer to %d is behind this node, whose pointer names %d and whose log ends at %d",
			p.Index, index, last)
	}
	return nil
}

func (s *pointerStore) refused(index uint64, err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.offered != index {
		s.offered, s.offers = index, 0
	}
	if s.offers++; s.offers < pointerOffersMax {
		return err
	}
	if inMemory, onDisk, astray := s.astray(); astray {
		s.fatal(fmt.Errorf("%w: raft is at entry %d, its log on disk at %d, and the leader offered the pointer to %d %d times: %w",
			ErrRestartNeeded, inMemory, onDisk, index, s.offers, err))
	}
	return err
}

// astray tells whether raft takes its log to end elsewhere than the disk says.
// raft's main loop calls it, and nobody else writes either.
func (s *pointerStore) astray() (inMemory, onDisk uint64, astray bool) {
	last := s.last.Load()
	if last == nil {
		return 0, 0, false
	}
	onDisk, err := s.log.LastIndex()
	if err != nil {
		return 0, 0, false
	}
	base, _ := s.base()
	inMemory, onDisk = (*last)(), max(onDisk, base)
	return inMemory, onDisk, inMemory != onDisk
}

// Snapshot implements raft.FSM. It refuses while the ledger is not exactly
// the state after the last entry that raft handed over.
func (f *fsm) Snapshot() (raft.FSMSnapshot, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	at := f.position()
	switch {
	case !f.mode.is(modeLive):
		return nil, errors.New("consensus: no pointer while catching up")
	case at.IsZero():
		return nil, errors.New("consensus: no pointer before the cluster is opened")
	case f.seen < at.Index:
		return nil, errors.New("consensus: no pointer while raft repeats what is applied")
	}
	size, root := f.ledger.Head()
	return &ownPointer{size: size, root: root, note: f.note()}, nil
}

func (f *fsm) savePointer(p ledger.Pointer) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.mode.is(modeLive) {
		return errors.New("consensus: no pointer while catching up")
	}
	if last, ok := f.ledger.Pointer(); ok && last.Cluster == f.cluster && last.Index >= p.Index {
		return fmt.Errorf("consensus: pointer to %d after one to %d", p.Index, last.Index)
	}
	done := f.dog.watch("a pointer")
	var err error
	if f.position().Index < p.Index {
		// What came after the last command was not for the machine; the position
		// follows, so that no pointer is ahead of its ledger.
		_, err = f.applyRun(p.Position(), nil)
	}
	if err == nil {
		err = f.ledger.SyncPointer(p)
	}
	done()
	if err != nil {
		f.stop(fmt.Errorf("consensus: store a pointer: %w", err))
		return err
	}
	f.unsaved = 0
	f.progress.advance(p.Index)
	return nil
}

// signalPointer asks for a pointer when one is due. The pointer's index is on
// disk and raft repeats what came after it, so both counts survive a restart.
// The caller holds mu.
func (f *fsm) signalPointer() {
	if !f.mode.is(modeLive) || f.seen < f.position().Index {
		return
	}
	var last uint64
	if p, ok := f.ledger.Pointer(); ok && p.Cluster == f.cluster {
		last = p.Index
	}
	if f.seen > last && (f.seen-last >= f.limits.entries || f.unsaved >= f.limits.bytes) {
		signal(f.pointerDue)
	}
}

func pointerID(index, term uint64) string { return fmt.Sprintf("%d-%d", term, index) }

func describePointer(p ledger.Pointer) (*raft.SnapshotMeta, []byte, error) {
	b, err := p.AppendBinary(nil)
	if err != nil {
		return nil, nil, err
	}
	members, err := decodeMembers(p.Configuration)
	if err != nil {
		return nil, nil, err
	}
	return &raft.SnapshotMeta{
		Version: raft.SnapshotVersionMax, ID: pointerID(p.Index, p.Term), Index: p.Index, Term: p.Term,
		Configuration: members, ConfigurationIndex: p.ConfigurationIndex, Size: int64(len(b)),
	}, b, nil
}
