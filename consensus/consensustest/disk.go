package consensustest

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/raft"
)

// Write is a kind of write to a raft disk.
type Write int

// The kinds of writes.
const (
	LogStored Write = iota
	LogTruncated
	VoteStored // or any other value beside the log
)

// ErrNoPower is what a write gives after a power cut.
var ErrNoPower = errors.New("consensustest: the power is cut")

// disk is a raft log and vote store in memory, as bbolt with fsync is one: a
// write is there whole or not at all, and is there once it has returned.
type disk struct {
	power   *sync.RWMutex
	powered atomic.Bool
	wrote   func(w Write, done bool)

	mu     sync.Mutex
	logs   map[uint64]raft.Log
	values map[string][]byte
	ints   map[string]uint64
}

func newDisk(power *sync.RWMutex, wrote func(Write, bool)) *disk {
	d := &disk{
		power: power, wrote: wrote,
		logs: make(map[uint64]raft.Log), values: make(map[string][]byte), ints: make(map[string]uint64),
	}
	d.powered.Store(true)
	return d
}

// survivor is a disk with what d holds. The caller holds power.
func (d *disk) survivor() *disk {
	s := newDisk(d.power, d.wrote)
	s.logs, s.values, s.ints = maps.Clone(d.logs), maps.Clone(d.values), maps.Clone(d.ints)
	return s
}

func (d *disk) write(w Write, change func()) error {
	if !d.powered.Load() {
		return ErrNoPower
	}
	d.wrote(w, false)
	if !d.changed(change) {
		return ErrNoPower
	}
	d.wrote(w, true)
	return nil
}

// changed reports whether the change was made while there was power.
func (d *disk) changed(change func()) bool {
	d.power.RLock()
	defer d.power.RUnlock()
	if !d.powered.Load() {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	change()
	return true
}

func (d *disk) StoreLog(l *raft.Log) error { return d.StoreLogs([]*raft.Log{l}) }

func (d *disk) StoreLogs(logs []*raft.Log) error {
	return d.write(LogStored, func() {
		for _, l := range logs {
			stored := *l
			stored.Data, stored.Extensions = bytes.Clone(l.Data), bytes.Clone(l.Extensions)
			d.logs[l.Index] = stored
		}
	})
}

func (d *disk) DeleteRange(first, last uint64) error {
	return d.write(LogTruncated, func() {
		for i := first; i <= last; i++ {
			delete(d.logs, i)
		}
	})
}

func (d *disk) Set(key, value []byte) error {
	return d.write(VoteStored, func() { d.values[string(key)] = bytes.Clone(value) })
}

// keyTerm is raft's own; raft panics when its term cannot be stored.
const keyTerm = "CurrentTerm"

// SetUint64 drops a term without power: what raft does with it afterwards, it
// does for itself.
func (d *disk) SetUint64(key []byte, value uint64) error {
	err := d.write(VoteStored, func() { d.ints[string(key)] = value })
	if string(key) == keyTerm {
		return nil
	}
	return err
}

var errNotFound = errors.New("not found") // the text that raft knows

func (d *disk) Get(key []byte) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if v, ok := d.values[string(key)]; ok {
		return bytes.Clone(v), nil
	}
	return nil, errNotFound
}

func (d *disk) GetUint64(key []byte) (uint64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if v, ok := d.ints[string(key)]; ok {
		return v, nil
	}
	return 0, errNotFound
}

func (d *disk) GetLog(index uint64, l *raft.Log) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	stored, ok := d.logs[index]
	if !ok {
		return raft.ErrLogNotFound
	}
	*l = stored
	return nil
}

// FirstIndex is 0 for an empty log.
func (d *disk) FirstIndex() (uint64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.logs) == 0 {
		return 0, nil
	}
	return slices.Min(slices.Collect(maps.Keys(d.logs))), nil
}

// LastIndex is 0 for an empty log.
func (d *disk) LastIndex() (uint64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.logs) == 0 {
		return 0, nil
	}
	return slices.Max(slices.Collect(maps.Keys(d.logs))), nil
}
