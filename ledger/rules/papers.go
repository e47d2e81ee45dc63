package rules

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/vocabulary"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

const (
	claimTreatment = custodyv1.Claim_CLAIM_TREATMENT
	claimOrigin    = custodyv1.Claim_CLAIM_ORIGIN
	claimProducer  = custodyv1.Claim_CLAIM_PRODUCER
)

// attest: somebody has a paper about an item. It does not advance the item, and it
// says nothing about what the item is: who reads works that out.
func (j *judge) attest(body *custodyv1.Attest) *ledger.Rejection {
	document, ok := vocabulary.DocumentOf(body.Kind)
	if !ok {
		panic("rules: the field table permits a kind of paper without a row")
	}
	for _, check := range []func(*custodyv1.Attest, vocabulary.Document) *ledger.Rejection{j.checkIssuer, checkPaper, j.checkPaperTimes, checkClaims, checkFound} {
		if rejection := check(body, document); rejection != nil {
			return rejection
		}
	}
	item, rejection := j.subject(body.Item)
	if rejection != nil {
		return rejection
	}
	if item.Status == Voided {
		return ended(item)
	}
	matter := j.matter(item.ID)
	for _, check := range []func(*custodyv1.Attest, Matter) *ledger.Rejection{checkPaperGoods, checkDrawn, j.checkCountriesShown, checkProducerShown, checkFoundIn} {
		if rejection := check(body, matter); rejection != nil {
			return rejection
		}
	}
	attestation := Attestation{Event: j.event.ID, Index: j.index, Item: item.ID, Party: j.party.ID, Kind: body.Kind, Expires: body.ExpiresMs}
	if body.Quantity != nil {
		attestation.Paper, attestation.Drawn = j.paperID(body), portion(body.Drawn)
		if rejection := j.draw(attestation, body); rejection != nil {
			return rejection
		}
	}
	j.state.putAttestation(attestation)
	j.touch(item)
	return nil
}

// checkIssuer: a party issues its own papers as its role permits, or has a copy of
// somebody else's.
func (j *judge) checkIssuer(body *custodyv1.Attest, document vocabulary.Document) *ledger.Rejection {
	switch {
	case !body.Own && body.Issuer == "":
		return ledger.RejectField(ledger.MissingField, "attest.issuer", "who issued the paper, if not the party itself")
	case body.Own && body.Issuer != "":
		return ledger.RejectField(ledger.PaperInvalid, "attest.issuer", "the party issues its own papers; leave the name out")
	case body.Own && !document.Issuer.May(j.party.Role):
		return ledger.RejectField(ledger.NotIssuer, "attest.own", "such papers are issued by %s", document.Issuer)
	}
	return nil
}

// checkPaper asks what a paper of this kind has and has not.
func checkPaper(body *custodyv1.Attest, document vocabulary.Document) *ledger.Rejection {
	for _, f := range []struct {
		field   string
		need    vocabulary.Need
		present bool
	}{
		{"number", document.Number, body.Number != ""},
		{"country", document.Country, body.Country != ""},
		{"quantity", document.Quantity, body.Quantity != nil},
		{"issued_ms", document.Issued, body.IssuedMs != 0},
		{"expires_ms", document.Expiry, body.ExpiresMs != 0},
	} {
		if err := f.need.Check(f.present); err != nil {
			reason := ledger.PaperInvalid
			if !f.present {
				reason = ledger.MissingField
			}
			return ledger.RejectField(reason, "attest."+f.field, "%v", err)
		}
	}
	switch {
	case body.Quantity != nil && body.Number == "":
		return ledger.RejectField(ledger.MissingField, "attest.number", "a paper of which one draws is known by its number")
	case body.Quantity != nil && body.Drawn == nil:
		return ledger.RejectField(ledger.MissingField, "attest.drawn", "how much of the paper's quantity is this item's")
	case body.Quantity == nil && body.Drawn != nil:
		return ledger.RejectField(ledger.PaperInvalid, "attest.drawn", "one draws of a paper with a quantity only")
	case body.Country != "" && !ledger.IsCountry(body.Country) && !(body.Kind == kimberley && body.Country == europe):
		return ledger.RejectField(ledger.CountryInvalid, "attest.country", "%q is not an ISO 3166-1 alpha-2 code", body.Country)
	case body.Kind == kimberley && !strings.HasPrefix(body.Number, body.Country):
		return ledger.RejectField(ledger.PaperInvalid, "attest.number", "the number of a Kimberley certificate begins with the code of its authority's country, %s", body.Country)
	}
	return nil
}

// europe is what Kimberley certificates of the European Union, one participant of the
// scheme, begin with. It is reserved in ISO 3166-1 and no country.
const europe = "EU"

func (j *judge) checkPaperTimes(body *custodyv1.Attest, _ vocabulary.Document) *ledger.Rejection {
	switch {
	case body.IssuedMs > later(j.now, ledger.OccurredAheadMax):
		return ledger.RejectField(ledger.PaperInvalid, "attest.issued_ms", "%s is after ledger time %s", date(body.IssuedMs), date(j.now))
	case body.ExpiresMs != 0 && body.IssuedMs >= body.ExpiresMs:
		return ledger.RejectField(ledger.PaperInvalid, "attest.expires_ms", "the paper ends at %s, before it was issued at %s", date(body.ExpiresMs), date(body.IssuedMs))
	case body.ExpiresMs != 0 && body.ExpiresMs < j.now:
		return ledger.RejectField(ledger.PaperExpired, "attest.expires_ms", "the paper was valid until %s, ledger time is %s", date(body.ExpiresMs), date(j.now))
	}
	return nil
}

// checkClaims: a paper shows what its kind can show, and what a claim is about stands
// beside that claim only.
func checkClaims(body *custodyv1.Attest, _ vocabulary.Document) *ledger.Rejection {
	for i, c := range body.Claims {
		highest := vocabulary.HighestOf(body.Kind, c.Claim, body.Own)
		switch {
		case i > 0 && c.Claim <= body.Claims[i-1].Claim:
			return ledger.RejectField(ledger.NonCanonical, "attest.claims", "claims stand in ascending order, each once")
		case c.Level > highest:
			return ledger.RejectField(ledger.ClaimTooStrong, "attest.claims", "claim %d: such a paper shows it up to level %d, got %d", c.Claim, highest, c.Level)
		}
	}
	for i, code := range body.Countries {
		switch {
		case !ledger.IsCountry(code):
			return ledger.RejectField(ledger.CountryInvalid, "attest.countries", "%q is not an ISO 3166-1 alpha-2 code", code)
		case i > 0 && code <= body.Countries[i-1]:
			return ledger.RejectField(ledger.NonCanonical, "attest.countries", "countries must stand in ascending order, each once")
		}
	}
	switch {
	case len(body.Countries) > 0 && !claims(body, claimOrigin):
		return ledger.RejectField(ledger.PaperInvalid, "attest.countries", "countries stand beside a claim of origin only")
	case body.Producer != "" && !claims(body, claimProducer):
		return ledger.RejectField(ledger.PaperInvalid, "attest.producer", "a producer stands beside a claim of its name only")
	case body.Producer == "" && claims(body, claimProducer):
		return ledger.RejectField(ledger.MissingField, "attest.producer", "who the paper says produced it")
	case body.Treatments != nil && !claims(body, claimTreatment):
		return ledger.RejectField(ledger.PaperInvalid, "attest.treatments", "treatments stand beside a claim of treatment only")
	case body.Treatments == nil && claims(body, claimTreatment):
		return ledger.RejectField(ledger.MissingField, "attest.treatments", "what the paper says of treatments; untreated is N")
	}
	return nil
}

func claims(body *custodyv1.Attest, claim custodyv1.Claim) bool {
	return slices.ContainsFunc(body.Claims, func(c *custodyv1.ClaimMade) bool { return c.Claim == claim })
}

func checkFound(body *custodyv1.Attest, document vocabulary.Document) *ledger.Rejection {
	found := body.FoundCount != 0
	switch {
	case found != (body.FoundNature != 0):
		return ledger.RejectField(ledger.MissingField, "attest.found_nature", "how many pieces were found stands beside of what nature they are")
	case found && !document.Finds:
		return ledger.RejectField(ledger.PaperInvalid, "attest.found_count", "only screenings and grading reports find pieces of another nature")
	}
	return nil
}

// checkPaperGoods: papers are about some goods and not about others.
func checkPaperGoods(body *custodyv1.Attest, matter Matter) *ledger.Rejection {
	if err := vocabulary.CheckDocument(body.Kind, matter.Material, matter.Nature, matter.Stage); err != nil {
		return ledger.RejectField(ledger.PaperMismatch, "attest.kind", "%v", err)
	}
	if body.Treatments == nil || matter.Form == piece {
		return nil
	}
	if err := vocabulary.CheckTreatments(body.Treatments.List, body.Treatments.Codes, matter.Material, matter.Nature, matter.Species); err != nil {
		return ledger.RejectField(ledger.TreatmentInvalid, "attest.treatments", "%v", err)
	}
	return nil
}

// pieces is how many pieces goods are; known is false where nobody counted.
func pieces(m Matter) (count uint32, known bool) {
	one := m.Form == single || m.Form == piece || m.Form == custodyv1.Form_FORM_PART
	if m.Count == 0 && one {
		return 1, true
	}
	return m.Count, m.Count != 0
}

// checkDrawn: an item takes no more of a paper than it is itself.
func checkDrawn(body *custodyv1.Attest, matter Matter) *ledger.Rejection {
	if body.Drawn == nil {
		return nil
	}
	count, _ := pieces(matter)
	drawn, quantity := portion(body.Drawn), portion(body.Quantity)
	switch {
	case drawn.Micrograms > matter.Mass:
		return ledger.RejectField(ledger.PaperMismatch, "attest.drawn", "the item weighs %d micrograms, it takes no more of a paper", matter.Mass)
	case drawn.Count > count:
		return ledger.RejectField(ledger.PaperMismatch, "attest.drawn", "the item has %d counted pieces, it takes no more of a paper", count)
	case drawn.Count > 0 && quantity.Count == 0:
		return ledger.RejectField(ledger.PaperMismatch, "attest.drawn", "the paper counts no pieces; leave the count out")
	}
	return nil
}

// checkCountriesShown: a paper about origin names the countries that the item states,
// all of them and no other, where the item states any.
func (j *judge) checkCountriesShown(body *custodyv1.Attest, matter Matter) *ledger.Rejection {
	if !claims(body, claimOrigin) {
		if body.Kind == kimberley {
			return ledger.RejectField(ledger.MissingField, "attest.claims", "a Kimberley certificate is about origin; claim it")
		}
		return nil
	}
	stated, whole := j.countriesOf(matter)
	switch {
	case !whole:
		return ledger.RejectField(ledger.PaperMismatch, "attest.claims", "the piece has too many parts to compare with a paper; attest its parts")
	case len(stated) == 0 && body.Kind != kimberley, slices.Equal(stated, body.Countries):
		return nil
	}
	return ledger.RejectField(ledger.PaperMismatch, "attest.countries", "the item may be of %s, the paper says %s", strings.Join(stated, ", "), strings.Join(body.Countries, ", "))
}

// countriesOf gives the possible countries of goods and of everything set in them,
// ascending. It looks at no more than ChangeItemsMax items, so that the work is
// bounded; whole is false where there are more.
func (j *judge) countriesOf(matter Matter) (countries []string, whole bool) {
	add := func(origin []Component) {
		for _, c := range origin {
			countries = append(countries, strings.Fields(c.Countries)...)
		}
	}
	open := []Matter{matter}
	for seen := 1; len(open) > 0; {
		m := open[len(open)-1]
		open = open[:len(open)-1]
		add(m.Origin)
		for _, line := range m.Bill {
			add(line.Origin)
		}
		if seen += len(m.Children); seen > ledger.ChangeItemsMax {
			return nil, false
		}
		for _, child := range m.Children {
			open = append(open, j.matter(child))
		}
	}
	slices.Sort(countries)
	return slices.Compact(countries), true
}

// checkProducerShown: where the item names producers, the paper names one of them.
func checkProducerShown(body *custodyv1.Attest, matter Matter) *ledger.Rejection {
	named := false
	for _, c := range matter.Origin {
		if c.Producer == body.Producer {
			return nil
		}
		named = named || c.Producer != ""
	}
	if body.Producer == "" || !named {
		return nil
	}
	return ledger.RejectField(ledger.PaperMismatch, "attest.producer", "the item names other producers")
}

// checkFoundIn: what was found is of another nature than the item says, and not more
// than there is. A piece has no nature of its own.
func checkFoundIn(body *custodyv1.Attest, matter Matter) *ledger.Rejection {
	if body.FoundCount == 0 {
		return nil
	}
	count, known := pieces(matter)
	switch {
	case body.FoundNature == matter.Nature:
		return ledger.RejectField(ledger.PaperMismatch, "attest.found_nature", "the item says that it is of this nature; report what is not")
	case known && matter.Form != piece && matter.CountBasis != custodyv1.CountBasis_COUNT_BASIS_ESTIMATED && body.FoundCount > count:
		return ledger.RejectField(ledger.PaperMismatch, "attest.found_count", "the item has %d pieces", count)
	}
	return nil
}

// paperID names the paper. A party that issues it itself is known by its id, so that
// nobody else can use up the numbers of its papers.
func (j *judge) paperID(body *custodyv1.Attest) PaperID {
	h := sha256.New()
	h.Write([]byte("custody paper v1\n"))
	put := func(b []byte) {
		h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(b))))
		h.Write(b)
	}
	h.Write(binary.BigEndian.AppendUint32(nil, uint32(body.Kind)))
	if body.Own {
		h.Write([]byte{1})
		put(j.party.ID[:])
	} else {
		h.Write([]byte{2})
		put([]byte(body.Issuer))
	}
	put([]byte(body.Country))
	put([]byte(body.Number))
	return PaperID(h.Sum(nil))
}

// draw takes an attestation's part of its paper. Who attests first says what the paper
// is; once everything drawn was given back, that is open again, so that a false first
// statement does not spoil a number for ever.
func (j *judge) draw(a Attestation, body *custodyv1.Attest) *ledger.Rejection {
	document, quantity := [32]byte(body.DocumentSha256), portion(body.Quantity)
	paper, ok := j.state.Paper(a.Paper)
	if !ok || paper.Spent == (Portion{}) {
		paper = Paper{ID: a.Paper, Document: document, Quantity: quantity}
	}
	switch {
	case paper.Document != document || paper.Quantity != quantity:
		return ledger.RejectField(ledger.PaperDiffers, "attest.document_sha256", "an attestation that stands says otherwise about the paper of this number: %d micrograms, %d pieces", paper.Quantity.Micrograms, paper.Quantity.Count)
	case a.Drawn.Micrograms > paper.Quantity.Micrograms-paper.Spent.Micrograms || a.Drawn.Count > paper.Quantity.Count-paper.Spent.Count:
		return ledger.RejectField(ledger.PaperSpent, "attest.drawn", "the paper covers %d micrograms, %d pieces; %d micrograms, %d pieces of it are drawn already", paper.Quantity.Micrograms, paper.Quantity.Count, paper.Spent.Micrograms, paper.Spent.Count)
	}
	paper.Spent.Micrograms += a.Drawn.Micrograms
	paper.Spent.Count += a.Drawn.Count
	j.state.putPaper(paper)
	return nil
}

// attestWithdraw: who attested takes it back, or an association that sponsors it. What
// was drawn of a paper can be drawn again.
func (j *judge) attestWithdraw(body *custodyv1.AttestWithdraw) *ledger.Rejection {
	if rejection := j.maySpeak(); rejection != nil {
		return rejection
	}
	item, rejection := j.subject(body.Item)
	if rejection != nil {
		return rejection
	}
	a, ok := j.state.Attestation(ledger.EventID(body.Attestation))
	switch {
	case !ok || a.Item != item.ID:
		return ledger.RejectField(ledger.UnknownAttestation, "attest_withdraw.attestation", "no attestation of item %s has this event id", item.ID)
	case len(body.Attestor) > 0 && (a.Party == j.party.ID || a.Party != ledger.PartyID(body.Attestor)):
		return ledger.RejectField(ledger.NotAttestor, "attest_withdraw.attestor", "this party did not attest it, or is the acting one; name who did where an association takes it back")
	case a.Party != j.party.ID && len(body.Attestor) == 0:
		return ledger.RejectField(ledger.NotAttestor, "attest_withdraw.attestor", "another party attested it; an association that sponsors it takes it back and names it")
	case a.Party != j.party.ID && !j.answersFor(a.Party):
		return ledger.RejectField(ledger.NotAttestor, "attest_withdraw.attestation", "another party attested it; it takes it back, or an association that sponsors it does")
	case a.Withdrawn:
		return ledger.RejectField(ledger.AttestationWithdrawn, "attest_withdraw.attestation", "the attestation was taken back before")
	}
	a.Withdrawn = true
	j.state.putAttestation(a)
	if a.Paper != (PaperID{}) {
		// Who re-runs the rules on a bundle does not know what else was drawn, and gives
		// no paper.
		if paper, ok := j.state.Paper(a.Paper); ok {
			paper.Spent.Micrograms -= min(paper.Spent.Micrograms, a.Drawn.Micrograms)
			paper.Spent.Count -= min(paper.Spent.Count, a.Drawn.Count)
			j.state.putPaper(paper)
		}
	}
	j.touch(item)
	return nil
}

// answersFor tells whether the acting party is an association that sponsors a party,
// or did until it suspended it.
func (j *judge) answersFor(id ledger.PartyID) bool {
	party, _ := j.state.Party(id)
	return slices.ContainsFunc(party.Memberships, func(m Membership) bool { return m.Association == j.party.ID })
}
