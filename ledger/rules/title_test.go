package rules_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/sign"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

func part(a *actor, parts uint32) *custodyv1.TitlePart {
	return &custodyv1.TitlePart{Party: a.id[:], Parts: parts}
}

// clerk adds a key with some scopes to a party.
func (w *world) clerk(a *actor, scopes ledger.Scopes) sign.PrivateKey {
	w.t.Helper()
	key := w.newKey()
	w.do(a.id, &custodyv1.KeyAdd{Key: key.Public().Bytes(), Scopes: uint32(scopes)}, a.key, key)
	return key
}

func TestPartnersShareTheTitle(t *testing.T) {
	w := newWorld(t)
	a, b, c := w.dealer(), w.dealer(), w.dealer()
	item := w.stone(a)
	share := func(leaving []*actor, owners ...*custodyv1.TitlePart) *custodyv1.Share {
		body := &custodyv1.Share{Item: w.on(item), Owners: owners}
		for _, l := range leaving {
			body.Leaving = append(body.Leaving, l.id[:])
		}
		return body
	}
	refuse := func(reason ledger.Reason, by *actor, body *custodyv1.Share, keys ...sign.PrivateKey) {
		t.Helper()
		w.refuse(reason, w.event(by.id, body), append(keys, by.key)...)
	}
	both := func() *custodyv1.Share { return share(nil, part(a, 2), part(b, 1)) }
	weak := w.clerk(b, ledger.ScopesAll&^ledger.ScopePassTitle)
	second := w.clerk(a, ledger.ScopesAll)
	refuse(ledger.WrongSigners, a, both())
	refuse(ledger.WrongSigners, a, both(), second)       // doubled
	refuse(ledger.WrongSigners, a, both(), b.key, c.key) // one too many
	refuse(ledger.ForeignKey, a, both(), c.key)          // of the wrong party
	refuse(ledger.MissingScope, a, both(), weak)         // of the wrong scope
	w.refuse(ledger.MissingScope, w.event(b.id, share(nil, part(b, 1), part(a, 1))), weak, a.key)
	refuse(ledger.NotOwner, b, both(), a.key)
	refuse(ledger.AssociationExcluded, a, share(nil, part(a, 1), part(w.antwerp, 1)), w.antwerp.key)
	refuse(ledger.UnknownKey, a, share(nil, part(a, 1), part(&actor{}, 1)), w.newKey())
	refuse(ledger.SharesInvalid, a, share(nil, part(a, 5)))                            // nothing changes
	refuse(ledger.SharesInvalid, a, share(nil, part(a, 5), part(a, 1)))                // twice
	refuse(ledger.SharesInvalid, a, share([]*actor{a}, part(a, 1)))                    // leaves and stays
	refuse(ledger.SharesInvalid, a, share([]*actor{c}, part(a, 1)), c.key)             // never owned
	refuse(ledger.SharesInvalid, a, share(nil, part(b, 1)), b.key)                     // a left out
	refuse(ledger.NonCanonical, a, share([]*actor{c, c}, part(a, 1)), c.key)           // twice
	w.undecodable(ledger.MissingField, a, share(nil, part(a, 0)))                      // no part
	w.undecodable(ledger.InvalidField, a, share(nil, part(a, ledger.TitlePartsMax+1))) // too many parts

	w.do(a.id, both(), a.key, b.key)
	w.registers(item)
	w.holds(item, a, a)
	refuse(ledger.SharesInvalid, b, share(nil, part(b, 3)))                    // a left out
	refuse(ledger.SharesInvalid, b, share(nil, part(a, 4), part(b, 2)), a.key) // the same fractions
	refuse(ledger.NotOwner, b, &custodyv1.Share{Item: w.on(w.stone(a)), Owners: both().Owners}, a.key)
	w.refuses(ledger.NotOwner, b, w.offerOf(item, c, titleOnly)) // only the managing owner signs
	w.do(b.id, share(nil, part(b, 2), part(a, 4)), a.key, b.key) // another manager, nothing else
	w.holds(item, a, b)
	w.registers(item)
	w.refuses(ledger.NotOwner, a, w.offerOf(item, c, sale))
	w.do(b.id, share([]*actor{b}, part(a, ledger.TitlePartsMax)), a.key, b.key)
	w.registers(item)
	w.holds(item, a, a)

	offer := w.do(a.id, w.offerOf(item, c, sale), a.key)
	refuse(ledger.OfferOpen, a, both(), b.key)
	w.do(a.id, &custodyv1.Withdraw{Item: w.on(item), Offer: offer[:]}, a.key)

	w.hand(item, a, b, memo)
	refuse(ledger.OnMemo, a, share(nil, part(a, 1), part(c, 1)), c.key)
	w.do(a.id, share(nil, part(b, 1), part(a, 1)), a.key, b.key) // with the holder
	w.registers(item)
	w.holds(item, b, b)
	if terms := w.state.Items[item].Terms; len(terms) != 0 {
		t.Errorf("terms of its own goods: %+v", terms)
	}

	// Suspended partners: nothing of theirs changes, and they stand in nobody's way.
	suspend := &custodyv1.PartySuspend{Party: b.id[:], Reason: 3}
	w.do(w.antwerp.id, suspend, w.antwerp.key)
	refuse(ledger.PartySuspended, a, share(nil, part(b, 1), part(a, 2)), b.key)
	refuse(ledger.PartySuspended, a, share([]*actor{b}, part(a, 1)), b.key)
	refuse(ledger.PartySuspended, b, share(nil, part(b, 2), part(a, 2), part(c, 2)), a.key, c.key)
	w.do(a.id, share(nil, part(a, 1), part(b, 2), part(c, 1)), a.key, b.key, c.key)
	w.registers(item)

	outside := w.stone(a)
	w.do(a.id, &custodyv1.Release{Item: w.on(outside), Reason: custodyv1.OutsideReason_OUTSIDE_REASON_SOLD, Country: "US"}, a.key)
	refuse(ledger.ItemOutside, a, &custodyv1.Share{Item: w.on(outside), Owners: []*custodyv1.TitlePart{part(c, 1), part(a, 1)}}, c.key)
}

func TestEightPartners(t *testing.T) {
	w := newWorld(t)
	a := w.dealer()
	item := w.stone(a)
	body := &custodyv1.Share{Item: w.on(item), Owners: []*custodyv1.TitlePart{part(a, ledger.TitlePartsMax)}}
	keys := []sign.PrivateKey{a.key}
	for range ledger.SignersMax - 1 {
		p := w.dealer()
		body.Owners = append(body.Owners, part(p, ledger.TitlePartsMax))
		keys = append(keys, p.key)
	}
	w.do(a.id, body, keys...)
	w.registers(item)
	body.Item, body.Owners = w.on(item), append(body.Owners, part(w.dealer(), 1))
	w.undecodable(ledger.TooLarge, a, body)
}

func TestReclaim(t *testing.T) {
	w := newWorld(t)
	a, b, c := w.dealer(), w.dealer(), w.dealer()
	item := w.stone(a)
	reclaim := func(from, association *actor) *custodyv1.Reclaim {
		return &custodyv1.Reclaim{Item: w.on(item), From: from.id[:], Association: association.id[:]}
	}
	refuse := func(reason ledger.Reason, by *actor, body any, keys ...sign.PrivateKey) {
		t.Helper()
		w.refuse(reason, w.event(by.id, body), append(keys, by.key)...)
	}
	refuse(ledger.OwnGoods, a, reclaim(a, w.antwerp), w.antwerp.key)
	w.lend(item, a, b, memo)
	until := w.state.Items[item].Terms[0].Until
	w.lend(item, b, c, memo)
	refuse(ledger.WrongSigners, a, reclaim(c, w.antwerp))
	refuse(ledger.ForeignKey, a, reclaim(c, w.antwerp), w.mumbai.key)
	refuse(ledger.NotAssociation, a, reclaim(c, b), b.key)
	refuse(ledger.NotOverdue, a, reclaim(c, w.antwerp), w.antwerp.key)
	w.now = until
	refuse(ledger.NotOverdue, a, reclaim(c, w.antwerp), w.antwerp.key)
	w.now++
	refuse(ledger.NotHolder, a, reclaim(b, w.antwerp), w.antwerp.key)
	refuse(ledger.NotOwner, b, reclaim(c, w.antwerp), w.antwerp.key)
	refuse(ledger.CountersignerInvalid, a, reclaim(c, w.mumbai), w.mumbai.key)
	title := w.do(a.id, w.offerOf(item, c, memoToSale), a.key)
	back := w.offerOf(item, b, returning)
	back.GoodsLeft = true
	gone := w.do(c.id, back, c.key)
	w.do(a.id, reclaim(c, w.antwerp), a.key, w.antwerp.key)
	w.holds(item, a, a)
	w.registers(item)
	refuse(ledger.UnknownOffer, b, w.accept(item, gone))
	refuse(ledger.UnknownOffer, c, w.accept(item, title)) // the holder has it no longer

	// Who is suspended by all answers to any of its sponsors; who is not, to those that stand.
	w.hand(item, a, b, service)
	w.now += 5001
	w.do(w.mumbai.id, &custodyv1.PartySponsor{Party: b.id[:]}, w.mumbai.key)
	w.do(w.antwerp.id, &custodyv1.PartySuspend{Party: b.id[:], Reason: 3}, w.antwerp.key)
	refuse(ledger.CountersignerInvalid, a, reclaim(b, w.antwerp), w.antwerp.key)
	w.do(w.mumbai.id, &custodyv1.PartySuspend{Party: b.id[:], Reason: 3}, w.mumbai.key)
	w.do(a.id, reclaim(b, w.antwerp), a.key, w.antwerp.key)
	w.holds(item, a, a)

	w.hand(item, a, c, carrier) // without an end
	w.now += 1_000_000_000
	refuse(ledger.NotOverdue, a, reclaim(c, w.antwerp), w.antwerp.key)
	w.hand(item, c, a, returning)
	w.do(a.id, &custodyv1.Release{Item: w.on(item), Reason: custodyv1.OutsideReason_OUTSIDE_REASON_LOAN, Country: "US"}, a.key)
	refuse(ledger.ItemOutside, a, reclaim(c, w.antwerp), w.antwerp.key)
	w.do(a.id, &custodyv1.Reenter{Item: w.on(item), Identity: 1}, a.key)
	w.do(a.id, &custodyv1.Share{Item: w.on(item), Owners: []*custodyv1.TitlePart{part(c, 1), part(a, 1)}}, a.key, c.key)
	refuse(ledger.NotLent, c, reclaim(a, w.antwerp), w.antwerp.key) // a partner has it
}

func TestBorders(t *testing.T) {
	w := newWorld(t)
	a, b := w.dealer(), w.dealer()
	item := w.stone(a)
	crossing := func(item ledger.ItemID, certificate ledger.EventID) *custodyv1.BorderCross {
		body := &custodyv1.BorderCross{Item: w.on(item), From: "BW", To: "BE"}
		if certificate != (ledger.EventID{}) {
			body.Certificate = certificate[:]
		}
		return body
	}
	last := w.state.Items[item].Last
	w.do(a.id, crossing(item, ledger.EventID{}), a.key)
	if w.state.Items[item].Last == last {
		t.Error("a crossing does not advance the item")
	}
	same, nowhere, wrong := crossing(item, ledger.EventID{}), crossing(item, ledger.EventID{}), crossing(item, ledger.EventID{})
	same.To, nowhere.From, wrong.HsCode = "BW", "XX", "710421"
	w.refuses(ledger.CountryInvalid, a, same)
	w.refuses(ledger.CountryInvalid, a, nowhere)
	w.refuses(ledger.HSCodeInvalid, a, wrong)
	right := crossing(item, ledger.EventID{})
	right.HsCode = "710239"
	w.do(a.id, right, a.key)
	w.refuses(ledger.NotHolder, b, crossing(item, ledger.EventID{}))

	rocks := w.register(a, rough(minedIn(2_000_000, "BW")))
	others := w.register(a, rough(minedIn(2_400_000, "BW")))
	certificate := w.do(a.id, w.certificate(rocks, "BW1", 2_000_000, 2_000_000), a.key)
	w.refuses(ledger.PaperMismatch, a, crossing(item, certificate))
	w.refuses(ledger.CertificateRequired, a, crossing(rocks, ledger.EventID{}))
	w.refuses(ledger.UnknownAttestation, a, crossing(rocks, ledger.EventID{1}))
	w.refuses(ledger.UnknownAttestation, a, crossing(others, certificate))
	w.refuses(ledger.CertificateRequired, a, crossing(rocks, w.do(a.id, w.invoice(rocks), a.key)))
	// 12 ct on a paper of 10 ct.
	ten := w.do(a.id, w.certificate(others, "BW2", 2_000_000, 2_000_000), a.key)
	w.refuses(ledger.PaperSpent, a, crossing(others, ten))
	w.do(a.id, crossing(rocks, certificate), a.key)
	w.do(a.id, &custodyv1.AttestWithdraw{Item: rocks[:], Attestation: certificate[:], Reason: 1}, a.key)
	w.refuses(ledger.AttestationWithdrawn, a, crossing(rocks, certificate))
	certificate = w.do(a.id, w.certificate(rocks, "BW1", 2_000_000, 2_000_000), a.key)
	w.now += 10_001
	w.refuses(ledger.PaperExpired, a, crossing(rocks, certificate))

	ring := w.changes(a, &custodyv1.Transform{Process: assemble, Inputs: w.refs(item), Outputs: []*custodyv1.Output{{Form: custodyv1.Form_FORM_PIECE, Mass: massOf(46_000)}}})[0]
	w.refuses(ledger.SetInPiece, a, crossing(item, ledger.EventID{}))
	loose := crossing(ring, ledger.EventID{})
	loose.HsCode = "710239"
	w.refuses(ledger.HSCodeInvalid, a, loose)
	w.do(a.id, crossing(ring, ledger.EventID{}), a.key)
}

// certificate is a Kimberley certificate about rough of one country, the first letters
// of its number.
func (w *world) certificate(item ledger.ItemID, number string, quantity, drawn uint64) *custodyv1.Attest {
	return &custodyv1.Attest{
		Item: item[:], Kind: custodyv1.DocumentKind_DOCUMENT_KIND_KIMBERLEY_CERTIFICATE, Issuer: "Made up authority",
		Country: number[:2], Number: number, DocumentSha256: bytes.Repeat([]byte{7}, 32), IssuedMs: w.now - 1, ExpiresMs: w.now + 10_000,
		Claims:    []*custodyv1.ClaimMade{{Claim: custodyv1.Claim_CLAIM_MASS, Level: 2}, {Claim: custodyv1.Claim_CLAIM_ORIGIN, Level: 2}},
		Countries: slices.Clone([]string{number[:2]}),
		Quantity:  &custodyv1.Portion{Micrograms: quantity}, Drawn: &custodyv1.Portion{Micrograms: drawn},
	}
}

// invoice is a paper about anything.
func (w *world) invoice(item ledger.ItemID) *custodyv1.Attest {
	return &custodyv1.Attest{
		Item: item[:], Kind: custodyv1.DocumentKind_DOCUMENT_KIND_INVOICE, Own: true, DocumentSha256: make([]byte, 32),
		Claims: []*custodyv1.ClaimMade{{Claim: custodyv1.Claim_CLAIM_IDENTITY, Level: 1}},
	}
}
