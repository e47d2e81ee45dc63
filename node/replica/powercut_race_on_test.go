//go:build race

package replica

// seedsDefault is how many seeds a plain test run takes; the race detector
// makes each some ten times slower.
const seedsDefault = 8
