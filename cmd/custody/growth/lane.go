package growth

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/node/client"
	"github.com/custodyledger/custodyledger/node/localnet/trade"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

const (
	// registrationsPercent of what happens is a new stone; the rest are sales, two
	// events each, of any stone that a lane remembers, long ago or just now.
	registrationsPercent = 30
	// laneStonesMax bounds the stones that a lane remembers. A stone that is
	// forgotten stays with whoever has it.
	laneStonesMax = 1 << 16
)

// lane signs the trade of one stream, just ahead of its sending. Its stones are
// its own, so that the order of one stream is all the order that they need. One
// goroutine uses it at a time.
type lane struct {
	random  *rand.Rand
	dealers []trade.Dealer
	stones  []owned
	queue   []ledger.SignedEvent // signed and not sent
	bytes   uint64               // of the events that next gave, signatures included
}

// owned is a stone and the dealer who has it.
type owned struct {
	ledger.ItemRef
	by int
}

func newLane(seed uint64, dealers []trade.Dealer) *lane {
	return &lane{random: rand.New(rand.NewPCG(seed, 'l')), dealers: dealers}
}

// ahead signs until so many events wait to be sent.
func (l *lane) ahead(count int) error {
	for len(l.queue) < count {
		events, err := l.deal()
		if err != nil {
			return err
		}
		l.queue = append(l.queue, events...)
	}
	return nil
}

// next gives the next event to send. Whoever takes it must send it: later ones
// build on it.
func (l *lane) next() (ledger.SignedEvent, error) {
	if err := l.ahead(1); err != nil {
		return ledger.SignedEvent{}, err
	}
	event := l.queue[0]
	if l.queue = l.queue[1:]; len(l.queue) == 0 {
		l.queue = nil
	}
	l.bytes += eventBytes(event)
	return event, nil
}

func eventBytes(event ledger.SignedEvent) uint64 {
	n := len(event.Event)
	for _, signature := range event.Signatures {
		n += len(signature)
	}
	return uint64(n)
}

// deal signs what happens next.
func (l *lane) deal() ([]ledger.SignedEvent, error) {
	if len(l.stones) == 0 || l.random.IntN(100) < registrationsPercent {
		return l.register()
	}
	return l.sell()
}

func (l *lane) register() ([]ledger.SignedEvent, error) {
	by := l.random.IntN(len(l.dealers))
	event, err := l.dealers[by].Register(l.goods())
	if err != nil {
		return nil, err
	}
	stone := owned{ItemRef: trade.Registered(event).ItemRef, by: by}
	if len(l.stones) < laneStonesMax {
		l.stones = append(l.stones, stone)
	} else {
		l.stones[l.random.IntN(len(l.stones))] = stone
	}
	return []ledger.SignedEvent{event}, nil
}

// sell is an offer and its acceptance, each with what the two keep to themselves of it:
// the ledger gets salted hashes, and an event has about 400 bytes, as in life.
func (l *lane) sell() ([]ledger.SignedEvent, error) {
	stone := &l.stones[l.random.IntN(len(l.stones))]
	to := (stone.by + 1 + l.random.IntN(len(l.dealers)-1)) % len(l.dealers)
	seller, buyer := l.dealers[stone.by], l.dealers[to]
	private, err := l.private(seller)
	if err != nil {
		return nil, err
	}
	terms := client.OfferTerms{To: buyer.Party(), Mode: custodyv1.Mode_MODE_SALE, ExpiresAt: time.Now().Add(trade.OfferTerm)}
	offer, err := seller.Offer(stone.ItemRef, terms, private...)
	if err != nil {
		return nil, err
	}
	stone.Prev = offer.ID()
	if private, err = l.private(buyer); err != nil {
		return nil, err
	}
	answer, err := buyer.Accept(stone.ItemRef, offer.ID(), seller.Party(), private...)
	if err != nil {
		return nil, err
	}
	stone.Prev, stone.by = answer.ID(), to
	return []ledger.SignedEvent{offer, answer}, nil
}

// private is what a dealer notes of a sale: what it is worth, and where it stands in
// the books. The openings stay with nobody.
func (l *lane) private(by trade.Dealer) ([]ledger.Opening, error) {
	var openings []ledger.Opening
	for _, note := range []struct {
		field custodyv1.PrivateField
		value string
	}{
		{custodyv1.PrivateField_PRIVATE_FIELD_PRICE, fmt.Sprintf("USD %d", 100+l.random.IntN(100_000))},
		{custodyv1.PrivateField_PRIVATE_FIELD_INVOICE, fmt.Sprint(l.random.Uint32())},
		{custodyv1.PrivateField_PRIVATE_FIELD_STOCK_NUMBER, fmt.Sprint(l.random.Uint32())},
	} {
		opening, err := by.Private(note.field, note.value)
		if err != nil {
			return nil, err
		}
		openings = append(openings, opening)
	}
	return openings, nil
}

// goods is a polished diamond with everything that a dealer would say of it.
func (l *lane) goods() *custodyv1.ItemRegister {
	micrograms := 40_000 + uint64(l.random.IntN(400_000))
	goods := trade.Polished(micrograms, &custodyv1.Description{
		Shape: "round", Colour: "G", Clarity: "VS2", Cut: "Premium",
		LengthUm: 4000 + uint32(l.random.IntN(3000)), WidthUm: 4000 + uint32(l.random.IntN(3000)), HeightUm: 2500 + uint32(l.random.IntN(1500)),
		DepthPermyriad: 6150, TablePermyriad: 5800,
	})
	goods.OutsideIds = []*custodyv1.OutsideId{{
		Kind: custodyv1.OutsideIdKind_OUTSIDE_ID_KIND_LABORATORY_REPORT, Issuer: "LAB", Number: fmt.Sprintf("%016X", l.random.Uint64()),
	}}
	return goods
}
