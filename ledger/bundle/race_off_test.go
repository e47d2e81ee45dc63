//go:build !race

package bundle_test

// underRace tells that the race detector makes everything ten times slower.
const underRace = false
