package localnet

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestHeldPorts(t *testing.T) {
	ports, err := hold(6)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, port := range ports {
		if seen[port.address] {
			t.Errorf("%s is held twice", port.address)
		}
		seen[port.address] = true
		if listener, err := net.Listen("tcp", port.address); err == nil {
			listener.Close()
			t.Errorf("%s is held and can be listened on", port.address)
		}
		address, err := net.ResolveTCPAddr("tcp", port.address)
		if err != nil {
			t.Fatal(err)
		}
		if address.Port >= ephemeralFirst() {
			t.Errorf("port %d is one that the kernel gives to outgoing connections, from %d on", address.Port, ephemeralFirst())
		}
	}
	release(ports)
	release(ports) // harmless
	for _, port := range ports {
		listener, err := net.Listen("tcp", port.address)
		if err != nil {
			t.Errorf("%s was released: %v", port.address, err)
			continue
		}
		listener.Close()
	}
}

func TestProcess(t *testing.T) {
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no sh")
	}
	l := newLauncher()
	defer l.close()
	log := filepath.Join(t.TempDir(), "log")

	ended, err := l.start(exec.Command(shell, "-c", "echo first; echo second >&2; exit 3"), log)
	if err != nil {
		t.Fatal(err)
	}
	if outcome := ended.outcome(); outcome != "ended: exit status 3" || ended.running() {
		t.Errorf("outcome %q, running %t", outcome, ended.running())
	}
	b, err := os.ReadFile(log)
	if err != nil || string(b) != "first\nsecond\n" {
		t.Errorf("log %q, %v", b, err)
	}

	endless, err := l.start(exec.Command(shell, "-c", "exec sleep 600"), log)
	if err != nil {
		t.Fatal(err)
	}
	endless.kill()
	endless.kill() // harmless
	if outcome := endless.outcome(); outcome != "ended: signal: killed" {
		t.Errorf("outcome %q", outcome)
	}
	if _, err := l.start(exec.Command(filepath.Join(t.TempDir(), "missing")), log); err == nil {
		t.Error("a program that is not there was started")
	}
}

func TestTail(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	if text := tail(log); !strings.Contains(text, "no log") {
		t.Errorf("without a file: %q", text)
	}
	var lines strings.Builder
	for range 5000 {
		lines.WriteString("a line of a log\n")
	}
	lines.WriteString("the last line\n")
	if err := os.WriteFile(log, []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	text := tail(log)
	if got := strings.Count(text, "\n") + 1; got != tailLines || !strings.HasSuffix(text, "\nthe last line") {
		t.Errorf("%d lines, expected %d; text ends %q", got, tailLines, text[max(0, len(text)-40):])
	}
}
