// Package apitest gives tests a founded ledger in one process: the real store
// and rules behind the real services, without raft.
package apitest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"io"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/sign"
	"github.com/custodyledger/custodyledger/ledger/store"
	"github.com/custodyledger/custodyledger/ledger/store/storetest"
	"github.com/custodyledger/custodyledger/node/api"
	"github.com/custodyledger/custodyledger/node/client"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Start is the ledger time of the founding, in unix milliseconds.
const Start = 1_800_000_000_000

// nodeNames are the made-up associations that run the nodes.
var nodeNames = []string{"antwerp", "mumbai", "dubai"}

// World is a ledger of three associations, of which the tests decide what runs.
type World struct {
	TB          testing.TB
	Genesis     *ledger.Genesis
	File        []byte
	Ledger      ledger.LedgerID
	Governance  []sign.PrivateKey // of the associations, in the genesis's order
	Nodes       []NodeKeys        // of the nodes, in the genesis's order
	Backend     *Backend
	certificate []tls.Certificate

	mu     sync.Mutex
	random *mathrand.ChaCha8
	keys   int
}

// New founds a ledger; the backend is closed with the test.
func New(tb testing.TB) *World {
	tb.Helper()
	w := &World{TB: tb, random: mathrand.NewChaCha8(sha256.Sum256([]byte(tb.Name())))}
	g := &ledger.Genesis{Format: ledger.GenesisFormat, Name: "ledger.example.org/test", CreatedMs: Start, RulesVersion: ledger.RulesVersion1, Quorum: 2}
	for i, name := range nodeNames {
		certificate, pin := newCertificate(tb)
		w.certificate = append(w.certificate, certificate)
		governance := w.Key()
		w.Governance = append(w.Governance, governance)
		g.Associations = append(g.Associations, ledger.Association{Name: name + ".example.org", Country: "BE", GovernanceKeys: []string{ledger.KeyText(governance.Public())}})
		keys := NodeKeys{Log: w.Key(), Cosigner: w.Key(), Statement: w.Key()}
		w.Nodes = append(w.Nodes, keys)
		g.Nodes = append(g.Nodes, ledger.Node{
			ID: name, Association: name + ".example.org", Incarnation: "0123456789abcdef",
			PeerAddress: fmt.Sprintf("127.0.0.1:%d", 7000+i), ClientAddress: fmt.Sprintf("127.0.0.1:%d", 8000+i),
			TLSKeySHA256: pin,
			LogKey:       ledger.KeyText(keys.Log.Public()), CosignerKey: ledger.KeyText(keys.Cosigner.Public()), StatementKey: ledger.KeyText(keys.Statement.Public()),
		})
	}
	file, err := g.Encode()
	if err != nil {
		tb.Fatal(err)
	}
	w.Genesis, w.File, w.Ledger = g, file, ledger.GenesisID(file)
	w.Backend = newBackend(tb, file)
	return w
}

func newCertificate(tb testing.TB) (tls.Certificate, string) {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		tb.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		tb.Fatal(err)
	}
	pin := sha256.Sum256(parsed.RawSubjectPublicKeyInfo)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, hex.EncodeToString(pin[:])
}

// Random is deterministic and safe for concurrent use.
func (w *World) Random() io.Reader { return lockedReader{w} }

type lockedReader struct{ w *World }

func (r lockedReader) Read(p []byte) (int, error) {
	r.w.mu.Lock()
	defer r.w.mu.Unlock()
	return r.w.random.Read(p)
}

// Key makes the next key of the world.
func (w *World) Key() sign.PrivateKey {
	w.TB.Helper()
	w.keys++
	seed := sha256.Sum256(fmt.Appendf(nil, "%s key %d", w.TB.Name(), w.keys))
	key, err := sign.NewPrivateKey(seed[:])
	if err != nil {
		w.TB.Fatal(err)
	}
	return key
}

// Server is a running server of one node of the world.
type Server struct {
	*api.Server
	Address string // host:port
	Node    string // id in the genesis
}

// Serve runs the node at a position of the genesis on a loopback port until the
// test ends. edit may change the configuration.
func (w *World) Serve(node int, backend api.Backend, edit func(*api.Config)) *Server {
	w.TB.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.TB.Fatal(err)
	}
	return w.ServeOn(node, backend, listener, edit)
}

// ServeOn is Serve on a listener.
func (w *World) ServeOn(node int, backend api.Backend, listener net.Listener, edit func(*api.Config)) *Server {
	w.TB.Helper()
	config := api.Config{
		Genesis: w.Genesis, Ledger: w.Ledger, Certificate: w.certificate[node], SoftwareVersion: "test",
		OnFault: func(err error) { w.TB.Errorf("the server met a fault of its own: %v", err) },
	}
	if edit != nil {
		edit(&config)
	}
	server, err := api.New(config, backend)
	if err != nil {
		w.TB.Fatal(err)
	}
	server.SetServing(true)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	w.TB.Cleanup(func() {
		Stop(server, 10*time.Second)
		if err := <-served; err != nil {
			w.TB.Errorf("serve: %v", err)
		}
	})
	return &Server{Server: server, Address: listener.Addr().String(), Node: w.Genesis.Nodes[node].ID}
}

// Client makes a client of servers of the world, closed with the test.
func (w *World) Client(edit func(*client.Config), servers ...*Server) *client.Client {
	w.TB.Helper()
	config := client.Config{Genesis: w.File}
	for _, s := range servers {
		config.Addresses = append(config.Addresses, s.Node+"="+s.Address)
	}
	if edit != nil {
		edit(&config)
	}
	c, err := client.New(config)
	if err != nil {
		w.TB.Fatal(err)
	}
	w.TB.Cleanup(func() {
		if err := c.Close(); err != nil {
			w.TB.Errorf("close the client: %v", err)
		}
	})
	return c
}

// Now is the clock of authors: the ledger's time.
func (w *World) Now() time.Time { return time.UnixMilli(int64(w.Backend.Time())) }

// Association gives an author for the association at a position.
func (w *World) Association(at int) *client.Author {
	w.TB.Helper()
	return w.Author(w.Genesis.Associations[at].AssociationID(), w.Governance[at])
}

// Author gives an author of a party.
func (w *World) Author(party ledger.PartyID, key sign.PrivateKey) *client.Author {
	w.TB.Helper()
	author, err := client.NewAuthor(client.AuthorConfig{Ledger: w.Ledger, Party: party, Key: key, Now: w.Now, Random: w.Random()})
	if err != nil {
		w.TB.Fatal(err)
	}
	return author
}

// Dealer admits a dealer, straight at the backend.
func (w *World) Dealer() *client.Author {
	w.TB.Helper()
	author, admission := w.Applicant()
	w.Record(admission)
	return author
}

// Applicant signs an admission and gives the author its party will have.
func (w *World) Applicant() (*client.Author, ledger.SignedEvent) {
	w.TB.Helper()
	key, recovery := w.Key(), w.Key()
	association := w.Association(0)
	name, err := association.Private(custodyv1.PrivateField_PRIVATE_FIELD_LEGAL_NAME, "Example Diamonds")
	if err != nil {
		w.TB.Fatal(err)
	}
	draft, err := association.PartyAdmit(client.Applicant{
		Key: key.Public(), Scopes: ledger.ScopesAll, RecoveryKey: recovery.Public(),
		Country: "BE", Role: custodyv1.Role_ROLE_DEALER, LegalName: name,
	})
	if err != nil {
		w.TB.Fatal(err)
	}
	for _, k := range []sign.PrivateKey{key, recovery} {
		if err := draft.Sign(k); err != nil {
			w.TB.Fatal(err)
		}
	}
	signed, err := draft.Signed()
	if err != nil {
		w.TB.Fatal(err)
	}
	return w.Author(ledger.NewPartyID(key.Public().ID()), key), signed
}

// Stone is a registration that the rules accept.
func Stone(outside ...*custodyv1.OutsideId) *custodyv1.ItemRegister {
	return &custodyv1.ItemRegister{
		Material:    custodyv1.Material_MATERIAL_DIAMOND,
		Form:        custodyv1.Form_FORM_SINGLE,
		Nature:      custodyv1.Nature_NATURE_NATURAL,
		Stage:       custodyv1.Stage_STAGE_POLISHED,
		Mass:        &custodyv1.Mass{Micrograms: 200_000, Basis: custodyv1.MassBasis_MASS_BASIS_WEIGHED},
		Acquisition: custodyv1.Acquisition_ACQUISITION_STOCK_BEFORE_JOINING,
		Origin: []*custodyv1.OriginComponent{{
			Micrograms: 200_000, Kind: custodyv1.OriginKind_ORIGIN_KIND_UNKNOWN,
		}},
		OutsideIds: outside,
	}
}

// Register signs a stone's registration.
func (w *World) Register(author *client.Author, outside ...*custodyv1.OutsideId) ledger.SignedEvent {
	w.TB.Helper()
	return w.Signed(author.Register(Stone(outside...)))
}

// Signed fails the test on an error of an author.
func (w *World) Signed(signed ledger.SignedEvent, err error) ledger.SignedEvent {
	w.TB.Helper()
	if err != nil {
		w.TB.Fatal(err)
	}
	return signed
}

// Offer signs a sale of an item to a party.
func (w *World) Offer(from *client.Author, item ledger.ItemID, prev ledger.EventID, to ledger.PartyID) ledger.SignedEvent {
	w.TB.Helper()
	return w.Signed(from.Offer(ledger.ItemRef{Item: item, Prev: prev}, client.OfferTerms{To: to, Mode: custodyv1.Mode_MODE_SALE, ExpiresAt: w.Now().Add(24 * time.Hour)}))
}

// Record puts an event into the ledger without any server.
func (w *World) Record(events ...ledger.SignedEvent) []ledger.Receipt {
	w.TB.Helper()
	outcome, err := w.Backend.Submit(w.TB.Context(), w.Submission(events...))
	if err != nil {
		w.TB.Fatal(err)
	}
	if outcome.Rejection != nil {
		w.TB.Fatal(outcome.Rejection)
	}
	return outcome.Receipts
}

// Submission decodes and verifies events.
func (w *World) Submission(events ...ledger.SignedEvent) ledger.Submission {
	w.TB.Helper()
	var submission ledger.Submission
	for _, signed := range events {
		event, rejection := ledger.DecodeEvent(w.Genesis.RulesVersion, signed)
		if rejection != nil {
			w.TB.Fatal(rejection)
		}
		verified, rejections := ledger.Verify(sign.NewVerifier(16), []*ledger.Event{event})
		if rejections[0] != nil {
			w.TB.Fatal(rejections[0])
		}
		submission = append(submission, ledger.Candidate{VerifiedEvent: verified[0]})
	}
	return submission
}

// options of a store that no test outlives.
func memoryOptions() store.Options { return storetest.NewCrashable().Options() }

// Certificate gives the TLS key of the node at a position of the genesis.
func (w *World) Certificate(node int) tls.Certificate { return w.certificate[node] }
