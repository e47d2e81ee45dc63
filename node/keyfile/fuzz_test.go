package keyfile

import "testing"

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"format":"custody-key/v1","kind":"ed25519","public_key":"01","encrypted":""}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := decode(b)
		if err == nil && file.Public.IsZero() {
			t.Error("a file without a key was accepted")
		}
	})
}
