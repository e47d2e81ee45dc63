package checkpoint_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/merkle"
)

func TestNoteRoundTrip(t *testing.T) {
	w := newWorld(t, 3, 2)
	c := newTree(5).at(t, 5)
	b := w.note(c, 0, 1, 2).Encode()
	n, err := checkpoint.ParseNote(b)
	if err != nil {
		t.Fatal(err)
	}
	if n.Checkpoint != c || len(n.Signatures) != 6 || !bytes.Equal(n.Encode(), b) {
		t.Fatalf("read back as %s with %d lines", n, len(n.Signatures))
	}
	for i := range 3 {
		if _, err := w.logs[i].Verify(n); err != nil {
			t.Error(err)
		}
		if when, err := w.cosigners[i].Verify(n); err != nil || when != at {
			t.Errorf("cosigner %d: time %d, %v", i, when, err)
		}
	}
}

// lines gives a note with as many lines of strangers.
func lines(c checkpoint.Checkpoint, count int) []byte {
	n := &checkpoint.Note{Checkpoint: c}
	for i := range count {
		n.Signatures = append(n.Signatures, checkpoint.Signature{Name: fmt.Sprintf("s%d.example.org", i), KeyID: uint32(i), Bytes: make([]byte, 64)})
	}
	return n.Encode()
}

func TestNoteLimits(t *testing.T) {
	c := newTree(3).at(t, 3)
	for _, count := range []int{1, 16, checkpoint.SignaturesMax} {
		if n, err := checkpoint.ParseNote(lines(c, count)); err != nil || len(n.Signatures) != count {
			t.Errorf("%d lines: %v", count, err)
		}
	}
	for _, count := range []int{0, checkpoint.SignaturesMax + 1, 10_000} {
		if _, err := checkpoint.ParseNote(lines(c, count)); !errors.Is(err, checkpoint.ErrMalformed) {
			t.Errorf("%d lines: %v", count, err)
		}
	}
	quantum := &checkpoint.Note{Checkpoint: c}
	for i := range 16 {
		quantum.Signatures = append(quantum.Signatures, checkpoint.Signature{Name: "pq.example.org", KeyID: uint32(i), Bytes: make([]byte, 5_000)})
	}
	if _, err := checkpoint.ParseNote(quantum.Encode()); err != nil {
		t.Errorf("16 signatures of 5,000 bytes: %v", err)
	}
	pad := func(size int) []byte {
		n := &checkpoint.Note{Checkpoint: c}
		for len(n.Encode()) < size-8_000 {
			n.Signatures = append(n.Signatures, checkpoint.Signature{Name: "s.example.org", Bytes: make([]byte, 4_501)})
		}
		short := len(checkpoint.Signature{Name: "s", Bytes: make([]byte, 5)}.AppendLine(nil))
		left := size - len(n.Encode())
		n.Signatures = append(n.Signatures, checkpoint.Signature{Name: "s", Bytes: make([]byte, (left-short)/4*3+5)})
		n.Signatures[len(n.Signatures)-1].Name = strings.Repeat("s", 1+left-len(n.Signatures[len(n.Signatures)-1].AppendLine(nil)))
		return n.Encode()
	}
	for _, over := range []int{0, 1} {
		b := pad(checkpoint.NoteBytesMax + over)
		if len(b) != checkpoint.NoteBytesMax+over {
			t.Fatalf("padded to %d", len(b))
		}
		if _, err := checkpoint.ParseNote(b); (err == nil) != (over == 0) {
			t.Errorf("a note of %d bytes: %v", len(b), err)
		}
	}
}

func TestNoteRefused(t *testing.T) {
	const root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="
	const line = "\u2014 a.example.org AAAAAQE=\n"
	good := "o\n1\n" + root + "\n\n" + line
	if _, err := checkpoint.ParseNote([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"nothing":                     "",
		"no empty line":               "o\n1\n" + root + "\n" + line,
		"no signature line":           "o\n1\n" + root + "\n\n",
		"cut before the last newline": strings.TrimSuffix(good, "\n"),
		"carriage returns":            strings.ReplaceAll(good, "\n", "\r\n"),
		"an extension line":           "o\n1\n" + root + "\nextra\n\n" + line,
		"no root":                     "o\n1\n\n" + line,
		"no origin":                   "\n1\n" + root + "\n\n" + line,
		"long origin":                 strings.Repeat("o", 257) + "\n1\n" + root + "\n\n" + line,
		"control character in origin": "o\x01\n1\n" + root + "\n\n" + line,
		"origin not UTF-8":            "o\xff\n1\n" + root + "\n\n" + line,
		"size with zeroes":            "o\n01\n" + root + "\n\n" + line,
		"size with sign":              "o\n+1\n" + root + "\n\n" + line,
		"negative size":               "o\n-1\n" + root + "\n\n" + line,
		"empty size":                  "o\n\n" + root + "\n\n" + line,
		"size over 64 bits":           "o\n18446744073709551616\n" + root + "\n\n" + line,
		"size of many digits":         "o\n" + strings.Repeat("9", 1000) + "\n" + root + "\n\n" + line,
		"root of 31 bytes":            "o\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxqw==\n\n" + line,
		"root of 33 bytes":            "o\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2Ji\n\n" + line,
		"root without padding":        "o\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I\n\n" + line,
		"root with stray bits":        "o\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2J=\n\n" + line,
		"root in URL base64":          "o\n1\nCsUYapGGPo4dkMgIAUqom_Xajj7h2fB2MPA3j2jxq2I=\n\n" + line,
		"root in hexadecimal":         "o\n1\n" + strings.Repeat("0a", 32) + "\n\n" + line,
		"hyphen for a dash":           "o\n1\n" + root + "\n\n- a.example.org AAAAAQE=\n",
		"no name":                     "o\n1\n" + root + "\n\n\u2014  AAAAAQE=\n",
		"name with plus":              "o\n1\n" + root + "\n\n\u2014 a+b AAAAAQE=\n",
		"name with no-break space":    "o\n1\n" + root + "\n\n\u2014 a\u00a0b AAAAAQE=\n",
		"two spaces":                  "o\n1\n" + root + "\n\n\u2014 a  AAAAAQE=\n",
		"trailing space":              "o\n1\n" + root + "\n\n\u2014 a AAAAAQE= \n",
		"no signature":                "o\n1\n" + root + "\n\n\u2014 a\n",
		"key id only":                 "o\n1\n" + root + "\n\n\u2014 a AAAAAQ==\n",
		"signature without padding":   "o\n1\n" + root + "\n\n\u2014 a AAAAAQE\n",
		"signature with stray bits":   "o\n1\n" + root + "\n\n\u2014 a AAAAAQF=\n",
		"signature in URL base64":     "o\n1\n" + root + "\n\n\u2014 a AAAAAQE_\n",
		"long signature":              "o\n1\n" + root + "\n\n\u2014 a " + strings.Repeat("A", 8200) + "\n",
		"text behind":                 good + "x\n",
		"an empty line behind":        good + "\n",
	} {
		if n, err := checkpoint.ParseNote([]byte(text)); !errors.Is(err, checkpoint.ErrMalformed) {
			t.Errorf("%s: %v, %v", name, n, err)
		}
	}
}

// TestNoteBits flips every bit of a final note and cuts it everywhere: nothing of
// that stays final, and what is still read is read in one form.
func TestNoteBits(t *testing.T) {
	w := newWorld(t, 2, 2)
	b := w.note(newTree(5).at(t, 5), 0, 1).Encode()
	for i := range b {
		if n, err := checkpoint.ParseNote(b[:i]); err == nil {
			if _, err := w.policy.Verify(n); err == nil {
				t.Fatalf("the first %d of %d bytes are final", i, len(b))
			}
		}
		for bit := range 8 {
			flipped := bytes.Clone(b)
			flipped[i] ^= 1 << bit
			n, err := checkpoint.ParseNote(flipped)
			if err != nil {
				continue
			}
			if !bytes.Equal(n.Encode(), flipped) {
				t.Fatalf("byte %d bit %d: two forms of one note", i, bit)
			}
			if _, err := w.policy.Verify(n); err == nil && !lostLogLine(w, n) {
				t.Fatalf("byte %d bit %d: still final", i, bit)
			}
		}
	}
}

// lostLogLine tells whether the flip made one of the two log lines a stranger's;
// one log line is enough to be final.
func lostLogLine(w *world, n *checkpoint.Note) bool {
	lost := 0
	for _, log := range w.logs {
		if _, err := log.Verify(n); errors.Is(err, checkpoint.ErrUnsigned) {
			lost++
		}
	}
	return lost == 1
}

func TestNoteAdd(t *testing.T) {
	w := newWorld(t, 2, 2)
	c := newTree(2).at(t, 2)
	n := w.note(c, 0)
	n.Add(w.cosigners[0].sign(c, at+1), w.cosigners[1].sign(c, at), w.cosigners[1].sign(c, at+1))
	if len(n.Signatures) != 3 {
		t.Fatalf("%d lines", len(n.Signatures))
	}
	for i := range 2 {
		if when, err := w.cosigners[i].Verify(n); err != nil || when != at {
			t.Errorf("cosigner %d: %d, %v; the first line stays", i, when, err)
		}
	}
}

func TestParseKey(t *testing.T) {
	for _, keyType := range []checkpoint.KeyType{checkpoint.LogKey, checkpoint.CosignerKey} {
		key := newSigner(t, "a.example.org/custody-validator", keyType, 7).Key
		if again, err := checkpoint.ParseKey(key.String()); err != nil || again != key {
			t.Errorf("%s: %v", key, err)
		}
	}
	good := newSigner(t, origin, checkpoint.LogKey, 7).String()
	parts := strings.SplitN(good, "+", 3)
	for name, vkey := range map[string]string{
		"nothing":           "",
		"no name":           "+" + parts[1] + "+" + parts[2],
		"another name":      "x+" + parts[1] + "+" + parts[2],
		"another id":        parts[0] + "+00000000+" + parts[2],
		"short id":          parts[0] + "+" + parts[1][1:] + "+" + parts[2],
		"no id":             parts[0] + "++" + parts[2],
		"id with sign":      parts[0] + "+-" + parts[1][1:] + "+" + parts[2],
		"id in capitals":    parts[0] + "+" + strings.ToUpper(parts[1]) + "+" + parts[2],
		"no key":            parts[0] + "+" + parts[1],
		"cut":               good[:len(good)-1],
		"a byte more":       good + "AA==",
		"newline":           good[:len(good)-4] + "\n" + good[len(good)-4:],
		"space in the name": "a b+" + parts[1] + "+" + parts[2],
		"unknown type":      "example.com/foo+530c903b+/6FpTc3ru5dS/eakUi8x+6gRIk3HKFhTWm1CaYJIzW5a",
		"long":              strings.Repeat("a", 2000) + good,
	} {
		if key, err := checkpoint.ParseKey(vkey); !errors.Is(err, checkpoint.ErrMalformed) {
			t.Errorf("%s: %v, %v", name, key, err)
		}
	}
}

func TestCosignatureTime(t *testing.T) {
	w := newWorld(t, 1, 1)
	c := newTree(2).at(t, 2)
	for _, when := range []uint64{0, 1, 1<<63 - 1} {
		n := &checkpoint.Note{Checkpoint: c, Signatures: []checkpoint.Signature{w.cosigners[0].sign(c, when)}}
		if got, err := w.cosigners[0].Verify(n); err != nil || got != when {
			t.Errorf("time %d: %d, %v", when, got, err)
		}
	}
	n := &checkpoint.Note{Checkpoint: c, Signatures: []checkpoint.Signature{w.cosigners[0].sign(c, 1<<63)}}
	if _, err := w.cosigners[0].Verify(n); !errors.Is(err, checkpoint.ErrSignature) {
		t.Errorf("time 2^63: %v", err)
	}
}

// TestKeysApart: a line of one type, name or origin is no line of another, though
// the private key is the same.
func TestKeysApart(t *testing.T) {
	c := newTree(2).at(t, 2)
	log := newSigner(t, origin, checkpoint.LogKey, 1)
	cosigner := signer{private: log.private}
	var err error
	if cosigner.Key, err = checkpoint.NewKey(origin, checkpoint.CosignerKey, log.private.Public()); err != nil {
		t.Fatal(err)
	}
	line := log.sign(c, 0)
	line.KeyID = cosigner.ID()
	if _, err := cosigner.Verify(&checkpoint.Note{Checkpoint: c, Signatures: []checkpoint.Signature{line}}); !errors.Is(err, checkpoint.ErrSignature) {
		t.Errorf("a log's signature passed as a cosignature: %v", err)
	}
	line = cosigner.sign(c, at)
	line.KeyID, line.Bytes = log.ID(), line.Bytes[8:]
	if _, err := log.Verify(&checkpoint.Note{Checkpoint: c, Signatures: []checkpoint.Signature{line}}); !errors.Is(err, checkpoint.ErrSignature) {
		t.Errorf("a cosignature passed as a log's signature: %v", err)
	}
	for name, other := range map[string]checkpoint.Checkpoint{
		"origin": {Origin: "other.example.org", Size: c.Size, Root: c.Root},
		"size":   {Origin: c.Origin, Size: c.Size + 1, Root: c.Root},
		"root":   {Origin: c.Origin, Size: c.Size, Root: merkle.LeafHash(nil)},
	} {
		if _, err := log.Verify(&checkpoint.Note{Checkpoint: other, Signatures: []checkpoint.Signature{log.sign(c, 0)}}); !errors.Is(err, checkpoint.ErrSignature) {
			t.Errorf("another %s: %v", name, err)
		}
	}
}
