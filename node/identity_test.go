package node

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/sign"
	"github.com/custodyledger/custodyledger/node/keyfile"
)

func request(id string) IdentityRequest {
	return IdentityRequest{
		ID: id, Association: id + ".example.org", Country: "BE",
		PeerAddress: id + ".example.org:7401", ClientAddress: id + ".example.org:7402",
		Passphrase: []byte("made up"), KeyOptions: keyfile.Options{WorkFactor: 2},
		Random: rand.Reader, Now: time.UnixMilli(1_800_000_000_000),
	}
}

func TestIdentityComesBack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "identity")
	part, err := CreateIdentity(dir, request("node-a"))
	must(t, err)
	got, err := LoadIdentity(dir)
	must(t, err)
	if got.Part.Node != part.Node || ledger.KeyText(got.Log.Public()) != part.Node.LogKey {
		t.Errorf("got %+v", got.Part)
	}
	for file, want := range map[string]fs.FileMode{
		tlsKeyFile: 0o600, logKeyFile: 0o600, cosignerKeyFile: 0o600, statementKeyFile: 0o600, governanceKeyFile: 0o600,
		tlsCertFile: 0o644, partFile: 0o644,
	} {
		info, err := os.Stat(filepath.Join(dir, file))
		must(t, err)
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %v", file, info.Mode())
		}
	}
	if info, _ := os.Stat(dir); info.Mode().Perm() != 0o700 {
		t.Errorf("the folder has mode %v", info.Mode())
	}
	key, err := keyfile.Read(filepath.Join(dir, governanceKeyFile))
	must(t, err)
	opened, err := key.Open([]byte("made up"))
	must(t, err)
	if opened.Party != part.Association.AssociationID() {
		t.Errorf("the governance key is of party %s", opened.Party)
	}
}

func TestIdentityIsMadeOnce(t *testing.T) {
	dir := t.TempDir()
	_, err := CreateIdentity(dir, request("node-a"))
	must(t, err)
	before, err := os.ReadFile(filepath.Join(dir, tlsKeyFile))
	must(t, err)
	if _, err := CreateIdentity(dir, request("node-a")); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("got %v", err)
	}
	if after, _ := os.ReadFile(filepath.Join(dir, tlsKeyFile)); !bytes.Equal(before, after) {
		t.Error("keys were overwritten")
	}
}

func TestIdentityWithGovernanceKeyKeptElsewhere(t *testing.T) {
	private, err := sign.GenerateKey(rand.Reader)
	must(t, err)
	public, dir := private.Public(), t.TempDir()
	r := request("node-a")
	r.GovernanceKey, r.Passphrase = &public, nil
	part, err := CreateIdentity(dir, r)
	must(t, err)
	if part.Association.GovernanceKeys[0] != ledger.KeyText(public) {
		t.Errorf("got %v", part.Association.GovernanceKeys)
	}
	if _, err := os.Stat(filepath.Join(dir, governanceKeyFile)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a governance key was made: %v", err)
	}
}

func TestIdentityRequestsThatNoGenesisTakes(t *testing.T) {
	for name, change := range map[string]func(*IdentityRequest){
		"node id":        func(r *IdentityRequest) { r.ID = "Node A" },
		"association":    func(r *IdentityRequest) { r.Association = "Guild!" },
		"country":        func(r *IdentityRequest) { r.Country = "XX" },
		"peer_address":   func(r *IdentityRequest) { r.PeerAddress = "nowhere" },
		"client_address": func(r *IdentityRequest) { r.ClientAddress = "host:0" },
		"passphrase":     func(r *IdentityRequest) { r.Passphrase = nil },
	} {
		r := request("node-a")
		change(&r)
		if _, err := CreateIdentity(t.TempDir(), r); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestIdentityFilesMustBelongTogether(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	_, err := CreateIdentity(dir, request("node-a"))
	must(t, err)
	_, err = CreateIdentity(other, request("node-b"))
	must(t, err)
	for _, files := range [][]string{{logKeyFile}, {cosignerKeyFile}, {statementKeyFile}, {tlsKeyFile}, {tlsKeyFile, tlsCertFile}, {partFile}} {
		saved := map[string][]byte{}
		for _, file := range files {
			saved[file], err = os.ReadFile(filepath.Join(dir, file))
			must(t, err)
			b, err := os.ReadFile(filepath.Join(other, file))
			must(t, err)
			must(t, os.WriteFile(filepath.Join(dir, file), b, 0o600))
		}
		if _, err := LoadIdentity(dir); err == nil {
			t.Errorf("%v of another node were taken", files)
		}
		for file, b := range saved {
			must(t, os.WriteFile(filepath.Join(dir, file), b, 0o600))
		}
	}
	// A key in the place of another one serves two uses.
	b, err := os.ReadFile(filepath.Join(dir, logKeyFile))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, cosignerKeyFile), b, 0o600))
	if _, err := LoadIdentity(dir); err == nil {
		t.Error("the log key was taken as the cosigner key")
	}
	must(t, os.Remove(filepath.Join(dir, cosignerKeyFile)))
	if _, err := LoadIdentity(dir); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "custodyd init node") {
		t.Errorf("got %v", err)
	}
}

func TestGenesisDoesNotDependOnOrder(t *testing.T) {
	var parts []Part
	for _, id := range []string{"node-c", "node-a", "node-b"} {
		part, err := CreateIdentity(t.TempDir(), request(id))
		must(t, err)
		parts = append(parts, part)
	}
	at := time.UnixMilli(1_800_000_000_000)
	first, err := NewGenesis("ledger.example.org/trade", at, 0, parts)
	must(t, err)
	slices.Reverse(parts)
	second, err := NewGenesis("ledger.example.org/trade", at, 2, parts)
	must(t, err)
	if !bytes.Equal(first, second) {
		t.Error("the order of the parts shows")
	}
	genesis, err := ledger.DecodeGenesis(first)
	must(t, err)
	if genesis.Quorum != 2 || genesis.Nodes[0].ID != "node-a" || genesis.Associations[2].Name != "node-c.example.org" {
		t.Errorf("got %+v", genesis)
	}
	for name, bad := range map[string][]Part{
		"the same part twice": {parts[0], parts[0], parts[1]},
		"no part":             nil,
	} {
		if _, err := NewGenesis("ledger.example.org/trade", at, 0, bad); !errors.Is(err, ledger.ErrGenesis) {
			t.Errorf("%s: %v", name, err)
		}
	}
	same := slices.Clone(parts)
	same[1].Node.PeerAddress = same[0].Node.PeerAddress
	if _, err := NewGenesis("ledger.example.org/trade", at, 0, same); err == nil || !strings.Contains(err.Error(), "peer address") {
		t.Errorf("one peer address for two nodes: %v", err)
	}
	if _, err := NewGenesis("ledger.example.org/trade", at, 1, parts); !errors.Is(err, ledger.ErrGenesis) {
		t.Errorf("a quorum below a majority: %v", err)
	}
}

func TestTLSKeyIsP256(t *testing.T) {
	dir := t.TempDir()
	_, err := CreateIdentity(dir, request("node-a"))
	must(t, err)
	identity, err := LoadIdentity(dir)
	must(t, err)
	key, ok := identity.TLS.PrivateKey.(*ecdsa.PrivateKey)
	if !ok || key.Curve != elliptic.P256() {
		t.Errorf("a %T", identity.TLS.PrivateKey)
	}
}

func FuzzDecodePart(f *testing.F) {
	part, err := CreateIdentity(f.TempDir(), request("node-a"))
	must(f, err)
	b, err := encodeJSON(part)
	must(f, err)
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		part, err := decodePart(b)
		if err == nil && part.Format != partFormat {
			t.Error("another format is taken")
		}
	})
}
