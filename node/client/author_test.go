package client_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/node/api/apitest"
	"github.com/custodyledger/custodyledger/node/client"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// TestVocabulary has every event that an author builds recorded by the rules.
func TestVocabulary(t *testing.T) {
	w := apitest.New(t)
	c := w.Client(nil, w.Serve(0, w.Backend, nil))
	seller, buyer := w.Dealer(), w.Dealer()
	prev := map[ledger.ItemID]ledger.EventID{}
	put := func(item ledger.ItemID, signed ledger.SignedEvent, err error) ledger.EventID {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Append(t.Context(), signed); err != nil {
			t.Fatal(err)
		}
		prev[item] = signed.ID()
		return signed.ID()
	}
	on := func(item ledger.ItemID) ledger.ItemRef { return ledger.ItemRef{Item: item, Prev: prev[item]} }
	stone := func() ledger.ItemID {
		t.Helper()
		stock, err := seller.Private(custodyv1.PrivateField_PRIVATE_FIELD_STOCK_NUMBER, "A-17")
		if err != nil {
			t.Fatal(err)
		}
		signed, err := seller.Register(apitest.Stone(), stock)
		item := client.RegisteredItem(signed)
		put(item, signed, err)
		return item
	}
	offer := func(from *client.Author, item ledger.ItemID, terms client.OfferTerms) ledger.EventID {
		t.Helper()
		terms.ExpiresAt = w.Now().Add(time.Hour)
		signed, err := from.Offer(on(item), terms)
		return put(item, signed, err)
	}
	accept := func(by, from *client.Author, item ledger.ItemID, of ledger.EventID) {
		t.Helper()
		signed, err := by.Accept(on(item), of, from.Party())
		put(item, signed, err)
	}

	memo := stone()
	accept(buyer, seller, memo, offer(seller, memo, client.OfferTerms{To: buyer.Party(), Mode: custodyv1.Mode_MODE_MEMO, Until: w.Now().Add(24 * time.Hour)}))
	accept(seller, buyer, memo, offer(buyer, memo, client.OfferTerms{To: seller.Party(), Mode: custodyv1.Mode_MODE_RETURN, GoodsLeft: true}))
	accept(buyer, seller, memo, offer(seller, memo, client.OfferTerms{To: buyer.Party(), Mode: custodyv1.Mode_MODE_MEMO, Until: w.Now().Add(24 * time.Hour)}))
	accept(buyer, seller, memo, offer(seller, memo, client.OfferTerms{To: buyer.Party(), Mode: custodyv1.Mode_MODE_MEMO_TO_SALE}))

	sale := stone()
	early := on(sale)
	offered := offer(seller, sale, client.OfferTerms{To: buyer.Party(), Mode: custodyv1.Mode_MODE_SALE})
	declined, err := buyer.Decline(early, offered, custodyv1.DeclineReason_DECLINE_REASON_NOT_WANTED)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Append(t.Context(), declined); !errors.Is(err, &client.Refused{Reason: ledger.StalePrev}) {
		t.Errorf("a decline on the state before the offer: %v", err)
	}
	declined, err = buyer.Decline(on(sale), offered, custodyv1.DeclineReason_DECLINE_REASON_NOT_WANTED)
	put(sale, declined, err)
	withdrawn, err := seller.Withdraw(on(sale), prev[sale])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Append(t.Context(), withdrawn); !errors.Is(err, &client.Refused{Reason: ledger.UnknownOffer}) {
		t.Errorf("a withdrawal of what is no offer: %v", err)
	}
	offered = offer(seller, sale, client.OfferTerms{To: buyer.Party(), Mode: custodyv1.Mode_MODE_SALE})
	withdrawn, err = seller.Withdraw(on(sale), offered)
	put(sale, withdrawn, err)
	if unnamed, err := seller.Release(on(sale), custodyv1.OutsideReason_OUTSIDE_REASON_MEMO, "CH"); err != nil {
		t.Fatal(err)
	} else if _, err := c.Append(t.Context(), unnamed); !errors.Is(err, &client.Refused{Reason: ledger.MissingField}) {
		t.Errorf("a release to nobody: %v", err)
	}
	customer, err := seller.Private(custodyv1.PrivateField_PRIVATE_FIELD_COUNTERPARTY, "A shop")
	if err != nil {
		t.Fatal(err)
	}
	released, err := seller.Release(on(sale), custodyv1.OutsideReason_OUTSIDE_REASON_MEMO, "CH", customer)
	put(sale, released, err)
	reentered, err := seller.Reenter(on(sale), custodyv1.Identity_IDENTITY_EXAMINED, nil, 0)
	put(sale, reentered, err)

	mistake := stone()
	voided, err := seller.Void(on(mistake), custodyv1.VoidReason_VOID_REASON_MISTAKE)
	put(mistake, voided, err)

	clerk := w.Key()
	draft, err := seller.KeyAdd(clerk.Public(), ledger.ScopeRegister)
	if err != nil {
		t.Fatal(err)
	}
	if missing := draft.Missing(); len(missing) != 1 || missing[0] != clerk.Public() {
		t.Errorf("missing are %v", missing)
	}
	if err := draft.Sign(clerk); err != nil {
		t.Fatal(err)
	}
	added, err := draft.Signed()
	put(ledger.ItemID{}, added, err)
	byClerk, err := w.Author(seller.Party(), clerk).Register(apitest.Stone())
	put(ledger.ItemID{}, byClerk, err)
	revoked, err := seller.KeyRevoke(clerk.Public().ID(), custodyv1.RevokeReason_REVOKE_REASON_LEFT)
	put(ledger.ItemID{}, revoked, err)
	if _, err := c.Append(t.Context(), w.Register(w.Author(seller.Party(), clerk))); !errors.Is(err, &client.Refused{Reason: ledger.KeyRevoked}) {
		t.Errorf("the clerk after that: %v", err)
	}

	sponsored, err := w.Association(1).PartySponsor(seller.Party())
	put(ledger.ItemID{}, sponsored, err)
	suspended, err := w.Association(1).PartySuspend(seller.Party(), custodyv1.SuspendReason_SUSPEND_REASON_UNDER_REVIEW)
	put(ledger.ItemID{}, suspended, err)
}

// TestAdmissionSignedByTheApplicantFirst passes a draft from hand to hand.
func TestAdmissionSignedByTheApplicantFirst(t *testing.T) {
	w := apitest.New(t)
	key, recovery := w.Key(), w.Key()
	name, err := client.NewOpening(w.Random(), custodyv1.PrivateField_PRIVATE_FIELD_LEGAL_NAME, "Example & Söhne")
	if err != nil {
		t.Fatal(err)
	}
	config := client.AdmissionConfig{
		Ledger: w.Ledger, Association: w.Genesis.Associations[1].AssociationID(), Governance: w.Governance[1].Public(),
		Applicant: client.Applicant{Key: key.Public(), Scopes: ledger.ScopesAll, RecoveryKey: recovery.Public(), Country: "CH", Role: custodyv1.Role_ROLE_CUTTER, LegalName: name},
		Now:       w.Now(), Random: w.Random(),
	}
	draft, err := client.NewAdmission(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := draft.Sign(key); err != nil {
		t.Fatal(err)
	}
	if err := draft.Sign(recovery); err != nil {
		t.Fatal(err)
	}
	if _, err := draft.Signed(); err == nil {
		t.Error("complete without the association")
	}
	if err := draft.Sign(w.Governance[1]); err != nil {
		t.Fatal(err)
	}
	signed, err := draft.Signed()
	if err != nil {
		t.Fatal(err)
	}
	c := w.Client(nil, w.Serve(0, w.Backend, nil))
	if _, err := c.Append(t.Context(), signed, name); err != nil {
		t.Fatal(err)
	}
	other := name
	other.Value = "somebody else"
	if _, err := c.Append(t.Context(), signed, other); !errors.Is(err, &client.Refused{Reason: ledger.OpeningMismatch}) {
		t.Errorf("an opening that does not fit: %v", err)
	}
	party, err := c.GetParty(t.Context(), ledger.NewPartyID(key.Public().ID()), client.Linearizable)
	if err != nil || party.Party.Country != "CH" || len(party.Party.Memberships) != 1 {
		t.Errorf("%v, %v", party, err)
	}
	for what, spoil := range map[string]func(*client.AdmissionConfig){
		"one key for both uses": func(c *client.AdmissionConfig) { c.Applicant.RecoveryKey = c.Applicant.Key },
		"no legal name":         func(c *client.AdmissionConfig) { c.Applicant.LegalName = ledger.Opening{} },
		"too long a wait":       func(c *client.AdmissionConfig) { c.NotAfter = ledger.NotAfterMax + time.Second },
		"no randomness":         func(c *client.AdmissionConfig) { c.Random = bytes.NewReader(nil) },
	} {
		spoiled := config
		spoil(&spoiled)
		if _, err := client.NewAdmission(spoiled); err == nil {
			t.Errorf("%s: a draft", what)
		}
	}
}

func TestNewAuthor(t *testing.T) {
	w := apitest.New(t)
	good := client.AuthorConfig{Ledger: w.Ledger, Key: w.Key(), Now: w.Now, Random: w.Random()}
	for what, spoil := range map[string]func(*client.AuthorConfig){
		"no key":    func(c *client.AuthorConfig) { c.Key = client.AuthorConfig{}.Key },
		"no clock":  func(c *client.AuthorConfig) { c.Now = nil },
		"no random": func(c *client.AuthorConfig) { c.Random = nil },
		"too long":  func(c *client.AuthorConfig) { c.NotAfter = ledger.NotAfterMax + 1 },
	} {
		config := good
		spoil(&config)
		if _, err := client.NewAuthor(config); err == nil {
			t.Errorf("%s: an author", what)
		}
	}
	good.NotAfter = ledger.NotAfterMax
	if _, err := client.NewAuthor(good); err != nil {
		t.Errorf("at the limit: %v", err)
	}
}
