package api_test

import (
	"errors"
	"testing"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/node/api"
	"github.com/custodyledger/custodyledger/node/api/apitest"
	"github.com/custodyledger/custodyledger/node/client"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// stated is a world whose node gathers statements of two nodes, the second of
// three last.
func stated(t *testing.T, change func(*ledger.Statement)) (*apitest.World, *client.Client) {
	w := apitest.New(t)
	server := w.Serve(0, w.Backend, func(c *api.Config) {
		c.Finality, c.Stating = w.Backend, apitest.Stating{World: w, Nodes: []int{2, 0}, Change: change}
	})
	return w, w.Client(nil, server)
}

func TestBundleAndFinalItem(t *testing.T) {
	w, c := stated(t, nil)
	dealer, buyer := w.Dealer(), w.Dealer()
	inscription := &custodyv1.OutsideId{Kind: custodyv1.OutsideIdKind_OUTSIDE_ID_KIND_INSCRIPTION, Issuer: "GIA", Number: "2141438171"}
	registration := w.Register(dealer, inscription)
	w.Record(registration)
	item := client.RegisteredItem(registration)
	other := w.Register(dealer)
	w.Record(other)
	offer := w.Offer(dealer, item, registration.ID(), buyer.Party())
	w.Record(offer)
	w.Finalize()
	w.Record(w.Register(dealer)) // is not under the checkpoint

	stated, err := c.FinalItem(t.Context(), item)
	if err != nil {
		t.Fatal(err)
	}
	if len(stated.By) != 2 || stated.Statement.Last != offer.ID() || len(stated.Item.OpenOffers) != 1 || stated.Item.Registration.OutsideIds[0].Number != inscription.Number {
		t.Errorf("%+v", stated)
	}
	file, report, err := c.Bundle(t.Context(), item, client.RegisteredItem(other), item)
	if err != nil || len(report.Items) != 2 || len(file) == 0 {
		t.Fatalf("%v, %+v", err, report)
	}
	_, report, err = c.OfferBundle(t.Context(), offer.ID())
	if err != nil || len(report.Items) != 1 || report.Items[0].ID != item || len(report.Items[0].StatedBy) != 2 {
		t.Fatalf("%v, %+v", err, report)
	}
	absence, _, err := c.Absent(t.Context(), ledger.EventID{1}, 0)
	if err != nil || absence.Size != report.Checkpoint.Size {
		t.Fatalf("%v, %+v", err, absence)
	}
	if _, _, err := c.OfferBundle(t.Context(), registration.ID()); !errors.Is(err, &client.Refused{Reason: client.ReasonInvalidArgument}) {
		t.Errorf("a bundle of an offer that is a registration: %v", err)
	}
	if _, _, err := c.OfferBundle(t.Context(), ledger.EventID{1}); !errors.Is(err, &client.Refused{Reason: client.ReasonNotFound}) {
		t.Errorf("a bundle of an unknown offer: %v", err)
	}
	if _, _, err := c.Bundle(t.Context(), ledger.ItemID{1}); !errors.Is(err, &client.Refused{Reason: client.ReasonNotFound}) {
		t.Errorf("a bundle of an unknown item: %v", err)
	}
	if _, err := c.FinalItem(t.Context(), ledger.ItemID{1}); !errors.Is(err, &client.Refused{Reason: client.ReasonNotFound}) {
		t.Errorf("an unknown item: %v", err)
	}
	if _, _, err := c.Bundle(t.Context(), make([]ledger.ItemID, 101)...); !errors.Is(err, &client.Refused{Reason: ledger.TooLarge}) {
		t.Errorf("101 items: %v", err)
	}
	if _, _, err := c.Bundle(t.Context()); !errors.Is(err, &client.Refused{Reason: ledger.MissingField}) {
		t.Errorf("no items: %v", err)
	}
}

// TestBundleOfAGroup: the items of all offers of a shipment are in one file.
func TestBundleOfAGroup(t *testing.T) {
	w, c := stated(t, nil)
	dealer, buyer := w.Dealer(), w.Dealer()
	group, err := client.NewGroup(w.Random(), 3)
	if err != nil {
		t.Fatal(err)
	}
	var registrations, offers []ledger.SignedEvent
	for range 3 {
		registration := w.Register(dealer)
		w.Record(registration)
		registrations = append(registrations, registration)
	}
	for _, registration := range registrations {
		offers = append(offers, w.Offer(dealer.In(group), client.RegisteredItem(registration), registration.ID(), buyer.Party()))
	}
	w.Record(offers...)
	w.Finalize()
	for _, offer := range offers {
		_, report, err := c.OfferBundle(t.Context(), offer.ID())
		if err != nil || len(report.Items) != 3 {
			t.Fatalf("%v %+v", err, report)
		}
	}
	// One stone of the shipment shows nothing of the others.
	_, report, err := c.Bundle(t.Context(), client.RegisteredItem(registrations[1]))
	if err != nil || len(report.Items) != 1 || len(report.Items[0].Events) != 2 || report.Items[0].Events[1].Group.Position != 1 {
		t.Fatalf("%v %+v", err, report)
	}
}

// TestStatedOtherwise: an item is shown as it is stated, not as the node has it.
func TestStatedOtherwise(t *testing.T) {
	w, c := stated(t, func(s *ledger.Statement) { s.Custody.Party[0] ^= 1 })
	dealer := w.Dealer()
	registration := w.Register(dealer)
	w.Record(registration)
	item := client.RegisteredItem(registration)
	w.Finalize()
	// What is stated is what is shown, also where all who sign lie alike.
	stated, err := c.FinalItem(t.Context(), item)
	if err != nil || string(stated.Item.Custody.GetParty()) == string(stated.Item.RegisteredBy) {
		t.Fatalf("%v %+v", err, stated)
	}
}

// TestBundlesAreOff: a node that gathers no statements says so.
func TestBundlesAreOff(t *testing.T) {
	w := apitest.New(t)
	c := w.Client(func(config *client.Config) { config.Patience = 1 }, w.Serve(0, w.Backend, nil))
	if _, _, err := c.Bundle(t.Context(), ledger.ItemID{1}); err == nil {
		t.Error("a bundle")
	}
	if _, err := c.FinalItem(t.Context(), ledger.ItemID{1}); err == nil {
		t.Error("a final item")
	}
	if _, _, err := c.Absent(t.Context(), ledger.EventID{1}, 0); err == nil {
		t.Error("an absence")
	}
}
