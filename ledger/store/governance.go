package store

import "encoding/binary"

// GovernanceEntries lists the entries of governance and the handovers below a
// size, in order. With the genesis they give the policy in force there.
func (s *Snapshot) GovernanceEntries(size uint64) ([]uint64, error) {
	var indexes []uint64
	err := s.scan(governanceKey(0), governanceKey(size), "the entries of governance", func(key, _ []byte) (bool, error) {
		indexes = append(indexes, binary.BigEndian.Uint64(key[1:]))
		return true, nil
	})
	return indexes, err
}
