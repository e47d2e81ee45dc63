package store

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/rules"
	"github.com/custodyledger/custodyledger/ledger/sign"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

func fixedBytes[A ~[16]byte | ~[20]byte | ~[32]byte](t *rapid.T, name string) A {
	var a A
	seed := sha256.Sum256([]byte{rapid.Byte().Draw(t, name)})
	reflect.Copy(reflect.ValueOf(&a).Elem(), reflect.ValueOf(seed[:reflect.TypeFor[A]().Len()]))
	return a
}

func drawText(t *rapid.T, name string) string {
	return string(rapid.SliceOfN(rapid.Byte(), 0, textBytesMax).Draw(t, name))
}

func drawParty(t *rapid.T) rules.Party {
	p := rules.Party{
		ID:          fixedBytes[ledger.PartyID](t, "id"),
		Association: rapid.Bool().Draw(t, "association"),
		Name:        drawText(t, "name"),
		Country:     drawText(t, "country"),
		Role:        custodyv1.Role(rapid.Uint8().Draw(t, "role")),
		Admitted:    rapid.Uint64().Draw(t, "admitted"),
		LastIndex:   rapid.Uint64().Draw(t, "last index"),
	}
	for range rapid.IntRange(0, 4).Draw(t, "memberships") {
		p.Memberships = append(p.Memberships, rules.Membership{Association: fixedBytes[ledger.PartyID](t, "association"), Suspended: rapid.Bool().Draw(t, "suspended")})
	}
	for range rapid.IntRange(0, 4).Draw(t, "keys") {
		p.Keys = append(p.Keys, fixedBytes[sign.KeyID](t, "key"))
	}
	return p
}

func drawKey(t *rapid.T) rules.Key {
	seed := fixedBytes[[32]byte](t, "seed")
	private, err := sign.NewPrivateKey(seed[:])
	if err != nil {
		t.Fatal(err)
	}
	return rules.Key{
		Public:   private.Public(),
		Party:    fixedBytes[ledger.PartyID](t, "party"),
		Scopes:   ledger.Scopes(rapid.Uint32().Draw(t, "scopes")),
		Recovery: rapid.Bool().Draw(t, "recovery"),
		Added:    rapid.Uint64().Draw(t, "added"),
		Revoked:  rapid.OneOf(rapid.Just(ledger.NoLink), rapid.Just(ledger.NoLink-1), rapid.Uint64()).Draw(t, "revoked"),
	}
}

func drawHolder(t *rapid.T) rules.Holder {
	if rapid.Bool().Draw(t, "inside") {
		return rules.Inside(fixedBytes[ledger.PartyID](t, "party"))
	}
	return rules.Holder{Outside: &rules.Outside{
		Reason:     custodyv1.OutsideReason(rapid.IntRange(0, 2).Draw(t, "reason")),
		Country:    drawText(t, "country"),
		Since:      rapid.Uint64().Draw(t, "since"),
		ReleasedBy: fixedBytes[ledger.PartyID](t, "released by"),
	}}
}

func drawItem(t *rapid.T) rules.Item {
	i := rules.Item{
		ID:         fixedBytes[ledger.ItemID](t, "id"),
		Status:     rapid.SampledFrom([]rules.Status{rules.Live, rules.Voided, rules.Consumed, rules.Destroyed}).Draw(t, "status"),
		Registrant: fixedBytes[ledger.PartyID](t, "registrant"),
		Registered: rapid.Uint64().Draw(t, "registered"),
		Last:       fixedBytes[ledger.EventID](t, "last"),
		LastIndex:  rapid.Uint64().Draw(t, "last index"),
		Born:       rapid.Uint64().Draw(t, "born"),
		Custody:    drawHolder(t),
		Offered:    rapid.Bool().Draw(t, "offered"),
		Lost:       rapid.Bool().Draw(t, "lost"),
		Stolen:     rapid.Bool().Draw(t, "stolen"),
		Damaged:    rapid.Bool().Draw(t, "damaged"),
	}
	i.Occurred = rapid.Uint64Min(i.Born).Draw(t, "occurred")
	if rapid.Bool().Draw(t, "custody is registrant") {
		i.Custody = rules.Inside(i.Registrant)
	}
	for range rapid.IntRange(1, 3).Draw(t, "owners") {
		i.Title = append(i.Title, rules.Share{Owner: drawHolder(t), Parts: rapid.Uint32().Draw(t, "parts")})
	}
	if rapid.Bool().Draw(t, "title is custody") {
		i.Title = rules.Sole(i.Custody)
	}
	if rapid.Bool().Draw(t, "set") {
		i.Within = fixedBytes[ledger.ItemID](t, "within")
	}
	for range rapid.IntRange(0, 3).Draw(t, "terms") {
		i.Terms = append(i.Terms, rules.Term{
			Mode: custodyv1.Mode(rapid.Uint8().Draw(t, "mode")), From: fixedBytes[ledger.PartyID](t, "from"),
			Until: rapid.Uint64().Draw(t, "until"), MayMemoOn: rapid.Bool().Draw(t, "memo on"),
		})
	}
	for range rapid.IntRange(0, 3).Draw(t, "disputes") {
		i.Disputes = append(i.Disputes, rules.Dispute{
			Event: fixedBytes[ledger.EventID](t, "event"), Party: fixedBytes[ledger.PartyID](t, "party"), Ground: custodyv1.DisputeGround(rapid.Uint8().Draw(t, "ground")),
		})
	}
	for range rapid.IntRange(0, 3).Draw(t, "holds") {
		i.Holds = append(i.Holds, rules.Hold{Event: fixedBytes[ledger.EventID](t, "event"), Authority: custodyv1.HoldAuthority(rapid.Uint8().Draw(t, "authority"))})
	}
	for range rapid.IntRange(0, 3).Draw(t, "offers") {
		o := rules.Offer{
			Event: fixedBytes[ledger.EventID](t, "event"), Index: rapid.Uint64().Draw(t, "index"),
			From: fixedBytes[ledger.PartyID](t, "from"), To: fixedBytes[ledger.PartyID](t, "to"),
			Mode: custodyv1.Mode(rapid.IntRange(0, 4).Draw(t, "mode")), ExpiresAt: rapid.Uint64().Draw(t, "expires"),
			GoodsLeft: rapid.Bool().Draw(t, "left"), Declined: rapid.Bool().Draw(t, "declined"), Until: rapid.Uint64().Draw(t, "until"),
			MayMemoOn: rapid.Bool().Draw(t, "memo on"), Part: drawPortion(t),
		}
		if rapid.Bool().Draw(t, "brokered") {
			o.Agent = fixedBytes[ledger.PartyID](t, "agent")
		}
		i.Offers = append(i.Offers, o)
	}
	return i
}

func drawPortion(t *rapid.T) rules.Portion {
	if rapid.Bool().Draw(t, "none") {
		return rules.Portion{}
	}
	return rules.Portion{Micrograms: rapid.Uint64().Draw(t, "micrograms"), Count: rapid.Uint32().Draw(t, "count")}
}

// drawMatter draws lines of a bill too: they are matter without id, bill and children.
func drawMatter(t *rapid.T, outer bool) rules.Matter {
	m := rules.Matter{
		Material: custodyv1.Material(rapid.Uint8().Draw(t, "material")), Form: custodyv1.Form(rapid.Uint8().Draw(t, "form")),
		Nature: custodyv1.Nature(rapid.Uint8().Draw(t, "nature")), Stage: custodyv1.Stage(rapid.Uint8().Draw(t, "stage")),
		Mass: rapid.Uint64().Draw(t, "mass"), Basis: custodyv1.MassBasis(rapid.Uint8().Draw(t, "basis")),
		EqualPieces: rapid.Bool().Draw(t, "equal"),
	}
	// Left out as often as not, so that every flag is tried both ways.
	some := func(what string) bool { return rapid.Bool().Draw(t, what) }
	if some("species") {
		m.Species = drawText(t, "species text")
	}
	if some("counted") {
		m.Count, m.CountBasis = rapid.Uint32().Draw(t, "count"), custodyv1.CountBasis(rapid.Uint8().Draw(t, "count basis"))
	}
	if some("treated") {
		m.TreatedBy = rapid.Uint32().Draw(t, "year")
		for range rapid.IntRange(0, 3).Draw(t, "treatments") {
			m.Treatments = append(m.Treatments, drawText(t, "code"))
		}
	}
	if some("model") {
		m.Model = custodyv1.Model(rapid.Uint8().Draw(t, "model kind"))
	}
	for range rapid.IntRange(0, 3).Draw(t, "alloy") {
		m.Composition = append(m.Composition, rules.Constituent{Metal: custodyv1.Metal(rapid.Uint8().Draw(t, "metal")), Micrograms: rapid.Uint64().Draw(t, "micrograms")})
	}
	for range rapid.IntRange(0, 3).Draw(t, "components") {
		c := rules.Component{Micrograms: rapid.Uint64().Draw(t, "micrograms"), Source: rules.Source{
			Kind: custodyv1.OriginKind(rapid.Uint8().Draw(t, "kind")), Countries: drawText(t, "countries"),
		}}
		if some("metal") {
			c.Metal = custodyv1.Metal(rapid.Uint8().Draw(t, "of metal"))
		}
		if some("named") {
			c.Mine, c.Producer = drawText(t, "mine"), drawText(t, "producer")
		}
		if some("owned") {
			c.StateOwnership, c.OwnershipAsOf = custodyv1.StateOwnership(rapid.Uint8().Draw(t, "ownership")), rapid.Uint64().Draw(t, "as of")
		}
		m.Origin = append(m.Origin, c)
	}
	if len(m.Origin) == 1 && some("whole") {
		m.Origin[0].Micrograms = m.Mass
	}
	if !outer {
		return m
	}
	m.Item = fixedBytes[ledger.ItemID](t, "id")
	for range rapid.IntRange(0, 2).Draw(t, "bill") {
		m.Bill = append(m.Bill, drawMatter(t, false))
	}
	for range rapid.IntRange(0, 3).Draw(t, "children") {
		m.Children = append(m.Children, fixedBytes[ledger.ItemID](t, "child"))
	}
	return m
}

func drawAttestation(t *rapid.T) rules.Attestation {
	a := rules.Attestation{
		Event: fixedBytes[ledger.EventID](t, "event"), Index: rapid.Uint64().Draw(t, "index"),
		Item: fixedBytes[ledger.ItemID](t, "item"), Party: fixedBytes[ledger.PartyID](t, "party"),
		Kind: custodyv1.DocumentKind(rapid.Uint8().Draw(t, "kind")), Withdrawn: rapid.Bool().Draw(t, "withdrawn"),
		Drawn: drawPortion(t),
	}
	if rapid.Bool().Draw(t, "of paper") {
		a.Paper = fixedBytes[rules.PaperID](t, "paper")
	}
	if rapid.Bool().Draw(t, "ends") {
		a.Expires = rapid.Uint64().Draw(t, "expires")
	}
	return a
}

func drawPaper(t *rapid.T) rules.Paper {
	return rules.Paper{ID: fixedBytes[rules.PaperID](t, "id"), Document: fixedBytes[[32]byte](t, "document"), Quantity: drawPortion(t), Spent: drawPortion(t)}
}

func drawOutsideIDs(t *rapid.T) []rules.OutsideID {
	var ids []rules.OutsideID
	for range rapid.IntRange(1, 3).Draw(t, "ids") {
		ids = append(ids, rules.OutsideID{Kind: custodyv1.OutsideIdKind(rapid.Uint8().Draw(t, "kind")), Issuer: drawText(t, "issuer"), Number: drawText(t, "number")})
	}
	return ids
}

func drawPublic(t *rapid.T) sign.PublicKey {
	seed := fixedBytes[[32]byte](t, "seed")
	private, err := sign.NewPrivateKey(seed[:])
	if err != nil {
		t.Fatal(err)
	}
	return private.Public()
}

func drawNode(t *rapid.T) ledger.PolicyNode {
	return ledger.PolicyNode{ID: drawText(t, "id"), Association: drawText(t, "association"), Log: drawPublic(t), Cosigner: drawPublic(t), Statement: drawPublic(t)}
}

func drawPolicy(t *rapid.T) ledger.Policy {
	p := ledger.Policy{Origin: drawText(t, "origin"), Quorum: rapid.Uint32().Draw(t, "quorum")}
	for range rapid.IntRange(0, 3).Draw(t, "nodes") {
		p.Nodes = append(p.Nodes, drawNode(t))
	}
	return p
}

func drawPolicyState(t *rapid.T) rules.PolicyState {
	s := rules.PolicyState{InForce: drawPolicy(t), Since: rapid.OneOf(rapid.Just(uint64(0)), rapid.Uint64()).Draw(t, "since")}
	if s.Since > 0 {
		s.Previous = drawPolicy(t)
	}
	draw := func() rules.PolicyProposal {
		p := rules.PolicyProposal{Event: fixedBytes[ledger.EventID](t, "event"), Index: rapid.Uint64().Draw(t, "index"), Quorum: rapid.Uint32().Draw(t, "quorum")}
		if rapid.Bool().Draw(t, "keys") {
			node := drawNode(t)
			p.Node = &node
		}
		for range rapid.IntRange(1, 3).Draw(t, "approvals") {
			p.Approvals = append(p.Approvals, fixedBytes[ledger.PartyID](t, "party"))
		}
		return p
	}
	if rapid.Bool().Draw(t, "adopted") {
		adopted := draw()
		s.Adopted, s.AdoptedAt = &adopted, rapid.Uint64().Draw(t, "adopted at")
		return s
	}
	for range rapid.IntRange(0, 3).Draw(t, "proposals") {
		s.Proposals = append(s.Proposals, draw())
	}
	return s
}

func drawOpenings(t *rapid.T) []ledger.Opening {
	var openings []ledger.Opening
	for field := range rapid.IntRange(1, ledger.CommitmentsMax).Draw(t, "openings") {
		openings = append(openings, ledger.Opening{
			Field: custodyv1.PrivateField(field + 1), Salt: fixedBytes[[32]byte](t, "salt"),
			Value: strings.Repeat("x", rapid.IntRange(1, ledger.OpeningValueBytesMax).Draw(t, "length")),
		})
	}
	return openings
}

// TestCodecs: what is encoded decodes to the same value, and neither a byte
// less nor a byte more does.
func TestCodecs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, k, i, o := drawParty(t), drawKey(t), drawItem(t), drawOpenings(t)
		roundTrip(t, p, encodeParty, func(b []byte) (rules.Party, error) { return decodeParty(p.ID, b) })
		roundTrip(t, k, encodeKey, func(b []byte) (rules.Key, error) { return decodeKey(k.Public.ID(), b) })
		roundTrip(t, i, encodeItem, func(b []byte) (rules.Item, error) { return decodeItem(i.ID, b) })
		m, a, q := drawMatter(t, true), drawAttestation(t), drawPaper(t)
		roundTrip(t, m, encodeMatter, func(b []byte) (rules.Matter, error) { return decodeMatter(m.Item, b) })
		roundTrip(t, a, encodeAttestation, func(b []byte) (rules.Attestation, error) { return decodeAttestation(a.Event, b) })
		roundTrip(t, q, encodePaper, func(b []byte) (rules.Paper, error) { return decodePaper(q.ID, b) })
		roundTrip(t, drawOutsideIDs(t), encodeOutsideIDs, decodeOutsideIDs)
		roundTrip(t, o, encodeOpenings, decodeOpenings)
		roundTrip(t, drawPolicyState(t), encodePolicy, decodePolicy)
		h := storedHead{Head: ledger.Head{Size: 1 + rapid.Uint64Max(1<<62).Draw(t, "size"), LastLeaf: fixedBytes[merkle.Hash](t, "leaf"), RecordedAt: rapid.Uint64().Draw(t, "at")}, Root: fixedBytes[merkle.Hash](t, "root")}
		roundTrip(t, h, func(h storedHead) ([]byte, error) { return h.encode(), nil }, decodeHead)
	})
}

func roundTrip[V any](t *rapid.T, value V, encode func(V) ([]byte, error), decode func([]byte) (V, error)) {
	t.Helper()
	b, err := encode(value)
	if err != nil {
		t.Fatal(err)
	}
	got, err := decode(b)
	if err != nil || !reflect.DeepEqual(got, value) {
		t.Fatalf("%x decodes to\n%+v, want\n%+v: %v", b, got, value, err)
	}
	for cut := range b {
		if _, err := decode(b[:cut]); !errors.Is(err, errEncoding) && !cutAfterOpening(value, decode, b[:cut]) {
			t.Fatalf("%T of %d bytes decodes when cut to %d: %v", value, len(b), cut, err)
		}
	}
	if _, err := decode(append(bytes.Clone(b), 0)); !errors.Is(err, errEncoding) {
		t.Fatalf("%T decodes with a byte left over: %v", value, err)
	}
}

// cutAfterOpening tells whether a cut list of openings is a shorter list.
func cutAfterOpening[V any](value V, decode func([]byte) (V, error), b []byte) bool {
	shorter, err := decode(b)
	openings, ok := any(shorter).([]ledger.Opening)
	return ok && err == nil && len(openings) < len(any(value).([]ledger.Opening))
}

// TestSizes: what nearly every item is must stay small, there are millions of them.
func TestSizes(t *testing.T) {
	party := rules.Inside(ledger.PartyID{1})
	item, err := encodeItem(rules.Item{
		Status: rules.Live, Registrant: ledger.PartyID{1}, Registered: 1_000_000, LastIndex: 1_000_000, Custody: party, Title: rules.Sole(party),
		Born: 1_700_000_000_000, Occurred: 1_700_000_000_000,
	})
	if err != nil || len(item) > 70 {
		t.Errorf("an item with its registrant takes %d bytes: %v", len(item), err)
	}
	stone := rules.Matter{
		Material: custodyv1.Material_MATERIAL_DIAMOND, Form: custodyv1.Form_FORM_SINGLE, Nature: custodyv1.Nature_NATURE_NATURAL, Stage: custodyv1.Stage_STAGE_POLISHED,
		Mass: 214_000, Basis: custodyv1.MassBasis_MASS_BASIS_WEIGHED,
		Origin: []rules.Component{{Micrograms: 214_000, Source: rules.Source{Kind: custodyv1.OriginKind_ORIGIN_KIND_MINED, Countries: "BW CA ZA", Producer: "mine.example.org"}}},
	}
	matter, err := encodeMatter(stone)
	if err != nil || len(matter) > 40 {
		t.Errorf("the matter of a stone takes %d bytes: %v", len(matter), err)
	}
	t.Logf("an item %d bytes, a stone's matter %d", len(item), len(matter))
}

func TestCodecsRefuse(t *testing.T) {
	long := strings.Repeat("x", textBytesMax+1)
	outside := rules.Holder{Party: ledger.PartyID{1}, Outside: &rules.Outside{}}
	opening := ledger.Opening{Field: 1, Value: "x"}
	for name, encode := range map[string]func() ([]byte, error){
		"long name":        func() ([]byte, error) { return encodeParty(rules.Party{Name: long}) },
		"negative role":    func() ([]byte, error) { return encodeParty(rules.Party{Role: -1}) },
		"large role":       func() ([]byte, error) { return encodeParty(rules.Party{Role: 256}) },
		"before its birth": func() ([]byte, error) { return encodeItem(rules.Item{Born: 2, Occurred: 1}) },
		"two holders":      func() ([]byte, error) { return encodeItem(rules.Item{Custody: outside}) },
		"no owner":         func() ([]byte, error) { return encodeItem(rules.Item{}) },
		"a line with an id": func() ([]byte, error) {
			return encodeMatter(rules.Matter{Bill: []rules.Line{{Item: ledger.ItemID{1}}}})
		},
		"a line with a bill": func() ([]byte, error) {
			return encodeMatter(rules.Matter{Bill: []rules.Line{{Bill: make([]rules.Line, 1)}}})
		},
		"a line with children": func() ([]byte, error) {
			return encodeMatter(rules.Matter{Bill: []rules.Line{{Children: make([]ledger.ItemID, 1)}}})
		},
		"long countries": func() ([]byte, error) {
			return encodeMatter(rules.Matter{Origin: []rules.Component{{Source: rules.Source{Countries: long}}}})
		},
		"no opening":         func() ([]byte, error) { return encodeOpenings(nil) },
		"openings unordered": func() ([]byte, error) { return encodeOpenings([]ledger.Opening{opening, opening}) },
		"too many openings":  func() ([]byte, error) { return encodeOpenings(make([]ledger.Opening, ledger.CommitmentsMax+1)) },
		"empty opening":      func() ([]byte, error) { return encodeOpenings([]ledger.Opening{{Field: 1}}) },
		"long opening": func() ([]byte, error) {
			return encodeOpenings([]ledger.Opening{{Field: 1, Value: strings.Repeat("x", ledger.OpeningValueBytesMax+1)}})
		},
	} {
		if b, err := encode(); !errors.Is(err, errEncoding) {
			t.Errorf("%s: encoded as %x: %v", name, b, err)
		}
	}
	item := rules.Item{Status: rules.Live, Custody: rules.Inside(ledger.PartyID{2}), Title: rules.Sole(rules.Inside(ledger.PartyID{3}))}
	b, err := encodeItem(item)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := decodeItem(item.ID, b); err != nil {
		t.Fatal(err)
	}
	custody := bytes.Index(b, item.Custody.Party[:])
	title := bytes.Index(b, item.Title[0].Owner.Party[:])
	for name, change := range map[string]func([]byte){
		"version":               func(b []byte) { b[0]++ },
		"status 0":              func(b []byte) { b[1] = 0 },
		"status 5":              func(b []byte) { b[1] = 5 },
		"unknown flag":          func(b []byte) { b[2] |= 0x80 },
		"unknown holder":        func(b []byte) { b[custody-1] = 2 },
		"registrant as custody": func(b []byte) { b[custody] = 0 },
		"custody as title":      func(b []byte) { b[title] = 2 },
		"no owners":             func(b []byte) { b[title-2] = 0 },
		"more owners":           func(b []byte) { b[title-2] = 2 },
		"offers that are not":   func(b []byte) { b[2] |= itemHasOffers },
		"no more flags":         func(b []byte) { b[2] |= itemHasMore },
		"long number":           func(b []byte) { b[len(b)-1] = 0x80 },
	} {
		changed := bytes.Clone(b)
		change(changed)
		if got, err := decodeItem(item.ID, changed); !errors.Is(err, errEncoding) {
			t.Errorf("item with %s decodes to %+v: %v", name, got, err)
		}
	}
}

// fuzzValue: whatever decodes is encoded to the same bytes.
func fuzzValue[V any](f *testing.F, seeds [][]byte, decode func([]byte) (V, error), encode func(V) ([]byte, error)) {
	for _, b := range seeds {
		f.Add(b)
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		value, err := decode(b)
		if err != nil {
			if !errors.Is(err, errEncoding) {
				t.Fatal("another kind of error: ", err)
			}
			return
		}
		if again, err := encode(value); err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%x is encoded again as %x: %v", b, again, err)
		}
	})
}

// examples encodes what rapid draws.
func examples[V any](f *testing.F, draw func(*rapid.T) V, encode func(V) ([]byte, error)) [][]byte {
	var seeds [][]byte
	for seed := range 8 {
		b, err := encode(rapid.Custom(draw).Example(seed))
		if err != nil {
			f.Fatal(err)
		}
		seeds = append(seeds, b)
	}
	return seeds
}

func FuzzParty(f *testing.F) {
	fuzzValue(f, examples(f, drawParty, encodeParty), func(b []byte) (rules.Party, error) { return decodeParty(ledger.PartyID{}, b) }, encodeParty)
}

func FuzzKey(f *testing.F) {
	// The key that the value holds says which id it is stored under.
	decode := func(b []byte) (rules.Key, error) {
		var id sign.KeyID
		if len(b) > 3 && int(b[2]) <= len(b)-3 {
			if public, err := sign.ParsePublicKey(b[3 : 3+int(b[2])]); err == nil {
				id = public.ID()
			}
		}
		return decodeKey(id, b)
	}
	fuzzValue(f, examples(f, drawKey, encodeKey), decode, encodeKey)
}

func FuzzItem(f *testing.F) {
	fuzzValue(f, examples(f, drawItem, encodeItem), func(b []byte) (rules.Item, error) { return decodeItem(ledger.ItemID{}, b) }, encodeItem)
}

func FuzzMatter(f *testing.F) {
	outer := func(t *rapid.T) rules.Matter { return drawMatter(t, true) }
	fuzzValue(f, examples(f, outer, encodeMatter), func(b []byte) (rules.Matter, error) { return decodeMatter(ledger.ItemID{}, b) }, encodeMatter)
}

func FuzzAttestation(f *testing.F) {
	fuzzValue(f, examples(f, drawAttestation, encodeAttestation), func(b []byte) (rules.Attestation, error) { return decodeAttestation(ledger.EventID{}, b) }, encodeAttestation)
}

func FuzzPaper(f *testing.F) {
	fuzzValue(f, examples(f, drawPaper, encodePaper), func(b []byte) (rules.Paper, error) { return decodePaper(rules.PaperID{}, b) }, encodePaper)
}

func FuzzOutsideIDs(f *testing.F) {
	fuzzValue(f, examples(f, drawOutsideIDs, encodeOutsideIDs), decodeOutsideIDs, encodeOutsideIDs)
}

func FuzzPolicy(f *testing.F) {
	fuzzValue(f, examples(f, drawPolicyState, encodePolicy), decodePolicy, encodePolicy)
}

func FuzzOpenings(f *testing.F) {
	fuzzValue(f, examples(f, drawOpenings, encodeOpenings), decodeOpenings, encodeOpenings)
}

func FuzzHead(f *testing.F) {
	head := storedHead{Head: ledger.Head{Size: 1}}
	fuzzValue(f, [][]byte{head.encode()}, decodeHead, func(h storedHead) ([]byte, error) { return h.encode(), nil })
}
