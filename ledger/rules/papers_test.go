package rules_test

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"

	"github.com/custodyledger/custodyledger/ledger"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

const (
	grading  = custodyv1.DocumentKind_DOCUMENT_KIND_GRADING_REPORT
	warranty = custodyv1.DocumentKind_DOCUMENT_KIND_WARRANTY
	transfer = custodyv1.DocumentKind_DOCUMENT_KIND_TRANSFER_DOCUMENT
	location = custodyv1.DocumentKind_DOCUMENT_KIND_LOCATION_AT_DATE
	invoice  = custodyv1.DocumentKind_DOCUMENT_KIND_INVOICE
)

// partyOf admits a dealer with a role.
func (w *world) partyOf(role custodyv1.Role) *actor {
	w.t.Helper()
	a := &actor{key: w.newKey(), recovery: w.newKey()}
	a.id = ledger.NewPartyID(a.key.Public().ID())
	body := admission(a)
	body.Role = role
	w.do(w.antwerp.id, body, w.antwerp.key, a.key, a.recovery)
	return a
}

func claim(c custodyv1.Claim, level custodyv1.Evidence) *custodyv1.ClaimMade {
	return &custodyv1.ClaimMade{Claim: c, Level: level}
}

// report is a grading report that a laboratory issues itself.
func report(item ledger.ItemID) *custodyv1.Attest {
	return &custodyv1.Attest{
		Item: item[:], Kind: grading, Own: true, Number: "R1", DocumentSha256: make([]byte, 32),
		Claims: []*custodyv1.ClaimMade{claim(1, 3), claim(3, 3)},
	}
}

func TestAttest(t *testing.T) {
	w := newWorld(t)
	a, lab := w.dealer(), w.partyOf(custodyv1.Role_ROLE_LABORATORY)
	diamond, mixed := w.stone(a), w.register(a, rough(minedIn(1_200_000, "BW"), minedIn(1_200_000, "RU")))
	rocks := w.register(a, rough(minedIn(2_400_000, "BW")))
	nowhere := w.register(a, rough(unknownOrigin(2_400_000)))
	melee := w.register(a, counts(rough(minedIn(1_000, "BW")), 10))
	bar := w.register(a, alloy(custodyv1.Form_FORM_SINGLE, of(gold, minedIn(1_000, "GH"))))
	producers := rough(minedIn(1_000, "BW"))
	producers.Origin[0].Producer = "Made up mining"
	produced := w.register(a, producers)
	twoCountries := func(number string) *custodyv1.Attest {
		c := w.certificate(mixed, number, 2_400_000, 2_400_000)
		c.Countries = []string{"BW", "RU"}
		return c
	}
	for name, c := range map[string]struct {
		reason ledger.Reason // empty: stands
		by     *actor
		paper  *custodyv1.Attest
		change func(*custodyv1.Attest)
	}{
		"certificate":                     {"", a, w.certificate(rocks, "BW1", 2_400_000, 2_400_000), nil},
		"certificate of two countries":    {"", a, twoCountries("BW2"), nil},
		"certificate of the EU":           {"", a, twoCountries("EU3"), nil},
		"certificate expired":             {ledger.PaperExpired, a, w.certificate(rocks, "BW4", 1, 1), func(p *custodyv1.Attest) { p.IssuedMs, p.ExpiresMs = 1, w.now-1 }},
		"certificate that ends now":       {"", a, w.certificate(rocks, "BW5", 1, 1), func(p *custodyv1.Attest) { p.ExpiresMs = w.now }},
		"certificate, wrong prefix":       {ledger.PaperInvalid, a, w.certificate(rocks, "BW6", 1, 1), func(p *custodyv1.Attest) { p.Country = "RU" }},
		"certificate, no country":         {ledger.MissingField, a, w.certificate(rocks, "BW7", 1, 1), func(p *custodyv1.Attest) { p.Country = "" }},
		"certificate, no expiry":          {ledger.MissingField, a, w.certificate(rocks, "BW8", 1, 1), func(p *custodyv1.Attest) { p.ExpiresMs = 0 }},
		"certificate, no quantity":        {ledger.MissingField, a, w.certificate(rocks, "BW9", 1, 1), func(p *custodyv1.Attest) { p.Quantity = nil }},
		"certificate, nothing drawn":      {ledger.MissingField, a, w.certificate(rocks, "BW10", 1, 1), func(p *custodyv1.Attest) { p.Drawn = nil }},
		"certificate, no origin":          {ledger.MissingField, a, w.certificate(rocks, "BW11", 1, 1), func(p *custodyv1.Attest) { p.Claims, p.Countries = p.Claims[:1], nil }},
		"certificate of polished":         {ledger.PaperMismatch, a, w.certificate(diamond, "BW12", 1, 1), nil},
		"certificate of a bar":            {ledger.PaperMismatch, a, w.certificate(bar, "GH1", 1, 1), nil},
		"12 ct on 10 ct":                  {ledger.PaperSpent, a, w.certificate(rocks, "BW13", 2_000_000, 2_400_000), nil},
		"more than the item":              {ledger.PaperMismatch, a, w.certificate(rocks, "BW14", 9_000_000, 2_400_001), nil},
		"one country for a mixed parcel":  {ledger.PaperMismatch, a, w.certificate(mixed, "BW15", 1, 1), nil},
		"two countries for one":           {ledger.PaperMismatch, a, w.certificate(rocks, "BW16", 1, 1), func(p *custodyv1.Attest) { p.Countries = []string{"BW", "RU"} }},
		"a country for an unknown origin": {ledger.PaperMismatch, a, w.certificate(nowhere, "BW17", 1, 1), nil},
		"certificate of its own":          {ledger.NotIssuer, a, w.certificate(rocks, "BW18", 1, 1), func(p *custodyv1.Attest) { p.Own, p.Issuer = true, "" }},
		"issued tomorrow": {ledger.PaperInvalid, a, w.certificate(rocks, "BW19", 1, 1), func(p *custodyv1.Attest) {
			p.IssuedMs, p.ExpiresMs = w.now+ms(ledger.OccurredAheadMax)+1, w.now+1_000_000_000
		}},
		"issued after its end":         {ledger.PaperInvalid, a, w.certificate(rocks, "BW20", 1, 1), func(p *custodyv1.Attest) { p.IssuedMs = p.ExpiresMs }},
		"issued in no country":         {ledger.CountryInvalid, a, w.certificate(rocks, "XX21", 1, 1), nil},
		"countries out of order":       {ledger.NonCanonical, a, twoCountries("BW22"), func(p *custodyv1.Attest) { p.Countries = []string{"RU", "BW"} }},
		"countries that do not exist":  {ledger.CountryInvalid, a, twoCountries("BW23"), func(p *custodyv1.Attest) { p.Countries = []string{"BW", "SU"} }},
		"certificate above documented": {ledger.ClaimTooStrong, a, w.certificate(rocks, "BW24", 1, 1), func(p *custodyv1.Attest) { p.Claims[1].Level = 3 }},
		"report":                       {"", lab, report(diamond), nil},
		"report of a dealer":           {ledger.NotIssuer, a, report(diamond), nil},
		"report without a number":      {ledger.MissingField, lab, report(diamond), func(p *custodyv1.Attest) { p.Number = "" }},
		"report with a quantity": {ledger.PaperInvalid, lab, report(diamond), func(p *custodyv1.Attest) {
			p.Quantity, p.Drawn = &custodyv1.Portion{Micrograms: 1}, &custodyv1.Portion{Micrograms: 1}
		}},
		"report of origin": {ledger.ClaimTooStrong, lab, report(diamond), func(p *custodyv1.Attest) { p.Claims = append(p.Claims, claim(6, 1)) }},
		"copy of a report": {"", a, report(diamond), func(p *custodyv1.Attest) {
			p.Own, p.Issuer = false, "Made up lab"
			p.Claims[0].Level, p.Claims[1].Level = 2, 2
		}},
		"copy as good as the original": {ledger.ClaimTooStrong, a, report(diamond), func(p *custodyv1.Attest) { p.Own, p.Issuer = false, "Made up lab" }},
		"by nobody":                    {ledger.MissingField, lab, report(diamond), func(p *custodyv1.Attest) { p.Own = false }},
		"by itself and another":        {ledger.PaperInvalid, lab, report(diamond), func(p *custodyv1.Attest) { p.Issuer = "Made up lab" }},
		"claims out of order":          {ledger.NonCanonical, lab, report(diamond), func(p *custodyv1.Attest) { p.Claims[0], p.Claims[1] = p.Claims[1], p.Claims[0] }},
		"claim twice":                  {ledger.NonCanonical, lab, report(diamond), func(p *custodyv1.Attest) { p.Claims[1] = p.Claims[0] }},
		"countries without a claim":    {ledger.PaperInvalid, lab, report(diamond), func(p *custodyv1.Attest) { p.Countries = []string{"BW"} }},
		"producer without a claim":     {ledger.PaperInvalid, lab, report(diamond), func(p *custodyv1.Attest) { p.Producer = "Made up mining" }},
		"treatments without a claim":   {ledger.PaperInvalid, lab, report(diamond), func(p *custodyv1.Attest) { p.Treatments = &custodyv1.Treatments{List: 2024, Codes: []string{"N"}} }},
		"claim without treatments":     {ledger.MissingField, lab, report(diamond), func(p *custodyv1.Attest) { p.Claims = append(p.Claims, claim(4, 3)) }},
		"treatments of other goods": {ledger.TreatmentInvalid, lab, report(diamond), func(p *custodyv1.Attest) {
			p.Claims = append(p.Claims, claim(4, 3))
			p.Treatments = &custodyv1.Treatments{List: 2024, Codes: []string{"N", "R"}}
		}},
		"drawn without a quantity": {ledger.PaperInvalid, a, w.invoice(diamond), func(p *custodyv1.Attest) { p.Drawn = &custodyv1.Portion{Micrograms: 1} }},
		"quantity without a number": {ledger.MissingField, a, w.invoice(diamond), func(p *custodyv1.Attest) {
			p.Quantity, p.Drawn = &custodyv1.Portion{Micrograms: 1}, &custodyv1.Portion{Micrograms: 1}
		}},
		"count of a paper without": {ledger.PaperMismatch, a, w.invoice(melee), func(p *custodyv1.Attest) {
			p.Number, p.Quantity, p.Drawn = "N1", &custodyv1.Portion{Micrograms: 9}, &custodyv1.Portion{Micrograms: 1, Count: 1}
		}},
		"more pieces than the item": {ledger.PaperMismatch, a, w.invoice(melee), func(p *custodyv1.Attest) {
			p.Number, p.Quantity, p.Drawn = "N1", &custodyv1.Portion{Micrograms: 99, Count: 99}, &custodyv1.Portion{Micrograms: 1, Count: 11}
		}},
		"more pieces than the paper": {ledger.PaperSpent, a, w.invoice(melee), func(p *custodyv1.Attest) {
			p.Number, p.Quantity, p.Drawn = "N1", &custodyv1.Portion{Micrograms: 99, Count: 9}, &custodyv1.Portion{Micrograms: 1, Count: 10}
		}},
		"one of a single": {"", a, w.invoice(diamond), func(p *custodyv1.Attest) {
			p.Number, p.Quantity, p.Drawn = "N2", &custodyv1.Portion{Micrograms: 99, Count: 9}, &custodyv1.Portion{Micrograms: 1, Count: 1}
		}},
		"2 of 10 are grown":         {"", lab, report(melee), func(p *custodyv1.Attest) { p.FoundCount, p.FoundNature = 2, 2 }},
		"all 10 are grown":          {"", lab, report(melee), func(p *custodyv1.Attest) { p.FoundCount, p.FoundNature = 10, 2 }},
		"11 of 10 are grown":        {ledger.PaperMismatch, lab, report(melee), func(p *custodyv1.Attest) { p.FoundCount, p.FoundNature = 11, 2 }},
		"natural in natural":        {ledger.PaperMismatch, lab, report(melee), func(p *custodyv1.Attest) { p.FoundCount, p.FoundNature = 2, 1 }},
		"found nothing of a nature": {ledger.MissingField, lab, report(melee), func(p *custodyv1.Attest) { p.FoundNature = 2 }},
		"found in an invoice":       {ledger.PaperInvalid, a, w.invoice(melee), func(p *custodyv1.Attest) { p.FoundCount, p.FoundNature = 2, 2 }},
		"warranty":                  {"", a, w.invoice(diamond), func(p *custodyv1.Attest) { p.Kind, p.Claims = warranty, []*custodyv1.ClaimMade{claim(9, 1)} }},
		"warranty no longer current": {ledger.PaperExpired, a, w.invoice(diamond), func(p *custodyv1.Attest) {
			p.Kind, p.Claims, p.ExpiresMs = warranty, []*custodyv1.ClaimMade{claim(9, 1)}, w.now-1
		}},
		"warranty of a bar": {ledger.PaperMismatch, a, w.invoice(bar), func(p *custodyv1.Attest) { p.Kind, p.Claims = warranty, []*custodyv1.ClaimMade{claim(9, 1)} }},
		"transfer document": {"", a, w.invoice(bar), func(p *custodyv1.Attest) {
			p.Kind, p.Number, p.Claims = transfer, "T1", []*custodyv1.ClaimMade{claim(9, 2)}
		}},
		"transfer document past its dates": {ledger.PaperExpired, a, w.invoice(bar), func(p *custodyv1.Attest) {
			p.Kind, p.Number, p.Claims, p.ExpiresMs = transfer, "T1", []*custodyv1.ClaimMade{claim(9, 2)}, w.now-1
		}},
		"location without a date": {ledger.MissingField, a, w.invoice(bar), func(p *custodyv1.Attest) { p.Kind, p.Claims = location, []*custodyv1.ClaimMade{claim(8, 1)} }},
		"its producer": {"", a, w.invoice(produced), func(p *custodyv1.Attest) {
			p.Claims, p.Producer = []*custodyv1.ClaimMade{claim(7, 1)}, "Made up mining"
		}},
		"another producer":                {ledger.PaperMismatch, a, w.invoice(produced), func(p *custodyv1.Attest) { p.Claims, p.Producer = []*custodyv1.ClaimMade{claim(7, 1)}, "Other mining" }},
		"a producer where none is named":  {"", a, w.invoice(rocks), func(p *custodyv1.Attest) { p.Claims, p.Producer = []*custodyv1.ClaimMade{claim(7, 1)}, "Other mining" }},
		"producer without a name":         {ledger.MissingField, a, w.invoice(produced), func(p *custodyv1.Attest) { p.Claims = []*custodyv1.ClaimMade{claim(7, 1)} }},
		"origin of what names no country": {"", a, w.invoice(nowhere), func(p *custodyv1.Attest) { p.Claims, p.Countries = []*custodyv1.ClaimMade{claim(6, 1)}, []string{"BW"} }},
		"an item that does not exist":     {ledger.UnknownItem, a, w.invoice(ledger.ItemID{1}), nil},
		"an association":                  {ledger.AssociationExcluded, w.antwerp, w.invoice(diamond), nil},
	} {
		t.Run(name, func(t *testing.T) {
			w.t = t
			if c.change != nil {
				c.change(c.paper)
			}
			if c.reason != "" {
				w.refuses(c.reason, c.by, c.paper)
				return
			}
			item := ledger.ItemID(c.paper.Item)
			before := w.state.Items[item].Last
			event := w.do(c.by.id, c.paper, c.by.key)
			if after := w.state.Items[item]; after.Last != before || after.LastIndex != uint64(len(w.entries)-1) {
				t.Errorf("item %+v after an attestation", after)
			}
			if _, ok := w.state.Attestations[event]; !ok {
				t.Error("no attestation")
			}
		})
	}
	w.t = t
	clerk := w.clerk(a, ledger.ScopesAll&^ledger.ScopeAttest)
	w.refuse(ledger.MissingScope, w.event(a.id, w.invoice(diamond)), clerk)
	w.do(w.antwerp.id, &custodyv1.PartySuspend{Party: lab.id[:], Reason: 3}, w.antwerp.key)
	w.refuses(ledger.PartySuspended, lab, report(diamond))
}

// Papers come late: about what was consumed and destroyed, not about what never was.
func TestPapersAboutWhatHasEnded(t *testing.T) {
	w := newWorld(t)
	a := w.dealer()
	rock := w.register(a, rough(minedIn(2_000_000, "BW")))
	w.changes(a, &custodyv1.Transform{Process: split, Inputs: w.refs(rock), Outputs: []*custodyv1.Output{loose(1_000_000), loose(1_000_000)}})
	paper := w.do(a.id, w.certificate(rock, "BW1", 2_000_000, 2_000_000), a.key)
	w.do(a.id, &custodyv1.AttestWithdraw{Item: rock[:], Attestation: paper[:], Reason: 2}, a.key)
	gone := w.stone(a)
	w.do(a.id, &custodyv1.Incident{Item: w.on(gone), Kind: destroyed}, a.key)
	w.do(a.id, w.invoice(gone), a.key)
	mistake := w.stone(a)
	about := w.do(a.id, w.invoice(mistake), a.key)
	w.do(a.id, &custodyv1.ItemVoid{Item: w.on(mistake), Reason: 1}, a.key)
	w.refuses(ledger.ItemVoided, a, w.invoice(mistake))
	w.do(a.id, &custodyv1.AttestWithdraw{Item: mistake[:], Attestation: about[:], Reason: 2}, a.key)
}

// A piece may be of the countries of all its parts, however deep they are set.
func TestCountriesOfAPiece(t *testing.T) {
	w := newWorld(t)
	a := w.dealer()
	body := stone()
	body.Origin = []*custodyv1.OriginComponent{minedIn(46_000, "BW")}
	diamond := w.register(a, body)
	mount := w.register(a, alloy(custodyv1.Form_FORM_PART, of(gold, minedIn(1_000, "GH")), of(copper, recycled(100))))
	set := func(mass uint64, inputs ...ledger.ItemID) ledger.ItemID {
		return w.changes(a, &custodyv1.Transform{Process: assemble, Inputs: w.refs(inputs...), Outputs: []*custodyv1.Output{{Form: custodyv1.Form_FORM_PIECE, Mass: massOf(mass)}}})[0]
	}
	ring := set(47_100, set(46_000, diamond), mount)
	paper := func(countries ...string) *custodyv1.Attest {
		p := w.invoice(ring)
		p.Claims, p.Countries = []*custodyv1.ClaimMade{claim(6, 1)}, countries
		return p
	}
	w.refuses(ledger.PaperMismatch, a, paper("BW"))
	w.refuses(ledger.PaperMismatch, a, paper())
	w.do(a.id, paper("BW", "GH"), a.key)
}

func TestWhoTakesAnAttestationBack(t *testing.T) {
	w := newWorld(t)
	a, lab, stranger := w.dealer(), w.partyOf(custodyv1.Role_ROLE_LABORATORY), w.dealer()
	item, other := w.stone(a), w.stone(a)
	paper := w.do(lab.id, report(item), lab.key)
	withdraw := func(item ledger.ItemID) *custodyv1.AttestWithdraw {
		return &custodyv1.AttestWithdraw{Item: item[:], Attestation: paper[:], Reason: 1}
	}
	w.refuses(ledger.UnknownAttestation, lab, withdraw(other))
	w.refuses(ledger.UnknownItem, lab, withdraw(ledger.ItemID{1}))
	w.refuses(ledger.NotAttestor, a, withdraw(item)) // the owner neither
	w.refuses(ledger.NotAttestor, stranger, withdraw(item))
	named := func(attestor *actor) *custodyv1.AttestWithdraw {
		body := withdraw(item)
		body.Attestor = attestor.id[:]
		return body
	}
	w.refuses(ledger.NotAttestor, w.mumbai, named(lab))      // not its sponsor
	w.refuses(ledger.NotAttestor, w.antwerp, withdraw(item)) // does not say whose it is
	w.refuses(ledger.NotAttestor, w.antwerp, named(a))
	w.refuses(ledger.NotAttestor, lab, named(lab))
	w.refuses(ledger.NotAttestor, stranger, named(lab))
	clerk := w.clerk(lab, ledger.ScopesAll&^ledger.ScopeAttest)
	w.refuse(ledger.MissingScope, w.event(lab.id, withdraw(item)), clerk)
	w.refuse(ledger.ForeignKey, w.event(lab.id, withdraw(item)), w.antwerp.key)
	w.do(w.antwerp.id, &custodyv1.PartySuspend{Party: lab.id[:], Reason: 3}, w.antwerp.key)
	before := w.state.Items[item].Last
	w.do(w.antwerp.id, named(lab), w.antwerp.key)
	w.refuses(ledger.AttestationWithdrawn, lab, withdraw(item))
	w.refuses(ledger.AttestationWithdrawn, w.antwerp, named(lab))
	if w.state.Items[item].Last != before {
		t.Error("a withdrawal advanced the item")
	}
}

func TestWhatAPaperIs(t *testing.T) {
	w := newWorld(t)
	a, b := w.dealer(), w.dealer()
	x, y := w.register(a, rough(minedIn(2_000_000, "BW"))), w.register(b, rough(minedIn(2_000_000, "BW")))
	first := w.do(a.id, w.certificate(x, "BW1", 2_000_000, 1_500_000), a.key)
	w.refuses(ledger.PaperSpent, b, w.certificate(y, "BW1", 2_000_000, 500_001))
	w.refuses(ledger.PaperDiffers, b, w.certificate(y, "BW1", 3_000_000, 1))
	forged := w.certificate(y, "BW1", 2_000_000, 1)
	forged.DocumentSha256 = bytes.Repeat([]byte{8}, 32)
	w.refuses(ledger.PaperDiffers, b, forged)
	second := w.do(b.id, w.certificate(y, "BW1", 2_000_000, 500_000), b.key)
	w.refuses(ledger.PaperSpent, b, w.certificate(y, "BW1", 2_000_000, 1))
	elsewhere := w.certificate(y, "BW1", 3_000_000, 1)
	elsewhere.Issuer = "Another authority" // another paper
	w.do(b.id, elsewhere, b.key)

	w.do(a.id, &custodyv1.AttestWithdraw{Item: x[:], Attestation: first[:], Reason: 3}, a.key)
	w.refuses(ledger.PaperDiffers, b, forged) // one still draws of it
	w.do(b.id, &custodyv1.AttestWithdraw{Item: y[:], Attestation: second[:], Reason: 3}, b.key)
	w.do(b.id, forged, b.key) // nobody draws of it: the number is open again

	// Nobody uses up the numbers of somebody's own papers.
	own := func(item ledger.ItemID) *custodyv1.Attest {
		p := w.invoice(item)
		p.Number, p.Quantity, p.Drawn = "I1", &custodyv1.Portion{Micrograms: 2_000_000}, &custodyv1.Portion{Micrograms: 2_000_000}
		return p
	}
	w.do(b.id, own(x), b.key)
	w.do(a.id, own(x), a.key)
}

// TestPapersAgainstTwin draws papers down and gives back at random, against a list of
// what stands.
func TestPapersAgainstTwin(t *testing.T) {
	type standing struct {
		event    ledger.EventID
		item     ledger.ItemID
		by       *actor
		number   string
		document byte
		quantity uint64
		drawn    uint64
	}
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		people := []*actor{w.dealer(), w.dealer()}
		items := []ledger.ItemID{w.register(people[0], rough(minedIn(60, "BW"))), w.register(people[1], rough(minedIn(100, "BW")))}
		masses := map[ledger.ItemID]uint64{items[0]: 60, items[1]: 100}
		var stand, past []standing
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			by := rapid.SampledFrom(people).Draw(rt, "by")
			if rapid.IntRange(0, 2).Draw(rt, "verb") == 0 && len(stand)+len(past) > 0 {
				all := append(append([]standing{}, stand...), past...)
				at := rapid.IntRange(0, len(all)-1).Draw(rt, "which")
				s := all[at]
				var want ledger.Reason
				switch {
				case s.by != by:
					want = ledger.NotAttestor
				case at >= len(stand):
					want = ledger.AttestationWithdrawn
				default:
					past = append(past, s)
					stand = append(stand[:at:at], stand[at+1:]...)
				}
				agreed(rt, want, w.try(by, &custodyv1.AttestWithdraw{Item: s.item[:], Attestation: s.event[:], Reason: 1}))
			} else {
				s := standing{
					item: rapid.SampledFrom(items).Draw(rt, "item"), by: by, number: rapid.SampledFrom([]string{"BW1", "BW2"}).Draw(rt, "number"),
					document: rapid.Byte().Draw(rt, "document") % 2, quantity: rapid.SampledFrom([]uint64{100, 101}).Draw(rt, "quantity"), drawn: rapid.Uint64Range(1, 70).Draw(rt, "drawn"),
				}
				var want ledger.Reason
				spent := uint64(0)
				for _, o := range stand {
					if o.number != s.number {
						continue
					}
					spent += o.drawn
					if o.document != s.document || o.quantity != s.quantity {
						want = ledger.PaperDiffers
					}
				}
				switch {
				case s.drawn > masses[s.item]:
					want = ledger.PaperMismatch
				case want == "" && spent+s.drawn > s.quantity:
					want = ledger.PaperSpent
				}
				body := w.certificate(s.item, s.number, s.quantity, s.drawn)
				body.DocumentSha256 = bytes.Repeat([]byte{s.document + 1}, 32)
				c := w.candidate(w.event(by.id, body), by.key)
				agreed(rt, want, w.submit(c).Rejection)
				if want == "" {
					s.event = c.ID
					stand = append(stand, s)
				}
			}
			spent := map[uint64]bool{}
			for _, p := range w.state.Papers {
				if p.Spent.Micrograms > p.Quantity.Micrograms {
					rt.Fatalf("paper %+v", p)
				}
				spent[p.Spent.Micrograms] = true
			}
			for _, number := range []string{"BW1", "BW2"} {
				total := uint64(0)
				for _, s := range stand {
					if s.number == number {
						total += s.drawn
					}
				}
				if total > 0 && !spent[total] {
					rt.Fatalf("%d drawn of paper %s, the ledger has %v", total, number, w.state.Papers)
				}
			}
		}
	})
}

func agreed(rt *rapid.T, want ledger.Reason, rejection *ledger.Rejection) {
	var got ledger.Reason
	if rejection != nil {
		got = rejection.Reason
	}
	if got != want {
		rt.Fatalf("the ledger says %q (%v), the twin %q", got, rejection, want)
	}
}

// The work of comparing a paper with a piece is bounded.
func TestAPieceOfTooManyPartsForAPaper(t *testing.T) {
	w := newWorld(t)
	a := w.dealer()
	set := func(mass uint64, inputs ...ledger.ItemID) ledger.ItemID {
		return w.changes(a, &custodyv1.Transform{Process: assemble, Inputs: w.refs(inputs...), Outputs: []*custodyv1.Output{{Form: custodyv1.Form_FORM_PIECE, Mass: massOf(mass)}}})[0]
	}
	stones := func(n int) (items []ledger.ItemID) {
		for range n {
			items = append(items, w.stone(a))
		}
		return items
	}
	origin := func(item ledger.ItemID) *custodyv1.Attest {
		p := w.invoice(item)
		p.Claims = []*custodyv1.ClaimMade{claim(6, 1)}
		return p
	}
	inner := set(46_000*101, stones(101)...)
	outer := set(46_000*(101+397), append(stones(397), inner)...)
	w.do(a.id, origin(outer), a.key) // 500 with itself
	around := set(46_000*498, outer)
	w.refuses(ledger.PaperMismatch, a, origin(around))
}
