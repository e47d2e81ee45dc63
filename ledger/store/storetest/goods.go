package storetest

import (
	"fmt"
	"slices"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/rules"
	"github.com/custodyledger/custodyledger/ledger/sign"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// says makes the submission of an event of a party. Without keys it signs with the
// party's own.
func (t *Trade) says(a *Actor, body func(*custodyv1.Event), keys ...sign.PrivateKey) ledger.Submission {
	event := t.envelope(a.ID)
	body(event)
	if len(keys) == 0 {
		keys = []sign.PrivateKey{a.Key}
	}
	return ledger.Submission{t.candidate(event, nil, keys...)}
}

// Parcel registers loose rough of two origins.
func (t *Trade) Parcel(a *Actor) ledger.Submission {
	count := uint32(4 + t.pick(20))
	half := uint64(count) * uint64(10_000+t.pick(90_000))
	return t.says(a, func(e *custodyv1.Event) {
		e.Body = &custodyv1.Event_ItemRegister{ItemRegister: &custodyv1.ItemRegister{
			Material: custodyv1.Material_MATERIAL_DIAMOND, Form: custodyv1.Form_FORM_COUNTED_PARCEL, Nature: custodyv1.Nature_NATURE_NATURAL, Stage: custodyv1.Stage_STAGE_ROUGH,
			Mass: mass(2 * half), Count: count, CountBasis: custodyv1.CountBasis_COUNT_BASIS_COUNTED,
			Acquisition: custodyv1.Acquisition_ACQUISITION_STOCK_BEFORE_JOINING,
			Origin: []*custodyv1.OriginComponent{
				{Micrograms: half, Kind: custodyv1.OriginKind_ORIGIN_KIND_MINED, Countries: []string{"BW"}, Mine: "mine 1", Producer: "mine.example.org"},
				{Micrograms: half, Kind: custodyv1.OriginKind_ORIGIN_KIND_MINED, Countries: []string{"CA", "ZA"}},
			},
		}}
	})
}

func mass(micrograms uint64) *custodyv1.Mass {
	return &custodyv1.Mass{Micrograms: micrograms, Basis: custodyv1.MassBasis_MASS_BASIS_WEIGHED}
}

// matter does something with an item that changes what it is, what papers say of it,
// who owns a share, or what stands in its way.
func (t *Trade) matter() ledger.Submission {
	items := t.Twin.ItemsWhere(func(i rules.Item) bool { return i.Status == rules.Live })
	if len(items) == 0 || t.chance(15) {
		return t.Parcel(t.dealer())
	}
	stopped := t.Twin.ItemsWhere(func(i rules.Item) bool { return i.Status == rules.Live && len(i.Holds)+len(i.Disputes) > 0 })
	if len(stopped) > 0 && t.chance(15) { // or none would ever be free again
		return t.dispute(t.Twin.Items[stopped[t.pick(len(stopped))]])
	}
	item := t.Twin.Items[items[t.pick(len(items))]]
	on := &custodyv1.ItemRef{Item: item.ID[:], Prev: item.Last[:]}
	switch t.pick(12) {
	case 0, 1, 2:
		return t.change(item, on)
	case 3:
		return t.assemble(item, on)
	case 4:
		return t.part(item, on)
	case 5:
		return t.attest(item)
	case 6:
		return t.withdrawPaper(item)
	case 7:
		return t.share(item, on)
	case 8:
		return t.incident(item, on)
	case 9:
		return t.correct(item, on)
	}
	return t.dispute(item)
}

// change splits a parcel, treats a stone or takes a piece apart.
func (t *Trade) change(item rules.Item, on *custodyv1.ItemRef) ledger.Submission {
	m := t.Twin.Matters[item.ID]
	body := &custodyv1.Transform{Process: custodyv1.Process_PROCESS_TREAT, Inputs: []*custodyv1.ItemRef{on}, Treatments: &custodyv1.Treatments{List: 2024, Codes: []string{"H"}}}
	switch {
	case m.Form == custodyv1.Form_FORM_PIECE:
		body = &custodyv1.Transform{Process: custodyv1.Process_PROCESS_DISASSEMBLE, Inputs: []*custodyv1.ItemRef{on}}
		for _, id := range m.Children {
			last := t.Twin.Items[id].Last
			body.Inputs = append(body.Inputs, &custodyv1.ItemRef{Item: id[:], Prev: last[:]})
		}
		for _, line := range m.Bill {
			body.Balances = append(body.Balances, &custodyv1.Balance{Material: line.Material, Metal: line.Composition[0].Metal, LossMicrograms: line.Mass})
		}
	case m.Count > 3:
		body = &custodyv1.Transform{Process: custodyv1.Process_PROCESS_SPLIT, Inputs: []*custodyv1.ItemRef{on}}
		first := m.Mass / 3
		for i, o := range []struct {
			mass  uint64
			count uint32
		}{{first, 2}, {m.Mass - first, m.Count - 2}} {
			output := &custodyv1.Output{
				Material: m.Material, Form: m.Form, Nature: m.Nature, Stage: m.Stage, Mass: mass(o.mass), Count: o.count, CountBasis: m.CountBasis,
			}
			if i == 0 && t.chance(50) {
				output.OutsideIds = []*custodyv1.OutsideId{{Kind: custodyv1.OutsideIdKind_OUTSIDE_ID_KIND_LABORATORY_REPORT, Issuer: "LAB", Number: fmt.Sprint(t.pick(30))}}
			}
			body.Outputs = append(body.Outputs, output)
		}
	}
	return t.says(t.actor(item.Custody.Party), func(e *custodyv1.Event) { e.Body = &custodyv1.Event_Transform{Transform: body} })
}

// assemble sets an item, and perhaps another one of the same holder, in gold.
func (t *Trade) assemble(item rules.Item, on *custodyv1.ItemRef) ledger.Submission {
	inputs, total := []*custodyv1.ItemRef{on}, t.Twin.Matters[item.ID].Mass
	others := t.Twin.ItemsWhere(func(i rules.Item) bool {
		return i.ID != item.ID && i.Status == rules.Live && !i.Set() && i.Custody.Equal(item.Custody) && i.Owner().Equal(item.Owner())
	})
	if len(others) > 0 && t.chance(50) {
		other := t.Twin.Items[others[t.pick(len(others))]]
		inputs, total = append(inputs, &custodyv1.ItemRef{Item: other.ID[:], Prev: other.Last[:]}), total+t.Twin.Matters[other.ID].Mass
	}
	gold := uint64(1_000_000 + t.pick(1_000_000))
	line := &custodyv1.BillLine{
		Material: custodyv1.Material_MATERIAL_METAL, Form: custodyv1.Form_FORM_PART, Mass: mass(gold),
		Composition: []*custodyv1.Constituent{{Metal: custodyv1.Metal_METAL_GOLD, Micrograms: gold}},
	}
	return t.says(t.actor(item.Custody.Party), func(e *custodyv1.Event) {
		e.Body = &custodyv1.Event_Transform{Transform: &custodyv1.Transform{
			Process: custodyv1.Process_PROCESS_ASSEMBLE, Inputs: inputs, Additions: []*custodyv1.BillLine{line},
			Outputs: []*custodyv1.Output{{Form: custodyv1.Form_FORM_PIECE, Mass: mass(total + gold)}},
		}}
	})
}

// part offers a part, or receives less than was offered.
func (t *Trade) part(item rules.Item, on *custodyv1.ItemRef) ledger.Submission {
	m := t.Twin.Matters[item.ID]
	less := &custodyv1.Portion{Micrograms: m.Mass / 4}
	if m.Count > 0 {
		less.Count = 1
	}
	if len(item.Offers) > 0 {
		o := item.Offers[t.pick(len(item.Offers))]
		return t.says(t.actor(o.To), func(e *custodyv1.Event) {
			e.Body = &custodyv1.Event_Accept{Accept: &custodyv1.Accept{Item: on, Offer: o.Event[:], From: o.From[:], Received: less}}
		})
	}
	to, agent := t.dealer(), t.dealer()
	return t.says(t.actor(item.Custody.Party), func(e *custodyv1.Event) {
		offer := &custodyv1.Offer{Item: on, To: to.ID[:], Mode: custodyv1.Mode_MODE_SALE, ExpiresAtMs: t.Now + 20_000, Part: less}
		if t.chance(50) {
			offer.Mode, offer.UntilMs, offer.MayMemoOn = custodyv1.Mode_MODE_MEMO, t.Now+1_000_000, true
		}
		if t.chance(30) {
			offer.Agent = agent.ID[:]
		}
		e.Body = &custodyv1.Event_Offer{Offer: offer}
	})
}

// attest draws of one of a few certificates, for an item or for rough.
func (t *Trade) attest(item rules.Item) ledger.Submission {
	rough := t.Twin.ItemsWhere(func(i rules.Item) bool {
		return i.Status == rules.Live && t.Twin.Matters[i.ID].Stage == custodyv1.Stage_STAGE_ROUGH
	})
	if len(rough) > 0 && t.chance(60) {
		item = t.Twin.Items[rough[t.pick(len(rough))]]
	}
	m, number := t.Twin.Matters[item.ID], t.pick(3)
	body := &custodyv1.Attest{
		Item: item.ID[:], Kind: custodyv1.DocumentKind_DOCUMENT_KIND_INVOICE, Issuer: "seller.example.org", Number: fmt.Sprint(number), DocumentSha256: make([]byte, 32),
		Claims: []*custodyv1.ClaimMade{{Claim: custodyv1.Claim_CLAIM_IDENTITY, Level: custodyv1.Evidence_EVIDENCE_STATED}},
	}
	if m.Stage == custodyv1.Stage_STAGE_ROUGH {
		body.Kind, body.Country, body.Number = custodyv1.DocumentKind_DOCUMENT_KIND_KIMBERLEY_CERTIFICATE, "BW", fmt.Sprint("BW", number)
		body.Claims[0] = &custodyv1.ClaimMade{Claim: custodyv1.Claim_CLAIM_ORIGIN, Level: custodyv1.Evidence_EVIDENCE_STATED}
		body.Countries, body.IssuedMs, body.ExpiresMs = []string{"BW", "CA", "ZA"}, Start-1000, Start+uint64(1_000_000_000+number)
		body.Quantity, body.Drawn = &custodyv1.Portion{Micrograms: 20_000_000}, &custodyv1.Portion{Micrograms: m.Mass}
	}
	return t.says(t.dealer(), func(e *custodyv1.Event) { e.Body = &custodyv1.Event_Attest{Attest: body} })
}

// withdrawPaper takes back what somebody attested, if anybody did.
func (t *Trade) withdrawPaper(item rules.Item) ledger.Submission {
	var of []rules.Attestation
	for _, a := range t.Twin.Attestations {
		of = append(of, a)
	}
	if len(of) == 0 {
		return t.attest(item)
	}
	slices.SortFunc(of, func(a, b rules.Attestation) int { return int(a.Index) - int(b.Index) })
	a := of[t.pick(len(of))]
	return t.says(t.actor(a.Party), func(e *custodyv1.Event) {
		e.Body = &custodyv1.Event_AttestWithdraw{AttestWithdraw: &custodyv1.AttestWithdraw{
			Item: a.Item[:], Attestation: a.Event[:], Reason: custodyv1.AttestWithdrawReason_ATTEST_WITHDRAW_REASON_RETRACTED,
		}}
	})
}

// share gives half of the title to another dealer, or all back to the managing owner.
func (t *Trade) share(item rules.Item, on *custodyv1.ItemRef) ledger.Submission {
	owner, other := t.actor(item.Owner().Party), t.dealer()
	body := &custodyv1.Share{Item: on, Owners: []*custodyv1.TitlePart{{Party: owner.ID[:], Parts: 1}}}
	keys := []sign.PrivateKey{owner.Key}
	switch {
	case len(item.Title) > 1:
		other = t.actor(item.Title[1].Owner.Party)
		body.Leaving = [][]byte{other.ID[:]}
	case other.ID != owner.ID:
		body.Owners = append(body.Owners, &custodyv1.TitlePart{Party: other.ID[:], Parts: 1})
	}
	if other.ID != owner.ID {
		keys = append(keys, other.Key)
	}
	return t.says(owner, func(e *custodyv1.Event) { e.Body = &custodyv1.Event_Share{Share: body} }, keys...)
}

// Lose reports that an item is lost, or that a lost one is back.
func (t *Trade) Lose(id ledger.ItemID) ledger.Submission {
	item := t.Twin.Items[id]
	return t.report(item, &custodyv1.ItemRef{Item: item.ID[:], Prev: item.Last[:]}, custodyv1.IncidentKind_INCIDENT_KIND_LOST)
}

func (t *Trade) incident(item rules.Item, on *custodyv1.ItemRef) ledger.Submission {
	return t.report(item, on, custodyv1.IncidentKind(1+t.pick(len(custodyv1.IncidentKind_name)-1)))
}

// report is an owner's of what happened to an item, or that it is back if it was gone.
func (t *Trade) report(item rules.Item, on *custodyv1.ItemRef, kind custodyv1.IncidentKind) ledger.Submission {
	if item.Lost || item.Stolen {
		kind = custodyv1.IncidentKind_INCIDENT_KIND_RECOVERED
	}
	return t.says(t.actor(item.Owner().Party), func(e *custodyv1.Event) {
		e.Body = &custodyv1.Event_Incident{Incident: &custodyv1.Incident{Item: on, Kind: kind}}
	})
}

// correct gives an item another report number.
func (t *Trade) correct(item rules.Item, on *custodyv1.ItemRef) ledger.Submission {
	registrant, holder := t.actor(item.Registrant), t.actor(item.Custody.Party)
	body := &custodyv1.Correct{
		Item: on, Reason: custodyv1.CorrectReason_CORRECT_REASON_INCORRECT_DATA,
		OutsideIds: []*custodyv1.OutsideId{{Kind: custodyv1.OutsideIdKind_OUTSIDE_ID_KIND_LABORATORY_REPORT, Issuer: "LAB", Number: fmt.Sprint(t.pick(30))}},
	}
	keys := []sign.PrivateKey{registrant.Key}
	if holder.ID != registrant.ID {
		body.Holder, keys = holder.ID[:], append(keys, holder.Key)
	}
	return t.says(registrant, func(e *custodyv1.Event) { e.Body = &custodyv1.Event_Correct{Correct: body} }, keys...)
}

// dispute opens or ends a dispute or a hold, or rules on an outside id, all by both
// associations.
func (t *Trade) dispute(item rules.Item) ledger.Submission {
	first, second := t.Associations[0], t.Associations[1]
	outcome := custodyv1.RulingOutcome(1 + t.pick(2))
	rule := func(body *custodyv1.Ruling) func(*custodyv1.Event) {
		body.Item, body.Outcome, body.Second = item.ID[:], outcome, second.ID[:]
		return func(e *custodyv1.Event) { e.Body = &custodyv1.Event_Ruling{Ruling: body} }
	}
	claims := t.Twin.Standing[item.ID]
	switch n := t.pick(4); {
	case n == 0 && len(item.Disputes) > 0:
		return t.says(first, rule(&custodyv1.Ruling{Dispute: item.Disputes[0].Event[:]}), first.Key, second.Key)
	case n == 0:
		return t.says(first, func(e *custodyv1.Event) {
			e.Body = &custodyv1.Event_Dispute{Dispute: &custodyv1.Dispute{Item: item.ID[:], Ground: custodyv1.DisputeGround_DISPUTE_GROUND_TITLE}}
		})
	case n == 1 && len(item.Holds) > 0:
		return t.says(first, func(e *custodyv1.Event) {
			e.Body = &custodyv1.Event_HoldRelease{HoldRelease: &custodyv1.HoldRelease{Item: item.ID[:], Hold: item.Holds[0].Event[:], Second: second.ID[:]}}
		}, first.Key, second.Key)
	case n == 1:
		return t.says(first, func(e *custodyv1.Event) {
			e.Body = &custodyv1.Event_Hold{Hold: &custodyv1.Hold{Item: item.ID[:], Authority: custodyv1.HoldAuthority_HOLD_AUTHORITY_POLICE, OrderSha256: make([]byte, 32), Second: second.ID[:]}}
		}, first.Key, second.Key)
	case len(claims) > 0:
		id := claims[t.pick(len(claims))]
		return t.says(first, rule(&custodyv1.Ruling{OutsideId: &custodyv1.OutsideId{Kind: id.Kind, Issuer: id.Issuer, Number: id.Number}}), first.Key, second.Key)
	}
	return t.Register(t.dealer())
}
