package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/store"
	"github.com/custodyledger/custodyledger/ledger/store/storetest"
	"github.com/custodyledger/custodyledger/node/keyfile"
	"github.com/custodyledger/custodyledger/node/localnet"
)

// programs is the folder with custody and custodyd, built once.
var programs string

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "custody-programs-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	build := exec.Command("go", "build", "-o", dir+string(filepath.Separator), "./cmd/custody", "./cmd/custodyd")
	build.Dir = filepath.Join("..", "..")
	if output, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, output)
		return 1
	}
	programs = dir
	return m.Run()
}

// The scripts run the programs as people do, against custodyd processes.
// Their own commands:
//
//	ports NAME...              sets each variable to host:port that is free
//	ready HOST:PORT...         waits until the nodes' /readyz answers
//	network                    founds and runs three nodes; sets CUSTODY_GENESIS,
//	                           NODE1..3, DATA1..3, and writes guild1.key..guild3.key
//	stopnetwork                ends the nodes as an operator does
//	exits CODE PROGRAM ARG...  runs a program and demands its exit code
//	succeeds PROGRAM ARG...    runs a program again and again until it exits with 0
//	get NAME PATH              sets a variable from the JSON in the last standard output
//	size NODE N                waits until a node has N entries
//	stones N FILE              writes a stock list of N made-up stones
//	flip DIR INDEX             flips one bit of an entry in a copy of a node's data
//	drop DIR INDEX             deletes an entry there
//	expand FILE...             replaces $NAME in files by variables
//	editfile FILE OLD NEW      replaces text in a file
//	copytree FROM TO           copies a folder
//	cutlines FILE N            keeps the first N lines of a file
func TestScripts(t *testing.T) {
	t.Parallel()
	dir, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", programs+string(filepath.ListSeparator)+env.Getenv("PATH"))
			env.Setenv("CUSTODY_PASSPHRASE_FILE", filepath.Join(env.WorkDir, "passphrase"))
			env.Setenv("STOCK", dir)
			env.Setenv("POLICIES", filepath.Join(dir, "..", "..", "..", "deploy", "policies"))
			env.Values[networkKey{}] = new(running)
			return os.WriteFile(filepath.Join(env.WorkDir, "passphrase"), []byte("four stones in a row\n"), 0o600)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"ports": scriptPorts, "ready": scriptReady, "network": scriptNetwork, "stopnetwork": scriptStopNetwork,
			"exits": scriptExits, "succeeds": scriptSucceeds, "get": scriptGet, "size": scriptSize, "stones": scriptStones,
			"flip": scriptFlip, "drop": scriptDrop, "editfile": scriptEditFile, "cutlines": scriptCutLines, "copytree": scriptCopyTree, "expand": scriptExpand,
		},
	})
}

// patience is how long a script waits for anything.
const patience = 60 * time.Second

// await asks again and again until ask is satisfied.
func await(ts *testscript.TestScript, what string, ask func(context.Context) bool) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for !ask(ctx) {
		select {
		case <-ctx.Done():
			ts.Fatalf("waited %v for %s", patience, what)
		case <-again.C:
		}
	}
}

// scriptPorts holds all ports until the last is found, so that no two are the
// same.
func scriptPorts(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		ts.Check(err)
		defer listener.Close()
		ts.Setenv(name, listener.Addr().String())
	}
}

func scriptReady(ts *testscript.TestScript, _ bool, args []string) {
	for _, address := range args {
		await(ts, "node "+address, func(ctx context.Context) bool {
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/readyz", nil)
			ts.Check(err)
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				return false
			}
			response.Body.Close()
			return response.StatusCode == http.StatusOK
		})
	}
}

// networkKey is where a script's network is kept.
type networkKey struct{}

type running struct{ *localnet.Net }

const testPassphrase = "four stones in a row"

func scriptNetwork(ts *testscript.TestScript, _ bool, _ []string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	n, err := localnet.Run(ctx, localnet.Options{Dir: ts.MkAbs("network"), Program: filepath.Join(programs, "custodyd")})
	ts.Check(err)
	ts.Defer(n.Close)
	ts.Value(networkKey{}).(*running).Net = n
	ts.Setenv("CUSTODY_GENESIS", n.GenesisPath())
	for i, node := range n.Nodes() {
		ts.Setenv(fmt.Sprintf("NODE%d", i+1), node.ClientAddress)
		ts.Setenv(fmt.Sprintf("DATA%d", i+1), node.DataDir())
		ts.Setenv(fmt.Sprintf("GUILD%d", i+1), node.Association)
		key := keyfile.Key{Private: node.Governance, Party: ledger.NewPartyID(node.Governance.Public().ID())}
		path := ts.MkAbs(fmt.Sprintf("guild%d.key", i+1))
		ts.Check(keyfile.Create(path, key, []byte(testPassphrase), keyfile.Options{WorkFactor: 4}))
	}
}

// scriptStopNetwork stops all nodes, or the one of the given number.
func scriptStopNetwork(ts *testscript.TestScript, _ bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	net := ts.Value(networkKey{}).(*running)
	if len(args) == 0 {
		ts.Check(net.Stop(ctx))
		return
	}
	number, err := strconv.Atoi(args[0])
	ts.Check(err)
	ts.Check(net.Nodes()[number-1].Stop(ctx))
}

func scriptExits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, expected %d\n%s%s", got, want, ts.ReadFile("stdout"), ts.ReadFile("stderr"))
	}
}

func scriptSucceeds(ts *testscript.TestScript, _ bool, args []string) {
	await(ts, strings.Join(args, " "), func(context.Context) bool { return ts.Exec(args[0], args[1:]...) == nil })
}

// scriptGet follows a path such as items.0.item.
func scriptGet(ts *testscript.TestScript, _ bool, args []string) {
	var value any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &value))
	for step := range strings.SplitSeq(args[1], ".") {
		switch at := value.(type) {
		case map[string]any:
			value = at[step]
		case []any:
			i, err := strconv.Atoi(step)
			ts.Check(err)
			if i >= len(at) {
				ts.Fatalf("%s: only %d elements", args[1], len(at))
			}
			value = at[i]
		}
	}
	if value == nil {
		ts.Fatalf("%s is not in the output", args[1])
	}
	ts.Setenv(args[0], fmt.Sprint(value))
}

func scriptSize(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.ParseUint(args[1], 10, 64)
	ts.Check(err)
	for _, node := range ts.Value(networkKey{}).(*running).Nodes() {
		if node.ClientAddress == args[0] {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			ts.Check(node.WaitSize(ctx, want))
			return
		}
	}
	ts.Fatalf("no node at %s", args[0])
}

func scriptStones(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	var b strings.Builder
	b.WriteString("stock,carat,color,origin\n")
	for i := range n {
		fmt.Fprintf(&b, "S-%d,%d.%02d,E,BW/ZA\n", i, 1+i%5, i%100)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(b.String()), 0o600))
}

// scriptFlip turns one bit of an entry of a copied folder, as a node does that
// rewrites history on its own disk: no checksum of the disk notices.
func scriptFlip(ts *testscript.TestScript, _ bool, args []string) {
	dir, index := entryOf(ts, args)
	entry := readEntry(ts, dir, index)
	entry[len(entry)/2] ^= 1
	ts.Check(storetest.ReplaceEntry(nil, dir, index, entry))
}

func scriptDrop(ts *testscript.TestScript, _ bool, args []string) {
	dir, index := entryOf(ts, args)
	ts.Check(storetest.ReplaceEntry(nil, dir, index, nil))
}

func entryOf(ts *testscript.TestScript, args []string) (dir string, index uint64) {
	index, err := strconv.ParseUint(args[1], 10, 64)
	ts.Check(err)
	return filepath.Join(ts.MkAbs(args[0]), storeFolder), index
}

func readEntry(ts *testscript.TestScript, dir string, index uint64) []byte {
	s, err := store.Open(dir, store.Options{ReadOnly: true})
	ts.Check(err)
	defer s.Close()
	snapshot := s.Snapshot()
	defer snapshot.Close()
	entry, err := snapshot.Entry(index)
	ts.Check(err)
	return append([]byte(nil), entry...)
}

func scriptEditFile(ts *testscript.TestScript, _ bool, args []string) {
	text := ts.ReadFile(args[0])
	if !strings.Contains(text, args[1]) {
		ts.Fatalf("%s does not contain %q", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.ReplaceAll(text, args[1], args[2])), 0o600))
}

func scriptExpand(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		text := os.Expand(ts.ReadFile(name), ts.Getenv)
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(text), 0o600))
	}
}

func scriptCutLines(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	lines := strings.SplitAfter(ts.ReadFile(args[0]), "\n")
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Join(lines[:n], "")), 0o600))
}

// scriptCopyTree copies a folder.
func scriptCopyTree(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(os.CopyFS(ts.MkAbs(args[1]), os.DirFS(ts.MkAbs(args[0]))))
}
