package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"time"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/node/localnet/trade"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

const (
	// eventsPerSecondMax is above what two cores can record.
	eventsPerSecondMax = 20_000
	// eventsPerClientMax is above what one client can have recorded, one a call.
	eventsPerClientMax = 1_000
	// poolReserve is how much more is signed than the best round so far would use.
	poolReserve = 1.4
)

// pool signs what one round of a load may use, before its clock starts.
func (b *bencher) pool(ctx context.Context, name string, clients int) ([]ledger.SignedEvent, error) {
	return b.sign(ctx, clients+int(b.config.Round.Seconds()*b.expected(name, float64(eventsPerClientMax*clients))))
}

// expected is the rate that a load will stay under: at first a bound, then what it
// reached and a reserve.
func (b *bencher) expected(name string, most float64) float64 {
	most = min(most, eventsPerSecondMax)
	if best := b.fastest[name]; best > 0 {
		return min(most, poolReserve*best)
	}
	return most
}

// sign makes registrations of stones, spread over the dealers, on all cores.
func (b *bencher) sign(ctx context.Context, count int) ([]ledger.SignedEvent, error) {
	events := make([]ledger.SignedEvent, count)
	err := parallel(ctx, runtime.NumCPU(), func(worker int) error {
		random := rand.New(rand.NewPCG(uint64(worker), uint64(time.Now().UnixNano())))
		for i := worker; i < count; i += runtime.NumCPU() {
			dealer := b.dealers[random.IntN(len(b.dealers))]
			event, err := dealer.Register(stone(random))
			if err != nil {
				return err
			}
			events[i] = event
		}
		return nil
	})
	if err == nil && count > 0 {
		b.eventBytes = bytesOf(events[0])
	}
	return events, err
}

func bytesOf(event ledger.SignedEvent) int {
	n := len(event.Event)
	for _, signature := range event.Signatures {
		n += len(signature)
	}
	return n
}

// stone is a made-up polished diamond with everything that a dealer would say.
func stone(random *rand.Rand) *custodyv1.ItemRegister {
	micrograms := 40_000 + uint64(random.IntN(400_000))
	goods := trade.Polished(micrograms, &custodyv1.Description{
		Shape: "round", Colour: "G", Clarity: "VS2", Cut: "Premium",
		LengthUm: 4000 + uint32(random.IntN(3000)), WidthUm: 4000 + uint32(random.IntN(3000)), HeightUm: 2500 + uint32(random.IntN(1500)),
		DepthPermyriad: 6150, TablePermyriad: 5800,
	})
	goods.OutsideIds = []*custodyv1.OutsideId{{
		Kind: custodyv1.OutsideIdKind_OUTSIDE_ID_KIND_LABORATORY_REPORT, Issuer: "LAB", Number: fmt.Sprintf("%016X", random.Uint64()),
	}}
	return goods
}
