package story

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

func sample() *Story {
	return &Story{
		Title: "A ledger <runs>",
		Lead:  "Three nodes & five dealers.",
		Begun: time.Date(2026, 11, 23, 9, 30, 0, 0, time.UTC),
		Facts: []Fact{{"events", "12,345"}},
		Acts: []Act{{
			Number: 1, Title: "Founding", Sentence: "It was founded.", Took: 1500 * time.Millisecond,
			Details: []Detail{
				Text("A detail."),
				{Table: &Table{Caption: "Nodes", Columns: []string{"node", "entries"}, Numbers: []bool{false, true}, Rows: [][]string{{"antwerp", "12"}, {"mumbai", "1,234"}}}},
				{Output: &Output{Command: "custody audit", Text: "not ok: <entry 7>", Status: 5}},
				{Chart: &Chart{Caption: "Writes", Slice: 100 * time.Millisecond, Counts: []int{0, 5, 10, 0, 0, 3}, Marks: []Mark{{At: 300 * time.Millisecond, Name: "kill -9"}}}},
			},
		}},
		Commands: []Command{{"Show a stone", "custody show X"}},
	}
}

func TestPageStandsAlone(t *testing.T) {
	var b bytes.Buffer
	if err := sample().WritePage(&b); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	for _, elsewhere := range []string{"http://", "https://", "url(", "@import", "<script", "<link", "src="} {
		if strings.Contains(text, elsewhere) {
			t.Errorf("the page contains %q: it must need nothing but itself", elsewhere)
		}
	}
	for _, want := range []string{"A ledger &lt;runs&gt;", "not ok: &lt;entry 7&gt;", "(exit status 5)", `<td class="n">1,234</td>`, "kill -9", "12,345"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

func TestPageIsWellFormed(t *testing.T) {
	var b bytes.Buffer
	if err := sample().WritePage(&b); err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(b.String(), "<!doctype html>", "", 1)
	d := xml.NewDecoder(strings.NewReader(text))
	d.Entity = xml.HTMLEntity
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func TestTerminal(t *testing.T) {
	var b bytes.Buffer
	s := sample()
	terminal := NewTerminal(&b)
	terminal.Begin(1, s.Acts[0].Title)
	terminal.End(s.Acts[0])
	want := "\n 1. Founding\n" +
		"    It was founded. (1.50 s)\n" +
		"      A detail.\n" +
		"      node     entries\n" +
		"      antwerp       12\n" +
		"      mumbai     1,234\n" +
		"      $ custody audit\n" +
		"      not ok: <entry 7>\n" +
		"      | ▄█  ▂|\n" +
		"      Writes\n"
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

func TestTerminalBreaksTheLastColumn(t *testing.T) {
	var b bytes.Buffer
	NewTerminal(&b).table(&Table{Columns: []string{"what", "why"}, Rows: [][]string{{"a thing", strings.Repeat("word ", 40)}}})
	lines := strings.Split(strings.TrimRight(b.String(), "\n"), "\n")
	if len(lines) != 4 {
		t.Errorf("%d lines, want 4:\n%s", len(lines), b.String())
	}
	for _, line := range lines {
		if len(line) > lineWidth || strings.HasSuffix(line, " ") {
			t.Errorf("line %q", line)
		}
	}
	if want := strings.Repeat(" ", strings.Index(lines[1], "word")) + "word word"; !strings.HasPrefix(lines[2], want) {
		t.Errorf("the column goes on as %q", lines[2])
	}
}

func TestWrap(t *testing.T) {
	text := strings.Repeat("word ", 60)
	for line := range strings.Lines(wrap(text, 6)) {
		line = strings.TrimRight(line, "\n")
		if len(line) > lineWidth || !strings.HasPrefix(line, "      w") || strings.HasSuffix(line, " ") {
			t.Errorf("line %q", line)
		}
	}
}

func TestCount(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 123456: "123,456", 1234567: "1,234,567"} {
		if got := Count(n); got != want {
			t.Errorf("Count(%d) = %s, want %s", n, got, want)
		}
	}
}
