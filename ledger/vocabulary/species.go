package vocabulary

import "strings"

// speciesGroups gives every word for a gem or pearl its mineral species or, of what is
// no mineral, its kind. Goods of one group may be merged and cut into each other;
// emerald can become beryl, and never ruby.
var speciesGroups = map[string]string{
	"corundum":      "corundum",
	"ruby":          "corundum",
	"sapphire":      "corundum",
	"padparadscha":  "corundum",
	"beryl":         "beryl",
	"emerald":       "beryl",
	"aquamarine":    "beryl",
	"morganite":     "beryl",
	"heliodor":      "beryl",
	"chrysoberyl":   "chrysoberyl",
	"alexandrite":   "chrysoberyl",
	"spinel":        "spinel",
	"garnet":        "garnet",
	"tsavorite":     "garnet",
	"demantoid":     "garnet",
	"rhodolite":     "garnet",
	"spessartine":   "garnet",
	"tourmaline":    "tourmaline",
	"rubellite":     "tourmaline",
	"indicolite":    "tourmaline",
	"paraiba":       "tourmaline",
	"topaz":         "topaz",
	"quartz":        "quartz",
	"amethyst":      "quartz",
	"citrine":       "quartz",
	"ametrine":      "quartz",
	"chalcedony":    "chalcedony",
	"agate":         "chalcedony",
	"onyx":          "chalcedony",
	"jasper":        "chalcedony",
	"opal":          "opal",
	"zircon":        "zircon",
	"peridot":       "peridot",
	"zoisite":       "zoisite",
	"tanzanite":     "zoisite",
	"spodumene":     "spodumene",
	"kunzite":       "spodumene",
	"feldspar":      "feldspar",
	"moonstone":     "feldspar",
	"labradorite":   "feldspar",
	"jadeite":       "jadeite",
	"nephrite":      "nephrite", // an amphibole, and no jadeite
	"turquoise":     "turquoise",
	"lapis-lazuli":  "lapis-lazuli",
	"malachite":     "malachite",
	"rhodochrosite": "rhodochrosite",
	"apatite":       "apatite",
	"diopside":      "diopside",
	"titanite":      "titanite",
	"iolite":        "iolite",
	"kyanite":       "kyanite", // as andalusite in its formula, not in its crystals
	"andalusite":    "andalusite",
	"benitoite":     "benitoite",
	"fluorite":      "fluorite",
	"amber":         "amber",
	"coral":         "coral",
	"jet":           "jet",
	"saltwater":     "saltwater",
	"freshwater":    "freshwater",
	"akoya":         "saltwater",
	"south-sea":     "saltwater",
	"tahitian":      "saltwater",
	"abalone":       "abalone",
	"conch":         "conch",
	"melo":          "melo",
	"other":         "other",
}

// SpeciesGroup gives the group of a species as a description has it: one word or
// several with a space between two, such as "quartz amethyst". "" if a word is
// unknown or two are of different groups; "other" beside a word adds nothing.
func SpeciesGroup(species string) string {
	group := ""
	for _, word := range strings.Split(species, " ") {
		of, known := speciesGroups[word]
		switch {
		case !known:
			return ""
		case group == "" || group == "other":
			group = of
		case of != "other" && of != group:
			return ""
		}
	}
	return group
}

// names tells whether a description's species has one of the words.
func names(species string, words ...string) bool {
	for _, have := range strings.Split(species, " ") {
		for _, word := range words {
			if have == word {
				return true
			}
		}
	}
	return false
}
