package localnet_test

import (
	"bytes"
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/custodyledger/custodyledger/node/backup"
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

// A node that does not come up says why.
func TestStartFails(t *testing.T) {
	n := start(t, nil)
	node := n.followers()[0]
	n.must(node.Stop(n.ctx))
	listener, err := net.Listen("tcp", node.PeerAddress)
	n.must(err)
	err = node.Restart(n.ctx)
	listener.Close()
	if !errors.Is(err, localnet.ErrAddressInUse) || !strings.Contains(err.Error(), node.PeerAddress) {
		t.Errorf("with its port taken: %v", err)
	}
	n.must(os.Remove(n.GenesisPath()))
	err = node.Restart(n.ctx)
	if err == nil || !strings.Contains(err.Error(), "genesis.json") || !strings.Contains(err.Error(), node.LogPath()) {
		t.Errorf("without a genesis: %v", err)
	}
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

// A backup that is made while the ledger grows brings a node back: what came after it
// comes from the others. One that is damaged, unfinished, of another node, or that would
// go over a folder that is there, is refused, with nothing changed.
func TestBackupAndRestore(t *testing.T) {
	n := start(t, nil)
	n.finish(n.trade(100))
	node, other := n.followers()[0], n.followers()[1]
	load := n.trade(400)
	running := filepath.Join(t.TempDir(), "running")
	output, err := node.Custodyd(n.ctx, "backup", "--config", node.ConfigPath(), "--to", running)
	n.must(err)
	n.finish(load)
	if !strings.Contains(output, "backup of "+node.Member.Node) {
		t.Errorf("backup says %q", output)
	}
	made, err := backup.Verify(n.ctx, running, n.Genesis(), nil)
	n.must(err)
	if made.Node != node.Member.Node || made.Size < 100 {
		t.Errorf("%+v", made)
	}
	n.refused(node, "is not empty", "backup", "--config", node.ConfigPath(), "--to", running)
	if left, _ := filepath.Glob(filepath.Join(node.DataDir(), "backup-*")); len(left) > 0 {
		n.waitGone(left)
	}
	n.refused(node, "is not empty", "restore", "--config", node.ConfigPath(), "--from", running)

	before := serverID(n, node)
	n.must(node.Stop(n.ctx))
	stopped := filepath.Join(t.TempDir(), "stopped")
	_, err = node.Custodyd(n.ctx, "backup", "--config", node.ConfigPath(), "--to", stopped)
	n.must(err)
	n.must(node.Wipe())
	n.refused(node, "was made by node", "restore", "--config", node.ConfigPath(), "--from", n.backupOf(other))
	n.refused(node, "not a backup", "restore", "--config", node.ConfigPath(), "--from", filepath.Dir(running))
	if _, err := os.Stat(node.DataDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a refusal left a data folder: %v", err)
	}
	_, err = node.Custodyd(n.ctx, "restore", "--config", node.ConfigPath(), "--from", running)
	n.must(err)
	n.must(node.Restart(n.ctx))
	n.finish(n.trade(50))
	n.verify()
	if after := serverID(n, node); after == before {
		t.Errorf("node %s came back as server %s, its old name", node.Member.Node, after)
	}
}

func (n *network) backupOf(node *localnet.Node) string {
	n.t.Helper()
	to := filepath.Join(n.t.TempDir(), "backup")
	_, err := node.Custodyd(n.ctx, "backup", "--config", node.ConfigPath(), "--to", to)
	n.must(err)
	return to
}

// waitGone waits until what was linked aside for a backup is removed.
func (n *network) waitGone(folders []string) {
	n.t.Helper()
	for {
		left := slices.DeleteFunc(folders, func(folder string) bool {
			_, err := os.Stat(folder)
			return errors.Is(err, fs.ErrNotExist)
		})
		if len(left) == 0 {
			return
		}
		select {
		case <-n.ctx.Done():
			n.t.Fatalf("%v are still there", left)
		case <-time.After(10 * time.Millisecond):
		}
		folders = left
	}
}
