package ledger

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"github.com/custodyledger/custodyledger/ledger/sign"
)

// GenesisFormat is the first line of content in every genesis file.
const GenesisFormat = "custody-genesis/v1"

// Limits of a genesis.
const (
	GenesisBytesMax   = 60_000
	AssociationsMax   = 64
	NodesMax          = 64
	GovernanceKeysMax = 8
)

// ErrGenesis is wrapped by every error about a genesis file.
var ErrGenesis = errors.New("not a valid genesis")

// Genesis founds a ledger. Its file is JSON in exactly the form that Encode
// writes; the ledger id is the SHA-256 of the file and holds for life. Clients
// and auditors start from this one file.
type Genesis struct {
	Format       string        `json:"format"`
	Name         string        `json:"name"` // the origin of the log, such as ledger.example.org/trade
	CreatedMs    uint64        `json:"created_ms"`
	RulesVersion uint32        `json:"rules_version"`
	Quorum       uint32        `json:"quorum"` // associations that make a checkpoint final
	Associations []Association `json:"associations"`
	Nodes        []Node        `json:"nodes"`
}

// Association is a founding member.
type Association struct {
	Name           string   `json:"name"`
	Country        string   `json:"country"`         // ISO 3166-1 alpha-2
	GovernanceKeys []string `json:"governance_keys"` // wire form, hexadecimal
}

// Node is a founding node, one an association.
type Node struct {
	ID            string `json:"id"`
	Association   string `json:"association"`
	PeerAddress   string `json:"peer_address"`   // host:port of the other nodes' calls and Raft
	ClientAddress string `json:"client_address"` // host:port of clients' calls
	Incarnation   string `json:"incarnation"`    // of its first data folder, 16 hexadecimal digits
	TLSKeySHA256  string `json:"tls_key_sha256"` // of the SubjectPublicKeyInfo
	LogKey        string `json:"log_key"`        // wire form, hexadecimal
	CosignerKey   string `json:"cosigner_key"`
	StatementKey  string `json:"statement_key"`
}

// ServerID gives the Raft server id of the node's first data folder.
func (n Node) ServerID() string { return n.ID + "." + n.Incarnation }

// Encode gives the genesis file. It is the only form DecodeGenesis accepts.
func (g *Genesis) Encode() ([]byte, error) {
	if err := g.validate(); err != nil {
		return nil, err
	}
	return g.marshal()
}

func (g *Genesis) marshal() ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(g); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrGenesis, err)
	}
	if b.Len() > GenesisBytesMax {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrGenesis, b.Len(), GenesisBytesMax)
	}
	return b.Bytes(), nil
}

// DecodeGenesis reads a genesis file and checks that it is well formed and that
// its bytes are the one form of what it says.
func DecodeGenesis(file []byte) (*Genesis, error) {
	if len(file) > GenesisBytesMax {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrGenesis, len(file), GenesisBytesMax)
	}
	var g Genesis
	decoder := json.NewDecoder(bytes.NewReader(file))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&g); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrGenesis, err)
	}
	if err := g.validate(); err != nil {
		return nil, err
	}
	again, err := g.marshal()
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(file, again) {
		at := 0
		for at < len(file) && at < len(again) && file[at] == again[at] {
			at++
		}
		return nil, fmt.Errorf("%w: not in the one permitted form from byte %d on (order of fields, spacing, or a field that stands twice)", ErrGenesis, at)
	}
	return &g, nil
}

// GenesisID gives the ledger id that a genesis file founds.
func GenesisID(file []byte) LedgerID { return sha256.Sum256(file) }

// Fingerprint is the short form of a ledger id that founders read to each other:
// 125 bits in five groups.
func (id LedgerID) Fingerprint() string {
	text := idText(idKey, [20]byte(id[:20]))
	return strings.Join([]string{text[0:5], text[5:10], text[10:15], text[15:20], text[20:25]}, "-")
}

var (
	ledgerName = regexp.MustCompile(`^[a-z0-9]([a-z0-9./-]{0,98}[a-z0-9])?$`)
	shortName  = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,62}[a-z0-9])?$`)
	nodeName   = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$`)
	hex16      = regexp.MustCompile(`^[0-9a-f]{16}$`)
	hex64      = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

func (g *Genesis) validate() error {
	v := genesisCheck{keys: map[string]string{}}
	v.require(g.Format == GenesisFormat, "format is %.40q, expected %q", g.Format, GenesisFormat)
	v.require(ledgerName.MatchString(g.Name), "name %.110q: expected lower-case letters, digits, dots, slashes and hyphens", g.Name)
	v.require(g.CreatedMs > 0 && g.CreatedMs <= timeMax, "created_ms %d is not a time", g.CreatedMs)
	v.require(eventFields(g.RulesVersion) != nil, "rules_version %d is unknown to this program", g.RulesVersion)
	v.require(len(g.Associations) > 0 && len(g.Associations) <= AssociationsMax, "%d associations, expected 1 to %d", len(g.Associations), AssociationsMax)
	v.require(len(g.Nodes) > 0 && len(g.Nodes) <= NodesMax, "%d nodes, expected 1 to %d", len(g.Nodes), NodesMax)
	v.require(int(g.Quorum) > len(g.Nodes)/2 && int(g.Quorum) <= len(g.Nodes), "quorum %d: expected a majority of %d nodes, at most all", g.Quorum, len(g.Nodes))
	associations := map[string]bool{}
	for _, a := range g.Associations {
		v.association(a)
		v.require(!associations[a.Name], "association %s stands twice", a.Name)
		associations[a.Name] = true
	}
	nodes, represented := map[string]bool{}, map[string]bool{}
	for _, n := range g.Nodes {
		v.node(n)
		v.require(associations[n.Association], "node %s: its association %.70q is not among the associations", n.ID, n.Association)
		v.require(!nodes[n.ID], "node %s stands twice", n.ID)
		v.require(!represented[n.Association], "association %s has two nodes; each has one voter", n.Association)
		nodes[n.ID], represented[n.Association] = true, true
	}
	return v.err
}

// genesisCheck keeps the first problem found.
type genesisCheck struct {
	err  error
	keys map[string]string
}

func (v *genesisCheck) require(ok bool, format string, args ...any) {
	if !ok && v.err == nil {
		v.err = fmt.Errorf("%w: %s", ErrGenesis, fmt.Sprintf(format, args...))
	}
}

func (v *genesisCheck) association(a Association) {
	v.require(shortName.MatchString(a.Name), "association name %.70q: expected lower-case letters, digits, dots and hyphens", a.Name)
	v.require(IsCountry(a.Country), "association %s: country %.10q is not an ISO 3166-1 alpha-2 code", a.Name, a.Country)
	v.require(len(a.GovernanceKeys) > 0 && len(a.GovernanceKeys) <= GovernanceKeysMax, "association %s: %d governance keys, expected 1 to %d", a.Name, len(a.GovernanceKeys), GovernanceKeysMax)
	for _, key := range a.GovernanceKeys {
		v.key("association "+a.Name+", governance key", key)
	}
}

func (v *genesisCheck) node(n Node) {
	v.require(nodeName.MatchString(n.ID), "node id %.40q: expected 1 to 32 lower-case letters, digits and hyphens", n.ID)
	v.require(isHostPort(n.PeerAddress), "node %s: peer_address %.80q is not host:port", n.ID, n.PeerAddress)
	v.require(isHostPort(n.ClientAddress), "node %s: client_address %.80q is not host:port", n.ID, n.ClientAddress)
	v.require(hex16.MatchString(n.Incarnation), "node %s: incarnation %.40q is not 16 hexadecimal digits", n.ID, n.Incarnation)
	v.require(hex64.MatchString(n.TLSKeySHA256), "node %s: tls_key_sha256 is not 64 hexadecimal digits", n.ID)
	v.unique("node "+n.ID+", TLS key", n.TLSKeySHA256)
	v.key("node "+n.ID+", log key", n.LogKey)
	v.key("node "+n.ID+", cosigner key", n.CosignerKey)
	v.key("node "+n.ID+", statement key", n.StatementKey)
}

func (v *genesisCheck) key(owner, text string) {
	key, err := ParseKeyText(text)
	if err == nil {
		err = key.CheckRegistrable()
	}
	v.require(err == nil, "%s: %v", owner, err)
	v.unique(owner, text)
}

// unique holds every key to one use.
func (v *genesisCheck) unique(owner, key string) {
	v.require(v.keys[key] == "", "%s is also %s; a key serves one use", owner, v.keys[key])
	v.keys[key] = owner
}

// ParseKeyText reads a public key in its wire form, written as lower-case
// hexadecimal digits.
func ParseKeyText(text string) (sign.PublicKey, error) {
	wire, err := hex.DecodeString(text)
	if err != nil || strings.ToLower(text) != text {
		return sign.PublicKey{}, fmt.Errorf("a public key is lower-case hexadecimal digits, got %.80q", text)
	}
	return sign.ParsePublicKey(wire)
}

// KeyText writes a public key's wire form as hexadecimal digits.
func KeyText(key sign.PublicKey) string { return hex.EncodeToString(key.Bytes()) }

func isHostPort(s string) bool {
	if address, err := netip.ParseAddrPort(s); err == nil {
		return address.Port() > 0 && address.Addr().Zone() == "" && address.String() == s
	}
	host, port, ok := strings.Cut(s, ":")
	n, err := strconv.ParseUint(port, 10, 16)
	return ok && err == nil && n > 0 && shortName.MatchString(host)
}

// AssociationID gives the party id of a founding association.
func (a Association) AssociationID() PartyID {
	key, err := ParseKeyText(a.GovernanceKeys[0])
	if err != nil {
		panic("ledger: the genesis was not validated")
	}
	return NewPartyID(key.ID())
}

// Entry gives entry 0 of the ledger that the file founds.
func (g *Genesis) Entry(file []byte) *Entry {
	return &Entry{Kind: KindGenesis, RecordedAt: g.CreatedMs, Genesis: file}
}
