// Package trade plays made-up dealers: it signs what they do with stones, real
// events that are good under the rules, for demonstrations, tests and load.
//
// An event names the one before it on its item by id, and an id follows from
// the signed bytes. So the whole way of a stone through many hands is signed
// before its first event is sent.
package trade

import (
	"crypto/rand"
	"fmt"
	"time"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/sign"
	"github.com/custodyledger/custodyledger/node/client"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Dealer is a party with its first key, and an author that signs with it.
type Dealer struct {
	Name string
	Key  sign.PrivateKey
	*client.Author
}

// NewDealer makes a party for a ledger with a new key. It is not admitted yet.
func NewDealer(id ledger.LedgerID, name string) (Dealer, error) {
	key, err := sign.GenerateKey(rand.Reader)
	if err != nil {
		return Dealer{}, err
	}
	return DealerOf(id, name, key)
}

// DealerOf is the party whose first key this is. An association is a party too,
// by its first governance key.
func DealerOf(id ledger.LedgerID, name string, first sign.PrivateKey) (Dealer, error) {
	author, err := client.NewAuthor(client.AuthorConfig{
		Ledger: id,
		Party:  ledger.NewPartyID(first.Public().ID()),
		Key:    first,
		Now:    time.Now,
		Random: rand.Reader,
	})
	if err != nil {
		return Dealer{}, fmt.Errorf("%s: %w", name, err)
	}
	return Dealer{Name: name, Key: first, Author: author}, nil
}

// Admit signs the admission of a dealer by an association, with a recovery key
// that nobody keeps. The opening of the legal name goes with the event.
func (d Dealer) Admit(association Dealer, country string, role custodyv1.Role) (ledger.SignedEvent, ledger.Opening, error) {
	fail := func(err error) (ledger.SignedEvent, ledger.Opening, error) {
		return ledger.SignedEvent{}, ledger.Opening{}, fmt.Errorf("admit %s: %w", d.Name, err)
	}
	recovery, err := sign.GenerateKey(rand.Reader)
	if err != nil {
		return fail(err)
	}
	name, err := d.Private(custodyv1.PrivateField_PRIVATE_FIELD_LEGAL_NAME, d.Name)
	if err != nil {
		return fail(err)
	}
	draft, err := association.PartyAdmit(client.Applicant{
		Key:         d.Author.Key(),
		Scopes:      ledger.ScopesAll,
		RecoveryKey: recovery.Public(),
		Country:     country,
		Role:        role,
		LegalName:   name,
	})
	if err != nil {
		return fail(err)
	}
	for _, key := range []sign.PrivateKey{d.Key, recovery} {
		if err := draft.Sign(key); err != nil {
			return fail(err)
		}
	}
	event, err := draft.Signed()
	if err != nil {
		return fail(err)
	}
	return event, name, nil
}
