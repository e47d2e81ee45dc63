package client

import (
	"slices"
	"testing"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/bundle"
)

// TestReplacedPolicies: once a client has learnt of a handover, the policy before
// it judges nothing that came after. Learning an older one later changes nothing.
func TestReplacedPolicies(t *testing.T) {
	policy := func(quorum uint32) ledger.Policy { return ledger.Policy{Origin: "o", Quorum: quorum} }
	c := &Client{}
	c.policies.add(policy(1), 0)
	c.TrustPolicy(policy(9))
	judges := func(size uint64) (quorums []uint32) {
		for _, p := range c.policies.all() {
			if c.policies.judges(p, size) {
				quorums = append(quorums, p.Quorum)
			}
		}
		return quorums
	}
	report := func(policies ...bundle.InForce) *bundle.Report {
		return &bundle.Report{Policy: policies[len(policies)-1].Policy, Policies: policies}
	}
	first, second, third := bundle.InForce{Policy: policy(1)}, bundle.InForce{Policy: policy(2), Since: 10}, bundle.InForce{Policy: policy(3), Since: 30}
	learn := func(news int, policies ...bundle.InForce) {
		t.Helper()
		before := len(c.policies.all())
		for range 2 {
			if c.learn(report(policies...)); len(c.policies.all()) != before+news {
				t.Errorf("%d policies are new, want %d", len(c.policies.all())-before, news)
			}
		}
	}
	learn(0, first)
	learn(2, first, second, third)
	learn(0, first, second)
	for size, want := range map[uint64][]uint32{10: {1, 2, 3, 9}, 11: {2, 3, 9}, 30: {2, 3, 9}, 31: {3, 9}} {
		if got := judges(size); !slices.Equal(got, want) {
			t.Errorf("size %d is judged by %v, want %v", size, got, want)
		}
	}
	learn(1, first, second, third, bundle.InForce{Policy: policy(1), Since: 50})
	if !slices.Equal(judges(51), []uint32{1, 9}) {
		t.Errorf("the first policy came back: %v", judges(51))
	}
}
