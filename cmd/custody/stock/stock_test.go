package stock

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/custodyledger/custodyledger/cmd/custody/measure"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/sign"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

var polished = Options{
	Material:    custodyv1.Material_MATERIAL_DIAMOND,
	Nature:      custodyv1.Nature_NATURE_NATURAL,
	Acquisition: custodyv1.Acquisition_ACQUISITION_STOCK_BEFORE_JOINING,
	Basis:       custodyv1.MassBasis_MASS_BASIS_STATED,
	Currency:    "USD",
}

var secret = bytes.Repeat([]byte{7}, 32)

func readFile(t testing.TB, name string) []byte {
	t.Helper()
	content, err := os.ReadFile("../testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// read gives all good rows and all problems of a list.
func read(t testing.TB, content string, options Options) (rows []*Row, problems []*Problem) {
	t.Helper()
	list, err := New("list.csv", []byte(content), options)
	if err != nil {
		t.Fatal(err)
	}
	for row, problem := range list.Rows() {
		if problem != nil {
			problems = append(problems, problem)
			continue
		}
		rows = append(rows, row)
	}
	return rows, problems
}

// Every row of the sample becomes an event whose form the ledger accepts, and
// says what the file says.
func TestSampleBecomesRegistrations(t *testing.T) {
	content := readFile(t, "diamonds-1000.csv")
	rows, problems := read(t, string(content), polished)
	if len(rows) != 1000 || len(problems) != 0 {
		t.Fatalf("%d rows, %d problems", len(rows), len(problems))
	}
	records, err := csv.NewReader(bytes.NewReader(content)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	key, err := sign.NewPrivateKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	for i, row := range rows {
		cells := records[i+1]
		r, d := row.Register, row.Register.Description
		if row.Line != i+2 || row.Stock != "" || row.Price != cells[6]+" USD" {
			t.Fatalf("line %d: %+v", i+2, row)
		}
		said := []string{d.Cut, d.Colour, d.Clarity}
		for at, want := range cells[1:4] {
			if said[at] != want {
				t.Fatalf("line %d says %q, the file %q", row.Line, said, cells)
			}
		}
		for at, c := range []struct {
			cell string
			got  uint64
			read func(string) (uint32, error)
		}{
			{cells[4], uint64(d.DepthPermyriad), measure.Percent},
			{cells[5], uint64(d.TablePermyriad), measure.Percent},
			{cells[7], uint64(d.LengthUm), measure.Millimetres},
			{cells[8], uint64(d.WidthUm), measure.Millimetres},
			{cells[9], uint64(d.HeightUm), measure.Millimetres},
		} {
			if want, err := c.read(c.cell); err != nil || uint64(want) != c.got {
				t.Fatalf("line %d, measure %d: %d, want %d (%v)", row.Line, at, c.got, want, err)
			}
		}
		if want, _ := measure.Carats(cells[0]); r.Mass.Micrograms != want || r.Origin[0].Micrograms != want {
			t.Fatalf("line %d weighs %v, want %d", row.Line, r.Mass, want)
		}
		if o := r.Origin[0]; o.Kind != custodyv1.OriginKind_ORIGIN_KIND_UNKNOWN {
			t.Fatalf("line %d claims an origin: %v", row.Line, o)
		}
		demandForm(t, key, row)
	}
}

// demandForm demands that the ledger's own decoder accepts the registration.
func demandForm(t testing.TB, key sign.PrivateKey, row *Row) {
	t.Helper()
	reference := row.Reference(secret)
	row.Register.Reference = reference[:]
	signed, err := ledger.Sign(&custodyv1.Event{
		LedgerId:     make([]byte, 32),
		Party:        make([]byte, 20),
		Nonce:        make([]byte, 16),
		OccurredAtMs: 1,
		NotAfterMs:   2,
		Body:         &custodyv1.Event_ItemRegister{ItemRegister: row.Register},
	}, key)
	if err != nil {
		t.Fatal(err)
	}
	if _, rejection := ledger.DecodeEvent(ledger.RulesVersion1, signed); rejection != nil {
		t.Fatalf("line %d: %v", row.Line, rejection)
	}
}

// The rows that occur twice or more are stones of their own; those with a
// dimension of zero are reported with file, line, column and what was expected.
func TestSpecialRowsOfTheSample(t *testing.T) {
	rows, problems := read(t, string(readFile(t, "diamonds-special.csv")), polished)
	if len(rows) != 287 || len(problems) != 20 {
		t.Fatalf("%d rows and %d problems, want 287 and 20", len(rows), len(problems))
	}
	references, contents := map[ledger.Reference]bool{}, map[string]bool{}
	for _, row := range rows {
		references[row.Reference(secret)] = true
		contents[row.Register.String()+row.Price] = true
	}
	if len(references) != 287 {
		t.Errorf("%d references for 287 stones", len(references))
	}
	if len(contents) != 142 { // 141 rows twice, one five times
		t.Errorf("%d different contents, want 142", len(contents))
	}
	for _, p := range problems {
		text := p.Error()
		if p.File != "list.csv" || p.Line < 2 || p.Column < 8 || p.Column > 10 || p.Got != `"0"` ||
			!strings.Contains(p.Expected, "millimetres as a decimal number above 0") ||
			!strings.HasPrefix(text, fmt.Sprintf("list.csv, line %d, column %d (%s): found \"0\", expected ", p.Line, p.Column, p.Header)) {
			t.Errorf("%s", text)
		}
	}
}

func TestIdentity(t *testing.T) {
	const list = "stock,carat\nA-1,1.01\nA-2,1.01\n"
	options := polished
	first, _ := read(t, list, options)
	if first[0].Reference(secret) == first[1].Reference(secret) {
		t.Error("two stock numbers have one reference")
	}
	moved, _ := read(t, "carat,stock\n2.00,A-2\n\n1.01,A-1\n", options)
	if moved[1].Reference(secret) != first[0].Reference(secret) {
		t.Error("a stock number has another reference in another list")
	}
	if first[0].Reference(secret) == first[0].Reference(bytes.Repeat([]byte{8}, 32)) {
		t.Error("the reference does not depend on the secret")
	}

	one, _ := read(t, "carat\n1.01\n1.01\n", options)
	again, _ := read(t, "carat\n1.01\n1.01\n", options)
	other, _ := read(t, "carat\n1.01\n1.01\n1.01\n", options)
	if one[0].Reference(secret) != again[0].Reference(secret) {
		t.Error("the same line of the same file has two references")
	}
	if one[0].Reference(secret) == one[1].Reference(secret) || one[0].Reference(secret) == other[0].Reference(secret) {
		t.Error("lines of their own share a reference")
	}
	// A stock number never collides with a line.
	if forged, _ := read(t, "stock,carat\n"+string(one[0].identity[4:8])+",1\n", options); len(forged) == 1 && forged[0].Reference(secret) == one[0].Reference(secret) {
		t.Error("a stock number has the reference of a line")
	}
}

func TestOwnColumns(t *testing.T) {
	const list = `stock;Weight;pieces;material;nature;species;shape;origin;lab;report;inscription;acquired;note
P-7;12.5;40;gem;natural;Corundum;Oval;LK/MG,LK;EXLAB;123 456;EXLAB 123456;produced;"a ""fine"" parcel; sorted"
L-1;0.31;1;diamond;Lab Grown;;round;;;;;;
B-1;2;;pearl;cultured;;;;;;;;
M-1;1;;diamond;natural;;;by-product CA;;;;;
R-1;1;;diamond;natural;;;recycled;;;;;
`
	options := polished
	options.Separator, options.Headers, options.Ignore = ';', map[string]string{"carat": "weight"}, []string{"note"}
	rows, problems := read(t, list, options)
	if len(problems) > 0 || len(rows) != 5 {
		t.Fatalf("%d rows, %v", len(rows), problems)
	}
	parcel, grown := rows[0].Register, rows[1].Register
	if parcel.Form != custodyv1.Form_FORM_COUNTED_PARCEL || parcel.Count != 40 || parcel.Mass.Micrograms != 2_500_000 ||
		parcel.Description.Species != "corundum" || fmt.Sprint(parcel.Origin[0].Countries) != "[LK MG]" ||
		parcel.Origin[0].Kind != custodyv1.OriginKind_ORIGIN_KIND_MINED || len(parcel.OutsideIds) != 2 || parcel.OutsideIds[0].Number != "123456" ||
		parcel.Acquisition != custodyv1.Acquisition_ACQUISITION_PRODUCED {
		t.Errorf("parcel: %v", parcel)
	}
	if grown.Form != custodyv1.Form_FORM_SINGLE || grown.Count != 0 || grown.Nature != custodyv1.Nature_NATURE_LAB_GROWN || grown.Origin[0].Kind != custodyv1.OriginKind_ORIGIN_KIND_LAB_GROWN {
		t.Errorf("lab-grown: %v", grown)
	}
	if kind := rows[3].Register.Origin[0].Kind; kind != custodyv1.OriginKind_ORIGIN_KIND_BY_PRODUCT {
		t.Errorf("by-product: %v", kind)
	}
	key, _ := sign.NewPrivateKey(secret)
	for _, row := range rows {
		demandForm(t, key, row)
	}
}

// Each bad line is reported at its place, and spoils no other line.
func TestBadLines(t *testing.T) {
	long := strings.Repeat("x", LineBytesMax+1)
	for name, c := range map[string]struct {
		line   string
		column int
		want   string
	}{
		"no weight":            {"A,,", 2, "an empty cell, expected carats"},
		"decimal comma":        {`A,"1,01",`, 2, `found "1,01", expected carats as a decimal number`},
		"unit":                 {"A,1.01 ct,", 2, "expected carats"},
		"too fine":             {"A,0.000001,", 2, "one microgram"},
		"negative":             {"A,-1,", 2, "expected carats"},
		"too heavy":            {"A,45000000000.1,", 2, "at most 45000000000.00 ct"},
		"too few cells":        {"A,1.01", 0, "found 2 cells, expected 3"},
		"too many cells":       {"A,1.01,,", 0, "found 4 cells, expected 3"},
		"no stock number":      {",1.01,", 1, "a stock number"},
		"stock number twice":   {"first,1.01,", 1, "line 2 has this one already"},
		"quote inside":         {`A,1.01,1/2" ring`, 3, "a quote in the middle of a cell"},
		"quote not closed":     {`A,"1.01,`, 2, "a quoted cell that does not end"},
		"text after the quote": {`A,"1.01"x,`, 2, "a quoted cell that does not end, or goes on"},
		"not UTF-8":            {"A,1.01,\xe9", 3, "not UTF-8"},
		"long line":            {"A,1.01," + long, 0, "found a line of 16392 bytes, expected at most 16384"},
		"country":              {"A,1.01,XX", 3, `found "XX", expected unknown, recycled`},
		"origin word":          {"A,1.01,somewhere nice", 3, "ISO 3166-1"},
		"lab-grown natural":    {"A,1.01,lab-grown", 3, "lab-grown origin for lab-grown goods only"},
	} {
		rows, problems := read(t, "stock,carat,origin\nfirst,1,\n"+c.line+"\nlast,1,\n", polished)
		if len(rows) != 2 || rows[1].Stock != "last" || rows[1].Line != 4 || len(problems) != 1 {
			t.Errorf("%s: %d rows, %v", name, len(rows), problems)
			continue
		}
		if p := problems[0]; p.Line != 3 || p.Column != c.column || !strings.Contains(p.Error(), c.want) {
			t.Errorf("%s: %s", name, p.Error())
		}
	}
}

func TestBadCells(t *testing.T) {
	for list, want := range map[string]string{
		"carat,x\n1,0\n":                                     `column 2 (x): found "0", expected millimetres`,
		"carat,z\n1,1000\n":                                  "millimetres",
		"carat,depth\n1,61.555\n":                            "percent",
		"carat,price\n1,$5\n":                                "amount of money",
		"carat,pieces\n1,0\n":                                "whole number of pieces",
		"carat,pieces\n1,1.5\n":                              "whole number of pieces",
		"carat,pieces\n0.000005,2\n":                         "fewer pieces",
		"carat,clarity\n1,VS_1\n":                            "column 2 (clarity): found \"VS_1\", expected what the ledger's rules permit",
		"carat,colour\n1,E for Anna\n":                       "is not among the words",
		"carat,lab,report\n1,EXLAB,12#3\n":                   "column 3 (report)",
		"carat,clarity\n1," + strings.Repeat("I", 65) + "\n": "at most 64",
		"carat,material\n1,gold\n":                           "diamond, gem, pearl, metal or other",
		"carat,material\n1,gem\n":                            "species of a gem",
		"carat,species\n1,beryl\n":                           "nothing here for a diamond",
		"carat,nature\n1,fake\n":                             "natural, lab-grown, cultured, imitation or composite",
		"carat,nature\n1,cultured\n":                         "pearls only",
		"carat,report\n1,123\n":                              "column lab",
		"carat,lab\n1,EXLAB\n":                               "report or inscription number",
		"carat,nature,origin\n1,imitation,BW\n":              "natural and composite goods only",
		"carat,nature,origin\n1,lab-grown,recycled\n":        "lab-grown, unknown or nothing",
		"carat,acquired\n1,found\n":                          "stock-before-joining",
	} {
		rows, problems := read(t, list, polished)
		if len(rows) != 0 || len(problems) != 1 || !strings.Contains(problems[0].Error(), want) {
			t.Errorf("%q: %d rows, %v; want %q", list, len(rows), problems, want)
		}
	}
}

func TestListsThatCannotBeRead(t *testing.T) {
	open := polished
	open.Nature, open.Currency = 0, ""
	mapped := polished
	mapped.Headers = map[string]string{"carat": "weight"}
	wrong := polished
	wrong.Headers = map[string]string{"weight": "carat"}
	for _, c := range []struct {
		name, list string
		options    Options
		want       string
	}{
		{"empty", "", polished, "found an empty file, expected a header line"},
		{"blank", "\r\n , \n", polished, "found an empty file"},
		{"no carat", "cut,color\nIdeal,E\n", polished, "expected a column carat; if it has another header, say --column carat=HEADER"},
		{"unknown column", "carat,shelf\n1,3\n", polished, `column 2: found "shelf", expected one of the columns stock, carat`},
		{"twice", "carat,color,colour\n1,E,E\n", polished, "column 3: found \"colour\", expected the column color once; column 2 is it already"},
		{"semicolons", "carat;cut\n1;Ideal\n", polished, `found columns separated by ";", expected separation by ","; say --separator`},
		{"UTF-16", "\xff\xfec\x00", polished, "a text in UTF-16"},
		{"spreadsheet", "PK\x03\x04....", polished, "found a spreadsheet"},
		{"CR alone", "carat\r1\r2\r", polished, "line ends of CR alone"},
		{"header not UTF-8", "carat,caf\xe9\n", polished, "line 1, column 2: found a byte that is not UTF-8"},
		{"header quote", "\"carat\n1\n", polished, "line 1, column 1: found a quoted cell that does not end"},
		{"says too little", "carat,price\n1,5\n", open, "--nature"},
		{"says too little", "carat,price\n1,5\n", open, "--currency"},
		{"mapping without header", "carat\n1\n", mapped, `the list has no header "weight"; it has carat`},
		{"mapping of nothing", "carat\n1\n", wrong, "weight is not a column of a stock list"},
	} {
		_, err := New("list.csv", []byte(c.list), c.options)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %q", c.name, err, c.want)
		}
	}
	var problem *Problem
	if _, err := New("list.csv", nil, polished); !errors.As(err, &problem) || problem.Line != 1 {
		t.Errorf("an empty file is not a problem at a place: %v", err)
	}
}

// A byte order mark, CRLF, blank lines and a missing last line end change
// nothing about the rows.
func TestFormsOfText(t *testing.T) {
	plain, _ := read(t, "stock,carat\nA,1.01\nB,2\n", polished)
	for _, list := range []string{
		"\xef\xbb\xbfstock,carat\nA,1.01\nB,2\n",
		"stock,carat\r\nA,1.01\r\nB,2\r\n",
		"\n\nstock,carat\nA,1.01\n,\n\nB,2",
		" Stock , CARAT\n\"A\", 1.01\n\"B\",\"2\"\n",
	} {
		rows, problems := read(t, list, polished)
		if len(problems) > 0 || len(rows) != len(plain) {
			t.Errorf("%q: %d rows, %v", list, len(rows), problems)
			continue
		}
		for i := range rows {
			if rows[i].Reference(secret) != plain[i].Reference(secret) || rows[i].Register.String() != plain[i].Register.String() {
				t.Errorf("%q: row %d differs", list, i)
			}
		}
	}
}

func FuzzRows(f *testing.F) {
	f.Add("stock,carat,x,origin\nA,1.01,3.2,BW\n", byte(','))
	f.Add("carat;price\n\"1\";5\r\n", byte(';'))
	f.Add("\xef\xbb\xbfcarat\n\"", byte(','))
	key, err := sign.NewPrivateKey(secret)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, content string, separator byte) {
		options := polished
		if options.Separator = rune(separator); !strings.ContainsRune(",;\t|", options.Separator) {
			options.Separator = ','
		}
		list, err := New("list.csv", []byte(content), options)
		if err != nil {
			return
		}
		for row, problem := range list.Rows() {
			if (row == nil) == (problem == nil) {
				t.Fatal("neither row nor problem, or both")
			}
			if row != nil {
				demandForm(t, key, row)
			}
		}
	})
}
