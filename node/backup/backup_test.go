package backup_test

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/store"
	"github.com/custodyledger/custodyledger/ledger/store/storetest"
	"github.com/custodyledger/custodyledger/node/backup"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// dataFolder makes the data folder of a node that has recorded something.
func dataFolder(t *testing.T) (dir string, s *store.Store, trade *storetest.Trade) {
	t.Helper()
	dir = t.TempDir()
	trade = storetest.NewTrade(storetest.Pseudorandom(11))
	folder := filepath.Join(dir, backup.LedgerFolder)
	if err := store.Create(folder, trade.File, store.Options{}); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(folder, store.Options{Fatal: func(err error) { t.Error(err) }})
	if err != nil {
		t.Fatal(err)
	}
	for i := range uint64(60) {
		submission := trade.Next()
		trade.Twin.Apply(trade.Now, submission)
		position := ledger.Position{Cluster: [32]byte{1}, Index: i + 1, Term: 1}
		if i == 0 {
			if _, err := s.Apply(position, nil); err != nil {
				t.Fatal(err)
			}
			position.Index += 1000
		} else {
			position.Index += 1001
		}
		if _, err := s.Apply(position, []store.Batch{{At: trade.Now, Submissions: []ledger.Submission{submission}}}); err != nil {
			t.Fatal(err)
		}
	}
	return dir, s, trade
}

// TestMakeAndVerify: a backup of a folder in use, and of one that is not, holds what the
// ledger had, and what is left aside is removed.
func TestMakeAndVerify(t *testing.T) {
	dir, s, trade := dataFolder(t)
	left := filepath.Join(dir, "backup-broken-off")
	if err := os.MkdirAll(filepath.Join(left, "ledger"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := backup.Make(t.Context(), dir, filepath.Join(t.TempDir(), "b"), "node-a", nil); err == nil || !strings.Contains(err.Error(), "cannot be asked") {
		t.Errorf("a folder in use by a node that does not answer: %v", err)
	}
	server, err := backup.Serve(dir, s, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what an earlier backup left is still there: %v", err)
	}
	size, root := s.Head()
	check := func(how string) {
		t.Helper()
		to := filepath.Join(t.TempDir(), "deep", how)
		var last int64
		made, err := backup.Make(t.Context(), dir, to, "node-a", func(done, total int64) {
			if done < last || done > total {
				t.Errorf("%d of %d after %d", done, total, last)
			}
			last = done
		})
		if err != nil {
			t.Fatal(how, err)
		}
		if made.Size != size || made.Root != root.String() || made.Node != "node-a" || made.Bytes != last || made.Bytes == 0 {
			t.Errorf("%s: %+v", how, made)
		}
		verified, err := backup.Verify(t.Context(), to, trade.File, nil)
		if err != nil || *verified != *made {
			t.Errorf("%s: %+v, %v", how, verified, err)
		}
		if _, err := backup.Make(t.Context(), dir, to, "node-a", nil); err == nil {
			t.Errorf("%s: a backup is made over another one", how)
		}
	}
	check("running")
	t.Chdir(filepath.Dir(dir)) // the node knows its folder by another path
	if _, err := backup.Make(t.Context(), filepath.Base(dir), "relative", "node-a", nil); err != nil {
		t.Error(err)
	}
	if err := errors.Join(server.Close(), s.Close()); err != nil {
		t.Error(err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "backup-*")); len(left) > 0 {
		t.Errorf("%v are left", left)
	}
	check("stopped")
}

// TestMakeIsBrokenOff: without its end a backup is none, and the node keeps nothing.
func TestMakeIsBrokenOff(t *testing.T) {
	dir, s, trade := dataFolder(t)
	server, err := backup.Serve(dir, s, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := errors.Join(server.Close(), s.Close()); err != nil {
			t.Error(err)
		}
	}()
	ctx, cancel := context.WithCancel(t.Context())
	to := filepath.Join(t.TempDir(), "b")
	if _, err := backup.Make(ctx, dir, to, "node-a", func(int64, int64) { cancel() }); !errors.Is(err, context.Canceled) {
		t.Errorf("broken off: %v", err)
	}
	if _, err := backup.Verify(t.Context(), to, trade.File, nil); !errors.Is(err, backup.ErrNotBackup) {
		t.Errorf("half a backup: %v", err)
	}
	for {
		left, err := filepath.Glob(filepath.Join(dir, "backup-*"))
		if err != nil {
			t.Fatal(err)
		}
		if len(left) == 0 {
			break
		}
		select {
		case <-t.Context().Done():
			t.Fatal("it is still there")
		case <-time.After(time.Millisecond):
		}
	}
}

// TestVerifyRefuses: a backup of which anything is not as it was made is refused, and
// by damage to its files never mistaken for a good one.
func TestVerifyRefuses(t *testing.T) {
	dir, s, trade := dataFolder(t)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	good := filepath.Join(t.TempDir(), "good")
	made, err := backup.Make(t.Context(), dir, good, "node-a", nil)
	if err != nil {
		t.Fatal(err)
	}
	other := strings.Replace(string(trade.File), trade.Genesis.Name, trade.Genesis.Name+"2", 1)
	if _, err := backup.Verify(t.Context(), good, []byte(other), nil); err == nil || !strings.Contains(err.Error(), "the genesis file") {
		t.Error("a backup of another ledger")
	}
	files, err := os.ReadDir(filepath.Join(good, backup.LedgerFolder))
	if err != nil {
		t.Fatal(err)
	}
	copied := func(change func(dir string)) error {
		t.Helper()
		to := filepath.Join(t.TempDir(), "copy")
		if _, err := backup.CopyFolder(t.Context(), filepath.Join(good, backup.LedgerFolder), filepath.Join(to, backup.LedgerFolder), nil); err != nil {
			t.Fatal(err)
		}
		manifest, err := os.ReadFile(filepath.Join(good, "backup.json"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, "backup.json"), manifest, 0o644); err != nil {
			t.Fatal(err)
		}
		change(to)
		got, err := backup.Verify(t.Context(), to, trade.File, nil)
		if err == nil && *got != *made {
			t.Errorf("accepted as %+v, it is %+v", got, made)
		}
		return err
	}
	if err := copied(func(string) {}); err != nil {
		t.Errorf("a copy of a backup: %v", err)
	}
	for what, change := range map[string][2]string{
		"another size": {`"size": `, `"size": 1`}, "another root": {made.Root[:8], "00000000"}, "another format": {backup.Format, "custody-backup/v9"},
		"another ledger": {made.Ledger[:8], "00000000"}, "a field more": {`"node"`, `"extra": 1, "node"`},
	} {
		err := copied(func(dir string) {
			path := filepath.Join(dir, "backup.json")
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(strings.Replace(string(b), change[0], change[1], 1)), 0o644); err != nil {
				t.Fatal(err)
			}
		})
		if err == nil {
			t.Errorf("%s in the manifest is accepted", what)
		}
	}
	refused := 0
	for _, file := range files {
		info, err := file.Info()
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range []int64{0, info.Size() / 3, info.Size() / 2, info.Size() - 1} {
			if info.Size() == 0 {
				continue
			}
			err := copied(func(dir string) {
				path := filepath.Join(dir, backup.LedgerFolder, file.Name())
				b, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				b[at] ^= 0x10
				if err := os.WriteFile(path, b, 0o600); err != nil {
					t.Fatal(err)
				}
			})
			if err != nil {
				refused++
			}
		}
	}
	if refused < 4 {
		t.Errorf("%d of the damaged backups were refused", refused)
	}
}
