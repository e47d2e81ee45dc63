//go:build !race

package localnet_test

const raceDetector = false
