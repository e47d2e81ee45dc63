package node

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const completeYAML = `
data_dir: data
identity_dir: /var/lib/custodyd/identity
genesis: genesis.json
peer_listen: 0.0.0.0:7401
client_listen: 0.0.0.0:7402
http_listen: 127.0.0.1:7403
peer_addresses:
  node-b: 192.0.2.7:7401
witnesses:
  - name: w1
    vkey: witness.example.org/w1+00a3b999+BMVt9UU2pqZ+Sl/3LdKwM1MOeNOHFP/kn04L+8vVJWXP
    url: https://witness.example.org/
open_reads: true
reflection: true
log:
  level: debug
  format: json
raft:
  heartbeat_timeout: 750ms
  write_timeout: 6s
  apply_timeout: 30s
limits:
  streams_per_connection: 100
  client_connections: 10
  submissions_in_flight: 64
  connection_age: 30m
  cache_bytes: 1048576
`

func TestConfigTakesEveryKey(t *testing.T) {
	got, err := ParseConfig("/etc/custodyd/custodyd.yaml", []byte(completeYAML))
	if err != nil {
		t.Fatal(err)
	}
	if got.DataDir != "/etc/custodyd/data" || got.IdentityDir != "/var/lib/custodyd/identity" || got.Genesis != "/etc/custodyd/genesis.json" {
		t.Errorf("paths: %q, %q, %q", got.DataDir, got.IdentityDir, got.Genesis)
	}
	if got.PeerAddresses["node-b"] != "192.0.2.7:7401" || !got.OpenReads || !got.Reflection || got.Log != (LogConfig{"debug", "json"}) {
		t.Errorf("got %+v", got)
	}
	if want := []WitnessConfig{{"w1", "witness.example.org/w1+00a3b999+BMVt9UU2pqZ+Sl/3LdKwM1MOeNOHFP/kn04L+8vVJWXP", "https://witness.example.org/"}}; !slices.Equal(got.Witnesses, want) {
		t.Errorf("witnesses: %+v", got.Witnesses)
	}
	if got.Raft != (RaftConfig{750 * time.Millisecond, 6 * time.Second, 30 * time.Second}) {
		t.Errorf("raft: %+v", got.Raft)
	}
	if got.Limits != (LimitsConfig{100, 10, 64, 30 * time.Minute, 1 << 20}) {
		t.Errorf("limits: %+v", got.Limits)
	}
}

func TestConfigDefaults(t *testing.T) {
	got, err := ParseConfig("c.yaml", []byte("data_dir: a\nidentity_dir: b\ngenesis: c\npeer_listen: :1\nclient_listen: :2\n"))
	if err != nil {
		t.Fatal(err)
	}
	if want := DefaultConfig(); got.Raft != want.Raft || got.Limits != want.Limits || got.HTTPListen != want.HTTPListen || got.OpenReads {
		t.Errorf("got %+v", got)
	}
}

func TestConfigReportsEveryProblemWithItsLine(t *testing.T) {
	text := strings.Join([]string{
		"data_dir: data",                  // 1
		"identity_dir: data",              // 2
		"peer_listen: nowhere",            // 3
		"client_listen: 127.0.0.1:7402",   // 4
		"client_listen: 127.0.0.1:7403",   // 5
		"open_read: true",                 // 6
		"reflection: maybe",               // 7
		"log: {level: loud, colour: red}", // 8
		"raft:",                           // 9
		"  heartbeat_timeout: 5",          // 10
		"  write_timeout: forever",        // 11
		"limits: 3",                       // 12
		"peer_addresses:",                 // 13
		"  node-b: 192.0.2.7",             // 14
		"http_listen:",                    // 15
	}, "\n")
	_, err := ParseConfig("c.yaml", []byte(text))
	if err == nil {
		t.Fatal("no problem found")
	}
	for _, want := range []string{
		"c.yaml: genesis: is required",
		"c.yaml:1: data_dir: is the identity_dir",
		"c.yaml:3: peer_listen:",
		"c.yaml:5: client_listen: stands already in line 4",
		"c.yaml:6: open_read: no such key; known here: client_listen, data_dir",
		`c.yaml:7: reflection: expected true or false, found "maybe"`,
		"c.yaml:8: log.level: \"loud\"",
		"c.yaml:8: log.colour: no such key; known here: format, level",
		"c.yaml:10: raft.heartbeat_timeout:",
		"c.yaml:11: raft.write_timeout:",
		"c.yaml:12: limits: expected keys with values",
		"c.yaml:14: peer_addresses.node-b:",
		"c.yaml:15: http_listen: has no value",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("missing %q", want)
		}
	}
	if lines := strings.Count(err.Error(), "\n") + 1; lines != 13 {
		t.Errorf("%d problems, expected 13:\n%v", lines, err)
	}
}

func TestConfigReportsEveryProblemOfWitnesses(t *testing.T) {
	const vkey = "witness.example.org/w1+00a3b999+BMVt9UU2pqZ+Sl/3LdKwM1MOeNOHFP/kn04L+8vVJWXP"
	base := "data_dir: a\nidentity_dir: b\ngenesis: c\npeer_listen: :1\nclient_listen: :2\n" // lines 1 to 5
	for text, want := range map[string]string{
		"witnesses: 3":    "c.yaml:6: witnesses: expected a list",
		"witnesses:\n- 3": "c.yaml:7: witnesses.0: expected keys with values",
		"witnesses:\n- name: w1\n  vkey: " + vkey + "\n  url: https://w.example.org\n  key: 1": "c.yaml:10: witnesses.0.key: no such key; known here: name, url, vkey",
		"witnesses:\n- name: w1\n  vkey: " + vkey + "\n  url: w.example.org":                   "witnesses.0: \"w.example.org\" is not an http or https URL",
		"witnesses:\n- name: w1\n  vkey: w+1+x\n  url: https://w.example.org":                  "vkey",
		"witnesses:\n- name: W 1\n  vkey: " + vkey + "\n  url: https://w.example.org":          "c.yaml:7: witnesses.0.name",
		"witnesses:\n- name: w1\n  vkey: " + vkey + "\n  url: https://w.example.org\n" +
			"- name: w2\n  vkey: " + vkey + "\n  url: https://v.example.org": "c.yaml:10: witnesses.1: stands twice",
	} {
		_, err := ParseConfig("c.yaml", []byte(base+text+"\n"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, expected %q", text, err, want)
		}
	}
}

func TestConfigLimits(t *testing.T) {
	base, err := ParseConfig("c.yaml", []byte(completeYAML))
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Config, int){
		"raft.heartbeat_timeout":        func(c *Config, past int) { c.Raft.HeartbeatTimeout = time.Minute + time.Duration(past) },
		"raft.write_timeout":            func(c *Config, past int) { c.Raft.WriteTimeout = time.Hour + time.Duration(past) },
		"raft.apply_timeout":            func(c *Config, past int) { c.Raft.ApplyTimeout = time.Second - time.Duration(past) },
		"limits.streams_per_connection": func(c *Config, past int) { c.Limits.StreamsPerConnection = 1<<20 + uint32(past) },
		"limits.client_connections":     func(c *Config, past int) { c.Limits.ClientConnections = 1 - past },
		"limits.submissions_in_flight":  func(c *Config, past int) { c.Limits.SubmissionsInFlight = 1<<20 + past },
		"limits.connection_age":         func(c *Config, past int) { c.Limits.ConnectionAge = time.Minute - time.Duration(past) },
		"limits.cache_bytes":            func(c *Config, past int) { c.Limits.CacheBytes = 1<<20 - int64(past) },
	} {
		atLimit, past := base, base
		change(&atLimit, 0)
		change(&past, 1)
		if err := atLimit.Validate(); err != nil {
			t.Errorf("%s at its limit: %v", name, err)
		}
		if err := past.Validate(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s past its limit: %v", name, err)
		}
	}
}

func TestConfigIsNotYAML(t *testing.T) {
	for _, text := range []string{"a: [", "- a\n- b", "just text", "data_dir: a\n---\ndata_dir: b\n", "? {a: b}\n: c\n"} {
		if _, err := ParseConfig("c.yaml", []byte(text)); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

func TestExampleConfigurationsAreValid(t *testing.T) {
	examples, err := filepath.Glob("../deploy/*.yaml")
	if err != nil || len(examples) < 3 {
		t.Fatalf("%d examples, %v", len(examples), err)
	}
	for _, path := range examples {
		if _, err := LoadConfig(path); err != nil {
			t.Error(err)
		}
	}
}

// panickingYAML makes the parser of goccy/go-yaml v1.19.2 panic.
const panickingYAML = "%TAG ! a\n---\n!a"

// TestConfigThatTheParserPanicsOn: what is no YAML is a problem of the file, whatever
// the library makes of it.
func TestConfigThatTheParserPanicsOn(t *testing.T) {
	_, err := ParseConfig("c.yaml", []byte(panickingYAML))
	if err == nil || !strings.Contains(err.Error(), "c.yaml: not YAML that can be read") {
		t.Error(err)
	}
}

func FuzzParseConfig(f *testing.F) {
	f.Add([]byte(completeYAML))
	f.Add([]byte("raft: *a"))
	f.Add([]byte(panickingYAML))
	f.Fuzz(func(t *testing.T, b []byte) {
		config, err := ParseConfig("c.yaml", b)
		if err != nil {
			return
		}
		if err := config.Validate(); err != nil {
			t.Errorf("accepted, but %v", err)
		}
	})
}
