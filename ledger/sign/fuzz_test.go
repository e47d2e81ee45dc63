package sign

import (
	"bytes"
	"testing"
)

func FuzzParsePublicKey(f *testing.F) {
	f.Add(seeded(1).Public().Bytes())
	f.Add([]byte{})
	f.Add([]byte{1})
	f.Add(append([]byte{2}, make([]byte, 33)...))
	for _, raw := range oddPoints(f) {
		f.Add(append([]byte{1}, raw...))
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		key, err := ParsePublicKey(wire)
		if err != nil {
			if _, typed := err.(Failure); !typed || !key.IsZero() {
				t.Fatalf("%v, %v", key, err)
			}
			return
		}
		if !bytes.Equal(key.Bytes(), wire) {
			t.Fatalf("%x comes out as %x", wire, key.Bytes())
		}
		key.ID()
		err = key.CheckRegistrable()
		if second := secondRegistrable(wire[1:]); second != (err == nil) {
			t.Fatalf("registrable: %v, the second opinion is %v", err, second)
		}
	})
}

func FuzzVerify(f *testing.F) {
	for i, v := range allVectors(f) {
		if i%10 == 0 {
			f.Add(v.key.Bytes()[1:], v.message, []byte(v.sig))
		}
	}
	verifier := NewVerifier(16)
	good := signedBy(2, 2)
	f.Fuzz(func(t *testing.T, raw, message, sig []byte) {
		key := PublicKey{}
		key.wire[0] = byte(Ed25519)
		copy(key.wire[1:ed25519WireSize], raw)
		single := Verify(key, message, sig)
		if second := secondOpinion(key, message, sig); second != (single == nil) {
			t.Fatalf("single %v, the second opinion is %v", single, second)
		}
		if prepared := verifier.Verify(key, message, sig); prepared != single {
			t.Fatalf("single %v, prepared %v", single, prepared)
		}
		batch := verifier.NewBatch()
		batch.Add(good[0].key, good[0].message, good[0].sig)
		batch.Add(key, message, sig)
		batch.Add(good[1].key, good[1].message, good[1].sig)
		if got := verdicts(t, batch); got[0] != nil || got[1] != single || got[2] != nil {
			t.Fatalf("single %v, in a batch %v", single, got)
		}
	})
}
