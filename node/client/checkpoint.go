package client

import (
	"context"

	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// SignedHeads asks for a node's last final checkpoint and for the last head that
// it signed itself: signed notes, exactly as the node sent them and unverified,
// nil where it has none. It is the source of an audit, and an audit verifies by
// itself; see [Client.Entries].
func (c *Client) SignedHeads(ctx context.Context) (final, own []byte, err error) {
	_, err = c.with(ctx, false, func(ctx context.Context, n *node) error {
		response, err := n.audit.GetCheckpoint(ctx, &custodyv1.GetCheckpointRequest{})
		if err == nil {
			final, own = response.Final, response.Own
		}
		return err
	})
	return final, own, err
}
