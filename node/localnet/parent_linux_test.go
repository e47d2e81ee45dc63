package localnet_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Nodes do not outlive a program that was killed.
func TestNodesEndWithTheirParent(t *testing.T) {
	if testing.Short() || raceDetector {
		t.Skip("runs whole nodes; left out with -short and with the race detector")
	}
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), parentVariable+"="+dataFolder(t), parentVariable+"_PROGRAM="+program(t, "custodyd"))
	output, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	var pids []int
	for lines := bufio.NewScanner(output); lines.Scan() && lines.Text() != "ready"; {
		pid, err := strconv.Atoi(lines.Text())
		if err != nil {
			t.Fatalf("the parent says %q", lines.Text())
		}
		pids = append(pids, pid)
	}
	if len(pids) != 3 {
		t.Fatalf("%d nodes run, expected 3", len(pids))
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait() // killed
	deadline := time.After(testTimeout)
	for _, pid := range pids {
		for runs(pid) {
			select {
			case <-time.After(10 * time.Millisecond):
			case <-deadline:
				t.Fatalf("process %d outlives its parent", pid)
			}
		}
	}
}

// runs tells whether a process is there and has not ended. One that nobody
// waits for stays in the table as a zombie.
func runs(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, after, _ := strings.Cut(string(b), ") ")
	return !strings.HasPrefix(after, "Z")
}
