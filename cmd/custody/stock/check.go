package stock

import (
	"errors"
	"fmt"
	"strings"

	"github.com/custodyledger/custodyledger/cmd/custody/words"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/sign"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Check writes what people write in several ways the one way that the ledger
// knows, and finds what the ledger would refuse in a registration. It names the
// column, or flag, at fault; the error says what was expected.
func Check(r *custodyv1.ItemRegister) (columnName string, err error) {
	normalise(r)
	if name, err := checkSense(r); err != nil {
		return name, err
	}
	return checkForm(r)
}

// normalise changes case, takes separators out of codes, and says of stones that
// they are polished, unless their shape or the list says rough.
func normalise(r *custodyv1.ItemRegister) {
	if r.Description != nil {
		Words(r.Description)
	}
	stone := r.Material == custodyv1.Material_MATERIAL_DIAMOND || r.Material == custodyv1.Material_MATERIAL_GEM
	worked := r.Nature == custodyv1.Nature_NATURE_NATURAL || r.Nature == custodyv1.Nature_NATURE_LAB_GROWN
	if stone && worked && r.Stage == 0 {
		r.Stage = custodyv1.Stage_STAGE_POLISHED
		if strings.Contains(" "+r.GetDescription().GetShape()+" ", " rough ") {
			r.Stage = custodyv1.Stage_STAGE_ROUGH
		}
	}
	for _, id := range r.OutsideIds {
		Number(id)
	}
}

// Words writes a description in the case that the ledger knows.
func Words(d *custodyv1.Description) {
	d.Shape, d.Species = strings.ToLower(d.Shape), strings.ToLower(d.Species)
	d.Clarity = grade(d.Clarity)
	if d.Colour = strings.ToLower(d.Colour); len(d.Colour) == 1 {
		d.Colour = strings.ToUpper(d.Colour)
	}
}

var separatorsOut = strings.NewReplacer(" ", "", "-", "", ".", "", "/", "")

// Number takes separators out of an outside id.
func Number(id *custodyv1.OutsideId) {
	id.Issuer, id.Number = separatorsOut.Replace(strings.ToUpper(id.Issuer)), separatorsOut.Replace(strings.ToUpper(id.Number))
}

// grade writes clarity grades such as VS1 and IF in upper case, words in lower.
func grade(text string) string {
	if len(text) <= 2 || strings.ContainsAny(text, "123") {
		return strings.ToUpper(text)
	}
	return strings.ToLower(text)
}

// checkSense finds what does not fit together.
func checkSense(r *custodyv1.ItemRegister) (columnName string, err error) {
	species, kind := r.GetDescription().GetSpecies(), r.Origin[0].Kind
	grown := kind == custodyv1.OriginKind_ORIGIN_KIND_LAB_GROWN
	mined := kind == custodyv1.OriginKind_ORIGIN_KIND_MINED || kind == custodyv1.OriginKind_ORIGIN_KIND_BY_PRODUCT
	pearl := r.Material == custodyv1.Material_MATERIAL_PEARL
	composite := r.Nature == custodyv1.Nature_NATURE_COMPOSITE
	switch {
	case r.Nature == 0:
		return "nature", fmt.Errorf("whether the goods are %s", words.List(words.All[custodyv1.Nature](), "or"))
	case r.Material == custodyv1.Material_MATERIAL_GEM && species == "":
		return "species", errors.New("the species of a gem, such as corundum or beryl")
	case r.Material == custodyv1.Material_MATERIAL_DIAMOND && species != "":
		return "species", errors.New("nothing here for a diamond, or material gem")
	case r.Nature == custodyv1.Nature_NATURE_CULTURED && !pearl:
		return "nature", errors.New("cultured for pearls only; stones are natural or lab-grown")
	case r.Nature == custodyv1.Nature_NATURE_LAB_GROWN && pearl:
		return "nature", errors.New("natural or cultured for a pearl")
	case uint64(r.Count) > r.Mass.Micrograms:
		return "pieces", errors.New("fewer pieces: so many cannot weigh so little")
	case grown && r.Nature != custodyv1.Nature_NATURE_LAB_GROWN && !composite:
		return "origin", errors.New("lab-grown origin for lab-grown goods only")
	case !grown && kind != custodyv1.OriginKind_ORIGIN_KIND_UNKNOWN && r.Nature == custodyv1.Nature_NATURE_LAB_GROWN:
		return "origin", errors.New("lab-grown, unknown or nothing as the origin of lab-grown goods")
	case mined && r.Nature != custodyv1.Nature_NATURE_NATURAL && !composite:
		return "origin", errors.New("mining countries for natural and composite goods only")
	}
	return "", nil
}

// formColumns names the column for a field of the registration.
var formColumns = map[string]string{
	"mass.micrograms":             "carat",
	"count":                       "pieces",
	"description.shape":           "shape",
	"description.species":         "species",
	"description.colour":          "colour",
	"description.clarity":         "clarity",
	"description.cut":             "cut",
	"description.length_um":       "length",
	"description.width_um":        "width",
	"description.height_um":       "height",
	"description.depth_permyriad": "depth",
	"description.table_permyriad": "table",
	"outside_ids.issuer":          "lab",
	"outside_ids.number":          "report",
	"origin.mine":                 "mine",
	"origin.producer":             "producer",
}

// checkForm asks the ledger's own decoder, so that a list and the ledger never
// disagree about which words a description may use.
func checkForm(r *custodyv1.ItemRegister) (columnName string, err error) {
	draft, err := ledger.NewDraft(&custodyv1.Event{
		LedgerId: make([]byte, 32), Party: make([]byte, 20), Nonce: make([]byte, 16), OccurredAtMs: 1, NotAfterMs: 1,
		Body: &custodyv1.Event_ItemRegister{ItemRegister: r},
	}, anyKey)
	if err != nil {
		return "", fmt.Errorf("what can be signed: %w", err)
	}
	_, rejection := ledger.DecodeEvent(ledger.RulesVersion1, ledger.SignedEvent{Event: draft.Event, Signatures: [][]byte{make([]byte, sign.SignatureSize)}})
	if rejection == nil {
		return "", nil
	}
	field := strings.TrimPrefix(rejection.Field, "item_register.")
	return formColumns[field], fmt.Errorf("what the ledger's rules permit: %s", rejection.Message)
}

// anyKey stands in for the signer: form is checked, no signature is.
var anyKey = func() sign.PublicKey {
	key, err := sign.NewPrivateKey(make([]byte, sign.SeedSize))
	if err != nil {
		panic(err)
	}
	return key.Public()
}()

// OutsideIDs gives the outside ids for a report and an inscription of one
// issuer; an empty number gives none.
func OutsideIDs(issuer, report, inscription string) []*custodyv1.OutsideId {
	var ids []*custodyv1.OutsideId
	if report != "" {
		ids = append(ids, &custodyv1.OutsideId{Kind: custodyv1.OutsideIdKind_OUTSIDE_ID_KIND_LABORATORY_REPORT, Issuer: issuer, Number: report})
	}
	if inscription != "" {
		ids = append(ids, &custodyv1.OutsideId{Kind: custodyv1.OutsideIdKind_OUTSIDE_ID_KIND_INSCRIPTION, Issuer: issuer, Number: inscription})
	}
	return ids
}
