package bundle_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/custodyledger/custodyledger/ledger/bundle"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

var update = flag.Bool("update", false, "write testdata/vectors anew")

const vectorsDir = "testdata/vectors"

// vector is one line of vectors.json: a bundle, what it is held against, and the
// verdict. Any implementation of SPEC.md must come to the same.
type vector struct {
	Name    string `json:"name"`
	Bundle  string `json:"bundle"`
	Genesis string `json:"genesis,omitempty"` // held against this genesis,
	Policy  string `json:"policy,omitempty"`  // or against this policy file
	Accept  bool   `json:"accept"`
	// Refusal is what this implementation says; others may say it otherwise.
	Refusal string       `json:"refusal,omitempty"`
	Size    uint64       `json:"size,omitempty"`
	Root    string       `json:"root,omitempty"`
	Items   []vectorItem `json:"items,omitempty"`
}

type vectorItem struct {
	Item      string `json:"item"`
	Custody   string `json:"custody"` // party id, or "outside"
	Title     string `json:"title"`
	Events    int    `json:"events"`
	LastIndex uint64 `json:"last_index"`
	StatedBy  int    `json:"stated_by"`
}

// vectors gives the files of the folder and the vectors, without verdicts.
func vectors(t *testing.T) (files map[string][]byte, all []vector) {
	files = map[string][]byte{}
	w, item := sold(t)
	files["genesis.json"] = w.file
	files["policy-0.txt"] = policyFile(t, w.genesis.Policy())
	add := func(name string, b []byte, genesis, policy string) {
		files[name+".bundle"] = b
		all = append(all, vector{Name: name, Bundle: name + ".bundle", Genesis: genesis, Policy: policy})
	}
	add("stone", w.encode(w.bundle(associations[:2], item)), "genesis.json", "")
	add("stone-by-policy", w.encode(w.bundle(associations[:2], item)), "", "policy-0.txt")
	add("without-statements", w.encode(w.bundle(nil, item)), "genesis.json", "")
	add("later-sale-left-out-without-statements", w.encode(w.shortened(w.bundle(nil, item), item)), "genesis.json", "")
	outside := w.register("bram")
	w.do("bram", &custodyv1.Release{Item: w.ref(outside), Reason: custodyv1.OutsideReason_OUTSIDE_REASON_SOLD, Country: "US"})
	w.do("asha", w.offer(w.register("asha"), "bram", memo))
	add("shipment", w.encode(w.bundle(associations, item, outside)), "genesis.json", "")

	w, item, policies := handedOver(t)
	files["policy-1.txt"], files["policy-2.txt"] = policyFile(t, policies[1]), policyFile(t, policies[2])
	add("policy-changed", w.encode(w.bundle(associations, item)), "genesis.json", "")
	for _, policy := range []string{"policy-0.txt", "policy-1.txt", "policy-2.txt"} {
		add("policy-changed-by-"+policy[:len(policy)-4], w.encode(w.bundle(associations, item)), "", policy)
	}
	add("policy-alone", w.encode(w.bundle(nil)), "genesis.json", "")
	add("policy-alone-by-policy-1", w.encode(w.bundle(nil)), "", "policy-1.txt")
	forged, today := retiredQuorum(t)
	files["policy-retired.txt"] = today
	add("refuse-retired-quorum", forged, "", "policy-retired.txt")
	left, today := handoverLeftOut(t)
	files["policy-of-three.txt"] = today
	add("refuse-handover-left-out", left[0], "", "policy-of-three.txt")
	add("handover-left-out-without-statements", left[1], "", "policy-of-three.txt")
	add("handover-left-out-stated-by-all", left[2], "", "policy-of-three.txt")
	_, refused := refusals(t)
	for _, r := range refused {
		if r.policy == nil {
			add("refuse-"+r.name, r.file, "genesis.json", "")
			continue
		}
		files[r.name+".txt"] = r.policy
		add("refuse-"+r.name, r.file, "", r.name+".txt")
	}
	return files, all
}

// judge fills in the verdict.
func (v *vector) judge(t *testing.T, files map[string][]byte) {
	trust, err := bundle.TrustGenesis(files["genesis.json"])
	if v.Policy != "" {
		trust, err = bundle.TrustPolicyFile(files[v.Policy])
	}
	if err != nil {
		t.Fatal(err)
	}
	r, err := bundle.Verify(files[v.Bundle], trust)
	if v.Accept = err == nil; err != nil {
		v.Refusal = err.Error()
		return
	}
	v.Size, v.Root = r.Checkpoint.Size, r.Checkpoint.Root.String()
	for _, i := range r.Items {
		item := vectorItem{
			Item: i.ID.String(), Custody: i.Custody.Party.String(), Title: i.Owner().Party.String(),
			Events: len(i.Events), LastIndex: i.LastIndex, StatedBy: len(i.StatedBy),
		}
		if i.Custody.Outside != nil {
			item.Custody = "outside"
		}
		if i.Owner().Outside != nil {
			item.Title = "outside"
		}
		v.Items = append(v.Items, item)
	}
}

// TestVectors holds the folder against what this implementation makes and says. A
// changed file is a change of the format.
func TestVectors(t *testing.T) {
	files, all := vectors(t)
	for i := range all {
		all[i].judge(t, files)
		if refuse := all[i].Name[:min(7, len(all[i].Name))] == "refuse-"; refuse == all[i].Accept {
			t.Errorf("%s: %s", all[i].Name, all[i].Refusal)
		}
	}
	var list bytes.Buffer
	encoder := json.NewEncoder(&list)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(all); err != nil {
		t.Fatal(err)
	}
	files["vectors.json"] = list.Bytes()
	if *update {
		if err := os.RemoveAll(vectorsDir); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(vectorsDir, 0o755); err != nil {
			t.Fatal(err)
		}
		for name, content := range files {
			if err := os.WriteFile(filepath.Join(vectorsDir, name), content, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	there, err := os.ReadDir(vectorsDir)
	if err != nil || len(there) != len(files) {
		t.Errorf("%d files, expected %d: %v", len(there), len(files), err)
	}
	for name, content := range files {
		kept, err := os.ReadFile(filepath.Join(vectorsDir, name))
		if err != nil || !bytes.Equal(kept, content) {
			t.Errorf("%s is not what this program makes: %v", name, err)
		}
	}
}
