package store

import (
	"bytes"

	"github.com/cockroachdb/pebble/v2"
)

// pointFilter is a filter of the keys that may be asked for and not be there. Those that
// are only scanned, or asked for where they must be, take no room in it: with them it
// was more than twice as large, and outgrew the cache of a large ledger.
type pointFilter struct{ pebble.FilterPolicy }

// unfiltered are the prefixes of such keys.
var unfiltered = []byte{prefixEntry, prefixTree, prefixLandmark, prefixPartyItem, prefixOutsideClaim, prefixGovernance}

func isFiltered(key []byte) bool { return len(key) == 0 || bytes.IndexByte(unfiltered, key[0]) < 0 }

// Name implements pebble.FilterPolicy.
func (p pointFilter) Name() string { return "custodyledger.point." + p.FilterPolicy.Name() }

// MayContain implements pebble.FilterPolicy.
func (p pointFilter) MayContain(t pebble.FilterType, filter, key []byte) bool {
	return !isFiltered(key) || p.FilterPolicy.MayContain(t, filter, key)
}

// NewWriter implements pebble.FilterPolicy.
func (p pointFilter) NewWriter(t pebble.FilterType) pebble.FilterWriter {
	return pointFilterWriter{p.FilterPolicy.NewWriter(t)}
}

type pointFilterWriter struct{ pebble.FilterWriter }

// AddKey implements pebble.FilterWriter.
func (w pointFilterWriter) AddKey(key []byte) {
	if isFiltered(key) {
		w.FilterWriter.AddKey(key)
	}
}
