package bundle_test

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/custodyledger/custodyledger/ledger/bundle"
	"github.com/custodyledger/custodyledger/ledger/rules"
)

// The second verifier of bundles, written from SPEC.md in another language, and
// what makes bundles of ledgers that it invents.
const (
	secondVerifier = "../../scripts/spec/bundle.py"
	secondMaker    = "../../scripts/spec/world.py"
)

// secondCase is a line that either of them reads or writes.
type secondCase struct {
	Name    string     `json:"name,omitempty"`
	Bundle  []byte     `json:"bundle"`
	Genesis string     `json:"genesis,omitempty"`
	Policy  string     `json:"policy,omitempty"`
	Got     secondWord `json:"got,omitzero"`
}

// secondWord is what bundle.py finds.
type secondWord struct {
	Accept  bool   `json:"accept"`
	Unknown bool   `json:"unknown,omitempty"` // no verdict: the rules of one of the events are not written there
	Refusal string `json:"refusal,omitempty"`
	Size    uint64 `json:"size"`
	Root    string `json:"root"`
	Items   []struct {
		Item      string `json:"item"`
		Custody   string `json:"custody"`
		Title     string `json:"title"`
		Events    int    `json:"events"`
		LastIndex uint64 `json:"last_index"`
		StatedBy  int    `json:"stated_by"`
	} `json:"items"`
}

func python(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not on this machine: scripts/spec/bundle.py, the second verifier of SPEC.md, was not run")
	}
	return path
}

func runPython(t *testing.T, input []byte, arguments ...string) []byte {
	t.Helper()
	command := exec.Command(python(t), arguments...)
	var complaint bytes.Buffer
	command.Stdin, command.Stderr = bytes.NewReader(input), &complaint
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(arguments, " "), err, complaint.Bytes())
	}
	return out
}

func secondCases(t *testing.T, lines []byte) []secondCase {
	t.Helper()
	var cases []secondCase
	scanner := bufio.NewScanner(bytes.NewReader(lines))
	scanner.Buffer(nil, 1<<26)
	for scanner.Scan() {
		var c secondCase
		if err := json.Unmarshal(scanner.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		cases = append(cases, c)
	}
	if err := scanner.Err(); err != nil {
		t.Fatal(err)
	}
	return cases
}

func firstVerdict(c secondCase) (*bundle.Report, error) {
	trust, err := bundle.TrustGenesis([]byte(c.Genesis))
	if c.Policy != "" {
		trust, err = bundle.TrustPolicyFile([]byte(c.Policy))
	}
	if err != nil {
		return nil, fmt.Errorf("trust: %w", err)
	}
	return bundle.Verify(c.Bundle, trust)
}

// unknowns counts the bundles of which the second verifier gives no verdict, by what
// it does not know. They are neither accepted nor refused, and a test that compares
// few of its bundles fails.
type unknowns map[string]int

func (u unknowns) report(t *testing.T, cases int) {
	t.Helper()
	total := 0
	for what, n := range u {
		t.Logf("%d bundles were not compared: %s", n, what)
		total += n
	}
	if total > cases/5 {
		t.Errorf("%d of %d bundles were not compared", total, cases)
	}
}

func (u unknowns) count(got secondWord) {
	_, what, _ := strings.Cut(got.Refusal, ": ")
	u[what]++
}

// compareVerdicts demands that the two verifiers find the same, and leaves the
// bundle in a file where they do not.
func compareVerdicts(t *testing.T, c secondCase, got secondWord) {
	t.Helper()
	report, err := firstVerdict(c)
	complain := func(format string, arguments ...any) {
		t.Helper()
		path := ""
		if dir := os.Getenv("CUSTODY_KEEP_DISAGREEMENTS"); dir != "" {
			path = filepath.Join(dir, strings.NewReplacer(" ", "-", "/", "-", ":", "-").Replace(c.Name))
			os.WriteFile(path+".bundle", c.Bundle, 0o600)
			os.WriteFile(path+".genesis", []byte(c.Genesis), 0o600)
			os.WriteFile(path+".policy", []byte(c.Policy), 0o600)
		}
		t.Errorf("%s: %s %s", c.Name, fmt.Sprintf(format, arguments...), path)
	}
	if (err == nil) != got.Accept {
		complain("Go says %v, Python accepts: %v (%s)", err, got.Accept, got.Refusal)
		return
	}
	if err != nil {
		return
	}
	if report.Checkpoint.Size != got.Size || fmt.Sprintf("%x", report.Checkpoint.Root[:]) != got.Root || len(report.Items) != len(got.Items) {
		complain("Go reports %v, Python %+v", report.Checkpoint, got)
		return
	}
	for i, item := range report.Items {
		word := got.Items[i]
		custody, title := holderText(item.Custody), holderText(item.Owner())
		if item.ID.String() != word.Item || custody != word.Custody || title != word.Title || len(item.Events) != word.Events || item.LastIndex != word.LastIndex || len(item.StatedBy) != word.StatedBy {
			complain("Go reports %v with %s and %s, Python %+v", item.ID, custody, title, word)
		}
	}
}

func holderText(h rules.Holder) string {
	if h.Outside != nil {
		return "outside"
	}
	return h.Party.String()
}

// TestVectorsInPython has the second verifier judge every vector.
func TestVectorsInPython(t *testing.T) {
	t.Parallel()
	t.Logf("%s", runPython(t, nil, secondVerifier, "--vectors", "testdata/vectors"))
}

// TestPythonOnMadeUpLedgers has the second implementation make ledgers in which
// one thing is wrong, or nothing, and compares both verdicts on them.
func TestPythonOnMadeUpLedgers(t *testing.T) {
	t.Parallel()
	python(t)
	accepted, notKnown := 0, unknowns{}
	cases := secondCases(t, runPython(t, nil, secondMaker, cmp.Or(os.Getenv("CUSTODY_WORLD"), "1"), cmp.Or(os.Getenv("CUSTODY_WORLD_SIZE"), "80")))
	for _, c := range cases {
		if c.Got.Unknown {
			notKnown.count(c.Got)
			continue
		}
		compareVerdicts(t, c, c.Got)
		if c.Got.Accept {
			accepted++
		}
	}
	notKnown.report(t, len(cases))
	if accepted < len(cases)/10 || accepted > len(cases)*9/10 {
		t.Errorf("%d of %d bundles are accepted: this compares little", accepted, len(cases))
	}
	t.Logf("%d bundles, %d of them accepted", len(cases), accepted)
}

// TestPythonOnDamage compares both verdicts on vectors and made-up bundles with
// one bit changed, a byte taken out or put in, or two bytes exchanged.
func TestPythonOnDamage(t *testing.T) {
	t.Parallel()
	python(t)
	const each = 120
	random := rand.New(rand.NewPCG(20, 26))
	var cases []secondCase
	genesis, policy := string(readVector(t, "genesis.json")), string(readVector(t, "policy-0.txt"))
	var wholes [][]byte
	var origins []secondCase
	for _, file := range []string{"stone", "shipment", "policy-changed"} {
		origins = append(origins, secondCase{Name: file, Bundle: readVector(t, file+".bundle"), Genesis: genesis, Policy: policy})
	}
	for _, c := range secondCases(t, runPython(t, nil, secondMaker, "7", "10", "random")) {
		if len(origins) < 5 && c.Got.Accept && strings.HasPrefix(c.Name, "step") {
			origins = append(origins, c)
		}
	}
	if len(origins) < 5 {
		t.Fatalf("%d bundles to damage, expected 5 or more", len(origins))
	}
	for n, origin := range origins {
		whole := origin.Bundle
		for i := range each {
			c := secondCase{Name: fmt.Sprintf("%d %s damaged %d", n, origin.Name, i), Bundle: slices.Clone(whole), Genesis: origin.Genesis, Policy: origin.Policy}
			if c.Genesis != "" && i%4 != 3 {
				c.Policy = ""
			} else if c.Policy != "" {
				c.Genesis = ""
			}
			at := random.IntN(len(whole))
			switch i % 16 {
			case 13:
				c.Bundle = slices.Delete(c.Bundle, at, at+1)
			case 14:
				c.Bundle = slices.Insert(c.Bundle, at, byte(random.Uint32()))
			case 15:
				other := random.IntN(len(whole))
				c.Bundle[at], c.Bundle[other] = c.Bundle[other], c.Bundle[at]
			default:
				c.Bundle[at] ^= 1 << random.IntN(8)
			}
			wholes = append(wholes, whole)
			cases = append(cases, c)
		}
	}
	var input bytes.Buffer
	encoder := json.NewEncoder(&input)
	for _, c := range cases {
		if err := encoder.Encode(c); err != nil {
			t.Fatal(err)
		}
	}
	notKnown := unknowns{}
	scanner := json.NewDecoder(bytes.NewReader(runPython(t, input.Bytes(), secondVerifier, "--batch")))
	for i, c := range cases {
		var got secondWord
		if err := scanner.Decode(&got); err != nil {
			t.Fatal(err)
		}
		if got.Unknown {
			notKnown.count(got)
			continue
		}
		compareVerdicts(t, c, got)
		if got.Accept && !bytes.Equal(c.Bundle, wholes[i]) {
			t.Errorf("%s: accepted", c.Name)
		}
	}
	notKnown.report(t, len(cases))
}

func readVector(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata/vectors", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}
