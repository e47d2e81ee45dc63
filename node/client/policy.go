package client

import (
	"errors"
	"slices"
	"sync"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/sign"
)

// policies are those that a client trusts, the one of the genesis first.
type policies struct {
	mu    sync.Mutex
	known []ledger.Policy
}

func (p *policies) all() []ledger.Policy {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.known)
}

// TrustPolicy adds a policy that the caller has derived from the log, by an audit
// or from a verified bundle. From New on a client trusts the one of the genesis.
func (c *Client) TrustPolicy(policy ledger.Policy) {
	c.policies.mu.Lock()
	defer c.policies.mu.Unlock()
	c.policies.known = append(c.policies.known, policy)
}

func (c *Client) trusts(policy ledger.Policy) bool {
	return slices.ContainsFunc(c.policies.all(), func(p ledger.Policy) bool { return p.ID() == policy.ID() })
}

// judge has a policy that the client trusts find a note final; the newest that
// does.
func (c *Client) judge(find func(*checkpoint.Policy) (*checkpoint.Final, error)) (final *checkpoint.Final, policy ledger.Policy, err error) {
	var first error
	for _, policy := range slices.Backward(c.policies.all()) {
		final, err := find(policy.Checkpoint())
		if err == nil {
			return final, policy, nil
		}
		// A policy that knows the signers says more than one that does not.
		if first == nil || errors.Is(first, checkpoint.ErrNoQuorum) {
			first = err
		}
	}
	return nil, ledger.Policy{}, first
}

// statementKeys gives every statement key of a node that the client trusts.
func (c *Client) statementKeys(node string) []sign.PublicKey {
	var keys []sign.PublicKey
	for _, policy := range c.policies.all() {
		if n, ok := policy.Node(node); ok && !slices.Contains(keys, n.Statement) {
			keys = append(keys, n.Statement)
		}
	}
	return keys
}
