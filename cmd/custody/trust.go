package main

import (
	"errors"
	"fmt"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/bundle"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/evidence"
)

// trusted is what somebody verifies with: a policy file or the genesis, and perhaps
// how the policy changed.
type trusted struct {
	policy  *checkpoint.Policy
	genesis []byte         // nil with a policy file that no bundle leads from
	changes *bundle.Report // nil without a bundle
}

// trusted reads the policy file, or the genesis if there is none.
func (a *app) trusted(policyPath string) (trusted, error) {
	if policyPath != "" {
		b, err := readLimited(policyPath, checkpoint.PolicyBytesMax)
		if err != nil {
			return trusted{}, fmt.Errorf("policy: %w", err)
		}
		policy, err := checkpoint.ParsePolicy(b)
		if err != nil {
			return trusted{}, fmt.Errorf("policy %s: %w", policyPath, err)
		}
		if policy.Origin() == "" {
			return trusted{}, fmt.Errorf("policy %s names no log, and would trust any", policyPath)
		}
		return trusted{policy: policy}, nil
	}
	if a.genesisPath == "" {
		return trusted{}, fmt.Errorf("nothing to verify with: say --policy FILE, or --genesis FILE or %s", genesisVariable)
	}
	file, genesis, err := a.genesis()
	if err != nil {
		return trusted{}, err
	}
	return trusted{policy: genesis.Policy().Checkpoint(), genesis: file}, nil
}

// led verifies a bundle and trusts the policies that it leads to. A policy file that
// was never in force stands for itself: it may ask for more than the ledger's own.
func (t trusted) led(bundlePath string) (trusted, error) {
	file, err := readLimited(bundlePath, bundle.BytesMax)
	if err != nil {
		return t, fmt.Errorf("--bundle: %w", err)
	}
	with, err := t.bundle()
	if err != nil {
		return t, err
	}
	if t.changes, err = bundle.Verify(file, with); err != nil {
		return t, notProven(bundlePath, err)
	}
	if t.changes.OfFile {
		return t, fmt.Errorf("--bundle %s: the policy file was never in force on ledger %s, so that nothing leads from it to another one: leave --bundle out, or say --genesis FILE instead of --policy", bundlePath, t.changes.Genesis.Name)
	}
	t.genesis, err = t.changes.Genesis.Encode()
	return t, err
}

// judge gives the policy that finds a note final or not.
func (t trusted) judge(rawNote []byte) (*checkpoint.Policy, error) {
	if t.changes == nil {
		return t.policy, nil
	}
	note, err := checkpoint.ParseNote(rawNote)
	if err != nil {
		return nil, err
	}
	return t.changes.For(note.Size).Checkpoint(), nil
}

// bundle gives what bundles are held against.
func (t trusted) bundle() (bundle.Trust, error) {
	if t.genesis != nil {
		return bundle.TrustGenesis(t.genesis)
	}
	return bundle.TrustPolicy(t.policy)
}

// evidence gives what evidence is held against.
func (t trusted) evidence() (*evidence.Trust, error) {
	if t.genesis == nil {
		return evidence.FromPolicy(t.policy), nil
	}
	var later []ledger.Policy
	if t.changes != nil {
		for _, p := range t.changes.Policies[1:] {
			later = append(later, p.Policy)
		}
	}
	return evidence.FromGenesis(t.genesis, later...)
}

// notProven is the error of a file that does not verify with what is trusted. What
// knows one policy only may lack the keys of another one.
func (t trusted) notProven(path string, err error) error {
	failed := notProven(path, err)
	var own *coded
	switch {
	case !errors.As(failed, &own) || errors.Is(err, evidence.ErrTrust):
	case t.changes != nil:
		own.hint += fmt.Sprintf(" If the keys of the associations changed after entry %d, where the bundle ends, give a newer one with --bundle.", t.changes.Checkpoint.Size-1)
	case errors.Is(err, checkpoint.ErrNoQuorum) || errors.Is(err, evidence.ErrUnproven):
		own.hint += " Unless the keys of the associations have changed: then say --bundle FILE too, with a newer bundle of the ledger ('custody bundle --governance -o FILE' writes one)."
	}
	return failed
}

// notProven is the error of a file that does not verify.
func notProven(path string, err error) error {
	if errors.Is(err, evidence.ErrTrust) {
		return &coded{
			error: fmt.Errorf("%s cannot be judged: %w", path, err), code: exitTampered,
			hint: "Hold it against the genesis of the ledger: --genesis FILE without --policy, or --bundle FILE, which holds it.",
		}
	}
	return &coded{
		error: fmt.Errorf("%s does not verify: %w", path, err), code: exitTampered,
		hint: "It proves nothing. Keep the file and ask whoever gave it to you.",
	}
}
