// Package describe reads goods as people type them on one line: words of the form
// key=value, such as
//
//	mass=1.02ct stage=polished shape=round colour=E clarity=VS1 report=GIA:2141438167
//	mass=4.2g alloy=gold750/silver125/copper125 form=part
//
// Keys lists the keys. What a line does not say is taken from the goods that it is
// made of, or left out; nothing is guessed.
package describe

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"github.com/custodyledger/custodyledger/cmd/custody/measure"
	"github.com/custodyledger/custodyledger/cmd/custody/stock"
	"github.com/custodyledger/custodyledger/cmd/custody/words"
	"github.com/custodyledger/custodyledger/ledger/vocabulary"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Goods is what a line says.
type Goods struct {
	Material    custodyv1.Material
	Form        custodyv1.Form
	Nature      custodyv1.Nature
	Stage       custodyv1.Stage
	Mass        *custodyv1.Mass
	Count       uint32
	CountBasis  custodyv1.CountBasis
	EqualPieces bool
	Description *custodyv1.Description // nil if it says nothing of it
	Alloy       []Share                // parts in a thousand, ascending by metal
	Fineness    uint32                 // 1/10,000; 0 if not said
	Treatments  *custodyv1.Treatments  // nil if not said
	HSCode      string
	OutsideIDs  []*custodyv1.OutsideId
	Origins     []Origin // none if not said
	Mine        string
	Producer    string
	Allocation  []*custodyv1.Allocation // of a sorted split
	BillLine    uint32

	said []string // the keys of the line
}

// Origin is where goods came from, or a part of them.
type Origin struct {
	stock.Origin
	Micrograms uint64 // 0: all of the goods
}

// Share is a metal's part of an alloy: of the sum of all, or in a thousand.
type Share struct {
	Metal custodyv1.Metal
	Parts uint64
}

// key reads the value of one key.
type key struct {
	name, help string
	read       func(*Goods, string) error
}

var keys = []key{
	{"mass", "how heavy all of it is: 1.02ct, 4.2g, 1kg, 2ozt", func(g *Goods, v string) (err error) { g.Mass, err = Mass(v, basis(g)); return err }},
	{"basis", "how the mass was found: weighed, calculated or stated", func(g *Goods, v string) (err error) {
		if g.Mass == nil {
			g.Mass = &custodyv1.Mass{}
		}
		g.Mass.Basis, err = words.Parse[custodyv1.MassBasis](v)
		return err
	}},
	{"count", "number of pieces; ~300 is an estimate", readCount},
	{"equal", "yes: each piece weighs the same", func(g *Goods, v string) (err error) { g.EqualPieces, err = yes(v); return err }},
	{"material", "what it is", enum(func(g *Goods) *custodyv1.Material { return &g.Material })},
	{"form", "single, counted-parcel, bulk, part or piece", enum(func(g *Goods) *custodyv1.Form { return &g.Form })},
	{"nature", "how it came into being", enum(func(g *Goods) *custodyv1.Nature { return &g.Nature })},
	{"stage", "rough or polished", enum(func(g *Goods) *custodyv1.Stage { return &g.Stage })},
	{"species", "species of a gem", text(func(d *custodyv1.Description) *string { return &d.Species })},
	{"shape", "shape", text(func(d *custodyv1.Description) *string { return &d.Shape })},
	{"colour", "colour grade or word", text(func(d *custodyv1.Description) *string { return &d.Colour })},
	{"clarity", "clarity grade", text(func(d *custodyv1.Description) *string { return &d.Clarity })},
	{"cut", "cut grade", text(func(d *custodyv1.Description) *string { return &d.Cut })},
	{"length", "millimetres", length(func(d *custodyv1.Description) *uint32 { return &d.LengthUm })},
	{"width", "millimetres", length(func(d *custodyv1.Description) *uint32 { return &d.WidthUm })},
	{"height", "millimetres", length(func(d *custodyv1.Description) *uint32 { return &d.HeightUm })},
	{"growth", "how a lab-grown stone grew", func(g *Goods, v string) (err error) {
		g.description().Growth, err = words.Parse[custodyv1.Growth](v)
		return err
	}},
	{"alloy", "metals in parts of a thousand: gold750/silver125/copper125", readAlloy},
	{"fineness", "as stamped: 750 or 999.9", readFineness},
	{"treatments", "AGTA codes with the year of the list: H+O@2020", readTreatments},
	{"hs", "customs code of six digits", func(g *Goods, v string) error { g.HSCode = v; return nil }},
	{"report", "ISSUER:NUMBER of a laboratory report", number(custodyv1.OutsideIdKind_OUTSIDE_ID_KIND_LABORATORY_REPORT)},
	{"inscription", "ISSUER:NUMBER on the stone", number(custodyv1.OutsideIdKind_OUTSIDE_ID_KIND_INSCRIPTION)},
	{"serial", "MAKER:NUMBER of a bar", number(custodyv1.OutsideIdKind_OUTSIDE_ID_KIND_BAR_SERIAL)},
	{"huid", "BIS:NUMBER of six characters", number(custodyv1.OutsideIdKind_OUTSIDE_ID_KIND_HUID)},
	{"sgtin", "GTIN:SERIAL", number(custodyv1.OutsideIdKind_OUTSIDE_ID_KIND_SGTIN)},
	{"origin", "unknown, recycled, grandfathered, lab-grown, or every possible mining country: BW/ZA; of mixed goods BW:99ct,RU:1ct", readOrigin},
	{"mine", "mine, underscores for spaces", func(g *Goods, v string) error { g.Mine = spaced(v); return nil }},
	{"producer", "producer, underscores for spaces", func(g *Goods, v string) error { g.Producer = spaced(v); return nil }},
	{"from", "of sorted goods: how much of which origin component, 1:0.5ct,2:1ct", readAllocation},
	{"line", "of a piece taken apart: the line of its bill", func(g *Goods, v string) error {
		n, err := strconv.ParseUint(v, 10, 32)
		g.BillLine = uint32(n)
		return err
	}},
}

// Keys lists the keys with a line of help each.
func Keys() string {
	var b strings.Builder
	for _, k := range keys {
		fmt.Fprintf(&b, "  %-12s %s\n", k.name, k.help)
	}
	return b.String()
}

// Parse reads a line. An error names the word at fault.
func Parse(line string) (*Goods, error) {
	g := &Goods{}
	for word := range strings.FieldsSeq(line) {
		name, value, ok := strings.Cut(word, "=")
		at := slices.IndexFunc(keys, func(k key) bool { return k.name == name })
		switch {
		case !ok || value == "":
			return nil, fmt.Errorf("%q: expected key=value", word)
		case at < 0:
			return nil, fmt.Errorf("%q is none of the keys; they are:\n%s", name, Keys())
		case slices.Contains(g.said, name):
			return nil, fmt.Errorf("%q stands twice", name)
		}
		g.said = append(g.said, name)
		if err := keys[at].read(g, value); err != nil {
			return nil, fmt.Errorf("%s: %w", word, err)
		}
	}
	if g.Description != nil {
		stock.Words(g.Description)
	}
	if g.Mass != nil && g.Mass.Micrograms == 0 {
		return nil, errors.New("basis says how the mass was found; add mass")
	}
	return g, nil
}

// Refuse is an error if the line has one of the keys, and says why it may not.
func (g *Goods) Refuse(why string, names ...string) error {
	for _, name := range names {
		if slices.Contains(g.said, name) {
			return fmt.Errorf("%s cannot be said here: %s", name, why)
		}
	}
	return nil
}

// Mass reads a mass with its unit, such as 1.02ct.
func Mass(text string, basis custodyv1.MassBasis) (*custodyv1.Mass, error) {
	at := strings.IndexFunc(text, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
	if at <= 0 {
		return nil, errors.New("expected a number and its unit, such as 1.02ct or 4.2g")
	}
	unit, err := vocabulary.ParseUnit(strings.TrimSpace(text[at:]))
	if err != nil {
		return nil, err
	}
	micrograms, err := vocabulary.Micrograms(text[:at], unit)
	if err != nil {
		return nil, err
	}
	return &custodyv1.Mass{Micrograms: micrograms, Basis: basis, Declared: text[:at], Unit: unit}, nil
}

// basis is what is taken where nothing is said: what people state without a scale
// they say so.
func basis(g *Goods) custodyv1.MassBasis {
	if g.Mass.GetBasis() != 0 {
		return g.Mass.Basis
	}
	return custodyv1.MassBasis_MASS_BASIS_WEIGHED
}

// Portion reads a part of goods: a mass, and behind a slash a count: 2.5ct/10.
func Portion(text string) (*custodyv1.Portion, error) {
	massText, countText, counted := strings.Cut(text, "/")
	mass, err := Mass(massText, custodyv1.MassBasis_MASS_BASIS_WEIGHED)
	if err != nil {
		return nil, err
	}
	portion := &custodyv1.Portion{Micrograms: mass.Micrograms}
	if counted {
		count, err := strconv.ParseUint(countText, 10, 32)
		if err != nil || count == 0 {
			return nil, fmt.Errorf("%q: expected a number of pieces", countText)
		}
		portion.Count = uint32(count)
	}
	return portion, nil
}

// Composition gives the micrograms of each metal of an alloy of a mass; the
// remainder goes to the metals with the greatest fraction, of equal ones to the
// first.
func Composition(alloy []Share, mass uint64) []*custodyv1.Constituent {
	if len(alloy) == 0 {
		return nil
	}
	var total, given uint64
	for _, s := range alloy {
		total += s.Parts
	}
	constituents := make([]*custodyv1.Constituent, len(alloy))
	remainders := make([]uint64, len(alloy))
	for i, s := range alloy {
		high, low := bits.Mul64(mass, s.Parts)
		var share uint64
		share, remainders[i] = bits.Div64(high, low, total)
		constituents[i] = &custodyv1.Constituent{Metal: s.Metal, Micrograms: share}
		given += share
	}
	for ; given < mass; given++ {
		most := 0
		for i := range remainders {
			if remainders[i] > remainders[most] {
				most = i
			}
		}
		constituents[most].Micrograms++
		remainders[most] = 0
	}
	return slices.DeleteFunc(constituents, func(c *custodyv1.Constituent) bool { return c.Micrograms == 0 })
}

func (g *Goods) description() *custodyv1.Description {
	if g.Description == nil {
		g.Description = &custodyv1.Description{}
	}
	return g.Description
}

func enum[E words.Enum](field func(*Goods) *E) func(*Goods, string) error {
	return func(g *Goods, v string) (err error) {
		*field(g), err = words.Parse[E](v)
		return err
	}
}

func text(field func(*custodyv1.Description) *string) func(*Goods, string) error {
	return func(g *Goods, v string) error {
		*field(g.description()) = spaced(v)
		return nil
	}
}

func length(field func(*custodyv1.Description) *uint32) func(*Goods, string) error {
	return func(g *Goods, v string) (err error) {
		*field(g.description()), err = measure.Millimetres(v)
		return err
	}
}

func number(kind custodyv1.OutsideIdKind) func(*Goods, string) error {
	return func(g *Goods, v string) error {
		issuer, number, ok := strings.Cut(v, ":")
		if !ok {
			return errors.New("expected ISSUER:NUMBER")
		}
		id := &custodyv1.OutsideId{Kind: kind, Issuer: issuer, Number: number}
		stock.Number(id)
		if err := vocabulary.CheckOutsideID(kind, id.Issuer, id.Number); err != nil {
			return err
		}
		g.OutsideIDs = append(g.OutsideIDs, id)
		return nil
	}
}

func spaced(v string) string { return strings.ReplaceAll(v, "_", " ") }

func yes(v string) (bool, error) {
	if v != "yes" {
		return false, errors.New("expected yes, or leave it out")
	}
	return true, nil
}

func readCount(g *Goods, v string) error {
	digits, estimated := strings.CutPrefix(v, "~")
	count, err := strconv.ParseUint(digits, 10, 32)
	if err != nil || count == 0 {
		return errors.New("expected a number of pieces, or ~ and an estimate")
	}
	g.Count, g.CountBasis = uint32(count), custodyv1.CountBasis_COUNT_BASIS_COUNTED
	if estimated {
		g.CountBasis = custodyv1.CountBasis_COUNT_BASIS_ESTIMATED
	}
	return nil
}

func readAlloy(g *Goods, v string) error {
	total := uint64(0)
	for part := range strings.SplitSeq(v, "/") {
		at := strings.IndexAny(part, "0123456789")
		if at < 1 {
			return fmt.Errorf("%q: expected a metal and its parts in a thousand, such as gold750", part)
		}
		metal, err := words.Parse[custodyv1.Metal](part[:at])
		if err != nil {
			return err
		}
		permille, err := strconv.ParseUint(part[at:], 10, 16)
		if err != nil || permille == 0 {
			return fmt.Errorf("%q: expected 1 to 1000 parts", part)
		}
		if slices.ContainsFunc(g.Alloy, func(s Share) bool { return s.Metal == metal }) {
			return fmt.Errorf("%s stands twice", words.Of(metal))
		}
		g.Alloy = append(g.Alloy, Share{metal, permille})
		total += permille
	}
	if total != 1000 {
		return fmt.Errorf("the parts add up to %d, expected 1000", total)
	}
	slices.SortFunc(g.Alloy, func(a, b Share) int { return int(a.Metal) - int(b.Metal) })
	return nil
}

// readFineness reads parts in a thousand, with one decimal at most.
func readFineness(g *Goods, v string) error {
	whole, tenth, _ := strings.Cut(v, ".")
	value, err := strconv.ParseUint(whole+(tenth + "0")[:1], 10, 32)
	if err != nil || len(tenth) > 1 || value == 0 || value > 10_000 {
		return errors.New("expected parts in a thousand, such as 750 or 999.9")
	}
	g.Fineness = uint32(value)
	return nil
}

func readTreatments(g *Goods, v string) error {
	codes, year, ok := strings.Cut(v, "@")
	list, err := strconv.ParseUint(year, 10, 32)
	if !ok || err != nil {
		return errors.New("expected codes and the year of the list, such as H+O@2020")
	}
	g.Treatments = &custodyv1.Treatments{List: uint32(list), Codes: strings.Split(codes, "+")}
	slices.Sort(g.Treatments.Codes)
	return nil
}

// readOrigin reads one origin, or several with their masses.
func readOrigin(g *Goods, v string) error {
	if !strings.Contains(v, ":") {
		origin, err := stock.ParseOrigin(spaced(v))
		if err != nil {
			return fmt.Errorf("expected %w", err)
		}
		g.Origins = []Origin{{Origin: *origin}}
		return nil
	}
	for part := range strings.SplitSeq(v, ",") {
		text, massText, _ := strings.Cut(part, ":")
		origin, err := stock.ParseOrigin(spaced(text))
		if err != nil {
			return fmt.Errorf("%q: expected %w", text, err)
		}
		mass, err := Mass(massText, custodyv1.MassBasis_MASS_BASIS_WEIGHED)
		if err != nil {
			return fmt.Errorf("%q: %w", part, err)
		}
		g.Origins = append(g.Origins, Origin{*origin, mass.Micrograms})
	}
	return nil
}

func readAllocation(g *Goods, v string) error {
	for part := range strings.SplitSeq(v, ",") {
		component, massText, _ := strings.Cut(part, ":")
		n, err := strconv.ParseUint(component, 10, 32)
		if err != nil || n == 0 {
			return fmt.Errorf("%q: expected the number of an origin component, a colon and a mass", part)
		}
		mass, err := Mass(massText, custodyv1.MassBasis_MASS_BASIS_WEIGHED)
		if err != nil {
			return err
		}
		g.Allocation = append(g.Allocation, &custodyv1.Allocation{Component: uint32(n), Micrograms: mass.Micrograms})
	}
	return nil
}
