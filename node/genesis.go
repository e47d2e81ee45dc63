package node

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/custodyledger/custodyledger/ledger"
)

// NewGenesis puts a genesis together from the public parts of its members. The
// order of the parts does not matter: equal parts, name, time and quorum give
// equal bytes. A quorum of 0 is a majority.
func NewGenesis(name string, created time.Time, quorum uint32, parts []Part) ([]byte, error) {
	genesis := ledger.Genesis{
		Format: ledger.GenesisFormat, Name: name, CreatedMs: uint64(created.UnixMilli()),
		RulesVersion: ledger.RulesVersion1, Quorum: quorum,
	}
	if quorum == 0 {
		genesis.Quorum = uint32(len(parts)/2 + 1)
	}
	for _, part := range parts {
		genesis.Associations = append(genesis.Associations, part.Association)
		genesis.Nodes = append(genesis.Nodes, part.Node)
	}
	slices.SortFunc(genesis.Associations, func(a, b ledger.Association) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(genesis.Nodes, func(a, b ledger.Node) int { return cmp.Compare(a.ID, b.ID) })
	if peer := repeatedPeerAddress(genesis.Nodes); peer != "" {
		return nil, fmt.Errorf("%w: two nodes have the peer address %s", ledger.ErrGenesis, peer)
	}
	return genesis.Encode()
}

func repeatedPeerAddress(nodes []ledger.Node) string {
	seen := map[string]bool{}
	for _, n := range nodes {
		if seen[n.PeerAddress] {
			return n.PeerAddress
		}
		seen[n.PeerAddress] = true
	}
	return ""
}

// ReadGenesis reads and checks a genesis file.
func ReadGenesis(path string) (*ledger.Genesis, []byte, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil, fmt.Errorf("genesis: %w; ask another member for the file, or make it with `custodyd init genesis`", err)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("genesis: %w", err)
	}
	genesis, err := ledger.DecodeGenesis(b)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return genesis, b, nil
}
