package client_test

import (
	"errors"
	"testing"

	"go.uber.org/goleak"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/node/api/apitest"
	"github.com/custodyledger/custodyledger/node/client"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestStory sends a stone through two hands and reads everything back.
func TestStory(t *testing.T) {
	w := apitest.New(t)
	c := w.Client(nil, w.Serve(0, w.Backend, nil))
	ctx := t.Context()

	seller, admission := w.Applicant()
	if _, err := c.Append(ctx, admission); err != nil {
		t.Fatal(err)
	}
	buyer, admission := w.Applicant()
	if _, err := c.Append(ctx, admission); err != nil {
		t.Fatal(err)
	}
	registration := w.Register(seller)
	item := client.RegisteredItem(registration)
	offer := w.Offer(seller, item, registration.ID(), buyer.Party())
	accept := w.Signed(buyer.Accept(ledger.ItemRef{Item: item, Prev: offer.ID()}, offer.ID(), seller.Party()))
	var receipts []ledger.Receipt
	for _, event := range []ledger.SignedEvent{registration, offer, accept} {
		receipt, err := c.Append(ctx, event)
		if err != nil {
			t.Fatal(err)
		}
		receipts = append(receipts, receipt)
	}

	again, err := c.Append(ctx, accept)
	if err != nil || !again.Duplicate || again.Index != receipts[2].Index || again.Leaf != receipts[2].Leaf {
		t.Errorf("the same event again: %+v, %v; first %+v", again, err, receipts[2])
	}
	found, at, err := c.Receipt(ctx, offer.ID(), client.Linearizable)
	if err != nil || found == nil || found.Index != receipts[1].Index || at.Size != receipts[2].Index+1 {
		t.Errorf("receipt of the offer: %+v at %+v, %v", found, at, err)
	}
	if _, proof, err := c.VerifyReceipt(ctx, receipts[0]); err != nil || proof.Index != receipts[0].Index {
		t.Errorf("verify the receipt: %+v, %v", proof, err)
	}

	answer, err := c.GetItem(ctx, item, client.AtLeastSize(receipts[2].Index+1))
	if err != nil {
		t.Fatal(err)
	}
	holder := buyer.Party()
	if string(answer.Item.Custody.GetParty()) != string(holder[:]) || string(answer.Item.Title.ManagingOwner.GetParty()) != string(holder[:]) {
		t.Errorf("the buyer does not have the stone: %v", answer.Item)
	}
	if answer.Item.Registration.GetMass().GetMicrograms() != 200_000 || answer.Item.RegisteredAtMs != apitest.Start {
		t.Errorf("the registration reads %v, recorded at %d", answer.Item.Registration, answer.Item.RegisteredAtMs)
	}

	var events []ledger.EventID
	for entry, err := range c.History(ctx, item, client.Linearizable) {
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, entry.Event.ID)
	}
	want := []ledger.EventID{registration.ID(), offer.ID(), accept.ID()}
	if len(events) != 3 || events[0] != want[0] || events[1] != want[1] || events[2] != want[2] {
		t.Errorf("history is %v, want %v", events, want)
	}

	var held []*custodyv1.ItemView
	for view, err := range c.ListItems(ctx, client.ItemQuery{Holder: &holder}, client.Linearizable) {
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, view)
	}
	if len(held) != 1 || string(held[0].Item) != string(item[:]) {
		t.Errorf("the buyer holds %v", held)
	}

	party, err := c.GetParty(ctx, holder, client.Linearizable)
	if err != nil || len(party.Party.Keys) != 2 || party.Party.Suspended {
		t.Errorf("the buyer reads %v, %v", party, err)
	}
	status, err := c.Status(ctx)
	if err != nil || status.Size != receipts[2].Index+1 || status.OpenReads {
		t.Errorf("status %v, %v", status, err)
	}

	head, err := c.TreeHead(ctx, 0, client.Linearizable)
	if err != nil {
		t.Fatal(err)
	}
	first, err := c.TreeHead(ctx, 1, client.Stale)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Consistency(ctx, 1, first.Root, head.Size); err != nil {
		t.Errorf("consistency: %v", err)
	}
	if _, err := c.Consistency(ctx, 1, head.Root, head.Size); !errors.Is(err, client.ErrTampered) {
		t.Errorf("consistency with a wrong root: %v", err)
	}
	var entries uint64
	err = c.Entries(ctx, 0, 0, func(index uint64, entry []byte) error {
		if index != entries {
			t.Errorf("entry %d where %d is due", index, entries)
		}
		entries++
		return nil
	})
	if err != nil || entries != head.Size {
		t.Errorf("%d entries of %d, %v", entries, head.Size, err)
	}
}
