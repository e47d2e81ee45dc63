//go:build race

package localnet_test

// raceDetector: the programs that these tests run are built without it, so that
// one test is enough for what runs in the test's own process.
const raceDetector = true
