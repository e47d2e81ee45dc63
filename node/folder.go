package node

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/custodyledger/custodyledger/consensus"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/store"
	"github.com/custodyledger/custodyledger/node/backup"
	"github.com/custodyledger/custodyledger/node/keyfile"
)

// A data folder holds what one incarnation of a node remembers:
//
//	server.json   whose folder this is; written last, when the rest is complete
//	ledger/       the store
//	raft/         the raft log and the votes
const (
	serverFile   = "server.json"
	ledgerFolder = backup.LedgerFolder
	raftFolder   = "raft"

	folderFormat = "custody-data/v1"
)

// How a data folder came to be.
const (
	originFounded  = "founded"
	originRejoined = "rejoined"
)

// server is the content of server.json.
type server struct {
	Format   string `json:"format"`
	ServerID string `json:"server_id"`
	LedgerID string `json:"ledger_id"`
	Origin   string `json:"origin"`
	// Joined says that the cluster has given this server its vote. Founding
	// servers have it from the start.
	Joined bool `json:"joined"`
}

// ErrNoData is wrapped by the refusal to run without a data folder.
var ErrNoData = errors.New("there is no data folder to run on")

// Found makes the data folder of a founding node, with the incarnation that
// the genesis names, once in the life of the identity: whoever lost the folder
// lost the votes in it, and must rejoin under a new incarnation.
func Found(c Config) error {
	identity, genesis, file, err := loadMembership(c)
	if err != nil {
		return err
	}
	own, err := identity.inGenesis(genesis)
	if err != nil {
		return err
	}
	s := server{Format: folderFormat, ServerID: own.ServerID(), LedgerID: ledger.GenesisID(file).String(), Origin: originFounded, Joined: true}
	marker, building := filepath.Join(c.IdentityDir, foundedFile), c.DataDir+".founding"
	switch _, err := os.Stat(marker); {
	case err == nil:
		return finishFounding(building, c.DataDir)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := absent(c.DataDir); err != nil {
		return err
	}
	// Nothing has run on what an earlier attempt left behind.
	if err := os.RemoveAll(building); err != nil {
		return err
	}
	if err := buildFolder(building, file, s); err != nil {
		return err
	}
	if err := keyfile.WriteNew(marker, []byte(s.ServerID+"\n"), 0o644); err != nil {
		return err
	}
	return finishFounding(building, c.DataDir)
}

// finishFounding puts the complete folder in its place. It is also what a
// founding that was interrupted after its marker goes on with.
func finishFounding(building, dir string) error {
	if _, err := os.Stat(building); errors.Is(err, fs.ErrNotExist) {
		return errors.New("this node was founded before; a second data folder would vote again under the same name. If the first one is lost, use `custodyd rejoin`")
	}
	return putInPlace(building, dir)
}

// putInPlace gives a complete folder its name, where nothing or an empty folder is.
func putInPlace(building, dir string) error {
	if err := absent(dir); err != nil {
		return err
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Rename(building, dir); err != nil {
		return err
	}
	return keyfile.SyncDir(filepath.Dir(dir))
}

// absent accepts a folder that is missing or empty.
func absent(dir string) error {
	if err := backup.Absent(dir); err != nil {
		return fmt.Errorf("data folder %w", err)
	}
	return nil
}

// buildFolder makes a complete data folder where nothing is.
func buildFolder(dir string, genesisFile []byte, s server) error {
	if err := emptyFolder(dir, 0o700); err != nil {
		return err
	}
	if err := store.Create(filepath.Join(dir, ledgerFolder), genesisFile, store.Options{}); err != nil {
		return err
	}
	return s.complete(dir, keyfile.WriteNew)
}

// complete adds to a folder with a ledger an empty raft log and, last, whose folder it is.
func (s server) complete(dir string, write func(string, []byte, fs.FileMode) error) error {
	if err := os.Mkdir(filepath.Join(dir, raftFolder), 0o700); err != nil {
		return err
	}
	return s.write(dir, write)
}

func (s server) write(dir string, write func(string, []byte, fs.FileMode) error) error {
	b, err := encodeJSON(s)
	if err != nil {
		return err
	}
	return write(filepath.Join(dir, serverFile), b, 0o600)
}

// Rejoin prepares a data folder with a new incarnation, for a node that lost
// its own. With keepLedger it takes the ledger that is there, which was
// verified once, and forgets the raft log and its votes. The folder must not
// be in use. The cluster takes the new server in when it runs.
func Rejoin(c Config, keepLedger bool, random io.Reader) (consensus.ServerID, error) {
	identity, genesis, file, err := loadMembership(c)
	if err != nil {
		return consensus.ServerID{}, err
	}
	s, id, err := newIncarnation(c, identity, genesis, file, random)
	if err != nil {
		return consensus.ServerID{}, err
	}
	if keepLedger {
		return id, renewFolder(c.DataDir, file, s)
	}
	if err := absent(c.DataDir); err != nil {
		return consensus.ServerID{}, fmt.Errorf("%w. Move it away, or keep its ledger with --keep-ledger", err)
	}
	return id, buildFolder(c.DataDir, file, s)
}

// newIncarnation draws the server that takes the place of the one that lost its votes.
// From here on the first incarnation must not be used any more, whatever becomes of
// the new one.
func newIncarnation(c Config, identity *Identity, genesis *ledger.Genesis, file []byte, random io.Reader) (server, consensus.ServerID, error) {
	own, err := identity.inGenesis(genesis)
	if err != nil {
		return server{}, consensus.ServerID{}, err
	}
	if len(genesis.Nodes) == 1 {
		return server{}, consensus.ServerID{}, errors.New("the ledger has no other node to rejoin")
	}
	id, err := consensus.NewServerID(own.ID, random)
	if err != nil {
		return server{}, consensus.ServerID{}, err
	}
	marker := filepath.Join(c.IdentityDir, foundedFile)
	if err := keyfile.WriteNew(marker, []byte(own.ServerID()+"\n"), 0o644); err != nil && !errors.Is(err, fs.ErrExist) {
		return server{}, consensus.ServerID{}, err
	}
	return server{Format: folderFormat, ServerID: id.String(), LedgerID: ledger.GenesisID(file).String(), Origin: originRejoined}, id, nil
}

// renewFolder gives a folder with a ledger a new server and an empty raft log.
// The old raft log is kept beside it, for whoever looks into the loss.
func renewFolder(dir string, genesisFile []byte, s server) error {
	ledgerDir := filepath.Join(dir, ledgerFolder)
	kept, err := store.Open(ledgerDir, store.Options{})
	if err != nil {
		return fmt.Errorf("keep the ledger in %s: %w", ledgerDir, err)
	}
	same := kept.LedgerID() == ledger.GenesisID(genesisFile)
	if err := kept.Close(); err != nil {
		return err
	}
	if !same {
		return fmt.Errorf("%s holds another ledger than the genesis names", ledgerDir)
	}
	raftDir := filepath.Join(dir, raftFolder)
	for n := 1; ; n++ {
		old := fmt.Sprintf("%s.old-%d", raftDir, n)
		if _, err := os.Stat(old); errors.Is(err, fs.ErrNotExist) {
			if err := os.Rename(raftDir, old); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			break
		}
	}
	return s.complete(dir, keyfile.Write)
}

// openFolder reads whose data folder this is. It refuses one that is missing,
// empty, incomplete, or of another node or ledger.
func openFolder(dir string, node string, id ledger.LedgerID) (server, consensus.ServerID, error) {
	b, err := os.ReadFile(filepath.Join(dir, serverFile))
	if errors.Is(err, fs.ErrNotExist) {
		return server{}, consensus.ServerID{}, fmt.Errorf("%w: %s is missing, empty or incomplete. "+
			"A new ledger is founded with `custodyd init found`, once; a node that lost its folder comes back with `custodyd rejoin`. "+
			"If a disk should be mounted there, mount it", ErrNoData, dir)
	}
	if err != nil {
		return server{}, consensus.ServerID{}, err
	}
	var s server
	if err := keyfile.StrictJSON(b, &s); err != nil || s.Format != folderFormat || s.Origin != originFounded && s.Origin != originRejoined {
		return server{}, consensus.ServerID{}, fmt.Errorf("%s is not one that this program has written", filepath.Join(dir, serverFile))
	}
	server, err := consensus.ParseServerID(s.ServerID)
	if err != nil {
		return s, server, err
	}
	if server.Node != node {
		return s, server, fmt.Errorf("data folder %s is that of node %s, the identity that of node %s", dir, server.Node, node)
	}
	if s.LedgerID != id.String() {
		return s, server, fmt.Errorf("data folder %s belongs to ledger %.16s…, the genesis is that of %.16s…", dir, s.LedgerID, id)
	}
	return s, server, nil
}

func loadMembership(c Config) (*Identity, *ledger.Genesis, []byte, error) {
	genesis, file, genesisErr := ReadGenesis(c.Genesis)
	identity, identityErr := LoadIdentity(c.IdentityDir)
	if err := errors.Join(genesisErr, identityErr); err != nil {
		return nil, nil, nil, err
	}
	return identity, genesis, file, c.checkAgainst(genesis)
}

// keyHash reads the pinned TLS key of a node in a validated genesis.
func keyHash(n ledger.Node) (consensus.KeyHash, error) {
	b, err := hex.DecodeString(n.TLSKeySHA256)
	if err != nil || len(b) != len(consensus.KeyHash{}) {
		return consensus.KeyHash{}, fmt.Errorf("genesis: node %s: tls_key_sha256 is malformed", n.ID)
	}
	return consensus.KeyHash(b), nil
}
