//go:build race

package store_test

import "flag"

// The race detector makes one random trade take ten times as long, and one
// goroutine does most of it: a sample is enough under it.
func init() {
	if err := flag.Set("rapid.checks", "15"); err != nil {
		panic(err)
	}
}
