package sign

import (
	"encoding/binary"
	"fmt"
	"testing"
)

// seeded returns a key that depends on nothing but n.
func seeded(n int) PrivateKey {
	var seed [SeedSize]byte
	binary.BigEndian.PutUint64(seed[:], uint64(n))
	k, err := NewPrivateKey(seed[:])
	if err != nil {
		panic(err)
	}
	return k
}

type signed struct {
	key     PublicKey
	message []byte
	sig     Signature
}

// signedBy returns count signatures over messages of 500 bytes, by as many keys in turn.
func signedBy(keys, count int) []signed {
	out := make([]signed, count)
	for i := range out {
		k := seeded(i % keys)
		message := make([]byte, 500)
		binary.BigEndian.PutUint64(message, uint64(i))
		out[i] = signed{k.Public(), message, k.Sign(message)}
	}
	return out
}

func BenchmarkSign(b *testing.B) {
	k := seeded(1)
	message := make([]byte, 500)
	b.ReportAllocs()
	for b.Loop() {
		k.Sign(message)
	}
}

func BenchmarkVerifySingle(b *testing.B) {
	s := signedBy(1, 1)[0]
	b.ReportAllocs()
	for b.Loop() {
		if err := Verify(s.key, s.message, s.sig); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerifyPrepared(b *testing.B) {
	s := signedBy(1, 1)[0]
	v := NewVerifier(PreparedKeysDefault)
	b.ReportAllocs()
	for b.Loop() {
		if err := v.Verify(s.key, s.message, s.sig); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkVerifyUnprepared is a Verifier that never meets a key again.
func BenchmarkVerifyUnprepared(b *testing.B) {
	s := signedBy(1, 1)[0]
	v := NewVerifier(0)
	b.ReportAllocs()
	for b.Loop() {
		if err := v.Verify(s.key, s.message, s.sig); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkBatch reports the time of one signature in batches of several sizes: by few keys that are prepared after the
// first round, by as many prepared keys as signatures, by as many that never are, and with one bad signature.
func BenchmarkBatch(b *testing.B) {
	for _, size := range []int{4, 16, 64, 256} {
		few, many := signedBy(5, size), signedBy(size, size)
		bad := append([]signed(nil), few...)
		bad[size/2].message = []byte("another")
		b.Run(fmt.Sprintf("%d/five-keys", size), func(b *testing.B) { benchmarkBatch(b, few, PreparedKeysDefault) })
		b.Run(fmt.Sprintf("%d/all-keys-differ", size), func(b *testing.B) { benchmarkBatch(b, many, PreparedKeysDefault) })
		b.Run(fmt.Sprintf("%d/all-keys-new", size), func(b *testing.B) { benchmarkBatch(b, many, 0) })
		b.Run(fmt.Sprintf("%d/one-bad", size), func(b *testing.B) { benchmarkBatch(b, bad, PreparedKeysDefault) })
	}
}

func benchmarkBatch(b *testing.B, items []signed, keysMax int) {
	batch := NewVerifier(keysMax).NewBatch()
	b.ReportAllocs()
	for b.Loop() {
		for _, s := range items {
			batch.Add(s.key, s.message, s.sig)
		}
		batch.Verify()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(items)), "ns/signature")
}

func BenchmarkCheckRegistrable(b *testing.B) {
	key := seeded(1).Public()
	for b.Loop() {
		if err := key.CheckRegistrable(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkKeyID(b *testing.B) {
	key := seeded(1).Public()
	b.ReportAllocs()
	for b.Loop() {
		key.ID()
	}
}
