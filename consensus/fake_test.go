package consensus

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/hashicorp/raft"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/merkle"
)

// memState is everything a ledger keeps.
type memState struct {
	entries  [][]byte
	position ledger.Position
	pointer  *ledger.Pointer
	target   *ledger.Pointer
}

func (s memState) clone() memState {
	s.entries = slices.Clone(s.entries)
	return s
}

// memLedger is a ledger and its machine in memory. What was not synced is lost
// in a crash, as with the real store: a prefix of the batches survives.
//
// Every command becomes one entry, except that "even:..." is refused on a
// ledger of odd size: applied to another state, it has another outcome.
type memLedger struct {
	mu     sync.Mutex
	now    memState
	synced memState

	lieOnSync  bool           // SyncPointer and the like do not sync
	applyGate  chan struct{}  // when not nil, Apply waits until it is closed
	applyError error          // when not nil, Apply fails
	applied    map[uint64]int // raft index → how often it was applied by this process
	onApply    func(index uint64)
}

func newMemLedger() *memLedger {
	genesis := memState{entries: [][]byte{[]byte("genesis")}}
	return &memLedger{now: genesis, synced: genesis.clone(), applied: make(map[uint64]int)}
}

// crash returns the ledger that a power cut leaves.
func (m *memLedger) crash() *memLedger {
	m.mu.Lock()
	defer m.mu.Unlock()
	return &memLedger{now: m.synced.clone(), synced: m.synced.clone(), applied: make(map[uint64]int)}
}

// reopen returns the ledger after an orderly end: nothing is lost.
func (m *memLedger) reopen() *memLedger {
	m.mu.Lock()
	defer m.mu.Unlock()
	return &memLedger{now: m.now.clone(), synced: m.now.clone(), applied: make(map[uint64]int)}
}

func fakeRoot(entries [][]byte) merkle.Hash {
	h := sha256.New()
	for _, e := range entries {
		fmt.Fprintf(h, "%d:", len(e))
		h.Write(e)
	}
	return merkle.Hash(h.Sum(nil))
}

func (m *memLedger) sync() {
	if !m.lieOnSync {
		m.synced = m.now.clone()
	}
}

func (m *memLedger) Position() ledger.Position {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now.position
}

func (m *memLedger) Head() (uint64, merkle.Hash) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return uint64(len(m.now.entries)), fakeRoot(m.now.entries)
}

func (m *memLedger) Pointer() (ledger.Pointer, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.now.pointer == nil {
		return ledger.Pointer{}, false
	}
	return *m.now.pointer, true
}

func (m *memLedger) Target() (ledger.Pointer, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.now.target == nil {
		return ledger.Pointer{}, false
	}
	return *m.now.target, true
}

func (m *memLedger) SyncPointer(p ledger.Pointer) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if p.Cluster != m.now.position.Cluster || p.Index > m.now.position.Index || p.Size > uint64(len(m.now.entries)) {
		return fmt.Errorf("pointer %+v at %v", p, m.now.position)
	}
	m.now.pointer = &p
	m.sync()
	return nil
}

func (m *memLedger) SetTarget(p ledger.Pointer) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now.target = &p
	m.sync()
	return nil
}

func (m *memLedger) AdoptTarget() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.now.target
	if uint64(len(m.now.entries)) != t.Size || fakeRoot(m.now.entries) != t.Root {
		return errors.New("not at the target")
	}
	m.now.position, m.now.pointer, m.now.target = t.Position(), t, nil
	m.sync()
	return nil
}

func (m *memLedger) Apply(position ledger.Position, commands []Command) ([]any, error) {
	m.mu.Lock()
	gate, failure, hook := m.applyGate, m.applyError, m.onApply
	m.mu.Unlock()
	if gate != nil {
		<-gate
	}
	if failure != nil {
		return nil, failure
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	results := make([]any, len(commands))
	for i, c := range commands {
		m.applied[c.Index]++
		if hook != nil {
			hook(c.Index)
		}
		if bytes.HasPrefix(c.Data, []byte("even:")) && len(m.now.entries)%2 == 1 {
			results[i] = "refused"
			continue
		}
		m.now.entries = append(m.now.entries, bytes.Clone(c.Data))
		results[i] = uint64(len(m.now.entries) - 1)
	}
	m.now.position = position
	return results, nil
}

func (m *memLedger) entries() [][]byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.now.entries)
}

func (m *memLedger) appliedTwice() []uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	var twice []uint64
	for i, n := range m.applied {
		if n > 1 {
			twice = append(twice, i)
		}
	}
	return twice
}

// memCatchUp fetches from another ledger, a few entries at a time.
type memCatchUp struct {
	to     *memLedger
	from   func() *memLedger
	hold   chan struct{} // when not nil, entries come only once it is closed
	forge  bool
	calls  int
	mu     sync.Mutex
	onStep func(size int)
}

func (c *memCatchUp) CatchUp(ctx context.Context, target ledger.Pointer) error {
	c.mu.Lock()
	c.calls++
	hold := c.hold
	c.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		have, _ := c.to.Head()
		if have == target.Size {
			return nil
		}
		from := c.from()
		if from == nil {
			return errors.New("no peer answers")
		}
		source := from.entries()
		if uint64(len(source)) < target.Size {
			return errors.New("the peer is behind")
		}
		next := source[have:min(have+7, target.Size)]
		c.to.mu.Lock()
		for _, e := range next {
			if c.forge {
				e = append(slices.Clone(e), '!')
			}
			c.to.now.entries = append(c.to.now.entries, e)
		}
		size := len(c.to.now.entries)
		c.to.mu.Unlock()
		if c.onStep != nil {
			c.onStep(size)
		}
	}
}

// memDisk is a raft log and vote store in memory. Each write is on disk when
// it returns; a crash leaves exactly that.
type memDisk struct {
	mu    sync.Mutex
	logs  map[uint64]raft.Log
	kv    map[string][]byte
	ints  map[string]uint64
	hang  chan struct{} // when not nil, writes wait until it is closed
	fault error         // when not nil, writes fail
}

func newMemDisk() *memDisk {
	return &memDisk{logs: make(map[uint64]raft.Log), kv: make(map[string][]byte), ints: make(map[string]uint64)}
}

func (d *memDisk) crash() *memDisk {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := newMemDisk()
	for i, l := range d.logs {
		c.logs[i] = l
	}
	for k, v := range d.kv {
		c.kv[k] = v
	}
	for k, v := range d.ints {
		c.ints[k] = v
	}
	return c
}

func (d *memDisk) bounds() (first, last uint64) {
	for i := range d.logs {
		if first == 0 || i < first {
			first = i
		}
		last = max(last, i)
	}
	return first, last
}

func (d *memDisk) FirstIndex() (uint64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	first, _ := d.bounds()
	return first, nil
}

func (d *memDisk) LastIndex() (uint64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, last := d.bounds()
	return last, nil
}

func (d *memDisk) GetLog(index uint64, l *raft.Log) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	stored, ok := d.logs[index]
	if !ok {
		return raft.ErrLogNotFound
	}
	*l = stored
	return nil
}

func (d *memDisk) ready() error {
	d.mu.Lock()
	hang, fault := d.hang, d.fault
	d.mu.Unlock()
	if hang != nil {
		<-hang
	}
	return fault
}

func (d *memDisk) StoreLog(l *raft.Log) error { return d.StoreLogs([]*raft.Log{l}) }

func (d *memDisk) StoreLogs(logs []*raft.Log) error {
	if err := d.ready(); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, l := range logs {
		d.logs[l.Index] = *l
	}
	return nil
}

func (d *memDisk) DeleteRange(first, last uint64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := first; i <= last; i++ {
		delete(d.logs, i)
	}
	return nil
}

func (d *memDisk) Set(key, value []byte) error {
	if err := d.ready(); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.kv[string(key)] = bytes.Clone(value)
	return nil
}

func (d *memDisk) Get(key []byte) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if v, ok := d.kv[string(key)]; ok {
		return v, nil
	}
	return nil, errors.New("not found")
}

func (d *memDisk) SetUint64(key []byte, value uint64) error {
	if err := d.ready(); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ints[string(key)] = value
	return nil
}

func (d *memDisk) GetUint64(key []byte) (uint64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ints[string(key)], nil
}

// onDisk is the answer of a log that writes before it returns.
func onDisk(uint64) error { return nil }
