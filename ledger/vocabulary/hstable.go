package vocabulary

import (
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// hsRow is a six-digit code, what it is for, and which goods may stand under it.
type hsRow struct {
	code  string
	words string
	check test
}

func hsRowOf(code string) (hsRow, bool) {
	for _, row := range hsRows {
		if row.code == code {
			return row, true
		}
	}
	return hsRow{}, false
}

const (
	diamond = custodyv1.Material_MATERIAL_DIAMOND
	gem     = custodyv1.Material_MATERIAL_GEM
	pearl   = custodyv1.Material_MATERIAL_PEARL
	metal   = custodyv1.Material_MATERIAL_METAL

	single = custodyv1.Form_FORM_SINGLE
	parcel = custodyv1.Form_FORM_COUNTED_PARCEL
	bulk   = custodyv1.Form_FORM_BULK
	part   = custodyv1.Form_FORM_PART
	piece  = custodyv1.Form_FORM_PIECE

	natural   = custodyv1.Nature_NATURE_NATURAL
	labGrown  = custodyv1.Nature_NATURE_LAB_GROWN
	cultured  = custodyv1.Nature_NATURE_CULTURED
	imitation = custodyv1.Nature_NATURE_IMITATION
	composite = custodyv1.Nature_NATURE_COMPOSITE

	rough    = custodyv1.Stage_STAGE_ROUGH
	polished = custodyv1.Stage_STAGE_POLISHED

	gold      = custodyv1.Metal_METAL_GOLD
	silver    = custodyv1.Metal_METAL_SILVER
	platinum  = custodyv1.Metal_METAL_PLATINUM
	palladium = custodyv1.Metal_METAL_PALLADIUM
	rhodium   = custodyv1.Metal_METAL_RHODIUM
	iridium   = custodyv1.Metal_METAL_IRIDIUM
	ruthenium = custodyv1.Metal_METAL_RUTHENIUM
)

// hsRows are the six-digit codes of chapter 71 in the HS 2022, ascending. HS calls
// lab-grown stones synthetic, and polished ones worked.
var hsRows = []hsRow{
	{"710110", "natural pearls", loose(pearl, natures(natural))},
	{"710121", "cultured pearls, not worked", loose(pearl, natures(cultured))},
	{"710122", "cultured pearls, worked", loose(pearl, natures(cultured, composite))},

	{"710210", "natural diamonds, not sorted", loose(diamond, natures(natural), forms(parcel, bulk))},
	{"710221", "industrial natural diamonds, rough", loose(diamond, natures(natural), stage(rough))},
	{"710229", "industrial natural diamonds, worked", loose(diamond, natures(natural), stage(polished))},
	{"710231", "natural diamonds, rough", loose(diamond, natures(natural), stage(rough))},
	{"710239", "natural diamonds, polished", loose(diamond, natures(natural, composite), stage(polished))},

	{"710310", "natural stones other than diamonds, rough", loose(gem, mineral, natures(natural, composite), stage(rough))},
	{"710391", "natural rubies, sapphires and emeralds, polished", loose(gem, mineral, natures(natural, composite), stage(polished), bigThree)},
	{"710399", "natural stones other than diamonds, rubies, sapphires and emeralds, polished", loose(gem, mineral, natures(natural, composite), stage(polished), notBigThree)},

	{"710410", "piezo-electric quartz", loose(gem, mineral, natures(labGrown), group("quartz"))},
	{"710421", "lab-grown diamonds, rough", loose(diamond, natures(labGrown), stage(rough))},
	{"710429", "lab-grown stones other than diamonds, rough", manMadeStones(stage(rough))},
	{"710491", "lab-grown diamonds, polished", loose(diamond, natures(labGrown, composite), stage(polished))},
	{"710499", "lab-grown stones other than diamonds, polished", manMadeStones(stage(polished))},

	{"710510", "dust and powder of diamonds", loose(diamond, natures(natural, labGrown), forms(bulk))},
	{"710590", "dust and powder of stones other than diamonds", loose(gem, mineral, natures(natural, labGrown), forms(bulk))},

	{"710610", "silver powder", alloy(forms(bulk), countsAs(silver))},
	{"710691", "silver, unwrought", alloy(forms(single, bulk), countsAs(silver))},
	{"710692", "silver, semi-manufactured", alloy(forms(single, bulk, part), countsAs(silver))},
	{"710700", "base metal clad with silver", clad(silver)},
	{"710811", "gold powder", alloy(forms(bulk), countsAs(gold))},
	{"710812", "gold, unwrought", alloy(forms(single, bulk), countsAs(gold))},
	{"710813", "gold, semi-manufactured", alloy(forms(single, bulk, part), countsAs(gold))},
	{"710820", "monetary gold", alloy(forms(single, bulk), countsAs(gold))},
	{"710900", "base metal or silver clad with gold", clad(gold)},
	{"711011", "platinum, unwrought or powder", alloy(forms(single, bulk), countsAs(platinum))},
	{"711019", "platinum, semi-manufactured", alloy(forms(single, bulk, part), countsAs(platinum))},
	{"711021", "palladium, unwrought or powder", alloy(forms(single, bulk), countsAs(palladium))},
	{"711029", "palladium, semi-manufactured", alloy(forms(single, bulk, part), countsAs(palladium))},
	{"711031", "rhodium, unwrought or powder", alloy(forms(single, bulk), countsAs(rhodium))},
	{"711039", "rhodium, semi-manufactured", alloy(forms(single, bulk, part), countsAs(rhodium))},
	{"711041", "iridium, osmium and ruthenium, unwrought or powder", alloy(forms(single, bulk), countsAs(iridium, ruthenium))},
	{"711049", "iridium, osmium and ruthenium, semi-manufactured", alloy(forms(single, bulk, part), countsAs(iridium, ruthenium))},
	{"711100", "base metal, silver or gold clad with platinum", clad(platinumGroup...)},

	{"711230", "ash that holds precious metal", waste(precious...)},
	{"711291", "waste and scrap of gold", waste(gold)},
	{"711292", "waste and scrap of platinum metals", waste(platinumGroup...)},
	{"711299", "waste and scrap of silver and of mixed precious metals", waste(precious...)},

	{"711311", "jewellery of silver and its parts", article(forms(piece, part), ofSilver)},
	{"711319", "jewellery of gold and platinum metals and its parts", article(forms(piece, part), holds(goldPlatinum...))},
	{"711320", "jewellery of base metal clad with precious metal and its parts", article(forms(piece, part), holds(precious...))},
	{"711411", "silversmiths' wares and their parts", article(forms(piece, part), ofSilver)},
	{"711419", "goldsmiths' wares and their parts", article(forms(piece, part), holds(goldPlatinum...))},
	{"711420", "wares of base metal clad with precious metal and their parts", article(forms(piece, part), holds(precious...))},
	{"711510", "platinum catalysts of wire", article(forms(piece, part, single), holds(platinumGroup...))},
	{"711590", "other articles of precious metal", article(forms(piece, part, single), holds(precious...))},
	{"711610", "articles of pearls", ofPearls},
	{"711620", "articles of stones", ofStones},
	{"711711", "imitation cuff links and studs of base metal", article(forms(piece, part), costume)},
	{"711719", "other imitation jewellery of base metal", article(forms(piece, part), costume)},
	{"711790", "imitation jewellery of other than metal", article(forms(piece, part), costume)},
	{"711810", "coins that are no tender, other than gold", article(forms(single, part, piece), countsNotAs(gold))},
	{"711890", "other coins", article(forms(single, part, piece))},
}

var (
	platinumGroup = []custodyv1.Metal{platinum, palladium, rhodium, iridium, ruthenium}
	goldPlatinum  = append([]custodyv1.Metal{gold}, platinumGroup...)
	precious      = append([]custodyv1.Metal{silver}, goldPlatinum...)
)
