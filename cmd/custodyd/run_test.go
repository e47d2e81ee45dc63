package main

import (
	"runtime/debug"
	"testing"
)

func TestLimitMemoryHeedsTheRuntimesOwnVariable(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(before)
	limitMemory(func(string) string { return "1GiB" })
	if got := debug.SetMemoryLimit(-1); got != before {
		t.Errorf("a limit of %d was set over GOMEMLIMIT", got)
	}
	limitMemory(func(string) string { return "" })
	if got := debug.SetMemoryLimit(-1); got != memorySoftMax {
		t.Errorf("limit %d, want %d", got, memorySoftMax)
	}
}
