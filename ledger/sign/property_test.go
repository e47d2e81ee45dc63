package sign

import (
	"bytes"
	"sync"
	"testing"

	"filippo.io/edwards25519"
	"pgregory.net/rapid"
)

// damaged draws a signature that holds and, more often than not, damages it in a way that one of the clauses is for.
func damaged(keys []PrivateKey, points [][]byte) *rapid.Generator[signed] {
	return rapid.Custom(func(t *rapid.T) signed {
		key := rapid.SampledFrom(keys).Draw(t, "key")
		message := rapid.SliceOfN(rapid.Byte(), 0, 80).Draw(t, "message")
		s := signed{key.Public(), message, key.Sign(message)}
		switch rapid.IntRange(0, 9).Draw(t, "damage") {
		case 0:
			s.message = append(bytes.Clone(message), 1)
		case 1:
			s.key = rapid.SampledFrom(keys).Draw(t, "other key").Public()
		case 2:
			s.sig = s.sig[:rapid.IntRange(0, SignatureSize-1).Draw(t, "length")]
		case 3:
			bit := rapid.IntRange(0, 8*SignatureSize-1).Draw(t, "bit")
			s.sig[bit/8] ^= 1 << (bit % 8)
		case 4:
			copy(s.sig, rapid.SampledFrom(points).Draw(t, "R"))
		case 5:
			s.key = PublicKey{}
			s.key.wire[0] = byte(Ed25519)
			copy(s.key.wire[1:], rapid.SampledFrom(points).Draw(t, "A"))
		case 6:
			s.sig = addOrder(s.sig)
		}
		return s
	})
}

// addOrder returns the signature with S + L, which satisfies the equation and is not canonical.
func addOrder(sig Signature) Signature {
	out := bytes.Clone(sig)
	carry := 0
	for i := range 32 {
		sum := int(out[32+i]) + int(groupOrder[i]) + carry
		out[32+i], carry = byte(sum), sum>>8
	}
	return out
}

// oddPoints are encodings of points of small order, of points with a component of small order, and of no points.
func oddPoints(t testing.TB) (out [][]byte) {
	for text := range lowOrder {
		raw := unhex(t, text)
		out = append(out, raw)
		torsion, err := new(edwards25519.Point).SetBytes(raw)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, new(edwards25519.Point).Add(edwards25519.NewGeneratorPoint(), torsion).Bytes())
	}
	out = append(out, append([]byte{2}, make([]byte, 31)...), bytes.Repeat([]byte{0xff}, 32))
	return out
}

func TestBatchSingleCacheAndSecondOpinionAgree(t *testing.T) {
	keys := []PrivateKey{seeded(1), seeded(2), seeded(3), seeded(4), seeded(5)}
	one := damaged(keys, oddPoints(t))
	tiny := NewVerifier(3) // keeps one or two keys, so that it forgets all the time
	large := NewVerifier(PreparedKeysDefault)
	batch := large.NewBatch()
	rapid.Check(t, func(rt *rapid.T) {
		items := rapid.SliceOfN(one, 0, 12).Draw(rt, "items")
		for _, s := range items {
			batch.Add(s.key, s.message, s.sig)
		}
		got := verdicts(t, batch)
		for i, s := range items {
			want := Verify(s.key, s.message, s.sig)
			if got[i] != want {
				rt.Fatalf("item %d: in the batch %v, single %v", i, got[i], want)
			}
			if err := tiny.Verify(s.key, s.message, s.sig); err != want {
				rt.Fatalf("item %d: with a small cache %v, single %v", i, err, want)
			}
			if second := secondOpinion(s.key, s.message, s.sig); second != (want == nil) {
				rt.Fatalf("item %d: %v, the second opinion is %v", i, want, second)
			}
		}
	})
}

// TestEachDamageHasItsReason pins the reasons for one signature.
func TestEachDamageHasItsReason(t *testing.T) {
	s := signedBy(1, 1)[0]
	odd := seeded(2).Public()
	for _, c := range []struct {
		what    string
		key     PublicKey
		message []byte
		sig     Signature
		want    error
	}{
		{"none", s.key, s.message, s.sig, nil},
		{"another message", s.key, s.message[1:], s.sig, ErrEquation},
		{"another key", odd, s.message, s.sig, ErrEquation},
		{"no signature", s.key, s.message, nil, ErrSignatureLength},
		{"a byte short", s.key, s.message, s.sig[:63], ErrSignatureLength},
		{"a byte long", s.key, s.message, append(bytes.Clone(s.sig), 0), ErrSignatureLength},
		{"S + L", s.key, s.message, addOrder(s.sig), ErrSNotCanonical},
		{"S = L", s.key, s.message, append(bytes.Clone(s.sig[:32]), groupOrder[:]...), ErrSNotCanonical},
		{"S = 0", s.key, s.message, append(bytes.Clone(s.sig[:32]), make([]byte, 32)...), ErrEquation},
		{"R = S = 0", s.key, s.message, make([]byte, 64), ErrRSmallOrder},
	} {
		if err := Verify(c.key, c.message, c.sig); err != c.want {
			t.Errorf("%s: %v, want %v", c.what, err, c.want)
		}
	}
}

// TestBatchSizes goes over the boundary of one equation, with and without one that fails at each end of it.
func TestBatchSizes(t *testing.T) {
	items := signedBy(7, 2*equationMax+1)
	v := NewVerifier(PreparedKeysDefault)
	batch := v.NewBatch()
	if ok, out := batch.Verify(); !ok || out != nil {
		t.Errorf("the empty batch: %v, %v", ok, out)
	}
	for _, size := range []int{1, 2, retryMax, retryMax + 1, 189, 190, equationMax - 1, equationMax, equationMax + 1, 2 * equationMax, 2*equationMax + 1} {
		for _, bad := range []int{-1, 0, size / 2, equationMax - 1, equationMax, size - 1} {
			if bad >= size {
				continue
			}
			for i, s := range items[:size] {
				if i == bad {
					s.message = []byte("another")
				}
				batch.Add(s.key, s.message, s.sig)
			}
			if batch.Len() != size {
				t.Errorf("%d added, %d say the batch", size, batch.Len())
			}
			for i, err := range verdicts(t, batch) {
				if want := i == bad; (err == ErrEquation) != want || !want && err != nil {
					t.Errorf("batch of %d with %d bad: item %d: %v", size, bad, i, err)
				}
			}
		}
	}
}

// TestErrorsThatCancelOut has two signatures whose errors cancel in the plain sum of the equations.
func TestErrorsThatCancelOut(t *testing.T) {
	s := signedBy(1, 2)
	one := edwards25519.NewScalar()
	if _, err := one.SetCanonicalBytes(append([]byte{1}, make([]byte, 31)...)); err != nil {
		t.Fatal(err)
	}
	shift := func(sig Signature, subtract bool) Signature {
		S, err := edwards25519.NewScalar().SetCanonicalBytes(sig[32:])
		if err != nil {
			t.Fatal(err)
		}
		if subtract {
			S.Subtract(S, one)
		} else {
			S.Add(S, one)
		}
		return append(bytes.Clone(sig[:32]), S.Bytes()...)
	}
	batch := NewVerifier(10).NewBatch()
	batch.Add(s[0].key, s[0].message, shift(s[0].sig, false))
	batch.Add(s[1].key, s[1].message, shift(s[1].sig, true))
	for i, err := range verdicts(t, batch) {
		if err != ErrEquation {
			t.Errorf("signature %d: %v", i, err)
		}
	}
}

func TestVerifierKeepsNoMoreThanItSays(t *testing.T) {
	items := signedBy(40, 40)
	for _, keysMax := range []int{-1, 0, 1, 2, 3, 10, 39, 40, 100} {
		v := NewVerifier(keysMax)
		for range 3 {
			for _, s := range items {
				if err := v.Verify(s.key, s.message, s.sig); err != nil {
					t.Fatal(err)
				}
				if kept := len(v.recent) + len(v.older); kept > max(keysMax, 0) || keysMax < 2 && kept > 0 {
					t.Fatalf("keeps %d of at most %d", kept, keysMax)
				}
			}
		}
	}
}

// TestVerifierKeepsWhatIsUsed: a key that comes again and again stays prepared while others pass by.
func TestVerifierKeepsWhatIsUsed(t *testing.T) {
	items := signedBy(40, 40)
	v := NewVerifier(10)
	used := items[0]
	v.prepare(&used.key)
	first := v.recent[used.key]
	for _, s := range items[1:] {
		v.prepare(&s.key)
		if v.prepare(&used.key) != first {
			t.Fatal("the key was forgotten")
		}
	}
}

func TestVerifierConcurrently(t *testing.T) {
	items := signedBy(20, 200)
	bad := items[0]
	bad.message = []byte("another")
	v := NewVerifier(8)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			batch := v.NewBatch()
			for _, s := range items {
				if err := v.Verify(s.key, s.message, s.sig); err != nil {
					t.Error(err)
				}
				batch.Add(s.key, s.message, s.sig)
			}
			if ok, out := batch.Verify(); !ok {
				t.Error(out)
			}
			if err := v.Verify(bad.key, bad.message, bad.sig); err != ErrEquation {
				t.Error(err)
			}
		})
	}
	group.Wait()
}
