package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// TreeHead is a size of the ledger and its root, by the word of one node.
type TreeHead struct {
	Size       uint64
	Root       merkle.Hash
	RecordedAt uint64 // of entry Size-1, unix milliseconds
	Node       string // address of the node that said so
}

// TreeHead asks for the root of a size; 0 means the current one.
func (c *Client) TreeHead(ctx context.Context, size uint64, consistency Consistency) (TreeHead, error) {
	var head TreeHead
	_, err := c.with(ctx, false, func(ctx context.Context, n *node) error {
		response, err := n.audit.GetTreeHead(ctx, &custodyv1.GetTreeHeadRequest{Size: size, Consistency: consistency.message()})
		if err != nil {
			return err
		}
		message := response.Head
		if message.GetSize() == 0 || size != 0 && message.GetSize() != size || len(message.GetRoot()) != merkle.HashSize {
			return &Tampered{Node: n.address, Index: ledger.NoLink, What: fmt.Sprintf("a tree head of size %d with a root of %d bytes, asked was size %d", message.GetSize(), len(message.GetRoot()), size)}
		}
		head = TreeHead{Size: message.Size, Root: merkle.Hash(message.Root), RecordedAt: message.TimeMs, Node: n.address}
		return nil
	})
	return head, err
}

// Entries hands the bytes of entries [from, to) to handle in their order,
// exactly as a node sent them and unverified: it is the source of an audit, and
// an audit verifies by itself. to 0 means the size at the first answer. A node
// that goes away is replaced by the next one at the entry that is due. The
// slice is handle's to keep; an error of handle ends the call and is returned
// as it is.
func (c *Client) Entries(ctx context.Context, from, to uint64, handle func(index uint64, entry []byte) error) error {
	return c.entries(ctx, from, to, func(_ *node, index uint64, entry []byte) error { return handle(index, entry) })
}

func (c *Client) entries(ctx context.Context, from, to uint64, handle func(n *node, index uint64, entry []byte) error) error {
	if to == 0 {
		head, err := c.TreeHead(ctx, 0, Linearizable)
		if err != nil {
			return err
		}
		to = head.Size
	}
	next := from
	return c.follow(ctx, func() uint64 { return next }, func(ctx context.Context, n *node) error {
		if next >= to {
			return nil
		}
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		silence := time.AfterFunc(c.attempt, func() { cancel(errSilent) })
		defer silence.Stop()
		stream, err := n.audit.Entries(ctx, &custodyv1.EntriesRequest{From: next, To: to})
		if err != nil {
			return err
		}
		for {
			response, err := stream.Recv()
			if errors.Is(err, io.EOF) && next == to {
				return nil
			}
			if errors.Is(err, io.EOF) {
				return &Tampered{Node: n.address, Index: next, What: fmt.Sprintf("the stream of entries [%d, %d) ends here", from, to)}
			}
			if err != nil {
				return err
			}
			silence.Stop()
			if response.From != next || uint64(len(response.Entries)) > to-next {
				return &Tampered{Node: n.address, Index: response.From, What: fmt.Sprintf("%d entries from %d, due was %d of [%d, %d)", len(response.Entries), response.From, next, from, to)}
			}
			for _, entry := range response.Entries {
				if err := handle(n, next, entry); err != nil {
					return &handlerError{err}
				}
				next++
			}
			silence.Reset(c.attempt)
		}
	})
}

// Entry fetches one entry and verifies it by itself.
func (c *Client) Entry(ctx context.Context, index uint64) (Entry, error) {
	entry, _, err := c.entry(ctx, index)
	return entry, err
}

func (c *Client) entry(ctx context.Context, index uint64) (entry Entry, from *node, err error) {
	err = c.entries(ctx, index, index+1, func(n *node, index uint64, b []byte) (err error) {
		from = n
		entry, err = c.decodeEntry(n, &custodyv1.RawEntry{Index: index, Entry: b})
		return err
	})
	return entry, from, err
}

// InclusionProof shows that a leaf stands at an index under the root of a size.
type InclusionProof struct {
	Index, Size uint64
	Root        merkle.Hash
	Leaf        merkle.Hash
	Path        []merkle.Hash
}

// Inclusion asks for a proof that leaf stands at an index of the tree of a size
// (0: the current one), and verifies it. The root is the word of the node: the
// caller compares it with one it trusts. *Tampered: the node has another leaf
// there, or its proof does not hold.
func (c *Client) Inclusion(ctx context.Context, index, size uint64, leaf merkle.Hash) (InclusionProof, error) {
	var proof InclusionProof
	_, err := c.with(ctx, false, func(ctx context.Context, n *node) error {
		response, err := n.audit.GetInclusionProof(ctx, &custodyv1.GetInclusionProofRequest{Index: index, Size: size})
		if err != nil {
			return err
		}
		tampered := &Tampered{Node: n.address, Index: index}
		path, ok := hashes(response.Proof)
		root, rootOK := hash(response.Root)
		got, leafOK := hash(response.LeafHash)
		switch {
		case !ok || !rootOK || !leafOK:
			tampered.What = "an inclusion proof with a hash of the wrong length"
			return tampered
		case response.Index != index || size != 0 && response.Size != size:
			tampered.What = fmt.Sprintf("a proof of index %d at size %d, asked was index %d at size %d", response.Index, response.Size, index, size)
			return tampered
		case got != leaf:
			tampered.What = fmt.Sprintf("leaf %v stands there, expected %v", got, leaf)
			return tampered
		}
		if err := merkle.VerifyInclusion(index, response.Size, leaf, path, root); err != nil {
			tampered.What, tampered.Err = "an inclusion proof does not hold", err
			return tampered
		}
		proof = InclusionProof{Index: index, Size: response.Size, Root: root, Leaf: leaf, Path: path}
		return nil
	})
	return proof, err
}

// ConsistencyProof shows that one tree begins with all of another one.
type ConsistencyProof struct {
	From, To         uint64
	RootFrom, RootTo merkle.Hash
	Path             []merkle.Hash
}

// Consistency asks for a proof that the tree of size to (0: the current one)
// begins with the tree of size from whose root the caller knows, and verifies
// it. *Tampered: the node's history is another one.
func (c *Client) Consistency(ctx context.Context, from uint64, rootFrom merkle.Hash, to uint64) (ConsistencyProof, error) {
	var proof ConsistencyProof
	_, err := c.with(ctx, false, func(ctx context.Context, n *node) error {
		response, err := n.audit.GetConsistencyProof(ctx, &custodyv1.GetConsistencyProofRequest{From: from, To: to})
		if err != nil {
			return err
		}
		tampered := &Tampered{Node: n.address, Index: ledger.NoLink}
		path, ok := hashes(response.Proof)
		root, rootOK := hash(response.RootTo)
		switch {
		case !ok || !rootOK:
			tampered.What = "a consistency proof with a hash of the wrong length"
			return tampered
		case response.From != from || to != 0 && response.To != to:
			tampered.What = fmt.Sprintf("a proof from size %d to size %d, asked was %d to %d", response.From, response.To, from, to)
			return tampered
		}
		if err := merkle.VerifyConsistency(from, response.To, rootFrom, root, path); err != nil {
			tampered.What, tampered.Err = fmt.Sprintf("its ledger does not begin with the one of size %d and root %v", from, rootFrom), err
			return tampered
		}
		proof = ConsistencyProof{From: from, To: response.To, RootFrom: rootFrom, RootTo: root, Path: path}
		return nil
	})
	return proof, err
}

// VerifyReceipt fetches the entry a receipt names and proves that it stands in
// the ledger: the entry's leaf is the receipt's, it holds the event at the
// recorded time, and an inclusion proof leads to the root of the current size.
func (c *Client) VerifyReceipt(ctx context.Context, receipt ledger.Receipt) (Entry, InclusionProof, error) {
	entry, from, err := c.entry(ctx, receipt.Index)
	if err != nil {
		return Entry{}, InclusionProof{}, err
	}
	tampered := &Tampered{Node: from.address, Index: receipt.Index}
	switch {
	case entry.Event == nil || entry.Event.ID != receipt.Event:
		tampered.What = fmt.Sprintf("the entry does not hold event %s", receipt.Event)
	case entry.Leaf != receipt.Leaf:
		tampered.What = fmt.Sprintf("the entry's leaf is %v, the receipt says %v", entry.Leaf, receipt.Leaf)
	case entry.RecordedAt != receipt.RecordedAt:
		tampered.What = fmt.Sprintf("the entry was recorded at %d, the receipt says %d", entry.RecordedAt, receipt.RecordedAt)
	default:
		proof, err := c.Inclusion(ctx, receipt.Index, 0, entry.Leaf)
		return entry, proof, err
	}
	return Entry{}, InclusionProof{}, tampered
}

func hash(b []byte) (merkle.Hash, bool) {
	if len(b) != merkle.HashSize {
		return merkle.Hash{}, false
	}
	return merkle.Hash(b), true
}

func hashes(bs [][]byte) ([]merkle.Hash, bool) {
	out := make([]merkle.Hash, 0, len(bs))
	for _, b := range bs {
		h, ok := hash(b)
		if !ok {
			return nil, false
		}
		out = append(out, h)
	}
	return out, true
}
