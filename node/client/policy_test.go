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
	report := func(quorum uint32, handovers ...uint64) *bundle.Report {
		return &bundle.Report{Policy: policy(quorum), Handovers: handovers}
	}
	if c.learn(report(1)) {
		t.Error("the policy of the genesis is new")
	}
	for _, r := range []*bundle.Report{report(3, 10, 30), report(2, 10)} {
		if !c.learn(r) || c.learn(r) {
			t.Errorf("policy %d is new once", r.Policy.Quorum)
		}
	}
	for size, want := range map[uint64][]uint32{10: {1, 9, 3, 2}, 11: {9, 3, 2}, 30: {9, 3, 2}, 31: {9, 3}} {
		if got := judges(size); !slices.Equal(got, want) {
			t.Errorf("size %d is judged by %v, want %v", size, got, want)
		}
	}
	if !c.learn(report(1, 10, 30, 50)) || !slices.Equal(judges(51), []uint32{9, 1}) {
		t.Errorf("the first policy came back: %v", judges(51))
	}
}
