package node

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/custodyledger/custodyledger/consensus"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/sign"
	"github.com/custodyledger/custodyledger/node/cosign"
	"github.com/custodyledger/custodyledger/node/keyfile"
)

// The files of an identity folder. Private keys are readable by their owner
// only. The governance key is encrypted; the others must be usable by a
// program that nobody watches.
const (
	partFile          = "part.json"
	tlsKeyFile        = "tls.key"
	tlsCertFile       = "tls.crt"
	logKeyFile        = "log.key"
	cosignerKeyFile   = "cosigner.key"
	statementKeyFile  = "statement.key"
	governanceKeyFile = "governance.key"
	// foundedFile stands from the moment on when the identity's first
	// incarnation is used up: a second data folder needs a new one.
	foundedFile = "founded"
)

const (
	partFormat    = "custody-part/v1"
	nodeKeyFormat = "custody-node-key/v1"
)

// Part is the public part of a founding member: what it contributes to the
// genesis.
type Part struct {
	Format      string             `json:"format"`
	Association ledger.Association `json:"association"`
	Node        ledger.Node        `json:"node"`
}

// Identity are the keys by which a node is known.
type Identity struct {
	Part      Part
	TLS       tls.Certificate
	Log       sign.PrivateKey
	Cosigner  sign.PrivateKey
	Statement sign.PrivateKey
	// More are keys for a change of the node's keys: files log-2.key,
	// cosigner-2.key, statement-2.key and so on beside the first ones. A node signs
	// with those that the policy in force names for it.
	More cosign.Keys
}

// keys are all keys that the node signs heads and statements with.
func (i *Identity) keys() cosign.Keys {
	return cosign.Keys{
		Log:       append([]sign.PrivateKey{i.Log}, i.More.Log...),
		Cosigner:  append([]sign.PrivateKey{i.Cosigner}, i.More.Cosigner...),
		Statement: append([]sign.PrivateKey{i.Statement}, i.More.Statement...),
	}
}

// IdentityRequest says what identity to make.
type IdentityRequest struct {
	ID            string // of the node
	Association   string
	Country       string // of the association, ISO 3166-1 alpha-2
	PeerAddress   string // host:port where other nodes reach this one
	ClientAddress string // host:port where clients do
	// GovernanceKey is the association's public key in its wire form, if it is
	// kept elsewhere; nil makes a new one, encrypted with Passphrase.
	GovernanceKey *sign.PublicKey
	Passphrase    []byte
	KeyOptions    keyfile.Options

	Random io.Reader
	Now    time.Time
}

// CreateIdentity makes a node's keys and its public part in a folder that does
// not exist yet or is empty. Everything is on disk on return. After a failure
// the folder holds nothing that is used by anything: remove it and try again.
func CreateIdentity(dir string, request IdentityRequest) (Part, error) {
	if err := emptyFolder(dir, 0o700); err != nil {
		return Part{}, fmt.Errorf("identity folder: %w", err)
	}
	part, err := createKeys(dir, request)
	if err != nil {
		return Part{}, err
	}
	b, err := encodeJSON(part)
	if err != nil {
		return Part{}, err
	}
	return part, keyfile.WriteNew(filepath.Join(dir, partFile), b, 0o644)
}

// emptyFolder makes a folder, or takes an empty one.
func emptyFolder(dir string, mode fs.FileMode) error {
	if err := os.MkdirAll(dir, mode); err != nil {
		return err
	}
	names, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	if len(names) > 0 {
		return fmt.Errorf("%s is not empty: it holds %s", dir, names[0].Name())
	}
	return keyfile.SyncDir(filepath.Dir(dir))
}

func createKeys(dir string, request IdentityRequest) (Part, error) {
	server, err := consensus.NewServerID(request.ID, request.Random)
	if err != nil {
		return Part{}, err
	}
	part := Part{
		Format:      partFormat,
		Association: ledger.Association{Name: request.Association, Country: request.Country},
		Node: ledger.Node{
			ID: request.ID, Association: request.Association,
			PeerAddress: request.PeerAddress, ClientAddress: request.ClientAddress,
			Incarnation: hex.EncodeToString(server.Incarnation[:]),
		},
	}
	hash, err := createTLSKey(dir, request)
	if err != nil {
		return Part{}, err
	}
	part.Node.TLSKeySHA256 = hex.EncodeToString(hash[:])
	for _, key := range []struct {
		file, use string
		public    *string
	}{
		{logKeyFile, "log", &part.Node.LogKey},
		{cosignerKeyFile, "cosigner", &part.Node.CosignerKey},
		{statementKeyFile, "statement", &part.Node.StatementKey},
	} {
		private, err := sign.GenerateKey(request.Random)
		if err != nil {
			return Part{}, err
		}
		if err := writeNodeKey(filepath.Join(dir, key.file), key.use, private); err != nil {
			return Part{}, err
		}
		*key.public = ledger.KeyText(private.Public())
	}
	governance, err := governanceKey(dir, request)
	if err != nil {
		return Part{}, err
	}
	part.Association.GovernanceKeys = []string{ledger.KeyText(governance)}
	// A genesis of this part alone shows whether it can stand in any.
	_, err = NewGenesis("check", request.Now, 0, []Part{part})
	return part, err
}

func governanceKey(dir string, request IdentityRequest) (sign.PublicKey, error) {
	if request.GovernanceKey != nil {
		return *request.GovernanceKey, nil
	}
	private, err := sign.GenerateKey(request.Random)
	if err != nil {
		return sign.PublicKey{}, err
	}
	key := keyfile.Key{Private: private, Party: ledger.NewPartyID(private.Public().ID())}
	return private.Public(), keyfile.Create(filepath.Join(dir, governanceKeyFile), key, request.Passphrase, request.KeyOptions)
}

// createTLSKey makes a P-256 key with a self-signed certificate. Nobody looks
// at the certificate's names and dates: the key is pinned.
func createTLSKey(dir string, request IdentityRequest) (consensus.KeyHash, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), request.Random)
	if err != nil {
		return consensus.KeyHash{}, err
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: request.ID},
		DNSNames:     []string{request.ID},
		NotBefore:    time.Unix(0, 0).UTC(),
		NotAfter:     time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), // RFC 5280, 4.1.2.5: no end
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(request.Random, &template, &template, &key.PublicKey, key)
	if err != nil {
		return consensus.KeyHash{}, err
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return consensus.KeyHash{}, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return consensus.KeyHash{}, err
	}
	err = errors.Join(
		keyfile.WriteNew(filepath.Join(dir, tlsKeyFile), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600),
		keyfile.WriteNew(filepath.Join(dir, tlsCertFile), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644),
	)
	return consensus.HashKey(certificate), err
}

// nodeKey is the file of one of the node's own signing keys.
type nodeKey struct {
	Format string `json:"format"`
	Use    string `json:"use"`
	Kind   string `json:"kind"`
	Seed   string `json:"seed"`
}

func writeNodeKey(path, use string, key sign.PrivateKey) error {
	b, err := encodeJSON(nodeKey{Format: nodeKeyFormat, Use: use, Kind: "ed25519", Seed: hex.EncodeToString(key.Seed())})
	if err != nil {
		return err
	}
	return keyfile.WriteNew(path, b, 0o600)
}

func readNodeKey(path, use, public string) (sign.PrivateKey, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return sign.PrivateKey{}, err
	}
	var k nodeKey
	if err := keyfile.StrictJSON(b, &k); err != nil || k.Format != nodeKeyFormat || k.Kind != "ed25519" || k.Use != use {
		return sign.PrivateKey{}, fmt.Errorf("%s: not a %s key of a node", path, use)
	}
	seed, err := hex.DecodeString(k.Seed)
	if err != nil {
		return sign.PrivateKey{}, fmt.Errorf("%s: the seed is not hexadecimal", path)
	}
	key, err := sign.NewPrivateKey(seed)
	if err != nil {
		return sign.PrivateKey{}, fmt.Errorf("%s: %w", path, err)
	}
	if public != "" && ledger.KeyText(key.Public()) != public {
		return sign.PrivateKey{}, fmt.Errorf("%s: is another key than the one in %s", path, partFile)
	}
	return key, nil
}

// readMoreKeys reads the further keys of a use.
func readMoreKeys(dir, file, use string) ([]sign.PrivateKey, error) {
	pattern := strings.TrimSuffix(file, ".key") + "-*.key"
	paths, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil {
		return nil, err
	}
	var keys []sign.PrivateKey
	for _, path := range paths {
		key, err := readNodeKey(path, use, "")
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// AddNodeKeys makes a further log, cosigner and statement key in an identity
// folder, for a change of the node's keys by a proposed policy, and gives them.
// They are on disk on return and are used once a policy that names them is in
// force; the ones before stay, since others verify with them.
func AddNodeKeys(dir string, random io.Reader) (part Part, err error) {
	if part, err = ReadPart(filepath.Join(dir, partFile)); err != nil {
		return Part{}, err
	}
	number := 2
	for ; ; number++ {
		if _, err := os.Stat(filepath.Join(dir, furtherKeyFile(logKeyFile, number))); errors.Is(err, fs.ErrNotExist) {
			break
		} else if err != nil {
			return Part{}, err
		}
	}
	for _, key := range []struct {
		file, use string
		public    *string
	}{
		{statementKeyFile, "statement", &part.Node.StatementKey},
		{cosignerKeyFile, "cosigner", &part.Node.CosignerKey},
		{logKeyFile, "log", &part.Node.LogKey}, // last: its number is the one looked for
	} {
		private, err := sign.GenerateKey(random)
		if err != nil {
			return Part{}, err
		}
		path := filepath.Join(dir, furtherKeyFile(key.file, number))
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) { // of an attempt that broke off
			return Part{}, err
		}
		if err := writeNodeKey(path, key.use, private); err != nil {
			return Part{}, err
		}
		*key.public = ledger.KeyText(private.Public())
	}
	return part, nil
}

// LatestNodeKeys reads the keys that AddNodeKeys made last in an identity folder,
// and the id of its node.
func LatestNodeKeys(dir string) (id string, log, cosigner, statement sign.PrivateKey, err error) {
	part, err := ReadPart(filepath.Join(dir, partFile))
	if err != nil {
		return "", log, cosigner, statement, err
	}
	number := 1
	for {
		if _, err := os.Stat(filepath.Join(dir, furtherKeyFile(logKeyFile, number+1))); err != nil {
			break
		}
		number++
	}
	if number == 1 {
		return "", log, cosigner, statement, fmt.Errorf("%s holds no further keys; make them with `custodyd init keys --dir %s`", dir, dir)
	}
	for _, key := range []struct {
		file, use string
		private   *sign.PrivateKey
	}{{logKeyFile, "log", &log}, {cosignerKeyFile, "cosigner", &cosigner}, {statementKeyFile, "statement", &statement}} {
		if *key.private, err = readNodeKey(filepath.Join(dir, furtherKeyFile(key.file, number)), key.use, ""); err != nil {
			return "", log, cosigner, statement, err
		}
	}
	return part.Node.ID, log, cosigner, statement, nil
}

func furtherKeyFile(first string, number int) string {
	return fmt.Sprintf("%s-%d.key", strings.TrimSuffix(first, ".key"), number)
}

// LoadIdentity reads an identity folder and checks that its files belong
// together.
func LoadIdentity(dir string) (*Identity, error) {
	identity, err := loadIdentity(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("identity folder %s: %w; make it with `custodyd init node`, or restore your backup of it", dir, err)
	}
	if err != nil {
		return nil, fmt.Errorf("identity folder: %w", err)
	}
	return identity, nil
}

func loadIdentity(dir string) (*Identity, error) {
	part, err := ReadPart(filepath.Join(dir, partFile))
	if err != nil {
		return nil, err
	}
	identity := &Identity{Part: part}
	if identity.TLS, err = tls.LoadX509KeyPair(filepath.Join(dir, tlsCertFile), filepath.Join(dir, tlsKeyFile)); err != nil {
		return nil, err
	}
	if identity.TLS.Leaf == nil {
		if identity.TLS.Leaf, err = x509.ParseCertificate(identity.TLS.Certificate[0]); err != nil {
			return nil, err
		}
	}
	if hash := consensus.HashKey(identity.TLS.Leaf); hex.EncodeToString(hash[:]) != part.Node.TLSKeySHA256 {
		return nil, fmt.Errorf("%s: is another key than the one in %s", filepath.Join(dir, tlsKeyFile), partFile)
	}
	for _, key := range []struct {
		file, use, public string
		into              *sign.PrivateKey
		more              *[]sign.PrivateKey
	}{
		{logKeyFile, "log", part.Node.LogKey, &identity.Log, &identity.More.Log},
		{cosignerKeyFile, "cosigner", part.Node.CosignerKey, &identity.Cosigner, &identity.More.Cosigner},
		{statementKeyFile, "statement", part.Node.StatementKey, &identity.Statement, &identity.More.Statement},
	} {
		if *key.into, err = readNodeKey(filepath.Join(dir, key.file), key.use, key.public); err != nil {
			return nil, err
		}
		if *key.more, err = readMoreKeys(dir, key.file, key.use); err != nil {
			return nil, err
		}
	}
	return identity, nil
}

// ReadPart reads a public part file.
func ReadPart(path string) (Part, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return Part{}, err
	}
	part, err := decodePart(b)
	if err != nil {
		return Part{}, fmt.Errorf("%s: %w", path, err)
	}
	return part, nil
}

func decodePart(b []byte) (Part, error) {
	var part Part
	if err := keyfile.StrictJSON(b, &part); err != nil {
		return Part{}, fmt.Errorf("not a public part: %w", err)
	}
	if part.Format != partFormat {
		return Part{}, fmt.Errorf("not a public part: format is %.40q, expected %q", part.Format, partFormat)
	}
	if part.Node.Association != part.Association.Name {
		return Part{}, fmt.Errorf("not a public part: node %s is of association %s, the part of %s", part.Node.ID, part.Node.Association, part.Association.Name)
	}
	return part, nil
}

// inGenesis finds the identity's node in a genesis and demands that all its
// keys are the ones named there.
func (i *Identity) inGenesis(genesis *ledger.Genesis) (ledger.Node, error) {
	for _, n := range genesis.Nodes {
		if n.ID != i.Part.Node.ID {
			continue
		}
		own := i.Part.Node
		if n.TLSKeySHA256 != own.TLSKeySHA256 || n.LogKey != own.LogKey || n.CosignerKey != own.CosignerKey || n.StatementKey != own.StatementKey {
			return ledger.Node{}, fmt.Errorf("the genesis names other keys for node %s than the identity folder holds", n.ID)
		}
		return n, nil
	}
	return ledger.Node{}, fmt.Errorf("the genesis has no node %s", i.Part.Node.ID)
}

func encodeJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(v)
	return b.Bytes(), err
}
