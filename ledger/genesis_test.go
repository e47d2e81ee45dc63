package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func testGenesis() *Genesis {
	g := &Genesis{Format: GenesisFormat, Name: "ledger.example.org/trade", CreatedMs: 1_700_000_000_000, RulesVersion: 1, Quorum: 2}
	for i, name := range []string{"north.example.org", "south.example.org", "west.example.org"} {
		g.Associations = append(g.Associations, Association{Name: name, Country: "BE", GovernanceKeys: []string{
			KeyText(testKey("governs " + name).Public()), KeyText(testKey("also governs " + name).Public()),
		}})
		g.Nodes = append(g.Nodes, Node{
			ID: fmt.Sprintf("node-%d", i+1), Association: name,
			PeerAddress: fmt.Sprintf("node-%d.example.org:7001", i+1), ClientAddress: fmt.Sprintf("127.0.0.1:%d", 8001+i),
			Incarnation: fmt.Sprintf("%016x", i+1), TLSKeySHA256: fmt.Sprintf("%064x", i+1),
			LogKey: KeyText(testKey("log " + name).Public()), CosignerKey: KeyText(testKey("cosign " + name).Public()), StatementKey: KeyText(testKey("state " + name).Public()),
		})
	}
	return g
}

func TestGenesisRoundTrip(t *testing.T) {
	want := testGenesis()
	file, err := want.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeGenesis(file)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("%v: %+v", err, got)
	}
	entry := got.Entry(file)
	b, err := entry.Encode()
	if err != nil || entry.Index != 0 || entry.RecordedAt != want.CreatedMs {
		t.Fatalf("%v: %+v", err, entry)
	}
	if again, err := DecodeEntry(b); err != nil || !bytes.Equal(again.Genesis, file) {
		t.Fatal(err)
	}
	if got.Nodes[0].ServerID() != "node-1.0000000000000001" {
		t.Error(got.Nodes[0].ServerID())
	}
	if id := got.Associations[1].AssociationID(); id != NewPartyID(testKey("governs south.example.org").Public().ID()) {
		t.Error(id)
	}
	fingerprint := GenesisID(file).Fingerprint()
	if len(fingerprint) != 29 || strings.Count(fingerprint, "-") != 4 {
		t.Error(fingerprint)
	}
}

// TestGenesisOneForm: every other spelling of the same genesis is refused.
func TestGenesisOneForm(t *testing.T) {
	file, err := testGenesis().Encode()
	if err != nil {
		t.Fatal(err)
	}
	text := string(file)
	replace := func(old, new string) string {
		if !strings.Contains(text, old) {
			t.Fatalf("%q is not there", old)
		}
		return strings.Replace(text, old, new, 1)
	}
	for name, other := range map[string]string{
		"empty":                   "",
		"null":                    "null\n",
		"list":                    "[]\n",
		"no newline at the end":   strings.TrimSuffix(text, "\n"),
		"two newlines":            text + "\n",
		"more behind":             text + "{}",
		"byte order mark":         "\ufeff" + text,
		"carriage returns":        strings.ReplaceAll(text, "\n", "\r\n"),
		"tabs":                    strings.ReplaceAll(text, "  ", "\t"),
		"one line":                strings.ReplaceAll(text, "\n", ""),
		"a space more":            replace(`"format": `, `"format":  `),
		"a field twice":           replace(`  "format"`, `  "format": "custody-genesis/v1",`+"\n"+`  "format"`),
		"an unknown field":        replace(`  "format"`, `  "extra": 1,`+"\n"+`  "format"`),
		"another case":            replace(`"format"`, `"Format"`),
		"escaped letter":          replace(`"custody-genesis`, `"\u0063ustody-genesis`),
		"escaped slash":           replace(`genesis/v1`, `genesis\/v1`),
		"number as a float":       replace(`"created_ms": 1700000000000`, `"created_ms": 1700000000000.0`),
		"number with exponent":    replace(`"created_ms": 1700000000000`, `"created_ms": 17e11`),
		"number as a string":      replace(`"created_ms": 1700000000000`, `"created_ms": "1700000000000"`),
		"negative number":         replace(`"quorum": 2`, `"quorum": -2`),
		"fields in another order": replace("\"rules_version\": 1,\n  \"quorum\": 2", "\"quorum\": 2,\n  \"rules_version\": 1"),
	} {
		if g, err := DecodeGenesis([]byte(other)); !errors.Is(err, ErrGenesis) || g != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for n := range file {
		if _, err := DecodeGenesis(file[:n]); !errors.Is(err, ErrGenesis) {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
	}
}

func TestGenesisRefused(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(*Genesis)
		says string
	}{
		{"format", func(g *Genesis) { g.Format = "custody-genesis/v2" }, "format"},
		{"empty name", func(g *Genesis) { g.Name = "" }, "name"},
		{"name in capitals", func(g *Genesis) { g.Name = "Ledger" }, "name"},
		{"name with a newline", func(g *Genesis) { g.Name = "a\n" }, "name"},
		{"name of 101 bytes", func(g *Genesis) { g.Name = strings.Repeat("a", 101) }, "name"},
		{"created never", func(g *Genesis) { g.CreatedMs = 0 }, "created_ms"},
		{"created in the year 10000", func(g *Genesis) { g.CreatedMs = timeMax + 1 }, "created_ms"},
		{"rules version 0", func(g *Genesis) { g.RulesVersion = 0 }, "rules_version"},
		{"rules version 2", func(g *Genesis) { g.RulesVersion = 2 }, "rules_version"},
		{"quorum 1 of 3", func(g *Genesis) { g.Quorum = 1 }, "quorum"},
		{"quorum 4 of 3", func(g *Genesis) { g.Quorum = 4 }, "quorum"},
		{"no associations", func(g *Genesis) { g.Associations = nil }, "associations"},
		{"no nodes", func(g *Genesis) { g.Nodes = nil }, "nodes"},
		{"an association twice", func(g *Genesis) { g.Associations[1].Name = g.Associations[0].Name }, "stands twice"},
		{"association without a name", func(g *Genesis) { g.Associations[0].Name = "" }, "association name"},
		{"association in no country", func(g *Genesis) { g.Associations[0].Country = "XX" }, "country"},
		{"no governance key", func(g *Genesis) { g.Associations[0].GovernanceKeys = nil }, "governance keys"},
		{"9 governance keys", func(g *Genesis) {
			for i := range 7 {
				g.Associations[0].GovernanceKeys = append(g.Associations[0].GovernanceKeys, KeyText(testKey(fmt.Sprint("more ", i)).Public()))
			}
		}, "governance keys"},
		{"key in capitals", func(g *Genesis) {
			g.Associations[0].GovernanceKeys[0] = strings.ToUpper(g.Associations[0].GovernanceKeys[0])
		}, "lower-case"},
		{"key that is no point", func(g *Genesis) { g.Associations[0].GovernanceKeys[0] = "0102" + strings.Repeat("0", 62) }, "point"},
		{"key of small order", func(g *Genesis) { g.Associations[0].GovernanceKeys[0] = "0101" + strings.Repeat("0", 62) }, "small order"},
		{"key that is not canonical", func(g *Genesis) { g.Associations[0].GovernanceKeys[0] = "01ee" + strings.Repeat("f", 60) + "7f" }, "canonical"},
		{"a key for two uses", func(g *Genesis) { g.Nodes[0].LogKey = g.Nodes[1].CosignerKey }, "one use"},
		{"a governance key of two associations", func(g *Genesis) { g.Associations[0].GovernanceKeys[0] = g.Associations[1].GovernanceKeys[1] }, "one use"},
		{"a TLS key of two nodes", func(g *Genesis) { g.Nodes[0].TLSKeySHA256 = g.Nodes[1].TLSKeySHA256 }, "one use"},
		{"TLS key too short", func(g *Genesis) { g.Nodes[0].TLSKeySHA256 = "00" }, "tls_key_sha256"},
		{"node id in capitals", func(g *Genesis) { g.Nodes[0].ID = "Node" }, "node id"},
		{"node id with a dot", func(g *Genesis) { g.Nodes[0].ID = "a.b" }, "node id"},
		{"node id of 33 bytes", func(g *Genesis) { g.Nodes[0].ID = strings.Repeat("a", 33) }, "node id"},
		{"a node twice", func(g *Genesis) { g.Nodes[0].ID = g.Nodes[1].ID }, "stands twice"},
		{"two nodes of an association", func(g *Genesis) { g.Nodes[0].Association = g.Nodes[1].Association }, "one voter"},
		{"node of nobody", func(g *Genesis) { g.Nodes[0].Association = "nobody.example.org" }, "not among"},
		{"no port", func(g *Genesis) { g.Nodes[0].PeerAddress = "node.example.org" }, "peer_address"},
		{"port 0", func(g *Genesis) { g.Nodes[0].PeerAddress = "127.0.0.1:0" }, "peer_address"},
		{"port 65536", func(g *Genesis) { g.Nodes[0].ClientAddress = "node.example.org:65536" }, "client_address"},
		{"address with a zone", func(g *Genesis) { g.Nodes[0].ClientAddress = "[fe80::1%eth0]:80" }, "client_address"},
		{"host in capitals", func(g *Genesis) { g.Nodes[0].ClientAddress = "Node:80" }, "client_address"},
		{"incarnation too short", func(g *Genesis) { g.Nodes[0].Incarnation = "0" }, "incarnation"},
	} {
		g := testGenesis()
		c.edit(g)
		file, err := g.Encode()
		if !errors.Is(err, ErrGenesis) || file != nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.name, err)
		}
		// The same in a file that somebody wrote by other means.
		if file, err = g.marshal(); err != nil {
			t.Fatal(err)
		}
		if _, err := DecodeGenesis(file); !errors.Is(err, ErrGenesis) {
			t.Errorf("%s, in a file: %v", c.name, err)
		}
	}
}

func TestGenesisLimits(t *testing.T) {
	g := testGenesis()
	g.Associations, g.Nodes, g.Quorum = nil, nil, 33
	for i := range AssociationsMax {
		name := fmt.Sprintf("association-%d", i)
		g.Associations = append(g.Associations, Association{Name: name, Country: "IN", GovernanceKeys: []string{KeyText(testKey("governs " + name).Public())}})
		g.Nodes = append(g.Nodes, Node{ID: fmt.Sprint("n", i), Association: name, PeerAddress: "n:1", ClientAddress: "[::1]:1", Incarnation: strings.Repeat("0", 16), TLSKeySHA256: fmt.Sprintf("%064x", i),
			LogKey: KeyText(testKey("log " + name).Public()), CosignerKey: KeyText(testKey("cosign " + name).Public()), StatementKey: KeyText(testKey("state " + name).Public())})
	}
	if _, err := g.Encode(); err != nil {
		t.Errorf("%d associations: %v", AssociationsMax, err)
	}
	g.Associations = append(g.Associations, Association{Name: "more", Country: "IN", GovernanceKeys: []string{KeyText(testKey("more").Public())}})
	if _, err := g.Encode(); !errors.Is(err, ErrGenesis) {
		t.Error(err)
	}
	if _, err := DecodeGenesis(make([]byte, GenesisBytesMax+1)); !errors.Is(err, ErrGenesis) {
		t.Error(err)
	}
}

func FuzzDecodeGenesis(f *testing.F) {
	file, err := testGenesis().Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(file)
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, file []byte) {
		g, err := DecodeGenesis(file)
		if err != nil {
			if !errors.Is(err, ErrGenesis) || g != nil {
				t.Fatal(err)
			}
			return
		}
		again, err := g.Encode()
		if err != nil || !bytes.Equal(again, file) {
			t.Fatalf("%v: %s", err, again)
		}
		if _, err := g.Entry(file).Encode(); err != nil {
			t.Fatal(err)
		}
	})
}
