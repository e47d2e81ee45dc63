// Package screen holds goods against a policy: a file of rules about countries,
// parties, producers, their owners, materials and sizes, at a date.
//
// # What the verdicts mean
//
// What a record leaves open has several possibilities: the mining country of a
// component is one of those it names, or any if it names none; its producer is the
// one it names, or anybody; a stone of a parcel that was not weighed by itself has
// any size that the parcel permits; a movement was at any time between the one its
// signer says and the one the ledger says. A possibility takes one of each, freely.
//
//	flagged       in every possibility some rule of the policy hits
//	clear         in no possibility a rule hits
//	undetermined  everything else
//
// There is no percentage in between: a parcel that may hold one stone of a listed
// country is undetermined, however small the share. What a policy does not speak
// of is clear, and the result says that no rule covers it.
//
// A rule hits where all that narrows it holds (material, size, date ...), and any one
// of the things that it lists (countries, producers ...), unless an exemption is shown.
// An exemption has to be shown by the record; a possible one is none.
//
// What is said below the level of evidence that a policy asks for counts against the
// goods, never for them: {RU}, stated, is flagged where RU is listed, and {BW}, stated,
// may be anything where documents are asked for. The same holds for "recycled" with
// nothing behind it: a ledger cannot see what was in a crucible.
//
// A doubt is one possibility more, in which every rule that covers the goods hits: an
// unknown first producer, unless the policy permits it; an open dispute; an outside id
// that two items claim; goods that were away and came back unexamined.
//
// Every component has a verdict of its own. The whole is flagged if one of its
// components is, clear if all are, else undetermined: components are independent of
// each other, so this is the same definition over the possibilities of the whole.
//
// The package is pure: no I/O, clock or randomness. It shows what a record says in the
// light of a file that somebody wrote; it is no legal advice.
package screen
