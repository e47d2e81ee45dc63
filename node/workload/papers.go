package workload

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/custodyledger/custodyledger/ledger/rules"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

func widen(countries, with string) []string {
	list := append(strings.Fields(countries), with)
	slices.Sort(list)
	return slices.Compact(list)
}

// countriesOf are the possible countries of goods.
func countriesOf(m rules.Matter) []string {
	all := ""
	for _, c := range m.Origin {
		all += " " + c.Countries
	}
	list := strings.Fields(all)
	slices.Sort(list)
	return slices.Compact(list)
}

func roughNatural(m rules.Matter) bool {
	return m.Material == custodyv1.Material_MATERIAL_DIAMOND && m.Nature == custodyv1.Nature_NATURE_NATURAL && m.Stage == custodyv1.Stage_STAGE_ROUGH
}

// certificate is a Kimberley certificate of all of an item, or of more.
func (w *World) certificate(t thing, number string, quantity, drawn uint64) *custodyv1.Attest {
	return &custodyv1.Attest{
		Item: t.ID[:], Kind: custodyv1.DocumentKind_DOCUMENT_KIND_KIMBERLEY_CERTIFICATE, Issuer: "kp.example.org", Country: "BW", Number: "BW" + number,
		DocumentSha256: fmt.Appendf(nil, "%032s", number), IssuedMs: StartMs - day, ExpiresMs: StartMs + 60*day,
		Claims:    []*custodyv1.ClaimMade{{Claim: custodyv1.Claim_CLAIM_ORIGIN, Level: custodyv1.Evidence_EVIDENCE_DOCUMENTED}},
		Countries: countriesOf(t.m), Quantity: &custodyv1.Portion{Micrograms: quantity}, Drawn: &custodyv1.Portion{Micrograms: drawn},
	}
}

func (w *World) attest() *plan {
	t, ok := w.find(func(t thing) bool { return t.Custody.Outside == nil && w.clear(t) && w.trusted(t.holder(w)) })
	if !ok || t.Custody.Outside != nil {
		return nil
	}
	by := t.holder(w)
	w.number++
	if roughNatural(t.m) && w.chance(70) {
		number := fmt.Sprint(w.number)
		if w.chance(40) { // one paper for several parcels
			return &plan{by: by, want: Unsure, body: w.certificate(t, "SHARED", 20_000_000, t.m.Mass)}
		}
		return &plan{by: by, want: Unsure, body: w.certificate(t, number, t.m.Mass, t.m.Mass)}
	}
	body := &custodyv1.Attest{Item: t.ID[:], DocumentSha256: randomBytes(w.random, 32)}
	claim := func(c custodyv1.Claim, level custodyv1.Evidence) {
		body.Claims = append(body.Claims, &custodyv1.ClaimMade{Claim: c, Level: level})
	}
	switch w.random.IntN(5) {
	case 0:
		body.Kind, body.Own = custodyv1.DocumentKind_DOCUMENT_KIND_WARRANTY, true
		claim(custodyv1.Claim_CLAIM_CONFORMITY, custodyv1.Evidence_EVIDENCE_STATED)
	case 1:
		by = w.withRole(custodyv1.Role_ROLE_LABORATORY)
		body.Kind, body.Own, body.Number = custodyv1.DocumentKind_DOCUMENT_KIND_GRADING_REPORT, true, fmt.Sprint(w.number)
		claim(custodyv1.Claim_CLAIM_IDENTITY, custodyv1.Evidence_EVIDENCE_EXAMINED)
		claim(custodyv1.Claim_CLAIM_NATURE, custodyv1.Evidence_EVIDENCE_EXAMINED)
	case 2:
		by = w.withRole(custodyv1.Role_ROLE_LABORATORY)
		body.Kind, body.Own = custodyv1.DocumentKind_DOCUMENT_KIND_SCREENING, true
		claim(custodyv1.Claim_CLAIM_NATURE, custodyv1.Evidence_EVIDENCE_EXAMINED)
		body.FoundCount, body.FoundNature = uint32(w.between(1, 3)), custodyv1.Nature_NATURE_LAB_GROWN
	case 3:
		body.Kind, body.Own = custodyv1.DocumentKind_DOCUMENT_KIND_INVOICE, true
		claim(custodyv1.Claim_CLAIM_ORIGIN, custodyv1.Evidence_EVIDENCE_STATED)
		body.Countries = countriesOf(t.m)
	default:
		body.Kind, body.Own, body.Number = custodyv1.DocumentKind_DOCUMENT_KIND_TRANSFER_DOCUMENT, true, "SHARED"
		claim(custodyv1.Claim_CLAIM_CONFORMITY, custodyv1.Evidence_EVIDENCE_DOCUMENTED)
		body.Quantity, body.Drawn = &custodyv1.Portion{Micrograms: 50_000_000}, &custodyv1.Portion{Micrograms: t.m.Mass}
		body.DocumentSha256 = make([]byte, 32)
	}
	return &plan{by: by, want: Unsure, body: body}
}

// attested finds an attestation: the one that a random early event made, if it was one.
func (w *World) attested(t thing) (rules.Attestation, bool) {
	var found []rules.Attestation
	for _, a := range w.Ledger.Attestations {
		if a.Item == t.ID {
			found = append(found, a)
		}
	}
	if len(found) == 0 {
		return rules.Attestation{}, false
	}
	slices.SortFunc(found, func(a, b rules.Attestation) int { return int(a.Index) - int(b.Index) })
	return found[w.random.IntN(len(found))], true
}

func (w *World) attestWithdraw() *plan {
	t, ok := w.find(func(t thing) bool { return true })
	if !ok {
		return nil
	}
	a, ok := w.attested(t)
	if !ok {
		return nil
	}
	p := &plan{by: w.actor(a.Party), want: Unsure}
	body := &custodyv1.AttestWithdraw{Item: t.ID[:], Attestation: a.Event[:], Reason: custodyv1.AttestWithdrawReason_ATTEST_WITHDRAW_REASON_RETRACTED}
	if w.chance(30) {
		p.by = w.association()
		body.Attestor = a.Party[:]
	}
	p.body = body
	return p
}

func (w *World) cross() *plan {
	t, ok := w.find(func(t thing) bool { return t.Custody.Outside == nil && w.clear(t) && w.trusted(t.holder(w)) })
	if !ok || t.Custody.Outside != nil {
		return nil
	}
	body := &custodyv1.BorderCross{Item: w.ref(t.ID), From: "BW", To: "BE"}
	if a, ok := w.attested(t); ok && w.chance(70) {
		body.Certificate = a.Event[:]
	}
	return &plan{by: t.holder(w), body: body, want: Unsure}
}

// second names another association, as two decide.
func (w *World) second(p *plan, field *[]byte) {
	for _, a := range w.Cast.Associations {
		if a != p.by && w.chance(85) {
			*field, p.with = a.ID[:], []*Actor{a}
			return
		}
	}
}

func (w *World) dispute() *plan {
	t, ok := w.find(func(t thing) bool { return t.Status == rules.Live })
	if !ok {
		return nil
	}
	by := w.association()
	if p := w.actor(t.Registrant); w.chance(60) {
		by = p
	} else if w.chance(30) {
		by = w.party()
	}
	return &plan{by: by, want: Unsure, body: &custodyv1.Dispute{Item: t.ID[:], Ground: custodyv1.DisputeGround(w.between(1, 5))}}
}

func (w *World) rule() *plan {
	t, ok := w.find(func(t thing) bool { return len(t.Disputes) > 0 || len(w.Ledger.Claims(t.ID)) > 0 })
	if !ok {
		return nil
	}
	p := &plan{by: w.association(), want: Unsure}
	body := &custodyv1.Ruling{Item: t.ID[:], Outcome: custodyv1.RulingOutcome(w.between(1, 3))}
	if ids := w.Ledger.Claims(t.ID); len(ids) > 0 && (len(t.Disputes) == 0 || w.chance(40)) {
		id := ids[w.random.IntN(len(ids))]
		body.OutsideId = &custodyv1.OutsideId{Kind: id.Kind, Issuer: id.Issuer, Number: id.Number}
		if w.chance(40) {
			p.by = w.withRole(custodyv1.Role_ROLE_LABORATORY)
		}
	} else {
		d := t.Disputes[w.random.IntN(len(t.Disputes))]
		body.Dispute = d.Event[:]
		if w.chance(50) {
			p.by, body.Outcome = w.actor(d.Party), custodyv1.RulingOutcome_RULING_OUTCOME_SETTLED
		}
	}
	if p.by.Role == 0 && body.Outcome != custodyv1.RulingOutcome_RULING_OUTCOME_SETTLED {
		w.second(p, &body.Second)
	}
	p.body = body
	return p
}

func (w *World) hold() *plan {
	t, ok := w.find(func(t thing) bool { return t.Status == rules.Live })
	if !ok {
		return nil
	}
	p := &plan{by: w.association(), want: Unsure}
	body := &custodyv1.Hold{Item: t.ID[:], Authority: custodyv1.HoldAuthority(w.between(1, 5)), OrderSha256: randomBytes(w.random, 32)}
	w.second(p, &body.Second)
	p.body = body
	return p
}

func (w *World) holdRelease() *plan {
	t, ok := w.find(func(t thing) bool { return len(t.Holds) > 0 })
	if !ok {
		return nil
	}
	p := &plan{by: w.association(), want: Unsure}
	body := &custodyv1.HoldRelease{Item: t.ID[:], Hold: t.Holds[0].Event[:]}
	w.second(p, &body.Second)
	p.body = body
	return p
}

func (w *World) incident() *plan {
	kind := custodyv1.IncidentKind(w.between(1, 6))
	if kind == custodyv1.IncidentKind_INCIDENT_KIND_DESTROYED && w.chance(60) {
		kind = custodyv1.IncidentKind_INCIDENT_KIND_RECOVERED
	}
	t, ok := w.find(func(t thing) bool {
		return t.Custody.Outside == nil && t.Status == rules.Live && (kind != custodyv1.IncidentKind_INCIDENT_KIND_RECOVERED || t.Lost || t.Stolen)
	})
	if !ok {
		return nil
	}
	by := t.holder(w)
	if o := t.owner(w); o != nil && w.chance(50) {
		by = o
	}
	return &plan{by: by, want: Unsure, body: &custodyv1.Incident{Item: w.ref(t.ID), Kind: kind}}
}

func (w *World) membership() *plan {
	by, party := w.association(), w.party()
	if w.chance(50) {
		by = w.Cast.Associations[party.sponsor]
	}
	var body proto.Message = &custodyv1.PartySponsor{Party: party.ID[:]}
	if w.chance(40) {
		body = &custodyv1.PartySuspend{Party: party.ID[:], Reason: custodyv1.SuspendReason_SUSPEND_REASON_UNDER_REVIEW}
	}
	return &plan{by: by, body: body, want: Unsure}
}

// wild acts without looking: any party, any item.
func (w *World) wild() *plan {
	t, ok := w.find(func(thing) bool { return true })
	if !ok {
		return nil
	}
	by, to := w.party(), w.party()
	if h := t.holder(w); h != nil && w.chance(60) {
		by = h
	} else if o := t.owner(w); o != nil && w.chance(60) {
		by = o
	}
	if o := t.owner(w); o != nil && w.chance(30) {
		to = o
	}
	p := &plan{by: by, want: Unsure}
	switch w.random.IntN(7) {
	case 0, 1, 2:
		body := w.offerOf(t, to, custodyv1.Mode(w.between(1, 8)))
		if w.chance(10) {
			body.GoodsLeft = true
		}
		if w.chance(15) {
			body.Part = w.portionOf(t.m)
		}
		p.body = body
	case 3:
		if len(t.Offers) == 0 {
			return nil
		}
		o := t.Offers[w.random.IntN(len(t.Offers))]
		if w.chance(70) {
			p.by = w.actor(o.To)
		}
		p.body = w.accepting(t, o)
	case 4:
		p.body = &custodyv1.Release{Item: w.ref(t.ID), Reason: custodyv1.OutsideReason(w.between(1, 6)), Country: "JP"}
	case 5:
		p.body = &custodyv1.Incident{Item: w.ref(t.ID), Kind: custodyv1.IncidentKind(w.between(1, 6))}
	default:
		p.body = &custodyv1.Reweigh{Item: w.ref(t.ID), Mass: w.weighed(t.m)}
	}
	return p
}
