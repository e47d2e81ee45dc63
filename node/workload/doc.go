// Package workload plays the trade: miners, cutters, refiners, dealers, setters,
// retailers, a laboratory and a carrier register, send, receive, cut, melt, set,
// attest, lose and dispute goods, and make mistakes.
//
// A World is deterministic: the same options give the same signed events, byte for
// byte. It keeps the state of the ledger that its events make, judges each by
// ledger/rules as it goes, and so yields them in an order in which every item's
// chain is right. A ledger with the same genesis answers the same. It has no
// goroutines, clock or I/O. A World is not safe for concurrent use.
//
// Parties, countries of origin and their shares are made up; parties are under
// example.org. The stones are real, see stones/README.md.
package workload
