package checkpoint_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/merkle"
)

func aProof(t testing.TB, w *world, extra string) (*checkpoint.Proof, merkle.Hash) {
	log := newTree(7)
	return &checkpoint.Proof{Extra: []byte(extra), Index: 3, Hashes: log.inclusion(t, 3, 7), Note: w.note(log.at(t, 7), 0, 1).Encode()}, log.leaves[3]
}

// TestProofBits flips every bit of a proof and cuts it everywhere. What is still
// proven is the same leaf at the same index of the same head.
func TestProofBits(t *testing.T) {
	w := newWorld(t, 2, 2)
	whole, leaf := aProof(t, w, "extra")
	b := whole.Encode()
	want, err := whole.Verify(w.policy, leaf)
	if err != nil {
		t.Fatal(err)
	}
	check := func(changed []byte) {
		p, err := checkpoint.ParseProof(changed)
		if err != nil {
			if !errors.Is(err, checkpoint.ErrMalformed) {
				t.Fatalf("%v is of no kind", err)
			}
			return
		}
		if !bytes.Equal(p.Encode(), changed) {
			t.Fatalf("two forms of one proof:\n%s", changed)
		}
		if final, err := p.Verify(w.policy, leaf); err == nil && (p.Index != 3 || final.Checkpoint != want.Checkpoint) {
			t.Fatalf("proves %d of %s", p.Index, final)
		}
	}
	for i := range b {
		check(b[:i])
		for bit := range 8 {
			flipped := bytes.Clone(b)
			flipped[i] ^= 1 << bit
			check(flipped)
		}
	}
}

func TestProofRefused(t *testing.T) {
	w := newWorld(t, 2, 2)
	whole, leaf := aProof(t, w, "x")
	good := string(whole.Encode())
	hash := strings.Split(good, "\n")[3] + "\n"
	for name, text := range map[string]string{
		"nothing":               "",
		"another version":       strings.Replace(good, "@v1", "@v2", 1),
		"no header":             good[len("c2sp.org/tlog-proof@v1\n"):],
		"extra without data":    strings.Replace(good, "extra eA==", "extra ", 1),
		"extra not base64":      strings.Replace(good, "extra eA==", "extra eA", 1),
		"extra with stray bits": strings.Replace(good, "extra eA==", "extra eB==", 1),
		"extra twice":           strings.Replace(good, "extra eA==\n", "extra eA==\nextra eA==\n", 1),
		"extra behind index":    strings.Replace(good, "extra eA==\nindex 3\n", "index 3\nextra eA==\n", 1),
		"no index":              strings.Replace(good, "index 3\n", "", 1),
		"index with zero":       strings.Replace(good, "index 3", "index 03", 1),
		"negative index":        strings.Replace(good, "index 3", "index -3", 1),
		"index over 64 bits":    strings.Replace(good, "index 3", "index 18446744073709551616", 1),
		"65 hashes":             strings.Replace(good, hash, strings.Repeat(hash, 63), 1),
		"a hash of 31 bytes":    strings.Replace(good, hash, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==\n", 1),
		"carriage returns":      strings.ReplaceAll(good, "\n", "\r\n"),
		"no note":               good[:strings.Index(good, "\n\n")+2],
		"text behind":           good + "x\n",
		"long extra":            strings.Replace(good, "extra eA==", "extra "+strings.Repeat("AAAA", checkpoint.ProofExtraMax/3+1), 1),
		"oversize":              strings.Replace(good, "extra eA==", "extra "+strings.Repeat("A", checkpoint.ProofBytesMax), 1),
	} {
		if p, err := checkpoint.ParseProof([]byte(text)); !errors.Is(err, checkpoint.ErrMalformed) {
			t.Errorf("%s: %v, %v", name, p, err)
		}
	}
	largest := *whole
	for _, over := range []int{0, 1} {
		largest.Extra = make([]byte, checkpoint.ProofExtraMax+over)
		if _, err := checkpoint.ParseProof(largest.Encode()); (err == nil) != (over == 0) {
			t.Errorf("%d bytes of extra: %v", len(largest.Extra), err)
		}
	}
	for name, test := range map[string]struct {
		change func(*checkpoint.Proof)
		want   error
	}{
		"index of the size":  {func(p *checkpoint.Proof) { p.Index = 7 }, merkle.ErrRange},
		"another index":      {func(p *checkpoint.Proof) { p.Index = 2 }, merkle.ErrProof},
		"a hash more":        {func(p *checkpoint.Proof) { p.Hashes = append(p.Hashes, leaf) }, merkle.ErrProof},
		"a hash less":        {func(p *checkpoint.Proof) { p.Hashes = p.Hashes[1:] }, merkle.ErrProof},
		"no quorum":          {func(p *checkpoint.Proof) { p.Note = w.note(newTree(7).at(t, 7), 0).Encode() }, checkpoint.ErrNoQuorum},
		"a head of another":  {func(p *checkpoint.Proof) { p.Note = w.note(newTree(8).at(t, 8), 0, 1).Encode() }, merkle.ErrProof},
		"a note that is not": {func(p *checkpoint.Proof) { p.Note = []byte("x") }, checkpoint.ErrMalformed},
	} {
		p, leaf := aProof(t, w, "")
		test.change(p)
		if _, err := p.Verify(w.policy, leaf); !errors.Is(err, test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAddCheckpoint(t *testing.T) {
	w := newWorld(t, 2, 2)
	log := newTree(20)
	hashes, err := merkle.ConsistencyProof(log, 5, 20)
	if err != nil {
		t.Fatal(err)
	}
	signed := w.note(log.at(t, 20), 0).Encode()
	for _, a := range []*checkpoint.AddCheckpoint{{Note: signed}, {Old: 5, Proof: hashes, Note: signed}, {Old: 1<<64 - 1, Note: signed}} {
		again, err := checkpoint.ParseAddCheckpoint(a.Encode())
		if err != nil || again.Old != a.Old || !bytes.Equal(again.Encode(), a.Encode()) || len(again.Proof) != len(a.Proof) {
			t.Errorf("old %d: %v", a.Old, err)
		}
	}
	good := string((&checkpoint.AddCheckpoint{Old: 5, Proof: hashes, Note: signed}).Encode())
	hash := strings.Split(good, "\n")[1] + "\n"
	for name, body := range map[string]string{
		"nothing":        "",
		"no old line":    good[len("old 5\n"):],
		"old with zero":  strings.Replace(good, "old 5", "old 05", 1),
		"old negative":   strings.Replace(good, "old 5", "old -5", 1),
		"no empty line":  strings.Replace(good, "\n\n", "\n", 1),
		"64 hashes":      strings.Replace(good, hash, strings.Repeat(hash, 65-len(hashes)), 1),
		"no note":        good[:strings.Index(good, "\n\n")+2],
		"oversize":       good + strings.Repeat("x", checkpoint.AddCheckpointBytesMax),
		"hash in hex":    strings.Replace(good, hash, strings.Repeat("00", 32)+"\n", 1),
		"without a line": "old 5",
	} {
		if _, err := checkpoint.ParseAddCheckpoint([]byte(body)); !errors.Is(err, checkpoint.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := checkpoint.ParseAddCheckpoint([]byte(strings.Replace(good, hash, strings.Repeat(hash, 64-len(hashes)), 1))); err != nil {
		t.Errorf("63 hashes: %v", err)
	}
}

func TestWitnessAnswers(t *testing.T) {
	w := newWorld(t, 2, 2)
	c := newTree(3).at(t, 3)
	witness, other := w.cosigners[0], w.cosigners[1]
	body := other.sign(c, at).AppendLine(witness.sign(c, at).AppendLine(nil))
	lines, err := witness.ParseCosignatures(c, body)
	if err != nil || len(lines) != 1 || lines[0].Name != witness.Name {
		t.Errorf("%v, %v", lines, err)
	}
	for name, test := range map[string]struct {
		body []byte
		want error
	}{
		"nothing":          {nil, checkpoint.ErrMalformed},
		"an HTML page":     {[]byte("<html>\n"), checkpoint.ErrMalformed},
		"another key":      {other.sign(c, at).AppendLine(nil), checkpoint.ErrUnsigned},
		"another head":     {witness.sign(newTree(3).at(t, 2), at).AppendLine(nil), checkpoint.ErrSignature},
		"too many lines":   {bytes.Repeat(witness.sign(c, at).AppendLine(nil), 101), checkpoint.ErrMalformed},
		"a line cut short": {body[:len(body)-1], checkpoint.ErrMalformed},
	} {
		if lines, err := witness.ParseCosignatures(c, test.body); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, %v", name, lines, err)
		}
	}
	for _, size := range []uint64{0, 1, 20852163, 1<<64 - 1} {
		if got, err := checkpoint.ParseSize(checkpoint.AppendSize(nil, size)); err != nil || got != size {
			t.Errorf("size %d: %d, %v", size, got, err)
		}
	}
	for _, body := range []string{"", "\n", "5", "05\n", "-5\n", "5 \n", "5\n\n", "5\r\n", "18446744073709551616\n", strings.Repeat("9", 1<<20) + "\n", strings.Repeat("9", 33)} {
		if size, err := checkpoint.ParseSize([]byte(body)); !errors.Is(err, checkpoint.ErrMalformed) {
			t.Errorf("%.40q: %d, %v", body, size, err)
		}
	}
}
