package screen

import (
	"fmt"
	"io"
	"strings"
)

// Report is a result as programs read it: ids and days as texts.
type Report struct {
	Policy     string            `json:"policy"`
	Item       string            `json:"item"`
	AsOf       string            `json:"as_of"`
	Verdict    Verdict           `json:"verdict"`
	Components []ReportComponent `json:"components"`
	Moves      []ReportMove      `json:"moves,omitempty"`
	Note       string            `json:"note"`
}

// ReportComponent is a ComponentResult.
type ReportComponent struct {
	Item      string         `json:"item"`
	Line      int            `json:"bill_line,omitempty"`
	Component int            `json:"component,omitempty"`
	What      string         `json:"what"`
	Verdict   Verdict        `json:"verdict"`
	Covered   bool           `json:"covered"`
	Reasons   []ReportReason `json:"reasons,omitempty"`
}

// ReportReason is a Reason.
type ReportReason struct {
	Rule    string       `json:"rule,omitempty"`
	Because string       `json:"because,omitempty"`
	Verdict Verdict      `json:"verdict"`
	Why     []string     `json:"why"`
	Path    []ReportStep `json:"path,omitempty"`
}

// ReportStep is a Step.
type ReportStep struct {
	Item  string `json:"item"`
	Event string `json:"event"`
	Entry uint64 `json:"entry"`
	What  string `json:"what"`
}

// ReportMove is the verdict at one movement.
type ReportMove struct {
	Entry   uint64            `json:"entry"`
	Item    string            `json:"item"`
	What    string            `json:"what"`
	Signed  string            `json:"signed_day"`
	Day     string            `json:"recorded_day"`
	Verdict Verdict           `json:"verdict"`
	Parts   []ReportComponent `json:"components"`
}

// note stands under every report.
const note = "This shows what the record says in the light of a policy file. It is no legal advice, and a record shows nothing about an object that somebody swapped."

// NewReport writes a result, and those of movements if there are any.
func NewReport(p *Policy, r Result, moves []Moved) *Report {
	report := &Report{Policy: p.Name, Item: r.Item.String(), AsOf: Day(r.AsOf.High), Verdict: r.Verdict, Components: components(r), Note: note}
	for _, m := range moves {
		report.Moves = append(report.Moves, ReportMove{
			Entry: m.Step.Index, Item: m.Step.Item.String(), What: m.Step.What,
			Signed: Day(m.Result.AsOf.Low), Day: Day(m.Result.AsOf.High), Verdict: m.Result.Verdict, Parts: components(m.Result),
		})
	}
	return report
}

func components(r Result) []ReportComponent {
	list := []ReportComponent{}
	for _, c := range r.Components {
		rc := ReportComponent{Item: c.Item.String(), Line: c.Line, Component: c.Component, What: c.What, Verdict: c.Verdict, Covered: c.Covered}
		for _, reason := range c.Reasons {
			rr := ReportReason{Rule: reason.Rule, Because: reason.Because, Verdict: reason.Verdict, Why: reason.Texts}
			for _, s := range reason.Steps {
				rr.Path = append(rr.Path, ReportStep{Item: s.Item.String(), Event: s.Event.String(), Entry: s.Index, What: s.What})
			}
			rc.Reasons = append(rc.Reasons, rr)
		}
		list = append(list, rc)
	}
	return list
}

// Text writes the report for a terminal.
func (r *Report) Text(w io.Writer) {
	fmt.Fprintf(w, "%s: %s\n  policy: %s\n  as of:  %s\n", r.Item, strings.ToUpper(r.Verdict.String()), r.Policy, r.AsOf)
	for _, c := range r.Components {
		c.text(w, "  ")
	}
	if len(r.Moves) > 0 {
		fmt.Fprintf(w, "When it moved, judged by what is known today:\n")
	}
	for _, m := range r.Moves {
		fmt.Fprintf(w, "  %s: %s, entry %d, %s %s\n", m.Day, m.Verdict, m.Entry, m.Item, m.What)
		for _, c := range m.Parts {
			if c.Verdict != Clear {
				c.text(w, "    ")
			}
		}
	}
	fmt.Fprintf(w, "%s\n", r.Note)
}

func (c ReportComponent) text(w io.Writer, indent string) {
	where := c.Item
	if c.Line > 0 {
		where += fmt.Sprintf(" bill line %d", c.Line)
	}
	covered := ""
	if !c.Covered {
		covered = " (no rule of the policy is about it)"
	}
	fmt.Fprintf(w, "%s%-13s%s, %s%s\n", indent, c.Verdict, c.What, where, covered)
	for _, reason := range c.Reasons {
		rule := ""
		if reason.Rule != "" {
			rule = "rule " + reason.Rule + ": "
		}
		fmt.Fprintf(w, "%s  - %s%s\n", indent, rule, strings.Join(reason.Why, "; "))
		for _, s := range reason.Path {
			fmt.Fprintf(w, "%s      entry %d: %s %s\n", indent, s.Entry, s.Item, s.What)
		}
	}
}
