// Package volume counts what was registered on a ledger, by substance, possible
// mining countries and year, and holds it against a table of what was mined.
//
// # What is published
//
// A cell is one substance, one set of possible countries, one year, and whether it was
// registered as produced or came otherwise. Cells do not overlap. A cell to which fewer
// than PartiesMin parties contributed is left out, and says so without its mass. There
// are no totals, of rows, columns or all: a total beside the cells that it is of would
// give a cell that was left out. So nothing that was left out can be worked out from
// one table by subtraction. Two tables of different times may tell more; who publishes
// again should publish whole years.
//
// A finding is printed whatever the size of its cells: it says that more was registered
// than was mined, and neither how much nor by whom.
package volume

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/provenance"
	"github.com/custodyledger/custodyledger/ledger/rules"
	"github.com/custodyledger/custodyledger/ledger/vocabulary"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// PartiesMin is how many parties a published cell has at least.
const PartiesMin = 5

// ReferenceRowsMax is the number of rows of a reference table.
const ReferenceRowsMax = 100_000

// Cell names a cell.
type Cell struct {
	Material  custodyv1.Material
	Metal     custodyv1.Metal
	Countries string // possible ones, ascending, a space between two; "" for unknown
	Year      int    // that the event says it happened in, UTC
	Produced  bool   // registered as produced; else bought, stock or traded in
}

type sum struct {
	mass    uint64
	parties map[ledger.PartyID]bool // at most PartiesMin
}

// registered is what one item added, in case it is taken back.
type registered struct {
	party ledger.PartyID
	cells map[Cell]uint64
}

// Counter counts registrations. It keeps the cells, and the registrations that may
// still be voided: those that were not offered yet. Not safe for concurrent use.
type Counter struct {
	cells map[Cell]*sum
	open  map[ledger.ItemID]registered
}

// NewCounter starts empty.
func NewCounter() *Counter {
	return &Counter{cells: map[Cell]*sum{}, open: map[ledger.ItemID]registered{}}
}

// Apply takes the next event.
func (c *Counter) Apply(a provenance.Applied) {
	switch body := a.Event.Body.(type) {
	case *custodyv1.ItemRegister:
		for _, m := range a.Changes.Matters {
			c.register(a, m, body.Acquisition == custodyv1.Acquisition_ACQUISITION_PRODUCED)
		}
	case *custodyv1.ItemVoid:
		delete(c.open, ledger.ItemID(body.Item.Item))
	default:
		for _, item := range a.Changes.Items {
			c.settle(item.ID, item.Offered || item.Status != rules.Live || item.Set())
		}
	}
}

func (c *Counter) register(a provenance.Applied, m rules.Matter, produced bool) {
	r := registered{a.Event.Party, map[Cell]uint64{}}
	year := time.UnixMilli(int64(a.Event.OccurredAt)).UTC().Year()
	for _, part := range append([]rules.Matter{m}, m.Bill...) {
		for _, o := range part.Origin {
			cell := Cell{Material: part.Material, Metal: o.Metal, Countries: o.Countries, Year: year, Produced: produced}
			switch o.Kind {
			case custodyv1.OriginKind_ORIGIN_KIND_MINED, custodyv1.OriginKind_ORIGIN_KIND_BY_PRODUCT:
			case custodyv1.OriginKind_ORIGIN_KIND_UNKNOWN, custodyv1.OriginKind_ORIGIN_KIND_GRANDFATHERED:
				cell.Produced = false
			default:
				continue // not out of a mine
			}
			r.cells[cell] += o.Micrograms
		}
	}
	c.open[m.Item] = r
}

// settle counts a registration that can no longer be taken back.
func (c *Counter) settle(id ledger.ItemID, settled bool) {
	r, open := c.open[id]
	if !open || !settled {
		return
	}
	delete(c.open, id)
	c.count(r)
}

func (c *Counter) count(r registered) {
	for cell, mass := range r.cells {
		s := c.cells[cell]
		if s == nil {
			s = &sum{parties: map[ledger.PartyID]bool{}}
			c.cells[cell] = s
		}
		s.mass += mass
		if len(s.parties) < PartiesMin {
			s.parties[r.party] = true
		}
	}
}

// Row is one line of the table.
type Row struct {
	Cell
	Micrograms uint64 // 0 if Suppressed
	Suppressed bool   // fewer than PartiesMin parties
}

// Finding says that more was registered as produced than was mined.
type Finding struct {
	Material custodyv1.Material
	Metal    custodyv1.Metal
	Country  string
	Year     int
	Mined    uint64 // micrograms, by the reference table
}

func (f Finding) String() string {
	return fmt.Sprintf("more %s of %s was registered as produced in %d than the %s that the reference table has as mined there",
		substance(f.Material, f.Metal), f.Country, f.Year, mass(f.Material, f.Mined))
}

// Table is what is published.
type Table struct {
	Rows       []Row
	Suppressed int
	Findings   []Finding
}

// Table gives the cells that may be published, and what is more than was mined. What
// may be of several countries counts for none of them. Countries and years that the
// reference does not have are not judged.
func (c *Counter) Table(reference Reference) *Table {
	for _, id := range slices.Collect(maps.Keys(c.open)) {
		c.settle(id, true)
	}
	t := &Table{}
	made := map[Mined]uint64{}
	for _, cell := range slices.SortedFunc(maps.Keys(c.cells), compare) {
		s := c.cells[cell]
		row := Row{Cell: cell, Micrograms: s.mass}
		if len(s.parties) < PartiesMin {
			row.Micrograms, row.Suppressed = 0, true
			t.Suppressed++
		}
		t.Rows = append(t.Rows, row)
		if cell.Produced && len(cell.Countries) == 2 {
			made[Mined{cell.Material, cell.Metal, cell.Countries, cell.Year}] += s.mass
		}
	}
	for _, key := range slices.SortedFunc(maps.Keys(made), compareMined) {
		if mined, known := reference[key]; known && made[key] > mined {
			t.Findings = append(t.Findings, Finding{key.Material, key.Metal, key.Country, key.Year, mined})
		}
	}
	return t
}

func compare(a, b Cell) int {
	produced := 0
	if a.Produced != b.Produced {
		produced = 1
		if a.Produced {
			produced = -1
		}
	}
	return cmp.Or(cmp.Compare(a.Material, b.Material), cmp.Compare(a.Metal, b.Metal), cmp.Compare(a.Countries, b.Countries), cmp.Compare(a.Year, b.Year), produced)
}

func compareMined(a, b Mined) int {
	return compare(Cell{Material: a.Material, Metal: a.Metal, Countries: a.Country, Year: a.Year}, Cell{Material: b.Material, Metal: b.Metal, Countries: b.Country, Year: b.Year})
}

// Mined names a row of a reference table.
type Mined struct {
	Material custodyv1.Material
	Metal    custodyv1.Metal
	Country  string
	Year     int
}

// Reference says how much was mined, in micrograms.
type Reference map[Mined]uint64

var header = []string{"country", "material", "year", "mined", "unit"}

// ParseReference reads a table of comma-separated values with the columns country,
// material (diamond, gold ...), year, mined and unit (ct, g, kg ...). Lines that begin
// with # are not read. Every error names its line.
func ParseReference(r io.Reader) (Reference, error) {
	rows := csv.NewReader(r)
	rows.Comment, rows.FieldsPerRecord, rows.TrimLeadingSpace = '#', len(header), true
	reference := Reference{}
	for first := true; ; first = false {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			if first {
				return nil, errors.New("reference table: empty")
			}
			return reference, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reference table: %w", err)
		}
		line, _ := rows.FieldPos(0)
		if first {
			if !slices.Equal(row, header) {
				return nil, fmt.Errorf("reference table: line %d: columns %s, expected %s", line, strings.Join(row, ","), strings.Join(header, ","))
			}
			continue
		}
		key, micrograms, err := parseRow(row)
		if err != nil {
			return nil, fmt.Errorf("reference table: line %d: %w", line, err)
		}
		if _, twice := reference[key]; twice {
			return nil, fmt.Errorf("reference table: line %d: %s of %s in %d stands twice", line, row[1], row[0], key.Year)
		}
		if len(reference) == ReferenceRowsMax {
			return nil, fmt.Errorf("reference table: more than %d rows", ReferenceRowsMax)
		}
		reference[key] = micrograms
	}
}

func parseRow(row []string) (Mined, uint64, error) {
	key := Mined{Country: row[0]}
	if !ledger.IsCountry(row[0]) {
		return key, 0, fmt.Errorf("country %.40q is not an ISO 3166-1 alpha-2 code", row[0])
	}
	material, ok := vocabulary.ParseWord[custodyv1.Material](row[1])
	if metal, isMetal := vocabulary.ParseWord[custodyv1.Metal](row[1]); isMetal {
		key.Material, key.Metal = custodyv1.Material_MATERIAL_METAL, metal
	} else if ok && material != custodyv1.Material_MATERIAL_METAL {
		key.Material = material
	} else {
		return key, 0, fmt.Errorf("material %.40q: expected a metal such as gold, or diamond, gem, pearl", row[1])
	}
	year, err := strconv.Atoi(row[2])
	if err != nil || year < 1971 || year > 9999 {
		return key, 0, fmt.Errorf("year %.40q: expected four digits", row[2])
	}
	key.Year = year
	unit, err := vocabulary.ParseUnit(row[4])
	if err != nil {
		return key, 0, err
	}
	if strings.Trim(row[3], "0.") == "" && strings.HasPrefix(row[3], "0") {
		return key, 0, nil // nothing was mined there
	}
	micrograms, err := vocabulary.Micrograms(row[3], unit)
	return key, micrograms, err
}

// Text writes the table for a terminal.
func (t *Table) Text(w io.Writer) {
	fmt.Fprintf(w, "%-12s %-16s %-6s %-10s %s\n", "material", "countries", "year", "how", "registered")
	for _, r := range t.Rows {
		countries, how, amount := r.Countries, "otherwise", mass(r.Material, r.Micrograms)
		if countries == "" {
			countries = "unknown"
		}
		if r.Produced {
			how = "produced"
		}
		if r.Suppressed {
			amount = fmt.Sprintf("left out: fewer than %d parties", PartiesMin)
		}
		fmt.Fprintf(w, "%-12s %-16s %-6d %-10s %s\n", substance(r.Material, r.Metal), countries, r.Year, how, amount)
	}
	for _, f := range t.Findings {
		fmt.Fprintf(w, "FINDING: %s\n", f)
	}
	if len(t.Findings) == 0 {
		fmt.Fprintf(w, "nothing is more than the reference table has as mined\n")
	}
}

func substance(material custodyv1.Material, metal custodyv1.Metal) string {
	if metal != 0 {
		return vocabulary.Word(metal)
	}
	return vocabulary.Word(material)
}

func mass(material custodyv1.Material, micrograms uint64) string {
	if material == custodyv1.Material_MATERIAL_METAL || material == custodyv1.Material_MATERIAL_OTHER {
		return vocabulary.Format(micrograms, custodyv1.Unit_UNIT_GRAM)
	}
	return vocabulary.Format(micrograms, custodyv1.Unit_UNIT_CARAT)
}
