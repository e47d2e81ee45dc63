// Package bundle is one file that proves one piece, or the pieces of one
// shipment, to somebody who trusts no node and may be offline: every event of the
// items back to every origin, the records of every party that acted or is named,
// each proven under one final checkpoint, and what as many associations as the
// policy asks for state about the items there. SPEC.md fixes its bytes.
//
// An entry names by its links the entries that it builds on: the records of the
// parties and the entries before it on the items. A bundle holds the items' last
// entries, everything that links lead to from there, the entries that made every
// later policy out of the one of the genesis, and nothing else. So nothing can be
// left out in between without a link that leads nowhere, and nothing about other
// items is in it. Only statements show that nothing followed.
//
// A bundle without items holds these last ones alone: it shows whose signatures
// make a checkpoint final now.
//
// The package is pure: no I/O, clock or randomness. What it reads may come from
// an attacker; it takes memory in proportion to the bytes given, at most BytesMax.
package bundle
