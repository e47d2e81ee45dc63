package keyfile

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/sign"
)

var cheap = Options{WorkFactor: 2}

func newKey(t *testing.T) Key {
	t.Helper()
	private, err := sign.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return Key{
		Private:         private,
		Party:           ledger.NewPartyID(private.Public().ID()),
		ReferenceSecret: bytes.Repeat([]byte{7}, ReferenceSecretBytes),
	}
}

func TestKeyComesBack(t *testing.T) {
	key := newKey(t)
	for name, want := range map[string]Key{
		"party": key,
		"alone": {Private: key.Private},
	} {
		path := filepath.Join(t.TempDir(), name+".key")
		if err := Create(path, want, []byte("correct horse"), cheap); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Fatalf("mode %v, %v", info.Mode(), err)
		}
		file, err := Read(path)
		if err != nil {
			t.Fatal(err)
		}
		if file.Public != want.Private.Public() || file.Party != want.Party {
			t.Errorf("%s: readable part says %v, %v", name, file.Public, file.Party)
		}
		got, err := file.Open([]byte("correct horse"))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Private.Seed(), want.Private.Seed()) || got.Party != want.Party || !bytes.Equal(got.ReferenceSecret, want.ReferenceSecret) {
			t.Errorf("%s: another key came back", name)
		}
		if _, err := file.Open([]byte("correct horsf")); !errors.Is(err, ErrPassphrase) {
			t.Errorf("%s: wrong passphrase gives %v", name, err)
		}
		if _, err := file.Open(nil); !errors.Is(err, ErrPassphrase) {
			t.Errorf("%s: empty passphrase gives %v", name, err)
		}
	}
}

func TestSecretIsNotReadable(t *testing.T) {
	key := newKey(t)
	path := filepath.Join(t.TempDir(), "key")
	if err := Create(path, key, []byte("p"), cheap); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(b, key.Private.Seed()) || bytes.Contains(b, []byte("seed")) {
		t.Error("the file shows its secret part")
	}
}

func TestCreateNeverOverwrites(t *testing.T) {
	key, path := newKey(t), filepath.Join(t.TempDir(), "key")
	if err := Create(path, key, []byte("p"), cheap); err != nil {
		t.Fatal(err)
	}
	before, _ := os.ReadFile(path)
	if err := Create(path, newKey(t), []byte("p"), cheap); !errors.Is(err, fs.ErrExist) {
		t.Fatalf("got %v", err)
	}
	if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
		t.Error("the key was overwritten")
	}
	if err := Replace(path, newKey(t), []byte("p"), cheap); err != nil {
		t.Fatal(err)
	}
	names, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(names) != 1 {
		t.Errorf("left over: %v, %v", names, err)
	}
}

func TestBadFilesAreRefused(t *testing.T) {
	key, dir := newKey(t), t.TempDir()
	path := filepath.Join(dir, "key")
	if err := Create(path, key, []byte("p"), cheap); err != nil {
		t.Fatal(err)
	}
	good, _ := os.ReadFile(path)
	other, _ := encode(newKey(t), []byte("p"), cheap)
	otherFile, err := decode(other)
	if err != nil {
		t.Fatal(err)
	}
	text := string(good)
	for name, bad := range map[string]string{
		"empty":         "",
		"not JSON":      "key",
		"unknown field": strings.Replace(text, `"kind"`, `"note": "x", "kind"`, 1),
		"other format":  strings.Replace(text, Format, "custody-key/v2", 1),
		"other kind":    strings.Replace(text, kindEd25519, "p256", 1),
		"another key":   strings.Replace(text, ledger.KeyText(key.Private.Public()), ledger.KeyText(otherFile.Public), 1),
		"another party": strings.Replace(text, key.Party.String(), otherFile.Party.String(), 1),
		"no party":      strings.Replace(text, `"party": "`+key.Party.String()+`",`, "", 1),
		"trailing":      text + "{}",
		"cut short":     text[:len(text)/2],
		"damaged":       strings.Replace(text, "AGE ENCRYPTED", "AGE ENCRYPTEX", 1),
		"too long":      text + strings.Repeat(" ", FileBytesMax),
	} {
		if err := os.WriteFile(path, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := Read(path)
		if err == nil {
			_, err = file.Open([]byte("p"))
		}
		if !errors.Is(err, ErrNotKeyFile) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestWorkFactorIsBounded(t *testing.T) {
	for _, factor := range []int{-1, workFactorMax + 1} {
		if _, err := encode(newKey(t), []byte("p"), Options{WorkFactor: factor}); err == nil {
			t.Errorf("work factor %d is taken", factor)
		}
	}
	if _, err := encode(newKey(t), nil, cheap); err == nil {
		t.Error("a key is stored without a passphrase")
	}
}

func TestPassphraseSources(t *testing.T) {
	file := filepath.Join(t.TempDir(), "passphrase")
	if err := os.WriteFile(file, []byte("from file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	answers := func(lines ...string) Prompt {
		return func(string) ([]byte, error) {
			if len(lines) == 0 {
				return nil, ErrNoTerminal
			}
			line := lines[0]
			lines = lines[1:]
			return []byte(line), nil
		}
	}
	t.Setenv(PassphraseFileVariable, "")
	if p, err := NewPassphrase(file, answers()); err != nil || string(p) != "from file" {
		t.Errorf("flag: %q, %v", p, err)
	}
	if p, err := NewPassphrase("", answers("typed", "typed")); err != nil || string(p) != "typed" {
		t.Errorf("prompt: %q, %v", p, err)
	}
	if _, err := NewPassphrase("", answers("typed", "other")); err == nil {
		t.Error("two different passphrases are taken")
	}
	if _, err := Passphrase("", answers("")); err == nil {
		t.Error("an empty passphrase is taken")
	}
	if _, err := Passphrase("", answers()); !errors.Is(err, ErrNoTerminal) {
		t.Errorf("nobody to ask: %v", err)
	}
	if _, err := Passphrase(file+"-missing", answers("typed")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
	t.Setenv(PassphraseFileVariable, file)
	if p, err := Passphrase("", answers()); err != nil || string(p) != "from file" {
		t.Errorf("variable: %q, %v", p, err)
	}
	if err := os.WriteFile(file, []byte("two\nlines\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Passphrase("", answers()); err == nil {
		t.Error("a passphrase of two lines is taken")
	}
}
