// Package audit judges a ledger from its entries alone. It decodes every entry
// again, verifies every signature again, runs every rule again through the same
// rules.Sequencer that nodes use, and demands equal bytes. It trusts no store,
// no node and no earlier answer: only the genesis file, or a state that it
// verified itself before.
//
// An Auditor compares whole ledgers and reports a Finding for each that does
// not hold. A Replayer is its core and serves a node that catches up as well.
// State is the verified state in memory, with a file format of its own.
//
// # Which entry is named
//
// An entry is confirmed by the entry after it, whose prev is its leaf hash, and
// the last one by the head's root. So where two entries contradict each other,
// the one after them decides which of the two was changed. What is left open:
// a change of the last entry that breaks no rule, such as a later recorded
// time, cannot be told from a forged head. Both are RootDiffers at the index of
// the last entry.
//
// # Goroutines
//
//	Replayer.Verify   one a core, all ended when it returns
//	Auditor.Run       one that reads a source and one that verifies signatures,
//	                  both ended when it returns
package audit
