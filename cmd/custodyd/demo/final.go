package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/custodyledger/custodyledger/cmd/custodyd/demo/story"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/node/client"
	"github.com/custodyledger/custodyledger/node/localnet/trade"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Files about the stone that is sold, in the folders of those who have them.
const (
	sellerDir  = "seller"
	buyerDir   = "buyer"
	bundleFile = "stone.custody"
	policyFile = "policy.txt"
	proofFile  = "sale.tlog-proof"
)

// finality sells the stone whose history is told once more and waits until the
// sale is final. Before that the seller fetches a file about it.
func (p *play) finality(ctx context.Context, act *story.Act) error {
	for _, name := range []string{sellerDir, buyerDir} {
		if err := os.Mkdir(p.path(name), 0o700); err != nil {
			return err
		}
	}
	stone, seller, err := p.stoneAndOwner(ctx, p.stones[longest].Item)
	if err != nil {
		return err
	}
	p.seller = seller
	if _, err := p.waitFinal(ctx, client.ReceiptQuery{Event: stone.Prev}); err != nil {
		return err
	}
	if _, err := p.custody(ctx, 0, "bundle", stone.Item.String(), "-o", sellerDir+"/"+bundleFile); err != nil {
		return err
	}
	buyer := p.dealers[shop]
	if _, err := p.sendOn(ctx, &stone, seller, buyer); err != nil {
		return err
	}
	accept, err := buyer.Accept(stone.ItemRef, stone.Offer, seller.Party())
	if err != nil {
		return err
	}
	if err := p.append(ctx, accept); err != nil {
		return err
	}
	committed := time.Now()
	final, err := p.waitFinal(ctx, client.ReceiptQuery{Event: accept.ID(), Signed: &accept})
	if err != nil {
		return err
	}
	took := time.Since(committed)
	receipt, err := p.custody(ctx, 0, "receipt", accept.ID().String(), "--proof", buyerDir+"/"+proofFile)
	if err != nil {
		return err
	}
	act.Sentence = fmt.Sprintf("%s sells the stone to %s; the sale is final %s after it was recorded, when %s had signed one checkpoint over it.",
		p.nameOf(seller.Party()), p.nameOf(buyer.Party()), story.Seconds(took), strings.Join(p.cosigners(final), ", "))
	act.Details = []story.Detail{
		story.Text("Recorded means that two of the three nodes have it on their disks. Final means more: each of these associations re-ran every rule by itself " +
			"and signed what the whole ledger comes to. None can take that back without signing a contradiction, and a contradiction is proof against it."),
		{Output: receipt},
	}
	return nil
}

// stoneAndOwner gives an item as it stands, and the dealer who has it.
func (p *play) stoneAndOwner(ctx context.Context, item ledger.ItemID) (trade.Stone, trade.Dealer, error) {
	response, err := p.client.GetItem(ctx, item, client.Linearizable)
	if err != nil {
		return trade.Stone{}, trade.Dealer{}, err
	}
	view := response.Item
	for _, dealer := range p.dealers {
		if party := dealer.Party(); string(view.Custody.GetParty()) == string(party[:]) {
			return trade.Stone{ItemRef: ledger.ItemRef{Item: item, Prev: ledger.EventID(view.Prev)}}, dealer, nil
		}
	}
	return trade.Stone{}, trade.Dealer{}, fmt.Errorf("no dealer of the story holds item %s", item)
}

// sendOn offers a stone for sale; the stone moves on.
func (p *play) sendOn(ctx context.Context, stone *trade.Stone, from, to trade.Dealer) (ledger.EventID, error) {
	event, err := stone.Send(from, to, custodyv1.Mode_MODE_SALE)
	if err != nil {
		return ledger.EventID{}, err
	}
	return event.ID(), p.append(ctx, event)
}

// waitFinal gives the checkpoint that an event is final under, verified.
func (p *play) waitFinal(ctx context.Context, query client.ReceiptQuery) (*checkpoint.Final, error) {
	query.WaitFinal = true
	state, err := p.client.ReceiptState(ctx, query)
	if err != nil {
		return nil, err
	}
	if state.Proof == nil {
		return nil, errors.New("an event did not become final")
	}
	return state.Proof.Final, nil
}

// cosigners names the associations that signed a checkpoint.
func (p *play) cosigners(final *checkpoint.Final) []string {
	policy := p.client.Genesis().Policy()
	var names []string
	for _, n := range policy.Nodes {
		for _, c := range final.Cosigned {
			if c.Key == policy.CosignerKey(n) {
				names = append(names, strings.TrimSuffix(n.Association, ".example.org"))
			}
		}
	}
	return names
}
