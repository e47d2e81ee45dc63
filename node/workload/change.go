package workload

import (
	"slices"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/rules"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// workable finds goods that their holder may work on: its own, or sent to it for that.
func (w *World) workable(fits func(rules.Matter) bool) (thing, bool) {
	return w.find(func(t thing) bool {
		if t.Custody.Outside != nil || !fits(t.m) || !w.clear(t) || w.careful && t.Status != rules.Live {
			return false
		}
		service := len(t.Terms) > 0 && t.Terms[len(t.Terms)-1].Mode == custodyv1.Mode_MODE_SERVICE
		return w.own(t) || service && !w.standing(t) && w.trusted(t.holder(w))
	})
}

// beside finds more goods that can go into one change with the first.
func (w *World) beside(first thing, most int, fits func(rules.Matter) bool) []thing {
	list := []thing{first}
	for range 3 * most {
		if len(list) == most {
			break
		}
		t, ok := w.workable(func(m rules.Matter) bool { return fits(m) })
		if !ok {
			break
		}
		same := t.Custody.Equal(first.Custody) && slices.Equal(t.Terms, first.Terms) &&
			slices.EqualFunc(t.Title, first.Title, func(a, b rules.Share) bool { return a.Parts == b.Parts && a.Owner.Equal(b.Owner) })
		if same && !slices.ContainsFunc(list, func(l thing) bool { return l.ID == t.ID }) {
			list = append(list, t)
		}
	}
	return list
}

func (w *World) refs(list []thing) []*custodyv1.ItemRef {
	var refs []*custodyv1.ItemRef
	for _, t := range list {
		refs = append(refs, w.ref(t.ID))
	}
	return refs
}

// asWeighed is what a world expects of a change of goods: where the book differs from the
// mass, the bounds may be met.
func asWeighed(list ...thing) ledger.Reason {
	for _, t := range list {
		if t.m.Form == custodyv1.Form_FORM_PIECE || t.m.Book() != t.m.Mass {
			return Unsure
		}
	}
	return ""
}

func stoneLike(m rules.Matter) bool {
	return m.Material == custodyv1.Material_MATERIAL_DIAMOND || m.Material == custodyv1.Material_MATERIAL_GEM
}

func (w *World) cut() *plan {
	t, ok := w.workable(func(m rules.Matter) bool { return stoneLike(m) && m.Mass > 1000 })
	if !ok {
		return nil
	}
	kept := t.m.Mass * w.between(300, 700) / 1000
	p := &plan{by: t.holder(w), want: asWeighed(t)}
	n := w.between(1, 3)
	body := &custodyv1.Transform{Process: custodyv1.Process_PROCESS_CUT, Inputs: w.refs([]thing{t}), Country: p.by.Country}
	left := kept
	for i := range n {
		part := left / (n - i)
		left -= part
		o := outputLike(t.m, part, 0)
		o.Form, o.Stage = custodyv1.Form_FORM_SINGLE, custodyv1.Stage_STAGE_POLISHED
		if t.m.Nature != custodyv1.Nature_NATURE_NATURAL && t.m.Nature != custodyv1.Nature_NATURE_LAB_GROWN {
			o.Stage = t.m.Stage
		}
		body.Outputs = append(body.Outputs, o)
	}
	body.Balances = []*custodyv1.Balance{{Material: t.m.Material, LossMicrograms: t.m.Mass - kept}}
	w.scale(body, &p.want)
	p.body = body
	return p
}

// scale lets the scales differ now and then: a little of the loss is a shortfall.
func (w *World) scale(body *custodyv1.Transform, want *ledger.Reason) {
	if len(body.Balances) == 0 || !w.chance(15) {
		return
	}
	b := body.Balances[0]
	part := b.LossMicrograms / w.between(2, 200)
	b.LossMicrograms -= part
	b.ShortfallMicrograms = part
	*want = Unsure
}

func (w *World) treat() *plan {
	t, ok := w.workable(func(m rules.Matter) bool { return stoneLike(m) || m.Material == custodyv1.Material_MATERIAL_PEARL })
	if !ok {
		return nil
	}
	codes := []string{[]string{"H", "R", "C", "N", "L", "O"}[w.random.IntN(6)]}
	body := &custodyv1.Transform{Process: custodyv1.Process_PROCESS_TREAT, Inputs: w.refs([]thing{t}), Treatments: &custodyv1.Treatments{List: 2022, Codes: codes}}
	if w.chance(30) {
		body.Balances = []*custodyv1.Balance{{Material: t.m.Material, LossMicrograms: max(1, t.m.Mass*w.between(1, 60)/1000)}}
	}
	return &plan{by: t.holder(w), body: body, want: Unsure}
}

func (w *World) split() *plan {
	t, ok := w.workable(func(m rules.Matter) bool {
		return (divisible(m) || m.Form == custodyv1.Form_FORM_SINGLE && m.Material == custodyv1.Material_MATERIAL_METAL) && m.Mass > 5000
	})
	if !ok {
		return nil
	}
	p := &plan{by: t.holder(w), want: asWeighed(t)}
	n := w.between(2, 4)
	body := &custodyv1.Transform{Process: custodyv1.Process_PROCESS_SPLIT, Inputs: w.refs([]thing{t})}
	counted := t.m.Count > 1 && t.m.CountBasis != custodyv1.CountBasis_COUNT_BASIS_ESTIMATED
	if counted {
		n = min(n, uint64(t.m.Count))
	}
	left, count := t.m.Mass, uint64(t.m.Count)
	for i := range n {
		part, things := left/(n-i), uint64(0)
		if counted {
			things = count / (n - i)
			part = left / count * things
			if i == n-1 {
				part = left
			}
			count -= things
		}
		left -= part
		body.Outputs = append(body.Outputs, outputLike(t.m, part, uint32(things)))
	}
	if t.m.Material == custodyv1.Material_MATERIAL_METAL && len(t.m.Composition) > 1 {
		w.restToLast(t, body)
		if body.Outputs[n-1].Mass.Micrograms < sureAlloy {
			p.want = Unsure
		}
	}
	if t.m.Material != custodyv1.Material_MATERIAL_METAL && t.m.Form != custodyv1.Form_FORM_PIECE && w.chance(50) {
		sorted(t.m, body)
	}
	p.body = body
	return p
}

// sureAlloy is the mass from which on a ten-thousandth of an alloy is more than what
// the rounding of the other outputs leaves to the last one.
const sureAlloy = 100_000

// restToLast makes the compositions of all outputs add up to the input's.
func (w *World) restToLast(t thing, body *custodyv1.Transform) {
	left := slices.Clone(t.m.Composition)
	last := body.Outputs[len(body.Outputs)-1]
	for _, o := range body.Outputs[:len(body.Outputs)-1] {
		for _, c := range o.Composition {
			at := slices.IndexFunc(left, func(l rules.Constituent) bool { return l.Metal == c.Metal })
			left[at].Micrograms -= min(left[at].Micrograms, c.Micrograms)
		}
	}
	last.Composition = compositionOf(left)
}

// sorted allocates the origins of goods to outputs one after the other.
func sorted(m rules.Matter, body *custodyv1.Transform) {
	at, left := 0, m.Origin[0].Micrograms
	for _, o := range body.Outputs {
		need := o.Mass.Micrograms
		for need > 0 && at < len(m.Origin) {
			n := min(need, left)
			if n > 0 {
				o.Allocation = append(o.Allocation, &custodyv1.Allocation{Component: uint32(at + 1), Micrograms: n})
			}
			need, left = need-n, left-n
			if left == 0 {
				if at++; at < len(m.Origin) {
					left = m.Origin[at].Micrograms
				}
			}
		}
	}
}

// likeness tells whether goods can be put together.
func likeness(a, b rules.Matter) bool {
	return a.Material == b.Material && a.Nature == b.Nature && a.Stage == b.Stage && a.Species == b.Species && slices.Equal(a.Treatments, b.Treatments) &&
		a.Form != custodyv1.Form_FORM_PIECE && (a.Form == custodyv1.Form_FORM_PART) == (b.Form == custodyv1.Form_FORM_PART)
}

func (w *World) merge() *plan {
	t, ok := w.workable(func(m rules.Matter) bool {
		return m.Form != custodyv1.Form_FORM_PIECE && m.Form != custodyv1.Form_FORM_PART
	})
	if !ok {
		return nil
	}
	list := w.beside(t, int(w.between(2, 5)), func(m rules.Matter) bool { return likeness(t.m, m) })
	if len(list) < 2 {
		return nil
	}
	total, composition := sumOf(list)
	out := outputLike(t.m, total, 0)
	out.Form, out.Composition = custodyv1.Form_FORM_BULK, composition
	count := uint64(0)
	for _, l := range list {
		n := uint64(l.m.Count)
		if l.m.Form == custodyv1.Form_FORM_SINGLE {
			n = 1
		} else if n == 0 || l.m.CountBasis == custodyv1.CountBasis_COUNT_BASIS_ESTIMATED {
			count = 1 << 40
		}
		count += n
	}
	if count < 1<<32 && w.chance(80) {
		out.Form, out.Count = custodyv1.Form_FORM_COUNTED_PARCEL, uint32(count)
	}
	return &plan{by: t.holder(w), want: asWeighed(list...), body: &custodyv1.Transform{Process: custodyv1.Process_PROCESS_MERGE, Inputs: w.refs(list), Outputs: []*custodyv1.Output{out}}}
}

func sumOf(list []thing) (total uint64, composition []*custodyv1.Constituent) {
	var metals [16]uint64
	for _, t := range list {
		total += t.m.Mass
		for _, c := range t.m.Composition {
			metals[c.Metal] += c.Micrograms
		}
	}
	for m, n := range metals {
		if n > 0 {
			composition = append(composition, &custodyv1.Constituent{Metal: custodyv1.Metal(m), Micrograms: n})
		}
	}
	return total, composition
}

func isMetal(m rules.Matter) bool { return m.Material == custodyv1.Material_MATERIAL_METAL }

func (w *World) melt() *plan {
	t, ok := w.workable(isMetal)
	if !ok {
		return nil
	}
	list := w.beside(t, int(w.between(1, 5)), isMetal)
	p := &plan{by: t.holder(w), want: asWeighed(list...)}
	body := &custodyv1.Transform{Process: custodyv1.Process_PROCESS_MELT, Inputs: w.refs(list)}
	total, composition := sumOf(list)
	if w.chance(25) { // master alloy
		n := w.between(1, 50) * 1000
		body.Additions = []*custodyv1.BillLine{{Material: custodyv1.Material_MATERIAL_METAL, Form: custodyv1.Form_FORM_BULK, Mass: mass(n), Composition: []*custodyv1.Constituent{{Metal: copper, Micrograms: n}}}}
		total += n
		at := slices.IndexFunc(composition, func(c *custodyv1.Constituent) bool { return c.Metal == copper })
		if at < 0 {
			composition = append(composition, &custodyv1.Constituent{Metal: copper})
			at = len(composition) - 1
		}
		composition[at].Micrograms += n
	}
	for _, c := range composition { // a hundredth stays in the crucible
		if loss := c.Micrograms / 100; loss > 0 {
			c.Micrograms -= loss
			total -= loss
			body.Balances = append(body.Balances, &custodyv1.Balance{Material: custodyv1.Material_MATERIAL_METAL, Metal: c.Metal, LossMicrograms: loss})
		}
	}
	bar := func(c ...*custodyv1.Constituent) *custodyv1.Output {
		n := uint64(0)
		for _, x := range c {
			n += x.Micrograms
		}
		form := []custodyv1.Form{custodyv1.Form_FORM_SINGLE, custodyv1.Form_FORM_BULK, custodyv1.Form_FORM_PART}[w.random.IntN(3)]
		return &custodyv1.Output{Material: custodyv1.Material_MATERIAL_METAL, Form: form, Mass: mass(n), Composition: c}
	}
	switch {
	case len(composition) > 1 && w.chance(30):
		body.Process = custodyv1.Process_PROCESS_REFINE
		for _, c := range composition {
			body.Outputs = append(body.Outputs, bar(c))
		}
	case w.chance(30):
		var first, second []*custodyv1.Constituent
		for _, c := range composition {
			if half := c.Micrograms / 2; half > 0 {
				first = append(first, &custodyv1.Constituent{Metal: c.Metal, Micrograms: half})
			}
			second = append(second, &custodyv1.Constituent{Metal: c.Metal, Micrograms: c.Micrograms - c.Micrograms/2})
		}
		body.Outputs = []*custodyv1.Output{bar(first...), bar(second...)}
	default:
		body.Outputs = []*custodyv1.Output{bar(composition...)}
	}
	p.body = body
	return p
}

func settable(m rules.Matter) bool {
	return m.Form == custodyv1.Form_FORM_SINGLE || m.Form == custodyv1.Form_FORM_PART || m.Form == custodyv1.Form_FORM_COUNTED_PARCEL || m.Form == custodyv1.Form_FORM_PIECE && m.Count == 0
}

// solder is what a piece gets that has no id.
func solder(micrograms uint64) *custodyv1.BillLine {
	return &custodyv1.BillLine{Material: custodyv1.Material_MATERIAL_METAL, Form: custodyv1.Form_FORM_BULK, Mass: mass(micrograms), Composition: []*custodyv1.Constituent{{Metal: silver, Micrograms: micrograms}}}
}

func (w *World) assemble() *plan {
	t, ok := w.workable(settable)
	if !ok {
		return nil
	}
	list := w.beside(t, int(w.between(1, 5)), settable)
	body := &custodyv1.Transform{Process: custodyv1.Process_PROCESS_ASSEMBLE, Inputs: w.refs(list)}
	total, _ := sumOf(list)
	if w.chance(40) {
		n := w.between(100, 9000)
		body.Additions, total = []*custodyv1.BillLine{solder(n)}, total+n
	}
	body.Outputs = []*custodyv1.Output{{Form: custodyv1.Form_FORM_PIECE, Mass: mass(total)}}
	return &plan{by: t.holder(w), body: body}
}

func (w *World) wholePiece() (thing, bool) {
	return w.workable(func(m rules.Matter) bool { return m.Form == custodyv1.Form_FORM_PIECE })
}

func (w *World) rework() *plan {
	t, ok := w.wholePiece()
	if !ok {
		return nil
	}
	body := &custodyv1.Transform{Process: custodyv1.Process_PROCESS_REWORK}
	inputs := []thing{t}
	if w.chance(40) {
		for _, l := range w.beside(t, 3, settable) {
			if l.ID != t.ID {
				inputs = append(inputs, l)
			}
		}
	}
	body.Inputs = w.refs(inputs)
	if w.chance(40) {
		body.Additions = []*custodyv1.BillLine{solder(w.between(100, 9000))}
	}
	for _, id := range t.m.Children {
		child := w.thing(id)
		switch {
		case w.chance(30):
			body.Removed = append(body.Removed, w.ref(id))
		case isMetal(child.m) && child.m.Mass > 2000 && child.m.Count == 0 && len(body.Filings) == 0 && w.chance(70):
			w.file(body, child)
		}
	}
	return &plan{by: t.holder(w), body: body, want: Unsure}
}

// file takes a few hundredths off a part; half of it comes back as sweeps.
func (w *World) file(body *custodyv1.Transform, child thing) {
	n := child.m.Mass * w.between(1, 50) / 1000
	body.Filings = []*custodyv1.Filing{{Item: w.ref(child.ID), Micrograms: n}}
	if len(child.m.Composition) > 1 || w.chance(40) {
		left := n
		for i, c := range child.m.Composition { // all of it lost
			part := proportion(c.Micrograms, n, child.m.Mass)
			if i == len(child.m.Composition)-1 {
				part = left
			}
			left -= part
			if part > 0 {
				body.Balances = append(body.Balances, &custodyv1.Balance{Material: custodyv1.Material_MATERIAL_METAL, Metal: c.Metal, LossMicrograms: part})
			}
		}
		return
	}
	metal := child.m.Composition[0].Metal
	half := max(1, n/2)
	body.Outputs = []*custodyv1.Output{{Material: custodyv1.Material_MATERIAL_METAL, Form: custodyv1.Form_FORM_BULK, Mass: mass(half), Composition: []*custodyv1.Constituent{{Metal: metal, Micrograms: half}}}}
	if n > half {
		body.Balances = []*custodyv1.Balance{{Material: custodyv1.Material_MATERIAL_METAL, Metal: metal, LossMicrograms: n - half}}
	}
}

func (w *World) disassemble() *plan {
	t, ok := w.wholePiece()
	if !ok {
		return nil
	}
	body := &custodyv1.Transform{Process: custodyv1.Process_PROCESS_DISASSEMBLE, Inputs: w.refs([]thing{t})}
	for _, id := range t.m.Children {
		body.Inputs = append(body.Inputs, w.ref(id))
	}
	var lost [32]uint64
	for i, line := range t.m.Bill {
		if w.chance(60) {
			o := outputLike(line, line.Mass, line.Count)
			o.CountBasis = line.CountBasis
			o.BillLine = uint32(i + 1)
			body.Outputs = append(body.Outputs, o)
			continue
		}
		if line.Material != custodyv1.Material_MATERIAL_METAL {
			lost[line.Material] += line.Mass
		}
		for _, c := range line.Composition {
			lost[8+c.Metal] += c.Micrograms
		}
	}
	for at, n := range lost {
		switch {
		case n == 0:
		case at < 8:
			body.Balances = append(body.Balances, &custodyv1.Balance{Material: custodyv1.Material(at), LossMicrograms: n})
		default:
			body.Balances = append(body.Balances, &custodyv1.Balance{Material: custodyv1.Material_MATERIAL_METAL, Metal: custodyv1.Metal(at - 8), LossMicrograms: n})
		}
	}
	slices.SortStableFunc(body.Balances, func(a, b *custodyv1.Balance) int { return int(slot(a)) - int(slot(b)) })
	return &plan{by: t.holder(w), body: body, want: Unsure}
}

// slot orders balances as they have to stand: materials, then metals.
func slot(b *custodyv1.Balance) int32 {
	if b.Metal != 0 {
		return 8 + int32(b.Metal)
	}
	return int32(b.Material)
}

func (w *World) reweigh() *plan {
	t, ok := w.find(func(t thing) bool { return t.Custody.Outside == nil && w.clear(t) && w.trusted(t.holder(w)) })
	if !ok || t.Custody.Outside != nil {
		return nil
	}
	body := &custodyv1.Reweigh{Item: w.ref(t.ID), Mass: w.weighed(t.m)}
	if t.m.Count > 1 && w.chance(30) {
		body.Count = t.m.Count + 1 - uint32(w.random.IntN(3))
	}
	return &plan{by: t.holder(w), body: body, want: Unsure}
}

func (w *World) correct() *plan {
	t, ok := w.find(func(t thing) bool { return w.clear(t) && w.trusted(w.actor(t.Registrant)) })
	if !ok {
		return nil
	}
	p := &plan{by: w.actor(t.Registrant), want: Unsure}
	body := &custodyv1.Correct{Item: w.ref(t.ID), Reason: custodyv1.CorrectReason_CORRECT_REASON_INCORRECT_DATA}
	if h := t.holder(w); t.Custody.Outside == nil && h != p.by && w.chance(70) {
		body.Holder, p.with = h.ID[:], []*Actor{h}
	}
	switch {
	case len(t.m.Origin) > 0 && w.chance(60):
		at := w.random.IntN(len(t.m.Origin))
		c := &custodyv1.OriginCorrection{Component: uint32(at + 1)}
		if s := t.m.Origin[at].Countries; s != "" && w.chance(80) {
			c.Countries = widen(s, w.country(diamondShares))
		}
		body.Origin = []*custodyv1.OriginCorrection{c}
	case w.chance(50):
		body.ProcessedIn = w.country(diamondShares)
	default:
		body.OutsideIds = []*custodyv1.OutsideId{{Kind: custodyv1.OutsideIdKind_OUTSIDE_ID_KIND_LABORATORY_REPORT, Issuer: "BENCHLAB", Number: "17"}}
	}
	p.body = body
	return p
}

func (w *World) void() *plan {
	t, ok := w.find(func(t thing) bool { return !t.Offered && w.own(t) && w.trusted(w.actor(t.Registrant)) })
	if !ok {
		return nil
	}
	return &plan{by: w.actor(t.Registrant), body: &custodyv1.ItemVoid{Item: w.ref(t.ID), Reason: custodyv1.VoidReason_VOID_REASON_MISTAKE}}
}
