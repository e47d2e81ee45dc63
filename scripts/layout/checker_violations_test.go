package layout

import (
	"slices"
	"strings"
	"testing"
)

// ours prefixes paths of this module that begin with "./".
func ours(imports []string) []string {
	out := slices.Clone(imports)
	for i, imported := range out {
		if rest, ok := strings.CutPrefix(imported, "./"); ok {
			out[i] = module + "/" + rest
		}
	}
	return out
}

func TestChecker(t *testing.T) {
	for _, tt := range []struct {
		file    string
		imports string // separated by spaces, "./" is the module
		refused string // part of the sentence, or "" if the file is fine
	}{
		{"proto/custody/v1/event.pb.go", "google.golang.org/protobuf/proto sync", ""},
		{"ledger/entry.go", "./proto/custody/v1 ./ledger/sign ./ledger/merkle ./ledger/checkpoint", ""},
		{"ledger/rules/rules.go", "./ledger ./proto/custody/v1", ""},
		{"ledger/audit/audit.go", "./ledger/rules ./ledger", ""},
		{"consensus/apply.go", "./ledger/store ./ledger/audit", ""},
		{"node/client/dial.go", "./consensus", ""},
		{"node/api/api.go", "./node/client ./consensus ./ledger/store", ""},
		{"node/node.go", "./node/api ./node/web", ""},
		{"cmd/custodyd/main.go", "./node ./node/api ./ledger", ""},
		{"cmd/custodyd/demo.go", "./cmd/custodyd/narrate", ""},
		{"scripts/layout/doc.go", "", ""},
		{"consensus/stream/layer.go", "./ledger/sign crypto/tls", ""},
		{"consensus/raft.go", "./consensus/stream", ""},

		{"ledger/sign/key.go", "./ledger/merkle", "not in a row above ledger/sign"},
		{"ledger/entry.go", "./ledger/rules", "not in a row above ledger"},
		{"ledger/rules/rules.go", "./ledger/store", "not in a row above ledger/rules"},
		{"ledger/store/store.go", "./ledger/audit", "not in a row above ledger/store"},
		{"ledger/audit/audit.go", "./ledger/store", "must not lean on the store"},
		{"consensus/apply.go", "./node/client", "not in a row above consensus"},
		{"consensus/stream/layer.go", "./node", "not in a row above consensus"},
		{"node/client/dial.go", "./node/api", "not in a row above node/client"},
		{"node/api/api.go", "./node/web", "not in a row above node/api"},
		{"node/api/api.go", "./node", "not in a row above node/api"},
		{"node/node.go", "./cmd/custody", "not in a row above node"},
		{"cmd/custody/main.go", "./cmd/custodyd", "not in a row above cmd/custody"},
		{"node/node.go", "./scripts/layout", "not in a row above node"},

		{"ledger/money/money.go", "", "ledger/money: has no row"},
		{"api/api.go", "", "api: has no row"},
		{"./main.go", "", ".: has no row"},
		{"proto/other/v1/x.go", "", "proto/other/v1: has no row"},
		{"node/util/x.go", "", "named after what it is for"},

		{"ledger/store/store_test.go", "./ledger/audit", ""},
		{"node/client/client_test.go", "./node", ""},
		{"ledger/rules/rules_test.go", "./ledger/store/storetest", ""},
		{"ledger/store/storetest/fs.go", "./ledger/store ./ledger/audit testing", ""},
		{"consensus/consensustest/cluster.go", "./consensus github.com/anishathalye/porcupine", ""},
		{"ledger/store/store_test.go", "./consensus", "not in a row above ledger/store"},
		{"consensus/apply_test.go", "./node/nodetest", "not in a row above consensus"},
		{"ledger/store/storetest/fs.go", "./consensus", "not in a row above ledger/store"},
		{"node/node.go", "./ledger/store/storetest", "is for tests"},

		{"ledger/store/store.go", "github.com/cockroachdb/pebble/v2 github.com/cockroachdb/pebble/v2/vfs", ""},
		{"ledger/store/storetest/fs.go", "github.com/cockroachdb/pebble/v2/vfs", ""},
		{"consensus/apply_test.go", "github.com/cockroachdb/pebble/v2/vfs", "only ledger/store may"},
		{"consensus/raft.go", "github.com/hashicorp/raft github.com/hashicorp/raft-boltdb/v2 go.etcd.io/bbolt", ""},
		{"consensus/metrics.go", "github.com/armon/go-metrics github.com/armon/go-metrics/prometheus", ""},
		{"node/node.go", "github.com/hashicorp/raft", "only consensus may"},
		{"node/node_test.go", "github.com/hashicorp/raft-boltdb/v2", "only consensus may"},
		{"node/web/metrics.go", "github.com/armon/go-metrics/prometheus", "only consensus may"},
		{"node/web/metrics.go", "github.com/prometheus/client_golang/prometheus", ""},
		{"ledger/sign/verify.go", "crypto/ed25519 github.com/oasisprotocol/curve25519-voi/primitives/ed25519 filippo.io/edwards25519", ""},
		{"ledger/sign/verify_test.go", "github.com/hdevalence/ed25519consensus", ""},
		{"ledger/sign/verify.go", "github.com/hdevalence/ed25519consensus", "only tests may"},
		{"ledger/event_test.go", "github.com/hdevalence/ed25519consensus", "only ledger/sign may"},
		{"ledger/event_test.go", "crypto/ed25519", "only ledger/sign may"},
		{"node/client/key.go", "crypto/ed25519", "only ledger/sign may"},
		{"ledger/checkpoint/note.go", "filippo.io/edwards25519", "only ledger/sign may"},
		{"node/tls.go", "crypto/ecdsa crypto/x509 crypto/tls", ""},
		{"ledger/merkle/tree.go", "github.com/transparency-dev/merkle/rfc6962", "only tests may"},
		{"node/node.go", "testing", "only tests may"},
		{"node/node.go", "C", "uses cgo"},

		{"ledger/entry.go", "log/slog", "ledger is pure"},
		{"ledger/genesis.go", "net/netip", ""},
		{"ledger/genesis.go", "net", "ledger is pure"},
		{"ledger/genesis.go", "net/url", "ledger is pure"},
		{"ledger/rules/rules.go", "math/rand/v2", "ledger/rules is pure"},
		{"ledger/sign/key.go", "crypto/rand", "ledger/sign is pure"},
		{"ledger/sign/key.go", "io crypto/sha256 math/bits", ""},
		{"ledger/merkle/tree.go", "os/exec", "ledger/merkle is pure"},
		{"ledger/rules/inner/x.go", "net/http", "ledger/rules is pure"},
		{"ledger/rules/rules_test.go", "time os math/rand", ""},
		{"ledger/store/store.go", "time os", ""},
	} {
		dir, name := tt.file[:strings.LastIndex(tt.file, "/")], tt.file[strings.LastIndex(tt.file, "/")+1:]
		bad := check([]file{{dir: dir, name: name, imports: ours(strings.Fields(tt.imports))}})
		switch {
		case tt.refused == "" && len(bad) > 0:
			t.Errorf("%s importing %s: %q, want no complaint", tt.file, tt.imports, bad)
		case tt.refused != "" && (len(bad) != 1 || !strings.Contains(bad[0], tt.refused)):
			t.Errorf("%s importing %s: %q, want one complaint that says %q", tt.file, tt.imports, bad, tt.refused)
		}
	}
}

func TestCheckerAllowsOneFileOnly(t *testing.T) {
	sink := []string{"github.com/armon/go-metrics/prometheus"}
	files := []file{
		{dir: "consensus", name: "metrics.go", imports: sink},
		{dir: "consensus", name: "metrics_test.go", imports: sink},
	}
	if bad := check(files); len(bad) > 0 {
		t.Errorf("one file and its test: %q", bad)
	}
	files = append(files, file{dir: "consensus", name: "apply.go", imports: sink})
	bad := check(files)
	want := "github.com/armon/go-metrics: imported by more than one file: consensus/apply.go, consensus/metrics.go"
	if len(bad) != 1 || bad[0] != want {
		t.Errorf("two files: %q, want %q", bad, want)
	}
}

func TestCheckerKeepsTheClockOut(t *testing.T) {
	limits := file{dir: "ledger", name: "limits.go", timeNames: []string{"Duration", "Hour"}}
	for _, f := range []file{
		limits,
		{dir: "ledger", name: "limits_test.go", timeNames: []string{"Now"}},
		{dir: "ledger/store", name: "store.go", timeNames: []string{"Now"}},
	} {
		if bad := check([]file{f}); len(bad) > 0 {
			t.Errorf("%s: %q, want no complaint", f, bad)
		}
	}
	for _, name := range []string{"Now", "Since", "Time", "*"} {
		limits.timeNames = []string{"Hour", name}
		bad := check([]file{limits})
		if len(bad) != 1 || bad[0] != "ledger/limits.go: uses time."+name+", but ledger is pure" {
			t.Errorf("time.%s: %q, want one complaint", name, bad)
		}
	}
}

func TestCheckerOfFolders(t *testing.T) {
	bad := checkFolders([]string{".ci", ".git", "bin", "cmd", "docs", "ledger"}, "/bin/\n*.prof\n")
	if len(bad) != 1 || !strings.HasPrefix(bad[0], "docs:") {
		t.Errorf("complaints %q, want one, about docs", bad)
	}
}

// Every row can be reached: none stands behind an earlier one that fits it.
func TestEveryRowIsAPlace(t *testing.T) {
	for want, pattern := range rows {
		dir := strings.ReplaceAll(pattern, "*", "x")
		if row, part, ok := place(dir); !ok || row != want || part != dir {
			t.Errorf("%s is found in row %d as %q, want row %d", dir, row, part, want)
		}
	}
	for _, fence := range fences {
		if fence.within != "" && !slices.Contains(rows, fence.within) {
			t.Errorf("the fence of %s names %s, which has no row", fence.library, fence.within)
		}
	}
}
