package ledger_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/sign"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// openSSLRecipe takes the commands of SPEC.md that verify a signature with
// OpenSSL, as a reader would.
func openSSLRecipe(t *testing.T) string {
	t.Helper()
	spec, err := os.ReadFile("SPEC.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(spec), "<!-- openssl: run by TestOpenSSLAgrees -->\n")
	recipe, _, ended := strings.Cut(after, "<!-- end of openssl -->")
	if !found || !ended {
		t.Fatal("SPEC.md has no OpenSSL recipe")
	}
	var commands []string
	for line := range strings.SplitSeq(recipe, "\n") {
		if command, ok := strings.CutPrefix(line, "    "); ok {
			commands = append(commands, command)
		}
	}
	return strings.Join(commands, "\n")
}

func TestOpenSSLAgrees(t *testing.T) {
	for _, program := range []string{"openssl", "sh", "base64"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed: the recipe of SPEC.md section 3 is not run", program)
		}
	}
	recipe := openSSLRecipe(t)
	event, id, key, signature := dealersEvent(t)
	flip := func(b []byte, at int) []byte {
		b = bytes.Clone(b)
		b[at] ^= 1
		return b
	}
	other := flip(key, 3)
	for name, c := range map[string]struct {
		event, key, signature []byte
		holds                 bool
	}{
		"as signed":         {event, key, signature, true},
		"another event":     {flip(event, len(event)-1), key, signature, false},
		"a longer event":    {append(bytes.Clone(event), 0), key, signature, false},
		"another signature": {event, key, flip(signature, 40), false},
		"another key":       {event, other, signature, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for file, content := range map[string][]byte{"event.bin": c.event, "key.bin": c.key[1:], "signature.bin": c.signature} {
				if err := os.WriteFile(filepath.Join(dir, file), content, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			command := exec.Command("sh", "-e", "-c", recipe)
			command.Dir = dir
			output, err := command.CombinedOutput()
			if holds := err == nil && strings.Contains(string(output), "Signature Verified Successfully"); holds != c.holds {
				t.Fatalf("openssl says %v, expected %v: %v\n%s", holds, c.holds, err, output)
			}
			if c.holds && !strings.Contains(string(output), id) {
				t.Errorf("openssl gives another event id than %s:\n%s", id, output)
			}
		})
	}
}

// dealersEvent makes an event as a dealer does.
func dealersEvent(t *testing.T) (event []byte, id string, key, signature []byte) {
	t.Helper()
	private, err := sign.NewPrivateKey(bytes.Repeat([]byte{7}, sign.SeedSize))
	if err != nil {
		t.Fatal(err)
	}
	signed, err := ledger.Sign(&custodyv1.Event{
		LedgerId: bytes.Repeat([]byte{1}, 32), Party: bytes.Repeat([]byte{2}, 20), Nonce: bytes.Repeat([]byte{3}, 16),
		OccurredAtMs: 1_700_000_000_000, NotAfterMs: 1_700_100_000_000,
		Body: &custodyv1.Event_Offer{Offer: &custodyv1.Offer{
			Item: &custodyv1.ItemRef{Item: bytes.Repeat([]byte{4}, 20), Prev: bytes.Repeat([]byte{5}, 32)},
			To:   bytes.Repeat([]byte{6}, 20), Mode: custodyv1.Mode_MODE_SALE, ExpiresAtMs: 1_700_050_000_000,
		}},
	}, private)
	if err != nil {
		t.Fatal(err)
	}
	return signed.Event, signed.ID().String(), private.Public().Bytes(), signed.Signatures[0]
}
