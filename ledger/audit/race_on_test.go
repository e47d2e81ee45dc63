//go:build race

package audit

// raceDetector makes the longest tests take a sample: the detector multiplies
// their time, and they have no goroutines of their own to be watched.
const raceDetector = true
