package ledger

import (
	"encoding/binary"
	"fmt"

	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/sign"
)

// PolicyID names a policy: SHA-256 of TagPolicy, the quorum (u32) and, for every
// node in the order of the genesis, the wire forms of its log, cosigner and
// statement keys.
type PolicyID [32]byte

func (id PolicyID) String() string { return fmt.Sprintf("%x", id[:]) }

// Policy says whose signatures make a checkpoint of a ledger final. The first
// one follows from the genesis, every later one from the log.
type Policy struct {
	Origin string // the ledger's name
	Quorum uint32 // associations that make a checkpoint final
	Nodes  []PolicyNode
}

// PolicyNode is one node and the keys it signs with. Each association has one.
type PolicyNode struct {
	ID          string
	Association string
	Log         sign.PublicKey
	Cosigner    sign.PublicKey
	Statement   sign.PublicKey
}

// Policy gives the policy that the genesis founds.
func (g *Genesis) Policy() Policy {
	p := Policy{Origin: g.Name, Quorum: g.Quorum}
	for _, n := range g.Nodes {
		p.Nodes = append(p.Nodes, PolicyNode{
			ID: n.ID, Association: n.Association,
			Log: validatedKey(n.LogKey), Cosigner: validatedKey(n.CosignerKey), Statement: validatedKey(n.StatementKey),
		})
	}
	return p
}

func validatedKey(text string) sign.PublicKey {
	key, err := ParseKeyText(text)
	if err != nil {
		panic("ledger: the genesis was not validated")
	}
	return key
}

// ID names the policy.
func (p Policy) ID() PolicyID {
	b := binary.BigEndian.AppendUint32(nil, p.Quorum)
	for _, n := range p.Nodes {
		b = append(b, n.Log.Bytes()...)
		b = append(b, n.Cosigner.Bytes()...)
		b = append(b, n.Statement.Bytes()...)
	}
	return PolicyID(sign.TagPolicy.Sum(b))
}

// Node finds a node by its id.
func (p Policy) Node(id string) (PolicyNode, bool) {
	for _, n := range p.Nodes {
		if n.ID == id {
			return n, true
		}
	}
	return PolicyNode{}, false
}

// LogKey is the key whose line a node puts under every head it signs.
func (p Policy) LogKey(n PolicyNode) checkpoint.Key {
	return checkpoint.Key{Name: p.Origin, Type: checkpoint.LogKey, Public: n.Log}
}

// CosignerKey is the key with which a node says that it stores the log durably
// up to the head and has re-run every rule on it.
func (p Policy) CosignerKey(n PolicyNode) checkpoint.Key {
	return checkpoint.Key{Name: n.Association + "/custody-validator", Type: checkpoint.CosignerKey, Public: n.Cosigner}
}

// QuorumGroup is the name of the group in Checkpoint's policy.
const QuorumGroup = "associations"

// Checkpoint gives the C2SP tlog-policy: a log line and a witness line for every
// node, and one group of which Quorum must have cosigned. A witness's name in it
// is "node/" and the node's id.
func (p Policy) Checkpoint() *checkpoint.Policy {
	c := &checkpoint.Policy{Quorum: QuorumGroup}
	group := checkpoint.GroupLine{Name: QuorumGroup, Threshold: int(p.Quorum)}
	for _, n := range p.Nodes {
		c.Logs = append(c.Logs, checkpoint.LogLine{Key: p.LogKey(n)})
		name := witnessName(n.ID)
		c.Witnesses = append(c.Witnesses, checkpoint.WitnessLine{Name: name, Key: p.CosignerKey(n)})
		group.Members = append(group.Members, name)
	}
	c.Groups = []checkpoint.GroupLine{group}
	return c
}

// witnessName keeps a node called like a keyword or a group apart from it.
func witnessName(node string) string { return "node/" + node }
