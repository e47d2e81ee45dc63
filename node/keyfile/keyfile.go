// Package keyfile keeps private signing keys in files, encrypted with a
// passphrase.
//
// A key file is one JSON object. What stands beside the encrypted part can be
// read without the passphrase, so that a program can say whose key it is
// before it asks; Open compares it with what was encrypted.
//
//	{
//	  "format": "custody-key/v1",
//	  "kind": "ed25519",
//	  "public_key": "01...",     wire form, hexadecimal
//	  "party": "...",            party id; left out if the key acts for none yet
//	  "encrypted": "-----BEGIN AGE ENCRYPTED FILE-----\n..."
//	}
//
// The encrypted part is age with a scrypt passphrase around the JSON object
// {"kind", "seed", "party", "reference_secret"}, seed and secret hexadecimal.
// `age -d` opens it, should this program be gone.
package keyfile

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"filippo.io/age"
	"filippo.io/age/armor"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/sign"
)

// Format is the value of "format" in every key file.
const Format = "custody-key/v1"

const (
	kindEd25519 = "ed25519"

	// WorkFactor is the base-2 logarithm of scrypt's cost: about a second and
	// 256 MiB on a small machine.
	WorkFactor = 18
	// workFactorMax bounds what a file from elsewhere can make this program do.
	workFactorMax = 20

	// FileBytesMax is the longest key file that is read.
	FileBytesMax = 16 << 10
	// ReferenceSecretBytes is the length of the secret that a dealer's stock
	// numbers are blinded with.
	ReferenceSecretBytes = 32
)

var (
	// ErrPassphrase: the passphrase does not open the file.
	ErrPassphrase = errors.New("wrong passphrase")
	// ErrNotKeyFile is wrapped by every error about the content of a key file.
	ErrNotKeyFile = errors.New("not a valid key file")
)

// Key is what a key file keeps.
type Key struct {
	Private sign.PrivateKey
	// Party is the party the key acts for; zero if it acts for none yet.
	Party ledger.PartyID
	// ReferenceSecret blinds a dealer's stock numbers into references; nil for
	// keys that register nothing.
	ReferenceSecret []byte
}

// File is a key file that was read and not opened yet.
type File struct {
	// Public and Party are what the file says beside its encrypted part. They
	// are not to be trusted before Open.
	Public sign.PublicKey
	Party  ledger.PartyID

	path      string
	encrypted string
}

type outer struct {
	Format    string `json:"format"`
	Kind      string `json:"kind"`
	PublicKey string `json:"public_key"`
	Party     string `json:"party,omitempty"`
	Encrypted string `json:"encrypted"`
}

type inner struct {
	Kind            string `json:"kind"`
	Seed            string `json:"seed"`
	Party           string `json:"party,omitempty"`
	ReferenceSecret string `json:"reference_secret,omitempty"`
}

// Options change how a key file is written.
type Options struct {
	// WorkFactor replaces the constant of that name if not 0. A demonstration or
	// a test may take a small one: such a file protects nothing.
	WorkFactor int
}

// Create writes a new key file, readable by its owner only. It is on disk on
// return. A file that is there already is an error that wraps fs.ErrExist.
func Create(path string, key Key, passphrase []byte, options Options) error {
	b, err := encode(key, passphrase, options)
	if err != nil {
		return err
	}
	return WriteNew(path, b, 0o600)
}

// Replace writes a key file in place of the one that is there, or none: after
// a crash it is either the old one or the new one.
func Replace(path string, key Key, passphrase []byte, options Options) error {
	b, err := encode(key, passphrase, options)
	if err != nil {
		return err
	}
	return Write(path, b, 0o600)
}

// Read reads a key file without opening it.
func Read(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, FileBytesMax+1))
	if err != nil {
		return nil, err
	}
	file, err := decode(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	file.path = path
	return file, nil
}

// Open decrypts the key. The error wraps ErrPassphrase or ErrNotKeyFile.
func (f *File) Open(passphrase []byte) (Key, error) {
	identity, err := age.NewScryptIdentity(string(passphrase))
	if err != nil {
		return Key{}, fmt.Errorf("%s: %w: it is empty", f.path, ErrPassphrase)
	}
	identity.SetMaxWorkFactor(workFactorMax)
	r, err := age.Decrypt(armor.NewReader(bytes.NewReader([]byte(f.encrypted))), identity)
	if err != nil {
		var wrong *age.NoIdentityMatchError
		if errors.As(err, &wrong) {
			return Key{}, fmt.Errorf("%s: %w", f.path, ErrPassphrase)
		}
		return Key{}, fmt.Errorf("%s: %w: %v", f.path, ErrNotKeyFile, err)
	}
	plain, err := io.ReadAll(io.LimitReader(r, FileBytesMax))
	if err != nil {
		return Key{}, fmt.Errorf("%s: %w: %v", f.path, ErrNotKeyFile, err)
	}
	key, err := decodeInner(plain)
	if err == nil && (key.Private.Public() != f.Public || key.Party != f.Party) {
		err = errors.New("the readable part names another key or party than the encrypted part")
	}
	if err != nil {
		return Key{}, fmt.Errorf("%s: %w: %v", f.path, ErrNotKeyFile, err)
	}
	return key, nil
}

func encode(key Key, passphrase []byte, options Options) ([]byte, error) {
	if n := len(key.ReferenceSecret); n != 0 && n != ReferenceSecretBytes {
		return nil, fmt.Errorf("keyfile: a reference secret has %d bytes, got %d", ReferenceSecretBytes, n)
	}
	plain, err := json.Marshal(inner{
		Kind:            kindEd25519,
		Seed:            hex.EncodeToString(key.Private.Seed()),
		Party:           partyText(key.Party),
		ReferenceSecret: hex.EncodeToString(key.ReferenceSecret),
	})
	if err != nil {
		return nil, err
	}
	encrypted, err := encrypt(plain, passphrase, options)
	if err != nil {
		return nil, err
	}
	b, err := json.MarshalIndent(outer{
		Format:    Format,
		Kind:      kindEd25519,
		PublicKey: ledger.KeyText(key.Private.Public()),
		Party:     partyText(key.Party),
		Encrypted: encrypted,
	}, "", "  ")
	return append(b, '\n'), err
}

func encrypt(plain, passphrase []byte, options Options) (string, error) {
	recipient, err := age.NewScryptRecipient(string(passphrase))
	if err != nil {
		return "", errors.New("the passphrase is empty; a key is never stored without one")
	}
	if options.WorkFactor == 0 {
		options.WorkFactor = WorkFactor
	}
	if options.WorkFactor < 1 || options.WorkFactor > workFactorMax {
		return "", fmt.Errorf("keyfile: work factor %d, expected 1 to %d", options.WorkFactor, workFactorMax)
	}
	recipient.SetWorkFactor(options.WorkFactor)
	var b bytes.Buffer
	armored := armor.NewWriter(&b)
	w, err := age.Encrypt(armored, recipient)
	if err != nil {
		return "", err
	}
	if _, err := w.Write(plain); err != nil {
		return "", err
	}
	if err := errors.Join(w.Close(), armored.Close()); err != nil {
		return "", err
	}
	return b.String(), nil
}

func decode(b []byte) (*File, error) {
	if len(b) > FileBytesMax {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrNotKeyFile, FileBytesMax)
	}
	var o outer
	if err := StrictJSON(b, &o); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrNotKeyFile, err)
	}
	if o.Format != Format || o.Kind != kindEd25519 {
		return nil, fmt.Errorf("%w: format %.40q, kind %.40q; this program reads %q, %q", ErrNotKeyFile, o.Format, o.Kind, Format, kindEd25519)
	}
	public, err := ledger.ParseKeyText(o.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("%w: public_key: %v", ErrNotKeyFile, err)
	}
	party, err := parseParty(o.Party)
	if err != nil {
		return nil, fmt.Errorf("%w: party: %v", ErrNotKeyFile, err)
	}
	return &File{Public: public, Party: party, encrypted: o.Encrypted}, nil
}

func decodeInner(plain []byte) (Key, error) {
	var i inner
	if err := StrictJSON(plain, &i); err != nil {
		// The text of err could quote the secret.
		return Key{}, errors.New("the encrypted part is not the JSON object it should be")
	}
	if i.Kind != kindEd25519 {
		return Key{}, fmt.Errorf("kind %.40q is unknown to this program", i.Kind)
	}
	seed, err := hex.DecodeString(i.Seed)
	if err != nil {
		return Key{}, errors.New("the seed is not hexadecimal")
	}
	private, err := sign.NewPrivateKey(seed)
	if err != nil {
		return Key{}, err
	}
	party, err := parseParty(i.Party)
	if err != nil {
		return Key{}, err
	}
	secret, err := hex.DecodeString(i.ReferenceSecret)
	if err != nil || len(secret) != 0 && len(secret) != ReferenceSecretBytes {
		return Key{}, fmt.Errorf("the reference secret is not %d hexadecimal bytes", ReferenceSecretBytes)
	}
	if len(secret) == 0 {
		secret = nil
	}
	return Key{Private: private, Party: party, ReferenceSecret: secret}, nil
}

// StrictJSON reads exactly one JSON object that has no field which into does not have.
func StrictJSON(b []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("something follows the JSON object")
	}
	return nil
}

func partyText(party ledger.PartyID) string {
	if party == (ledger.PartyID{}) {
		return ""
	}
	return party.String()
}

func parseParty(text string) (ledger.PartyID, error) {
	if text == "" {
		return ledger.PartyID{}, nil
	}
	return ledger.ParsePartyID(text)
}
