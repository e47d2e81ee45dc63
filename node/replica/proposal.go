package replica

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/custodyledger/custodyledger/consensus"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/rules"
	"github.com/custodyledger/custodyledger/ledger/sign"
)

// errProposal is wrapped by every error about a command that another leader
// proposed and that this node does not store for it.
var errProposal = errors.New("replica: not a proposal that this node stores")

// proposer makes the signed commands of this node. It never signs two proposals
// with the same term and counter: raft makes a node leader only in a term that
// is above all that the node, in this process or an earlier one, has seen.
type proposer struct {
	cluster [32]byte
	node    string
	held    []sign.PrivateKey    // statement keys; the policy in force says which one signs
	term    func() uint64        // raft's current term
	policy  func() ledger.Policy // in force
	keep    func(SignedProposal, ledger.Proposal)

	mu       sync.Mutex
	last     uint64   // term of the last proposal
	counter  uint64   // of the last proposal
	previous [32]byte // its ID
}

// mayPropose is nil while the node holds the statement key that the policy in
// force has for it.
func (p *proposer) mayPropose() error {
	if _, ok := p.key(); ok {
		return nil
	}
	return fmt.Errorf("this node does not hold the statement key that the policy in force has for %s", p.node)
}

// key gives the one that the policy in force names.
func (p *proposer) key() (sign.PrivateKey, bool) {
	own, ok := p.policy().Node(p.node)
	if !ok {
		return sign.PrivateKey{}, false
	}
	for _, key := range p.held {
		if key.Public() == own.Statement {
			return key, true
		}
	}
	return sign.PrivateKey{}, false
}

// body gives an empty body with room for size bytes, to append to and then to
// seal.
func (p *proposer) body(size int) []byte {
	header := commandHeaderSize(p.node)
	return make([]byte, header, header+size)
}

// seal makes a command of what was appended to a body, in its memory.
func (p *proposer) seal(now time.Time, kind commandKind, body []byte) ([]byte, error) {
	key, ok := p.key()
	if !ok {
		return nil, &consensus.NotLeaderError{}
	}
	command, header := body, commandHeaderSize(p.node)
	body = body[header:]
	p.mu.Lock()
	defer p.mu.Unlock()
	if term := p.term(); term != p.last {
		p.last, p.counter, p.previous = term, 0, [32]byte{}
	}
	p.counter++
	proposal := ledger.Proposal{
		Cluster: p.cluster, Node: p.node, Term: p.last, Counter: p.counter, Previous: p.previous, At: uint64(now.UnixMilli()),
	}
	signed := SignedProposal{Payload: proposal.Payload(), Signature: make([]byte, sign.SignatureSize)}
	if !plain {
		proposal.Body = bodyHash(kind, body)
		signed.Payload = proposal.Payload()
		message := sign.PAE(sign.ProposalPayloadType, signed.Payload)
		signed.Signature = key.Sign(message)
		p.previous = sha256.Sum256(message)
		p.keep(signed, proposal)
	}
	if got := appendCommandHeader(command[:0], signed, kind); len(got) != header {
		return nil, fmt.Errorf("replica: a command header of %d bytes, expected %d", len(got), header)
	}
	return command, nil
}

// bodyHash is what a proposal names its content by.
func bodyHash(kind commandKind, body []byte) [32]byte {
	h := sha256.New()
	h.Write([]byte{byte(kind)})
	h.Write(body)
	return [32]byte(h.Sum(nil))
}

// proposalGate judges a command of another leader before raft sees it. It never
// refuses what an honest leader sends, whoever brings it: a leader that lost its
// office while it built a command, and got it back, sends it in a later term
// than it wrote into it.
type proposalGate struct {
	cluster  [32]byte
	keys     *statementKeys
	seen     *proposals
	verifier *sign.Verifier
	clock    func() time.Time
}

func (g *proposalGate) check(term uint64, b []byte) error {
	c, err := openCommand(b)
	if err != nil {
		return err
	}
	p := c.proposal
	if latest := uint64(g.clock().Add(CommandAheadMax).UnixMilli()); p.At > latest {
		return fmt.Errorf("%w: its leader %s stamped it with %d, more than %v ahead of this node's clock", errProposal, p.Node, p.At, CommandAheadMax)
	}
	switch {
	case plain:
		return nil
	case p.Cluster != g.cluster:
		return fmt.Errorf("%w: it is for raft cluster %x", errProposal, p.Cluster)
	case p.Term > term:
		return fmt.Errorf("%w: made in term %d, stands in term %d", errProposal, p.Term, term)
	case p.Counter == 0:
		return fmt.Errorf("%w: its counter is 0", errProposal)
	case bodyHash(c.kind, c.body) != p.Body:
		return fmt.Errorf("%w: its content is not what %s signed", errProposal, p.Node)
	case g.seen.has(p.Node, c.signed):
		return nil // raft sends entries again; the signature was verified
	}
	if err := g.keys.verify(g.verifier, p.Node, sign.PAE(sign.ProposalPayloadType, c.signed.Payload), c.signed.Signature); err != nil {
		return err
	}
	g.seen.keep(c.signed.clone(), p)
	return nil
}

// statementKeys are the statement keys that nodes have, had, or are about to
// have: raft entries are older than the policy in force where a node is brought
// up to date, and newer where a leader has applied a handover first.
type statementKeys struct {
	governance func() rules.PolicyState

	mu    sync.Mutex
	known map[string][]sign.PublicKey // by node id, newest first
}

func newStatementKeys(genesis ledger.Policy, governance func() rules.PolicyState) *statementKeys {
	k := &statementKeys{governance: governance, known: make(map[string][]sign.PublicKey)}
	k.add(genesis)
	k.learn()
	return k
}

// learn adds the keys of the policy in force, of the one before, and of the one
// that is adopted.
func (k *statementKeys) learn() {
	state := k.governance()
	k.add(state.Previous)
	k.add(state.InForce)
	if next, ok := state.Next(); ok {
		k.add(next)
	}
}

func (k *statementKeys) add(policy ledger.Policy) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, n := range policy.Nodes {
		if keys := k.known[n.ID]; !slices.Contains(keys, n.Statement) {
			k.known[n.ID] = append([]sign.PublicKey{n.Statement}, keys...)
		}
	}
}

func (k *statementKeys) of(node string) []sign.PublicKey {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.known[node]
}

func (k *statementKeys) verify(verifier *sign.Verifier, node string, message []byte, signature sign.Signature) error {
	var last error
	for again := range 2 {
		keys := k.of(node)
		if len(keys) == 0 {
			return fmt.Errorf("%w: by %.40q, which is no node of this ledger", errProposal, node)
		}
		for _, key := range keys {
			if last = verifier.Verify(key, message, signature); last == nil {
				return nil
			}
		}
		if again == 0 {
			k.learn()
		}
	}
	return fmt.Errorf("%w: signature of %s: %w", errProposal, node, last)
}
