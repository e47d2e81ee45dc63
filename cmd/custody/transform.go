package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/custodyledger/custodyledger/cmd/custody/describe"
	"github.com/custodyledger/custodyledger/cmd/custody/words"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/vocabulary"
	"github.com/custodyledger/custodyledger/node/client"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// transformed is what a change of matter made.
type transformed struct {
	*written
	Process string   `json:"process"`
	Outputs []string `json:"outputs,omitempty"`
	Lost    []string `json:"lost,omitempty"`
}

func (r *transformed) Text(w io.Writer) {
	r.written.Text(w)
	for _, item := range r.Outputs {
		fmt.Fprintf(w, "  made   %s\n", item)
	}
	for _, lost := range r.Lost {
		fmt.Fprintf(w, "  lost   %s\n", lost)
	}
}

type transformFlags struct {
	out, add, remove, file []string
	treatments, country    string
	scales                 bool
}

func (a *app) transformCommand() *cobra.Command {
	var flags transformFlags
	cmd := &cobra.Command{
		Use:   "transform PROCESS ITEM... --out 'mass=0.52ct shape=round'",
		Short: "Cut, split, merge, melt, refine, treat, assemble, take apart or rework goods",
		Long: `Say what became of goods that you hold and own, or hold to work on them.

  cut          stones of one item into other items; they are polished unless you say
  split        a parcel, bulk or metal into several; every part may be of every origin,
               unless each --out says with from= how you sorted
  merge        several items of one kind into one
  melt, refine metals into metals
  treat        the same item, with --treatments more
  assemble     items, and what --add says, into one piece
  disassemble  a piece into its parts; --out line=N makes an item of a part without id
  rework       the first item is the piece; the others are set into it, --remove takes
               parts out, --file takes metal off a part, --out says where it went

What the outputs do not account for is stated as lost, and shown. With --scales the
difference is stated as one between scales instead; it may be small only.

A line of --out or --add is made of key=value words:
` + describe.Keys(),
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < 2 {
				return usage(cmd, "expected a process and one item or more")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			process, err := words.Parse[custodyv1.Process](args[0])
			if err != nil {
				return usage(cmd, "%v", err)
			}
			return a.transform(cmd.Context(), process, args[1:], flags)
		},
		ValidArgs: words.All[custodyv1.Process](),
	}
	f := cmd.Flags()
	f.StringArrayVar(&flags.out, "out", nil, "a `line` that describes what was made; may be repeated")
	f.StringArrayVar(&flags.add, "add", nil, "a `line` that describes what was added and has no item, such as solder")
	f.StringSliceVar(&flags.remove, "remove", nil, "rework: `items` taken out of the piece")
	f.StringArrayVar(&flags.file, "file", nil, "rework: `ITEM=MASS` of metal taken off a part")
	f.StringVar(&flags.treatments, "treatments", "", "treat: AGTA `codes` with the year of their list, such as H+O@2020")
	f.StringVar(&flags.country, "country", "", "where it was done, ISO 3166-1 `code`")
	f.BoolVar(&flags.scales, "scales", false, "what does not add up is a difference between scales, not a loss")
	return cmd
}

func (a *app) transform(ctx context.Context, process custodyv1.Process, items []string, flags transformFlags) error {
	s, err := a.session()
	if err != nil {
		return err
	}
	defer s.Close()
	w := &workshop{ctx: ctx, client: s.Client, body: &custodyv1.Transform{Process: process, Country: flags.country}}
	for _, read := range []func() error{
		func() error { return w.take(items) },
		func() error { return w.detach(flags.remove) },
		func() error { return w.fileOff(flags.file) },
		func() error { return w.join(flags.add) },
		func() error { return w.treat(flags.treatments) },
		func() error { return w.make(flags.out) },
		func() error { return w.balance(flags.scales) },
	} {
		if err := read(); err != nil {
			return err
		}
	}
	d, err := s.author.Draft(&custodyv1.Event{Body: &custodyv1.Event_Transform{Transform: w.body}}, nil)
	if err != nil {
		return err
	}
	event, err := d.Signed()
	if err != nil {
		return err
	}
	done, err := a.record(ctx, s.Client, event, fmt.Sprintf("%s: %d in, %d out.", words.Of(process), len(w.inputs), len(w.body.Outputs)))
	if err != nil {
		return err
	}
	result := &transformed{written: done, Process: words.Of(process), Lost: w.lost}
	for i := range w.body.Outputs {
		result.Outputs = append(result.Outputs, ledger.NewItemID(event.ID(), uint32(i)).String())
	}
	return a.print(result)
}

// workshop puts a change of matter together from what the ledger says of the
// inputs and what the caller says of the outputs.
type workshop struct {
	ctx    context.Context
	client *client.Client
	body   *custodyv1.Transform
	inputs []*custodyv1.ItemView
	in     []substance // what goes in, of which outputs, loss and scales account
	lost   []string
}

// substance is a mass of one material, of metals of one metal.
type substance struct {
	material   custodyv1.Material
	metal      custodyv1.Metal
	micrograms uint64
}

func (w *workshop) process() custodyv1.Process { return w.body.Process }

// keepsParts tells whether the process joins or parts items and changes none of
// them.
func (w *workshop) keepsParts() bool {
	switch w.process() {
	case custodyv1.Process_PROCESS_ASSEMBLE, custodyv1.Process_PROCESS_DISASSEMBLE, custodyv1.Process_PROCESS_REWORK:
		return true
	}
	return false
}

func (w *workshop) view(text string) (*custodyv1.ItemView, *custodyv1.ItemRef, error) {
	id, err := parseItem(text)
	if err != nil {
		return nil, nil, err
	}
	return w.viewOf(id)
}

func (w *workshop) viewOf(id ledger.ItemID) (*custodyv1.ItemView, *custodyv1.ItemRef, error) {
	response, err := w.client.GetItem(w.ctx, id, client.Linearizable)
	if err != nil {
		return nil, nil, err
	}
	return response.Item, &custodyv1.ItemRef{Item: id[:], Prev: response.Item.Prev}, nil
}

func (w *workshop) take(items []string) error {
	for _, text := range items {
		view, ref, err := w.view(text)
		if err != nil {
			return err
		}
		w.inputs = append(w.inputs, view)
		w.body.Inputs = append(w.body.Inputs, ref)
		if !w.keepsParts() {
			w.in = add(w.in, substances(view.Matter.GetMaterial(), view.Matter.GetMicrograms(), view.Matter.GetComposition())...)
		}
	}
	if w.process() != custodyv1.Process_PROCESS_DISASSEMBLE {
		return nil
	}
	for _, child := range w.inputs[0].Matter.GetChildren() {
		_, ref, err := w.viewOf(ledger.ItemID(child))
		if err != nil {
			return err
		}
		w.body.Inputs = append(w.body.Inputs, ref)
	}
	for _, line := range w.inputs[0].Matter.GetBill() {
		w.in = add(w.in, substances(line.Material, line.Mass.GetMicrograms(), line.Composition)...)
	}
	return nil
}

func (w *workshop) detach(items []string) error {
	for _, text := range items {
		_, ref, err := w.view(text)
		if err != nil {
			return err
		}
		w.body.Removed = append(w.body.Removed, ref)
	}
	return nil
}

func (w *workshop) fileOff(lines []string) error {
	for _, line := range lines {
		item, massText, ok := strings.Cut(line, "=")
		if !ok {
			return fmt.Errorf("--file %q: expected ITEM=MASS", line)
		}
		view, ref, err := w.view(item)
		if err != nil {
			return err
		}
		mass, err := describe.Mass(massText, custodyv1.MassBasis_MASS_BASIS_WEIGHED)
		if err != nil {
			return fmt.Errorf("--file %q: %w", line, err)
		}
		w.body.Filings = append(w.body.Filings, &custodyv1.Filing{Item: ref, Micrograms: mass.Micrograms})
		composition := describe.Composition(describe.Proportions(view.Matter.GetComposition()), mass.Micrograms)
		w.in = add(w.in, substances(custodyv1.Material_MATERIAL_METAL, mass.Micrograms, composition)...)
	}
	return nil
}

func (w *workshop) join(lines []string) error {
	for _, text := range lines {
		goods, err := describe.Parse(text)
		if err != nil {
			return fmt.Errorf("--add %w", err)
		}
		line, err := goods.Line()
		if err != nil {
			return fmt.Errorf("--add %q: %w", text, err)
		}
		w.body.Additions = append(w.body.Additions, line)
		if !w.keepsParts() {
			w.in = add(w.in, substances(line.Material, line.Mass.Micrograms, line.Composition)...)
		}
	}
	return nil
}

func (w *workshop) treat(text string) error {
	if text == "" {
		return nil
	}
	goods, err := describe.Parse("treatments=" + text)
	if err != nil {
		return err
	}
	w.body.Treatments = goods.Treatments
	return nil
}

func (w *workshop) make(lines []string) error {
	like := w.like()
	for _, text := range lines {
		goods, err := describe.Parse(text)
		if err != nil {
			return fmt.Errorf("--out %w", err)
		}
		if w.process() == custodyv1.Process_PROCESS_ASSEMBLE {
			w.asPiece(goods)
		}
		if w.process() == custodyv1.Process_PROCESS_CUT {
			goods.Stage = cmp.Or(goods.Stage, custodyv1.Stage_STAGE_POLISHED)
		}
		from := like
		if w.process() == custodyv1.Process_PROCESS_DISASSEMBLE {
			if from, err = w.ofBill(goods); err != nil {
				return fmt.Errorf("--out %q: %w", text, err)
			}
		}
		output, err := goods.Output(from)
		if err != nil {
			return fmt.Errorf("--out %q: %w", text, err)
		}
		w.body.Outputs = append(w.body.Outputs, output)
	}
	return nil
}

// like is what outputs are like where their line says nothing else: the first input,
// of metals with all that goes in blended.
func (w *workshop) like() *custodyv1.MatterView {
	first := w.inputs[0].Matter
	like := &custodyv1.MatterView{Material: first.GetMaterial(), Nature: first.GetNature(), Stage: first.GetStage(), Species: first.GetSpecies()}
	for _, s := range w.in {
		if s.material == custodyv1.Material_MATERIAL_METAL {
			like.Material = s.material
			like.Composition = append(like.Composition, &custodyv1.Constituent{Metal: s.metal, Micrograms: s.micrograms})
		}
	}
	return like
}

// asPiece makes one piece of everything: its mass is that of its parts, unless the
// line says how it was weighed.
func (w *workshop) asPiece(goods *describe.Goods) {
	goods.Form = custodyv1.Form_FORM_PIECE
	if goods.Mass != nil {
		return
	}
	goods.Mass = &custodyv1.Mass{Basis: custodyv1.MassBasis_MASS_BASIS_CALCULATED}
	for _, view := range w.inputs {
		goods.Mass.Micrograms += view.Matter.GetMicrograms()
	}
	for _, line := range w.body.Additions {
		goods.Mass.Micrograms += line.Mass.Micrograms
	}
}

// ofBill takes what an output does not say from the line of the bill that it is.
func (w *workshop) ofBill(goods *describe.Goods) (*custodyv1.MatterView, error) {
	bill := w.inputs[0].Matter.GetBill()
	if goods.BillLine == 0 || int(goods.BillLine) > len(bill) {
		return nil, fmt.Errorf("line=N is missing: which of the %d lines of the piece's bill this is", len(bill))
	}
	line := bill[goods.BillLine-1]
	goods.Form = cmp.Or(goods.Form, line.Form)
	goods.Count, goods.CountBasis = cmp.Or(goods.Count, line.Count), cmp.Or(goods.CountBasis, line.CountBasis)
	if goods.Mass == nil {
		goods.Mass = line.Mass
	}
	return &custodyv1.MatterView{
		Material: line.Material, Nature: line.Nature, Stage: line.Stage, Species: line.Description.GetSpecies(), Composition: line.Composition,
	}, nil
}

// balance states what does not come out as lost, or as a difference between scales.
func (w *workshop) balance(scales bool) error {
	if w.process() == custodyv1.Process_PROCESS_ASSEMBLE || w.process() == custodyv1.Process_PROCESS_TREAT {
		return nil
	}
	var out []substance
	for _, o := range w.body.Outputs {
		out = add(out, substances(o.Material, o.Mass.Micrograms, o.Composition)...)
	}
	for _, s := range out {
		if !slices.ContainsFunc(w.in, s.same) {
			return fmt.Errorf("the outputs have %s, of which nothing went in", s)
		}
	}
	for _, in := range w.in {
		made := uint64(0)
		if at := slices.IndexFunc(out, in.same); at >= 0 {
			made = out[at].micrograms
		}
		b := &custodyv1.Balance{Material: in.material, Metal: in.metal}
		switch {
		case made == in.micrograms:
			continue
		case made > in.micrograms && !scales:
			over := substance{in.material, in.metal, made - in.micrograms}
			return fmt.Errorf("the outputs have %s more than went in; if that is a difference between scales, say --scales", over)
		case made > in.micrograms:
			b.GainMicrograms = made - in.micrograms
		case scales:
			b.ShortfallMicrograms = in.micrograms - made
		default:
			b.LossMicrograms = in.micrograms - made
			lost := substance{in.material, in.metal, b.LossMicrograms}
			w.lost = append(w.lost, fmt.Sprintf("%s, %s %% of what went in", lost, percent(b.LossMicrograms, in.micrograms)))
		}
		w.body.Balances = append(w.body.Balances, b)
	}
	return nil
}

// percent is a part of a whole with one decimal, rounded down.
func percent(part, whole uint64) string {
	tenths := part * 1000 / whole // at most 9·10^18
	return fmt.Sprintf("%d.%d", tenths/10, tenths%10)
}

func (s substance) same(other substance) bool {
	return s.material == other.material && s.metal == other.metal
}

func (s substance) String() string {
	if s.metal != 0 {
		return vocabulary.Format(s.micrograms, custodyv1.Unit_UNIT_GRAM) + " of " + words.Of(s.metal)
	}
	return vocabulary.Format(s.micrograms, custodyv1.Unit_UNIT_CARAT) + " of " + words.Of(s.material)
}

// substances gives what goods are made of.
func substances(material custodyv1.Material, micrograms uint64, composition []*custodyv1.Constituent) []substance {
	if material != custodyv1.Material_MATERIAL_METAL {
		return []substance{{material, 0, micrograms}}
	}
	var all []substance
	for _, c := range composition {
		all = append(all, substance{material, c.Metal, c.Micrograms})
	}
	return all
}

// add adds substances up, in the order in which balances stand.
func add(to []substance, more ...substance) []substance {
	for _, s := range more {
		at := slices.IndexFunc(to, s.same)
		if at < 0 {
			to = append(to, s)
			continue
		}
		to[at].micrograms += s.micrograms
	}
	slices.SortFunc(to, func(a, b substance) int {
		return cmp.Or(cmp.Compare(a.material, b.material), cmp.Compare(a.metal, b.metal))
	})
	return to
}

func (a *app) reweighCommand() *cobra.Command {
	var massText string
	var count uint32
	var on buildOn
	cmd := &cobra.Command{
		Use:   "reweigh ITEM --mass 1.01ct",
		Short: "Say what your scales show; what is known of the origin keeps its totals",
		Args:  arguments("ITEM"),
		RunE: func(cmd *cobra.Command, args []string) error {
			mass, err := describe.Mass(massText, custodyv1.MassBasis_MASS_BASIS_WEIGHED)
			if err != nil {
				return usage(cmd, "--mass %q: %v", massText, err)
			}
			return a.say(cmd.Context(), args[0], on, "Item %s is weighed anew.", func(ref *custodyv1.ItemRef) *custodyv1.Event {
				return &custodyv1.Event{Body: &custodyv1.Event_Reweigh{Reweigh: &custodyv1.Reweigh{Item: ref, Mass: mass, Count: count}}}
			})
		},
	}
	cmd.Flags().StringVar(&massText, "mass", "", "what the scales show, with its unit")
	cmd.Flags().Uint32Var(&count, "pieces", 0, "how many pieces were counted; default: as before")
	require(cmd, "mass")
	on.add(cmd)
	return cmd
}

// errNothing says that a command that changes something was told nothing.
var errNothing = errors.New("nothing is said to change")

// say signs and records an event that advances one item and needs no other
// signature.
func (a *app) say(ctx context.Context, itemText string, on buildOn, done string, event func(*custodyv1.ItemRef) *custodyv1.Event) error {
	return a.move(ctx, itemText, on, movement{
		done: done,
		sign: func(author *client.Author, ref ledger.ItemRef, _ *custodyv1.ItemView, openings []ledger.Opening) (ledger.SignedEvent, error) {
			d, err := author.Draft(event(&custodyv1.ItemRef{Item: ref.Item[:], Prev: ref.Prev[:]}), openings)
			if err != nil {
				return ledger.SignedEvent{}, err
			}
			return d.Signed()
		},
	})
}
