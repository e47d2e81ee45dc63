package workload

import (
	"fmt"
	"math/rand/v2"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/sign"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Actor is somebody who signs. An association signs with its governance key.
type Actor struct {
	Name    string // made up
	ID      ledger.PartyID
	Role    custodyv1.Role // unspecified: an association
	Country string
	Key     sign.PrivateKey

	recovery sign.PrivateKey
	sponsor  int // which association admits it
}

// Cast is a ledger with its associations and the parties that they admit.
type Cast struct {
	Associations []*Actor
	Parties      []*Actor
	Start        uint64 // ledger time in front of the first event, unix milliseconds

	ledger *Ledger
}

// StartMs is when made-up ledgers begin.
const StartMs = 1_800_000_000_000

// people are made up, as are their countries.
var people = []struct {
	name    string
	role    custodyv1.Role
	country string
}{
	{"delta-mine", custodyv1.Role_ROLE_MINER, "BW"},
	{"north-mine", custodyv1.Role_ROLE_MINER, "CA"},
	{"surat-wheel", custodyv1.Role_ROLE_CUTTER, "IN"},
	{"ticino-melt", custodyv1.Role_ROLE_REFINER, "CH"},
	{"pelikaan", custodyv1.Role_ROLE_DEALER, "BE"},
	{"creek-trading", custodyv1.Role_ROLE_DEALER, "AE"},
	{"fifth-gems", custodyv1.Role_ROLE_DEALER, "US"},
	{"valenza-set", custodyv1.Role_ROLE_MANUFACTURER, "IT"},
	{"corner-jewels", custodyv1.Role_ROLE_RETAILER, "US"},
	{"bench-lab", custodyv1.Role_ROLE_LABORATORY, "US"},
	{"vault-road", custodyv1.Role_ROLE_CARRIER, "GB"},
}

// Genesis gives a made-up ledger of two associations and the keys that govern it.
func Genesis(seed uint64) (*ledger.Genesis, []sign.PrivateKey, error) {
	random := rand.New(rand.NewPCG(seed, 'g'))
	g := &ledger.Genesis{Format: ledger.GenesisFormat, Name: "workload.example.org", CreatedMs: StartMs, RulesVersion: ledger.RulesVersion1, Quorum: 2}
	var governance []sign.PrivateKey
	for i, place := range []struct{ name, country string }{{"antwerp", "BE"}, {"mumbai", "IN"}} {
		key := newKey(random)
		governance = append(governance, key)
		name := place.name + ".example.org"
		g.Associations = append(g.Associations, ledger.Association{Name: name, Country: place.country, GovernanceKeys: []string{ledger.KeyText(key.Public())}})
		g.Nodes = append(g.Nodes, ledger.Node{
			ID: place.name, Association: name, PeerAddress: fmt.Sprintf("127.0.0.1:%d", 1+2*i), ClientAddress: fmt.Sprintf("127.0.0.1:%d", 2+2*i), Incarnation: fmt.Sprintf("%016x", i),
			TLSKeySHA256: fmt.Sprintf("%064x", i),
			LogKey:       ledger.KeyText(newKey(random).Public()), CosignerKey: ledger.KeyText(newKey(random).Public()), StatementKey: ledger.KeyText(newKey(random).Public()),
		})
	}
	return g, governance, nil
}

// NewCast gives the parties of a ledger that the genesis founds. Governance has a key of
// each association, in the order of the genesis; now is the ledger's time, from which
// the worlds of the cast begin. The parties have to be admitted on the real ledger
// too, by the events that are given.
func NewCast(g *ledger.Genesis, governance []sign.PrivateKey, seed, now uint64) (*Cast, []ledger.SignedEvent, error) {
	state, err := NewLedger(g)
	if err != nil {
		return nil, nil, err
	}
	random := rand.New(rand.NewPCG(seed, 'c'))
	c := &Cast{ledger: state, Start: now}
	for i, a := range g.Associations {
		c.Associations = append(c.Associations, &Actor{Name: a.Name, ID: a.AssociationID(), Country: a.Country, Key: governance[i]})
	}
	var admissions []ledger.SignedEvent
	for i, p := range people {
		actor := &Actor{Name: p.name + ".example.org", Role: p.role, Country: p.country, Key: newKey(random), recovery: newKey(random), sponsor: i % len(c.Associations)}
		actor.ID = ledger.NewPartyID(actor.Key.Public().ID())
		c.Parties = append(c.Parties, actor)
		admission, err := c.admit(actor, random)
		if err != nil {
			return nil, nil, err
		}
		admissions = append(admissions, admission)
	}
	return c, admissions, nil
}

func (c *Cast) admit(actor *Actor, random *rand.Rand) (ledger.SignedEvent, error) {
	by := c.Associations[actor.sponsor]
	e := &custodyv1.Event{
		LedgerId: c.ledger.ID[:], Party: by.ID[:], Nonce: randomBytes(random, 16), OccurredAtMs: c.Start, NotAfterMs: c.Start + day,
		Commitments: []*custodyv1.Commitment{{Field: custodyv1.PrivateField_PRIVATE_FIELD_LEGAL_NAME, Hash: randomBytes(random, 32)}},
		Body: &custodyv1.Event_PartyAdmit{PartyAdmit: &custodyv1.PartyAdmit{
			Key: actor.Key.Public().Bytes(), RecoveryKey: actor.recovery.Public().Bytes(), Scopes: uint32(ledger.ScopesAll), Country: actor.Country, Role: actor.Role,
		}},
	}
	signed, err := ledger.Sign(e, by.Key, actor.Key, actor.recovery)
	if err != nil {
		return ledger.SignedEvent{}, err
	}
	submission, rejection := c.ledger.Decode(signed)
	if rejection == nil {
		rejection = c.ledger.Append(submission, c.Start)
	}
	if rejection != nil {
		return ledger.SignedEvent{}, fmt.Errorf("admit %s: %w", actor.Name, rejection)
	}
	return signed, nil
}

func newKey(random *rand.Rand) sign.PrivateKey {
	key, err := sign.NewPrivateKey(randomBytes(random, 32))
	if err != nil {
		panic("workload: a key of 32 bytes: " + err.Error())
	}
	return key
}

func randomBytes(random *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	return b
}
