package checkpoint

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/custodyledger/custodyledger/ledger/sign"
)

// KeyType says what a key's signature is made over. It is the algorithm byte of
// a C2SP signed-note key.
type KeyType byte

const (
	// LogKey signs the note text; its name is the log's origin (signed-note 0x01).
	LogKey KeyType = 0x01
	// CosignerKey signs the note text behind a time (tlog-cosignature 0x04).
	CosignerKey KeyType = 0x04
)

// Errors of a signature line.
var (
	// ErrUnsigned: no line is by the key.
	ErrUnsigned = errors.New("not signed by the key")
	// ErrSignature: a line is by the key and does not hold.
	ErrSignature = errors.New("the signature does not hold")
)

// Key is a key that signs checkpoints. It is comparable.
type Key struct {
	Name   string
	Type   KeyType
	Public sign.PublicKey // Ed25519
}

// NewKey checks a key: its name must fit a signature line, and it must be one of
// the two types. Whether the public key is fit for use was asked where it was
// registered, and is asked by ParseKey.
func NewKey(name string, keyType KeyType, public sign.PublicKey) (Key, error) {
	switch {
	case !validKeyName(name):
		return Key{}, fmt.Errorf("%w: %.60q is not a key name", ErrMalformed, name)
	case keyType != LogKey && keyType != CosignerKey:
		return Key{}, fmt.Errorf("%w: key type %#02x is neither a log's (0x01) nor a cosigner's (0x04)", ErrMalformed, byte(keyType))
	case public.Kind() != sign.Ed25519:
		return Key{}, fmt.Errorf("%w: not an Ed25519 key", ErrMalformed)
	}
	return Key{Name: name, Type: keyType, Public: public}, nil
}

// raw is the 32 bytes of the public key.
func (k Key) raw() []byte { return k.Public.Bytes()[1:] }

// ID gives the first four bytes of SHA-256(name || "\n" || type || public key),
// which a signature line carries.
func (k Key) ID() uint32 {
	message := append([]byte(k.Name), '\n', byte(k.Type))
	sum := sha256.Sum256(append(message, k.raw()...))
	return binary.BigEndian.Uint32(sum[:])
}

// String gives the vkey: name, key id in hexadecimal and base64 of type and
// key, with plus signs between.
func (k Key) String() string {
	typed := append([]byte{byte(k.Type)}, k.raw()...)
	return fmt.Sprintf("%s+%08x+%s", k.Name, k.ID(), base64.StdEncoding.EncodeToString(typed))
}

// ParseKey reads a vkey of either type and checks that the key is fit to be
// registered and that the key id is right.
func ParseKey(vkey string) (Key, error) {
	parts := strings.SplitN(vkey, "+", 3)
	if len(vkey) > 1024 || len(parts) != 3 || len(parts[1]) != 8 {
		return Key{}, fmt.Errorf("%w: %.80q is not a vkey (name+id+key)", ErrMalformed, vkey)
	}
	id, err := strconv.ParseUint(parts[1], 16, 32)
	if err != nil {
		return Key{}, fmt.Errorf("%w: vkey %.80q: key id: %v", ErrMalformed, vkey, err)
	}
	typed, err := parseBase64(parts[2])
	if err == nil && len(typed) != 33 {
		err = fmt.Errorf("%d bytes, expected a type and an Ed25519 key of 32", len(typed))
	}
	if err != nil {
		return Key{}, fmt.Errorf("%w: vkey %.80q: %v", ErrMalformed, vkey, err)
	}
	public, err := sign.ParsePublicKey(append([]byte{byte(sign.Ed25519)}, typed[1:]...))
	if err == nil {
		err = public.CheckRegistrable()
	}
	if err != nil {
		return Key{}, fmt.Errorf("%w: vkey %.80q: %v", ErrMalformed, vkey, err)
	}
	k, err := NewKey(parts[0], KeyType(typed[0]), public)
	if err != nil {
		return Key{}, err
	}
	if k.ID() != uint32(id) {
		return Key{}, fmt.Errorf("%w: vkey %.80q: its key id should be %08x", ErrMalformed, vkey, k.ID())
	}
	if k.String() != vkey {
		return Key{}, fmt.Errorf("%w: vkey %.80q: its one form is %s", ErrMalformed, vkey, k)
	}
	return k, nil
}

// message gives what the key signs, for a cosigner at a time in unix seconds.
func (k Key) message(text []byte, at uint64) []byte {
	if k.Type == LogKey {
		return text
	}
	b := append([]byte("cosignature/v1\ntime "), strconv.FormatUint(at, 10)...)
	b = append(b, '\n')
	return append(b, text...)
}

// Sign makes the key's signature line over a checkpoint. A cosigner says with
// it that at time at, in unix seconds, this is the largest head that it has seen
// and that it is consistent with all others; a log key's line has no time.
func (k Key) Sign(private sign.PrivateKey, c Checkpoint, at uint64) Signature {
	if private.Public() != k.Public {
		panic("checkpoint: the private key is not that of the key")
	}
	signature := private.Sign(k.message(c.Text(), at))
	var b []byte
	if k.Type == CosignerKey {
		b = binary.BigEndian.AppendUint64(b, at)
	}
	return Signature{Name: k.Name, KeyID: k.ID(), Bytes: append(b, signature...)}
}

// Verify finds the key's line in a note and checks it. It gives the time of a
// cosignature in unix seconds, 0 for a log's. Every line with the key's name and
// id must hold. The error wraps ErrUnsigned or ErrSignature.
func (k Key) Verify(n *Note) (at uint64, err error) {
	id, found := k.ID(), false
	for _, s := range n.Signatures {
		if s.Name != k.Name || s.KeyID != id {
			continue
		}
		found = true
		if at, err = k.verify(n.Text(), s.Bytes); err != nil {
			return 0, fmt.Errorf("%w: line of %s: %v", ErrSignature, k.Name, err)
		}
	}
	if !found {
		return 0, fmt.Errorf("%w %s", ErrUnsigned, k)
	}
	return at, nil
}

func (k Key) verify(text, b []byte) (at uint64, err error) {
	if k.Type == CosignerKey {
		if len(b) < 8 {
			return 0, fmt.Errorf("a cosignature of %d bytes", len(b))
		}
		if at = binary.BigEndian.Uint64(b); at > 1<<63-1 {
			return 0, fmt.Errorf("time %d", at)
		}
		b = b[8:]
	}
	return at, sign.Verify(k.Public, k.message(text, at), b)
}
