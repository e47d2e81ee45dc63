package bundle

import (
	"errors"

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

// TrustPolicy trusts the log whose checkpoints a policy finds final.
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
