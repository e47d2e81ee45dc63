// Package vocabulary has what the trade knows by heart: units of mass, customs
// codes, species, treatments, what a paper can show, numbers that others give,
// where diamonds and gold are mined, and the words for all of it.
//
// Everything here is a table or a small function of its arguments, the same on
// every node and for ever within a rules version: what rules judge by it, audits
// judge by it again. Functions that check return nil or an error that says what is
// wrong and what would be right; which reason code that is, the caller knows.
// DESIGN.md names the sources of the tables.
package vocabulary
