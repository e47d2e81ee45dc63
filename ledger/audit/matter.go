package audit

import (
	"encoding/binary"
	"errors"
	"math"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/rules"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// packed is what an item is made of as a state keeps it, in memory and in its file:
// about 50 bytes for a stone instead of 400. Numbers are varints in their shortest
// form, a text is a length and bytes, a list a count and its elements:
//
//	material | form | nature | stage | species | micrograms | basis | count | its basis | equal pieces
//	composition: metal, micrograms | year, treatment codes | model
//	origin: metal | kind | countries | mine | producer | ownership | as of | micrograms
//	bill: as all of this, without bill and children | children: item [20]
type packed string

func pack(m rules.Matter) packed { return packed(appendMatter(nil, m, true)) }

// unpack gives the matter of an item back; an error, where the bytes are not what
// pack gives.
func (p packed) unpack(id ledger.ItemID) (rules.Matter, error) {
	r := unpacker{left: string(p)}
	m := r.matter(true)
	if r.failed || r.left != "" || pack(m) != p {
		return rules.Matter{}, errors.New("matter in another form")
	}
	m.Item = id
	return m, nil
}

func appendMatter(b []byte, m rules.Matter, outer bool) []byte {
	b = numbers(b, uint64(m.Material), uint64(m.Form), uint64(m.Nature), uint64(m.Stage))
	b = text(b, m.Species)
	equal := uint64(0)
	if m.EqualPieces {
		equal = 1
	}
	b = numbers(b, m.Mass, uint64(m.Basis), uint64(m.Count), uint64(m.CountBasis), equal)
	b = numbers(b, uint64(len(m.Composition)))
	for _, c := range m.Composition {
		b = numbers(b, uint64(c.Metal), c.Micrograms)
	}
	b = numbers(b, uint64(m.TreatedBy), uint64(len(m.Treatments)))
	for _, code := range m.Treatments {
		b = text(b, code)
	}
	b = numbers(b, uint64(m.Model), uint64(len(m.Origin)))
	for _, c := range m.Origin {
		b = numbers(b, uint64(c.Metal), uint64(c.Kind))
		b = text(text(text(b, c.Countries), c.Mine), c.Producer)
		b = numbers(b, uint64(c.StateOwnership), c.OwnershipAsOf, c.Micrograms)
	}
	if !outer {
		return b
	}
	b = numbers(b, uint64(len(m.Bill)))
	for _, line := range m.Bill {
		b = appendMatter(b, line, false)
	}
	b = numbers(b, uint64(len(m.Children)))
	for _, child := range m.Children {
		b = append(b, child[:]...)
	}
	return b
}

func numbers(b []byte, values ...uint64) []byte {
	for _, v := range values {
		b = binary.AppendUvarint(b, v)
	}
	return b
}

func text(b []byte, s string) []byte { return append(numbers(b, uint64(len(s))), s...) }

// unpacker takes values off. Once one is not there, all are zero.
type unpacker struct {
	left   string
	failed bool
}

func (r *unpacker) take(n uint64) string {
	if r.failed || n > uint64(len(r.left)) {
		r.failed = true
		return ""
	}
	taken := r.left[:n]
	r.left = r.left[n:]
	return taken
}

func (r *unpacker) number() uint64 {
	var v uint64
	for shift := 0; shift < 64; shift += 7 {
		b := r.take(1)
		if r.failed {
			return 0
		}
		v |= uint64(b[0]&0x7f) << shift
		if b[0] < 0x80 {
			return v
		}
	}
	r.failed = true
	return 0
}

func (r *unpacker) text() string { return r.take(r.number()) }

// small reads a number that an enumeration or a count holds.
func (r *unpacker) small(most uint64) uint64 {
	v := r.number()
	if v > most {
		r.failed = true
		return 0
	}
	return v
}

func (r *unpacker) enum() int32 { return int32(r.small(math.MaxInt32)) }

// each reads a list, each element of at least one byte.
func (r *unpacker) each(read func()) {
	for n := r.small(uint64(len(r.left))); n > 0 && !r.failed; n-- {
		read()
	}
}

func (r *unpacker) matter(outer bool) rules.Matter {
	m := rules.Matter{
		Material: custodyv1.Material(r.enum()), Form: custodyv1.Form(r.enum()), Nature: custodyv1.Nature(r.enum()), Stage: custodyv1.Stage(r.enum()),
		Species: r.text(), Mass: r.number(), Basis: custodyv1.MassBasis(r.enum()),
		Count: uint32(r.small(math.MaxUint32)), CountBasis: custodyv1.CountBasis(r.enum()), EqualPieces: r.small(1) == 1,
	}
	r.each(func() {
		m.Composition = append(m.Composition, rules.Constituent{Metal: custodyv1.Metal(r.enum()), Micrograms: r.number()})
	})
	m.TreatedBy = uint32(r.small(math.MaxUint32))
	r.each(func() { m.Treatments = append(m.Treatments, r.text()) })
	m.Model = custodyv1.Model(r.enum())
	r.each(func() {
		m.Origin = append(m.Origin, rules.Component{
			Source: rules.Source{
				Metal: custodyv1.Metal(r.enum()), Kind: custodyv1.OriginKind(r.enum()), Countries: r.text(), Mine: r.text(), Producer: r.text(),
				StateOwnership: custodyv1.StateOwnership(r.enum()), OwnershipAsOf: r.number(),
			},
			Micrograms: r.number(),
		})
	})
	if !outer {
		return m
	}
	r.each(func() { m.Bill = append(m.Bill, r.matter(false)) })
	r.each(func() {
		if id := r.take(20); len(id) == 20 {
			m.Children = append(m.Children, ledger.ItemID([]byte(id)))
		}
	})
	return m
}
