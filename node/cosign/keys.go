package cosign

import (
	"fmt"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/sign"
)

// Keys are the private keys that a node holds. While keys are changed it holds
// two of a use; the policy in force says which one counts.
type Keys struct {
	Log       []sign.PrivateKey
	Cosigner  []sign.PrivateKey
	Statement []sign.PrivateKey
}

// signer are the keys of a node under one policy.
type signer struct {
	policy    ledger.Policy
	node      ledger.PolicyNode
	log       sign.PrivateKey
	cosigner  sign.PrivateKey
	statement sign.PrivateKey
}

// under picks the keys that a policy names for a node.
func (k Keys) under(p ledger.Policy, node string) (signer, error) {
	n, ok := p.Node(node)
	if !ok {
		return signer{}, fmt.Errorf("%w: the policy in force has no node %s", errNotSigning, node)
	}
	s := signer{policy: p, node: n}
	for _, use := range []struct {
		name   string
		held   []sign.PrivateKey
		public sign.PublicKey
		into   *sign.PrivateKey
	}{
		{"log", k.Log, n.Log, &s.log},
		{"cosigner", k.Cosigner, n.Cosigner, &s.cosigner},
		{"statement", k.Statement, n.Statement, &s.statement},
	} {
		if *use.into, ok = Pick(use.held, use.public); !ok {
			return signer{}, fmt.Errorf("%w: it does not hold its %s key of the policy in force, %.16s…", errNotSigning, use.name, ledger.KeyText(use.public))
		}
	}
	return s, nil
}

// Pick finds the private key of a public one.
func Pick(held []sign.PrivateKey, public sign.PublicKey) (sign.PrivateKey, bool) {
	for _, key := range held {
		if key.Public() == public {
			return key, true
		}
	}
	return sign.PrivateKey{}, false
}

// signer gives this node's keys under the policy in force.
func (s *Cosigner) signer() (signer, error) {
	policy, err := s.ledger.Policy()
	if err != nil {
		return signer{}, err
	}
	return s.config.Keys.under(policy, s.node)
}
