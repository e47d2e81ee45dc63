package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/rules"
)

// formatVersion is the version of keys and values. It is raised when a change
// to them cannot be told by a value's own version.
const formatVersion = 6

// formatReadable is the oldest version that reads as this one does: 5 has keys that
// nobody asks for any more. A folder that is opened for writing is raised.
const formatReadable = 5

// Create founds a ledger in a folder that is empty or does not exist; it is on
// disk on return. A crash in the middle leaves a folder that Open refuses with
// ErrNotFounded and Create with ErrNotEmpty: delete it and found again.
func Create(dir string, genesisFile []byte, opts Options) error {
	genesis, err := ledger.DecodeGenesis(genesisFile)
	if err != nil {
		return err
	}
	opts = opts.withDefaults()
	opts.ReadOnly = false
	names, err := list(opts.FS, dir)
	if err != nil {
		return err
	}
	if len(names) > 0 {
		return fmt.Errorf("%w: %s holds %s", ErrNotEmpty, dir, names[0])
	}
	if err := opts.FS.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("store: create the folder: %w", err)
	}
	s, err := openPebble(dir, opts, func(p *pebble.Options) { p.ErrorIfExists = true })
	if err != nil {
		return err
	}
	s.setGenesis(genesis, genesisFile)
	err = s.found()
	return errors.Join(err, s.Close())
}

// Open opens a ledger that Create founded. It checks that the genesis is the
// ledger's, and that last entry, head and tree belong together. Apart from a
// ReadOnly open, the folder is locked until Close or the end of the process.
// The error is ErrNotFounded, ErrLocked, ErrNewerFormat, a CorruptError, or one
// of the file system.
func Open(dir string, opts Options) (*Store, error) {
	opts = opts.withDefaults()
	names, err := list(opts.FS, dir)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%w: %s is empty or does not exist", ErrNotFounded, dir)
	}
	s, err := openPebble(dir, opts, func(p *pebble.Options) { p.ErrorIfNotExists = true })
	if err != nil {
		return nil, err
	}
	if err := s.load(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func list(fs vfs.FS, dir string) ([]string, error) {
	names, err := fs.List(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("store: list the folder: %w", err)
	}
	return names, nil
}

// openPebble gives a store without its contents.
func openPebble(dir string, opts Options, adapt func(*pebble.Options)) (*Store, error) {
	f := newFailure(opts)
	p := opts.pebbleOptions(f)
	adapt(p)
	lock, err := lockFolder(dir, opts, p)
	if err != nil {
		return nil, err
	}
	p.Cache = pebble.NewCache(opts.pebbleCacheBytes())
	s := &Store{failure: f, readOnly: opts.ReadOnly, cache: p.Cache, cached: newStateCache(), tree: newTreeCache()}
	disk := &failStopFS{FS: p.FS, failure: f}
	p.FS, s.disk = disk, disk
	err = f.guard(func() error {
		var err error
		s.db, err = pebble.Open(dir, p)
		return err
	})
	if lock != nil && !f.isHalted() {
		// Pebble holds a reference of its own while it is open.
		err = errors.Join(err, lock.Close())
	}
	switch {
	case err == nil:
		f.opened.Store(true)
		disk.armed.Store(!opts.ReadOnly)
		return s, nil
	case errors.Is(err, pebble.ErrDBDoesNotExist):
		return nil, fmt.Errorf("%w: %s", ErrNotFounded, dir)
	case pebble.IsCorruptionError(err), errors.Is(err, os.ErrNotExist), strings.Contains(err.Error(), "object size mismatch"):
		// The folder is there and not empty: a file that is named in it is not,
		// or was cut short, for which Pebble has no kind of error.
		return nil, corrupt(err, "%s", dir)
	}
	return nil, fmt.Errorf("store: open %s: %w", dir, err)
}

// lockFolder takes the folder's lock. A reader may do without one where the
// folder cannot be written to: nobody else can write to it either.
func lockFolder(dir string, opts Options, p *pebble.Options) (*pebble.Lock, error) {
	lock, err := pebble.LockDirectory(dir, opts.FS)
	switch {
	case err == nil:
		p.Lock = lock
		return lock, nil
	case errors.Is(err, syscall.EAGAIN), strings.Contains(err.Error(), "lock held by current process"):
		return nil, fmt.Errorf("%w: %s", ErrLocked, dir)
	case opts.ReadOnly && (errors.Is(err, syscall.EROFS) || errors.Is(err, os.ErrPermission)):
		p.FS = unlockedFS{opts.FS}
		return nil, nil
	}
	return nil, fmt.Errorf("store: lock the folder: %w", err)
}

// unlockedFS is a file system that cannot be written to, where locks have no
// meaning.
type unlockedFS struct{ vfs.FS }

func (unlockedFS) Lock(string) (io.Closer, error) { return io.NopCloser(nil), nil }

func (s *Store) setGenesis(genesis *ledger.Genesis, file []byte) {
	s.genesis, s.genesisFile, s.id = genesis, file, ledger.GenesisID(file)
	s.frontier = &merkle.Frontier{}
	s.state.Store(&state{})
}

// found writes entry 0 and the state that the genesis gives.
func (s *Store) found() error {
	entry, err := s.genesis.Entry(s.genesisFile).Encode()
	if err != nil {
		return err
	}
	leaf := merkle.LeafHash(entry)
	w := s.newWriter()
	w.format()
	w.set(metaGenesis, s.genesisFile)
	w.set(entryKey(0), entry)
	w.tree(leaf)
	w.changes(rules.Genesis(s.genesis))
	w.head(ledger.Head{Size: 1, LastLeaf: leaf, RecordedAt: s.genesis.CreatedMs})
	return w.commit(durable)
}

// load reads what a store keeps in memory and checks that it belongs together.
func (s *Store) load() error {
	r := reading{from: s.db}
	format, err := r.format()
	if err != nil {
		return err
	}
	file, ok, err := r.bytes(metaGenesis, "the genesis")
	if err != nil {
		return err
	}
	genesis, decodeErr := ledger.DecodeGenesis(file)
	if !ok || decodeErr != nil {
		return corrupt(decodeErr, "the genesis")
	}
	s.setGenesis(genesis, file)
	r = s.reading()
	st, err := r.state()
	if err != nil {
		return err
	}
	if err := s.checkEntries(r, st.head); err != nil {
		return err
	}
	if s.frontier, err = merkle.LoadFrontier(st.head.Size, r); err != nil {
		return corrupt(err, "the tree")
	}
	if root := s.frontier.Root(); root != st.head.Root {
		return corrupt(nil, "the stored root of size %d is %s, the tree hashes give %s", st.head.Size, st.head.Root, root)
	}
	signed, err := r.signedHead()
	if err != nil {
		return err
	}
	if err := s.checkHeads(r, st, signed); err != nil {
		return err
	}
	s.signed.Store(signed)
	s.state.Store(st)
	latest, err := r.latest(st.head.Head)
	if err != nil {
		return err
	}
	s.recent = newRecentEvents(latest, recentPerFilter)
	if format == formatVersion || s.readOnly {
		return nil
	}
	w := s.newWriter()
	w.format()
	return w.commit(durable)
}

func (w *writer) format() {
	w.set(metaFormat, binary.BigEndian.AppendUint32(nil, formatVersion))
}

func (r reading) format() (uint32, error) {
	b, ok, err := r.bytes(metaFormat, "the format version")
	switch {
	case err != nil:
		return 0, err
	case !ok:
		return 0, fmt.Errorf("%w: the founding was interrupted; delete the folder and found again", ErrNotFounded)
	case len(b) != 4:
		return 0, corrupt(nil, "the format version has %d bytes", len(b))
	}
	version := binary.BigEndian.Uint32(b)
	if version < formatReadable || version > formatVersion {
		return 0, fmt.Errorf("%w: format %d, this program knows %d to %d", ErrNewerFormat, version, formatReadable, formatVersion)
	}
	return version, nil
}

// checkEntries holds first and last entry against genesis and head.
func (s *Store) checkEntries(r reading, head storedHead) error {
	first, err := r.entry(0)
	if err != nil {
		return err
	}
	if want, err := s.genesis.Entry(s.genesisFile).Encode(); err != nil || !bytes.Equal(first, want) {
		return corruptEntry(0, err, "it is not the genesis of this ledger")
	}
	last := head.Size - 1
	b, err := r.entry(last)
	if err != nil {
		return err
	}
	entry, err := ledger.DecodeEntry(b)
	if err != nil {
		return corruptEntry(last, err, "it cannot be decoded")
	}
	leaves, err := r.Hashes(0, last, head.Size)
	if err != nil {
		return err
	}
	switch leaf := merkle.LeafHash(b); {
	case leaf != head.LastLeaf:
		return corruptEntry(last, nil, fmt.Sprintf("its leaf hash is %s, the head says %s", leaf, head.LastLeaf))
	case leaf != leaves[0]:
		return corruptEntry(last, nil, fmt.Sprintf("its leaf hash is %s, the tree says %s", leaf, leaves[0]))
	case entry.Index != last || entry.RecordedAt != head.RecordedAt:
		return corruptEntry(last, nil, fmt.Sprintf("it says index %d at %d, the head says %d at %d", entry.Index, entry.RecordedAt, last, head.RecordedAt))
	}
	if _, ok, err := r.bytes(entryKey(head.Size), "the entry past the end"); err != nil || ok {
		return corruptEntry(head.Size, err, "it lies past the end that the head names")
	}
	return nil
}
