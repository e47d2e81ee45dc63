// Package provenance is everything upstream of some items, as a graph: what each
// was made of and by which event, who had it, what papers say about it, and how
// well every claim is borne out. Lineage, reports, screening and exports are made
// from it; they see no node.
//
// A graph comes from a bundle that verified (OfBundle) or from a whole log that was
// audited (Builder). What stands in it are the outcomes of the rules; evidence is worked out
// here, on reading, because a paper that is taken back later takes its weight
// away from everything made since.
//
// # Evidence
//
// A registration states. A paper raises what it claims, from the state of the
// item that it is about on, and downstream of it; what was parted from the item
// before is not its subject. What is joined is as good as the weakest that went
// in. An unsorted part may be of any component of the whole, so it is as good as
// the weakest of them; a sorted part is the sorter's word, stated, unless the
// whole had one component. A correction leaves what it widens as stated. Papers
// that were withdrawn do not count, and Withdrawn lists them on everything that
// relied on them. Papers that have expired count as of when they were attested,
// and are marked.
//
// The package is pure: no I/O, clock or randomness, and no recursion however deep
// a lineage is. Building takes time and memory in proportion to the entries.
package provenance
