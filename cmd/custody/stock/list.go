// Package stock reads a dealer's stock list, a CSV file with a header, into
// registrations of stones and parcels.
//
// A list is text in UTF-8, one line a row: a quoted cell may hold separators
// and doubled quotes but no line break, so that one bad line spoils no other.
// A byte order mark, CRLF line ends and blank lines are taken as they come.
//
// What makes a row the same in a second reading is its stock number or, in a
// list without such a column, the SHA-256 of the file and the line; never what
// it says, because two stones may well be alike in everything.
package stock

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/custodyledger/custodyledger/cmd/custody/words"
	"github.com/custodyledger/custodyledger/ledger"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Limits of a list.
const (
	FileBytesMax = 256 << 20
	LineBytesMax = 16 << 10
)

// Options say what the list itself does not.
type Options struct {
	// Separator stands between cells; 0 means a comma.
	Separator rune
	// Headers gives, for a column name of this package, the header that the
	// list uses for it.
	Headers map[string]string
	// Ignore names headers of the list that are not imported.
	Ignore []string

	// What holds for every row whose cell in the column of that name is empty
	// or absent. Material, Acquisition and Basis must be set.
	Material    custodyv1.Material
	Nature      custodyv1.Nature // may be unset if the list has the column
	Acquisition custodyv1.Acquisition
	Basis       custodyv1.MassBasis
	// Currency of the column price, three letters.
	Currency string
}

// Row is one stone or parcel of a list.
type Row struct {
	Line  int    // of the file, counted from 1
	Stock string // the dealer's number; empty if the list has none
	// Register is the registration, without a reference.
	Register *custodyv1.ItemRegister
	// Price is the amount and currency, such as "326 USD"; empty if unknown. It
	// is private.
	Price string

	identity []byte
}

// Reference gives the registration reference of the row: the same for the same
// row and secret always, and for nobody without the secret a sign of anything.
func (r *Row) Reference(secret []byte) ledger.Reference {
	mac := hmac.New(sha256.New, secret)
	mac.Write(r.identity)
	return ledger.Reference(mac.Sum(nil)[:len(ledger.Reference{})])
}

// StockReference gives the reference of goods by stock number alone, as Row.Reference
// does for a row that has one.
func StockReference(secret []byte, stock string) ledger.Reference {
	row := Row{identity: stockIdentity(stock)}
	return row.Reference(secret)
}

func stockIdentity(stock string) []byte { return append([]byte("stock\n"), stock...) }

// Problem says what is wrong with a list, where, and what was expected.
type Problem struct {
	File     string `json:"file"`
	Line     int    `json:"line"`
	Column   int    `json:"column,omitempty"` // cell of the line, counted from 1; 0 if the whole line is at fault
	Header   string `json:"header,omitempty"`
	Got      string `json:"got,omitempty"`
	Expected string `json:"expected"`
}

func (p *Problem) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, line %d", p.File, p.Line)
	if p.Column > 0 {
		fmt.Fprintf(&b, ", column %d", p.Column)
	}
	if p.Header != "" {
		fmt.Fprintf(&b, " (%s)", p.Header)
	}
	b.WriteString(": ")
	if p.Got != "" {
		fmt.Fprintf(&b, "found %s, ", p.Got)
	}
	return b.String() + "expected " + p.Expected
}

// List is a stock list whose header has been understood.
type List struct {
	file    string
	sum     [sha256.Size]byte
	content []byte // after the byte order mark
	options Options
	header  []string
	columns []*column // for each cell; nil for an ignored one
}

// New reads the header of a list. The file name is for messages only. The
// content must not be changed while the list is in use. An error is a *Problem
// where it concerns a place in the file.
func New(file string, content []byte, options Options) (*List, error) {
	l := &List{file: file, sum: sha256.Sum256(content), options: options}
	if l.options.Separator == 0 {
		l.options.Separator = ','
	}
	if len(content) > FileBytesMax {
		return nil, fmt.Errorf("%s has more than %d MiB; split it into several lists", file, FileBytesMax>>20)
	}
	content, err := l.text(content)
	if err != nil {
		return nil, err
	}
	l.content = content
	for line, text := range lines(content) {
		cells, problem := l.split(line, text)
		if problem != nil {
			return nil, problem
		}
		if blank(cells) {
			continue
		}
		return l, l.setHeader(line, cells)
	}
	return nil, &Problem{File: file, Line: 1, Got: "an empty file", Expected: "a header line that names the columns, then one line for each stone"}
}

// SHA256 gives the hash of the whole file.
func (l *List) SHA256() [sha256.Size]byte { return l.sum }

// text takes off a byte order mark and refuses what is not a text of lines.
func (l *List) text(content []byte) ([]byte, error) {
	const utf8Mark = "\xef\xbb\xbf"
	switch {
	case bytes.HasPrefix(content, []byte("\xff\xfe")), bytes.HasPrefix(content, []byte("\xfe\xff")):
		return nil, &Problem{File: l.file, Line: 1, Got: "a text in UTF-16", Expected: `a text in UTF-8; save the list as "CSV UTF-8"`}
	case bytes.HasPrefix(content, []byte("PK\x03\x04")), bytes.HasPrefix(content, []byte("\xd0\xcf\x11\xe0")):
		return nil, &Problem{File: l.file, Line: 1, Got: "a spreadsheet", Expected: `a CSV text; save the list as "CSV UTF-8"`}
	}
	content = bytes.TrimPrefix(content, []byte(utf8Mark))
	if at := bytes.IndexByte(content, '\r'); at >= 0 && !bytes.Contains(content, []byte("\n")) && at < len(content)-1 {
		return nil, &Problem{File: l.file, Line: 1, Got: "line ends of CR alone", Expected: `line ends of LF or CRLF; save the list as "CSV UTF-8"`}
	}
	return content, nil
}

// Rows reads the list line by line: for each either the row or what is wrong
// with it. It may be called again and then gives the same.
func (l *List) Rows() iter.Seq2[*Row, *Problem] {
	return func(yield func(*Row, *Problem) bool) {
		stocks := map[string]int{}
		header := true
		for line, text := range lines(l.content) {
			cells, problem := l.split(line, text)
			if problem == nil && blank(cells) {
				continue
			}
			if header {
				header = false
				continue
			}
			var row *Row
			if problem == nil {
				row, problem = l.row(line, cells, stocks)
			}
			if problem != nil {
				row = nil
			}
			if !yield(row, problem) {
				return
			}
		}
	}
}

// lines gives every line with its number, without its end.
func lines(content []byte) iter.Seq2[int, []byte] {
	return func(yield func(int, []byte) bool) {
		number := 0
		for text := range bytes.Lines(content) {
			number++
			text = bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r"))
			if !yield(number, text) {
				return
			}
		}
	}
}

// split takes one line apart into its cells.
func (l *List) split(line int, text []byte) ([]string, *Problem) {
	problem := &Problem{File: l.file, Line: line}
	if len(text) > LineBytesMax {
		problem.Got, problem.Expected = fmt.Sprintf("a line of %d bytes", len(text)), fmt.Sprintf("at most %d; a quote or a line break may be missing", LineBytesMax)
		return nil, problem
	}
	if !utf8.Valid(text) {
		problem.Column = l.cellAt(text[:invalidAt(text)])
		problem.Got, problem.Expected = "a byte that is not UTF-8", `a text in UTF-8; save the list as "CSV UTF-8"`
		return nil, problem
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, nil
	}
	r := csv.NewReader(bytes.NewReader(text))
	r.Comma, r.FieldsPerRecord = l.options.Separator, -1
	cells, err := r.Read()
	var wrong *csv.ParseError
	switch {
	case err == nil:
	case errors.As(err, &wrong):
		problem.Column = l.cellAt(text[:min(wrong.Column-1, len(text))])
		problem.Got, problem.Expected = quoting(wrong.Err)
		return nil, problem
	case errors.Is(err, io.EOF):
		return nil, nil
	default:
		problem.Expected = "a line of CSV: " + err.Error()
		return nil, problem
	}
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
	}
	return cells, nil
}

func quoting(err error) (got, expected string) {
	if errors.Is(err, csv.ErrBareQuote) {
		return `a quote in the middle of a cell`, `a cell that holds a quote to stand in quotes, with that quote doubled: "1/2"" ring"`
	}
	return `a quoted cell that does not end, or goes on after its quote`, `the closing quote at the end of the cell, on the same line`
}

// cellAt gives the cell, counted from 1, in which a line goes on after before.
func (l *List) cellAt(before []byte) int {
	cell, quoted := 1, false
	for _, r := range string(before) {
		switch {
		case r == '"':
			quoted = !quoted
		case r == l.options.Separator && !quoted:
			cell++
		}
	}
	return cell
}

func invalidAt(text []byte) int {
	at := 0
	for at < len(text) {
		r, size := utf8.DecodeRune(text[at:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		at += size
	}
	return at
}

func blank(cells []string) bool {
	return !slices.ContainsFunc(cells, func(cell string) bool { return cell != "" })
}

// setHeader finds what each column of the list is.
func (l *List) setHeader(line int, header []string) error {
	l.header = header
	l.columns = make([]*column, len(header))
	if len(header) == 1 {
		for _, other := range []string{";", "\t", "|"} {
			if strings.Contains(header[0], other) && string(l.options.Separator) != other {
				return &Problem{File: l.file, Line: line, Got: fmt.Sprintf("columns separated by %q", other), Expected: fmt.Sprintf("separation by %q; say --separator", string(l.options.Separator))}
			}
		}
	}
	if err := l.checkOptions(); err != nil {
		return err
	}
	found := map[string]int{}
	for i, text := range header {
		if slices.ContainsFunc(l.options.Ignore, func(ignored string) bool { return strings.EqualFold(ignored, text) }) {
			continue
		}
		problem := &Problem{File: l.file, Line: line, Column: i + 1, Got: fmt.Sprintf("%.60q", text)}
		c := l.column(text)
		if c == nil {
			problem.Expected = fmt.Sprintf("one of the columns %s; say which one it is with --column NAME=%s, or leave it out with --ignore-column", strings.Join(Columns(), ", "), header[i])
			return problem
		}
		if earlier := found[c.name]; earlier > 0 {
			problem.Expected = fmt.Sprintf("the column %s once; column %d is it already", c.name, earlier)
			return problem
		}
		found[c.name] = i + 1
		l.columns[i] = c
	}
	return l.checkColumns(line, found)
}

func (l *List) checkOptions() error {
	for name, header := range l.options.Headers {
		if !slices.Contains(Columns(), name) {
			return fmt.Errorf("--column %s=%s: %s is not a column of a stock list; expected %s", name, header, name, words.List(Columns(), "or"))
		}
		if !slices.ContainsFunc(l.header, func(text string) bool { return strings.EqualFold(text, header) }) {
			return fmt.Errorf("--column %s=%s: the list has no header %q; it has %s", name, header, header, words.List(l.header, "and"))
		}
	}
	return nil
}

// checkColumns refuses a list that leaves open what a registration has to say.
// It reports all of it at once.
func (l *List) checkColumns(line int, found map[string]int) error {
	var missing []error
	if found["carat"] == 0 {
		missing = append(missing, &Problem{File: l.file, Line: line, Got: "the columns " + strings.Join(l.header, ", "), Expected: "a column carat; if it has another header, say --column carat=HEADER"})
	}
	if found["nature"] == 0 && l.options.Nature == 0 {
		missing = append(missing, fmt.Errorf("%s does not say whether the goods are natural or lab-grown: add a column nature, or say --nature with one of %s", l.file, words.List(words.All[custodyv1.Nature](), "or")))
	}
	if found["price"] > 0 && !isCurrency(l.options.Currency) {
		missing = append(missing, fmt.Errorf("%s has prices without a currency: say --currency with three letters such as USD, or leave them out with --ignore-column price", l.file))
	}
	return errors.Join(missing...)
}

func isCurrency(text string) bool {
	return len(text) == 3 && strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// column finds the column of a header.
func (l *List) column(header string) *column {
	for name, own := range l.options.Headers {
		if strings.EqualFold(own, header) {
			return columnNamed(name)
		}
	}
	c := columnNamed(strings.ToLower(header))
	if c != nil && l.options.Headers[c.name] != "" {
		return nil // the list has another header for it
	}
	return c
}

// row builds the row of one line.
func (l *List) row(line int, cells []string, stocks map[string]int) (*Row, *Problem) {
	if len(cells) != len(l.header) {
		return nil, &Problem{File: l.file, Line: line, Got: fmt.Sprintf("%d cells", len(cells)), Expected: fmt.Sprintf("%d as in the header; a separator is missing or too many", len(l.header))}
	}
	b := newBuilder(l.options)
	for i, c := range l.columns {
		if c == nil || cells[i] == "" && !c.required {
			continue
		}
		if err := c.read(b, cells[i]); err != nil {
			return nil, &Problem{File: l.file, Line: line, Column: i + 1, Header: l.header[i], Got: found(cells[i]), Expected: err.Error()}
		}
	}
	if name, err := b.finish(); err != nil {
		problem := &Problem{File: l.file, Line: line, Expected: err.Error()}
		problem.Column, problem.Header = l.place(name)
		if problem.Column > 0 {
			problem.Got = found(cells[problem.Column-1])
		}
		return nil, problem
	}
	row := &b.row
	row.Line = line
	if row.Stock == "" {
		row.identity = binary.BigEndian.AppendUint64(append([]byte("row\n"), l.sum[:]...), uint64(line))
		return row, nil
	}
	row.identity = stockIdentity(row.Stock)
	if earlier := stocks[row.Stock]; earlier > 0 {
		problem := &Problem{File: l.file, Line: line, Got: fmt.Sprintf("%q", row.Stock), Expected: fmt.Sprintf("a stock number of its own; line %d has this one already", earlier)}
		problem.Column, problem.Header = l.place("stock")
		return nil, problem
	}
	stocks[row.Stock] = line
	return row, nil
}

// place finds where a column stands.
func (l *List) place(name string) (column int, header string) {
	wanted := columnNamed(name)
	for i, c := range l.columns {
		if c != nil && c == wanted {
			return i + 1, l.header[i]
		}
	}
	return 0, ""
}

func found(cell string) string {
	if cell == "" {
		return "an empty cell"
	}
	return fmt.Sprintf("%.60q", cell)
}
