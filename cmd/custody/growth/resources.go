package growth

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/custodyledger/custodyledger/node/localnet"
)

// disk is what a node's data folder takes.
type disk struct{ ledger, raft uint64 }

// diskOf adds up the files of a node's data folder: the ledger's, and all others, which
// are raft's.
func diskOf(node *localnet.Node) (d disk, err error) {
	inLedger := node.LedgerDir() + string(filepath.Separator)
	err = filepath.WalkDir(node.DataDir(), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return gone(err)
		}
		info, err := entry.Info()
		if err != nil {
			return gone(err)
		}
		if strings.HasPrefix(path, inLedger) {
			d.ledger += uint64(info.Size())
		} else {
			d.raft += uint64(info.Size())
		}
		return nil
	})
	return d, err
}

// gone forgives a file that a node deletes while its folder is walked.
func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// memoryInterval is the distance between two looks at a process.
const memoryInterval = 200 * time.Millisecond

// memoryWatch looks again and again at how much anonymous memory processes have.
type memoryWatch struct {
	stop chan struct{}
	done sync.WaitGroup
	once sync.Once
	peak uint64 // of the largest process; owned by the goroutine until done
}

func watchMemory(pids []int) *memoryWatch {
	w := &memoryWatch{stop: make(chan struct{})}
	w.done.Go(func() {
		tick := time.NewTicker(memoryInterval)
		defer tick.Stop()
		for {
			for _, pid := range pids {
				w.peak = max(w.peak, anonymousMemory(pid))
			}
			select {
			case <-tick.C:
			case <-w.stop:
				return
			}
		}
	})
	return w
}

// end gives the most that one of the processes had. It may be called again.
func (w *memoryWatch) end() uint64 {
	w.once.Do(func() { close(w.stop) })
	w.done.Wait()
	return w.peak
}
