package sign

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/oasisprotocol/curve25519-voi/curve/scalar"
)

// TestCoefficientsDependOnEverything: whatever of a batch changes, the seed of its coefficients does.
func TestCoefficientsDependOnEverything(t *testing.T) {
	items := signedBy(2, 3)
	v := NewVerifier(10)
	seen := make(map[string]string)
	for what, change := range map[string]func([]signed) []signed{
		"nothing":   func(s []signed) []signed { return s },
		"key":       func(s []signed) []signed { s[0].key = s[1].key; return s },
		"message":   func(s []signed) []signed { s[1].message[499] ^= 1; return s },
		"S":         func(s []signed) []signed { s[2].sig[32] ^= 1; return s },
		"order":     func(s []signed) []signed { s[0], s[1] = s[1], s[0]; return s },
		"count":     func(s []signed) []signed { return s[:2] },
		"repeated":  func(s []signed) []signed { return append(s, s[2]) },
		"shortened": func(s []signed) []signed { s[0].message = s[0].message[:499]; return s },
	} {
		changed := make([]signed, len(items))
		for i, s := range items {
			changed[i] = signed{s.key, bytes.Clone(s.message), bytes.Clone(s.sig)}
		}
		batch := v.NewBatch()
		for _, s := range change(changed) {
			batch.Add(s.key, s.message, s.sig)
		}
		seed := string(batch.transcript.Sum(nil))
		if other, same := seen[seed]; same {
			t.Errorf("same seed for %q and %q", what, other)
		}
		seen[seed] = what
	}
}

func TestCoefficients(t *testing.T) {
	seed := sha256.Sum256([]byte("seed"))
	c := coefficients{seed: seed}
	for i := range 9 {
		block := sha512.Sum512(binary.BigEndian.AppendUint64(bytes.Clone(seed[:]), uint64(i/4)))
		want := slices.Concat(block[i%4*16:][:16], make([]byte, 16))
		var z scalar.Scalar
		c.next(&z)
		got := make([]byte, 32)
		if err := z.ToBytes(got); err != nil || !bytes.Equal(got, want) {
			t.Errorf("coefficient %d: %x, %v, want %x", i, got, err, want)
		}
	}
}

// TestOneEquationForManyKeys fills an equation with every mix of few and many keys.
func TestOneEquationForManyKeys(t *testing.T) {
	for _, keys := range []int{1, 2, 61, 62, 63, 189, 190, 191, equationMax - 1, equationMax} {
		batch := NewVerifier(4).NewBatch()
		items := signedBy(keys, equationMax)
		for round := range 2 {
			for i, s := range items {
				if round == 1 && i == keys/2 {
					s.sig = slices.Concat(s.sig[:32], items[(i+1)%len(items)].sig[32:])
				}
				batch.Add(s.key, s.message, s.sig)
			}
			for i, err := range verdicts(t, batch) {
				if bad := round == 1 && i == keys/2; bad != (err == ErrEquation) || !bad && err != nil {
					t.Errorf("%d keys, signature %d: %v", keys, i, err)
				}
			}
		}
	}
}

// TestEquationTakesEveryVector: all vectors that hold satisfy one equation of any size, and one that does not hold breaks it.
func TestEquationTakesEveryVector(t *testing.T) {
	var hold, fail []signed
	for _, v := range allVectors(t) {
		switch {
		case v.holds:
			hold = append(hold, v.signed)
		case v.reason == 0 || v.reason == ErrEquation || v.reason == ErrRNotPoint:
			fail = append(fail, v.signed)
		}
	}
	if len(hold) < 160 || len(fail) < 10 {
		t.Fatalf("%d vectors hold, %d do not", len(hold), len(fail))
	}
	v := NewVerifier(PreparedKeysDefault)
	satisfied := func(items []signed) bool {
		batch := v.NewBatch()
		for _, s := range items {
			if f := batch.claim(&s.key, s.message, s.sig); f != 0 {
				return false
			}
		}
		var seed [sha256.Size]byte
		batch.transcript.Sum(seed[:0])
		batch.equation.derive(&seed)
		return batch.equation.holds(0, len(items))
	}
	for _, size := range []int{2, 63, 189, 190, equationMax} {
		for at := range hold {
			if at%size != 0 {
				continue
			}
			items := make([]signed, size)
			for i := range items {
				items[i] = hold[(at+i)%len(hold)]
			}
			if !satisfied(items) {
				t.Fatalf("%d vectors that hold, from %d on, do not hold together", size, at)
			}
			items[at%3%size] = fail[at%len(fail)]
			if satisfied(items) {
				t.Fatalf("vector %d of those that fail holds among %d others", at%len(fail), size-1)
			}
		}
	}
}
