package evidence

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/sign"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

const (
	start = 1_800_000_000_000 // unix milliseconds
	at    = start / 1000      // unix seconds
)

// world is a ledger of three nodes with all its private keys.
type world struct {
	t       testing.TB
	genesis *ledger.Genesis
	file    []byte
	id      ledger.LedgerID
	policy  ledger.Policy
	trust   *Trust // the genesis
	files   *Trust // the policy file only
	private map[sign.PublicKey]sign.PrivateKey
	seed    uint64
	nonce   uint64
}

func newWorld(t testing.TB, name string) *world {
	t.Helper()
	w := &world{t: t, private: map[sign.PublicKey]sign.PrivateKey{}}
	w.seed = uint64(len(name)) << 32
	g := &ledger.Genesis{Format: ledger.GenesisFormat, Name: name, CreatedMs: start, RulesVersion: 1, Quorum: 2}
	for i := range 3 {
		association := fmt.Sprintf("a%d.example.org", i)
		governance := ledger.KeyText(w.newKey().Public())
		g.Associations = append(g.Associations, ledger.Association{Name: association, Country: "BE", GovernanceKeys: []string{governance}})
		g.Nodes = append(g.Nodes, ledger.Node{
			ID: fmt.Sprintf("n%d", i), Association: association, PeerAddress: "127.0.0.1:1", ClientAddress: "127.0.0.1:2",
			Incarnation: "0123456789abcdef", TLSKeySHA256: fmt.Sprintf("%064x", i+1),
			LogKey: ledger.KeyText(w.newKey().Public()), CosignerKey: ledger.KeyText(w.newKey().Public()), StatementKey: ledger.KeyText(w.newKey().Public()),
		})
	}
	file, err := g.Encode()
	if err != nil {
		t.Fatal(err)
	}
	w.genesis, w.file, w.id, w.policy = g, file, ledger.GenesisID(file), g.Policy()
	if w.trust, err = FromGenesis(file); err != nil {
		t.Fatal(err)
	}
	policyFile, err := w.policy.Checkpoint().Encode()
	if err != nil {
		t.Fatal(err)
	}
	policy, err := checkpoint.ParsePolicy(policyFile)
	if err != nil {
		t.Fatal(err)
	}
	w.files = FromPolicy(policy)
	return w
}

func (w *world) newKey() sign.PrivateKey {
	w.seed++
	var seed [32]byte
	binary.BigEndian.PutUint64(seed[:], w.seed)
	key, err := sign.NewPrivateKey(seed[:])
	if err != nil {
		w.t.Fatal(err)
	}
	w.private[key.Public()] = key
	return key
}

// association gives the governance key and the party id of an association.
func (w *world) association(i int) (sign.PrivateKey, ledger.PartyID) {
	a := w.genesis.Associations[i]
	key, err := ledger.ParseKeyText(a.GovernanceKeys[0])
	if err != nil {
		w.t.Fatal(err)
	}
	return w.private[key], a.AssociationID()
}

// log, cosig give one line of a node under a head.
func (w *world) log(node int, c checkpoint.Checkpoint) checkpoint.Signature {
	n := w.policy.Nodes[node]
	return w.policy.LogKey(n).Sign(w.private[n.Log], c, 0)
}

func (w *world) cosig(node int, c checkpoint.Checkpoint, at uint64) checkpoint.Signature {
	n := w.policy.Nodes[node]
	return w.policy.CosignerKey(n).Sign(w.private[n.Cosigner], c, at)
}

// note is signed with both keys of each node.
func (w *world) note(c checkpoint.Checkpoint, at uint64, nodes ...int) *checkpoint.Note {
	n := &checkpoint.Note{Checkpoint: c}
	for _, i := range nodes {
		n.Add(w.log(i, c), w.cosig(i, c, at))
	}
	return n
}

// state signs a payload with a node's statement key.
func (w *world) state(node int, payloadType string, payload []byte) Signed {
	key := w.private[w.policy.Nodes[node].Statement]
	return Signed{Payload: payload, Signature: key.Sign(sign.PAE(payloadType, payload))}
}

// event fills an envelope around a body and signs it.
func (w *world) event(party ledger.PartyID, fill func(*custodyv1.Event), keys ...sign.PrivateKey) ledger.SignedEvent {
	w.t.Helper()
	w.nonce++
	e := &custodyv1.Event{
		LedgerId: w.id[:], Party: party[:], Nonce: binary.BigEndian.AppendUint64(make([]byte, 8), w.nonce),
		OccurredAtMs: start, NotAfterMs: start + 86_400_000,
	}
	fill(e)
	signed, err := ledger.Sign(e, keys...)
	if err != nil {
		w.t.Fatal(err)
	}
	return signed
}

func register(e *custodyv1.Event) {
	e.Body = &custodyv1.Event_ItemRegister{ItemRegister: &custodyv1.ItemRegister{
		Material: custodyv1.Material_MATERIAL_DIAMOND, Form: custodyv1.Form_FORM_SINGLE, Nature: custodyv1.Nature_NATURE_NATURAL, Stage: custodyv1.Stage_STAGE_POLISHED,
		Mass:        &custodyv1.Mass{Micrograms: 46_000, Basis: custodyv1.MassBasis_MASS_BASIS_WEIGHED},
		Acquisition: custodyv1.Acquisition_ACQUISITION_STOCK_BEFORE_JOINING,
		Origin:      []*custodyv1.OriginComponent{{Micrograms: 46_000, Kind: custodyv1.OriginKind_ORIGIN_KIND_UNKNOWN}},
	}}
}

func withdraw(item ledger.ItemID, prev, offer ledger.EventID) func(*custodyv1.Event) {
	return func(e *custodyv1.Event) {
		e.Body = &custodyv1.Event_Withdraw{Withdraw: &custodyv1.Withdraw{Item: &custodyv1.ItemRef{Item: item[:], Prev: prev[:]}, Offer: offer[:]}}
	}
}

func offer(item ledger.ItemID, prev ledger.EventID, to ledger.PartyID) func(*custodyv1.Event) {
	return func(e *custodyv1.Event) {
		e.Body = &custodyv1.Event_Offer{Offer: &custodyv1.Offer{
			Item: &custodyv1.ItemRef{Item: item[:], Prev: prev[:]}, To: to[:], Mode: custodyv1.Mode_MODE_SALE, ExpiresAtMs: start + 86_400_000,
		}}
	}
}

// chain is a log under construction. It keeps links and prev right unless told
// otherwise; it does not run the rules.
type chain struct {
	w       *world
	entries [][]byte
	leaves  []merkle.Hash
	levels  [9][]merkle.Hash
	tree    merkle.Frontier
}

func (w *world) chain() *chain {
	c := &chain{w: w}
	c.raw(c.encode(w.genesis.Entry(w.file)))
	return c
}

func (c *chain) encode(e *ledger.Entry) []byte {
	c.w.t.Helper()
	b, err := e.Encode()
	if err != nil {
		c.w.t.Fatal(err)
	}
	return b
}

func (c *chain) raw(entry []byte) {
	leaf := merkle.LeafHash(entry)
	c.entries, c.leaves = append(c.entries, entry), append(c.leaves, leaf)
	c.tree.Append(leaf, func(level uint8, _ uint64, h merkle.Hash) { c.levels[level] = append(c.levels[level], h) })
}

func (c *chain) Hashes(level uint8, from, to uint64) ([]merkle.Hash, error) {
	return c.levels[level][from:to], nil
}

// append adds an event with its links, after change has had its way with the entry.
func (c *chain) append(signed ledger.SignedEvent, links []uint64, change ...func(*ledger.Entry)) ledger.EventID {
	c.w.t.Helper()
	size := uint64(len(c.entries))
	e := &ledger.Entry{Kind: ledger.KindEvent, Index: size, RecordedAt: start + size, Prev: c.leaves[size-1], Links: links, Signed: signed}
	for _, f := range change {
		f(e)
	}
	c.raw(c.encode(e))
	return signed.ID()
}

func (c *chain) head(size uint64) checkpoint.Checkpoint {
	c.w.t.Helper()
	root, err := merkle.RootAt(c, size)
	if err != nil {
		c.w.t.Fatal(err)
	}
	return checkpoint.Checkpoint{Origin: c.w.genesis.Name, Size: size, Root: root}
}

func (c *chain) end() checkpoint.Checkpoint { return c.head(uint64(len(c.entries))) }

func (c *chain) proof(index, size uint64) []merkle.Hash {
	c.w.t.Helper()
	proof, err := merkle.InclusionProof(c, index, size)
	if err != nil {
		c.w.t.Fatal(err)
	}
	return proof
}

func (c *chain) included(indices ...uint64) []Included {
	var list []Included
	for _, i := range indices {
		list = append(list, Included{Index: i, Entry: c.entries[i], Proof: c.proof(i, uint64(len(c.entries)))})
	}
	return list
}

// holds demands that evidence verifies, also after it was written and read, and
// names exactly the given convicted and answerable.
func (w *world) holds(e *Evidence, err error, trust *Trust, convicted, answerable string) Verdict {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
	b, err := e.Encode()
	if err != nil {
		w.t.Fatal(err)
	}
	again, err := Parse(b)
	if err != nil {
		w.t.Fatalf("%v\n%s", err, b)
	}
	v, err := again.Verify(trust)
	if err != nil {
		w.t.Fatalf("%v\n%s", err, b)
	}
	if names(v.Convicted) != convicted || names(v.Answerable) != answerable {
		w.t.Fatalf("%s: convicts %q, names %q; expected %q and %q", v.Kind, names(v.Convicted), names(v.Answerable), convicted, answerable)
	}
	if len(v.Proves) == 0 || len(v.DoesNotProve) == 0 || v.Kind != e.Kind() || again.Name() != e.Name() || !strings.HasPrefix(e.Name(), string(v.Kind)+"-") {
		w.t.Fatalf("%+v", v)
	}
	return v
}

// refuses demands an error of a kind that says something.
func refuses(t testing.TB, name string, err, want error, says string) {
	t.Helper()
	if !errors.Is(err, want) || !strings.Contains(err.Error(), says) {
		t.Errorf("%s: %v; expected %v: … %s", name, err, want, says)
	}
}
