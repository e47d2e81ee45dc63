package rules

import (
	"bytes"
	"slices"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/vocabulary"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// partners are everybody but the acting party who owned or will own, each once.
func partners(acting ledger.PartyID, body *custodyv1.Share) []countersigner {
	var signers []countersigner
	add := func(field string, id []byte) {
		party := ledger.PartyID(id)
		known := func(c countersigner) bool { return c.party == party }
		if party != acting && !slices.ContainsFunc(signers, known) {
			signers = append(signers, countersigner{field, party, dealer, passTitle})
		}
	}
	for _, owner := range body.Owners {
		add("share.owners", owner.Party)
	}
	for _, id := range body.Leaving {
		add("share.leaving", id)
	}
	return signers
}

// share: the owners agree who owns how much. Everybody who owned or will own signs.
func (j *judge) share(body *custodyv1.Share) *ledger.Rejection {
	title, rejection := newTitle(body)
	if rejection != nil {
		return rejection
	}
	item, rejection := j.item()
	if rejection != nil {
		return rejection
	}
	item.Offers = j.standing(item.Offers)
	for _, judged := range []func(Item, []Share, *custodyv1.Share) *ledger.Rejection{j.mayShare, j.complete, j.sponsoredPartners, j.sharable} {
		if rejection := judged(item, title, body); rejection != nil {
			return rejection
		}
	}
	item.Title = title
	item.Terms = owned(item)
	j.put(overtaken(item))
	return nil
}

// newTitle looks at nothing but what the event says.
func newTitle(body *custodyv1.Share) ([]Share, *ledger.Rejection) {
	var title []Share
	for _, part := range body.Owners {
		owner := Inside(ledger.PartyID(part.Party))
		if partOf(title, owner.Party) > 0 {
			return nil, ledger.RejectField(ledger.SharesInvalid, "share.owners", "party %s stands twice; add its parts up", owner.Party)
		}
		title = append(title, Share{Owner: owner, Parts: part.Parts})
	}
	for i, id := range body.Leaving {
		switch {
		case i > 0 && bytes.Compare(id, body.Leaving[i-1]) <= 0:
			return nil, ledger.RejectField(ledger.NonCanonical, "share.leaving", "who leaves stands in ascending order, each once")
		case partOf(title, ledger.PartyID(id)) > 0:
			return nil, ledger.RejectField(ledger.SharesInvalid, "share.leaving", "party %s leaves and owns", ledger.PartyID(id))
		}
	}
	return title, nil
}

// partOf gives how many parts of a title a party has.
func partOf(title []Share, party ledger.PartyID) uint32 {
	for _, share := range title {
		if share.Owner.Is(party) {
			return share.Parts
		}
	}
	return 0
}

func partsOf(title []Share) (total uint64) {
	for _, share := range title {
		total += uint64(share.Parts)
	}
	return total
}

// keeps tells whether a party owns the same fraction of both titles. Eight owners of
// TitlePartsMax parts leave the products far from overflowing.
func keeps(party ledger.PartyID, before, after []Share) bool {
	return uint64(partOf(before, party))*partsOf(after) == uint64(partOf(after, party))*partsOf(before)
}

// mayShare: the party owns a part, and all owners are here to sign.
func (j *judge) mayShare(item Item, _ []Share, _ *custodyv1.Share) *ledger.Rejection {
	if item.Owner().Outside != nil || partOf(item.Title, j.party.ID) == 0 {
		return j.notOwner(item)
	}
	return nil
}

// complete: nobody loses a share without signing, nobody leaves who was not there, and
// something changes.
func (j *judge) complete(item Item, title []Share, body *custodyv1.Share) *ledger.Rejection {
	for _, share := range item.Title {
		leaves := slices.ContainsFunc(body.Leaving, func(id []byte) bool { return share.Owner.Is(ledger.PartyID(id)) })
		if !leaves && partOf(title, share.Owner.Party) == 0 {
			return ledger.RejectField(ledger.SharesInvalid, "share.leaving", "party %s owns a part now; it stays an owner, or it leaves and signs", share.Owner.Party)
		}
	}
	for _, id := range body.Leaving {
		if partOf(item.Title, ledger.PartyID(id)) == 0 {
			return ledger.RejectField(ledger.SharesInvalid, "share.leaving", "party %s owns no part now", ledger.PartyID(id))
		}
	}
	changed := len(title) != len(item.Title) || !title[0].Owner.Equal(item.Owner())
	for _, share := range title {
		changed = changed || !keeps(share.Owner.Party, item.Title, title)
	}
	if !changed {
		return ledger.RejectField(ledger.SharesInvalid, "share.owners", "the owners and their shares are these already")
	}
	return nil
}

// sponsoredPartners: who is suspended neither gains nor gives title, and does not stand
// in the way of what its partners do with theirs.
func (j *judge) sponsoredPartners(item Item, title []Share, _ *custodyv1.Share) *ledger.Rejection {
	for _, owner := range slices.Concat(title, item.Title) {
		party, _ := j.state.Party(owner.Owner.Party)
		if party.Suspended() && !keeps(party.ID, item.Title, title) {
			return ledger.RejectField(ledger.PartySuspended, "share.owners", "party %s is suspended by every sponsor; its share stays as it is", party.ID)
		}
	}
	return nil
}

// sharable asks whether the item's state permits it. Goods on memo may be bought by
// who has them, so that no new owner comes in behind their back.
func (j *judge) sharable(item Item, title []Share, _ *custodyv1.Share) *ledger.Rejection {
	for _, offer := range item.Offers {
		if offer.MovesTitle() {
			return ledger.RejectField(ledger.OfferOpen, "share.item", "an offer of entry %d stands on item %s; withdraw it or wait for its answer", offer.Index, item.ID)
		}
	}
	for _, share := range title {
		party := share.Owner.Party
		if partOf(item.Title, party) == 0 && onMemo(item) && !item.Custody.Is(party) && lentBy(item, party) < 0 {
			return ledger.RejectField(ledger.OnMemo, "share.owners", "the holder has item %s on memo and may buy it; it is returned before others become owners", item.ID)
		}
	}
	return free(item, moveTitle)
}

// reclaim: the owner takes custody back after the term has ended. Title stays.
func (j *judge) reclaim(body *custodyv1.Reclaim) *ledger.Rejection {
	item, rejection := j.item()
	if rejection != nil {
		return rejection
	}
	from := ledger.PartyID(body.From)
	switch {
	case !item.Owner().Is(j.party.ID):
		return j.notOwner(item)
	case item.Custody.Outside != nil:
		return ledger.RejectField(ledger.ItemOutside, "reclaim.item", "item %s was released by entry %d to somebody outside the ledger; it re-enters", item.ID, item.Custody.Outside.Since)
	case item.Custody.Is(j.party.ID):
		return ledger.RejectField(ledger.OwnGoods, "reclaim.item", "the party holds item %s itself", item.ID)
	case !item.Custody.Is(from):
		return ledger.RejectField(ledger.NotHolder, "reclaim.from", "party %s does not hold item %s", from, item.ID)
	case len(item.Terms) == 0:
		return ledger.RejectField(ledger.NotLent, "reclaim.item", "the holder has item %s under no term that could have ended", item.ID)
	}
	due := item.Terms[0].Until
	if due == 0 {
		due = item.Terms[len(item.Terms)-1].Until
	}
	if due == 0 || j.now <= due {
		return ledger.RejectField(ledger.NotOverdue, "reclaim.item", "the term of item %s has not ended, or has no end; ledger time is %s", item.ID, date(j.now))
	}
	holder, _ := j.state.Party(from)
	if !vouches(holder, ledger.PartyID(body.Association)) {
		return ledger.RejectField(ledger.CountersignerInvalid, "reclaim.association", "the association does not sponsor the holder; one that does countersigns")
	}
	if rejection := free(item, giveBack); rejection != nil {
		return rejection
	}
	item.Custody, item.Terms = Inside(j.party.ID), nil
	var others []Offer
	for _, offer := range j.standing(item.Offers) {
		if !offer.MovesCustody() {
			others = append(others, offer)
		}
	}
	item.Offers = others
	j.put(overtaken(item))
	return nil
}

// vouches tells whether an association sponsors a party. Of a party that every sponsor
// has suspended, any of them answers: somebody has to, or nothing could be taken back
// from it.
func vouches(party Party, association ledger.PartyID) bool {
	return slices.ContainsFunc(party.Memberships, func(m Membership) bool {
		return m.Association == association && (!m.Suspended || party.Suspended())
	})
}

// borderCross: the holder takes goods over a border. Rough natural diamonds go with a
// Kimberley certificate that covers all of them.
func (j *judge) borderCross(body *custodyv1.BorderCross) *ledger.Rejection {
	for _, c := range []struct{ field, code string }{{"border_cross.from", body.From}, {"border_cross.to", body.To}} {
		if !ledger.IsCountry(c.code) {
			return ledger.RejectField(ledger.CountryInvalid, c.field, "%q is not an ISO 3166-1 alpha-2 code", c.code)
		}
	}
	if body.From == body.To {
		return ledger.RejectField(ledger.CountryInvalid, "border_cross.to", "a border has two sides, got %s on both", body.To)
	}
	item, rejection := j.item()
	if rejection != nil {
		return rejection
	}
	if !item.Custody.Is(j.party.ID) {
		return j.notHolder(item)
	}
	if rejection := free(item, cross); rejection != nil {
		return rejection
	}
	matter := j.matter(item.ID)
	if rejection := j.checkCrossingHS(body.HsCode, matter); rejection != nil {
		return rejection
	}
	if rejection := j.certified(matter, body.Certificate); rejection != nil {
		return rejection
	}
	j.put(item)
	return nil
}

func (j *judge) checkCrossingHS(code string, matter Matter) *ledger.Rejection {
	var rejection *ledger.Rejection
	switch {
	case code == "":
		return nil
	case matter.Form == piece:
		parts := slices.Clone(matter.Bill)
		for _, child := range matter.Children {
			parts = append(parts, j.matter(child))
		}
		rejection = checkPieceHS(code, parts)
	default:
		rejection = checkHS(code, hsGoods(matter))
	}
	if rejection != nil {
		rejection.Field = "border_cross.hs_code"
	}
	return rejection
}

const kimberley = custodyv1.DocumentKind_DOCUMENT_KIND_KIMBERLEY_CERTIFICATE

// certified asks for the certificate of goods that need one; a certificate of others is
// refused, because no such paper is about them.
func (j *judge) certified(matter Matter, id []byte) *ledger.Rejection {
	const field = "border_cross.certificate"
	needed := vocabulary.CheckDocument(kimberley, matter.Material, matter.Nature, matter.Stage) == nil
	switch {
	case !needed && len(id) == 0:
		return nil
	case !needed:
		return ledger.RejectField(ledger.PaperMismatch, field, "Kimberley certificates are of rough natural diamonds; leave it out")
	case len(id) == 0:
		return ledger.RejectField(ledger.CertificateRequired, field, "rough natural diamonds cross a border with a Kimberley certificate; attest it and name the attestation")
	}
	attestation, ok := j.state.Attestation(ledger.EventID(id))
	switch {
	case !ok || attestation.Item != matter.Item:
		return ledger.RejectField(ledger.UnknownAttestation, field, "no attestation of item %s has this event id", matter.Item)
	case attestation.Kind != kimberley:
		return ledger.RejectField(ledger.CertificateRequired, field, "the attestation is of another paper; a Kimberley certificate is needed")
	case attestation.Withdrawn:
		return ledger.RejectField(ledger.AttestationWithdrawn, field, "the attestation was taken back")
	case attestation.Expires < j.now:
		return ledger.RejectField(ledger.PaperExpired, field, "the certificate was valid until %s, ledger time is %s", date(attestation.Expires), date(j.now))
	case attestation.Drawn.Micrograms < matter.Mass-min(matter.Mass, tolerance(matter.Mass)):
		return ledger.RejectField(ledger.PaperSpent, field, "%d micrograms of the certificate are the item's, it weighs %d", attestation.Drawn.Micrograms, matter.Mass)
	}
	return nil
}
