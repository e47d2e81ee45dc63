// Package ledger defines the bytes and the words of the custody ledger: signed
// events, entries, the genesis, identifiers, openings and reason codes.
//
// Everything that is signed or hashed is specified byte by byte in SPEC.md
// beside this file. The package does no I/O and sees no clock and no
// randomness: what it decodes and encodes is the same on every node, for ever.
package ledger
