package rules

import (
	"github.com/custodyledger/custodyledger/ledger"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// amounts are micrograms of each substance: of each material but metals, and of each
// metal. 500 items of 9·10^15 micrograms and 256 additions fit 64 bits.
type amounts [slots]uint64

const slots = 8 + int(custodyv1.Metal_METAL_OTHER) + 1

// metalSlot is where a metal stands; 0 is for what is no metal.
func metalSlot(m custodyv1.Metal) int {
	if m == 0 {
		return 0
	}
	return 8 + int(m)
}

func slotOf(material custodyv1.Material, m custodyv1.Metal) int {
	if material == metal {
		return metalSlot(m)
	}
	return int(material)
}

// add counts matter in.
func (a *amounts) add(m Matter) {
	if m.Material != metal {
		a[int(m.Material)] += m.Mass
		return
	}
	for _, c := range m.Composition {
		a[metalSlot(c.Metal)] += c.Micrograms
	}
}

// balance is what of each substance is not in the outputs, and by how much the scales
// differ.
type balance struct {
	loss, gain, shortfall amounts
}

// balances reads those of a change of matter.
func balances(list []*custodyv1.Balance) (balance, *ledger.Rejection) {
	const field = "transform.balances"
	var b balance
	before := -1
	for _, l := range list {
		at := slotOf(l.Material, l.Metal)
		switch {
		case (l.Material == metal) != (l.Metal != 0):
			return b, ledger.RejectField(ledger.InvalidField, field+".metal", "a metal is named for material metal, and for no other")
		case at <= before:
			return b, ledger.RejectField(ledger.NonCanonical, field, "balances must stand in ascending order of material and metal, each once")
		case l.LossMicrograms == 0 && l.GainMicrograms == 0 && l.ShortfallMicrograms == 0:
			return b, ledger.RejectField(ledger.NonCanonical, field, "a balance that says nothing; leave it out")
		case l.GainMicrograms != 0 && l.ShortfallMicrograms != 0:
			return b, ledger.RejectField(ledger.InvalidField, field, "scales show more or less, not both")
		}
		before = at
		b.loss[at], b.gain[at], b.shortfall[at] = l.LossMicrograms, l.GainMicrograms, l.ShortfallMicrograms
	}
	return b, nil
}

// conserve demands of each substance that outputs + loss = inputs + additions + gain -
// shortfall, that the loss is at most lossMax ‰ of what went in, and that the scales
// differ by no more than scales do.
func conserve(in, added, out *amounts, b *balance, lossMax uint64) *ledger.Rejection {
	for at := range in {
		substance, field := substanceWords(at), "transform.balances"
		if left, right := out[at]+b.loss[at]+b.shortfall[at], in[at]+added[at]+b.gain[at]; left != right {
			return ledger.RejectField(ledger.ConservationViolated, field, "%s: outputs %d, loss %d and shortfall %d are %d micrograms; inputs %d, additions %d and gain %d are %d", substance, out[at], b.loss[at], b.shortfall[at], left, in[at], added[at], b.gain[at], right)
		}
		if most := perMille(in[at]+added[at], lossMax); b.loss[at] > most {
			return ledger.RejectField(ledger.LossTooLarge, field+".loss_micrograms", "%s: %d micrograms of %d, this process loses at most %d ‰", substance, b.loss[at], in[at]+added[at], lossMax)
		}
		scales := b.gain[at] + b.shortfall[at]
		if scales == 0 {
			continue
		}
		if in[at] == 0 || scales > tolerance(in[at]) {
			return ledger.RejectField(ledger.DifferenceTooLarge, field, "%s: scales differ by %d micrograms of %d, at most %d are permitted", substance, scales, in[at], tolerance(in[at]))
		}
	}
	return nil
}

func substanceWords(at int) string {
	if at < 8 {
		return custodyv1.Material(at).String()
	}
	return custodyv1.Metal(at - 8).String()
}

// booked is the mass of each substance that origins account for.
func (a *amounts) booked(material custodyv1.Material, origin []Component) {
	for _, c := range origin {
		a[slotOf(material, c.Metal)] += c.Micrograms
	}
}

// withoutLoss takes the loss off a pool, from each source in proportion, and demands
// that what is left accounts for the outputs as far as scales permit. Goods that are
// only parted differ asBefore: by what a rounding adds, too.
func withoutLoss(material custodyv1.Material, pool []Component, b *balance, out *amounts, asBefore bool) *ledger.Rejection {
	var book amounts
	book.booked(material, pool)
	for at := range book {
		if book[at] == 0 && out[at] == 0 {
			continue
		}
		left := book[at] - min(book[at], b.loss[at])
		if left == 0 && out[at] > 0 || difference(left, out[at]) > tolerance(left) && !asBefore {
			return ledger.RejectField(ledger.DifferenceTooLarge, "transform.balances", "%s: %d micrograms are accounted for and %d lost, %d come out; what was weighed too much before is a shortfall now, not a loss, and what was weighed too little a gain", substanceWords(at), book[at], b.loss[at], out[at])
		}
		if lost := book[at] - left; lost > 0 {
			weights, where := make([]uint64, 0, len(pool)), make([]int, 0, len(pool))
			for i, c := range pool {
				if slotOf(material, c.Metal) == at {
					weights, where = append(weights, c.Micrograms), append(where, i)
				}
			}
			for i, n := range share(lost, weights) {
				pool[where[i]].Micrograms -= n
			}
		}
	}
	return nil
}

// present leaves out the components of which nothing is left.
func present(pool []Component) []Component {
	kept := pool[:0]
	for _, c := range pool {
		if c.Micrograms > 0 {
			kept = append(kept, c)
		}
	}
	return kept
}
