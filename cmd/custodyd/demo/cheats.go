package demo

import (
	"context"
	"fmt"
	"strings"

	"github.com/custodyledger/custodyledger/cmd/custodyd/demo/story"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/node/localnet/trade"
)

// exitRefused is custody's exit code for what the ledger refuses.
const exitRefused = 2

// cheat is something that somebody tries, and the rule that stands in its way.
type cheat struct {
	attempt string
	by      trade.Dealer
	reason  ledger.Reason
	command []string
}

// cheats tries four that a rule stops, and one that no ledger can see.
func (p *play) cheats(ctx context.Context, act *story.Act) error {
	attempts, err := p.prepareCheats(ctx)
	if err != nil {
		return err
	}
	table := &story.Table{Columns: []string{"cheat", "reason", "rule"}}
	for _, c := range attempts {
		output, err := p.custody(ctx, exitRefused, append(c.command, "--key", keyPath(c.by))...)
		if err != nil {
			return err
		}
		sentence, _, _ := strings.Cut(strings.TrimPrefix(output.Text, "custody: "), "\n")
		sentence, found := strings.CutSuffix(sentence, " ["+string(c.reason)+"]")
		if !found {
			return fmt.Errorf("%s: expected %s, got\n%s", c.attempt, c.reason, output.Text)
		}
		table.Rows = append(table.Rows, []string{c.attempt, string(c.reason), sentence})
	}
	table.Rows = append(table.Rows, []string{"gold of a sanctioned country is called recycled", "recorded", "No rule can stop it: no ledger sees what was melted before. It stays a statement, and a screening says undetermined, never clear."})
	act.Sentence = fmt.Sprintf("Five cheats around the ring: %d are refused, each by its own rule. The fifth is a lie about the world outside, which no ledger can see; it is shown as what it is, somebody's word.", len(attempts))
	act.Details = []story.Detail{
		{Table: table},
		story.Text("In this story the 2 g of gold called recycled were mined in a country under sanctions. Nothing on the ledger tells, and the next act does not claim that it does."),
	}
	return nil
}

// prepareCheats registers what the cheats are made with.
func (p *play) prepareCheats(ctx context.Context) ([]cheat, error) {
	miner, seller := p.ring.guests[mine], p.dealers[meleeDealer]
	rough, err := p.registers(ctx, miner, "produced", "mass=9ct material=diamond nature=natural stage=rough origin=BW")
	if err != nil {
		return nil, err
	}
	grown, err := p.registers(ctx, seller, "bought-from-non-member", "mass=0.5ct count=50 material=diamond nature=lab-grown stage=polished")
	if err != nil {
		return nil, err
	}
	mixed, err := p.mix(ctx, seller)
	if err != nil {
		return nil, err
	}
	return []cheat{
		{"the ring's diamond is sold once more, by the mine", miner, ledger.NotHolder,
			[]string{"send", p.ring.stone, "--to", seller.Party().String(), "--mode", "sale"}},
		{"12.05 ct on a certificate of 10 ct", miner, ledger.PaperSpent, certificate(rough, "9ct")},
		{"lab-grown melee in a parcel of natural melee", seller, ledger.NatureMismatch,
			[]string{"transform", "merge", p.ring.melee, grown, "--out", "mass=1.9ct count=155"}},
		{"1 ct from BW mixed with 1 ct from RU comes out as 1.9 ct from BW", seller, ledger.AllocationInvalid,
			[]string{"transform", "split", mixed, "--out", "mass=1.9ct form=bulk from=1:1.9ct", "--out", "mass=0.1ct form=bulk from=2:0.1ct"}},
	}, nil
}

// mix merges melee of two countries.
func (p *play) mix(ctx context.Context, seller trade.Dealer) (string, error) {
	var items []string
	for _, country := range []string{"BW", "RU"} {
		item, err := p.registers(ctx, seller, "bought-from-non-member", "mass=1ct form=bulk material=diamond nature=natural stage=polished origin="+country)
		if err != nil {
			return "", err
		}
		items = append(items, item)
	}
	merged, err := p.types(ctx, seller, "transform", "merge", items[0], items[1], "--out", "mass=2ct form=bulk")
	if err != nil {
		return "", err
	}
	return merged.Outputs[0], nil
}
