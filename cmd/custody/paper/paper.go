// Package paper writes a secret key so that a person can keep it on paper and
// type it in again.
//
// The text form is 56 digits of Crockford's base 32 in 14 groups of four: the
// 32 bytes of the key's seed and the first three bytes of
// SHA-256("custody/paper-key/v1\n" || seed), which tell a mistyped key.
package paper

import (
	"bytes"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"

	"github.com/custodyledger/custodyledger/ledger/sign"
)

const (
	digits     = 56
	groupSize  = 4
	checkBytes = 3
)

var alphabet = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

// ErrMistyped: the digits do not fit together.
var ErrMistyped = errors.New("the key is mistyped: its check digits do not fit")

// Encode writes a key for paper.
func Encode(key sign.PrivateKey) string {
	seed := key.Seed()
	text := alphabet.EncodeToString(append(seed, check(seed)...))
	var groups []string
	for i := 0; i < len(text); i += groupSize {
		groups = append(groups, text[i:i+groupSize])
	}
	return strings.Join(groups, "-")
}

// Decode reads what Encode wrote: lower case, spaces, line breaks and missing
// hyphens are forgiven, and so are i, l and o for 1, 1 and 0. The error never
// quotes the text.
func Decode(text string) (sign.PrivateKey, error) {
	clean := strings.NewReplacer("-", "", " ", "", "\n", "", "\r", "", "\t", "", "O", "0", "I", "1", "L", "1").Replace(strings.ToUpper(text))
	if len(clean) != digits {
		return sign.PrivateKey{}, fmt.Errorf("a key on paper has %d digits in %d groups, got %d digits", digits, digits/groupSize, len(clean))
	}
	b, err := alphabet.DecodeString(clean)
	if err != nil {
		return sign.PrivateKey{}, errors.New("a key on paper has digits 0 to 9 and letters A to Z without U only")
	}
	seed, sum := b[:sign.SeedSize], b[sign.SeedSize:]
	if !bytes.Equal(sum, check(seed)) {
		return sign.PrivateKey{}, ErrMistyped
	}
	return sign.NewPrivateKey(seed)
}

func check(seed []byte) []byte {
	sum := sha256.Sum256(append([]byte("custody/paper-key/v1\n"), seed...))
	return sum[:checkBytes]
}
