package workload_test

import (
	"math/big"
	"slices"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/vocabulary"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

const (
	cutting       = custodyv1.Process_PROCESS_CUT
	splitting     = custodyv1.Process_PROCESS_SPLIT
	merging       = custodyv1.Process_PROCESS_MERGE
	melting       = custodyv1.Process_PROCESS_MELT
	refining      = custodyv1.Process_PROCESS_REFINE
	treating      = custodyv1.Process_PROCESS_TREAT
	assembling    = custodyv1.Process_PROCESS_ASSEMBLE
	disassembling = custodyv1.Process_PROCESS_DISASSEMBLE
	reworking     = custodyv1.Process_PROCESS_REWORK
)

// substance is a material, or one metal.
type substance struct {
	material custodyv1.Material
	metal    custodyv1.Metal
}

func (s substance) less(o substance) bool {
	if (s.metal == 0) != (o.metal == 0) {
		return s.metal == 0
	}
	return s.metal < o.metal || s.metal == o.metal && s.material < o.material
}

type sums map[substance]*big.Int

func (s sums) of(x substance) *big.Int {
	if n := s[x]; n != nil {
		return n
	}
	return new(big.Int)
}

func (s sums) add(x substance, n *big.Int) { s[x] = add(s.of(x), n) }

func (s sums) matter(m *twinMatter) {
	if !m.metal() {
		s.add(substance{material: m.material}, m.mass)
		return
	}
	for x, n := range m.alloy {
		s.add(substance{m.material, x}, n)
	}
}

func (s sums) origin(material custodyv1.Material, origin []twinSource) {
	for _, c := range origin {
		s.add(substance{material, c.metal}, c.mg)
	}
}

// twinChange is a change of matter at hand.
type twinChange struct {
	*twin
	b                     *custodyv1.Transform
	items                 []*twinItem
	outs                  []*twinMatter
	added                 []*twinMatter
	loss, gain, shortfall sums
	lossMax               int64
}

func (t *twin) transform(b *custodyv1.Transform) ledger.Reason {
	c := &twinChange{twin: t, b: b, loss: sums{}, gain: sums{}, shortfall: sums{}}
	rows := map[custodyv1.Process]struct {
		in, most, out, outMost int
		loss                   int64
		adds                   bool
	}{
		cutting: {1, 1, 1, 500, 980, false}, splitting: {1, 1, 2, 500, 10, false}, merging: {2, 500, 1, 1, 10, false},
		melting: {1, 500, 1, 500, 100, true}, refining: {1, 500, 1, 500, 500, true}, treating: {1, 1, 0, 0, 50, false},
		assembling: {1, 500, 1, 1, 0, true}, disassembling: {1, 500, 0, 500, 1000, false}, reworking: {1, 500, 0, 500, 1000, true},
	}
	row := rows[b.Process]
	c.lossMax = row.loss
	n, m := len(b.Inputs), len(b.Outputs)
	switch {
	case b.Country != "" && !ledger.IsCountry(b.Country):
		return ledger.CountryInvalid
	case n < row.in || n > row.most || m < row.out || m > row.outMost, len(b.Additions) > 0 && !row.adds,
		b.Process != reworking && len(b.Removed)+len(b.Filings) > 0, (b.Treatments != nil) != (b.Process == treating):
		return ledger.ProcessInvalid
	}
	for _, o := range b.Outputs {
		if (o.BillLine > 0) != (b.Process == disassembling) {
			return ledger.ProcessInvalid
		}
		if len(o.Allocation) > 0 && b.Process != splitting {
			return ledger.AllocationInvalid
		}
	}
	for _, o := range b.Outputs {
		if reason := check(o); reason != "" {
			return reason
		}
		c.outs = append(c.outs, matterOf(o))
	}
	for _, line := range b.Additions {
		if reason := check(line); reason != "" {
			return reason
		}
		c.added = append(c.added, matterOf(line).orUnknown())
	}
	before := substance{}
	for i, l := range b.Balances {
		x := substance{l.Material, l.Metal}
		switch {
		case (l.Material == custodyv1.Material_MATERIAL_METAL) != (l.Metal != 0), l.GainMicrograms > 0 && l.ShortfallMicrograms > 0:
			return ledger.InvalidField
		case i > 0 && !before.less(x), l.LossMicrograms+l.GainMicrograms+l.ShortfallMicrograms == 0:
			return ledger.NonCanonical
		}
		before = x
		c.loss.add(x, num(l.LossMicrograms))
		c.gain.add(x, num(l.GainMicrograms))
		c.shortfall.add(x, num(l.ShortfallMicrograms))
	}
	for _, ref := range t.e.Items {
		i, reason := t.advanced(ref)
		if reason != "" {
			return reason
		}
		c.items = append(c.items, i)
	}
	switch b.Process {
	case cutting:
		return c.cut()
	case splitting:
		return c.split()
	case merging:
		return c.merge()
	case melting, refining:
		return c.melt()
	case treating:
		return c.treat()
	case assembling:
		return c.assemble()
	case disassembling:
		return c.disassemble()
	}
	return c.rework()
}

// may judges the items that stand by themselves.
func (c *twinChange) may(items []*twinItem) ledger.Reason {
	for _, i := range items {
		service := len(i.terms) > 0 && i.terms[len(i.terms)-1].mode == custodyv1.Mode_MODE_SERVICE
		switch {
		case i.within != ledger.ItemID{}:
			return ledger.SetInPiece
		case !i.held(c.who.id):
			return i.notHolder()
		case !i.owned(c.who.id) && !service:
			return i.notOwner()
		case !slices.Equal(i.title, items[0].title) || !slices.Equal(i.terms, items[0].terms):
			return ledger.TitleDiffers
		case len(c.standing(i)) > 0:
			return ledger.OfferOpen
		}
		if reason := i.blocked("change"); reason != "" {
			return reason
		}
	}
	return ""
}

// kindred asks whether an output is of what an input is of.
func kindred(in, out *twinMatter) ledger.Reason {
	group := func(m *twinMatter) string { return vocabulary.SpeciesGroup(m.species) }
	switch {
	case in.material != out.material:
		return ledger.MaterialMismatch
	case in.nature != out.nature:
		return ledger.NatureMismatch
	case in.species != out.species && (in.species == "" || out.species == "" || group(in) != group(out)):
		return ledger.MaterialMismatch
	}
	return ""
}

// settle balances inputs, additions and outputs and gives the sources that are left.
func (c *twinChange) settle(in, added []*twinMatter, mereParting bool) ([]twinSource, ledger.Reason) {
	ins, adds, outs := sums{}, sums{}, sums{}
	var pool []twinSource
	for _, m := range in {
		ins.matter(m)
		pool = append(pool, m.origin...)
	}
	for _, m := range added {
		adds.matter(m)
		pool = append(pool, m.origin...)
	}
	for _, m := range c.outs {
		outs.matter(m)
	}
	if reason := c.conserve(ins, adds, outs); reason != "" {
		return nil, reason
	}
	pool = joined(pool)
	if reason := c.lose(in[0].material, pool, outs, mereParting && len(c.b.Balances) == 0); reason != "" {
		return nil, reason
	}
	return pool, ""
}

func keysOf(all ...sums) []substance {
	var list []substance
	for _, s := range all {
		for x := range s {
			if !slices.Contains(list, x) {
				list = append(list, x)
			}
		}
	}
	slices.SortFunc(list, func(a, b substance) int {
		if a.less(b) {
			return -1
		}
		return 1
	})
	return list
}

func (c *twinChange) conserve(in, added, out sums) ledger.Reason {
	for _, x := range keysOf(in, added, out, c.loss, c.gain, c.shortfall) {
		fed := add(in.of(x), added.of(x))
		left := add(add(out.of(x), c.loss.of(x)), c.shortfall.of(x))
		if left.Cmp(add(fed, c.gain.of(x))) != 0 {
			return ledger.ConservationViolated
		}
		if c.loss.of(x).Cmp(permille(fed, c.lossMax)) > 0 {
			return ledger.LossTooLarge
		}
		off := add(c.gain.of(x), c.shortfall.of(x))
		if off.Sign() > 0 && (in.of(x).Sign() == 0 || off.Cmp(scales(in.of(x))) > 0) {
			return ledger.DifferenceTooLarge
		}
	}
	return ""
}

// lose takes the loss off the sources; what is left must account for the outputs.
func (c *twinChange) lose(material custodyv1.Material, pool []twinSource, out sums, mereParting bool) ledger.Reason {
	book := sums{}
	book.origin(material, pool)
	for _, x := range keysOf(book, out) {
		lost := c.loss.of(x)
		if lost.Cmp(book.of(x)) > 0 {
			lost = book.of(x)
		}
		left := sub(book.of(x), lost)
		if left.Sign() == 0 && out.of(x).Sign() > 0 || apart(left, out.of(x)).Cmp(scales(left)) > 0 && !mereParting {
			return ledger.DifferenceTooLarge
		}
		if lost.Sign() == 0 {
			continue
		}
		var weights []*big.Int
		var at []int
		for n, s := range pool {
			if s.metal == x.metal {
				weights, at = append(weights, s.mg), append(at, n)
			}
		}
		for n, mg := range deal(lost, weights) {
			pool[at[n]].mg = sub(pool[at[n]].mg, mg)
		}
	}
	return ""
}

func present(pool []twinSource) []twinSource {
	return slices.DeleteFunc(pool, func(s twinSource) bool { return s.mg.Sign() == 0 })
}

func bookOf(pool []twinSource) *big.Int { return (&twinMatter{origin: pool}).book() }

// one gives every output its part of a book of goods that nobody sorted.
func (c *twinChange) one(in *twinMatter, mereParting bool) ledger.Reason {
	pool, reason := c.settle([]*twinMatter{in}, nil, mereParting)
	if reason != "" {
		return reason
	}
	books, reason := c.books(pool)
	if reason != "" {
		return reason
	}
	for i, m := range c.outs {
		s := unsorted(in.origin)
		s.mg = books[i]
		m.origin = []twinSource{s}
	}
	return ""
}

func (c *twinChange) books(pool []twinSource) ([]*big.Int, ledger.Reason) {
	var masses []*big.Int
	for _, m := range c.outs {
		masses = append(masses, m.mass)
	}
	books := deal(bookOf(pool), masses)
	for _, b := range books {
		if b.Sign() == 0 {
			return nil, ledger.DifferenceTooLarge
		}
	}
	return books, ""
}

// done writes a change whose inputs end and whose outputs are new.
func (c *twinChange) done(ends bool) ledger.Reason {
	first := *c.items[0]
	damaged := false
	if c.b.Process == splitting || c.b.Process == merging {
		for _, i := range c.items {
			damaged = damaged || i.damaged
		}
	}
	var parents []ledger.ItemID
	for _, i := range c.items {
		parents = append(parents, i.id)
	}
	for _, i := range c.items {
		if ends {
			i.status = "consumed"
		}
		i.touched = true
		c.forget(i)
		c.moved(i)
	}
	for n, m := range c.outs {
		made := &twinItem{
			id: ledger.NewItemID(c.e.ID, uint32(n)), status: "live", registrant: c.who.id, last: c.e.ID, times: []uint64{c.e.OccurredAt}, holder: first.holder, releasedBy: first.releasedBy,
			title: first.title, terms: first.terms, touched: true, damaged: damaged, m: m, parents: parents,
		}
		c.twin.items[made.id] = made
	}
	return ""
}

func (c *twinChange) treatments(of *twinMatter) {
	for _, m := range c.outs {
		m.treated = of.treated
	}
}

func (c *twinChange) cut() ledger.Reason {
	if reason := c.may(c.items); reason != "" {
		return reason
	}
	in := c.items[0].m
	if in.material != custodyv1.Material_MATERIAL_DIAMOND && in.material != custodyv1.Material_MATERIAL_GEM {
		return ledger.MaterialMismatch
	}
	for _, out := range c.outs {
		if reason := kindred(in, out); reason != "" {
			return reason
		}
		if out.stage != custodyv1.Stage_STAGE_POLISHED && out.stage != in.stage {
			return ledger.MaterialMismatch
		}
	}
	c.treatments(in)
	if reason := c.one(in, false); reason != "" {
		return reason
	}
	return c.done(true)
}

func (c *twinChange) split() ledger.Reason {
	if reason := c.may(c.items); reason != "" {
		return reason
	}
	in := c.items[0].m
	bar := in.form == custodyv1.Form_FORM_SINGLE && in.metal()
	if !in.loosely() && !bar || len(in.children) > 0 {
		return ledger.FormInvalid
	}
	whole := in.form == custodyv1.Form_FORM_PART || in.form == custodyv1.Form_FORM_PIECE
	for _, out := range c.outs {
		if reason := kindred(in, out); reason != "" {
			return reason
		}
		outWhole := out.form == custodyv1.Form_FORM_PART || out.form == custodyv1.Form_FORM_PIECE
		switch {
		case out.stage != in.stage:
			return ledger.MaterialMismatch
		case whole != outWhole || whole && out.form != in.form:
			return ledger.FormInvalid
		case in.metal() && !proportional(in, out):
			return ledger.CompositionInvalid
		}
	}
	if in.counted() {
		total := uint64(0)
		for _, out := range c.outs {
			things := out.count
			switch {
			case out.estimated || out.form == custodyv1.Form_FORM_BULK:
				return ledger.CountInvalid
			case things == 0:
				things = 1
			}
			if in.uniform() && out.mass.Uint64() != in.mass.Uint64()/in.count*things {
				return ledger.ConservationViolated
			}
			total += things
		}
		if total != in.count {
			return ledger.ConservationViolated
		}
	}
	c.treatments(in)
	sorted := false
	for _, o := range c.b.Outputs {
		sorted = sorted || len(o.Allocation) > 0
	}
	reason := ledger.Reason("")
	switch {
	case in.form == custodyv1.Form_FORM_PIECE:
		reason = c.splitPieces(in)
	case sorted:
		reason = c.sorted(in)
	case in.metal():
		reason = c.blend([]*twinMatter{in}, nil)
	default:
		reason = c.one(in, true)
	}
	if reason != "" {
		return reason
	}
	return c.done(true)
}

func (c *twinChange) splitPieces(in *twinMatter) ledger.Reason {
	if len(c.b.Balances) > 0 {
		return ledger.ConservationViolated
	}
	var masses []*big.Int
	var counts []uint64
	for _, m := range c.outs {
		masses, counts = append(masses, m.mass), append(counts, max(m.count, 1))
	}
	c.outs = parted(in, masses, counts)
	return ""
}

// proportional tells whether two alloys are the same to one ten-thousandth and the
// rounding of a microgram in each.
func proportional(a, b *twinMatter) bool {
	for x := custodyv1.Metal_METAL_GOLD; x <= custodyv1.Metal_METAL_OTHER; x++ {
		n, m := new(big.Int), new(big.Int)
		if a.alloy[x] != nil {
			n = a.alloy[x]
		}
		if b.alloy[x] != nil {
			m = b.alloy[x]
		}
		off := new(big.Rat).Sub(new(big.Rat).SetFrac(n, a.mass), new(big.Rat).SetFrac(m, b.mass))
		most := big.NewRat(1, 10_000)
		most.Add(most, new(big.Rat).SetFrac(big.NewInt(1), a.mass))
		most.Add(most, new(big.Rat).SetFrac(big.NewInt(1), b.mass))
		if off.Abs(off).Cmp(most) > 0 {
			return false
		}
	}
	return true
}

func (c *twinChange) sorted(in *twinMatter) ledger.Reason {
	if in.metal() {
		return ledger.AllocationInvalid
	}
	pool, reason := c.settle([]*twinMatter{in}, nil, true)
	if reason != "" {
		return reason
	}
	books, reason := c.books(pool)
	if reason != "" {
		return reason
	}
	left := slices.Clone(in.origin)
	for n, o := range c.b.Outputs {
		total := new(big.Int)
		for i, a := range o.Allocation {
			if a.Component == 0 || int(a.Component) > len(left) {
				return ledger.AllocationInvalid
			}
			if i > 0 && a.Component <= o.Allocation[i-1].Component {
				return ledger.NonCanonical
			}
			s := &left[a.Component-1]
			mg := num(a.Micrograms)
			if mg.Cmp(s.mg) > 0 {
				return ledger.AllocationInvalid
			}
			s.mg = sub(s.mg, mg)
			total.Add(total, mg)
			taken := *s
			taken.mg = mg
			c.outs[n].origin = append(c.outs[n].origin, taken)
		}
		if total.Cmp(books[n]) != 0 {
			return ledger.AllocationInvalid
		}
	}
	return ""
}

func (c *twinChange) merge() ledger.Reason {
	if reason := c.may(c.items); reason != "" {
		return reason
	}
	out, first := c.outs[0], c.items[0].m
	var ins []*twinMatter
	for _, i := range c.items {
		in := i.m
		ins = append(ins, in)
		if reason := kindred(in, out); reason != "" {
			return reason
		}
		part := in.form == custodyv1.Form_FORM_PART
		switch {
		case in.form == custodyv1.Form_FORM_PIECE || part != (out.form == custodyv1.Form_FORM_PART) || out.form == custodyv1.Form_FORM_SINGLE || out.form == custodyv1.Form_FORM_PIECE:
			return ledger.FormInvalid
		case in.stage != out.stage, !slices.Equal(in.treated, first.treated):
			return ledger.MaterialMismatch
		}
	}
	total, known := uint64(0), true
	for _, in := range ins {
		switch {
		case in.form == custodyv1.Form_FORM_SINGLE, in.form == custodyv1.Form_FORM_PART && in.count == 0:
			total++
		case in.counted():
			total += in.count
		default:
			known = false
		}
	}
	if out.uniform() {
		each := out.mass.Uint64() / out.count
		for _, in := range ins {
			if !known || in.count > 1 && !in.uniform() || in.mass.Uint64() != each*max(in.count, 1) {
				return ledger.CountInvalid
			}
		}
	}
	if out.form == custodyv1.Form_FORM_PART && !out.counted() {
		return ledger.CountInvalid
	}
	if known && out.counted() && total != out.count {
		return ledger.ConservationViolated
	}
	c.treatments(first)
	pool, reason := c.settle(ins, nil, false)
	if reason != "" {
		return reason
	}
	out.origin = present(pool)
	return c.done(true)
}

func (c *twinChange) melt() ledger.Reason {
	if reason := c.may(c.items); reason != "" {
		return reason
	}
	var ins []*twinMatter
	for _, i := range c.items {
		ins = append(ins, i.m)
	}
	for _, m := range slices.Concat(ins, c.added, c.outs) {
		if !m.metal() {
			return ledger.MaterialMismatch
		}
	}
	if c.b.Process == melting {
		for _, m := range c.outs[1:] {
			if !proportional(m, c.outs[0]) {
				return ledger.CompositionInvalid
			}
		}
	}
	if reason := c.blend(ins, c.added); reason != "" {
		return reason
	}
	return c.done(true)
}

func (c *twinChange) blend(in, added []*twinMatter) ledger.Reason {
	pool, reason := c.settle(in, added, len(in) == 1)
	if reason != "" {
		return reason
	}
	if len(c.outs) == 0 { // filings that are all lost, with what scales left of their book
		return ""
	}
	blend(present(pool), c.outs)
	for _, m := range c.outs {
		if len(m.origin) == 0 {
			return ledger.DifferenceTooLarge
		}
	}
	return ""
}

func (c *twinChange) treat() ledger.Reason {
	if reason := c.may(c.items); reason != "" {
		return reason
	}
	i := c.items[0]
	m := *i.m
	if m.metal() || m.material == 0 {
		return ledger.TreatmentInvalid
	}
	codes := c.b.Treatments.Codes
	if vocabulary.CheckTreatments(c.b.Treatments.List, codes, m.material, m.nature, m.species) != nil || codes[0] == "N" {
		return ledger.TreatmentInvalid
	}
	all, news := slices.Clone(m.treated), false
	all = slices.DeleteFunc(all, func(s string) bool { return s == "N" })
	for _, code := range codes {
		if !slices.Contains(all, code) {
			all, news = append(all, code), true
		}
	}
	if !news {
		return ledger.TreatmentInvalid
	}
	slices.Sort(all)
	m.treated = all
	if len(c.b.Balances) > 0 {
		x := substance{material: m.material}
		left := sub(add(m.mass, c.gain.of(x)), add(c.loss.of(x), c.shortfall.of(x)))
		if left.Sign() <= 0 {
			return ledger.LossTooLarge
		}
		in, out := sums{}, sums{}
		in.add(x, m.mass)
		out.add(x, left)
		if reason := c.conserve(in, sums{}, out); reason != "" {
			return reason
		}
		if left.Cmp(num(m.count)) < 0 {
			return ledger.MassMismatch
		}
		pool := joined(m.origin)
		if reason := c.lose(m.material, pool, out, false); reason != "" {
			return reason
		}
		m.mass, m.origin = left, present(pool)
		m.equal = m.equal && m.mass.Uint64()%m.count == 0
	}
	i.m = &m
	return c.done(false)
}

func (c *twinChange) assemble() ledger.Reason {
	if reason := c.may(c.items); reason != "" {
		return reason
	}
	out := c.outs[0]
	switch {
	case out.form != custodyv1.Form_FORM_PIECE:
		return ledger.FormInvalid
	case out.count != 0:
		return ledger.CountInvalid
	case len(c.b.Balances) > 0:
		return ledger.ConservationViolated
	}
	out.bill = c.added
	for _, i := range c.items {
		out.children = append(out.children, i.id)
	}
	if c.accounted(out).Cmp(out.mass) != 0 {
		return ledger.ConservationViolated
	}
	c.done(false)
	for _, i := range c.items {
		i.within = ledger.NewItemID(c.e.ID, 0)
		for _, o := range i.offers {
			o.closed = true
		}
	}
	return ""
}

// partOf asks whether an item is set in the piece and may be touched there.
func (c *twinChange) partOf(i *twinItem) ledger.Reason {
	if i.within != c.items[0].id {
		return ledger.NotPart
	}
	loose := *i
	loose.within = ledger.ItemID{}
	return loose.blocked("change")
}

func (c *twinChange) takeOut(i *twinItem) {
	i.within = ledger.ItemID{}
	i.holder, i.title, i.terms = c.items[0].holder, c.items[0].title, c.items[0].terms
}

func (c *twinChange) disassemble() ledger.Reason {
	piece := c.items[0]
	if piece.m.form != custodyv1.Form_FORM_PIECE {
		return ledger.FormInvalid
	}
	if reason := c.may(c.items[:1]); reason != "" {
		return reason
	}
	for _, i := range c.items[1:] {
		if reason := c.partOf(i); reason != "" {
			return reason
		}
	}
	if len(c.items)-1 != len(piece.m.children) {
		return ledger.ProcessInvalid
	}
	in, out := sums{}, sums{}
	for _, line := range piece.m.bill {
		in.matter(line)
	}
	used := map[uint32]bool{}
	var made []*twinMatter
	for n, o := range c.b.Outputs {
		if int(o.BillLine) > len(piece.m.bill) || used[o.BillLine] {
			return ledger.NotPart
		}
		used[o.BillLine] = true
		line, said := piece.m.bill[o.BillLine-1], c.outs[n]
		if kindred(line, said) != "" || line.form != said.form || line.stage != said.stage || line.mass.Cmp(said.mass) != 0 || line.count != said.count || line.estimated != said.estimated || line.equal != said.equal || !sameAlloy(line, said) {
			return ledger.NotPart
		}
		out.matter(line)
		made = append(made, line)
	}
	for _, x := range keysOf(c.gain, c.shortfall) {
		if c.gain.of(x).Sign() != 0 || c.shortfall.of(x).Sign() != 0 {
			return ledger.DifferenceTooLarge
		}
	}
	if reason := c.conserve(in, sums{}, out); reason != "" {
		return reason
	}
	c.outs = made
	c.done(false)
	piece.status = "consumed"
	for _, i := range c.items[1:] {
		c.takeOut(i)
	}
	return ""
}

func sameAlloy(a, b *twinMatter) bool {
	if len(a.alloy) != len(b.alloy) {
		return false
	}
	for x, n := range a.alloy {
		if b.alloy[x] == nil || b.alloy[x].Cmp(n) != 0 {
			return false
		}
	}
	return true
}

func (c *twinChange) rework() ledger.Reason {
	b, piece := c.b, c.items[0]
	inputs, removed := len(b.Inputs), len(b.Removed)
	if piece.m.form != custodyv1.Form_FORM_PIECE {
		return ledger.FormInvalid
	}
	if reason := c.may(c.items[:inputs]); reason != "" {
		return reason
	}
	switch {
	case piece.m.count > 1:
		return ledger.CountInvalid
	case inputs == 1 && removed+len(b.Filings)+len(b.Additions) == 0, len(b.Filings) == 0 && len(b.Outputs)+len(b.Balances) > 0:
		return ledger.ProcessInvalid
	}
	m := *piece.m
	m.bill = slices.Concat(m.bill, c.added)
	m.children = slices.Clone(m.children)
	for _, i := range c.items[inputs : inputs+removed] {
		if reason := c.partOf(i); reason != "" {
			return reason
		}
		m.children = slices.DeleteFunc(m.children, func(id ledger.ItemID) bool { return id == i.id })
	}
	for _, i := range c.items[1:inputs] {
		m.children = append(m.children, i.id)
	}
	if len(m.children)+len(m.bill) == 0 {
		return ledger.ProcessInvalid
	}
	filed := map[ledger.ItemID]*twinMatter{}
	var filings []*twinMatter
	for n, f := range b.Filings {
		i := c.items[inputs+removed+n]
		if reason := c.partOf(i); reason != "" {
			return reason
		}
		mg := num(f.Micrograms)
		switch {
		case !i.m.metal():
			return ledger.MaterialMismatch
		case mg.Cmp(i.m.mass) >= 0:
			return ledger.PortionInvalid
		case i.m.uniform() && sub(i.m.mass, mg).Uint64()%i.m.count != 0:
			return ledger.CountInvalid
		}
		parts := parted(i.m, []*big.Int{mg, sub(i.m.mass, mg)}, []uint64{0, i.m.count})
		if len(parts[0].origin) == 0 || len(parts[1].origin) == 0 {
			return ledger.DifferenceTooLarge
		}
		filings = append(filings, parts[0])
		parts[1].form, parts[1].count, parts[1].estimated, parts[1].equal = i.m.form, i.m.count, i.m.estimated, i.m.equal
		filed[i.id] = parts[1]
	}
	if len(filings) > 0 {
		for _, m := range c.outs {
			if !m.metal() {
				return ledger.MaterialMismatch
			}
		}
		if reason := c.blend(filings, nil); reason != "" {
			return reason
		}
	}
	for id, left := range filed {
		c.twin.items[id].m = left
	}
	m.mass = c.accounted(&m)
	piece.m = &m
	c.done(false)
	for _, i := range c.items[1:inputs] {
		i.within = piece.id
		for _, o := range i.offers {
			o.closed = true
		}
	}
	for _, i := range c.items[inputs : inputs+removed] {
		c.takeOut(i)
	}
	return ""
}
