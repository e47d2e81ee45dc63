package bundle_test

import (
	"strings"
	"testing"

	"github.com/custodyledger/custodyledger/ledger/bundle"
	"github.com/custodyledger/custodyledger/ledger/rules"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

func underPolicy(t *testing.T, file, policy []byte) error {
	t.Helper()
	trust, err := bundle.TrustPolicyFile(policy)
	if err != nil {
		t.Fatal(err)
	}
	_, err = bundle.Verify(file, trust)
	return err
}

// retiredQuorum gives a bundle made with keys that one association had between two
// changes of its keys, and one more, and the policy file of today. The older
// checkpoint in it is signed by enough keys of today.
func retiredQuorum(t *testing.T) (forged, today []byte) {
	w, item := sold(t)
	w.adopt(2, associations[0], "2")
	w.handOver(associations[0], "2")
	forged = w.encode(w.bundleUnder(w.note(w.head.Size, associations[:2]...), associations[:2], item))
	if err := underPolicy(t, forged, policyFile(t, w.state.Policy().InForce)); err != nil {
		t.Fatalf("who still has the policy in between cannot know: %v", err)
	}
	w.adopt(2, associations[0], "3")
	w.handOver(associations[0], "3")
	return forged, policyFile(t, w.state.Policy().InForce)
}

// TestRetiredQuorum: an older checkpoint that keys of today signed opens no way
// around the policy file of today.
func TestRetiredQuorum(t *testing.T) {
	forged, today := retiredQuorum(t)
	if err := underPolicy(t, forged, today); err == nil || !strings.Contains(err.Error(), "not final under the policy file") {
		t.Fatal(err)
	}
}

// handoverLeftOut gives bundles of a ledger whose quorum grew from two to three,
// which do not show that: with statements of two, of none and of all, and the
// policy file of today.
func handoverLeftOut(t *testing.T) (files [3][]byte, today []byte) {
	w, item := sold(t)
	before := w.state.Policy()
	w.adopt(3, "", "")
	w.handOver("", "")
	w.pass(item, "chen", "bram", custodyv1.Mode_MODE_RETURN)
	today = policyFile(t, w.state.Policy().InForce)
	note := w.note(w.head.Size, associations...)
	w.state.Write(rules.Changes{Policy: &before})
	w.governance = nil
	for i, by := range [][]string{associations[:2], nil, associations} {
		files[i] = w.encode(w.bundleUnder(note, by, item))
	}
	return files, today
}

// TestHandoverLeftOut: a bundle that leaves a change of policy out does not lower
// how many must state something to whoever has the policy file of today.
func TestHandoverLeftOut(t *testing.T) {
	files, today := handoverLeftOut(t)
	for i, says := range []string{"do not fill the quorum of the policy file", "", ""} {
		err := underPolicy(t, files[i], today)
		if (err == nil) != (says == "") || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("bundle %d: %v, want %q", i, err, says)
		}
	}
}
