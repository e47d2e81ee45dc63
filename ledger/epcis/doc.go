// Package epcis writes what a ledger says as EPCIS 2.0: a JSON-LD EPCISDocument
// that GS1 software reads, of one item with everything upstream, or of a range of
// entries.
//
// Mappings says for every body of a ledger event what it becomes. What EPCIS and
// its Core Business Vocabulary (CBV) have a place for stands there; everything
// else that an event says stands in extension fields of the namespace Namespace,
// none of it private: what a ledger keeps as a salted hash is a salted hash here
// too. DESIGN.md lists the URIs, the extension fields and the reasons.
//
// A document is not a proof. Its events name the ledger events and entries that
// they were made from, and those are proven by a bundle.
//
// The package is pure: no I/O, clock or randomness. A graph gives the same bytes
// every time.
package epcis
