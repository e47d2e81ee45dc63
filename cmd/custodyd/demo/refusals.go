package demo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/custodyledger/custodyledger/cmd/custodyd/demo/story"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/sign"
	"github.com/custodyledger/custodyledger/node/client"
	"github.com/custodyledger/custodyledger/node/localnet/trade"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// refusals tries what must not be possible. Every attempt has to be refused for
// its own reason.
func (p *play) refusals(ctx context.Context, act *story.Act) error {
	table := &story.Table{Columns: []string{"attempt", "reason", "rule"}}
	refused := func(attempt string, err error, reasons ...ledger.Reason) error {
		var r *client.Refused
		if !errors.As(err, &r) {
			return fmt.Errorf("%s: expected a refusal, got %v", attempt, err)
		}
		for _, reason := range reasons {
			if r.Reason == reason {
				table.Rows = append(table.Rows, []string{attempt, string(r.Reason), r.Message})
				return nil
			}
		}
		return fmt.Errorf("%s: expected to be refused for %v, got %w", attempt, reasons, err)
	}
	seller, first, second := p.dealers[1], p.dealers[2], p.dealers[3]
	stone, err := p.stoneOf(ctx, seller)
	if err != nil {
		return err
	}
	before := stone

	winner, loser, err := p.sellTwice(ctx, &stone, seller, first, second)
	if err != nil {
		return err
	}
	if err := refused("the same stone is sold to two dealers at once", loser, ledger.StalePrev, ledger.OfferOpen); err != nil {
		return err
	}
	other := second
	if winner.Party() == second.Party() {
		other = first
	}
	_, err = p.send(ctx, stone, seller, other)
	if err := refused("it is offered again while an offer stands", err, ledger.OfferOpen); err != nil {
		return err
	}
	accept, err := winner.Accept(stone.ItemRef, stone.Offer, seller.Party())
	if err != nil {
		return err
	}
	if err := p.append(ctx, accept); err != nil {
		return err
	}
	stone.Prev = accept.ID()
	_, err = p.send(ctx, stone, seller, other)
	if err := refused("its former owner sells it once more", err, ledger.NotHolder, ledger.NotOwner); err != nil {
		return err
	}
	_, err = p.send(ctx, before, winner, other)
	if err := refused("its new owner signs on a stale head", err, ledger.StalePrev); err != nil {
		return err
	}
	if err := p.strangers(ctx, stone, winner, other, refused); err != nil {
		return err
	}
	act.Sentence = fmt.Sprintf("The same stone sold twice, a stranger's signature and a stale head are refused, %d attempts, each by its own rule; none leaves a trace in the ledger.", len(table.Rows))
	act.Details = []story.Detail{
		{Table: table},
		story.Text("The two sales of one stone were signed on the same head and sent at the same moment to two nodes: exactly one was recorded. " +
			"A stale head is the stone's state before its last event."),
	}
	return nil
}

// strangers signs in the owner's name without the owner's key.
func (p *play) strangers(ctx context.Context, stone trade.Stone, owner, to trade.Dealer, refused func(string, error, ...ledger.Reason) error) error {
	key, err := sign.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	stranger := owner
	if stranger.Author, err = client.NewAuthor(p.authorConfig(owner.Party(), key)); err != nil {
		return err
	}
	_, err = p.send(ctx, stone, stranger, to)
	if err := refused("a stranger signs in the owner's name", err, ledger.UnknownKey); err != nil {
		return err
	}
	neighbour := owner
	if neighbour.Author, err = client.NewAuthor(p.authorConfig(owner.Party(), to.Key)); err != nil {
		return err
	}
	_, err = p.send(ctx, stone, neighbour, to)
	if err := refused("another dealer signs in the owner's name", err, ledger.ForeignKey); err != nil {
		return err
	}
	event, err := stone.Send(owner, to, custodyv1.Mode_MODE_SALE)
	if err != nil {
		return err
	}
	event.Signatures[0][10] ^= 1
	_, err = p.client.Append(ctx, event)
	return refused("one bit of the owner's signature is changed", err, ledger.BadSignature)
}

// stoneOf finds a stone that a dealer holds and owns, without an open offer.
func (p *play) stoneOf(ctx context.Context, dealer trade.Dealer) (trade.Stone, error) {
	party := dealer.Party()
	for view, err := range p.client.ListItems(ctx, client.ItemQuery{Owner: &party}, client.Linearizable) {
		if err != nil {
			return trade.Stone{}, err
		}
		if string(view.Custody.GetParty()) == string(party[:]) && len(view.OpenOffers) == 0 {
			return trade.Stone{ItemRef: ledger.ItemRef{Item: ledger.ItemID(view.Item), Prev: ledger.EventID(view.Prev)}}, nil
		}
	}
	return trade.Stone{}, fmt.Errorf("%s has no stone of its own", dealer.Name)
}

// sellTwice signs two offers on one head and sends them at the same time to two
// nodes. The stone moves on to the one that is recorded; loser is what became
// of the other.
func (p *play) sellTwice(ctx context.Context, stone *trade.Stone, seller, first, second trade.Dealer) (winner trade.Dealer, loser error, err error) {
	buyers := []trade.Dealer{first, second}
	stones := []trade.Stone{*stone, *stone}
	results := make([]error, len(buyers))
	ended := make(chan struct{}, len(buyers))
	for i := range buyers {
		event, err := stones[i].Send(seller, buyers[i], custodyv1.Mode_MODE_SALE)
		if err != nil {
			return trade.Dealer{}, nil, err
		}
		c, err := p.net.Nodes()[i].Client()
		if err != nil {
			return trade.Dealer{}, nil, err
		}
		go func() {
			_, results[i] = c.Append(ctx, event)
			ended <- struct{}{}
		}()
	}
	for range buyers {
		<-ended
	}
	for i := range buyers {
		if other := results[1-i]; results[i] == nil && other != nil {
			*stone = stones[i]
			return buyers[i], other, nil
		}
	}
	return trade.Dealer{}, nil, fmt.Errorf("two offers of one stone: expected one to be recorded and one refused, got %v and %v", results[0], results[1])
}

// send offers a stone for sale; the stone the caller has does not move on.
func (p *play) send(ctx context.Context, stone trade.Stone, from, to trade.Dealer) (ledger.EventID, error) {
	event, err := stone.Send(from, to, custodyv1.Mode_MODE_SALE)
	if err != nil {
		return ledger.EventID{}, err
	}
	return event.ID(), p.append(ctx, event)
}

// append records an event and remembers its receipt.
func (p *play) append(ctx context.Context, event ledger.SignedEvent, openings ...ledger.Opening) error {
	receipt, err := p.client.Append(ctx, event, openings...)
	if err != nil {
		return err
	}
	p.acknowledged[receipt.Event] = receipt
	return nil
}
