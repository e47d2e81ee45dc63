package provenancetest

import (
	"crypto/sha256"

	"github.com/custodyledger/custodyledger/ledger"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Carat and Gram are micrograms.
const (
	Carat = 200_000
	Gram  = 1_000_000
)

// Weighed is a mass.
func Weighed(micrograms uint64) *custodyv1.Mass {
	return &custodyv1.Mass{Micrograms: micrograms, Basis: custodyv1.MassBasis_MASS_BASIS_WEIGHED}
}

// Origins.
func Mined(micrograms uint64, countries ...string) *custodyv1.OriginComponent {
	return &custodyv1.OriginComponent{Micrograms: micrograms, Kind: custodyv1.OriginKind_ORIGIN_KIND_MINED, Countries: countries}
}
func Unknown(micrograms uint64) *custodyv1.OriginComponent {
	return &custodyv1.OriginComponent{Micrograms: micrograms, Kind: custodyv1.OriginKind_ORIGIN_KIND_UNKNOWN}
}
func Recycled(micrograms uint64) *custodyv1.OriginComponent {
	return &custodyv1.OriginComponent{Micrograms: micrograms, Kind: custodyv1.OriginKind_ORIGIN_KIND_RECYCLED}
}

// Of says which metal a component is of.
func Of(metal custodyv1.Metal, c *custodyv1.OriginComponent) *custodyv1.OriginComponent {
	c.Metal = metal
	return c
}

func total(origin []*custodyv1.OriginComponent) (sum uint64) {
	for _, c := range origin {
		sum += c.Micrograms
	}
	return sum
}

// Rough is bulk rough diamond.
func Rough(origin ...*custodyv1.OriginComponent) *custodyv1.ItemRegister {
	return &custodyv1.ItemRegister{
		Material: custodyv1.Material_MATERIAL_DIAMOND, Form: custodyv1.Form_FORM_BULK, Nature: custodyv1.Nature_NATURE_NATURAL, Stage: custodyv1.Stage_STAGE_ROUGH,
		Acquisition: custodyv1.Acquisition_ACQUISITION_PRODUCED, Mass: Weighed(total(origin)), Origin: origin,
	}
}

// RoughOutput and PolishedOutput are outputs of diamond: bulk, or single.
func RoughOutput(micrograms uint64) *custodyv1.Output {
	return &custodyv1.Output{Material: custodyv1.Material_MATERIAL_DIAMOND, Form: custodyv1.Form_FORM_BULK, Nature: custodyv1.Nature_NATURE_NATURAL, Stage: custodyv1.Stage_STAGE_ROUGH, Mass: Weighed(micrograms)}
}
func PolishedOutput(micrograms uint64) *custodyv1.Output {
	return &custodyv1.Output{Material: custodyv1.Material_MATERIAL_DIAMOND, Form: custodyv1.Form_FORM_SINGLE, Nature: custodyv1.Nature_NATURE_NATURAL, Stage: custodyv1.Stage_STAGE_POLISHED, Mass: Weighed(micrograms)}
}

// Emerald is a polished single.
func Emerald(origin ...*custodyv1.OriginComponent) *custodyv1.ItemRegister {
	return &custodyv1.ItemRegister{
		Material: custodyv1.Material_MATERIAL_GEM, Form: custodyv1.Form_FORM_SINGLE, Nature: custodyv1.Nature_NATURE_NATURAL, Stage: custodyv1.Stage_STAGE_POLISHED,
		Acquisition: custodyv1.Acquisition_ACQUISITION_BOUGHT_FROM_NON_MEMBER, Mass: Weighed(total(origin)), Origin: origin,
		Description: &custodyv1.Description{Species: "emerald", Shape: "emerald", Colour: "vivid green"},
		Treatments:  &custodyv1.Treatments{List: 2020, Codes: []string{"O"}},
	}
}

// Metal is an alloy of such origins, each of a metal.
func Metal(form custodyv1.Form, origin ...*custodyv1.OriginComponent) *custodyv1.ItemRegister {
	r := &custodyv1.ItemRegister{
		Material: custodyv1.Material_MATERIAL_METAL, Form: form, Acquisition: custodyv1.Acquisition_ACQUISITION_PRODUCED,
		Mass: Weighed(total(origin)), Origin: origin, Composition: Composition(origin),
	}
	return r
}

// Composition adds components up by metal, ascending.
func Composition(origin []*custodyv1.OriginComponent) []*custodyv1.Constituent {
	var list []*custodyv1.Constituent
	for metal := custodyv1.Metal_METAL_GOLD; metal <= custodyv1.Metal_METAL_OTHER; metal++ {
		sum := uint64(0)
		for _, c := range origin {
			if c.Metal == metal {
				sum += c.Micrograms
			}
		}
		if sum > 0 {
			list = append(list, &custodyv1.Constituent{Metal: metal, Micrograms: sum})
		}
	}
	return list
}

// Change is a change of matter of some items.
func (w *World) Change(process custodyv1.Process, inputs []ledger.ItemID, outputs ...*custodyv1.Output) *custodyv1.Transform {
	t := &custodyv1.Transform{Process: process, Outputs: outputs}
	for _, id := range inputs {
		t.Inputs = append(t.Inputs, w.Ref(id))
	}
	return t
}

// Lost says what a change of matter lost of stones.
func Lost(material custodyv1.Material, micrograms uint64) *custodyv1.Balance {
	return &custodyv1.Balance{Material: material, LossMicrograms: micrograms}
}

// Certificate is a copy of a Kimberley certificate that covers an item alone.
func (w *World) Certificate(id ledger.ItemID, number string, micrograms uint64, countries ...string) *custodyv1.Attest {
	sum := sha256.Sum256([]byte(number))
	return &custodyv1.Attest{
		Item: id[:], Kind: custodyv1.DocumentKind_DOCUMENT_KIND_KIMBERLEY_CERTIFICATE, Issuer: "Made-up Authority", Country: number[:2], Number: number,
		DocumentSha256: sum[:], IssuedMs: w.Now, ExpiresMs: w.Now + 60*Day,
		Claims:    []*custodyv1.ClaimMade{{Claim: custodyv1.Claim_CLAIM_ORIGIN, Level: custodyv1.Evidence_EVIDENCE_DOCUMENTED}},
		Countries: countries, Quantity: &custodyv1.Portion{Micrograms: micrograms}, Drawn: &custodyv1.Portion{Micrograms: micrograms},
	}
}

// OriginReport is a laboratory's own report on where a coloured stone is from.
func OriginReport(id ledger.ItemID, number string, countries ...string) *custodyv1.Attest {
	sum := sha256.Sum256([]byte(number))
	return &custodyv1.Attest{
		Item: id[:], Kind: custodyv1.DocumentKind_DOCUMENT_KIND_ORIGIN_REPORT, Own: true, Number: number, DocumentSha256: sum[:],
		Claims:    []*custodyv1.ClaimMade{{Claim: custodyv1.Claim_CLAIM_ORIGIN, Level: custodyv1.Evidence_EVIDENCE_EXAMINED}},
		Countries: countries,
	}
}

// Screening is a laboratory's own screening that finds pieces of another nature, or
// none.
func Screening(id ledger.ItemID, number string, found uint32) *custodyv1.Attest {
	sum := sha256.Sum256([]byte(number))
	a := &custodyv1.Attest{
		Item: id[:], Kind: custodyv1.DocumentKind_DOCUMENT_KIND_SCREENING, Own: true, Number: number, DocumentSha256: sum[:], FoundCount: found,
		Claims: []*custodyv1.ClaimMade{{Claim: custodyv1.Claim_CLAIM_NATURE, Level: custodyv1.Evidence_EVIDENCE_EXAMINED}},
	}
	if found > 0 {
		a.FoundNature = custodyv1.Nature_NATURE_LAB_GROWN
	}
	return a
}
