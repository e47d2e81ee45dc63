package workload_test

import (
	"math/big"
	"slices"
	"sort"
	"strings"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/vocabulary"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// twinMatter is what the twin knows of goods. It is never changed, only replaced.
type twinMatter struct {
	material  custodyv1.Material
	form      custodyv1.Form
	nature    custodyv1.Nature
	stage     custodyv1.Stage
	species   string
	mass      *big.Int
	count     uint64
	estimated bool
	equal     bool
	alloy     map[custodyv1.Metal]*big.Int
	treated   []string
	origin    []twinSource
	bill      []*twinMatter
	children  []ledger.ItemID
}

type twinSource struct {
	metal          custodyv1.Metal
	kind           custodyv1.OriginKind
	countries      string
	mine, producer string
	owned          custodyv1.StateOwnership
	asOf           uint64
	mg             *big.Int
}

// alike tells whether two sources are one, whatever their masses.
func (s twinSource) alike(o twinSource) bool {
	s.mg, o.mg = nil, nil
	return s == o
}

func num(n uint64) *big.Int { return new(big.Int).SetUint64(n) }
func add(a, b *big.Int) *big.Int {
	return new(big.Int).Add(a, b)
}
func sub(a, b *big.Int) *big.Int { return new(big.Int).Sub(a, b) }
func words(s string) []string    { return strings.Fields(s) }
func contains(list, word string) bool {
	return slices.Contains(words(list), word)
}

// part of a total that so many ‰ are, rounded down.
func permille(n *big.Int, of int64) *big.Int {
	return new(big.Int).Div(new(big.Int).Mul(n, big.NewInt(of)), big.NewInt(1000))
}

// scales is by how much scales may differ: 5 ‰, or 2,000 µg if that is more.
func scales(n *big.Int) *big.Int {
	if most := permille(n, 5); most.Cmp(big.NewInt(2000)) > 0 {
		return most
	}
	return big.NewInt(2000)
}

func apart(a, b *big.Int) *big.Int { return new(big.Int).Abs(sub(a, b)) }

// deal parts a total by weights: whole micrograms of each exact share, the rest one by
// one to the largest remainders, of equal ones to the first.
func deal(total *big.Int, weights []*big.Int) []*big.Int {
	all := new(big.Int)
	for _, w := range weights {
		all.Add(all, w)
	}
	parts, rests := make([]*big.Int, len(weights)), make([]*big.Rat, len(weights))
	left := new(big.Int).Set(total)
	for i, w := range weights {
		exact := new(big.Rat).SetFrac(new(big.Int).Mul(total, w), all)
		parts[i] = new(big.Int).Quo(exact.Num(), exact.Denom())
		rests[i] = new(big.Rat).Sub(exact, new(big.Rat).SetInt(parts[i]))
		left.Sub(left, parts[i])
	}
	for left.Sign() > 0 {
		best := 0
		for i := range rests {
			if rests[i].Cmp(rests[best]) > 0 {
				best = i
			}
		}
		parts[best].Add(parts[best], big.NewInt(1))
		rests[best] = big.NewRat(-1, 1)
		left.Sub(left, big.NewInt(1))
	}
	return parts
}

func (m *twinMatter) book() *big.Int {
	total := new(big.Int)
	for _, s := range m.origin {
		total.Add(total, s.mg)
	}
	return total
}

func (m *twinMatter) counted() bool { return m.count > 1 && !m.estimated }
func (m *twinMatter) uniform() bool {
	return m.count > 1 && (m.equal || m.form == custodyv1.Form_FORM_PART || m.form == custodyv1.Form_FORM_PIECE)
}

// loosely tells whether a part can be taken without working on the goods.
func (m *twinMatter) loosely() bool {
	switch m.form {
	case custodyv1.Form_FORM_COUNTED_PARCEL, custodyv1.Form_FORM_BULK:
		return true
	case custodyv1.Form_FORM_PART, custodyv1.Form_FORM_PIECE:
		return m.count > 1
	}
	return false
}

func (m *twinMatter) metal() bool { return m.material == custodyv1.Material_MATERIAL_METAL }

// says is what registrations, outputs and lines of bills say about goods.
type says interface {
	GetMaterial() custodyv1.Material
	GetForm() custodyv1.Form
	GetNature() custodyv1.Nature
	GetStage() custodyv1.Stage
	GetMass() *custodyv1.Mass
	GetCount() uint32
	GetCountBasis() custodyv1.CountBasis
	GetDescription() *custodyv1.Description
	GetComposition() []*custodyv1.Constituent
}

// check judges what goods say about themselves.
func check(g says) ledger.Reason {
	material, form, nature, mass, count := g.GetMaterial(), g.GetForm(), g.GetNature(), g.GetMass(), uint64(g.GetCount())
	stone := material == custodyv1.Material_MATERIAL_DIAMOND || material == custodyv1.Material_MATERIAL_GEM
	living := stone || material == custodyv1.Material_MATERIAL_PEARL
	piece := form == custodyv1.Form_FORM_PIECE
	switch {
	case piece && material != 0:
		return ledger.FormInvalid
	case !piece && material == 0:
		return ledger.MissingField
	case form == custodyv1.Form_FORM_PART && living:
		return ledger.FormInvalid
	case living && nature == 0:
		return ledger.MissingField
	case !living && nature != 0, nature == custodyv1.Nature_NATURE_CULTURED && stone, nature == custodyv1.Nature_NATURE_LAB_GROWN && !stone:
		return ledger.NatureMismatch
	case stone && g.GetStage() == 0 && (nature == custodyv1.Nature_NATURE_NATURAL || nature == custodyv1.Nature_NATURE_LAB_GROWN):
		return ledger.MissingField
	case !stone && g.GetStage() != 0:
		return ledger.DescriptionInvalid
	}
	estimated := g.GetCountBasis() == custodyv1.CountBasis_COUNT_BASIS_ESTIMATED
	equal := false
	if e, ok := g.(interface{ GetEqualPieces() bool }); ok {
		equal = e.GetEqualPieces()
	}
	parcel := form == custodyv1.Form_FORM_COUNTED_PARCEL
	same := equal || count > 0 && (piece || form == custodyv1.Form_FORM_PART)
	switch {
	case count == 0 && g.GetCountBasis() != 0, form == custodyv1.Form_FORM_SINGLE && count > 0, parcel && count == 0, count == 1,
		form == custodyv1.Form_FORM_BULK && count > 0 && !estimated, equal && !parcel, same && estimated,
		same && mass.Micrograms%count != 0, mass.Micrograms < count:
		return ledger.CountInvalid
	}
	if reason := checkDeclared(mass, material); reason != "" {
		return reason
	}
	species := g.GetDescription().GetSpecies()
	switch {
	case material == custodyv1.Material_MATERIAL_GEM && species == "", species != "" && !stone && material != custodyv1.Material_MATERIAL_PEARL,
		species != "" && material == custodyv1.Material_MATERIAL_DIAMOND, g.GetDescription().GetGrowth() != 0 && nature != custodyv1.Nature_NATURE_LAB_GROWN:
		return ledger.DescriptionInvalid
	}
	if reason := checkAlloy(g); reason != "" {
		return reason
	}
	if t, ok := g.(interface{ GetTreatments() *custodyv1.Treatments }); ok && t.GetTreatments() != nil {
		if vocabulary.CheckTreatments(t.GetTreatments().List, t.GetTreatments().Codes, material, nature, species) != nil {
			return ledger.TreatmentInvalid
		}
	}
	return ""
}

func checkDeclared(m *custodyv1.Mass, material custodyv1.Material) ledger.Reason {
	if (m.Declared == "") != (m.Unit == 0) {
		return ledger.UnitMismatch
	}
	if m.Declared == "" {
		return ""
	}
	mg, err := vocabulary.Micrograms(m.Declared, m.Unit)
	if vocabulary.CheckUnit(m.Unit, material) != nil || err != nil || mg != m.Micrograms {
		return ledger.UnitMismatch
	}
	return ""
}

func checkAlloy(g says) ledger.Reason {
	fineness := uint64(0)
	if f, ok := g.(interface{ GetFinenessPermyriad() uint32 }); ok {
		fineness = uint64(f.GetFinenessPermyriad())
	}
	if g.GetMaterial() != custodyv1.Material_MATERIAL_METAL {
		if len(g.GetComposition()) > 0 {
			return ledger.CompositionInvalid
		}
		if fineness != 0 {
			return ledger.FinenessInvalid
		}
		return ""
	}
	total, fine := new(big.Int), fineness == 0
	mass := num(g.GetMass().Micrograms)
	for n, c := range g.GetComposition() {
		if n > 0 && c.Metal <= g.GetComposition()[n-1].Metal {
			return ledger.NonCanonical
		}
		total.Add(total, num(c.Micrograms))
		exact := new(big.Rat).SetFrac(num(c.Micrograms), mass)
		off := new(big.Rat).Sub(exact, big.NewRat(int64(fineness), 10_000))
		fine = fine || c.Metal <= custodyv1.Metal_METAL_RUTHENIUM && off.Abs(off).Cmp(big.NewRat(1, 10_000)) < 0
	}
	if total.Cmp(mass) != 0 {
		return ledger.CompositionInvalid
	}
	if !fine {
		return ledger.FinenessInvalid
	}
	return ""
}

// matterOf is the matter of checked goods.
func matterOf(g says) *twinMatter {
	m := &twinMatter{
		material: g.GetMaterial(), form: g.GetForm(), nature: g.GetNature(), stage: g.GetStage(), species: g.GetDescription().GetSpecies(),
		mass: num(g.GetMass().Micrograms), count: uint64(g.GetCount()), estimated: g.GetCountBasis() == custodyv1.CountBasis_COUNT_BASIS_ESTIMATED,
		alloy: map[custodyv1.Metal]*big.Int{},
	}
	if e, ok := g.(interface{ GetEqualPieces() bool }); ok {
		m.equal = e.GetEqualPieces()
	}
	for _, c := range g.GetComposition() {
		m.alloy[c.Metal] = num(c.Micrograms)
	}
	if t, ok := g.(interface{ GetTreatments() *custodyv1.Treatments }); ok {
		m.treated = t.GetTreatments().GetCodes()
	}
	if o, ok := g.(interface {
		GetOrigin() []*custodyv1.OriginComponent
	}); ok {
		for _, c := range o.GetOrigin() {
			m.origin = append(m.origin, twinSource{c.Metal, c.Kind, strings.Join(c.Countries, " "), c.Mine, c.Producer, c.StateOwnership, c.OwnershipAsOfMs, num(c.Micrograms)})
		}
	}
	return m
}

// orUnknown is a line of a bill: silent about its origin, it is unknown.
func (m *twinMatter) orUnknown() *twinMatter {
	if len(m.origin) > 0 {
		return m
	}
	const unknown = custodyv1.OriginKind_ORIGIN_KIND_UNKNOWN
	if !m.metal() {
		m.origin = []twinSource{{kind: unknown, mg: m.mass}}
		return m
	}
	for _, x := range m.metals() {
		m.origin = append(m.origin, twinSource{metal: x, kind: unknown, mg: m.alloy[x]})
	}
	return m
}

func (m *twinMatter) metals() []custodyv1.Metal {
	var list []custodyv1.Metal
	for x := range m.alloy {
		list = append(list, x)
	}
	slices.Sort(list)
	return list
}

// checkSources judges the origin that goods say they have.
func checkSources(g says, origin []*custodyv1.OriginComponent) ledger.Reason {
	sums := map[custodyv1.Metal]*big.Int{}
	m := matterOf(g)
	for _, c := range origin {
		mined := c.Kind == custodyv1.OriginKind_ORIGIN_KIND_MINED || c.Kind == custodyv1.OriginKind_ORIGIN_KIND_BY_PRODUCT
		grown := c.Kind == custodyv1.OriginKind_ORIGIN_KIND_LAB_GROWN
		for _, code := range c.Countries {
			if !ledger.IsCountry(code) {
				return ledger.CountryInvalid
			}
		}
		composite := m.nature == custodyv1.Nature_NATURE_COMPOSITE
		labGrown := m.nature == custodyv1.Nature_NATURE_LAB_GROWN
		switch {
		case grown && !labGrown && !composite, labGrown && !grown && c.Kind != custodyv1.OriginKind_ORIGIN_KIND_UNKNOWN,
			mined && m.nature != 0 && m.nature != custodyv1.Nature_NATURE_NATURAL && !composite:
			return ledger.NatureMismatch
		case mined && len(c.Countries) == 0, !mined && len(c.Countries) > 0 && c.Kind != custodyv1.OriginKind_ORIGIN_KIND_GRANDFATHERED:
			return ledger.CountryInvalid
		}
		if sums[c.Metal] == nil {
			sums[c.Metal] = new(big.Int)
		}
		sums[c.Metal].Add(sums[c.Metal], num(c.Micrograms))
	}
	if !m.metal() {
		if sums[0] == nil || sums[0].Cmp(m.mass) != 0 {
			return ledger.MassMismatch
		}
		return ""
	}
	if len(sums) != len(m.alloy) {
		return ledger.MassMismatch
	}
	for x, n := range m.alloy {
		if sums[x] == nil || sums[x].Cmp(n) != 0 {
			return ledger.MassMismatch
		}
	}
	return ""
}

func (t *twin) register(b *custodyv1.ItemRegister) ledger.Reason {
	if reason := check(b); reason != "" {
		return reason
	}
	for _, code := range []string{b.ProcessedIn, b.CustomsOrigin, b.ExportedFrom} {
		if code != "" && !ledger.IsCountry(code) {
			return ledger.CountryInvalid
		}
	}
	m := matterOf(b)
	if b.Form == custodyv1.Form_FORM_PIECE {
		if len(b.Bill) == 0 {
			return ledger.MissingField
		}
		total := new(big.Int)
		for _, line := range b.Bill {
			if reason := check(line); reason != "" {
				return reason
			}
			if len(line.Origin) > 0 {
				if reason := checkSources(line, line.Origin); reason != "" {
					return reason
				}
			}
			if b.Count > 1 && (line.Form == custodyv1.Form_FORM_SINGLE || line.Mass.Micrograms%uint64(b.Count) != 0 || line.Count%b.Count != 0) {
				return ledger.CountInvalid
			}
			part := matterOf(line).orUnknown()
			m.bill = append(m.bill, part)
			total.Add(total, part.mass)
		}
		if total.Cmp(m.mass) != 0 {
			return ledger.MassMismatch
		}
	} else {
		if len(b.Origin) == 0 {
			return ledger.MissingField
		}
		if reason := checkSources(b, b.Origin); reason != "" {
			return reason
		}
		if b.HsCode != "" && vocabulary.CheckHS(b.HsCode, vocabulary.HSGoods{Material: b.Material, Form: b.Form, Nature: b.Nature, Stage: b.Stage, Species: m.species, Composition: b.Composition}) != nil {
			return ledger.HSCodeInvalid
		}
	}
	ref := twinReference{party: t.who.id}
	if len(b.Reference) > 0 {
		ref.ref = ledger.Reference(b.Reference)
		if earlier := t.items[t.taken[ref]]; earlier != nil && earlier.status == "live" {
			return ledger.ReferenceTaken
		}
	}
	if t.dry {
		return ""
	}
	me := twinHolder{party: t.who.id}
	i := &twinItem{id: ledger.NewItemID(t.e.ID, 0), status: "live", registrant: t.who.id, last: t.e.ID, times: []uint64{t.e.OccurredAt}, holder: me, title: []twinShare{{me, 1}}, m: m}
	for _, id := range b.OutsideIds {
		i.claims = append(i.claims, twinClaim{id.Kind, id.Issuer, id.Number})
	}
	t.items[i.id] = i
	if len(b.Reference) > 0 {
		t.taken[ref] = i.id
	}
	return ""
}

// portion asks whether goods have such a part.
func (t *twin) portion(m *twinMatter, mg, count uint64) ledger.Reason {
	mass := m.mass.Uint64()
	switch {
	case !m.loosely(), m.form == custodyv1.Form_FORM_PIECE && len(m.children) > 0, mg == 0 || mg >= mass,
		m.counted() && (count == 0 || count >= m.count), !m.counted() && count > m.count,
		m.counted() && (mg < count || mass-mg < m.count-count),
		m.uniform() && mg != mass/m.count*count:
		return ledger.PortionInvalid
	}
	if m.form == custodyv1.Form_FORM_PIECE {
		return ""
	}
	for _, part := range pair(t.carve(m, mg, count)) {
		if part.book().Sign() == 0 {
			return ledger.PortionInvalid
		}
	}
	return ""
}

func pair(a, b *twinMatter) []*twinMatter { return []*twinMatter{a, b} }

// carve takes a part of goods that nobody sorts.
func (t *twin) carve(m *twinMatter, mg, count uint64) (part, rest *twinMatter) {
	masses := []*big.Int{num(mg), sub(m.mass, num(mg))}
	counts := []uint64{count, m.count - count}
	if m.count == 0 {
		counts = []uint64{0, 0}
	} else if !m.counted() {
		guess := deal(num(m.count), masses)
		counts = []uint64{guess[0].Uint64(), guess[1].Uint64()}
	}
	parts := parted(m, masses, counts)
	return parts[0], parts[1]
}

func parted(m *twinMatter, masses []*big.Int, counts []uint64) []*twinMatter {
	parts := make([]*twinMatter, len(masses))
	left := map[custodyv1.Metal]*big.Int{}
	for x, n := range m.alloy {
		left[x] = n
	}
	for i := range parts {
		p := *m
		p.mass, p.bill, p.origin = masses[i], nil, nil
		p.alloy = map[custodyv1.Metal]*big.Int{}
		if m.metal() { // of what is left, in proportion
			metals := m.metals()
			var weights []*big.Int
			for _, x := range metals {
				weights = append(weights, left[x])
			}
			for n, mg := range deal(masses[i], weights) {
				left[metals[n]] = sub(left[metals[n]], mg)
				if mg.Sign() > 0 {
					p.alloy[metals[n]] = mg
				}
			}
		}
		p.renumber(counts[i])
		parts[i] = &p
	}
	switch {
	case m.form == custodyv1.Form_FORM_PIECE:
		for _, line := range m.bill {
			lineMasses, lineCounts := make([]*big.Int, len(parts)), make([]uint64, len(parts))
			for i := range parts {
				lineMasses[i] = num(line.mass.Uint64() / m.count * counts[i])
				lineCounts[i] = line.count / m.count * counts[i]
			}
			for i, l := range parted(line, lineMasses, lineCounts) {
				parts[i].bill = append(parts[i].bill, l)
			}
		}
	case m.metal():
		blend(m.origin, parts)
	default:
		for i, mg := range deal(m.book(), masses) {
			s := unsorted(m.origin)
			s.mg = mg
			parts[i].origin = []twinSource{s}
		}
	}
	return parts
}

// renumber gives goods another count: one of a parcel is a single.
func (m *twinMatter) renumber(count uint64) {
	if count > 1 {
		m.equal = m.equal && m.mass.Uint64()%count == 0
		m.count = count
		return
	}
	if m.form == custodyv1.Form_FORM_COUNTED_PARCEL {
		m.form = custodyv1.Form_FORM_BULK
		if count == 1 && !m.estimated {
			m.form = custodyv1.Form_FORM_SINGLE
		}
	}
	m.count, m.estimated, m.equal = 0, false, false
}

// unsorted is the one source of a part that may be all of any.
func unsorted(origin []twinSource) twinSource {
	if len(origin) == 1 {
		return origin[0]
	}
	agree := func(of func(twinSource) string) string {
		for _, s := range origin {
			if of(s) != of(origin[0]) {
				return ""
			}
		}
		return of(origin[0])
	}
	out := twinSource{kind: origin[0].kind}
	set := map[string]bool{}
	mined := true
	for _, s := range origin {
		for _, code := range words(s.countries) {
			set[code] = true
		}
		mined = mined && (s.kind == custodyv1.OriginKind_ORIGIN_KIND_MINED || s.kind == custodyv1.OriginKind_ORIGIN_KIND_BY_PRODUCT)
	}
	for _, s := range origin {
		if s.kind != out.kind {
			out.kind = custodyv1.OriginKind_ORIGIN_KIND_UNKNOWN
			if mined {
				out.kind = custodyv1.OriginKind_ORIGIN_KIND_MINED
			}
		}
	}
	var codes []string
	for code := range set {
		codes = append(codes, code)
	}
	sort.Strings(codes)
	out.countries = strings.Join(codes, " ")
	out.mine = agree(func(s twinSource) string { return s.mine })
	out.producer = agree(func(s twinSource) string { return s.producer })
	return out
}

// blend gives each part, of each metal, of every source in proportion, taken off what is
// left one part after the other.
func blend(pool []twinSource, parts []*twinMatter) {
	for x := custodyv1.Metal_METAL_GOLD; x <= custodyv1.Metal_METAL_OTHER; x++ {
		var of []twinSource
		total := new(big.Int)
		for _, s := range pool {
			if s.metal == x {
				of = append(of, s)
				total.Add(total, s.mg)
			}
		}
		if len(of) == 0 {
			continue
		}
		weights, any := make([]*big.Int, len(parts)), false
		for i, p := range parts {
			weights[i] = new(big.Int)
			if n := p.alloy[x]; n != nil {
				weights[i], any = n, true
			}
		}
		if !any {
			for i, p := range parts {
				weights[i] = p.mass
			}
		}
		for i, mg := range deal(total, weights) {
			if mg.Sign() == 0 {
				continue
			}
			var left []*big.Int
			for _, s := range of {
				left = append(left, s.mg)
			}
			for n, taken := range deal(mg, left) {
				of[n].mg = sub(of[n].mg, taken)
				if taken.Sign() > 0 {
					s := of[n]
					s.mg = taken
					parts[i].origin = append(parts[i].origin, s)
				}
			}
		}
	}
}

// weighed is goods on another scale.
func (t *twin) weighed(m *twinMatter, mass *custodyv1.Mass, count32 uint32) (*twinMatter, ledger.Reason) {
	out := *m
	count := uint64(count32)
	if count == 0 {
		count = m.count
	} else if m.form == custodyv1.Form_FORM_COUNTED_PARCEL {
		out.estimated = false
	}
	if mass != nil {
		if reason := checkDeclared(mass, m.material); reason != "" {
			return nil, reason
		}
		book := t.accounted(m)
		if apart(num(mass.Micrograms), book).Cmp(scales(book)) > 0 {
			return nil, ledger.DifferenceTooLarge
		}
		out.mass = num(mass.Micrograms)
		if m.metal() && out.mass.Cmp(m.mass) != 0 {
			var weights []*big.Int
			for _, x := range m.metals() {
				weights = append(weights, m.alloy[x])
			}
			out.alloy = map[custodyv1.Metal]*big.Int{}
			for n, mg := range deal(out.mass, weights) {
				if mg.Sign() > 0 {
					out.alloy[m.metals()[n]] = mg
				}
			}
		}
	}
	whole := m.form == custodyv1.Form_FORM_PART || m.form == custodyv1.Form_FORM_PIECE
	off := apart(num(count), num(m.count)).Uint64()
	switch {
	case whole && count > 1 && out.mass.Uint64()%count != 0, out.mass.Uint64() < count:
		return nil, ledger.CountInvalid
	case off == 0:
	case m.count < 2 || whole || count < 2:
		return nil, ledger.CountInvalid
	case m.counted() && off > max(m.count*5/1000, 1):
		return nil, ledger.DifferenceTooLarge
	}
	out.count = count
	out.equal = m.equal && out.mass.Uint64()%count == 0
	return &out, ""
}

// accounted is the book of goods; a piece's is what its parts weigh.
func (t *twin) accounted(m *twinMatter) *big.Int {
	if m.form != custodyv1.Form_FORM_PIECE {
		return m.book()
	}
	total := new(big.Int)
	for _, line := range m.bill {
		total.Add(total, line.mass)
	}
	for _, child := range m.children {
		total.Add(total, t.items[child].m.mass)
	}
	return total
}

func (t *twin) reweigh(b *custodyv1.Reweigh) ledger.Reason {
	i, reason := t.advanced(t.e.Items[0])
	if reason != "" {
		return reason
	}
	set := i.within != ledger.ItemID{}
	if !set && !i.held(t.who.id) {
		return i.notHolder()
	}
	if reason := i.blocked("change"); reason != "" {
		return reason
	}
	m, reason := t.weighed(i.m, b.Mass, b.Count)
	if reason != "" {
		return reason
	}
	i.m, i.touched = m, true
	t.moved(i)
	return ""
}

func (t *twin) correct(b *custodyv1.Correct) ledger.Reason {
	i, reason := t.advanced(t.e.Items[0])
	if reason != "" {
		return reason
	}
	set := i.within != ledger.ItemID{}
	switch {
	case i.registrant != t.who.id:
		return ledger.NotRegistrant
	case len(b.Holder) > 0 && (set || !i.held(ledger.PartyID(b.Holder))):
		return ledger.CountersignerInvalid
	case len(b.Holder) == 0 && !set && !i.held(t.who.id):
		return ledger.BuiltOn
	}
	if reason := i.blocked("change"); reason != "" {
		return reason
	}
	origin := slices.Clone(i.m.origin)
	for _, c := range b.Origin {
		n := int(c.Component) - 1
		if n >= len(origin) {
			return ledger.CorrectionInvalid
		}
		s := &origin[n]
		for _, code := range c.Countries {
			if !ledger.IsCountry(code) {
				return ledger.CountryInvalid
			}
		}
		before := words(s.countries)
		none := twinSource{metal: s.metal, kind: custodyv1.OriginKind_ORIGIN_KIND_UNKNOWN}
		if len(c.Countries) == 0 {
			if s.alike(none) {
				return ledger.CorrectionInvalid
			}
			none.mg = s.mg
			*s = none
			continue
		}
		for _, code := range before {
			if !slices.Contains(c.Countries, code) {
				return ledger.CorrectionInvalid
			}
		}
		if len(before) == 0 || len(before) == len(c.Countries) {
			return ledger.CorrectionInvalid
		}
		s.countries, s.mine = strings.Join(c.Countries, " "), ""
	}
	var claims []twinClaim
	for _, id := range b.OutsideIds {
		claims = append(claims, twinClaim{id.Kind, id.Issuer, id.Number})
	}
	changes := b.ProcessedIn != "" || len(b.Origin) > 0
	if len(claims) > 0 {
		same := len(claims) == len(i.claims)
		for _, c := range claims {
			same = same && slices.Contains(i.claims, c)
		}
		changes = changes || !same
	}
	if !changes {
		return ledger.CorrectionInvalid
	}
	if len(claims) > 0 {
		i.claims = claims
	}
	if len(b.Origin) > 0 {
		m := *i.m
		m.origin = joined(origin)
		i.m = &m
	}
	t.moved(i)
	return ""
}

// joined adds up equal sources, in the order in which each came first.
func joined(origin []twinSource) []twinSource {
	var list []twinSource
next:
	for _, s := range origin {
		for n := range list {
			if list[n].alike(s) {
				list[n].mg = add(list[n].mg, s.mg)
				continue next
			}
		}
		list = append(list, s)
	}
	return list
}
