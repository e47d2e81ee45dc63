package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/custodyledger/custodyledger/ledger"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// History gives the entries that name an item, oldest first, each verified and
// linked to the one before, so that between the first and the last nothing is
// missing. The last pair has an error if the history could not be finished.
func (c *Client) History(ctx context.Context, item ledger.ItemID, consistency Consistency) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		request := &custodyv1.ItemHistoryRequest{Item: item[:], PageSize: pageSize, Consistency: consistency.message()}
		var last Entry
		for {
			var page []Entry
			var response *custodyv1.ItemHistoryResponse
			_, err := c.with(ctx, false, func(ctx context.Context, n *node) (err error) {
				if response, err = n.ledger.ItemHistory(ctx, request); err != nil {
					return err
				}
				page, err = c.historyPage(n, item, last, response.Entries)
				return err
			})
			if err != nil {
				yield(Entry{}, err)
				return
			}
			for _, entry := range page {
				if last = entry; !yield(entry, nil) {
					return
				}
			}
			if len(response.NextPageToken) == 0 {
				return
			}
			request.PageToken = response.NextPageToken
			request.Consistency = AtLeastSize(response.ReadAt.GetSize()).message()
		}
	}
}

// historyPage decodes one page that follows last, which is zero on the first.
func (c *Client) historyPage(n *node, item ledger.ItemID, last Entry, raw []*custodyv1.RawEntry) ([]Entry, error) {
	page := make([]Entry, 0, len(raw))
	for _, r := range raw {
		entry, err := c.decodeEntry(n, r)
		if err != nil {
			return nil, err
		}
		if last.Entry != nil {
			err = linked(n, item, last, entry)
		} else if entry.Event == nil || !slices.Contains(entry.Event.Outputs(), item) {
			err = &Tampered{Node: n.address, Index: entry.Index, What: fmt.Sprintf("the history of item %s does not begin with what made it", item)}
		}
		if err != nil {
			return nil, err
		}
		page, last = append(page, entry), entry
	}
	return page, nil
}

// Watch gives entries from an index on, old ones first and then new ones as a
// node applies them, each verified, until ctx ends or a node refuses. With an
// item only the entries that name it are given; without one, each entry must
// hold the leaf hash of the one before. A node that goes away is replaced by
// the next one; the last pair has an error. The next index to come may be
// watched; one beyond it is refused with ReasonOutOfRange.
func (c *Client) Watch(ctx context.Context, from uint64, item *ledger.ItemID) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		w := watch{client: c, next: from, item: item, yield: yield}
		err := c.follow(ctx, func() uint64 { return w.next }, w.run)
		if err != nil && !w.stopped {
			yield(Entry{}, err)
		}
	}
}

type watch struct {
	client  *Client
	next    uint64 // index from which to go on
	item    *ledger.ItemID
	last    Entry // given last; zero at the start
	yield   func(Entry, error) bool
	stopped bool
}

func (w *watch) run(ctx context.Context, n *node) error {
	request := &custodyv1.WatchRequest{FromIndex: w.next}
	if w.item != nil {
		request.Item = w.item[:]
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := n.ledger.Watch(ctx, request)
	if err != nil {
		return err
	}
	for {
		response, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return status.Error(codes.Unavailable, "the node ended the stream")
		}
		if err != nil {
			return err
		}
		entry, err := w.client.decodeEntry(n, response.Entry)
		if err != nil {
			return err
		}
		if err := w.check(n, entry); err != nil {
			return err
		}
		w.last, w.next = entry, entry.Index+1
		if w.stopped = !w.yield(entry, nil); w.stopped {
			return nil
		}
	}
}

func (w *watch) check(n *node, entry Entry) error {
	tampered := &Tampered{Node: n.address, Index: entry.Index}
	switch {
	case entry.Index < w.next:
		tampered.What = fmt.Sprintf("it comes after entry %d was given", w.next-1)
	case w.item != nil && !entry.Names(*w.item):
		tampered.What = "it does not name the item that is watched"
	case w.item == nil && entry.Index != w.next:
		tampered.What = fmt.Sprintf("entry %d is missing before it", w.next)
	case w.item == nil && w.last.Entry != nil && entry.Prev != w.last.Leaf:
		tampered.What = "it does not hold the leaf hash of the entry before"
	default:
		return nil
	}
	return tampered
}
