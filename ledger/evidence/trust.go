package evidence

import (
	"fmt"
	"slices"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/sign"
)

// Trust is what a verifier knows before it reads a file: whose keys are whose.
// Safe for concurrent use.
type Trust struct {
	genesis    *ledger.Genesis // nil if only a policy file is trusted
	file       []byte          // of the genesis
	ledger     ledger.LedgerID
	policies   []ledger.Policy      // of the genesis, then later ones
	files      []*checkpoint.Policy // policy files
	keys       []headKey
	statements []statementKey
}

// owner is whoever holds keys. Two keys of one node have the same owner.
type owner struct {
	name, node, association string
}

// headKey signs heads.
type headKey struct {
	checkpoint.Key
	owner owner
}

// statementKey signs proposals, promises and absences.
type statementKey struct {
	public sign.PublicKey
	owner  owner
}

// FromGenesis trusts a genesis file and with it all keys of the founding nodes.
// Policies that came into force later, which the caller has derived from the log,
// add theirs.
func FromGenesis(file []byte, later ...ledger.Policy) (*Trust, error) {
	genesis, err := ledger.DecodeGenesis(file)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrTrust, err)
	}
	t := &Trust{}
	t.addGenesis(genesis, file)
	for _, p := range later {
		t.addPolicy(p)
	}
	return t, nil
}

// FromPolicy trusts the keys of a policy file, for heads only. Evidence about what
// nodes state, about entries and about events needs the genesis too, and proves it
// itself where it was made with [Evidence.WithGenesis].
func FromPolicy(policy *checkpoint.Policy) *Trust {
	t := &Trust{}
	t.AddWitnesses(policy)
	return t
}

// AddWitnesses trusts the keys of a policy file for heads beside those of the
// genesis: the witnesses outside the ledger. It is not to be called once the trust
// is in use.
func (t *Trust) AddWitnesses(policy *checkpoint.Policy) {
	t.files = append(t.files, policy)
	for _, l := range policy.Logs {
		t.addKey(headKey{l.Key, owner{name: fmt.Sprintf("log %s, key id %08x", l.Key.Name, l.Key.ID())}})
	}
	for _, w := range policy.Witnesses {
		t.addKey(headKey{w.Key, owner{name: "witness " + w.Key.Name}})
	}
}

func (t *Trust) addGenesis(genesis *ledger.Genesis, file []byte) {
	t.genesis, t.file, t.ledger = genesis, file, ledger.GenesisID(file)
	t.addPolicy(genesis.Policy())
}

func (t *Trust) addPolicy(p ledger.Policy) {
	t.policies = append(t.policies, p)
	for _, n := range p.Nodes {
		o := nodeOwner(n)
		t.addKey(headKey{p.LogKey(n), o})
		t.addKey(headKey{p.CosignerKey(n), o})
		key := statementKey{n.Statement, o}
		if !slices.Contains(t.statements, key) {
			t.statements = append(t.statements, key)
		}
	}
}

func nodeOwner(n ledger.PolicyNode) owner {
	return owner{name: "node " + n.ID + " of " + n.Association, node: n.ID, association: n.Association}
}

// addKey keeps one owner a key; that of a genesis says more than that of a file.
func (t *Trust) addKey(key headKey) {
	at := slices.IndexFunc(t.keys, func(k headKey) bool { return k.Key == key.Key })
	switch {
	case at < 0:
		t.keys = append(t.keys, key)
	case t.keys[at].owner.node == "":
		t.keys[at] = key
	}
}

// clone copies the trust so that it can be extended.
func (t *Trust) clone() *Trust {
	c := *t
	c.policies, c.files = slices.Clone(t.policies), slices.Clone(t.files)
	c.keys, c.statements = slices.Clone(t.keys), slices.Clone(t.statements)
	return &c
}

// needGenesis is the error of evidence that the trust cannot judge.
func (t *Trust) needGenesis() error {
	if t.genesis == nil {
		return fmt.Errorf("%w: it needs the genesis file of the ledger; the policy file alone names no statement keys and no ledger id", ErrTrust)
	}
	return nil
}

// stated checks a signature of a node's statement key and gives the key.
func (t *Trust) stated(node, payloadType string, s Signed) (statementKey, error) {
	message := sign.PAE(payloadType, s.Payload)
	known := false
	for _, key := range t.statements {
		if key.owner.node != node {
			continue
		}
		known = true
		if sign.Verify(key.public, message, sign.Signature(s.Signature)) == nil {
			return key, nil
		}
	}
	if !known {
		return statementKey{}, unproven("no node %.40q is known", node)
	}
	return statementKey{}, unproven("the signature of node %s does not hold", node)
}

// Signed is what a node signed with its statement key.
type Signed struct {
	Payload, Signature []byte
}

type signedJSON struct {
	Payload   octets `json:"payload"`
	Signature octets `json:"signature"`
}

func (s Signed) json() signedJSON       { return signedJSON{s.Payload, s.Signature} }
func (s signedJSON) signed() Signed     { return Signed{s.Payload, s.Signature} }
func (k statementKey) accused() Accused { return k.owner.accused(ledger.KeyText(k.public)) }

func (o owner) accused(keys ...string) Accused {
	return Accused{Name: o.name, Node: o.node, Association: o.association, Keys: keys}
}

// genesisProof shows to somebody with a policy file only which genesis the log has.
type genesisProof struct {
	File  octets `json:"file"`
	Note  string `json:"note"`
	Proof hashes `json:"proof"`
}

// WithGenesis gives the evidence with its ledger's genesis file and the proof that
// the log of a note, which is final under the policy, begins with it. Then that
// policy as a file is enough to judge it.
func (e *Evidence) WithGenesis(policy *checkpoint.Policy, file []byte, note *checkpoint.Note, proof []merkle.Hash) (*Evidence, error) {
	with := *e
	with.genesis = &genesisProof{File: file, Note: string(note.Encode()), Proof: proof}
	if with.ledger == (ledger.LedgerID{}) {
		with.ledger = ledger.GenesisID(file)
	}
	if _, err := with.Verify(FromPolicy(policy)); err != nil {
		return nil, err
	}
	if _, err := with.Encode(); err != nil {
		return nil, err
	}
	return &with, nil
}

// extend checks the proof and gives the trust with the genesis. A trust that has
// one already must have the same.
func (g *genesisProof) extend(t *Trust) (*Trust, error) {
	id := ledger.GenesisID(g.File)
	if t.genesis != nil {
		if id != t.ledger {
			return nil, unproven("the genesis in the file is that of ledger %s, the trusted one is %s", id, t.ledger)
		}
		return t, nil
	}
	genesis, err := ledger.DecodeGenesis(g.File)
	if err != nil {
		return nil, unproven("the genesis in the file: %v", err)
	}
	note, err := parseNote(g.Note)
	if err != nil {
		return nil, err
	}
	entry, err := genesis.Entry(g.File).Encode()
	if err != nil {
		return nil, unproven("the genesis in the file: %v", err)
	}
	final := false
	for _, p := range t.files {
		_, err = p.Verify(note)
		final = final || err == nil && p.Origin() != ""
	}
	switch {
	case !final:
		return nil, unproven("the note over the genesis is not final under the trusted policy: %v", err)
	case note.Origin != genesis.Name:
		return nil, unproven("the genesis is that of log %s, its note of log %.100q", genesis.Name, note.Origin)
	}
	if err := merkle.VerifyInclusion(0, note.Size, merkle.LeafHash(entry), g.Proof, note.Root); err != nil {
		return nil, unproven("the genesis in the file is not the log's: %v", err)
	}
	extended := t.clone()
	extended.addGenesis(genesis, g.File)
	return extended, nil
}
