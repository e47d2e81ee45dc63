package checkpoint_test

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"strings"
	"testing"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/merkle"
)

// Second opinions: golang.org/x/mod/sumdb/note and tlog, and torchwood, read what we write, and we read theirs.

// noteSigner gives x/mod's signer with the private key of a log key.
func noteSigner(t *testing.T, s signer) note.Signer {
	t.Helper()
	skey := fmt.Sprintf("PRIVATE+KEY+%s+%08x+%s", s.Name, s.ID(), base64.StdEncoding.EncodeToString(append([]byte{byte(s.Type)}, s.private.Seed()...)))
	theirs, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	return theirs
}

func noteVerifier(t *testing.T, key checkpoint.Key) note.Verifier {
	t.Helper()
	var verifier note.Verifier
	var err error
	if key.Type == checkpoint.CosignerKey {
		verifier, err = torchwood.NewCosignatureVerifier(key.String())
	} else {
		verifier, err = note.NewVerifier(key.String())
	}
	if err != nil {
		t.Fatal(err)
	}
	return verifier
}

// cryptoSigner gives the private key as the standard library's.
func cryptoSigner(t *testing.T, s signer) crypto.Signer {
	t.Helper()
	prefix := []byte{0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20}
	key, err := x509.ParsePKCS8PrivateKey(append(prefix, s.private.Seed()...))
	if err != nil {
		t.Fatal(err)
	}
	return key.(crypto.Signer)
}

func TestTheyReadOurNotes(t *testing.T) {
	w := newWorld(t, 3, 2)
	for size := uint64(0); size <= 9; size++ {
		c := newTree(9).at(t, size)
		b := w.note(c, 0, 1, 2).Encode()
		var known []note.Verifier
		for i := range 3 {
			known = append(known, noteVerifier(t, w.logs[i].Key), noteVerifier(t, w.cosigners[i].Key))
		}
		n, err := note.Open(b, note.VerifierList(known...))
		if err != nil {
			t.Fatal(err)
		}
		if len(n.Sigs) != 6 || len(n.UnverifiedSigs) != 0 || n.Text != string(c.Text()) {
			t.Fatalf("size %d: %d signatures verified, %d not", size, len(n.Sigs), len(n.UnverifiedSigs))
		}
		for _, s := range n.Sigs[1:2] {
			if when, err := torchwood.CosignatureTimestamp(s); err != nil || when != at {
				t.Errorf("cosigned at %d, %v", when, err)
			}
		}
		theirs, err := torchwood.ParseCheckpoint(n.Text)
		if err != nil || theirs.Origin != c.Origin || uint64(theirs.N) != c.Size || merkle.Hash(theirs.Hash) != c.Root {
			t.Fatalf("torchwood reads %v, %v", theirs, err)
		}
		if tree, err := tlog.ParseTree(append([]byte("go.sum database tree\n"), c.Text()[len(c.Origin)+1:]...)); err != nil || uint64(tree.N) != size || merkle.Hash(tree.Hash) != c.Root {
			t.Fatalf("tlog reads %v, %v", tree, err)
		}
	}
}

func TestWeReadTheirNotes(t *testing.T) {
	w := newWorld(t, 2, 2)
	c := newTree(6).at(t, 6)
	var signers []note.Signer
	for i := range 2 {
		cosigner, err := torchwood.NewCosignatureSigner(w.cosigners[i].Name, cryptoSigner(t, w.cosigners[i]))
		if err != nil {
			t.Fatal(err)
		}
		if cosigner.KeyHash() != w.cosigners[i].ID() || cosigner.Verifier().String() != w.cosigners[i].String() {
			t.Fatalf("key ids differ: %s and %s", cosigner.Verifier(), w.cosigners[i])
		}
		signers = append(signers, noteSigner(t, w.logs[i]), cosigner)
	}
	text := torchwood.Checkpoint{Origin: c.Origin, Tree: tlog.Tree{N: int64(c.Size), Hash: tlog.Hash(c.Root)}}.String()
	b, err := note.Sign(&note.Note{Text: text}, signers...)
	if err != nil {
		t.Fatal(err)
	}
	n, err := checkpoint.ParseNote(b)
	if err != nil {
		t.Fatal(err)
	}
	if final, err := w.policy.Verify(n); err != nil || final.Checkpoint != c || len(final.Cosigned) != 2 || len(final.Logs) != 2 {
		t.Fatalf("%+v, %v", final, err)
	}
	if !bytes.Equal(n.Encode(), b) {
		t.Error("we write another note")
	}
}

// onlyLog gives the policy with one log: torchwood v0.9 asks for a signature by
// every log of a policy, where the specification asks for one.
func onlyLog(p *checkpoint.Policy, log int) *checkpoint.Policy {
	one := *p
	one.Logs = p.Logs[log : log+1]
	return &one
}

func TestPolicyAgreement(t *testing.T) {
	const nodes = 3
	c := newTree(4).at(t, 4)
	for quorum := 1; quorum <= nodes; quorum++ {
		w := newWorld(t, nodes, quorum)
		ours := onlyLog(w.policy, 0)
		file, err := ours.Encode()
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := torchwood.ParsePolicy(file)
		if err != nil {
			t.Fatal(err)
		}
		for set := range 1 << (2 * nodes) {
			n := &checkpoint.Note{Checkpoint: c}
			for i := range nodes {
				if set>>(2*i)&1 != 0 {
					n.Add(w.logs[i].sign(c, 0))
				}
				if set>>(2*i)&2 != 0 {
					n.Add(w.cosigners[i].sign(c, at))
				}
			}
			if len(n.Signatures) == 0 {
				continue
			}
			_, ourErr := ours.Verify(n)
			_, _, theirErr := torchwood.VerifyCheckpoint(n.Encode(), theirs)
			if (ourErr == nil) != (theirErr == nil) {
				t.Fatalf("quorum %d, set %06b: ours %v, theirs %v", quorum, set, ourErr, theirErr)
			}
		}
	}
	nested := "log " + newSigner(t, origin, checkpoint.LogKey, 0).String() + "\n"
	w := newWorld(t, 4, 1)
	for i, name := range []string{"x1", "x2", "y1", "y2"} {
		nested += "witness " + name + " " + w.cosigners[i].String() + "\n"
	}
	nested += "group x all x1 x2\ngroup y any y1 y2\ngroup top all x y\nquorum top\n"
	theirs, err := torchwood.ParsePolicy([]byte(nested))
	if err != nil {
		t.Fatal(err)
	}
	ours, err := checkpoint.ParsePolicy([]byte(nested))
	if err != nil {
		t.Fatal(err)
	}
	for set := range 16 {
		n := &checkpoint.Note{Checkpoint: c, Signatures: []checkpoint.Signature{w.logs[0].sign(c, 0)}}
		for i := range 4 {
			if set>>i&1 != 0 {
				n.Add(w.cosigners[i].sign(c, at))
			}
		}
		_, ourErr := ours.Verify(n)
		_, _, theirErr := torchwood.VerifyCheckpoint(n.Encode(), theirs)
		if want := set&3 == 3 && set&12 != 0; (ourErr == nil) != want || (theirErr == nil) != want {
			t.Fatalf("nested, set %04b: ours %v, theirs %v", set, ourErr, theirErr)
		}
	}
}

// TestProofAgreement: for all small sizes and indices each side accepts what the
// other wrote, and refuses it for another leaf.
func TestProofAgreement(t *testing.T) {
	w := newWorld(t, 2, 2)
	ours := onlyLog(w.policy, 0)
	file, err := ours.Encode()
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := torchwood.ParsePolicy(file)
	if err != nil {
		t.Fatal(err)
	}
	const most = 17
	log := newTree(most)
	for size := uint64(1); size <= most; size++ {
		signed := w.note(log.at(t, size), 0, 1).Encode()
		for index := range size {
			hashes := log.inclusion(t, index, size)
			record := tlog.RecordProof{}
			for _, h := range hashes {
				record = append(record, tlog.Hash(h))
			}
			for _, extra := range [][]byte{nil, []byte("what the ledger added")} {
				p := &checkpoint.Proof{Extra: extra, Index: index, Hashes: hashes, Note: signed}
				written := torchwood.FormatProof(int64(index), record, signed)
				if extra != nil {
					written = torchwood.FormatProofWithExtraData(int64(index), extra, record, signed)
				}
				if !bytes.Equal(p.Encode(), written) {
					t.Fatalf("index %d of %d: we write another proof", index, size)
				}
			}
			b := (&checkpoint.Proof{Index: index, Hashes: hashes, Note: signed}).Encode()
			p, err := checkpoint.ParseProof(b)
			if err != nil {
				t.Fatal(err)
			}
			for leaf := range size {
				_, ourErr := p.Verify(ours, log.leaves[leaf])
				theirErr := torchwood.VerifyProof(theirs, tlog.Hash(log.leaves[leaf]), b)
				if want := leaf == index; (ourErr == nil) != want || (theirErr == nil) != want {
					t.Fatalf("leaf %d as index %d of %d: ours %v, theirs %v", leaf, index, size, ourErr, theirErr)
				}
			}
		}
	}
}

const tesseraKey = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"

// TestTesseraCheckpoints reads the signed checkpoints that another implementation
// wrote, and proves every one of its entries under every one of them.
func TestTesseraCheckpoints(t *testing.T) {
	policy, err := checkpoint.ParsePolicy([]byte("log " + tesseraKey + "\nquorum none\n"))
	if err != nil {
		t.Fatal(err)
	}
	log := &tree{}
	bundle := readTessera(t, "tile/entries/000.p/15")
	for len(bundle) > 0 {
		length := int(binary.BigEndian.Uint16(bundle))
		leaf := merkle.LeafHash(bundle[2 : 2+length])
		bundle = bundle[2+length:]
		log.leaves = append(log.leaves, leaf)
		log.frontier.Append(leaf, func(level uint8, _ uint64, h merkle.Hash) { log.levels[level] = append(log.levels[level], h) })
	}
	for size := uint64(0); size <= 15; size++ {
		b := readTessera(t, fmt.Sprintf("checkpoint.%d", size))
		n, err := checkpoint.ParseNote(b)
		if err != nil {
			t.Fatal(err)
		}
		final, err := policy.Verify(n)
		if err != nil || final.Size != size || !bytes.Equal(n.Encode(), b) {
			t.Fatalf("checkpoint.%d: %+v, %v", size, final, err)
		}
		for index := range size {
			p := &checkpoint.Proof{Index: index, Hashes: log.inclusion(t, index, size), Note: b}
			if _, err := p.Verify(policy, log.leaves[index]); err != nil {
				t.Errorf("entry %d of %d: %v", index, size, err)
			}
		}
		flipped := []byte(strings.Replace(string(b), "\n\n", "A\n\n", 1))
		if n, err := checkpoint.ParseNote(flipped); err == nil {
			t.Errorf("checkpoint.%d with a changed root is read as %s", size, n)
		}
	}
}

func readTessera(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("../merkle/testdata/tessera/log/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
