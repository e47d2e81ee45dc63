package adversary

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/custodyledger/custodyledger/ledger/checkpoint"
)

// backup is a copy of members' data folders, taken while they stood still.
type backup struct {
	*network
	dir  string
	note *checkpoint.Note // final then
}

// backUp stops all nodes, copies their folders and starts them again.
func (n *network) backUp(note *checkpoint.Note) backup {
	n.Helper()
	b := backup{network: n, dir: n.TempDir(), note: note}
	for _, m := range n.members {
		n.stop(m)
		n.restoreFolder(filepath.Join(b.dir, m.id), m.config.DataDir)
	}
	n.start(n.members...)
	return b
}

// restore puts the copies in the place of the folders of nodes, which do not run.
func (b backup) restore(members ...*member) {
	b.Helper()
	for _, m := range members {
		b.restoreFolder(m.config.DataDir, filepath.Join(b.dir, m.id))
	}
}

// refusesToRun demands that a node with an old folder does not come up, and says what to do.
func (n *network) refusesToRun(m *member) {
	n.Helper()
	err := n.tryStart(m)
	if err == nil {
		err = n.awaitStop(m)
	}
	if !strings.Contains(err.Error(), "rejoin") {
		n.Errorf("%s does not run: %v; it does not say to rejoin", m.id, err)
	}
}

// signedBy waits for a final checkpoint of at least a size that all of these members cosigned.
func (n *network) signedBy(trader *trader, members ...*member) *checkpoint.Note {
	n.Helper()
	policy := n.genesis.Policy()
	var note *checkpoint.Note
	n.eventually(func() error {
		note = n.goesOn(trader)
		for _, m := range members {
			own, _ := policy.Node(m.id)
			if _, err := policy.CosignerKey(own).Verify(note); err != nil {
				return err
			}
		}
		return nil
	})
	return note
}

// One node with an old backup learns from the others what it once signed, and refuses to run before it can vote.
func TestOldBackupOfOne(t *testing.T) {
	t.Parallel()
	n, trader := trading(t, 0)
	old := n.backUp(n.goesOn(trader))
	_, followers := n.leader()
	m := followers[0]
	n.signedBy(trader, m)
	n.stop(m)
	old.restore(m)
	n.refusesToRun(m)
	n.goesOn(trader)
}

// The majority with an old backup learns it from the one node that has more, which holds their cosignatures.
func TestOldBackupOfMajority(t *testing.T) {
	t.Parallel()
	n, trader := trading(t, 0)
	old := n.backUp(n.goesOn(trader))
	n.signedBy(trader, n.members...)
	for _, m := range n.members[1:] {
		n.stop(m)
	}
	old.restore(n.members[1:]...)
	for _, m := range n.members[1:] {
		n.refusesToRun(m)
	}
}

// All nodes with an old backup agree with each other. Whoever kept a later final checkpoint, or a receipt under one,
// convicts all that sign another history afterwards, with the first final checkpoint of that size.
func TestOldBackupOfAll(t *testing.T) {
	t.Parallel()
	n, trader := trading(t, 0)
	old := n.backUp(n.goesOn(trader))
	then := *trader
	receipt := trader.sale()
	kept := n.signedBy(trader, n.members...)
	before := asIs(n.entries(n.members[0]))
	for _, m := range n.members {
		n.stop(m)
	}
	old.restore(n.members...)
	n.start(n.members...)
	*trader = then
	var note *checkpoint.Note
	n.eventually(func() error {
		if note = n.signedBy(trader, n.members...); note.Size < kept.Size {
			return errors.New("not yet the size that was final once")
		}
		return nil
	})
	n.convictForked(before, kept, asIs(n.entries(n.members[0])), note, receipt.Index, n.members...)
}
