package stock

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/custodyledger/custodyledger/cmd/custody/measure"
	"github.com/custodyledger/custodyledger/cmd/custody/words"
	"github.com/custodyledger/custodyledger/ledger"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// column is one thing a list can say of a row. An error of read says what was
// expected in the cell.
type column struct {
	name     string
	aliases  []string
	required bool // an empty cell is read too, and refused
	read     func(*builder, string) error
}

var columns = []column{
	{name: "stock", aliases: []string{"stock number", "stock no", "sku"}, required: true, read: (*builder).stock},
	{name: "carat", aliases: []string{"carats"}, required: true, read: (*builder).carat},
	{name: "pieces", aliases: []string{"count"}, read: (*builder).pieces},
	{name: "material", read: choice(func(b *builder, m custodyv1.Material) { b.row.Register.Material = m })},
	{name: "nature", read: choice(func(b *builder, n custodyv1.Nature) { b.row.Register.Nature = n })},
	{name: "species", read: text(func(d *custodyv1.Description, s string) { d.Species = s })},
	{name: "shape", read: text(func(d *custodyv1.Description, s string) { d.Shape = s })},
	{name: "color", aliases: []string{"colour"}, read: text(func(d *custodyv1.Description, s string) { d.Colour = s })},
	{name: "clarity", read: text(func(d *custodyv1.Description, s string) { d.Clarity = s })},
	{name: "cut", read: text(func(d *custodyv1.Description, s string) { d.Cut = s })},
	{name: "depth", read: percent(func(d *custodyv1.Description, v uint32) { d.DepthPermyriad = v })},
	{name: "table", read: percent(func(d *custodyv1.Description, v uint32) { d.TablePermyriad = v })},
	{name: "x", aliases: []string{"length"}, read: length(func(d *custodyv1.Description, v uint32) { d.LengthUm = v })},
	{name: "y", aliases: []string{"width"}, read: length(func(d *custodyv1.Description, v uint32) { d.WidthUm = v })},
	{name: "z", aliases: []string{"height"}, read: length(func(d *custodyv1.Description, v uint32) { d.HeightUm = v })},
	{name: "price", read: (*builder).price},
	{name: "origin", read: (*builder).setOrigin},
	{name: "lab", aliases: []string{"laboratory"}, read: outside(func(b *builder, s string) { b.lab = s })},
	{name: "report", aliases: []string{"report number"}, read: outside(func(b *builder, s string) { b.report = s })},
	{name: "inscription", read: outside(func(b *builder, s string) { b.inscription = s })},
	{name: "acquired", read: choice(func(b *builder, a custodyv1.Acquisition) { b.row.Register.Acquisition = a })},
	{name: "basis", read: choice(func(b *builder, m custodyv1.MassBasis) { b.row.Register.Mass.Basis = m })},
}

// Columns lists the columns that a list may have.
func Columns() []string {
	names := make([]string, len(columns))
	for i := range columns {
		names[i] = columns[i].name
	}
	return names
}

func columnNamed(name string) *column {
	for i := range columns {
		if columns[i].name == name || slices.Contains(columns[i].aliases, name) {
			return &columns[i]
		}
	}
	return nil
}

// builder gathers the cells of one line.
type builder struct {
	row                      Row
	origin                   *Origin
	currency                 string
	lab, report, inscription string
}

func newBuilder(options Options) *builder {
	return &builder{
		currency: options.Currency,
		row: Row{Register: &custodyv1.ItemRegister{
			Material:    options.Material,
			Form:        custodyv1.Form_FORM_SINGLE,
			Nature:      options.Nature,
			Mass:        &custodyv1.Mass{Basis: options.Basis},
			Acquisition: options.Acquisition,
		}},
	}
}

// finish completes the registration and checks what no cell tells alone. It
// names the column at fault.
func (b *builder) finish() (columnName string, err error) {
	r := b.row.Register
	if err := b.outsideIDs(); err != nil {
		return "lab", err
	}
	if b.origin == nil {
		b.origin = &Origin{Kind: custodyv1.OriginKind_ORIGIN_KIND_UNKNOWN}
		if r.Nature == custodyv1.Nature_NATURE_LAB_GROWN {
			b.origin.Kind = custodyv1.OriginKind_ORIGIN_KIND_LAB_GROWN
		}
	}
	r.Origin = []*custodyv1.OriginComponent{b.origin.Component(r.Mass.Micrograms)}
	return Check(r)
}

func (b *builder) outsideIDs() error {
	if b.lab == "" && (b.report != "" || b.inscription != "") {
		return errors.New("the laboratory or other issuer of the report or inscription, in column lab")
	}
	if b.lab != "" && b.report == "" && b.inscription == "" {
		return errors.New("a report or inscription number of this laboratory, or an empty cell")
	}
	b.row.Register.OutsideIds = OutsideIDs(b.lab, b.report, b.inscription)
	return nil
}

// stockBytesMax is what an opening of the ledger can hold.
const stockBytesMax = ledger.OpeningValueBytesMax

func (b *builder) stock(cell string) error {
	if cell == "" || len(cell) > stockBytesMax || strings.ContainsFunc(cell, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return fmt.Errorf("a stock number of 1 to %d printable bytes", stockBytesMax)
	}
	b.row.Stock = cell
	return nil
}

func (b *builder) carat(cell string) error {
	micrograms, err := measure.Carats(cell)
	if err == nil && micrograms > ledger.MassMicrogramsMax {
		err = fmt.Errorf("at most %s ct", measure.FormatCarats(ledger.MassMicrogramsMax))
	}
	b.row.Register.Mass.Micrograms = micrograms
	return err
}

// pieces makes a counted parcel of a row; one piece is a single stone.
func (b *builder) pieces(cell string) error {
	count, err := strconv.ParseUint(cell, 10, 32)
	if err != nil || count == 0 || count > ledger.PiecesMax {
		return fmt.Errorf("a whole number of pieces from 1 to %d, or an empty cell for a single stone", ledger.PiecesMax)
	}
	if count > 1 {
		b.row.Register.Form, b.row.Register.Count = custodyv1.Form_FORM_COUNTED_PARCEL, uint32(count)
	}
	return nil
}

func (b *builder) price(cell string) error {
	amount, err := measure.Amount(cell)
	if err == nil {
		b.row.Price = amount + " " + b.currency
	}
	return err
}

func (b *builder) setOrigin(cell string) (err error) {
	b.origin, err = ParseOrigin(cell)
	return err
}

func (b *builder) description() *custodyv1.Description {
	if b.row.Register.Description == nil {
		b.row.Register.Description = &custodyv1.Description{}
	}
	return b.row.Register.Description
}

func choice[E words.Enum](set func(*builder, E)) func(*builder, string) error {
	return func(b *builder, cell string) error {
		value, err := words.Parse[E](cell)
		if err != nil {
			return errors.New(words.List(words.All[E](), "or"))
		}
		set(b, value)
		return nil
	}
}

func text(set func(*custodyv1.Description, string)) func(*builder, string) error {
	return func(b *builder, cell string) error {
		set(b.description(), cell)
		return nil
	}
}

func outside(set func(*builder, string)) func(*builder, string) error {
	return func(b *builder, cell string) error {
		set(b, cell)
		return nil
	}
}

func length(set func(*custodyv1.Description, uint32)) func(*builder, string) error {
	return func(b *builder, cell string) error {
		micrometres, err := measure.Millimetres(cell)
		if err != nil {
			return fmt.Errorf("%w, or an empty cell if it was not measured", err)
		}
		set(b.description(), micrometres)
		return nil
	}
}

func percent(set func(*custodyv1.Description, uint32)) func(*builder, string) error {
	return func(b *builder, cell string) error {
		permyriad, err := measure.Percent(cell)
		if err != nil {
			return fmt.Errorf("%w, or an empty cell if it was not measured", err)
		}
		set(b.description(), permyriad)
		return nil
	}
}
