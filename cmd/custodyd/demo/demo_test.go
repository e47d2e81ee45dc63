package demo

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// programs is a folder with the two programs side by side, as the demo wants
// them, built once.
var programs = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "custody-programs-")
	if err != nil {
		return "", err
	}
	builtIn = dir
	command := exec.Command("go", "build", "-o", dir+string(filepath.Separator), "./cmd/custodyd", "./cmd/custody")
	command.Dir = filepath.Join("..", "..", "..")
	if output, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, output)
	}
	return dir, nil
})

// builtIn is what programs made, for TestMain to remove.
var builtIn string

func TestMain(m *testing.M) {
	status := m.Run()
	if builtIn != "" {
		os.RemoveAll(builtIn)
	}
	os.Exit(status)
}

// custodyd gives the path of the program.
func custodyd(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("runs whole nodes; left out with -short")
	}
	dir, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	// Reading the sources makes the result of a test depend on them.
	for _, name := range []string{"custody", "custodyd"} {
		if _, err := os.ReadDir(filepath.Join("..", "..", name)); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "custodyd")
}

var lastLine = regexp.MustCompile(`^events ([1-9][0-9]{4}), transfers ([1-9][0-9]{3}), nodes 3, root [0-9a-f]{64}, audit: ok$`)

// The whole demo, as `make demo ARGS=--exit` runs it.
func TestDemo(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "demo")
	output, err := exec.Command(custodyd(t), "demo", "--exit", "--dir", dir).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	lines := strings.Split(strings.TrimSpace(string(output)), "\n")
	if last := lines[len(lines)-1]; !lastLine.MatchString(last) {
		t.Errorf("the last line is %q", last)
	}
	page, err := os.ReadFile(filepath.Join(dir, "index.html"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"STALE_PREV", "UNKNOWN_KEY", "leader killed", "audit: ok", "signature-bad", "audit: does not hold",
		"The bundle verifies.", "does not verify", "Ask for a newer bundle.", "The evidence holds: bad-entry.", "PAPER_SPENT", "ALLOCATION_INVALID", "may be mined in RU", "no ledger can see what was melted"} {
		if !bytes.Contains(page, []byte(want)) {
			t.Errorf("the page does not tell of %q", want)
		}
	}
	for _, elsewhere := range []string{"http://", "https://", "<script", "<link", "src="} {
		if bytes.Contains(page, []byte(elsewhere)) {
			t.Errorf("the page contains %q: it must need nothing but itself", elsewhere)
		}
	}
	for name, want := range map[string]string{ringReport: "where it came from is unknown", ringLineage: "<svg", ringEPCIS: "eventList"} {
		if file, err := os.ReadFile(filepath.Join(dir, name)); err != nil || !bytes.Contains(file, []byte(want)) {
			t.Errorf("%s lacks %q: %v", name, want, err)
		}
	}
	if left := processesIn(t, dir); len(left) > 0 {
		t.Errorf("the demo left processes behind: %v", left)
	}
}

// Without --exit the nodes serve, the printed commands work as they stand, and
// an interrupt ends everything.
func TestDemoServes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "demo")
	command := exec.Command(custodyd(t), "demo", "--dir", dir)
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var complaints bytes.Buffer
	command.Stderr = &complaints
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	script, err := commandsIn(output)
	if err != nil {
		_ = command.Process.Kill()
		t.Fatalf("%v\n%s", err, complaints.Bytes())
	}
	if runtime.GOOS != "windows" {
		shell := exec.Command("sh", "-e", "-c", script)
		if printed, err := shell.CombinedOutput(); err != nil {
			t.Errorf("the printed commands: %v\n%s\n%s", err, script, printed)
		}
	}
	if err := command.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, output)
	if err := command.Wait(); err != nil {
		t.Errorf("after an interrupt: %v\n%s", err, complaints.Bytes())
	}
	if left := processesIn(t, dir); len(left) > 0 {
		t.Errorf("the demo left processes behind: %v", left)
	}
}

// commandsIn reads what the demo prints up to its commands, and gives them as a
// script.
func commandsIn(output io.Reader) (string, error) {
	var script strings.Builder
	inCommands := false
	for lines := bufio.NewScanner(output); lines.Scan(); {
		line := lines.Text()
		switch {
		case strings.Contains(line, "Talk to them:"):
			inCommands = true
		case inCommands && strings.HasPrefix(line, "  ") && !strings.HasPrefix(line, "  #"):
			fmt.Fprintln(&script, strings.TrimSpace(line))
		case line == readyLine:
			return script.String(), nil
		}
	}
	return "", errors.New("the demo ended before its nodes served")
}

// processesIn lists the processes that were started with a path in a folder.
func processesIn(t *testing.T, dir string) []string {
	t.Helper()
	var found []string
	paths, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range paths {
		if b, err := os.ReadFile(path); err == nil && bytes.Contains(b, []byte(dir)) {
			found = append(found, strings.ReplaceAll(string(b), "\x00", " "))
		}
	}
	return found
}

func TestDemoNeedsItsFolderAndCustody(t *testing.T) {
	dir := t.TempDir()
	custody := filepath.Join(dir, "custody")
	err := Run(t.Context(), Options{Dir: filepath.Join(dir, "demo"), Custody: custody, Out: io.Discard})
	if !errors.Is(err, ErrNoCustody) || !strings.Contains(err.Error(), "make build") {
		t.Errorf("without custody: %v", err)
	}
	if err := os.WriteFile(custody, nil, 0o700); err != nil {
		t.Fatal(err)
	}
	err = Run(t.Context(), Options{Dir: dir, Custody: custody, Out: io.Discard})
	if err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("in a folder that is not empty: %v", err)
	}
}
