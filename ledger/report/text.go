package report

import (
	"fmt"
	"io"
	"strings"
)

// Text writes the report for a terminal. Of long tables it writes the beginning, and
// says what it leaves out.
func (r *Report) Text(w io.Writer) {
	p := func(format string, args ...any) { fmt.Fprintf(w, format, args...) }
	p("%s\n", r.Title)
	p("  ledger            %s, %d entries, %s\n", r.LedgerName, r.Size, Moment(r.Time))
	p("  weakest evidence  %s\n", r.Weakest)
	p("  made of           %d items, themselves included; the record begins in %d places\n", r.Upstream, len(r.Begins))
	for _, c := range r.Coverage {
		p("  %-17s %s: weakest %s%s\n", c.Substance, c.Text, c.Weakest, levels(c))
	}
	if len(r.Unknown) > 0 {
		p("\nNot known\n")
		for _, text := range r.Unknown {
			p("  ! %s\n", text)
		}
	}
	if len(r.Flags) > 0 {
		p("\nTo look at\n")
		for _, f := range r.Flags[:min(len(r.Flags), rowsMax)] {
			p("  %-16s %s %s\n", f.Code, f.Item, f.Text)
		}
		more(w, len(r.Flags))
	}
	for _, item := range r.Items {
		item.text(w)
	}
	if len(r.Totals.Countries) > 0 {
		p("\nBy mining country\n")
		for _, c := range r.Totals.Countries {
			country := c.Country
			if country == "" {
				country = "unknown"
			}
			p("  %-10s %-8s only from there %s, may be from there %s\n", c.Substance, country, c.OnlyText, c.MayText)
		}
	}
	p("\nThe record begins\n")
	for _, b := range r.Begins[:min(len(r.Begins), rowsMax)] {
		p("  %s  entry %d  %s: %s, by %s\n", Date(b.Time), b.Index, b.What, b.How, b.Party)
	}
	more(w, len(r.Begins))
	p("\nThis does not show\n")
	for _, text := range r.NotShown {
		p("  - %s\n", text)
	}
	if r.Bundle != nil {
		p("\nProof: a bundle of %d bytes, SHA-256 %s\n", r.Bundle.Bytes, r.Bundle.SHA256)
	}
}

// levels splits a coverage, if there is more than one level.
func levels(c Coverage) string {
	var list []string
	for _, l := range []struct {
		name       string
		micrograms uint64
	}{{"unknown", c.Unknown}, {"stated", c.Stated}, {"documented", c.Documented}, {"examined", c.Examined}, {"source-matched", c.SourceMatched}} {
		if l.micrograms > 0 {
			list = append(list, weight(l.micrograms, c.material)+" "+l.name)
		}
	}
	if len(list) < 2 {
		return ""
	}
	return " (" + strings.Join(list, ", ") + ")"
}

func more(w io.Writer, rows int) {
	if rows > rowsMax {
		fmt.Fprintf(w, "  … %d more; the JSON form has them\n", rows-rowsMax)
	}
}

func (i Item) text(w io.Writer) {
	p := func(format string, args ...any) { fmt.Fprintf(w, format, args...) }
	p("\n%s  %s, %s\n", i.Item, i.What, i.Mass.Text)
	p("  status   %s\n  held by  %s\n", i.Status, i.Held)
	for _, o := range i.Owned {
		p("  owned by %s", o.Owner)
		if uint64(o.Parts) != o.Of {
			p(", %d of %d parts", o.Parts, o.Of)
		}
		p("\n")
	}
	for _, text := range i.Open {
		p("  ! open: %s\n", text)
	}
	for _, part := range i.Parts[:min(len(i.Parts), rowsMax)] {
		p("  - %s, %s\n", part.What, part.Mass.Text)
		for _, c := range part.Components {
			metal := ""
			if c.Metal != "" {
				metal = c.Metal + " "
			}
			p("      %s %s%s (%s)", c.Mass.Text, metal, c.Text, c.Evidence)
			if len(c.Papers) > 0 {
				p(", papers of entries %s", strings.Trim(fmt.Sprint(c.Papers[:min(len(c.Papers), 5)]), "[]"))
			}
			p("\n")
		}
	}
	more(w, len(i.Parts))
	for _, h := range i.Holders[:min(len(i.Holders), rowsMax)] {
		until := "now"
		if h.To != 0 {
			until = Date(h.To)
		}
		p("  %s to %-10s  %s; owned by %s (%s)\n", Date(h.From), until, h.Holder, h.Owner, h.How)
	}
	more(w, len(i.Holders))
	for _, g := range i.Gaps[:min(len(i.Gaps), rowsMax)] {
		p("  ! gap: %s %s\n", g.Item, g.Text)
	}
	more(w, len(i.Gaps))
}
