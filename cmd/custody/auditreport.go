package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/custodyledger/custodyledger/ledger/audit"
	"github.com/custodyledger/custodyledger/ledger/evidence"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/node/client"
	"github.com/custodyledger/custodyledger/node/keyfile"
)

// auditProgress shows one bar for each source in turn.
type auditProgress struct {
	app  *app
	bar  bar
	what string
}

func (p *auditProgress) show(now audit.Progress) {
	verb := "compare "
	if now.Replay {
		verb = "verify "
	}
	if what := verb + now.Source; what != p.what {
		p.bar.done()
		p.what, p.bar = what, p.app.newBar(now.Total, what)
	}
	p.bar.set(now.Done)
}

// auditReport is the verdict.
type auditReport struct {
	OK       bool            `json:"ok"`
	Ledger   string          `json:"ledger_id"`
	From     uint64          `json:"from"`
	Size     uint64          `json:"size"`
	Root     string          `json:"root"`
	Final    *audit.TreeHead `json:"final,omitempty"` // the largest final checkpoint that is verified
	Items    int             `json:"items"`
	Sources  []sourceReport  `json:"sources"`
	State    string          `json:"state_file,omitempty"`
	findings int
	read     int // sources that were read to their end
	unread   error
	kept     bool // evidence was to be kept
}

type sourceReport struct {
	Name    string              `json:"name"`
	Size    uint64              `json:"size"`
	Root    merkle.Hash         `json:"root"`
	Final   *audit.SignedReport `json:"final,omitempty"`
	Own     *audit.SignedReport `json:"own,omitempty"`
	Behind  bool                `json:"behind,omitempty"`
	Finding *audit.Finding      `json:"finding,omitempty"`
	// Evidence is the file that shows the finding to others.
	Evidence string `json:"evidence_file,omitempty"`
	Problem  string `json:"problem,omitempty"`
}

// newAuditReport puts the report into words, and evidence into a folder unless
// that is "".
func newAuditReport(report *audit.Report, state *audit.State, folder string) (*auditReport, error) {
	r := &auditReport{
		Ledger: report.Ledger.String(), From: report.From, Size: report.Head.Size, Root: report.Head.Root.String(),
		Final: report.Final, Items: state.Items(), kept: folder != "",
	}
	for _, s := range report.Sources {
		line := sourceReport{Name: s.Name, Size: s.Head.Size, Root: s.Head.Root, Final: s.Final, Own: s.Own, Behind: s.Behind, Finding: s.Finding}
		var tampered *client.Tampered
		if errors.As(s.Err, &tampered) && line.Finding == nil {
			line.Finding = &audit.Finding{Source: s.Name, Index: tampered.Index, Kind: answerContradicts, Message: tampered.Error()}
		}
		switch {
		case line.Finding != nil:
			r.findings++
		case s.Err != nil:
			line.Problem, r.unread = s.Err.Error(), s.Err
		default:
			r.read++
		}
		if line.Finding != nil && line.Finding.Evidence != nil && r.kept {
			var err error
			if line.Evidence, err = keepEvidence(folder, line.Finding.Evidence); err != nil {
				return nil, err
			}
		}
		r.Sources = append(r.Sources, line)
	}
	r.OK = r.findings == 0 && r.unread == nil
	return r, nil
}

// answerContradicts: a node's answers contradict each other or what was asked.
const answerContradicts audit.Kind = "answer-contradicts"

// keepEvidence writes a file into a folder, unless one about the same fact is
// there, and gives its path.
func keepEvidence(folder string, e *evidence.Evidence) (string, error) {
	b, err := e.Encode()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", fmt.Errorf("keep evidence: %w", err)
	}
	path := filepath.Join(folder, e.Name())
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if err := keyfile.WriteNew(path, b, 0o600); err != nil {
		return "", fmt.Errorf("keep evidence: %w", err)
	}
	return path, nil
}

func (r *auditReport) Text(w io.Writer) {
	for _, s := range r.Sources {
		s.text(w, r.kept)
	}
	if r.findings == 0 && r.read > 0 {
		verdict := "ok"
		if r.unread != nil {
			verdict = "not every source"
		}
		fmt.Fprintf(w, "audit: %s: %s, %d items, root %s\n", verdict, r.verified(), r.Items, r.Root)
	}
	if r.Final != nil && r.findings == 0 {
		fmt.Fprintf(w, "final: entries 0 to %d, root %s\n", r.Final.Size-1, r.Final.Root)
	}
	if r.State != "" {
		fmt.Fprintf(w, "verified state saved in %s\n", r.State)
	}
}

func (s sourceReport) text(w io.Writer, kept bool) {
	switch {
	case s.Finding != nil:
		fmt.Fprintf(w, "%s: does not hold\n", s.Name)
		switch {
		case s.Evidence != "":
			fmt.Fprintf(w, "  evidence: %s; 'custody verify' checks it offline\n", s.Evidence)
		case s.Finding.Evidence != nil && !kept:
			fmt.Fprintf(w, "  signatures prove it; --evidence DIR keeps them as a file\n")
		case s.Finding.NoEvidence != "":
			fmt.Fprintf(w, "  no evidence for others: %s\n", s.Finding.NoEvidence)
		}
		return
	case s.Problem != "":
		fmt.Fprintf(w, "%s: could not be read: %s\n", s.Name, s.Problem)
		return
	case s.Behind:
		fmt.Fprintf(w, "%s: %d entries, behind what was verified before; nothing to compare\n", s.Name, s.Size)
	default:
		fmt.Fprintf(w, "%s: %d entries, root %s\n", s.Name, s.Size, s.Root)
	}
	if s.Final != nil {
		fmt.Fprintf(w, "  final: %d entries, cosigned by %s\n", s.Final.Size, cosigners(s.Final))
		for _, line := range s.Final.Unchecked {
			fmt.Fprintf(w, "  not checked: a line of %s, a key that the policy does not have\n", line)
		}
	}
}

func cosigners(final *audit.SignedReport) string {
	var names []string
	for _, c := range final.Cosigned {
		names = append(names, c.Name)
	}
	return strings.Join(names, ", ")
}

// verified says which entries this audit went through. The genesis is the one
// of the file, so that an audit from it begins with entry 0.
func (r *auditReport) verified() string {
	switch {
	case r.From == 1:
		return fmt.Sprintf("entries 0 to %d verified", r.Size-1)
	case r.From == r.Size:
		return fmt.Sprintf("%d entries verified before, nothing new", r.Size)
	}
	return fmt.Sprintf("entries %d to %d verified, those before them earlier", r.From, r.Size-1)
}

// verdict gives the findings as an error, which decides the exit code.
func (r *auditReport) verdict() error {
	if r.findings > 0 {
		var all []error
		for _, s := range r.Sources {
			if s.Finding != nil {
				all = append(all, s.Finding)
			}
		}
		return &coded{code: exitTampered, error: fmt.Errorf("audit: does not hold: %w", errors.Join(all...))}
	}
	if r.unread == nil {
		return nil
	}
	hint := "Nothing was audited."
	if r.read > 0 {
		hint = "The other sources were audited, and hold."
	}
	if r.State != "" {
		hint += " What was verified is kept."
	}
	hint += " Check that the source can be reached (--node), and that the genesis file is its own; then audit again."
	return &coded{code: exitUnreachable, error: fmt.Errorf("audit: not finished: %w", r.unread), hint: hint}
}

// watching prints what changes while an audit goes on.
type watching struct {
	app      *app
	final    audit.TreeHead    // printed last
	problems map[string]string // of sources that cannot be read, by name
}

// watchLine is a new final checkpoint.
type watchLine struct {
	audit.TreeHead
	Cosigned []audit.CosignedReport `json:"cosigned"`
	Sources  []string               `json:"sources"` // that have it
}

func (l watchLine) Text(w io.Writer) {
	fmt.Fprintf(w, "final: %d entries, root %s, cosigned by %s; at %s\n", l.Size, l.Root, cosigners(&audit.SignedReport{Cosigned: l.Cosigned}), strings.Join(l.Sources, ", "))
}

func (v *watching) show(report *audit.Report) error {
	for _, s := range report.Sources {
		problem := ""
		if s.Err != nil {
			problem = s.Err.Error()
		}
		switch known := v.problems[s.Name]; {
		case problem != "" && known == "":
			fmt.Fprintf(v.app.err, "%s: could not be read, the audit goes on: %s\n", s.Name, problem)
		case problem == "" && known != "":
			fmt.Fprintf(v.app.err, "%s: can be read again\n", s.Name)
		}
		v.problems[s.Name] = problem
	}
	if report.Final == nil || report.Final.Size <= v.final.Size {
		return nil
	}
	v.final = *report.Final
	line := watchLine{TreeHead: v.final}
	for _, s := range report.Sources {
		if s.Err == nil && s.Final != nil && s.Final.TreeHead == v.final {
			line.Cosigned, line.Sources = s.Final.Cosigned, append(line.Sources, s.Name)
		}
	}
	if v.app.output == "json" {
		return json.NewEncoder(v.app.out).Encode(line)
	}
	return v.app.print(line)
}
