// Package backup copies the ledger of a node to a folder elsewhere, and checks such a
// copy before it is put back.
//
//	running node   Serve: links its ledger aside, as it is at one moment, and keeps that until the caller hangs up
//	custodyd       Make: asks the node for it, or reads the folder of one that is stopped; copies; writes the manifest last
//	custodyd       Verify: replays the copy as an auditor would
//
// The node writes to its own data folder only, and asks nobody for a password: who may
// write to the folder may connect to the socket in it.
package backup

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/custodyledger/custodyledger/node/keyfile"
)

// Format is the value of "format" in every manifest.
const Format = "custody-backup/v1"

const (
	manifestFile = "backup.json"
	// LedgerFolder is where the ledger lies, in a data folder and in a backup.
	LedgerFolder = "ledger"
)

// Manifest says what a backup holds. Nothing in it is believed: Verify compares it with
// the ledger beside it.
type Manifest struct {
	Format     string `json:"format"`
	Ledger     string `json:"ledger_id"`
	LedgerName string `json:"ledger_name"`
	Node       string `json:"node"`
	// Size and Root are of all entries, FinalSize is that of the last final checkpoint
	// and FinalNote the checkpoint; 0 and "" before the first.
	Size      uint64 `json:"size"`
	Root      string `json:"root"`
	FinalSize uint64 `json:"final_size"`
	FinalNote string `json:"final_note"`
	// Bytes is the length of all files of the ledger.
	Bytes int64 `json:"bytes"`
}

// ErrNotBackup: the folder is not a backup, or one that was not finished.
var ErrNotBackup = errors.New("not a backup, or one that was broken off")

// Read reads the manifest of a backup. The error wraps ErrNotBackup unless the folder
// cannot be read.
func Read(dir string) (*Manifest, error) {
	b, err := os.ReadFile(filepath.Join(dir, manifestFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w: there is no %s in it", dir, ErrNotBackup, manifestFile)
	}
	if err != nil {
		return nil, err
	}
	m := &Manifest{}
	if err := keyfile.StrictJSON(b, m); err != nil || m.Format != Format {
		return nil, fmt.Errorf("%s: %w: %s is not of format %s", dir, ErrNotBackup, manifestFile, Format)
	}
	return m, nil
}

func (m *Manifest) write(dir string) error {
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	return keyfile.Write(filepath.Join(dir, manifestFile), append(b, '\n'), 0o644)
}
