package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/custodyledger/custodyledger/cmd/custodyd/demo/story"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/merkle/tile"
	"github.com/custodyledger/custodyledger/node"
	"github.com/custodyledger/custodyledger/node/localnet"
)

const (
	exportDir   = "ledger"
	forgedDir   = "ledger-rewritten"
	evidenceDir = "evidence"
)

// export writes the ledger as files and has the folder audited.
func (p *play) export(ctx context.Context, act *story.Act) error {
	written, err := p.custody(ctx, 0, "export", exportDir)
	if err != nil {
		return err
	}
	audited, err := p.custody(ctx, 0, "audit", "--dir", exportDir)
	if err != nil {
		return err
	}
	act.Sentence = "Everything that is final is written as files that any web server can serve; an audit of the folder verifies all of it without a node."
	act.Details = []story.Detail{{Output: written}, {Output: audited}}
	return nil
}

// convict rewrites an entry in a copy of the exported folder, rebuilds the tree and
// has two of the three associations sign the result with their own keys: as many
// as make a checkpoint final. The audit finds it and keeps what convicts them.
func (p *play) convict(ctx context.Context, act *story.Act) error {
	liars := p.net.Nodes()[1:]
	if err := os.CopyFS(p.path(forgedDir), os.DirFS(p.path(exportDir))); err != nil {
		return err
	}
	f, err := p.chooseForgery(ctx)
	if err != nil {
		return err
	}
	if err := p.rewrite(tileFolder(p.path(forgedDir)), f, liars); err != nil {
		return fmt.Errorf("rewrite the exported folder: %w", err)
	}
	found, err := p.custody(ctx, exitTampered, "audit", "--dir", forgedDir, "--evidence", evidenceDir)
	if err != nil {
		return err
	}
	if !strings.Contains(found.Text, fmt.Sprintf("entry %d:", f.index)) {
		return fmt.Errorf("the audit of the rewritten folder does not name entry %d:\n%s", f.index, found.Text)
	}
	if p.convicting, err = p.evidenceFile(); err != nil {
		return err
	}
	convicted, err := p.offline(ctx, 0, "verify", "../"+p.convicting, "--genesis", "../"+genesisPath)
	if err != nil {
		return err
	}
	var names []string
	for _, liar := range liars {
		names = append(names, strings.TrimSuffix(liar.Association, ".example.org"))
		if !strings.Contains(convicted.Text, liar.Association) {
			return fmt.Errorf("the evidence does not name %s:\n%s", liar.Association, convicted.Text)
		}
	}
	if honest := p.net.Nodes()[0].Association; strings.Contains(convicted.Text, honest) {
		return fmt.Errorf("the evidence names %s, which signed nothing wrong:\n%s", honest, convicted.Text)
	}
	act.Sentence = fmt.Sprintf("In a copy of the folder the last sale goes to somebody else, the tree is computed anew, and %s sign it, enough to make it final. "+
		"The audit names the entry and keeps a file, and the file convicts both; to check it one needs the genesis file, and no node.", strings.Join(names, " and "))
	act.Details = []story.Detail{
		story.Text("The made-up associations' real keys signed this. It is what no rule can prevent once most associations agree to lie; they cannot do it unseen, because they cannot sign in the seller's name."),
		{Output: found},
		{Output: convicted},
	}
	return nil
}

// evidenceFile gives the one evidence file, below the demo's folder.
func (p *play) evidenceFile() (string, error) {
	files, err := os.ReadDir(p.path(evidenceDir))
	if err != nil {
		return "", err
	}
	if len(files) != 1 {
		return "", fmt.Errorf("the audit kept %d evidence files, expected one", len(files))
	}
	return evidenceDir + "/" + files[0].Name(), nil
}

// rewrite changes one byte of an entry in an exported folder and makes everything
// else fit: the hashes above it, and a checkpoint that liars sign.
func (p *play) rewrite(folder tileFolder, f forgery, liars []*localnet.Node) error {
	raw, err := folder.file(tile.CheckpointPath)
	if err != nil {
		return err
	}
	note, err := checkpoint.ParseNote(raw)
	if err != nil {
		return err
	}
	leaf, err := folder.change(f, note.Size)
	if err != nil {
		return err
	}
	if err := folder.rehash(f.index, leaf, note.Size); err != nil {
		return err
	}
	forged := &checkpoint.Note{Checkpoint: note.Checkpoint}
	if forged.Root, err = merkle.RootAt(tile.Reader{Size: note.Size, Read: folder.read}, note.Size); err != nil {
		return err
	}
	for _, liar := range liars {
		signatures, err := p.signAs(liar, forged.Checkpoint)
		if err != nil {
			return err
		}
		forged.Add(signatures...)
	}
	return os.WriteFile(filepath.Join(string(folder), tile.CheckpointPath), forged.Encode(), 0o644)
}

// signAs signs a head with a node's own keys, as its log and as a cosigner.
func (p *play) signAs(n *localnet.Node, head checkpoint.Checkpoint) ([]checkpoint.Signature, error) {
	identity, err := node.LoadIdentity(n.IdentityDir())
	if err != nil {
		return nil, err
	}
	policy := p.client.Genesis().Policy()
	signer, ok := policy.Node(n.Member.Node)
	if !ok {
		return nil, errors.New("the node is not in the policy")
	}
	now := uint64(time.Now().Unix())
	return []checkpoint.Signature{
		policy.LogKey(signer).Sign(identity.Log, head, now),
		policy.CosignerKey(signer).Sign(identity.Cosigner, head, now),
	}, nil
}

// tileFolder is an exported folder.
type tileFolder string

func (d tileFolder) file(name string) ([]byte, error) {
	return os.ReadFile(filepath.Join(string(d), filepath.FromSlash(name)))
}

func (d tileFolder) read(t tile.Tile) ([]byte, error) { return d.file(t.Path()) }

func (d tileFolder) write(t tile.Tile, b []byte) error {
	return os.WriteFile(filepath.Join(string(d), filepath.FromSlash(t.Path())), b, 0o644)
}

// change flips a bit of an entry and gives its new leaf hash.
func (d tileFolder) change(f forgery, size uint64) (merkle.Hash, error) {
	t := tile.EntriesOf(f.index, size)
	b, err := d.read(t)
	if err != nil {
		return merkle.Hash{}, err
	}
	entries, err := tile.ParseEntries(b, t.Width)
	if err != nil {
		return merkle.Hash{}, err
	}
	at := f.index % tile.Width
	entries[at] = bytes.Clone(entries[at])
	entries[at][f.at] ^= 1
	var changed []byte
	for _, entry := range entries {
		changed = tile.AppendEntry(changed, entry)
	}
	return merkle.LeafHash(entries[at]), d.write(t, changed)
}

// rehash writes a leaf hash and everything above it that is in tiles.
func (d tileFolder) rehash(at uint64, hash merkle.Hash, size uint64) error {
	for level := uint8(0); ; level++ {
		t := tile.Of(level, at, size)
		b, err := d.read(t)
		if err != nil {
			return err
		}
		hashes, err := tile.ParseHashes(b, t.Width)
		if err != nil {
			return err
		}
		hashes[at%tile.Width] = hash
		if err := d.write(t, tile.AppendHashes(nil, hashes)); err != nil {
			return err
		}
		if t.Width < tile.Width {
			return nil
		}
		var above merkle.Frontier
		for _, h := range hashes {
			above.Append(h, nil)
		}
		hash, at = above.Root(), at/tile.Width
	}
}
