package workload

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/rules"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// onRegistration is a mistake in an otherwise good registration.
func onRegistration(name string, want ledger.Reason, change func(*World, *custodyv1.ItemRegister) bool) deed {
	return deed{name: name, plan: func(w *World) *plan {
		p := w.register()
		if p == nil || !change(w, p.body.(*custodyv1.ItemRegister)) {
			return nil
		}
		p.want = want
		return p
	}}
}

// onChange is a mistake in an otherwise good change of matter.
func onChange(name string, want ledger.Reason, good func(*World) *plan, change func(*World, *custodyv1.Transform) bool) deed {
	return deed{name: name, plan: func(w *World) *plan {
		p := good(w)
		if p == nil || p.want != "" || !change(w, p.body.(*custodyv1.Transform)) {
			return nil
		}
		p.want = want
		return p
	}}
}

// onItem is a mistake with an item that its holder owns.
func onItem(name string, want ledger.Reason, body func(*World, thing) (*Actor, proto.Message)) deed {
	return deed{name: name, plan: func(w *World) *plan {
		t, ok := w.find(w.own)
		if !ok || t.Custody.Outside != nil {
			return nil
		}
		by, message := body(w, t)
		if message == nil {
			return nil
		}
		return &plan{by: by, body: message, want: want}
	}}
}

// wrongs are what people do that the ledger must refuse.
func wrongs() []deed {
	return []deed{
		onRegistration("lab-grown called mined", ledger.NatureMismatch, func(_ *World, r *custodyv1.ItemRegister) bool {
			if r.Nature != custodyv1.Nature_NATURE_NATURAL || r.Origin[0].Kind != custodyv1.OriginKind_ORIGIN_KIND_MINED || r.Treatments != nil || r.HsCode != "" || r.Material != custodyv1.Material_MATERIAL_DIAMOND {
				return false
			}
			r.Nature = custodyv1.Nature_NATURE_LAB_GROWN
			return true
		}),
		onRegistration("origin of less than all", ledger.MassMismatch, func(_ *World, r *custodyv1.ItemRegister) bool {
			if len(r.Origin) == 0 || r.Origin[0].Micrograms < 2 {
				return false
			}
			r.Origin[0].Micrograms--
			return true
		}),
		onRegistration("grams for carats", ledger.UnitMismatch, func(_ *World, r *custodyv1.ItemRegister) bool {
			r.Mass.Unit = custodyv1.Unit_UNIT_GRAM
			return r.Mass.Declared != ""
		}),
		onRegistration("a count of one", ledger.CountInvalid, func(_ *World, r *custodyv1.ItemRegister) bool {
			r.Count = 1
			return r.Form == custodyv1.Form_FORM_COUNTED_PARCEL
		}),
		onRegistration("no origin", ledger.MissingField, func(_ *World, r *custodyv1.ItemRegister) bool {
			r.Origin = nil
			return r.Form != custodyv1.Form_FORM_PIECE
		}),
		onRegistration("an alloy that does not add up", ledger.CompositionInvalid, func(_ *World, r *custodyv1.ItemRegister) bool {
			if len(r.Composition) == 0 {
				return false
			}
			r.Composition[0].Micrograms++
			return true
		}),
		onRegistration("finer than it is", ledger.FinenessInvalid, func(_ *World, r *custodyv1.ItemRegister) bool {
			r.FinenessPermyriad = 9_160
			return len(r.Composition) > 0
		}),
		onRegistration("rough under a code of polished", ledger.HSCodeInvalid, func(_ *World, r *custodyv1.ItemRegister) bool {
			rough := r.HsCode == "710231"
			r.HsCode = "710239"
			return rough
		}),
		onRegistration("no such country", ledger.CountryInvalid, func(_ *World, r *custodyv1.ItemRegister) bool {
			r.ExportedFrom = "XQ"
			return true
		}),
		onChange("cut to dust", ledger.LossTooLarge, (*World).cut, func(_ *World, b *custodyv1.Transform) bool {
			in := b.Balances[0].LossMicrograms + b.Balances[0].ShortfallMicrograms
			for _, o := range b.Outputs {
				in += o.Mass.Micrograms
			}
			if in < 1000 {
				return false
			}
			b.Outputs = b.Outputs[:1]
			left := in - in*980/1000 - 1 // one more than may be lost
			b.Outputs[0].Mass.Micrograms = left
			b.Balances[0] = &custodyv1.Balance{Material: b.Balances[0].Material, LossMicrograms: in - left}
			return true
		}),
		onChange("more out than in", ledger.ConservationViolated, (*World).cut, func(_ *World, b *custodyv1.Transform) bool {
			b.Outputs[0].Mass.Micrograms += 1
			return true
		}),
		onChange("natural from lab-grown", ledger.NatureMismatch, (*World).cut, func(_ *World, b *custodyv1.Transform) bool {
			o := b.Outputs[0]
			if o.Nature == custodyv1.Nature_NATURE_NATURAL {
				o.Nature = custodyv1.Nature_NATURE_LAB_GROWN
			} else {
				o.Nature = custodyv1.Nature_NATURE_NATURAL
			}
			return true
		}),
		onChange("sorted to a better origin", ledger.AllocationInvalid, (*World).split, func(w *World, b *custodyv1.Transform) bool {
			m := w.Ledger.Matters[ledger.ItemID(b.Inputs[0].Item)]
			if len(m.Origin) < 2 || isMetal(m) || m.Form == custodyv1.Form_FORM_PIECE {
				return false
			}
			for _, o := range b.Outputs { // all of the first component
				o.Allocation = []*custodyv1.Allocation{{Component: 1, Micrograms: o.Mass.Micrograms}}
			}
			return true
		}),
		onChange("a split that makes more", ledger.ConservationViolated, (*World).split, func(w *World, b *custodyv1.Transform) bool {
			m := w.Ledger.Matters[ledger.ItemID(b.Inputs[0].Item)]
			if isMetal(m) || m.Form != custodyv1.Form_FORM_BULK {
				return false
			}
			b.Outputs[0].Mass.Micrograms += 10_000
			return true
		}),
		onChange("melted stones", ledger.MaterialMismatch, (*World).merge, func(w *World, b *custodyv1.Transform) bool {
			b.Process = custodyv1.Process_PROCESS_MELT
			return !isMetal(w.Ledger.Matters[ledger.ItemID(b.Inputs[0].Item)])
		}),
		onChange("a heavier ring", ledger.ConservationViolated, (*World).assemble, func(_ *World, b *custodyv1.Transform) bool {
			b.Outputs[0].Mass.Micrograms++
			return true
		}),
		{name: "mixed natures", plan: (*World).mixNatures},
		{name: "sold twice", plan: (*World).sellTwice},
		{name: "sold by who has it on memo", plan: (*World).sellMemo},
		{name: "moved while set", plan: (*World).moveSet},
		{name: "accepted by a stranger", plan: (*World).acceptForeign},
		{name: "12 ct on a 10 ct paper", plan: (*World).overspend},
		onItem("weighed by a stranger", ledger.NotHolder, func(w *World, t thing) (*Actor, proto.Message) {
			by := w.other(t.Custody.Party)
			if !w.trusted(by) {
				return nil, nil
			}
			return by, &custodyv1.Reweigh{Item: w.ref(t.ID), Mass: mass(t.m.Mass)}
		}),
		onItem("weighed at twice the mass", ledger.DifferenceTooLarge, func(w *World, t thing) (*Actor, proto.Message) {
			if t.m.Form == custodyv1.Form_FORM_PIECE || t.m.Count > 0 || t.m.Mass < 10_000 {
				return nil, nil
			}
			return t.holder(w), &custodyv1.Reweigh{Item: w.ref(t.ID), Mass: mass(2 * t.m.Mass)}
		}),
		onItem("sent to oneself", ledger.SelfTransfer, func(w *World, t thing) (*Actor, proto.Message) {
			return t.holder(w), w.offerOf(t, t.holder(w), custodyv1.Mode_MODE_SALE)
		}),
		onItem("no such offer", ledger.UnknownOffer, func(w *World, t thing) (*Actor, proto.Message) {
			from := w.party().ID
			return w.other(t.Custody.Party), &custodyv1.Accept{Item: w.ref(t.ID), Offer: randomBytes(w.random, 32), From: from[:]}
		}),
		onItem("more than there is", ledger.PortionInvalid, func(w *World, t thing) (*Actor, proto.Message) {
			to := w.other(t.Custody.Party)
			if !w.trusted(to) {
				return nil, nil
			}
			body := w.offerOf(t, to, custodyv1.Mode_MODE_SALE)
			body.Part = &custodyv1.Portion{Micrograms: t.m.Mass + 1}
			return t.holder(w), body
		}),
		onItem("memo without an end", ledger.MemoTermInvalid, func(w *World, t thing) (*Actor, proto.Message) {
			body := w.offerOf(t, w.other(t.Custody.Party), custodyv1.Mode_MODE_MEMO)
			body.UntilMs = 0
			return t.holder(w), body
		}),
		onItem("over a border without a certificate", ledger.CertificateRequired, func(w *World, t thing) (*Actor, proto.Message) {
			if !roughNatural(t.m) {
				return nil, nil
			}
			return t.holder(w), &custodyv1.BorderCross{Item: w.ref(t.ID), From: "BW", To: "BE"}
		}),
		onItem("a warranty that knows the origin", ledger.ClaimTooStrong, func(w *World, t thing) (*Actor, proto.Message) {
			return t.holder(w), &custodyv1.Attest{Item: t.ID[:], Kind: custodyv1.DocumentKind_DOCUMENT_KIND_WARRANTY, Own: true, DocumentSha256: make([]byte, 32),
				Claims: []*custodyv1.ClaimMade{{Claim: custodyv1.Claim_CLAIM_ORIGIN, Level: custodyv1.Evidence_EVIDENCE_DOCUMENTED}}}
		}),
		onItem("a dealer's own grading report", ledger.NotIssuer, func(w *World, t thing) (*Actor, proto.Message) {
			if t.holder(w).Role == custodyv1.Role_ROLE_LABORATORY {
				return nil, nil
			}
			return t.holder(w), &custodyv1.Attest{Item: t.ID[:], Kind: custodyv1.DocumentKind_DOCUMENT_KIND_GRADING_REPORT, Own: true, Number: "1", DocumentSha256: make([]byte, 32),
				Claims: []*custodyv1.ClaimMade{{Claim: custodyv1.Claim_CLAIM_NATURE, Level: custodyv1.Evidence_EVIDENCE_EXAMINED}}}
		}),
		onItem("an expired certificate", ledger.PaperExpired, func(w *World, t thing) (*Actor, proto.Message) {
			if !roughNatural(t.m) {
				return nil, nil
			}
			w.number++
			body := w.certificate(t, fmt.Sprint(w.number), t.m.Mass, t.m.Mass)
			body.ExpiresMs = min(body.ExpiresMs, w.now-1)
			return t.holder(w), body
		}),
		onItem("a certificate of another country", ledger.PaperMismatch, func(w *World, t thing) (*Actor, proto.Message) {
			w.number++
			body := w.certificate(t, fmt.Sprint(w.number), t.m.Mass, t.m.Mass)
			if !roughNatural(t.m) || len(body.Countries) == 0 || w.now > body.ExpiresMs {
				return nil, nil
			}
			body.Countries = []string{"SL"}
			return t.holder(w), body
		}),
		onItem("void after an offer", ledger.AlreadyOffered, func(w *World, t thing) (*Actor, proto.Message) {
			if !t.Offered {
				return nil, nil
			}
			return w.actor(t.Registrant), &custodyv1.ItemVoid{Item: w.ref(t.ID), Reason: custodyv1.VoidReason_VOID_REASON_DUPLICATE}
		}),
		onItem("found what was not lost", ledger.IncidentInvalid, func(w *World, t thing) (*Actor, proto.Message) {
			return t.holder(w), &custodyv1.Incident{Item: w.ref(t.ID), Kind: custodyv1.IncidentKind_INCIDENT_KIND_RECOVERED}
		}),
		onItem("a correction that narrows", ledger.CorrectionInvalid, func(w *World, t thing) (*Actor, proto.Message) {
			by := w.actor(t.Registrant)
			if by != t.holder(w) || len(t.m.Origin) == 0 || t.m.Origin[0].Countries == "" {
				return nil, nil
			}
			return by, &custodyv1.Correct{Item: w.ref(t.ID), Reason: custodyv1.CorrectReason_CORRECT_REASON_INCORRECT_DATA, Origin: []*custodyv1.OriginCorrection{{Component: 1, Countries: []string{"SL"}}}}
		}),
		onItem("held by one body", ledger.TwoBodiesRequired, func(w *World, t thing) (*Actor, proto.Message) {
			return w.association(), &custodyv1.Hold{Item: t.ID[:], Authority: custodyv1.HoldAuthority_HOLD_AUTHORITY_POLICE, OrderSha256: make([]byte, 32)}
		}),
		onItem("an association that trades", ledger.AssociationExcluded, func(w *World, t thing) (*Actor, proto.Message) {
			return w.association(), &custodyv1.Release{Item: w.ref(t.ID), Reason: custodyv1.OutsideReason_OUTSIDE_REASON_SOLD, Country: "BE"}
		}),
	}
}

func (w *World) mixNatures() *plan {
	t, ok := w.workable(func(m rules.Matter) bool { return stoneLike(m) })
	if !ok {
		return nil
	}
	list := w.beside(t, 2, func(m rules.Matter) bool {
		return m.Material == t.m.Material && m.Nature != t.m.Nature && m.Species == t.m.Species && m.Stage == t.m.Stage
	})
	if len(list) < 2 {
		return nil
	}
	total, _ := sumOf(list)
	out := outputLike(t.m, total, 0)
	out.Form = custodyv1.Form_FORM_BULK
	return &plan{by: t.holder(w), want: ledger.NatureMismatch, body: &custodyv1.Transform{Process: custodyv1.Process_PROCESS_MERGE, Inputs: w.refs(list), Outputs: []*custodyv1.Output{out}}}
}

func (w *World) sellTwice() *plan {
	t, ok := w.find(func(t thing) bool {
		return t.Custody.Outside == nil && t.Owner().Equal(t.Custody) && w.clear(t) && w.standing(t) && w.trusted(t.holder(w))
	})
	if !ok || t.Custody.Outside != nil {
		return nil
	}
	to := w.other(t.Custody.Party)
	if !w.trusted(to) {
		return nil
	}
	for _, o := range t.Offers {
		if !o.MovesCustody() {
			return nil
		}
	}
	return &plan{by: t.holder(w), want: ledger.OfferOpen, body: w.offerOf(t, to, custodyv1.Mode_MODE_SALE)}
}

func (w *World) sellMemo() *plan {
	t, ok := w.find(w.out)
	if !ok {
		return nil
	}
	to := w.other(t.Custody.Party)
	if !w.trusted(to) {
		return nil
	}
	return &plan{by: t.holder(w), want: ledger.NotOwner, body: w.offerOf(t, to, custodyv1.Mode_MODE_SALE)}
}

func (w *World) moveSet() *plan {
	t, ok := w.find(func(t thing) bool {
		return t.Set() && t.Status == rules.Live && t.Custody.Outside == nil && t.Owner().Equal(t.Custody) && w.trusted(t.holder(w))
	})
	if !ok {
		return nil
	}
	to := w.other(t.Custody.Party)
	if !w.trusted(to) {
		return nil
	}
	return &plan{by: t.holder(w), want: ledger.SetInPiece, body: w.offerOf(t, to, custodyv1.Mode_MODE_SALE)}
}

func (w *World) acceptForeign() *plan {
	t, o, ok := w.offered(func(t thing, o rules.Offer) bool { return true })
	if !ok {
		return nil
	}
	return &plan{by: w.other(o.To, o.From), want: ledger.NotOffered, body: w.accepting(t, o)}
}

func (w *World) overspend() *plan {
	t, ok := w.find(func(t thing) bool { return roughNatural(t.m) && w.own(t) && t.m.Mass > 1000 })
	if !ok || t.Custody.Outside != nil || w.now > StartMs+60*day {
		return nil
	}
	w.number++
	return &plan{by: t.holder(w), want: ledger.PaperSpent, body: w.certificate(t, fmt.Sprint(w.number), t.m.Mass/6*5, t.m.Mass)}
}
