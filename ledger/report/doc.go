// Package report says in plain words what a graph of the ledger shows about items:
// the disclosure report of a piece or a shipment, and the lineage of an item as a
// tree, a drawing and data.
//
// A report gives every component with its possible origins and how well they are
// borne out, everybody who held the goods as far as the graph shows, gaps, open
// disputes and holds, what is unknown, and where the record begins. It never
// blends: there is no percentage of known origin, and the headline is the weakest
// component. It proves nothing by itself; the bundle does, whose SHA-256 it names.
//
// The JSON form has the field names of the types here. They are stable: fields may
// be added, and Format changes if one changes its meaning. Masses are integers of
// micrograms, times are unix milliseconds, indexes are those of entries; countries
// are ISO 3166-1 alpha-2 codes.
//
// The package is pure: no I/O, clock or randomness.
package report
