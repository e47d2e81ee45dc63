package sign

import "crypto/sha256"

// A Tag begins a message that is hashed, so that no hash of one use can serve as a hash of another. Every tag
// starts with "custody/" and ends with a newline, and no tag is a prefix of another one.
//
// All tags and payload types stand in this file, whoever uses them, because being different from each other is
// their whole purpose. What else is hashed or signed on the ledger, and why it cannot collide with a tag:
//
//   - Merkle leaves and nodes begin with the byte 0x00 or 0x01 (RFC 6962); a tag begins with 'c'.
//   - Signed events begin with "DSSEv1 " ([AppendPAE]); their payload type keeps them apart from every other DSSE message.
//   - Checkpoints and cosignatures are C2SP signed notes; a note's first line is the log's origin or
//     "cosignature/v1", and neither contains "custody/".
//   - The ledger id is SHA-256 of the genesis file without a tag; the file is JSON and begins with '{'.
type Tag string

const (
	// TagKeyID begins the message whose hash is a key id. Keeps key ids apart from party ids, which are derived
	// from a key id and have the same length.
	TagKeyID Tag = "custody/key-id/v1\n"
	// TagItemID begins the message whose hash is an item id: event id, uint32 position of the output. Keeps item
	// ids apart from event ids, which stand on the same event.
	TagItemID Tag = "custody/item-id/v1\n"
	// TagPartyID begins the message whose hash is a party id: the id of the party's first key. Keeps party ids
	// apart from key ids.
	TagPartyID Tag = "custody/party-id/v1\n"
	// TagRaftCluster begins the message whose hash is a Raft cluster id: ledger id, uint32 number of the cluster.
	// Keeps the clusters of one ledger apart from each other and from the ledger id.
	TagRaftCluster Tag = "custody/raft-cluster/v1\n"
	// TagCommitment begins the message whose hash commits to a private field: uint32 field, party of 20 bytes, salt of
	// 32 bytes, value.
	// Keeps commitments apart from every other hash.
	TagCommitment Tag = "custody/commitment/v1\n"
	// TagPolicy begins the message whose hash is a policy id: quorum, then the keys of every node.
	// Keeps policy ids apart from every other hash.
	TagPolicy Tag = "custody/policy/v1\n"
	// TagBatch begins the transcript that the coefficients of a batch verification are derived from. It is never
	// stored or sent.
	TagBatch Tag = "custody/batch-verify/v1\n"
)

// EventPayloadType is the DSSE payload type of an event. Keeps a signature over an event apart from a signature over
// any other DSSE message by the same key: an in-toto statement, or a later version of the event.
const EventPayloadType = "application/vnd.custody.event.v1+protobuf"

// Sum returns SHA-256 of the tag followed by the parts. The parts are not delimited: all but one must have a length
// that the tag fixes.
func (t Tag) Sum(parts ...[]byte) [sha256.Size]byte {
	h := sha256.New()
	h.Write([]byte(t))
	for _, p := range parts {
		h.Write(p)
	}
	var sum [sha256.Size]byte
	h.Sum(sum[:0])
	return sum
}

// Payload types of what a node signs with its statement key. Each keeps a
// signature over one of them apart from all others and from events.
const (
	ProposalPayloadType  = "application/vnd.custody.proposal.v1"
	PromisePayloadType   = "application/vnd.custody.promise.v1"
	StatementPayloadType = "application/vnd.custody.statement.v1"
	AbsencePayloadType   = "application/vnd.custody.absence.v1"
)
