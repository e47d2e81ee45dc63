package demo

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/custodyledger/custodyledger/cmd/custodyd/demo/story"
	"github.com/custodyledger/custodyledger/node/localnet/trade"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// guests are parties that only the story of the ring has.
var guests = []part{
	{"first-light-mine.example.org", "BW", custodyv1.Role_ROLE_MINER, 0},
	{"old-gold-refinery.example.org", "BE", custodyv1.Role_ROLE_REFINER, 0},
	{"clear-sight-laboratory.example.org", "IN", custodyv1.Role_ROLE_LABORATORY, 1},
}

// Parties of the ring's story, by their positions in the cast and the guests.
const (
	meleeDealer, cutter, ringMaker = 1, 2, 4

	mine, refinery, laboratory = 0, 1, 2
)

const (
	ringDir         = "ring"
	certificateFile = ringDir + "/certificate.txt"
	gradingFile     = ringDir + "/grading.txt"
)

// ring is what the story of the ring is about: item ids, and who plays in it.
type ring struct {
	guests []trade.Dealer

	rough, stone string
	melee        string // the dealer's parcel of two countries
	halo         string // what the ring has of it
	emerald      string
	recycled     string // gold that is called so
	gold, piece  string
}

// made is one line of what happened.
type made struct{ who, what string }

// makeRing makes one ring, from the mine to the bench.
func (p *play) makeRing(ctx context.Context, act *story.Act) error {
	if err := p.invite(ctx); err != nil {
		return err
	}
	var told []made
	for _, step := range []func(context.Context) ([]made, error){p.cutStone, p.mixMelee, p.findEmerald, p.meltGold, p.assemble} {
		lines, err := step(ctx)
		if err != nil {
			return err
		}
		told = append(told, lines...)
	}
	table := &story.Table{Caption: "Every line is one signed event or more. Masses are those of the story.", Columns: []string{"who", "does what, and what comes of it"}}
	for _, line := range told {
		table.Rows = append(table.Rows, []string{line.who, line.what})
	}
	shown, err := p.custody(ctx, 0, "show", p.ring.piece)
	if err != nil {
		return err
	}
	act.Sentence = "A ring is made of a diamond cut from rough, melee of two countries, an emerald of which nobody knows where it came from, " +
		"and gold of which a part is called recycled; what was lost on the way is on record, to the microgram."
	act.Details = []story.Detail{
		{Table: table},
		story.Text("What a melt, a merge or a split is made of is worked out by the ledger and cannot be said. " +
			"Nobody sorted the melee, so all of what is in the ring may be of either country."),
		{Output: shown},
	}
	return nil
}

// invite admits the guests and writes the made-up papers.
func (p *play) invite(ctx context.Context) error {
	for _, guest := range guests {
		dealer, _, err := p.admit(ctx, guest)
		if err != nil {
			return err
		}
		p.ring.guests = append(p.ring.guests, dealer)
	}
	if err := os.Mkdir(p.path(ringDir), 0o700); err != nil {
		return err
	}
	for name, text := range map[string]string{
		certificateFile: "A made-up Kimberley certificate for 10 carats of rough.\n",
		gradingFile:     "A made-up grading report.\n",
	} {
		if err := os.WriteFile(p.path(name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// certificate is the made-up certificate of ten carats, of which an item draws.
func certificate(item, carats string) []string {
	return []string{
		"attest", item, "--kind", "kimberley-certificate", "--file", certificateFile, "--issuer", "Made-up Authority", "--country", "BW", "--number", "BW0001234",
		"--issued", "2026-01-05", "--expires", "2099-12-31", "--countries", "BW", "--quantity", "10ct", "--drawn", carats, "--claims", "origin,mass",
	}
}

func (p *play) cutStone(ctx context.Context) ([]made, error) {
	miner, lab, cutter, maker := p.ring.guests[mine], p.ring.guests[laboratory], p.dealers[cutter], p.dealers[ringMaker]
	var err error
	if p.ring.rough, err = p.registers(ctx, miner, "produced", "mass=3.05ct material=diamond nature=natural stage=rough hs=710231 origin=BW mine=Made-up_mine producer=First_Light_Mine"); err != nil {
		return nil, err
	}
	paper, err := p.types(ctx, miner, certificate(p.ring.rough, "3.05ct")...)
	if err != nil {
		return nil, err
	}
	if _, err := p.types(ctx, miner, "border", p.ring.rough, "--from", "BW", "--to", "IN", "--certificate", paper.Event); err != nil {
		return nil, err
	}
	if _, err := p.passes(ctx, miner, cutter, p.ring.rough, "service", "--until", "60d"); err != nil {
		return nil, err
	}
	cut, err := p.types(ctx, cutter, "transform", "cut", p.ring.rough, "--country", "IN", "--out", "mass=1.02ct shape=round colour=E clarity=VS1 cut=Excellent hs=710239")
	if err != nil {
		return nil, err
	}
	p.ring.stone = cut.Outputs[0]
	if _, err := p.types(ctx, lab, "attest", p.ring.stone, "--kind", "grading-report", "--file", gradingFile, "--own", "--number", "2141438167", "--claims", "identity,mass,nature"); err != nil {
		return nil, err
	}
	if _, err := p.passes(ctx, cutter, miner, p.ring.stone, "return"); err != nil {
		return nil, err
	}
	if _, err := p.passes(ctx, miner, maker, p.ring.stone, "sale", "--price", "4500 USD"); err != nil {
		return nil, err
	}
	return []made{
		{p.nameOf(miner.Party()), "registers a rough of 3.05 ct mined in BW, attests its certificate and takes it over the border: 3.05 of the certificate's 10 ct are spent"},
		{p.nameOf(cutter.Party()), "cuts it for the mine, which goes on owning it: a round of 1.02 ct; lost are " + strings.Join(cut.Lost, "; ")},
		{p.nameOf(lab.Party()), "grades it: identity, mass and nature are examined, and origin is not, because nobody sees that in a diamond"},
		{p.nameOf(miner.Party()), "sells it to " + p.nameOf(maker.Party()) + "; the price is on the ledger as a salted hash"},
	}, nil
}

func (p *play) mixMelee(ctx context.Context) ([]made, error) {
	seller, maker := p.dealers[meleeDealer], p.dealers[ringMaker]
	const polished = " material=diamond nature=natural stage=polished"
	first, err := p.registers(ctx, seller, "bought-from-non-member", "mass=1.5ct count=100 origin=BW"+polished)
	if err != nil {
		return nil, err
	}
	second, err := p.registers(ctx, seller, "bought-from-non-member", "mass=0.5ct count=50 origin=RU"+polished)
	if err != nil {
		return nil, err
	}
	merged, err := p.types(ctx, seller, "transform", "merge", first, second, "--out", "mass=2ct count=150")
	if err != nil {
		return nil, err
	}
	p.ring.melee = merged.Outputs[0]
	if p.ring.halo, err = p.passes(ctx, seller, maker, p.ring.melee, "sale", "--part", "0.6ct/45"); err != nil {
		return nil, err
	}
	if p.ring.halo == p.ring.melee {
		return nil, fmt.Errorf("a part of parcel %s was received, and no item was made of it", p.ring.melee)
	}
	return []made{
		{p.nameOf(seller.Party()), "merges 1.50 ct of melee from BW with 0.50 ct from RU: one parcel of 150 with both origins, weighed"},
		{p.nameOf(maker.Party()), "buys 45 of them, 0.60 ct, that nobody sorted: from BW or RU, says the ledger, and not how much of which"},
	}, nil
}

func (p *play) findEmerald(ctx context.Context) ([]made, error) {
	maker := p.dealers[ringMaker]
	var err error
	p.ring.emerald, err = p.registers(ctx, maker, "bought-from-non-member", "mass=0.8ct material=gem species=emerald colour=green nature=natural stage=polished treatments=O@2020 origin=unknown")
	return []made{{p.nameOf(maker.Party()), "registers an oiled emerald of 0.80 ct, bought from somebody outside: its origin is unknown, and stays so"}}, err
}

func (p *play) meltGold(ctx context.Context) ([]made, error) {
	refiner, maker := p.ring.guests[refinery], p.dealers[ringMaker]
	var err error
	if p.ring.recycled, err = p.registers(ctx, refiner, "bought-from-non-member", "mass=2g alloy=gold1000 form=bulk origin=recycled"); err != nil {
		return nil, err
	}
	mined, err := p.registers(ctx, refiner, "bought-from-non-member", "mass=1g alloy=gold1000 form=bulk origin=ZA")
	if err != nil {
		return nil, err
	}
	melt, err := p.types(ctx, refiner, "transform", "melt", p.ring.recycled, mined, "--add", "mass=1g alloy=silver500/copper500 form=bulk",
		"--out", "mass=3.9g alloy=gold750/silver125/copper125 fineness=750")
	if err != nil {
		return nil, err
	}
	p.ring.gold = melt.Outputs[0]
	if _, err := p.passes(ctx, refiner, maker, p.ring.gold, "sale"); err != nil {
		return nil, err
	}
	return []made{{p.nameOf(refiner.Party()), "melts 2 g of gold that it calls recycled, 1 g mined in ZA, and 1 g of silver and copper to a bar of 3.9 g, 750 fine, and sells it; lost are " + strings.Join(melt.Lost, "; ")}}, nil
}

func (p *play) assemble(ctx context.Context) ([]made, error) {
	maker := p.dealers[ringMaker]
	assembled, err := p.types(ctx, maker, "transform", "assemble", p.ring.stone, p.ring.halo, p.ring.emerald, p.ring.gold,
		"--add", "mass=0.05g alloy=gold750/silver125/copper125 form=bulk", "--out", "hs=711319")
	if err != nil {
		return nil, err
	}
	p.ring.piece = assembled.Outputs[0]
	return []made{{p.nameOf(maker.Party()), "makes the ring of all four and 0.05 g of solder: one piece; its parts keep their ids and move with it"}}, nil
}

// sellRing sends the ring on memo, sells it to who has it, and sells it to a consumer.
func (p *play) sellRing(ctx context.Context, act *story.Act) error {
	maker, retailer := p.dealers[ringMaker], p.dealers[shop]
	if _, err := p.passes(ctx, maker, retailer, p.ring.piece, "memo", "--until", "30d"); err != nil {
		return err
	}
	early, err := p.custody(ctx, exitRefused, "release", p.ring.piece, "--key", keyPath(retailer), "--country", "BE", "--reason", "consumer")
	if err != nil {
		return err
	}
	if !strings.Contains(early.Text, "[NOT_OWNER]") {
		return fmt.Errorf("memo goods sold to a consumer: expected NOT_OWNER, got\n%s", early.Text)
	}
	if _, err := p.passes(ctx, maker, retailer, p.ring.piece, "memo-to-sale", "--price", "9000 USD"); err != nil {
		return err
	}
	if _, err := p.types(ctx, retailer, "release", p.ring.piece, "--country", "BE", "--reason", "consumer"); err != nil {
		return err
	}
	shown, err := p.custody(ctx, 0, "show", p.ring.piece)
	if err != nil {
		return err
	}
	act.Sentence = fmt.Sprintf("%s has the ring on memo, tries to sell what it does not own, buys it, and sells it to a consumer, of whom the ledger keeps nothing but the country.", p.nameOf(retailer.Party()))
	act.Details = []story.Detail{
		{Output: early},
		{Output: shown},
	}
	return nil
}
