//go:build !linux

package growth

import "time"

// Only Linux is asked for these; elsewhere the report leaves them out.

func anonymousMemory(int) uint64             { return 0 }
func cpuTime([]int) time.Duration            { return 0 }
func diskFree(string) (free uint64, ok bool) { return 0, false }
