//go:build !race

package replica

// seedsDefault is how many seeds a plain test run takes: enough for every
// scenario.
const seedsDefault = 30
