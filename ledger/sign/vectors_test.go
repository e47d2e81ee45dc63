package sign

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// vector is one case of a published collection with the verdict that the rule of this package gives.
type vector struct {
	name string
	signed
	holds bool
	// reason is the failure expected, where the collection says enough to know; 0 if not.
	reason Failure
}

func readFile(t testing.TB, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func readJSON(t testing.TB, name string, into any) {
	t.Helper()
	if err := json.Unmarshal(readFile(t, name), into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	raw, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func rawKey(t testing.TB, raw []byte) PublicKey {
	t.Helper()
	key, err := ParsePublicKey(append([]byte{byte(Ed25519)}, raw...))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// cctvVectors: ZIP-215 as measured with another library, less what the flags say of R.
func cctvVectors(t testing.TB) (out []vector) {
	var cases []struct {
		Number        int
		Key, Sig, Msg string
		Flags         []string
	}
	readJSON(t, "cctv-ed25519/ed25519vectors.json", &cases)
	var measured struct {
		Accepts []int `json:"ed25519consensus_zip215_accepts"`
		Total   int
	}
	readJSON(t, "cctv-ed25519/expected_measured.json", &measured)
	if len(cases) != 914 || len(measured.Accepts) != 826 {
		t.Fatalf("%d cases, %d accepted by ZIP-215", len(cases), len(measured.Accepts))
	}
	for _, c := range cases {
		v := vector{
			name:   fmt.Sprintf("cctv %d", c.Number),
			signed: signed{rawKey(t, unhex(t, c.Key)), []byte(c.Msg), unhex(t, c.Sig)},
		}
		switch {
		case slices.Contains(c.Flags, "non_canonical_R"):
			v.reason = ErrRNotCanonical
		case slices.Contains(c.Flags, "low_order_R"):
			v.reason = ErrRSmallOrder
		case !slices.Contains(measured.Accepts, c.Number):
			v.reason = ErrEquation
		default:
			v.holds = true
		}
		out = append(out, v)
	}
	return out
}

// speccheckVectors: the row of ZIP-215 ("Zebra") of its results is V V V V V V X X X V V V. Cases 0 and 2 have an R of
// small order, 8 and 9 one that is not canonical; 6 and 7 an S above the order; 10 and 11 an A that is not canonical.
func speccheckVectors(t testing.TB) (out []vector) {
	var cases []struct {
		Message, Pub_key, Signature string
	}
	readJSON(t, "speccheck-ed25519/cases.json", &cases)
	reasons := []Failure{
		0: ErrRSmallOrder, 1: 0, 2: ErrRSmallOrder, 3: 0, 4: 0, 5: 0, 6: ErrSNotCanonical, 7: ErrSNotCanonical,
		8: ErrRNotCanonical, 9: ErrRNotCanonical, 10: 0, 11: 0,
	}
	if len(cases) != len(reasons) {
		t.Fatalf("%d cases", len(cases))
	}
	for i, c := range cases {
		out = append(out, vector{
			name:   fmt.Sprintf("speccheck %d", i),
			signed: signed{rawKey(t, unhex(t, c.Pub_key)), unhex(t, c.Message), unhex(t, c.Signature)},
			holds:  reasons[i] == 0,
			reason: reasons[i],
		})
	}
	return out
}

// zip215Vectors: ZIP-215 accepts all of them. Every R is of small order, so that the rule accepts none.
func zip215Vectors(t testing.TB) (out []vector) {
	var file struct {
		Message string `json:"message_utf8"`
		Cases   []struct{ Key, Sig string }
	}
	readJSON(t, "zip215-ed25519/zip215_cases.json", &file)
	if len(file.Cases) != 196 {
		t.Fatalf("%d cases", len(file.Cases))
	}
	for i, c := range file.Cases {
		v := vector{
			name:   fmt.Sprintf("zip215 %d", i),
			signed: signed{rawKey(t, unhex(t, c.Key)), []byte(file.Message), unhex(t, c.Sig)},
			reason: ErrRSmallOrder,
		}
		if !secondCanonical(v.sig[:32]) {
			v.reason = ErrRNotCanonical
		}
		out = append(out, v)
	}
	return out
}

// wycheproofVectors: the rule agrees with all of them, also on case 151, which ZIP-215 alone accepts.
func wycheproofVectors(t testing.TB) (out []vector) {
	var file struct {
		TestGroups []struct {
			PublicKey struct{ Pk string }
			Tests     []struct {
				TcId             int
				Msg, Sig, Result string
			}
		}
	}
	readJSON(t, "wycheproof-ed25519/ed25519_test.json", &file)
	for _, group := range file.TestGroups {
		for _, c := range group.Tests {
			v := vector{
				name:   fmt.Sprintf("wycheproof %d", c.TcId),
				signed: signed{rawKey(t, unhex(t, group.PublicKey.Pk)), unhex(t, c.Msg), unhex(t, c.Sig)},
				holds:  c.Result == "valid",
			}
			if len(v.sig) != SignatureSize {
				v.reason = ErrSignatureLength
			}
			if c.TcId == 151 {
				v.reason = ErrRNotCanonical
			}
			out = append(out, v)
		}
	}
	if len(out) != 151 {
		t.Fatalf("%d cases", len(out))
	}
	return out
}

// rfc8032Lines are "seed||key : key : message : signature||message" in hex; the first three are those of the RFC.
func rfc8032Lines(t testing.TB) (lines [][]string) {
	unzipped, err := gzip.NewReader(bytes.NewReader(readFile(t, "rfc8032-ed25519/sign.input.gz")))
	if err != nil {
		t.Fatal(err)
	}
	scanner := bufio.NewScanner(unzipped)
	for scanner.Scan() {
		lines = append(lines, strings.Split(scanner.Text(), ":"))
	}
	if scanner.Err() != nil || len(lines) != 128 {
		t.Fatalf("%d lines, %v", len(lines), scanner.Err())
	}
	return lines
}

func rfc8032Vectors(t testing.TB) (out []vector) {
	for i, line := range rfc8032Lines(t) {
		out = append(out, vector{
			name:   fmt.Sprintf("rfc8032 %d", i+1),
			signed: signed{rawKey(t, unhex(t, line[1])), unhex(t, line[2]), unhex(t, line[3])[:SignatureSize]},
			holds:  true,
		})
	}
	return out
}

func allVectors(t testing.TB) []vector {
	return slices.Concat(cctvVectors(t), speccheckVectors(t), zip215Vectors(t), wycheproofVectors(t), rfc8032Vectors(t))
}

func (v *vector) check(t *testing.T, how string, err error) {
	t.Helper()
	failure, typed := err.(Failure)
	switch {
	case (err == nil) != v.holds:
		t.Errorf("%s, %s: %v, want holds = %v", v.name, how, err, v.holds)
	case err != nil && !typed:
		t.Errorf("%s, %s: %v is no Failure", v.name, how, err)
	case v.reason != 0 && failure != v.reason:
		t.Errorf("%s, %s: %v, want %v", v.name, how, err, v.reason)
	}
}

func TestVectors(t *testing.T) {
	vectors := allVectors(t)
	keeps, forgets := NewVerifier(PreparedKeysDefault), NewVerifier(0)
	good := signedBy(2, 2)
	batch := keeps.NewBatch()
	holding := 0
	for _, v := range vectors {
		single := Verify(v.key, v.message, v.sig)
		v.check(t, "single", single)
		if second := secondOpinion(v.key, v.message, v.sig); second != v.holds {
			t.Errorf("%s: the second opinion is %v", v.name, second)
		}
		v.check(t, "key not met before or not kept", forgets.Verify(v.key, v.message, v.sig))
		v.check(t, "first with a cache", keeps.Verify(v.key, v.message, v.sig))
		v.check(t, "again with a cache", keeps.Verify(v.key, v.message, v.sig))

		batch.Add(v.key, v.message, v.sig)
		v.check(t, "alone in a batch", verdicts(t, batch)[0])

		batch.Add(good[0].key, good[0].message, good[0].sig)
		batch.Add(v.key, v.message, v.sig)
		batch.Add(good[1].key, good[1].message, good[1].sig)
		got := verdicts(t, batch)
		v.check(t, "between good ones in a batch", got[1])
		if got[1] != single {
			t.Errorf("%s: single %v, in a batch %v", v.name, single, got[1])
		}
		if got[0] != nil || got[2] != nil {
			t.Errorf("%s: spoils its neighbours: %v", v.name, got)
		}
		if v.holds {
			holding++
		}
	}
	t.Logf("%d of %d vectors hold", holding, len(vectors))
}

// verdicts settles a batch and returns one verdict for each signature also if all hold.
func verdicts(t *testing.T, b *Batch) []error {
	t.Helper()
	count := b.Len()
	ok, out := b.Verify()
	failed := slices.ContainsFunc(out, func(err error) bool { return err != nil })
	if ok == failed || ok != (out == nil) || !ok && len(out) != count || b.Len() != 0 {
		t.Fatalf("batch of %d says %v, %v, and holds %d afterwards", count, ok, out, b.Len())
	}
	if ok {
		return make([]error, count)
	}
	return out
}

// TestVectorsInOneBatch puts all of them, and all that hold, into one batch.
func TestVectorsInOneBatch(t *testing.T) {
	vectors := allVectors(t)
	batch := NewVerifier(100).NewBatch()
	for _, v := range vectors {
		batch.Add(v.key, v.message, v.sig)
	}
	for i, err := range verdicts(t, batch) {
		vectors[i].check(t, "in one batch", err)
	}
	for _, v := range vectors {
		if v.holds {
			batch.Add(v.key, v.message, v.sig)
		}
	}
	if ok, out := batch.Verify(); !ok {
		t.Errorf("those that hold: %v", out)
	}
}

func TestSignVectors(t *testing.T) {
	for i, line := range rfc8032Lines(t) {
		key, err := NewPrivateKey(unhex(t, line[0])[:SeedSize])
		if err != nil {
			t.Fatal(err)
		}
		if hex.EncodeToString(key.Public().Bytes()[1:]) != line[1] {
			t.Errorf("line %d: public key %v", i+1, key.Public())
		}
		message := unhex(t, line[2])
		if sig := key.Sign(message); !bytes.Equal(append(sig, message...), unhex(t, line[3])) {
			t.Errorf("line %d: signature %x", i+1, sig)
		}
		if err := key.Public().CheckRegistrable(); err != nil {
			t.Errorf("line %d: %v", i+1, err)
		}
	}
}
