package peer

import (
	"context"
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// ProposalsMax is the largest number of signed proposals in one answer.
const ProposalsMax = 1_000

// errUnknownCaller is the answer to a connection without a node behind it.
func errUnknownCaller() error {
	return status.Error(codes.Unauthenticated, "the caller is no node of this ledger")
}

// Cosign implements PeerService.
func (c *calls) Cosign(ctx context.Context, request *custodyv1.CosignRequest) (*custodyv1.CosignResponse, error) {
	caller, ok := callerOf(ctx)
	switch {
	case !ok:
		return nil, errUnknownCaller()
	case len(request.Note) > checkpoint.NoteBytesMax:
		return nil, status.Errorf(codes.InvalidArgument, "a note of %d bytes, at most %d", len(request.Note), checkpoint.NoteBytesMax)
	}
	return c.witness.Cosign(ctx, caller, request.Note), nil
}

// Heads implements PeerService.
func (c *calls) Heads(ctx context.Context, _ *custodyv1.HeadsRequest) (*custodyv1.HeadsResponse, error) {
	caller, ok := callerOf(ctx)
	if !ok {
		return nil, errUnknownCaller()
	}
	return c.witness.Heads(caller), nil
}

// Proposals implements PeerService.
func (c *calls) Proposals(_ context.Context, request *custodyv1.ProposalsRequest) (*custodyv1.ProposalsResponse, error) {
	proposals := c.witness.Proposals(request.NodeId, request.Term, request.FromCounter)
	return &custodyv1.ProposalsResponse{Proposals: proposals[:min(len(proposals), ProposalsMax)]}, nil
}

// State implements PeerService.
func (c *calls) State(ctx context.Context, request *custodyv1.StateRequest) (*custodyv1.StateResponse, error) {
	return c.witness.State(ctx, request)
}

func (c *Client) service(node string) (custodyv1.PeerServiceClient, error) {
	conn, err := c.conn(node)
	if err != nil {
		return nil, err
	}
	return custodyv1.NewPeerServiceClient(conn), nil
}

// Cosign asks a node to sign a head. A refusal is an answer. Nothing in it is
// verified.
func (c *Client) Cosign(ctx context.Context, node string, note []byte) (*custodyv1.CosignResponse, error) {
	service, err := c.service(node)
	if err != nil {
		return nil, err
	}
	return service.Cosign(ctx, &custodyv1.CosignRequest{Note: note})
}

// Heads asks a node for its time and the heads that it knows. Nothing in the
// answer is verified.
func (c *Client) Heads(ctx context.Context, node string) (*custodyv1.HeadsResponse, error) {
	service, err := c.service(node)
	if err != nil {
		return nil, err
	}
	return service.Heads(ctx, &custodyv1.HeadsRequest{})
}

// Proposals asks a node for a leader's signed proposals as they reached it, from
// a counter of a term on, at most ProposalsMax. Nothing in them is verified.
func (c *Client) Proposals(ctx context.Context, node, leader string, term, from uint64) ([]*custodyv1.SignedProposal, error) {
	service, err := c.service(node)
	if err != nil {
		return nil, err
	}
	response, err := service.Proposals(ctx, &custodyv1.ProposalsRequest{NodeId: leader, Term: term, FromCounter: from})
	if err != nil {
		return nil, err
	}
	if len(response.Proposals) > ProposalsMax {
		return nil, fmt.Errorf("peer: node %s gave %d proposals, at most %d", node, len(response.Proposals), ProposalsMax)
	}
	return response.Proposals, nil
}

// State asks a node for its statement, after those that it is asked for already.
// The error is a gRPC status. Nothing in the answer is verified.
func (c *Client) State(ctx context.Context, node string, request *custodyv1.StateRequest) (*custodyv1.StateResponse, error) {
	places := c.statingAt(node)
	select {
	case places <- struct{}{}:
		defer func() { <-places }()
	case <-ctx.Done():
		return nil, status.FromContextError(ctx.Err()).Err()
	}
	service, err := c.service(node)
	if err != nil {
		return nil, err
	}
	return service.State(ctx, request)
}
