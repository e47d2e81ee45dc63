package bundle

import (
	"errors"
	"slices"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
)

// Trust is what somebody has who verifies: the genesis file of a ledger, or a
// policy file of it, one in force or an older one. Make one with TrustGenesis or
// TrustPolicy.
type Trust struct {
	ledger *ledger.LedgerID
	policy *checkpoint.Policy
}

// TrustGenesis trusts the ledger that a genesis file founds.
func TrustGenesis(file []byte) (Trust, error) {
	if _, err := ledger.DecodeGenesis(file); err != nil {
		return Trust{}, err
	}
	id := ledger.GenesisID(file)
	return Trust{ledger: &id}, nil
}

// TrustPolicy trusts the log whose checkpoints a policy finds final. One that was
// in force before leads on to those that followed it; one that never was, because
// somebody asks for more than the ledger does, judges the checkpoint of a bundle
// and those who made its statements.
func TrustPolicy(policy *checkpoint.Policy) (Trust, error) {
	if policy.Origin() == "" {
		return Trust{}, errors.New("the policy names no log: it would find checkpoints of any log final")
	}
	return Trust{policy: policy}, nil
}

// TrustPolicyFile is TrustPolicy for a file.
func TrustPolicyFile(file []byte) (Trust, error) {
	policy, err := checkpoint.ParsePolicy(file)
	if err != nil {
		return Trust{}, err
	}
	return TrustPolicy(policy)
}

// samePolicy tells whether a policy file is a policy of the ledger: the same log
// keys, and a quorum of as many of the same cosigners. Names and URLs, and
// witnesses that the quorum does not count, make no difference.
func samePolicy(p ledger.Policy, file *checkpoint.Policy) bool {
	own := p.Checkpoint()
	at := slices.IndexFunc(file.Groups, func(g checkpoint.GroupLine) bool { return g.Name == file.Quorum })
	if at < 0 || file.Groups[at].Threshold != int(p.Quorum) || len(file.Groups[at].Members) != len(own.Witnesses) || len(file.Logs) != len(own.Logs) {
		return false
	}
	for _, l := range own.Logs {
		if !slices.ContainsFunc(file.Logs, func(o checkpoint.LogLine) bool { return o.Key == l.Key }) {
			return false
		}
	}
	for _, w := range own.Witnesses {
		if !slices.ContainsFunc(file.Witnesses, func(o checkpoint.WitnessLine) bool {
			return o.Key == w.Key && slices.Contains(file.Groups[at].Members, o.Name)
		}) {
			return false
		}
	}
	return true
}
