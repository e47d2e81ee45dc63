package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/custodyledger/custodyledger/cmd/custodyd/demo/story"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/audit"
	"github.com/custodyledger/custodyledger/ledger/store"
	"github.com/custodyledger/custodyledger/node/client"
	"github.com/custodyledger/custodyledger/node/localnet"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// exitTampered is custody's exit code for something that does not verify.
const exitTampered = 5

// forgery is one changed byte.
type forgery struct {
	index uint64
	at    int // offset in the entry
	what  string
}

// tamper changes one byte of one entry in a copy of a node's data and has the
// copy audited.
func (p *play) tamper(ctx context.Context, act *story.Act) error {
	node := p.net.Nodes()[len(p.net.Nodes())-1]
	const honest, forged = "copy", "copy-with-a-flipped-byte"
	if err := p.copyData(ctx, node, p.path(honest)); err != nil {
		return err
	}
	f, err := p.chooseForgery(ctx)
	if err != nil {
		return err
	}
	before, after, err := p.forge(p.path(honest+"/ledger"), p.path(forged+"/ledger"), f)
	if err != nil {
		return fmt.Errorf("change a byte in the copy: %w", err)
	}
	good, err := p.custody(ctx, 0, "audit", "--data", honest)
	if err != nil {
		return err
	}
	bad, err := p.custody(ctx, exitTampered, "audit", "--data", forged)
	if err != nil {
		return err
	}
	if !strings.Contains(bad.Text, fmt.Sprintf("entry %d:", f.index)) {
		return fmt.Errorf("the audit of the changed copy does not name entry %d:\n%s", f.index, bad.Text)
	}
	act.Sentence = fmt.Sprintf("In a copy of %s's data one byte of entry %d is changed, %s, and the audit of the copy names entry %d.",
		node.Member.Node, f.index, f.what, f.index)
	act.Details = []story.Detail{
		{Output: good},
		story.Text(fmt.Sprintf("Byte %d of entry %d was %02x and is %02x in a second copy. That one was written by the store's own code, "+
			"tree and head as they were, so that no checksum of the storage engine gives the change away; only the signatures and the chain do.",
			f.at, f.index, before, after)),
		{Output: bad},
	}
	return nil
}

// copyData stops a node, copies its ledger and starts it again, so that the
// copy is of one moment.
func (p *play) copyData(ctx context.Context, node *localnet.Node, to string) error {
	if err := node.Stop(ctx); err != nil {
		return err
	}
	if err := os.CopyFS(to, os.DirFS(node.DataDir())); err != nil {
		return err
	}
	if err := node.Restart(ctx); err != nil {
		return err
	}
	return node.WaitSize(ctx, p.final.Size)
}

// chooseForgery picks the last sale of the stone whose history was told: the
// byte to change is in the id of the buyer.
func (p *play) chooseForgery(ctx context.Context) (forgery, error) {
	var f forgery
	for entry, err := range p.client.History(ctx, p.stones[longest].Item, client.Linearizable) {
		if err != nil {
			return f, err
		}
		offer, ok := entry.Event.Body.(*custodyv1.Offer)
		if !ok || offer.Mode != custodyv1.Mode_MODE_SALE {
			continue
		}
		f = forgery{
			index: entry.Index,
			at:    bytes.Index(entry.Bytes, offer.To) + len(offer.To) - 1,
			what:  "as if the stone had been sold to somebody else",
		}
	}
	if f.index == 0 {
		return f, errors.New("no sale of the stone was found")
	}
	return f, nil
}

// forge writes a copy of a ledger with one byte changed. Index, tree and head
// of the copy are those of the honest ledger, as a liar would have them.
func (p *play) forge(from, to string, f forgery) (before, after byte, err error) {
	honest, err := store.Open(from, store.Options{ReadOnly: true})
	if err != nil {
		return 0, 0, err
	}
	defer honest.Close()
	if err := os.Mkdir(filepath.Dir(to), 0o700); err != nil {
		return 0, 0, err
	}
	if err := store.Create(to, p.net.Genesis(), store.Options{}); err != nil {
		return 0, 0, err
	}
	forged, err := store.Open(to, store.Options{})
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, forged.Close()) }()
	snapshot := honest.Snapshot()
	defer snapshot.Close()
	if err := forged.SetTarget(targetOf(honest, snapshot)); err != nil {
		return 0, 0, err
	}
	before, after, err = p.replayForged(snapshot, forged, f)
	if err != nil {
		return 0, 0, err
	}
	return before, after, forged.AdoptTarget()
}

// targetOf names the end of a ledger as a catch-up does.
func targetOf(s *store.Store, snapshot *store.Snapshot) ledger.Pointer {
	position := s.Position()
	return ledger.Pointer{
		Cluster: position.Cluster, Index: position.Index, Term: position.Term,
		Size: snapshot.Size(), Root: snapshot.Root(),
		ConfigurationIndex: 1, Configuration: []byte("a copy takes part in no cluster"),
	}
}

// replayForged runs a ledger through the rules and appends what they give to
// the forged store, but for the one byte.
func (p *play) replayForged(snapshot *store.Snapshot, forged *store.Store, f forgery) (before, after byte, err error) {
	state, err := audit.Start(p.net.Genesis())
	if err != nil {
		return 0, 0, err
	}
	replayer := state.Replayer()
	var raw []audit.Raw
	err = snapshot.Entries(1, snapshot.Size(), func(_ uint64, entry []byte) error {
		raw = append(raw, audit.Raw{Entry: bytes.Clone(entry)})
		return nil
	})
	if err != nil {
		return 0, 0, err
	}
	confirmed, err := replayer.Replay(state, replayer.Verify(raw))
	if err != nil {
		return 0, 0, err
	}
	state.Apply(confirmed)
	rest, err := replayer.Finish(state, audit.TreeHead{Size: snapshot.Size(), Root: snapshot.Root()})
	if err != nil {
		return 0, 0, err
	}
	for i := range confirmed.Entries {
		if e := &confirmed.Entries[i]; e.Entry.Index == f.index {
			e.Bytes = bytes.Clone(e.Bytes)
			before = e.Bytes[f.at]
			e.Bytes[f.at] ^= 1
			after = e.Bytes[f.at]
		}
	}
	return before, after, errors.Join(forged.Append(confirmed), forged.Append(rest))
}
