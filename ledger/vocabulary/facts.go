package vocabulary

import "strings"

// Where things are mined, for flags in reports. A list never refuses anything: mines
// open, and a list of years ago does not know them. A country outside a list is a
// question to ask about the paper, not an answer.

// diamondCountries have mined natural diamonds: those that reported output to the
// Kimberley Process in any year of its statistics from 2004 to 2023, as far as they
// are known to us, and, taken widely, some with small finds (GA, ML, US). Old stock
// circulates for long, so that who has stopped since stays in the list.
const diamondCountries = " AO AU BR BW CA CD CF CG CI CM CN GA GH GN GY ID IN LR LS ML NA RU SL TG TZ US VE ZA ZW "

// goldCountries have mined gold, artisanal and as a by-product included: those that the
// world production tables of the United States Geological Survey (Minerals Yearbook,
// Gold, issues for 2004 to 2020) have or had, as far as they are known to us, taken
// widely. Trading places without mines (AE, HK, SG, CH and others) are outside, and so
// is Togo: what it exports was found to be its neighbour's (Berne Declaration, 2015).
const goldCountries = " AF AL AM AO AR AU AZ BA BF BG BI BJ BO BR BW BZ CA CD CF CG CI CL CM CN CO CR CU CY DO DZ " +
	"EC EG ER ES ET FI FJ GA GB GE GF GH GL GN GQ GR GT GW GY HN HT ID IE IN IR IT JM JP KE KG KH KP KR KZ LA LK LR " +
	"LS MA MG MK ML MM MN MR MW MX MY MZ NA NE NG NI NO NP NZ OM PA PE PG PH PK PL PT PY RO RS RU RW SA SB SD SE " +
	"SK SL SN SR SS SV SZ TD TH TJ TN TR TW TZ UA UG US UY UZ VE VN VU YE ZA ZM ZW "

// MinesDiamonds tells whether a country is known to have mined natural diamonds.
func MinesDiamonds(country string) bool { return listed(diamondCountries, country) }

// MinesGold tells whether a country is known to have a mine output of gold.
func MinesGold(country string) bool { return listed(goldCountries, country) }

func listed(list, country string) bool {
	return len(country) == 2 && strings.Contains(list, " "+country+" ")
}
