package layout

const module = "github.com/custodyledger/custodyledger"

// folders are the only ones at the top, beside those that .gitignore names.
var folders = []string{".ci", ".git", "cmd", "consensus", "deploy", "ledger", "node", "proto", "scripts"}

// rows is the import order. A star stands for one path element; the first row
// that fits a package is its row.
var rows = []string{
	"proto/custody/v1",
	"ledger/sign",
	"ledger/merkle",
	"ledger/checkpoint",
	"ledger",
	"ledger/vocabulary",
	"ledger/rules",
	"ledger/bundle",
	"ledger/provenance",
	"ledger/report",
	"ledger/screen",
	"ledger/epcis",
	"ledger/evidence",
	"ledger/store",
	"ledger/audit",
	"consensus",
	"node/client",
	"node/keyfile",
	"node/*",
	"node",
	"cmd/*",
	"scripts/*",
}

// apart lists pairs that rows would allow but that are forbidden.
var apart = []struct{ importer, imported, why string }{
	{"ledger/audit", "ledger/store", "an audit must not lean on the store it judges"},
	{"ledger/vocabulary", "ledger/sign", "the words of the trade know no keys"},
	{"ledger/vocabulary", "ledger/merkle", "the words of the trade know no trees"},
	{"ledger/vocabulary", "ledger/checkpoint", "the words of the trade know no trees"},
}

// fence keeps a library, and every package below it, inside one package.
type fence struct {
	library   string
	within    string // a row, or "" for anywhere
	testsOnly bool
	oneFile   bool // at most one file outside tests
}

var fences = []fence{
	{library: "github.com/cockroachdb/pebble", within: "ledger/store"},

	{library: "github.com/hashicorp/raft", within: "consensus"},
	{library: "github.com/hashicorp/raft-boltdb", within: "consensus"},
	{library: "go.etcd.io/bbolt", within: "consensus"},
	{library: "github.com/armon/go-metrics", within: "consensus", oneFile: true},
	{library: "github.com/hashicorp/go-metrics", within: "consensus", oneFile: true},

	{library: "crypto/ed25519", within: "ledger/sign"},
	{library: "golang.org/x/crypto/ed25519", within: "ledger/sign"},
	{library: "github.com/oasisprotocol/curve25519-voi", within: "ledger/sign"},
	{library: "filippo.io/edwards25519", within: "ledger/sign"},
	{library: "github.com/hdevalence/ed25519consensus", within: "ledger/sign", testsOnly: true},

	{library: "github.com/transparency-dev/merkle", testsOnly: true},
	{library: "filippo.io/torchwood", testsOnly: true},
	{library: "github.com/anishathalye/porcupine", testsOnly: true},
	{library: "github.com/rogpeppe/go-internal", testsOnly: true},
	{library: "go.uber.org/goleak", testsOnly: true},
	{library: "github.com/santhosh-tekuri/jsonschema/v6", testsOnly: true},
	{library: "github.com/piprate/json-gold", testsOnly: true},
	{library: "pgregory.net/rapid", testsOnly: true},
	{library: "testing", testsOnly: true},
}

// pure packages run alike on every node and with everybody who reads a bundle, so
// outside their tests they import none of impure, nor anything below it except harmless.
var pure = []string{
	"ledger", "ledger/vocabulary", "ledger/rules", "ledger/sign", "ledger/merkle", "ledger/checkpoint", "ledger/bundle",
	"ledger/provenance", "ledger/report", "ledger/screen", "ledger/epcis", "ledger/evidence",
}

var impure = []string{"os", "net", "math/rand", "crypto/rand", "syscall", "log", "io/ioutil", "golang.org/x/sys"}

var harmless = []string{"net/netip"} // values only

// timeAllowed is what pure packages may take from package time: durations are
// constants of the rules and messages print a given time, the clock is not to be read.
var timeAllowed = []string{"Duration", "Nanosecond", "Microsecond", "Millisecond", "Second", "Minute", "Hour", "UnixMilli", "RFC3339"}

var namesRefused = []string{"util", "utils", "common", "helper", "helpers"}
