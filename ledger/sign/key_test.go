package sign

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

func TestParsePublicKey(t *testing.T) {
	good := seeded(1).Public().Bytes()
	key, err := ParsePublicKey(good)
	if err != nil || key != seeded(1).Public() || !bytes.Equal(key.Bytes(), good) || key.Kind() != Ed25519 || key.IsZero() {
		t.Fatalf("%v, %v", key, err)
	}
	p256 := append([]byte{byte(P256)}, make([]byte, 33)...)
	for _, c := range []struct {
		what string
		wire []byte
		want Failure
	}{
		{"nothing", nil, ErrKindUnknown},
		{"kind 0", make([]byte, 33), ErrKindUnknown},
		{"kind 3", append([]byte{3}, good[1:]...), ErrKindUnknown},
		{"kind 255", append([]byte{255}, good[1:]...), ErrKindUnknown},
		{"kind alone", good[:1], ErrKeyLength},
		{"a byte short", good[:32], ErrKeyLength},
		{"a byte long", append(bytes.Clone(good), 0), ErrKeyLength},
		{"far too long", append(bytes.Clone(good), make([]byte, 10000)...), ErrKeyLength},
		{"reserved kind", p256, ErrKindUnsupported},
		{"reserved kind, short", p256[:1], ErrKindUnsupported},
	} {
		if key, err := ParsePublicKey(c.wire); err != c.want || !key.IsZero() {
			t.Errorf("%s: %v, %v, want %v", c.what, key, err, c.want)
		}
	}
	if PublicKeySizeMax < len(p256) {
		t.Error("no room for the reserved kind")
	}
}

func TestBytesIsACopy(t *testing.T) {
	key := seeded(1).Public()
	key.Bytes()[5]++
	if key != seeded(1).Public() {
		t.Error("Bytes gives the key itself away")
	}
}

// TestZeroKeys: a zero public key verifies nothing and panics nowhere.
func TestZeroKeys(t *testing.T) {
	var key PublicKey
	s := signedBy(1, 1)[0]
	v := NewVerifier(10)
	batch := v.NewBatch()
	batch.Add(key, s.message, s.sig)
	for what, err := range map[string]error{
		"Verify":   Verify(key, s.message, s.sig),
		"Verifier": v.Verify(key, s.message, s.sig),
		"Batch":    verdicts(t, batch)[0],
		"register": key.CheckRegistrable(),
	} {
		if err != ErrKindUnknown {
			t.Errorf("%s: %v", what, err)
		}
	}
	if key.Bytes() != nil || key.String() != "" || !key.IsZero() || !(PrivateKey{}).IsZero() {
		t.Error("zero keys do not look like it")
	}
}

// lowOrder are all encodings of the points of small order, as listed by CCTV, with the reason for refusing each.
var lowOrder = map[string]Failure{
	"0000000000000000000000000000000000000000000000000000000000000000": ErrKeySmallOrder,
	"0000000000000000000000000000000000000000000000000000000000000080": ErrKeySmallOrder,
	"0100000000000000000000000000000000000000000000000000000000000000": ErrKeySmallOrder,
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05": ErrKeySmallOrder,
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85": ErrKeySmallOrder,
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a": ErrKeySmallOrder,
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa": ErrKeySmallOrder,
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f": ErrKeySmallOrder,

	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f": ErrKeyNotCanonical,
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff": ErrKeyNotCanonical,
	"0100000000000000000000000000000000000000000000000000000000000080": ErrKeyNotCanonical,
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f": ErrKeyNotCanonical,
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff": ErrKeyNotCanonical,
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff": ErrKeyNotCanonical,
}

func TestLowOrderKeysAreNotRegistrable(t *testing.T) {
	for text, want := range lowOrder {
		raw := unhex(t, text)
		if err := rawKey(t, raw).CheckRegistrable(); err != want {
			t.Errorf("%s: %v, want %v", text, err, want)
		}
		if !secondSmallOrder(raw) || secondRegistrable(raw) {
			t.Errorf("%s: the second opinion differs", text)
		}
		sig := append(bytes.Clone(raw), make([]byte, 32)...)
		wantR := ErrRSmallOrder
		if want == ErrKeyNotCanonical {
			wantR = ErrRNotCanonical
		}
		if err := Verify(seeded(1).Public(), nil, sig); err != wantR {
			t.Errorf("%s as R: %v, want %v", text, err, wantR)
		}
	}
}

// TestNonCanonicalKeysAreNotRegistrable tries all 19 values of y from p up to 2^255-1, with both signs.
func TestNonCanonicalKeysAreNotRegistrable(t *testing.T) {
	for y := 0xed; y <= 0xff; y++ {
		for _, last := range []byte{0x7f, 0xff} {
			raw := bytes.Repeat([]byte{0xff}, 32)
			raw[0], raw[31] = byte(y), last
			if err := rawKey(t, raw).CheckRegistrable(); err != ErrKeyNotCanonical {
				t.Errorf("%x: %v", raw, err)
			}
			if secondCanonical(raw) {
				t.Errorf("%x: the second opinion differs", raw)
			}
		}
	}
}

// TestEveryVectorsKey compares the registration check with the second opinion over all keys of the vectors, many of
// which have a component of small order.
func TestEveryVectorsKey(t *testing.T) {
	seen := make(map[error]int)
	for _, v := range allVectors(t) {
		err := v.key.CheckRegistrable()
		seen[err]++
		if (err == nil) != secondRegistrable(v.key.Bytes()[1:]) {
			t.Errorf("%s: %v, the second opinion differs", v.name, err)
		}
	}
	for _, want := range []error{nil, ErrKeyNotCanonical, ErrKeySmallOrder, ErrKeyTorsion} {
		if seen[want] == 0 {
			t.Errorf("no key of the vectors gives %v: %v", want, seen)
		}
	}
}

func TestKeyThatIsNoPoint(t *testing.T) {
	notAPoint := append([]byte{2}, make([]byte, 31)...)
	key := rawKey(t, notAPoint)
	if err := key.CheckRegistrable(); err != ErrKeyNotPoint {
		t.Errorf("registration: %v", err)
	}
	s := signedBy(1, 1)[0]
	v := NewVerifier(10)
	batch := v.NewBatch()
	batch.Add(key, s.message, s.sig)
	batch.Add(s.key, s.message, append(bytes.Clone(notAPoint), s.sig[32:]...))
	inBatch := verdicts(t, batch)
	for what, errs := range map[string][2]error{
		"single":   {Verify(key, s.message, s.sig), ErrKeyNotPoint},
		"prepared": {v.Verify(key, s.message, s.sig), ErrKeyNotPoint},
		"batch":    {inBatch[0], ErrKeyNotPoint},
		"R":        {Verify(s.key, s.message, append(bytes.Clone(notAPoint), s.sig[32:]...)), ErrRNotPoint},
		"batch, R": {inBatch[1], ErrRNotPoint},
	} {
		if errs[0] != errs[1] {
			t.Errorf("%s: %v, want %v", what, errs[0], errs[1])
		}
	}
}

// TestKeyID pins the derivation: SHA-256("custody/key-id/v1\n" || 01 || key)[:20], computed with sha256sum.
func TestKeyID(t *testing.T) {
	key := rawKey(t, unhex(t, "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"))
	const want = "1a47b475a989ba15c816e21e4b500870a20f1408"
	if got := key.ID().String(); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	sum := TagKeyID.Sum(key.Bytes())
	if KeyID(sum[:KeyIDSize]) != key.ID() {
		t.Error("Sum differs from ID")
	}
	a, b := KeyID{1}, KeyID{1, 1}
	if a.Compare(b) != -1 || b.Compare(a) != 1 || a.Compare(a) != 0 {
		t.Error("order of key ids")
	}
}

func TestPrivateKeyDoesNotLeak(t *testing.T) {
	key := seeded(77)
	secrets := []string{
		fmt.Sprintf("%x", key.Seed()), fmt.Sprintf("%X", key.Seed()), fmt.Sprint(key.Seed()), fmt.Sprintf("%#v", key.Seed()),
		string(key.Seed()),
	}
	type wrapper struct {
		Name string
		key  PrivateKey
		Key  PrivateKey
		ptr  *PrivateKey
	}
	w := wrapper{"n", key, key, &key}
	var printed []string
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%p", "%T", "%t", "%o", "%b", "%c"} {
		printed = append(printed, fmt.Sprintf(verb, key), fmt.Sprintf(verb, &key), fmt.Sprintf(verb, w), fmt.Sprintf(verb, &w))
	}
	asJSON, err := json.Marshal(w)
	if err != nil {
		t.Fatal(err)
	}
	printed = append(printed, string(asJSON), key.String(), key.GoString())
	for _, p := range printed {
		for _, secret := range secrets {
			if strings.Contains(p, strings.Trim(secret, "[]{}")) {
				t.Errorf("leaks: %s", p)
			}
		}
	}
	if got := fmt.Sprintf("%v %s %x", key, key, key); got != strings.Repeat(redacted+" ", 2)+redacted {
		t.Error(got)
	}
}

func TestPrivateKeyFromSeed(t *testing.T) {
	for _, size := range []int{0, 31, 33, 64} {
		if key, err := NewPrivateKey(make([]byte, size)); err != ErrSeedLength || !key.IsZero() {
			t.Errorf("seed of %d bytes: %v", size, err)
		}
	}
	seed := bytes.Repeat([]byte{7}, SeedSize)
	key, err := GenerateKey(io.MultiReader(bytes.NewReader(seed[:5]), bytes.NewReader(seed[5:])))
	if err != nil || !bytes.Equal(key.Seed(), seed) {
		t.Fatalf("%v, %v", key, err)
	}
	seed[0]++
	key.Seed()[0]++
	if key.Seed()[0] != 7 {
		t.Error("the seed can be changed from outside")
	}
	if _, err := GenerateKey(bytes.NewReader(seed[:31])); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("source that ends: %v", err)
	}
}

func TestFailureTexts(t *testing.T) {
	seen := make(map[string]bool)
	for f := ErrKindUnknown; f <= ErrKeyTorsion; f++ {
		text := f.Error()
		if text == "" || seen[text] || text == Failure(0).Error() {
			t.Errorf("failure %d: %q", f, text)
		}
		seen[text] = true
	}
	if Failure(200).Error() != Failure(0).Error() {
		t.Error("unknown failure")
	}
	if f, ok := errors.AsType[Failure](fmt.Errorf("signer 3: %w", ErrEquation)); !ok || f != ErrEquation {
		t.Error("wrapped failure")
	}
}
