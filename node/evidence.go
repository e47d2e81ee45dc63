package node

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/custodyledger/custodyledger/node/keyfile"
)

// evidenceFolder lies in the data folder. `custody verify` reads what is in it.
const evidenceFolder = "evidence"

// evidencePerKindMax bounds the files of one kind: a node that lies can lie
// often, and one file convicts it.
const evidencePerKindMax = 64

// errEvidenceFull says that a kind has its number of files.
var errEvidenceFull = fmt.Errorf("there are %d files of the kind already; move them away", evidencePerKindMax)

// evidence is the folder of evidence files. Safe for concurrent use.
type evidence struct {
	dir string
	mu  sync.Mutex
}

func openEvidence(dir string) (*evidence, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("evidence folder: %w", err)
	}
	return &evidence{dir: dir}, nil
}

// keep writes a file that is not there yet; on disk on return.
func (e *evidence) keep(name string, b []byte) (fresh bool, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	path := filepath.Join(e.dir, name)
	switch _, err := os.Stat(path); {
	case err == nil:
		return false, nil
	case !errors.Is(err, fs.ErrNotExist):
		return false, err
	}
	files, err := os.ReadDir(e.dir)
	if err != nil {
		return false, err
	}
	kind, count := kindOf(name), 0
	for _, f := range files {
		if kindOf(f.Name()) == kind {
			count++
		}
	}
	if count >= evidencePerKindMax {
		return false, errEvidenceFull
	}
	if err := keyfile.WriteNew(path, b, 0o600); err != nil {
		return false, err
	}
	return true, nil
}

// kindOf is what stands before the last hyphen of a name.
func kindOf(name string) string {
	if at := strings.LastIndexByte(name, '-'); at >= 0 {
		return name[:at]
	}
	return name
}

// keepPair writes a head of this ledger and a note that contradicts it, as text.
func (e *evidence) keepPair(kind string, own, note []byte) error {
	text := append(append([]byte("this ledger, unsigned:\n\n"), own...), "\nthe note:\n\n"...)
	text = append(text, note...)
	sum := sha256.Sum256(text)
	_, err := e.keep(fmt.Sprintf("%s-%x.txt", kind, sum[:8]), text)
	return err
}
