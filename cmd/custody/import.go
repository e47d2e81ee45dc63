package main

import (
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	"github.com/custodyledger/custodyledger/cmd/custody/journal"
	"github.com/custodyledger/custodyledger/cmd/custody/measure"
	"github.com/custodyledger/custodyledger/cmd/custody/stock"
	"github.com/custodyledger/custodyledger/cmd/custody/words"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/node/client"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

type importFlags struct {
	stock.Options
	headers, ignore          []string
	separator, onBadLine     string
	journal, openings, items string
	check                    bool
}

func (a *app) importCommand() *cobra.Command {
	flags := importFlags{Options: stock.Options{
		Material:    custodyv1.Material_MATERIAL_DIAMOND,
		Acquisition: custodyv1.Acquisition_ACQUISITION_STOCK_BEFORE_JOINING,
		Basis:       custodyv1.MassBasis_MASS_BASIS_STATED,
	}}
	cmd := &cobra.Command{
		Use:   "import FILE.csv --nature natural --currency USD",
		Short: "Register every stone of a stock list",
		Long: `Register every stone or parcel of a stock list: a CSV text in UTF-8 with a header.
Columns, of which only carat is needed:

  ` + strings.Join(stock.Columns(), ", ") + `

carat counts all pieces of a line together; x, y, z are millimetres; depth and
table are percents; origin is unknown, recycled, grandfathered, lab-grown or the
possible mining countries, as in BW/ZA. What the list does not say is not claimed:
the origin is unknown, the mass is stated. Prices and stock numbers go on the
ledger as salted hashes only; --openings keeps the salts, and must not be lost.

A line is the same in a second run by its stock number, or in a list without that
column by the file and the line; two stones that are alike in everything are two
stones. Every event is on disk before it is sent, so an import that was stopped is
continued by the same command, and a second run registers nothing twice, also
without the journal.

By default a list with a bad line is refused as a whole and nothing is sent: what
is on the ledger stays there. With --on-bad-line skip the good lines are sent and
the bad ones reported.`,
		Args: arguments("FILE.csv"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.importList(cmd, args[0], flags) },
	}
	f := cmd.Flags()
	f.StringVar(&flags.Currency, "currency", "", "currency of the column price, such as USD")
	f.StringVar(&flags.separator, "separator", ",", "what stands between columns; \"tab\" for a tab")
	f.StringArrayVar(&flags.headers, "column", nil, "`NAME=HEADER`: the list has another header for a column, as in carat=Weight")
	f.StringSliceVar(&flags.ignore, "ignore-column", nil, "`HEADER` of a column that is not imported")
	f.StringVar(&flags.onBadLine, "on-bad-line", "refuse", "refuse: send nothing at all; skip: send the good lines")
	f.StringVar(&flags.journal, "journal", "", "`file` that remembers what was signed; default: the list's name and .journal")
	f.StringVar(&flags.openings, "openings", "", "`file` that keeps private values and salts; default: the list's name and .openings")
	f.StringVar(&flags.items, "items", "", "`file` to write line, stock number and item id to, as CSV")
	f.BoolVar(&flags.check, "check", false, "only check the list; nothing is signed or sent")
	choice(cmd, &flags.Nature, "nature", "of lines that do not say it")
	choice(cmd, &flags.Material, "material", "of lines that do not say it")
	choice(cmd, &flags.Acquisition, "acquired", "how the goods came to you, for lines that do not say it")
	choice(cmd, &flags.Basis, "basis", "how the mass was found, for lines that do not say it")
	return cmd
}

func (f *importFlags) complete(cmd *cobra.Command) error {
	if f.onBadLine != "refuse" && f.onBadLine != "skip" {
		return usage(cmd, "--on-bad-line %q: expected refuse or skip", f.onBadLine)
	}
	if f.separator == "tab" {
		f.separator = "\t"
	}
	separator := []rune(f.separator)
	if len(separator) != 1 || strings.ContainsRune("\"\r\n", separator[0]) {
		return usage(cmd, "--separator %q: expected one character, or tab", f.separator)
	}
	f.Separator, f.Ignore, f.Headers = separator[0], f.ignore, map[string]string{}
	for _, text := range f.headers {
		name, header, ok := strings.Cut(text, "=")
		if !ok || header == "" {
			return usage(cmd, "--column %q: expected NAME=HEADER, such as carat=Weight", text)
		}
		f.Headers[name] = header
	}
	return nil
}

// importReport is what became of a list.
type importReport struct {
	File       string           `json:"file"`
	SHA256     string           `json:"sha256"`
	Lines      int              `json:"lines"` // good and bad ones
	Pieces     uint64           `json:"pieces"`
	Micrograms uint64           `json:"micrograms"`
	Checked    bool             `json:"only_checked,omitempty"`
	Registered int              `json:"registered"`
	Already    int              `json:"already_there"`
	Unsettled  int              `json:"outcome_unknown"`
	Bad        []*stock.Problem `json:"bad_lines"`
	Refused    []refusedLine    `json:"refused"`
	Changed    []changedLine    `json:"changed"`
	Journal    string           `json:"journal,omitempty"`
	Openings   string           `json:"openings,omitempty"`
}

type refusedLine struct {
	Line     int           `json:"line"`
	Stock    string        `json:"stock,omitempty"`
	Reason   ledger.Reason `json:"reason"`
	Sentence string        `json:"sentence"`
	Message  string        `json:"message"`
}

// changedLine says something else now than when it was registered. What was
// signed stands.
type changedLine struct {
	Line  int    `json:"line"`
	Stock string `json:"stock,omitempty"`
}

// linesShown is how many lines of a kind the text form lists.
const linesShown = 40

func (r *importReport) Text(w io.Writer) {
	for i, p := range r.Bad {
		if i == linesShown {
			fmt.Fprintf(w, "... and %d more bad lines\n", len(r.Bad)-linesShown)
			break
		}
		fmt.Fprintln(w, p.Error())
	}
	for i, l := range r.Refused {
		if i == linesShown {
			fmt.Fprintf(w, "... and %d more refused lines\n", len(r.Refused)-linesShown)
			break
		}
		fmt.Fprintf(w, "%s, line %d: %s [%s]\n  %s\n", r.File, l.Line, l.Sentence, l.Reason, l.Message)
	}
	for i, l := range r.Changed {
		if i == linesShown {
			fmt.Fprintf(w, "... and %d more changed lines\n", len(r.Changed)-linesShown)
			break
		}
		fmt.Fprintf(w, "%s, line %d: it says something else than when it was registered; what was signed stands, take it back with 'custody item void' if it is wrong\n", r.File, l.Line)
	}
	fmt.Fprintf(w, "%s: %d lines, %d of them bad; the good ones: %d pieces, %s ct\n", r.File, r.Lines, len(r.Bad), r.Pieces, measure.FormatCarats(r.Micrograms))
	if r.Checked {
		fmt.Fprintln(w, "only checked: nothing was signed or sent")
		return
	}
	fmt.Fprintf(w, "registered %d, already there %d, refused %d, outcome unknown %d\n", r.Registered, r.Already, len(r.Refused), r.Unsettled)
	if r.Openings != "" {
		fmt.Fprintf(w, "prices and stock numbers are on the ledger as hashes only; what opens them is in %s\n", r.Openings)
	}
}

func (a *app) importList(cmd *cobra.Command, path string, flags importFlags) error {
	if err := flags.complete(cmd); err != nil {
		return err
	}
	content, err := readLimited(path, stock.FileBytesMax)
	if err != nil {
		return err
	}
	list, err := stock.New(path, content, flags.Options)
	if err != nil {
		return err
	}
	sum := list.SHA256()
	r := &importReport{File: path, SHA256: hex.EncodeToString(sum[:]), Checked: flags.check, Bad: []*stock.Problem{}, Refused: []refusedLine{}, Changed: []changedLine{}}
	rows := r.take(list)
	if len(r.Bad) > 0 && flags.onBadLine == "refuse" {
		r.Checked = true
		if err := a.print(r); err != nil {
			return err
		}
		return fmt.Errorf("%s: %d bad lines; nothing was sent. Correct them, or send the others with --on-bad-line skip", path, len(r.Bad))
	}
	if flags.check {
		return a.print(r)
	}
	err = a.importRows(cmd.Context(), r, rows, flags)
	if printErr := a.print(r); err == nil {
		err = printErr
	}
	if err == nil && len(r.Refused) > 0 {
		err = &coded{code: exitRefused, error: fmt.Errorf("%s: %d lines were refused by the ledger; the others are registered", path, len(r.Refused))}
	}
	return err
}

// take reads the whole list once.
func (r *importReport) take(list *stock.List) []*stock.Row {
	var rows []*stock.Row
	for row, problem := range list.Rows() {
		r.Lines++
		if problem != nil {
			r.Bad = append(r.Bad, problem)
			continue
		}
		r.Pieces += uint64(max(row.Register.Count, 1))
		r.Micrograms += row.Register.Mass.Micrograms
		rows = append(rows, row)
	}
	return rows
}

func (a *app) importRows(ctx context.Context, r *importReport, rows []*stock.Row, flags importFlags) (err error) {
	s, err := a.session()
	if err != nil {
		return err
	}
	defer s.Close()
	if s.key.ReferenceSecret == nil {
		return errNoSecret(a.keyPath)
	}
	r.Journal = cmpOr(flags.journal, r.File+".journal")
	r.Openings = cmpOr(flags.openings, r.File+".openings")
	j, err := journal.OpenFile(r.Journal, s.LedgerID(), s.author.Party())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	o, err := journal.OpenOpenings(r.Openings)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	i := &importer{app: a, session: s, journal: j, openings: o, report: r, bar: a.newBar(uint64(len(rows)), "import")}
	err = i.run(ctx, rows)
	i.bar.done()
	if flags.items != "" {
		err = errors.Join(err, i.writeItems(ctx, flags.items, rows))
	}
	return err
}

func cmpOr(text, otherwise string) string {
	if text != "" {
		return text
	}
	return otherwise
}

// contentHash tells whether a row says the same as when it was signed.
func contentHash(row *stock.Row) ([32]byte, error) {
	register := proto.CloneOf(row.Register)
	register.Reference = nil
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(register)
	return sha256.Sum256(append(b, row.Price...)), err
}

// writeItems writes which item each line became: from the journal, and where an
// earlier import without this journal registered it, from the ledger.
func (i *importer) writeItems(ctx context.Context, path string, rows []*stock.Row) error {
	var registered map[string]string
	var records [][]string
	for _, row := range rows {
		reference := row.Reference(i.session.key.ReferenceSecret)
		record, ok := i.journal.Lookup(reference)
		item := ""
		switch {
		case ok && record.Outcome == journal.Recorded:
			item = client.RegisteredItem(record.Event).String()
		case ok && record.Outcome == journal.Taken:
			if registered == nil {
				var err error
				if registered, err = i.registered(ctx); err != nil {
					return err
				}
			}
			item = registered[string(reference[:])]
		}
		if item != "" {
			records = append(records, []string{strconv.Itoa(row.Line), row.Stock, item})
		}
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := csv.NewWriter(f)
	return errors.Join(w.Write([]string{"line", "stock", "item"}), w.WriteAll(records), f.Sync(), f.Close())
}

// registered gives the party's items by reference.
func (i *importer) registered(ctx context.Context) (map[string]string, error) {
	party := i.session.author.Party()
	items := map[string]string{}
	for view, err := range i.session.ListItems(ctx, client.ItemQuery{Registrant: &party}, client.Linearizable) {
		if err != nil {
			return nil, err
		}
		if view.Status == custodyv1.ItemStatus_ITEM_STATUS_LIVE {
			items[string(view.Registration.GetReference())] = ledger.ItemID(view.Item).String()
		}
	}
	return items, nil
}

// sentenceOf is the sentence of a refusal.
func sentenceOf(refused *client.Refused) string {
	return cmpOr(words.Sentence(refused.Reason), "The ledger refused the event.")
}
