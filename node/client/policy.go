package client

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/bundle"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/sign"
)

// policies are those that a client trusts, the one of the genesis first, those of
// which it does not know since when last.
type policies struct {
	mu    sync.Mutex
	known []known
}

// known is a policy and the index of the handover that brought it into force: 0
// for that of the genesis, NoLink where the caller did not say.
type known struct {
	ledger.Policy
	since uint64
}

// add takes a policy that is not known from that index on, or later.
func (p *policies) add(policy ledger.Policy, since uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.known = append(p.known, known{policy, since})
	slices.SortStableFunc(p.known, func(a, b known) int { return cmp.Compare(a.since, b.since) })
}

func (p *policies) all() []known {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.known)
}

// judges tells whether a policy may judge a checkpoint of a size. One that was
// handed over from may not, above the handover: its keys may have been given up
// because they were stolen.
func (p *policies) judges(policy known, size uint64) bool {
	return policy.since == ledger.NoLink || !slices.ContainsFunc(p.all(), func(later known) bool {
		return later.since != ledger.NoLink && later.since > policy.since && size > later.since
	})
}

// TrustPolicy adds a policy that the caller has derived from the log, by an audit
// or from a verified bundle. From New on a client trusts the one of the genesis.
func (c *Client) TrustPolicy(policy ledger.Policy) {
	c.policies.add(policy, ledger.NoLink)
}

// learn trusts every policy that a verified bundle derives, each no further than to
// the handover to the next.
func (c *Client) learn(report *bundle.Report) {
	for _, p := range report.Policies {
		if !slices.ContainsFunc(c.policies.all(), func(k known) bool { return k.ID() == p.ID() && k.since == p.Since }) {
			c.policies.add(p.Policy, p.Since)
		}
	}
}

// judged is a note that policies of a client find final: all proofs of a second are
// under the same one. It is shared and must not be changed.
type judged struct {
	raw      []byte
	note     *checkpoint.Note
	trusted  int       // how many policies the client trusted; another one may forbid it
	verdicts []verdict // those that find it final, the newest first; at least one
}

type verdict struct {
	policy ledger.Policy
	final  *checkpoint.Final
}

// judge asks the policies that the client trusts about a note. The error is what a
// policy that knows the signers says, before what one says that does not.
func (c *Client) judge(raw []byte) (*judged, error) {
	policies := c.policies.all()
	if last := c.lastJudged.Load(); last != nil && last.trusted == len(policies) && bytes.Equal(last.raw, raw) {
		return last, nil
	}
	note, err := checkpoint.ParseNote(raw)
	if err != nil {
		return nil, err
	}
	j := &judged{raw: bytes.Clone(raw), note: note, trusted: len(policies)}
	var first error
	for _, policy := range slices.Backward(policies) {
		final, err := policy.Checkpoint().Verify(note)
		if err == nil && !c.policies.judges(policy, final.Size) {
			err = fmt.Errorf("%w: the policy that finds it final was replaced before size %d", checkpoint.ErrNoQuorum, final.Size)
		}
		if err == nil {
			j.verdicts = append(j.verdicts, verdict{policy.Policy, final})
		} else if first == nil || errors.Is(first, checkpoint.ErrNoQuorum) {
			first = err
		}
	}
	if len(j.verdicts) == 0 {
		return nil, first
	}
	c.lastJudged.Store(j)
	return j, nil
}

// final gives what the newest of them finds a note to say. It is shared and must not
// be changed.
func (c *Client) final(raw []byte) (*checkpoint.Final, error) {
	j, err := c.judge(raw)
	if err != nil {
		return nil, err
	}
	return j.verdicts[0].final, nil
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
