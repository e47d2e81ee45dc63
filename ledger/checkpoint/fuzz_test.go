package checkpoint_test

import (
	"bytes"
	"reflect"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/custodyledger/custodyledger/ledger/checkpoint"
)

func FuzzParseNote(f *testing.F) {
	w := newWorld(f, 3, 2)
	f.Add(w.note(newTree(5).at(f, 5), 0, 1).Encode())
	f.Add(lines(newTree(5).at(f, 5), 3))
	f.Add([]byte("o\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n\u2014 a AAAAAQE=\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := checkpoint.ParseNote(b)
		if err != nil {
			return
		}
		if !bytes.Equal(n.Encode(), b) {
			t.Fatalf("two forms of one note: %q", b)
		}
		if _, err := note.Open(b, nil); err != nil {
			if _, unverified := err.(*note.UnverifiedNoteError); !unverified {
				t.Fatalf("x/mod refuses it: %v", err)
			}
		}
		if _, err := w.policy.Verify(n); err == nil && n.Size != 5 {
			t.Fatalf("final, though nobody signed it: %s", n)
		}
	})
}

func FuzzParseKey(f *testing.F) {
	f.Add(newSigner(f, origin, checkpoint.LogKey, 1).String())
	f.Add(newSigner(f, "a.example.org", checkpoint.CosignerKey, 1).String())
	f.Add(tesseraKey)
	f.Fuzz(func(t *testing.T, vkey string) {
		key, err := checkpoint.ParseKey(vkey)
		if err != nil {
			return
		}
		if key.String() != vkey {
			t.Fatalf("%q comes out as %q", vkey, key)
		}
	})
}

func FuzzParsePolicy(f *testing.F) {
	w := newWorld(f, 3, 2)
	f.Add(w.file(f))
	f.Add([]byte("# a\nwitness a " + w.cosigners[0].String() + " https://x\ngroup g any a\nquorum g\n"))
	f.Add([]byte("quorum none\n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		p, err := checkpoint.ParsePolicy(file)
		if err != nil {
			return
		}
		again, err := p.Encode()
		if err != nil {
			t.Fatalf("%v: %q", err, file)
		}
		if second, err := checkpoint.ParsePolicy(again); err != nil || !reflect.DeepEqual(p, second) {
			t.Fatalf("%v: %q", err, file)
		}
	})
}

func FuzzParseProof(f *testing.F) {
	w := newWorld(f, 2, 2)
	whole, leaf := aProof(f, w, "extra")
	f.Add(whole.Encode())
	f.Add((&checkpoint.Proof{Note: whole.Note}).Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := checkpoint.ParseProof(b)
		if err != nil {
			return
		}
		if !bytes.Equal(p.Encode(), b) {
			t.Fatalf("two forms of one proof: %q", b)
		}
		if _, err := p.Verify(w.policy, leaf); err == nil && p.Index != whole.Index {
			t.Fatalf("proves index %d", p.Index)
		}
	})
}

func FuzzParseAddCheckpoint(f *testing.F) {
	w := newWorld(f, 1, 1)
	f.Add((&checkpoint.AddCheckpoint{Old: 3, Proof: newTree(4).leaves, Note: w.note(newTree(5).at(f, 5), 0).Encode()}).Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if a, err := checkpoint.ParseAddCheckpoint(b); err == nil && !bytes.Equal(a.Encode(), b) {
			t.Fatalf("two forms of one request: %q", b)
		}
	})
}
