package localnet_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/custodyledger/custodyledger/node/localnet"
	"github.com/custodyledger/custodyledger/node/localnet/trade"
)

// A node ends well on SIGTERM, under load too, and goes on where it was.
func TestTerminate(t *testing.T) {
	n := start(t, nil)
	load := n.trade(300)
	n.waitFor(load.events/4, load)
	leader := n.leader()
	n.must(leader.Stop(n.ctx))
	n.must(leader.Restart(n.ctx))
	n.finish(load)
	n.must(n.Stop(n.ctx)) // all of them; fails unless each exits with 0
	n.must(n.Start(n.ctx))
	n.verify()
}

// A folder has one process.
func TestSecondProcessIsRefused(t *testing.T) {
	n := start(t, nil)
	node := n.Nodes()[0]
	n.refused(node, "in use", "run", "--config", node.ConfigPath())
	n.finish(n.trade(10))
	n.verify()
}

// A node whose data folder is gone must not start as if nothing had happened:
// it would vote a second time. It rejoins under a new incarnation and fetches
// and verifies what it lost.
func TestWipedFolder(t *testing.T) {
	n := start(t, nil)
	n.finish(n.trade(200))
	node := n.followers()[0]
	before := serverID(n, node)
	node.Kill()
	n.must(node.Wipe())
	n.refused(node, "rejoin", "run", "--config", node.ConfigPath())
	n.must(node.Rejoin(n.ctx))
	n.finish(n.trade(50))
	n.verify()
	if after := serverID(n, node); after == before {
		t.Errorf("node %s rejoined as server %s, its old name", node.Member.Node, after)
	}
	// It votes: with it, one of the two others may be missing.
	for _, other := range n.Nodes() {
		if other != node && other != n.leader() {
			other.Kill()
			n.finish(n.trade(10))
			n.must(other.Restart(n.ctx))
			break
		}
	}
	n.verify()
}

func serverID(n *network, node *localnet.Node) string {
	n.t.Helper()
	status, err := node.Status(n.ctx)
	n.must(err)
	return status.ServerId
}

// refused demands that custodyd fails and says a word about why.
func (n *network) refused(node *localnet.Node, word string, arguments ...string) {
	n.t.Helper()
	output, err := node.Custodyd(n.ctx, arguments...)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() < 1 {
		n.t.Fatalf("custodyd %s: expected it to fail, got %v:\n%s", strings.Join(arguments, " "), err, output)
	}
	if !strings.Contains(output, word) {
		n.t.Fatalf("custodyd %s: expected %q in what it says:\n%s", strings.Join(arguments, " "), word, output)
	}
}

// A leader whose disk is full gives up and ends; the others carry on. With room
// again it catches up.
func TestFullDisk(t *testing.T) {
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		t.Skip("mounting a small file system takes Linux and root")
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

// A node that was away while the others wrote more than a raft log keeps
// catches up by entries that it verifies, also when the leader is killed in the
// middle of it. So does one that lost its folder.
func TestPastTruncation(t *testing.T) {
	n := start(t, nil)
	behind := n.followers()[0]
	behind.Kill()
	n.writePastTruncation()
	n.finish(n.trade(700))
	leader := n.leader()
	load := n.trade(300)
	n.must(behind.Start())
	n.waitForLog(behind, "catching up")
	leader.Kill()
	if n.logHas(behind, "caught up") {
		t.Log("the node had caught up before its leader was killed")
	}
	n.must(leader.Restart(n.ctx))
	n.must(behind.WaitReady(n.ctx))
	n.finish(load)
	n.waitForLog(behind, "caught up")
	n.verify()

	lost := n.followers()[0]
	n.must(lost.Stop(n.ctx))
	n.must(lost.Wipe())
	n.must(os.Remove(lost.LogPath()))
	load = n.trade(200)
	n.must(lost.Rejoin(n.ctx))
	n.finish(load)
	n.waitForLog(lost, "caught up")
	n.verify()
}

func (n *network) logHas(node *localnet.Node, text string) bool {
	n.t.Helper()
	log, err := node.Log()
	n.must(err)
	return bytes.Contains(log, []byte(text))
}

// waitForLog returns once a node has said something in its log.
func (n *network) waitForLog(node *localnet.Node, text string) {
	n.t.Helper()
	for !n.logHas(node, text) {
		select {
		case <-time.After(time.Millisecond):
		case <-n.ctx.Done():
			n.t.Fatalf("the log of node %s does not say %q", node.Member.Node, text)
		}
	}
}

// raftEntriesPastTruncation is more than a node keeps of its raft log: 10,240
// entries, and up to 1,024 until it cuts it.
const raftEntriesPastTruncation = 10_240 + 2*1_024

// writePastTruncation records events with as little grouping as possible, until
// the raft log has been cut above what a node that is away has seen.
func (n *network) writePastTruncation() {
	n.t.Helper()
	status, err := n.client.Status(n.ctx)
	n.must(err)
	until := status.RaftCommitIndex + raftEntriesPastTruncation
	var done sync.WaitGroup
	errs := make([]error, 4)
	for w := range errs {
		done.Go(func() { errs[w] = n.appendUntil(until) })
	}
	done.Wait()
	n.must(errors.Join(errs...))
}

// appendUntil registers stones one after the other until raft has committed an
// index.
func (n *network) appendUntil(index uint64) error {
	for {
		for range 100 {
			event, err := n.dealers[0].Register(trade.Polished(140_000, nil))
			if err != nil {
				return err
			}
			receipt, err := n.client.Append(n.ctx, event)
			if err != nil {
				return err
			}
			n.note(trade.Acknowledged{Receipt: receipt, At: time.Now()})
		}
		status, err := n.client.Status(n.ctx)
		if err != nil || status.RaftCommitIndex >= index {
			return err
		}
	}
}
