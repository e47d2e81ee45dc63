package node

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/custodyledger/custodyledger/consensus"
	"github.com/custodyledger/custodyledger/node/backup"
	"github.com/custodyledger/custodyledger/node/keyfile"
)

// Backup copies the node's ledger, whether the node runs or not, to a folder that must
// not exist or be empty. Keys are not in it. See backup.Make.
func Backup(ctx context.Context, c Config, to string, progress backup.Progress) (*backup.Manifest, error) {
	identity, _, _, err := loadMembership(c)
	if err != nil {
		return nil, err
	}
	return backup.Make(ctx, c.DataDir, to, identity.Part.Node.ID, progress)
}

// Restore makes a data folder from a backup that this node has made, with a new
// incarnation as Rejoin does: raft's votes are not in a backup. The backup is verified
// before anything is written, as an auditor would. The cluster takes the new server in
// when it runs, and gives it what came after the backup.
func Restore(ctx context.Context, c Config, from string, random io.Reader, checking, copying backup.Progress) (consensus.ServerID, *backup.Manifest, error) {
	var none consensus.ServerID
	identity, genesis, file, err := loadMembership(c)
	if err != nil {
		return none, nil, err
	}
	if err := absent(c.DataDir); err != nil {
		return none, nil, fmt.Errorf("%w. Move it away first", err)
	}
	m, err := backup.Read(from)
	if err != nil {
		return none, nil, err
	}
	if own := identity.Part.Node.ID; m.Node != own {
		return none, nil, fmt.Errorf("%s was made by node %s, this is node %s: a ledger remembers what its node signed, and what dealers showed to it alone. "+
			"A node without a backup of its own comes back with `custodyd rejoin`", from, m.Node, own)
	}
	if m, err = backup.Verify(ctx, from, file, checking); err != nil {
		return none, nil, err
	}
	building := c.DataDir + ".restoring"
	if err := os.RemoveAll(building); err != nil {
		return none, nil, err
	}
	if _, err := backup.CopyFolder(ctx, filepath.Join(from, ledgerFolder), filepath.Join(building, ledgerFolder), copying); err != nil {
		return none, nil, err
	}
	s, id, err := newIncarnation(c, identity, genesis, file, random)
	if err != nil {
		return none, nil, err
	}
	if err := s.complete(building, keyfile.WriteNew); err != nil {
		return none, nil, err
	}
	return id, m, putInPlace(building, c.DataDir)
}
