package main

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/evidence"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/node/api"
	"github.com/custodyledger/custodyledger/node/api/apitest"
	"github.com/custodyledger/custodyledger/node/client"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// custody runs one command line in this process.
func custody(t *testing.T, code int, args ...string) (out string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	a := &app{in: strings.NewReader(""), out: &stdout, err: &stderr, now: time.Now, env: func(string) string { return "" }}
	if got := a.run(t.Context(), args); got != code {
		t.Fatalf("custody %s: exit %d, want %d\n%s%s", strings.Join(args, " "), got, code, stdout.String(), stderr.String())
	}
	return stdout.String() + stderr.String()
}

func write(t *testing.T, dir, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func demands(t *testing.T, text string, phrases ...string) {
	t.Helper()
	for _, phrase := range phrases {
		if !strings.Contains(text, phrase) {
			t.Errorf("%q is missing in\n%s", phrase, text)
		}
	}
}

// TestBundleVerifyPolicy fetches a bundle as a dealer does and verifies it as a
// customs officer does: with nothing but the policy file.
func TestBundleVerifyPolicy(t *testing.T) {
	w := apitest.New(t)
	server := w.Serve(0, w.Backend, func(c *api.Config) {
		c.Finality, c.Stating = w.Backend, apitest.Stating{World: w, Nodes: []int{0, 1}}
	})
	dealer, buyer := w.Dealer(), w.Dealer()
	registration := w.Register(dealer, &custodyv1.OutsideId{Kind: custodyv1.OutsideIdKind_OUTSIDE_ID_KIND_INSCRIPTION, Issuer: "GIA", Number: "2141438171"})
	w.Record(registration)
	item := client.RegisteredItem(registration)
	offer := w.Offer(dealer, item, registration.ID(), buyer.Party())
	w.Record(offer)
	w.Finalize()

	dir := t.TempDir()
	genesis := write(t, dir, "genesis.json", w.File)
	online := []string{"--genesis", genesis, "--node", server.Node + "=" + server.Address}
	file := filepath.Join(dir, "stone.custody")
	demands(t, custody(t, exitDone, append(online, "bundle", item.String(), "-o", file)...), "bytes prove 1 items up to entry 4")
	custody(t, exitLocal, append(online, "bundle", item.String(), "-o", file)...) // it exists
	again := filepath.Join(dir, "offer.custody")
	demands(t, custody(t, exitDone, append(online, "bundle", "--offer", offer.ID().String(), "--json", "-o", again)...), `"items": [`)
	list := write(t, dir, "list.txt", []byte(item.String()+"\n\n"))
	custody(t, exitDone, append(online, "bundle", "--list", list, "-o", filepath.Join(dir, "list.custody"))...)
	custody(t, exitLocal, append(online, "bundle", "-o", filepath.Join(dir, "none"))...)
	custody(t, exitRefused, append(online, "bundle", ledger.ItemID{1}.String(), "-o", filepath.Join(dir, "none"))...)

	policy := write(t, dir, "policy.txt", []byte(custody(t, exitDone, "--genesis", genesis, "policy")))
	if custody(t, exitDone, "--genesis", genesis, "policy", "--bundle", file) != custody(t, exitDone, "--genesis", genesis, "policy") {
		t.Error("the policy in the bundle is another one")
	}
	text := custody(t, exitDone, "verify", "--policy", policy, file)
	demands(t, text, "The bundle verifies.", "antwerp.example.org", "registered polished natural diamond, 1.00 ct", "sent it to "+buyer.Party().String(),
		"stated by      antwerp.example.org, mumbai.example.org", "member of antwerp.example.org",
		"This does not prove", "Anything after entry 4", "the object before you is this item", "inscription GIA 2141438171")
	if tail := text[strings.Index(text, "This does not prove"):]; !strings.HasSuffix(tail, "2141438171\n") {
		t.Errorf("it does not end with what is not proven:\n%s", text)
	}
	demands(t, custody(t, exitDone, "verify", "--genesis", genesis, "-o", "json", file), `"does_not_prove"`, `"held"`, `"quorum": 2`)

	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	content[len(content)-1] ^= 1
	demands(t, custody(t, exitTampered, "verify", "--policy", policy, write(t, dir, "flipped", content)), "does not verify", "the statement on item", "signature")
	other := apitest.New(&named{t})
	custody(t, exitTampered, "verify", "--genesis", write(t, dir, "other.json", other.File), file)
	custody(t, exitTampered, "verify", "--policy", policy, policy)
	custody(t, exitLocal, "verify", file)
	custody(t, exitLocal, "verify", "--policy", policy, filepath.Join(dir, "absent"))
	custody(t, exitLocal, "verify")
}

// named is a test of another name, so that a world made for it has other keys.
type named struct{ *testing.T }

func (n *named) Name() string { return n.T.Name() + " 2" }

func TestVerifyEvidence(t *testing.T) {
	w := apitest.New(t)
	dir := t.TempDir()
	genesis := write(t, dir, "genesis.json", w.File)
	trust, err := evidence.FromGenesis(w.File)
	if err != nil {
		t.Fatal(err)
	}
	notes := make([]*checkpoint.Note, 2)
	for i := range notes {
		if notes[i], err = checkpoint.ParseNote(w.Note(9, merkle.Hash{byte(i)}, 1)); err != nil {
			t.Fatal(err)
		}
	}
	e, err := evidence.TwoHeads(trust, notes[0], notes[1])
	if err != nil {
		t.Fatal(err)
	}
	file, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	path := write(t, dir, "evidence.json", file)
	demands(t, custody(t, exitDone, "verify", "--genesis", genesis, path), "The evidence holds: two-heads.", "convicted      node mumbai", "This does not prove")
	demands(t, custody(t, exitDone, "verify", "--genesis", genesis, "-o", "json", path), `"evidence": "two-heads"`)
	other := apitest.New(&named{t})
	custody(t, exitTampered, "verify", "--genesis", write(t, dir, "other.json", other.File), path)
}

func TestVerifyProof(t *testing.T) {
	w := apitest.New(t)
	server := w.Serve(0, w.Backend, func(c *api.Config) { c.Finality = w.Backend })
	registration := w.Register(w.Dealer())
	w.Record(registration)
	w.Finalize()
	c := w.Client(nil, server)
	state, err := c.ReceiptState(t.Context(), client.ReceiptQuery{Event: registration.ID(), Signed: &registration})
	if err != nil || state.Proof == nil {
		t.Fatalf("%v %+v", err, state)
	}
	dir := t.TempDir()
	genesis := write(t, dir, "genesis.json", w.File)
	proof := write(t, dir, "stone.tlog-proof", state.Proof.Text)
	message, err := proto.Marshal(&custodyv1.SignedEvent{Event: registration.Event, Signatures: registration.Signatures})
	if err != nil {
		t.Fatal(err)
	}
	event := write(t, dir, "event", message)
	demands(t, custody(t, exitDone, "verify", "--genesis", genesis, "--event", event, proof), "The proof verifies.", registration.ID().String(), "as entry 2")
	entry, err := c.Entry(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	hexed := write(t, dir, "entry", []byte(hex.EncodeToString(entry.Bytes)+"\n"))
	demands(t, custody(t, exitDone, "verify", "--genesis", genesis, "-o", "json", "--event", hexed, proof), `"index": 2`)
	custody(t, exitLocal, "verify", "--genesis", genesis, proof)
	bare := write(t, dir, "event.bin", registration.Event)
	demands(t, custody(t, exitLocal, "verify", "--genesis", genesis, "--event", bare, proof), "event.bin: neither a SignedEvent message")
	message[len(message)-1] ^= 1
	custody(t, exitTampered, "verify", "--genesis", genesis, "--event", write(t, dir, "event2", message), proof)
}

// TestVerifyAfterAChangeOfKeys: proofs and evidence from before and after a change of
// keys verify with a bundle that shows the change, and the refusal without it says so.
func TestVerifyAfterAChangeOfKeys(t *testing.T) {
	w := apitest.New(t)
	server := w.Serve(0, w.Backend, func(c *api.Config) { c.Finality = w.Backend })
	dir := t.TempDir()
	genesis := write(t, dir, "genesis.json", w.File)
	old := write(t, dir, "old.txt", []byte(custody(t, exitDone, "--genesis", genesis, "policy")))
	proven := func(name string, cosigners ...int) (proof, event string) {
		registration := w.Register(w.Dealer())
		w.Record(registration)
		w.Finalize(cosigners...)
		state, err := w.Client(nil, server).ReceiptState(t.Context(), client.ReceiptQuery{Event: registration.ID(), Signed: &registration})
		if err != nil || state.Proof == nil {
			t.Fatalf("%v %+v", err, state)
		}
		message, err := proto.Marshal(&custodyv1.SignedEvent{Event: registration.Event, Signatures: registration.Signatures})
		if err != nil {
			t.Fatal(err)
		}
		return write(t, dir, name+".tlog-proof", state.Proof.Text), write(t, dir, name+".pb", message)
	}
	before, beforeEvent := proven("before", 0, 1)
	w.Rekey(0)
	after, afterEvent := proven("after", 0, 1)
	changes := filepath.Join(dir, "changes.bundle")
	demands(t, custody(t, exitDone, "--genesis", genesis, "--node", server.Node+"="+server.Address, "bundle", "--governance", "-o", changes), "prove the policy in force up to entry")
	demands(t, custody(t, exitDone, "verify", "--genesis", genesis, changes), "policy changed by entry", "The policy was changed 1 times", "it holds none")
	today := write(t, dir, "today.txt", []byte(custody(t, exitDone, "--genesis", genesis, "policy", "--bundle", changes)))

	var notes [2]*checkpoint.Note
	for i := range notes {
		var err error
		if notes[i], err = checkpoint.ParseNote(w.Note(9, merkle.Hash{byte(i)}, 0)); err != nil {
			t.Fatal(err)
		}
	}
	trust, err := evidence.FromGenesis(w.File, w.Backend.Store.Policy())
	if err != nil {
		t.Fatal(err)
	}
	e, err := evidence.TwoHeads(trust, notes[0], notes[1])
	if err != nil {
		t.Fatal(err)
	}
	file, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	convicting := write(t, dir, "evidence.json", file)

	for _, with := range [][]string{{"--genesis", genesis}, {"--policy", old}, {"--policy", today}} {
		with = append(with, "--bundle", changes)
		custody(t, exitDone, append([]string{"verify", "--event", beforeEvent, before}, with...)...)
		custody(t, exitDone, append([]string{"verify", "--event", afterEvent, after}, with...)...)
		demands(t, custody(t, exitDone, append([]string{"verify", convicting}, with...)...), "convicted      node antwerp")
	}
	custody(t, exitDone, "verify", "--genesis", genesis, "--event", beforeEvent, before)
	custody(t, exitDone, "verify", "--policy", today, "--event", afterEvent, after)
	demands(t, custody(t, exitTampered, "verify", "--genesis", genesis, "--event", afterEvent, after), "not final", "say --bundle FILE too")
	demands(t, custody(t, exitTampered, "verify", "--genesis", genesis, convicting), "say --bundle FILE too")

	// The keys that were given up judge nothing behind the handover.
	own := write(t, dir, "own.txt", []byte(strings.Replace(custody(t, exitDone, "--genesis", genesis, "policy"), "associations 2 ", "associations 1 ", 1)))
	demands(t, custody(t, exitLocal, "verify", "--policy", own, "--bundle", changes, "--event", afterEvent, after), "was never in force")
	forged := forgedProof(t, w, after, 0)
	demands(t, custody(t, exitTampered, "verify", "--genesis", genesis, "--bundle", changes, "--event", afterEvent, write(t, dir, "forged.tlog-proof", forged)), "not final", "give a newer one with --bundle")
	custody(t, exitLocal, "verify", "--genesis", genesis, "--bundle", filepath.Join(dir, "absent"), "--event", afterEvent, after)
	custody(t, exitTampered, "verify", "--genesis", genesis, "--bundle", old, "--event", afterEvent, after)
	custody(t, exitLocal, "--genesis", genesis, "bundle", "--governance", ledger.ItemID{1}.String(), "-o", filepath.Join(dir, "none"))
}

// forgedProof gives a proof whose checkpoint one association signed.
func forgedProof(t *testing.T, w *apitest.World, path string, by int) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	proof, err := checkpoint.ParseProof(text)
	if err != nil {
		t.Fatal(err)
	}
	note, err := checkpoint.ParseNote(proof.Note)
	if err != nil {
		t.Fatal(err)
	}
	proof.Note = w.Note(note.Size, note.Root, by)
	return proof.Encode()
}
