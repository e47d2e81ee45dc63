package ledger

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

const specFile = "SPEC.md"

// TestSpecTables holds the field tables and word lists of SPEC.md against the
// table of rules version 1. They stand between two marks.
func TestSpecTables(t *testing.T) {
	spec := readSpec(t)
	const begin, end = "<!-- tables: checked by TestSpecTables -->\n", "<!-- end of tables -->\n"
	_, rest, found := strings.Cut(spec, begin)
	got, _, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatal("the marks are missing")
	}
	if want := specTables(); got != want {
		t.Errorf("the tables of %s are not those of this program; they should be:\n%s", specFile, want)
	}
}

// TestSpecReasons demands a line for every reason code.
func TestSpecReasons(t *testing.T) {
	spec := readSpec(t)
	for _, reason := range Reasons {
		if strings.Count(spec, "| `"+string(reason)+"` |") != 1 {
			t.Errorf("%s has no line in %s, or several", reason, specFile)
		}
	}
}

// TestSpecLimits demands that every limit is written out.
func TestSpecLimits(t *testing.T) {
	spec := readSpec(t)
	for _, line := range []string{
		fmt.Sprintf("entry: %d bytes", EntryBytesMax), fmt.Sprintf("event: %d bytes", EventBytesMax), fmt.Sprintf("signers: %d", SignersMax),
		fmt.Sprintf("events of a group: %d", GroupEventsMax), fmt.Sprintf("links of an entry: %d", LinksMax),
		fmt.Sprintf("opened value: %d bytes", OpeningValueBytesMax), fmt.Sprintf("genesis file: %d bytes", GenesisBytesMax),
	} {
		if !strings.Contains(spec, line) {
			t.Errorf("%q is missing in %s", line, specFile)
		}
	}
	for i, name := range scopeNames {
		if line := fmt.Sprintf("| %d | %s |", 1<<i, name); !strings.Contains(spec, line) {
			t.Errorf("%q is missing in %s", line, specFile)
		}
	}
}

func readSpec(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(specFile)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func specTables() string {
	var b strings.Builder
	seen := map[string]bool{}
	var words []*field
	var write func(m *message)
	write = func(m *message) {
		if seen[m.name] {
			return
		}
		seen[m.name] = true
		fmt.Fprintf(&b, "**%s**\n\n| no. | field | type | required | at most | limit |\n|---|---|---|---|---|---|\n", m.name)
		for i := range m.fields {
			f := &m.fields[i]
			fmt.Fprintf(&b, "| %d | %s | %s | %s | %d | %s |\n", f.number, f.name, specType(f), specRequired(m, f), max(1, f.repeated), specLimit(f))
			if f.words != "" {
				words = append(words, f)
			}
		}
		b.WriteString("\n")
		for i := range m.fields {
			if m.fields[i].shape == shapeMessage {
				write(m.fields[i].message)
			}
		}
	}
	write(eventV1)
	for _, f := range words {
		fmt.Fprintf(&b, "Words of `%s`: %s.\n\n", f.name, strings.Join(strings.Fields(f.words), " "))
	}
	return b.String()
}

func specType(f *field) string {
	switch f.shape {
	case shapeUint:
		return "number"
	case shapeBool:
		return "flag"
	case shapeEnum:
		return "choice"
	case shapeMessage:
		return f.message.name
	case shapeBytes:
		if f.first != 0 {
			return "key"
		}
		return "bytes"
	}
	switch {
	case f.size == 2:
		return "country"
	case f.words != "":
		return "term"
	case f.alphabet('é'):
		return "name"
	case f.alphabet('a') && f.alphabet('A'):
		return "word"
	case f.alphabet('a'):
		return "node"
	case f.alphabet('.'):
		return "decimal"
	case !f.alphabet('A'):
		return "digits"
	}
	return "code"
}

func specRequired(m *message, f *field) string {
	switch {
	case f.number >= m.choiceFirst && f.number <= m.choiceLast:
		return "body"
	case f.required:
		return "yes"
	}
	return "no"
}

func specLimit(f *field) string {
	switch {
	case f.shape == shapeMessage || f.shape == shapeBool:
		return "-"
	case f.size > 0:
		return fmt.Sprintf("= %d bytes", f.size)
	case f.shape == shapeString || f.shape == shapeBytes:
		return fmt.Sprintf("%d bytes", f.max)
	}
	return fmt.Sprint(f.max)
}
