package localnet_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/custodyledger/custodyledger/node/localnet"
)

// A node whose disk is full ends; the others carry on, whether it led them or
// not. With room again it catches up.
func TestFullDisk(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mounting a small file system takes root")
	}
	var small *localnet.Node
	n := start(t, func(net *localnet.Net) {
		small = net.Nodes()[0]
		mountSmall(t, small.DataDir())
	})
	load := n.trade(100)
	n.finish(load)
	fill(t, filepath.Join(small.DataDir(), "something-else"))
	load = n.trade(500)
	n.finish(load) // by the two others, if need be
	n.must(small.WaitEnd(n.ctx))
	if err := os.Remove(filepath.Join(small.DataDir(), "something-else")); err != nil {
		t.Fatal(err)
	}
	n.must(small.Restart(n.ctx))
	n.verify()
}

// mountSmall puts a file system of a few megabytes in a folder's place, with
// the folder's content.
func mountSmall(t *testing.T, dir string) {
	t.Helper()
	content := dir + "-content"
	if err := os.Rename(dir, content); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=192m,mode=0700"); err != nil {
		t.Skipf("no small file system can be mounted here: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	if err := os.CopyFS(dir, os.DirFS(content)); err != nil {
		t.Fatal(err)
	}
}

// fill writes a file until nothing more fits.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	block := bytes.Repeat([]byte{0x55}, 64<<10)
	for {
		if _, err := f.Write(block); errors.Is(err, syscall.ENOSPC) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}
