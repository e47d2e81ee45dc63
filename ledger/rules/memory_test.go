package rules_test

import (
	"slices"
	"testing"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/rules"
)

// TestMemoryKeepsOrderOfClaims: a claim that stands is not moved by being made again,
// one that fell comes back at the end, and what a reader was given stays as it was.
func TestMemoryKeepsOrderOfClaims(t *testing.T) {
	item := ledger.ItemID{1}
	id := func(number string) rules.OutsideID { return rules.OutsideID{Kind: 1, Issuer: "GIA", Number: number} }
	m := rules.NewMemory()
	write := func(number string, stands bool) {
		m.Write(rules.Changes{Claims: []rules.Claim{{ID: id(number), Item: item, Stands: stands}}})
	}
	demand := func(got []rules.OutsideID, want ...string) {
		t.Helper()
		var ids []rules.OutsideID
		for _, number := range want {
			ids = append(ids, id(number))
		}
		if !slices.Equal(got, ids) {
			t.Errorf("claims %v, want %v", got, ids)
		}
	}
	write("2", true)
	write("1", true)
	write("2", true)
	demand(m.Claims(item), "2", "1")
	before, clone := m.Claims(item), m.Clone()
	write("2", false)
	write("3", false)
	demand(m.Claims(item), "1")
	write("2", true)
	demand(m.Claims(item), "1", "2")
	demand(before, "2", "1")
	demand(clone.Claims(item), "2", "1")
	before[0] = id("9")
	demand(clone.Claims(item), "2", "1")
}
