package reconcile

import (
	"fmt"
	"io"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/vocabulary"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

func (s Substance) String() string {
	if s.Metal != 0 {
		return vocabulary.Word(s.Metal)
	}
	return vocabulary.Word(s.Material)
}

// mass writes what a person weighs a substance in.
func (s Substance) mass(micrograms uint64) string {
	unit := custodyv1.Unit_UNIT_CARAT
	if s.Material == custodyv1.Material_MATERIAL_METAL || s.Material == custodyv1.Material_MATERIAL_OTHER {
		unit = custodyv1.Unit_UNIT_GRAM
	}
	return vocabulary.Format(micrograms, unit)
}

// Text writes the statement for a terminal.
func (s *Statement) Text(w io.Writer) {
	fmt.Fprintf(w, "party %s, up to entry %d: %d items in its hands, %d given to somebody outside the ledger\n", s.Party, s.Entries, s.Items, s.Away)
	for _, l := range s.Lines {
		fmt.Fprintf(w, "%s\n", l.Substance)
		for _, row := range []struct {
			sign, what string
			mass       uint64
			always     bool
		}{
			{" ", "opening", l.Opening, true},
			{"+", "produced", l.Produced, false}, {"+", "registered, from outside", l.Registered, false}, {"+", "received", l.Received, false},
			{"+", "came back from outside", l.CameBack, false}, {"+", "added without ids", l.Added, false}, {"+", "scales showed more", l.Gained, false},
			{"-", "lost in work", l.Lost, false}, {"-", "scales showed less", l.Short, false}, {"-", "handed on", l.HandedOn, false},
			{"-", "released to outside", l.Released, false}, {"-", "destroyed", l.Destroyed, false}, {"-", "registrations taken back", l.TakenBack, false},
			{"=", "held at the end", l.Closing, true}, {" ", "of it reported lost or stolen", l.Missing, false},
		} {
			if row.always || row.mass > 0 {
				fmt.Fprintf(w, "  %s %-30s %20s\n", row.sign, row.what, l.mass(row.mass))
			}
		}
	}
	for _, p := range s.Papers {
		fmt.Fprintf(w, "%s, %s: %d papers, received with %s, issued %s; before: received %s, issued %s\n", vocabulary.Word(p.Kind), p.Substance,
			p.Papers, p.mass(p.Received), p.mass(p.Issued), p.mass(p.ReceivedBefore), p.mass(p.IssuedBefore))
	}
	for _, f := range s.Findings {
		where := "the books"
		if f.Index != ledger.NoLink {
			where = fmt.Sprintf("entry %d", f.Index)
		}
		fmt.Fprintf(w, "FINDING, %s: %s\n", where, f.Text)
	}
	if len(s.Findings) == 0 {
		fmt.Fprintf(w, "everything balances\n")
	}
}
