package growth

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"
)

// anonymousMemory is the resident memory of a process that no file backs; 0 when it
// has ended.
func anonymousMemory(pid int) uint64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(status) {
		if rest, ok := bytes.CutPrefix(line, []byte("RssAnon:")); ok {
			kib, _ := strconv.ParseUint(string(bytes.TrimSpace(bytes.TrimSuffix(bytes.TrimSpace(rest), []byte("kB")))), 10, 64)
			return kib << 10
		}
	}
	return 0
}

// ticksPerSecond is USER_HZ, which is 100 wherever Go runs on Linux.
const ticksPerSecond = 100

// cpuTime is what processes have used in user and kernel mode.
func cpuTime(pids []int) (sum time.Duration) {
	for _, pid := range pids {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue
		}
		// The name, in brackets, may hold anything; utime and stime are the 12th and
		// 13th field after it.
		fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
		for _, at := range []int{11, 12} {
			if at < len(fields) {
				ticks, _ := strconv.ParseInt(string(fields[at]), 10, 64)
				sum += time.Duration(ticks) * time.Second / ticksPerSecond
			}
		}
	}
	return sum
}

// diskFree is what is left for this user on the disk of a folder.
func diskFree(dir string) (free uint64, known bool) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, false
	}
	return s.Bavail * uint64(s.Bsize), true
}
