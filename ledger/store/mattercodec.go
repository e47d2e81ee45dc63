package store

import (
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/rules"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

const matterVersion = 1

const (
	matterSpecies = 1 << iota
	matterCounted // count and its basis follow
	matterEqualPieces
	matterAlloy   // a composition follows
	matterTreated // treatments follow
	matterWhole   // one component of all the mass: its micrograms are left out
	matterModel
	matterMore // a second byte of flags follows
)

const (
	matterOrigin = 1 << iota // several components, or one that is not all the mass
	matterBill
	matterChildren
	matterMoreFlags = 1<<iota - 1
)

const (
	componentMetal = 1 << iota
	componentMine
	componentProducer
	componentOwnership
	componentFlags = 1<<iota - 1
)

// encodeMatter writes
//
//	version u8 = 1
//	flags u8 | more flags u8 | material u8 | form u8 | nature u8 | stage u8 | micrograms | basis u8
//	species | count, basis u8 | composition: count, (metal u8, micrograms)...
//	treatments: year, count, code... | model u8
//	origin: the one component without micrograms, or count, (component, micrograms)...
//	bill: count, lines as from flags on, without bill and children | children: count, item 20...
//	component: flags u8 | kind u8 | countries | metal u8 | mine | producer | ownership u8, as of
//
// What a flag says is not there is left out: a stone of one origin takes about 20 bytes
// beside the names of its countries, mine and producer.
func encodeMatter(m rules.Matter) ([]byte, error) {
	e := encoder{b: make([]byte, 0, 48+40*len(m.Origin)+64*len(m.Bill)+itemBytes*len(m.Children))}
	e.uint8(matterVersion)
	e.matter(m)
	return e.b, e.err
}

func decodeMatter(id ledger.ItemID, b []byte) (rules.Matter, error) {
	d := decoder{b: b}
	d.version(matterVersion)
	m := d.matter(true)
	m.Item = id
	return m, d.end()
}

func (e *encoder) matter(m rules.Matter) {
	counted := m.Count != 0 || m.CountBasis != 0
	treated := len(m.Treatments) > 0 || m.TreatedBy != 0
	whole := whole(m)
	more := bit(len(m.Origin) > 0 && !whole, matterOrigin) | bit(len(m.Bill) > 0, matterBill) | bit(len(m.Children) > 0, matterChildren)
	e.uint8(bit(m.Species != "", matterSpecies) | bit(counted, matterCounted) | bit(m.EqualPieces, matterEqualPieces) |
		bit(len(m.Composition) > 0, matterAlloy) | bit(treated, matterTreated) | bit(whole, matterWhole) |
		bit(m.Model != 0, matterModel) | bit(more != 0, matterMore))
	if more != 0 {
		e.uint8(more)
	}
	e.enum(int32(m.Material))
	e.enum(int32(m.Form))
	e.enum(int32(m.Nature))
	e.enum(int32(m.Stage))
	e.number(m.Mass)
	e.enum(int32(m.Basis))
	if m.Species != "" {
		e.text(m.Species)
	}
	if counted {
		e.number(uint64(m.Count))
		e.enum(int32(m.CountBasis))
	}
	listed(e, m.Composition, (*encoder).constituent)
	if treated {
		e.number(uint64(m.TreatedBy))
		e.number(uint64(len(m.Treatments)))
		for _, code := range m.Treatments {
			e.text(code)
		}
	}
	if m.Model != 0 {
		e.enum(int32(m.Model))
	}
	if whole {
		e.source(m.Origin[0].Source)
	} else {
		listed(e, m.Origin, (*encoder).component)
	}
	listed(e, m.Bill, (*encoder).line)
	listed(e, m.Children, func(e *encoder, id ledger.ItemID) { e.bytes(id[:]) })
}

// whole tells whether one component accounts for all the mass.
func whole(m rules.Matter) bool {
	return len(m.Origin) == 1 && m.Origin[0].Micrograms == m.Mass
}

// matter reads what stands behind the version; a line of a bill is not outer.
func (d *decoder) matter(outer bool) rules.Matter {
	flags, more := d.uint8(), uint8(0)
	if flags&matterMore != 0 {
		if more = d.flags(matterMoreFlags); more == 0 || !outer && more != matterOrigin {
			d.fail("more flags %08b", more)
		}
	}
	m := rules.Matter{
		Material: custodyv1.Material(d.enum()), Form: custodyv1.Form(d.enum()), Nature: custodyv1.Nature(d.enum()), Stage: custodyv1.Stage(d.enum()),
		Mass: d.number(), Basis: custodyv1.MassBasis(d.enum()), EqualPieces: flags&matterEqualPieces != 0,
	}
	if flags&matterSpecies != 0 {
		if m.Species = d.text(); m.Species == "" {
			d.fail("an empty species")
		}
	}
	if flags&matterCounted != 0 {
		if m.Count, m.CountBasis = d.uint32(), custodyv1.CountBasis(d.enum()); m.Count == 0 && m.CountBasis == 0 {
			d.fail("an empty count")
		}
	}
	m.Composition = listOf(d, flags&matterAlloy != 0, constituentBytesMin, (*decoder).constituent)
	if flags&matterTreated != 0 {
		d.treatments(&m)
	}
	if flags&matterModel != 0 {
		if m.Model = custodyv1.Model(d.enum()); m.Model == 0 {
			d.fail("an empty model")
		}
	}
	d.origin(&m, flags, more)
	m.Bill = listOf(d, more&matterBill != 0, lineBytesMin, (*decoder).line)
	m.Children = listOf(d, more&matterChildren != 0, itemBytes, func(d *decoder) (id ledger.ItemID) {
		d.fill(id[:])
		return id
	})
	return m
}

func (d *decoder) treatments(m *rules.Matter) {
	m.TreatedBy = d.uint32()
	if n := d.count(1); n > 0 {
		m.Treatments = make([]string, n)
	}
	for i := range m.Treatments {
		m.Treatments[i] = d.text()
	}
	if len(m.Treatments) == 0 && m.TreatedBy == 0 {
		d.fail("empty treatments")
	}
}

func (d *decoder) origin(m *rules.Matter, flags, more uint8) {
	switch one, several := flags&matterWhole != 0, more&matterOrigin != 0; {
	case one && several:
		d.fail("two lists of origins")
	case one:
		m.Origin = []rules.Component{{Source: d.source(), Micrograms: m.Mass}}
	case several:
		if m.Origin = listOf(d, true, componentBytesMin, (*decoder).component); whole(*m) {
			d.fail("one origin of all the mass is a flag")
		}
	}
}

const (
	constituentBytesMin = 1 + 1
	componentBytesMin   = 1 + 1 + 1 + 1
	lineBytesMin        = 7
)

func (e *encoder) constituent(c rules.Constituent) {
	e.enum(int32(c.Metal))
	e.number(c.Micrograms)
}

func (d *decoder) constituent() rules.Constituent {
	return rules.Constituent{Metal: custodyv1.Metal(d.enum()), Micrograms: d.number()}
}

func (e *encoder) component(c rules.Component) {
	e.source(c.Source)
	e.number(c.Micrograms)
}

func (d *decoder) component() rules.Component {
	return rules.Component{Source: d.source(), Micrograms: d.number()}
}

func (e *encoder) source(s rules.Source) {
	owned := s.StateOwnership != 0 || s.OwnershipAsOf != 0
	e.uint8(bit(s.Metal != 0, componentMetal) | bit(s.Mine != "", componentMine) | bit(s.Producer != "", componentProducer) | bit(owned, componentOwnership))
	e.enum(int32(s.Kind))
	e.text(s.Countries)
	if s.Metal != 0 {
		e.enum(int32(s.Metal))
	}
	if s.Mine != "" {
		e.text(s.Mine)
	}
	if s.Producer != "" {
		e.text(s.Producer)
	}
	if owned {
		e.enum(int32(s.StateOwnership))
		e.number(s.OwnershipAsOf)
	}
}

func (d *decoder) source() rules.Source {
	flags := d.flags(componentFlags)
	s := rules.Source{Kind: custodyv1.OriginKind(d.enum()), Countries: d.text()}
	if flags&componentMetal != 0 {
		if s.Metal = custodyv1.Metal(d.enum()); s.Metal == 0 {
			d.fail("an empty metal")
		}
	}
	if flags&componentMine != 0 {
		if s.Mine = d.text(); s.Mine == "" {
			d.fail("an empty mine")
		}
	}
	if flags&componentProducer != 0 {
		if s.Producer = d.text(); s.Producer == "" {
			d.fail("an empty producer")
		}
	}
	if flags&componentOwnership != 0 {
		if s.StateOwnership, s.OwnershipAsOf = custodyv1.StateOwnership(d.enum()), d.number(); s.StateOwnership == 0 && s.OwnershipAsOf == 0 {
			d.fail("an empty ownership")
		}
	}
	return s
}

func (e *encoder) line(l rules.Line) {
	if l.Item != (ledger.ItemID{}) || len(l.Bill) > 0 || len(l.Children) > 0 {
		e.fail("a line of a bill that has an id or parts")
	}
	e.matter(l)
}

func (d *decoder) line() rules.Line { return d.matter(false) }
