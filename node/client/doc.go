// Package client talks to the nodes of one custody ledger.
//
// A [Client] starts from the genesis file and nothing else: it names the nodes,
// their addresses and the TLS keys they must show, so that no certificate
// authority and no first contact has to be trusted. Calls go to any node, move
// on to the next one when it cannot answer, and check what comes back: a
// receipt must name the event that was sent, an entry must decode, carry
// signatures that hold and stand in its chain, a proof must lead to its root.
// What a node says about current state (the holder of an item, a party's keys)
// is its own word until statements of several associations exist.
//
// # Writing
//
// A write has three ends: a receipt, [Refused] (nothing was recorded), or one
// of [Unreachable] (nothing was sent anywhere that could have recorded it) and
// [OutcomeUnknown]. The last is not a failure: [Client.Receipt] settles it, and
// sending the same event again is always safe, because an event is recorded
// once whatever the number of tries. [Client.Append] and [Stream] do so by
// themselves until their time is up.
//
// An [Author] builds and signs events; no node and no network is involved.
package client
