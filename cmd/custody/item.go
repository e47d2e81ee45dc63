package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/custodyledger/custodyledger/cmd/custody/describe"
	"github.com/custodyledger/custodyledger/cmd/custody/journal"
	"github.com/custodyledger/custodyledger/cmd/custody/measure"
	"github.com/custodyledger/custodyledger/cmd/custody/stock"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/node/client"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

func (a *app) itemCommand() *cobra.Command {
	return group("item", "Register a stone or a parcel, or take a registration back", a.itemRegisterCommand(), a.itemVoidCommand())
}

type registerFlags struct {
	material    custodyv1.Material
	nature      custodyv1.Nature
	acquisition custodyv1.Acquisition
	basis       custodyv1.MassBasis
	ownership   custodyv1.StateOwnership

	is                                       string
	bill                                     []string
	model                                    custodyv1.Model
	carat, origin, mine, producer, asOf      string
	length, width, height, depth, table      string
	lab, report, inscription, photo          string
	processedIn, customsOrigin, exportedFrom string
	stock, price, openings                   string
	pieces                                   uint32
	description                              custodyv1.Description
}

func (a *app) itemRegisterCommand() *cobra.Command {
	flags := &registerFlags{material: custodyv1.Material_MATERIAL_DIAMOND, basis: custodyv1.MassBasis_MASS_BASIS_STATED}
	cmd := &cobra.Command{
		Use:   "register --carat 1.01 --nature natural --acquired produced | --is 'mass=4.2g alloy=gold750/copper250' --acquired produced",
		Short: "Register goods that you hold and own: a stone, a parcel, metal, a piece",
		Long: `Register one stone, or with --pieces a parcel of counted stones. You state that you
hold and own the goods and that they are new to the ledger. What you do not say is
not claimed: the origin is unknown unless you name it, the mass is stated unless
you say that it was weighed.

Goods of any kind are described with --is, in one line of key=value words; a mass in
it is weighed unless basis= says otherwise. A piece whose parts have no ids of their
own has a --bill line for each of them.

With --stock running the same command again registers nothing twice.

The words of --is and --bill:
` + describe.Keys(),
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.itemRegister(cmd.Context(), flags) },
	}
	f := cmd.Flags()
	f.StringVar(&flags.is, "is", "", "a `line` that describes the goods, in place of the flags for stones")
	f.StringArrayVar(&flags.bill, "bill", nil, "with --is form=piece: a `line` that describes a part; may be repeated")
	f.StringVar(&flags.carat, "carat", "", "mass in carats, such as 1.01; of all pieces together for a parcel")
	f.Uint32Var(&flags.pieces, "pieces", 0, "number of pieces of a parcel, 2 or more")
	f.StringVar(&flags.origin, "origin", "unknown", "unknown, recycled, grandfathered, lab-grown, or every possible mining country: BW or BW/ZA")
	f.StringVar(&flags.mine, "mine", "", "mine, for mined goods")
	f.StringVar(&flags.producer, "producer", "", "producer, for mined goods")
	f.StringVar(&flags.description.Shape, "shape", "", "shape, such as round")
	f.StringVar(&flags.description.Species, "species", "", "species of a gem, such as corundum")
	f.StringVar(&flags.description.Colour, "colour", "", "colour grade or word")
	f.StringVar(&flags.description.Clarity, "clarity", "", "clarity grade")
	f.StringVar(&flags.description.Cut, "cut", "", "cut grade")
	f.StringVar(&flags.length, "length", "", "length in millimetres")
	f.StringVar(&flags.width, "width", "", "width in millimetres")
	f.StringVar(&flags.height, "height", "", "height in millimetres")
	f.StringVar(&flags.depth, "depth", "", "total depth in percent")
	f.StringVar(&flags.table, "table", "", "table in percent")
	f.StringVar(&flags.photo, "photo", "", "`file` of a photo; its SHA-256 is registered")
	f.StringVar(&flags.lab, "lab", "", "laboratory or other issuer of --report and --inscription")
	f.StringVar(&flags.report, "report", "", "number of its report")
	f.StringVar(&flags.inscription, "inscription", "", "inscription on the stone")
	f.StringVar(&flags.processedIn, "processed-in", "", "country where it was processed")
	f.StringVar(&flags.customsOrigin, "customs-origin", "", "country of origin in the eyes of customs")
	f.StringVar(&flags.exportedFrom, "exported-from", "", "country it was exported from")
	f.StringVar(&flags.stock, "stock", "", "your stock number; only you can tell it from what is on the ledger")
	f.StringVar(&flags.price, "price", "", "amount and currency, such as \"4500 USD\"; only a salted hash goes on the ledger")
	openingsFlag(cmd, &flags.openings)
	choice(cmd, &flags.material, "material", "what it is")
	choice(cmd, &flags.nature, "nature", "how it came into being")
	choice(cmd, &flags.acquisition, "acquired", "how it came to you, where the record begins")
	choice(cmd, &flags.basis, "basis", "how the mass was found")
	choice(cmd, &flags.ownership, "state-ownership", "share of states in the producer")
	f.StringVar(&flags.asOf, "ownership-as-of", "", "the `day` on which --state-ownership was so, such as 2027-01-31")
	choice(cmd, &flags.model, "model", "model of the chain of custody, ISO 22095")
	require(cmd, "acquired")
	cmd.MarkFlagsOneRequired("is", "carat")
	cmd.MarkFlagsRequiredTogether("carat", "nature")
	cmd.MarkFlagsRequiredTogether("state-ownership", "ownership-as-of")
	for _, ofStones := range []string{
		"carat", "pieces", "material", "nature", "basis", "origin", "mine", "producer", "shape", "species", "colour", "clarity", "cut",
		"length", "width", "height", "depth", "table", "photo", "lab", "report", "inscription",
	} {
		cmd.MarkFlagsMutuallyExclusive("is", ofStones)
	}
	return cmd
}

func (a *app) itemRegister(ctx context.Context, flags *registerFlags) error {
	register, err := flags.registration()
	if err != nil {
		return err
	}
	s, err := a.session()
	if err != nil {
		return err
	}
	defer s.Close()
	if flags.stock != "" {
		if s.key.ReferenceSecret == nil {
			return errNoSecret(a.keyPath)
		}
		reference := stock.StockReference(s.key.ReferenceSecret, flags.stock)
		register.Reference = reference[:]
	}
	openings, err := draw(s.author, price(flags.price), stockNumber(flags.stock))
	if err != nil {
		return err
	}
	event, err := s.author.Register(register, openings...)
	if err != nil {
		return err
	}
	item := client.RegisteredItem(event)
	if err := a.keepOpenings(flags.openings, event.ID(), item, openings); err != nil {
		return err
	}
	w, err := a.record(ctx, s.Client, event, fmt.Sprintf("Item %s is registered: %s.", item, goods(register)))
	if err != nil {
		return err
	}
	w.Item = item.String()
	return a.print(w)
}

// errNoSecret says that a key cannot make references. Only a key made from
// paper has no secret.
func errNoSecret(path string) error {
	return fmt.Errorf("key %s has no secret to hide stock numbers with; use a key made by 'custody party request', or added by 'custody key add' with such a key", path)
}

// registration reads the flags. An error names the flag.
func (f *registerFlags) registration() (*custodyv1.ItemRegister, error) {
	for name, code := range map[string]string{"--processed-in": f.processedIn, "--customs-origin": f.customsOrigin, "--exported-from": f.exportedFrom} {
		if code != "" && !ledger.IsCountry(code) {
			return nil, fmt.Errorf("%s %q: expected an ISO 3166-1 code of two letters such as BE", name, code)
		}
	}
	read := f.stone
	if f.is != "" {
		read = f.described
	}
	r, err := read()
	if err != nil {
		return nil, err
	}
	r.ProcessedIn, r.CustomsOrigin, r.ExportedFrom, r.Model = f.processedIn, f.customsOrigin, f.exportedFrom, f.model
	if f.ownership == 0 {
		return r, nil
	}
	day, err := time.Parse(time.DateOnly, f.asOf)
	if err != nil {
		return nil, fmt.Errorf("--ownership-as-of %q: expected a day such as 2027-01-31", f.asOf)
	}
	for _, component := range r.Origin {
		component.StateOwnership, component.OwnershipAsOfMs = f.ownership, uint64(day.UnixMilli())
	}
	return r, nil
}

// described reads goods of any kind.
func (f *registerFlags) described() (*custodyv1.ItemRegister, error) {
	goods, err := describe.Parse(f.is)
	if err != nil {
		return nil, fmt.Errorf("--is: %w", err)
	}
	var bill []*custodyv1.BillLine
	for _, text := range f.bill {
		part, err := describe.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("--bill: %w", err)
		}
		line, err := part.Line()
		if err != nil {
			return nil, fmt.Errorf("--bill %q: %w", text, err)
		}
		bill = append(bill, line)
	}
	if goods.Mass == nil && len(bill) > 0 {
		goods.Mass = &custodyv1.Mass{Basis: custodyv1.MassBasis_MASS_BASIS_CALCULATED}
		for _, line := range bill {
			goods.Mass.Micrograms += line.Mass.Micrograms
		}
	}
	r, err := goods.Registration(f.acquisition)
	if err != nil {
		return nil, fmt.Errorf("--is %q: %w", f.is, err)
	}
	r.Bill = bill
	return r, nil
}

// stone reads one stone or a parcel of stones.
func (f *registerFlags) stone() (*custodyv1.ItemRegister, error) {
	r := &custodyv1.ItemRegister{
		Material: f.material, Form: custodyv1.Form_FORM_SINGLE, Nature: f.nature, Acquisition: f.acquisition,
		Mass: &custodyv1.Mass{Basis: f.basis},
	}
	if f.pieces > 0 {
		r.Form, r.Count = custodyv1.Form_FORM_COUNTED_PARCEL, f.pieces
	}
	if f.pieces == 1 {
		return nil, errors.New("--pieces 1: expected 2 or more; leave it out for a single stone")
	}
	var err error
	if r.Mass.Micrograms, err = measure.Carats(f.carat); err != nil {
		return nil, fmt.Errorf("--carat %q: expected %w", f.carat, err)
	}
	if r.Description, err = f.describe(); err != nil {
		return nil, err
	}
	origin, err := stock.ParseOrigin(f.origin)
	if err != nil {
		return nil, fmt.Errorf("--origin %q: expected %w", f.origin, err)
	}
	if f.nature == custodyv1.Nature_NATURE_LAB_GROWN && f.origin == "unknown" {
		origin.Kind = custodyv1.OriginKind_ORIGIN_KIND_LAB_GROWN
	}
	component := origin.Component(r.Mass.Micrograms)
	component.Mine, component.Producer = f.mine, f.producer
	r.Origin = []*custodyv1.OriginComponent{component}
	if r.OutsideIds, err = f.outsideIDs(); err != nil {
		return nil, err
	}
	if about, err := stock.Check(r); err != nil {
		if about == "" {
			return nil, err
		}
		return nil, fmt.Errorf("--%s: expected %w", about, err)
	}
	return r, nil
}

func (f *registerFlags) describe() (*custodyv1.Description, error) {
	d := &f.description
	for _, number := range []struct {
		name, text string
		read       func(string) (uint32, error)
		into       *uint32
	}{
		{"--length", f.length, measure.Millimetres, &d.LengthUm},
		{"--width", f.width, measure.Millimetres, &d.WidthUm},
		{"--height", f.height, measure.Millimetres, &d.HeightUm},
		{"--depth", f.depth, measure.Percent, &d.DepthPermyriad},
		{"--table", f.table, measure.Percent, &d.TablePermyriad},
	} {
		if number.text == "" {
			continue
		}
		value, err := number.read(number.text)
		if err != nil {
			return nil, fmt.Errorf("%s %q: expected %w", number.name, number.text, err)
		}
		*number.into = value
	}
	if f.photo != "" {
		sum, err := hashFile(f.photo)
		if err != nil {
			return nil, fmt.Errorf("--photo: %w", err)
		}
		d.PhotoSha256 = sum
	}
	if d.String() == "" {
		return nil, nil
	}
	return d, nil
}

func (f *registerFlags) outsideIDs() ([]*custodyv1.OutsideId, error) {
	switch numbers := f.report != "" || f.inscription != ""; {
	case numbers && f.lab == "":
		return nil, errors.New("--lab is missing: say who issued the report or inscription")
	case !numbers && f.lab != "":
		return nil, errors.New("--lab alone says nothing: add --report or --inscription")
	}
	return stock.OutsideIDs(f.lab, f.report, f.inscription), nil
}

func hashFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	return h.Sum(nil), err
}

// private is a value that the ledger gets as a salted hash only.
type private struct {
	field custodyv1.PrivateField
	value string
}

// draw gives an opening with a fresh salt for each value that is not empty.
func draw(author *client.Author, values ...private) ([]ledger.Opening, error) {
	var openings []ledger.Opening
	for _, p := range values {
		if p.value == "" {
			continue
		}
		if len(p.value) > ledger.OpeningValueBytesMax {
			return nil, fmt.Errorf("%.40q...: expected at most %d bytes", p.value, ledger.OpeningValueBytesMax)
		}
		opening, err := author.Private(p.field, p.value)
		if err != nil {
			return nil, err
		}
		openings = append(openings, opening)
	}
	return openings, nil
}

func price(value string) private {
	return private{custodyv1.PrivateField_PRIVATE_FIELD_PRICE, value}
}

func stockNumber(value string) private {
	return private{custodyv1.PrivateField_PRIVATE_FIELD_STOCK_NUMBER, value}
}

func counterparty(value string) private {
	return private{custodyv1.PrivateField_PRIVATE_FIELD_COUNTERPARTY, value}
}

func openingsFlag(cmd *cobra.Command, path *string) {
	cmd.Flags().StringVar(path, "openings", "", "`file` that keeps private values and salts; default: the key file's name and .openings")
}

// keepOpenings puts salts and values on disk before an event that commits to
// them is sent.
func (a *app) keepOpenings(path string, event ledger.EventID, item ledger.ItemID, openings []ledger.Opening) error {
	if len(openings) == 0 {
		return nil
	}
	if path == "" {
		path = a.keyPath + ".openings"
	}
	o, err := journal.OpenOpenings(path)
	if err != nil {
		return err
	}
	return errors.Join(o.Add(event, item, openings...), o.Close())
}

func (a *app) itemVoidCommand() *cobra.Command {
	reason := custodyv1.VoidReason_VOID_REASON_MISTAKE
	var on buildOn
	cmd := &cobra.Command{
		Use:   "void ITEM --reason mistake",
		Short: "Take back your own registration, before the item was ever sent or released",
		Args:  arguments("ITEM"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.move(cmd.Context(), args[0], on, movement{
				done: "The registration of item %s is taken back.",
				sign: func(author *client.Author, ref ledger.ItemRef, _ *custodyv1.ItemView, _ []ledger.Opening) (ledger.SignedEvent, error) {
					return author.Void(ref, reason)
				},
			})
		},
	}
	choice(cmd, &reason, "reason", "why")
	on.add(cmd)
	return cmd
}
