// Package merkle is the ledger's Merkle tree: RFC 6962 with SHA-256, and nothing else. It is the only place that
// hashes tree nodes.
//
//	leaf = SHA-256(0x00 || entry)
//	node = SHA-256(0x01 || left || right)
//	root of the empty tree = SHA-256("")
//
// # What is stored
//
// A log keeps tree hashes by tile level, as C2SP tlog-tiles lays them out: level 0 has one hash for each leaf, level
// L one for the root of each full subtree of 256^L leaves, counted from the left. Each is written once, when the
// last leaf below it is appended ([Frontier.Append]), and never changes. All else is computed from these through a
// [Reader].
//
// # What it costs
//
// Let H(n) be the number of tile levels of a tree of n leaves: 1 up to 255, 2 up to 65,535, 3 up to 16,777,215, and
// at most 8. A row is up to 256 stored hashes that lie together, read by one call.
//
//	operation         rows read     hashes read   hashes computed
//	Append            0             0             1 for the leaf's parent on average, 64 at most
//	RootAt            ≤ H           ≤ 255 · H     ≤ 255 · H
//	LoadFrontier      ≤ H           ≤ 255 · H     ≤ 247 · H
//	InclusionProof    ≤ 2 · H       ≤ 511 · H     ≤ 510 · H
//	ConsistencyProof  ≤ 2 · H       ≤ 511 · H     ≤ 510 · H
//	Verify…           0             0             ≤ 128
//
// Nothing here does I/O of its own, keeps state between calls, or is changed by use, but for [Frontier].
package merkle

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
)

// HashSize is the length of a tree hash in bytes.
const HashSize = sha256.Size

// Hash is the hash of a leaf, of an inner node or of a whole tree.
type Hash [HashSize]byte

// The first byte of what is hashed keeps leaves apart from nodes (RFC 6962 section 2.1), and both apart from every
// message with a domain tag, which begins with a letter.
const (
	leafPrefix = 0x00
	nodePrefix = 0x01
)

// EmptyRoot is the root of the tree without leaves: SHA-256 of nothing.
var EmptyRoot = Hash(sha256.Sum256(nil))

// LeafHash returns the leaf of an entry.
func LeafHash(entry []byte) Hash {
	h := sha256.New()
	h.Write([]byte{leafPrefix})
	h.Write(entry)
	var leaf Hash
	h.Sum(leaf[:0])
	return leaf
}

// NodeHash returns the hash of the node above left and right.
func NodeHash(left, right Hash) Hash {
	var message [1 + 2*HashSize]byte
	message[0] = nodePrefix
	copy(message[1:], left[:])
	copy(message[1+HashSize:], right[:])
	return sha256.Sum256(message[:])
}

// String returns the hash in lower-case hex.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// ErrHashText is returned for a text that is not the hex of a hash.
var ErrHashText = errors.New("merkle: a hash is 64 lower-case hex digits")

// ParseHash reads what [Hash.String] writes, and nothing else: upper-case digits are refused.
func ParseHash(text string) (Hash, error) {
	var h Hash
	if len(text) != hex.EncodedLen(HashSize) {
		return Hash{}, ErrHashText
	}
	if _, err := hex.Decode(h[:], []byte(text)); err != nil || h.String() != text {
		return Hash{}, ErrHashText
	}
	return h, nil
}

// MarshalText writes the text of [Hash.String].
func (h Hash) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h[:]), nil }

// UnmarshalText reads a text as [ParseHash] does; on an error h is unchanged.
func (h *Hash) UnmarshalText(text []byte) error {
	parsed, err := ParseHash(string(text))
	if err != nil {
		return err
	}
	*h = parsed
	return nil
}
