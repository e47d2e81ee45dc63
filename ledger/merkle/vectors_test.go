package merkle

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// vectorHash reads a hash of a vector. Some are not of HashSize bytes, which a Hash cannot be; in their place stands
// a hash that is equal for equal bytes of one role and is no node of any vector's tree.
func vectorHash(role string, b []byte) Hash {
	if len(b) == HashSize {
		return Hash(b)
	}
	return LeafHash(append([]byte("not a "+role+" hash: "), b...))
}

func vectorHashes(raw [][]byte) []Hash {
	hashes := make([]Hash, len(raw))
	for i := range raw {
		hashes[i] = vectorHash("proof", raw[i])
	}
	return hashes
}

func vectorFiles(t *testing.T, dir string, want int) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(filepath.Join("testdata/rfc6962", dir), func(path string, d fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".json") {
			files = append(files, path)
		}
		return err
	})
	if err != nil || len(files) != want {
		t.Fatalf("%d files in %s, want %d (%v)", len(files), dir, want, err)
	}
	return files
}

func readVector(t *testing.T, file string, into any) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

func TestInclusionVectors(t *testing.T) {
	for _, file := range vectorFiles(t, "inclusion", 98) {
		var v struct {
			LeafIdx, TreeSize uint64
			Root, LeafHash    []byte
			Proof             [][]byte
			Desc              string
			WantErr           bool
		}
		readVector(t, file, &v)
		leaf, root := vectorHash("leaf", v.LeafHash), vectorHash("root", v.Root)
		err := VerifyInclusion(v.LeafIdx, v.TreeSize, leaf, vectorHashes(v.Proof), root)
		if (err != nil) != v.WantErr {
			t.Errorf("%s: %v", file, err)
		}
	}
}

func TestConsistencyVectors(t *testing.T) {
	for _, file := range vectorFiles(t, "consistency", 98) {
		var v struct {
			Size1, Size2 uint64
			Root1, Root2 []byte
			Proof        [][]byte
			Desc         string
			WantErr      bool
		}
		readVector(t, file, &v)
		from, to := vectorHash("root", v.Root1), vectorHash("root", v.Root2)
		err := VerifyConsistency(v.Size1, v.Size2, from, to, vectorHashes(v.Proof))
		if (err != nil) != v.WantErr {
			t.Errorf("%s: %v", file, err)
		}
	}
}

const tesseraSize = 15

// TestTesseraLog compares roots and leaf hashes with a log that another implementation wrote.
func TestTesseraLog(t *testing.T) {
	m := &memory{t: t}
	f := new(Frontier)
	if got, want := f.Root(), tesseraRoot(t, 0); got != want {
		t.Errorf("size 0: root %v, checkpoint says %v", got, want)
	}
	for _, entry := range tesseraEntries(t) {
		f.Append(LeafHash(entry), m.emit)
		if got, want := f.Root(), tesseraRoot(t, f.Size()); got != want {
			t.Errorf("size %d: root %v, checkpoint says %v", f.Size(), got, want)
		}
	}
	if f.Size() != tesseraSize {
		t.Fatalf("%d entries, want %d", f.Size(), tesseraSize)
	}
	for size := 1; size <= tesseraSize; size++ {
		tile, err := os.ReadFile(fmt.Sprintf("testdata/tessera/log/tile/0/000.p/%d", size))
		if err != nil {
			t.Fatal(err)
		}
		if len(tile) != size*HashSize {
			t.Fatalf("tile %d has %d bytes", size, len(tile))
		}
		for i := range size {
			if got := m.levels[0][i]; got != Hash(tile[i*HashSize:][:HashSize]) {
				t.Errorf("tile %d: hash %d differs", size, i)
			}
		}
	}
	for from := uint64(1); from <= tesseraSize; from++ {
		for to := from; to <= tesseraSize; to++ {
			proof, err := ConsistencyProof(m.operation(), from, to)
			if err != nil {
				t.Fatal(err)
			}
			if err := VerifyConsistency(from, to, tesseraRoot(t, from), tesseraRoot(t, to), proof); err != nil {
				t.Errorf("checkpoint %d to %d: %v", from, to, err)
			}
		}
	}
}

func tesseraEntries(t *testing.T) (entries [][]byte) {
	t.Helper()
	bundle, err := os.ReadFile(fmt.Sprintf("testdata/tessera/log/tile/entries/000.p/%d", tesseraSize))
	if err != nil {
		t.Fatal(err)
	}
	for len(bundle) > 0 {
		length := int(binary.BigEndian.Uint16(bundle))
		entries = append(entries, bundle[2:2+length])
		bundle = bundle[2+length:]
	}
	return entries
}

func tesseraRoot(t *testing.T, size uint64) Hash {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("testdata/tessera/log/checkpoint.%d", size))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	if lines[1] != strconv.FormatUint(size, 10) {
		t.Fatalf("checkpoint.%d is of size %s", size, lines[1])
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil {
		t.Fatal(err)
	}
	return Hash(root)
}
