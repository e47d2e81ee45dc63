package adversary

import (
	"bytes"
	"context"
	"errors"
	"strings"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/audit"
	"github.com/custodyledger/custodyledger/ledger/evidence"
	"github.com/custodyledger/custodyledger/node/client"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// source is one node as an auditor reads it.
type source struct {
	network *network
	member  *member
	client  *client.Client
}

func (s source) Name() string { return s.member.id }

func (s source) Checkpoint(ctx context.Context) (final, own []byte, err error) {
	response, err := custodyv1.NewAuditServiceClient(s.member.conn).GetCheckpoint(ctx, &custodyv1.GetCheckpointRequest{})
	return response.GetFinal(), response.GetOwn(), err
}

func (s source) Head(ctx context.Context) (audit.TreeHead, error) {
	head, err := s.client.TreeHead(ctx, 0, client.Stale)
	return audit.TreeHead{Size: head.Size, Root: head.Root}, err
}

func (s source) Entries(ctx context.Context, from, to uint64, yield func([]byte) error) error {
	return s.client.Entries(ctx, from, to, func(_ uint64, entry []byte) error { return yield(entry) })
}

func (n *network) source(m *member) audit.Source {
	return source{network: n, member: m, client: n.dial(m)}
}

// audits has an auditor read nodes, from a state that it verified before, or from the genesis.
func (n *network) audits(from []byte, members ...*member) *audit.Report {
	n.Helper()
	state, err := audit.Start(n.file)
	if from != nil {
		state, err = audit.Load(bytes.NewReader(from))
	}
	n.must(err)
	auditor := audit.Auditor{State: state}
	for _, m := range members {
		auditor.Sources = append(auditor.Sources, n.source(m))
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	report, err := auditor.Run(ctx)
	n.must(err)
	for _, s := range report.Sources {
		n.must(s.Err)
	}
	return report
}

// remember is what an auditor keeps who has verified the ledger of a node.
func (n *network) remember(m *member) []byte {
	n.Helper()
	state, err := audit.Start(n.file)
	n.must(err)
	auditor := audit.Auditor{State: state, Sources: []audit.Source{n.source(m)}}
	report, err := auditor.Run(context.Background())
	n.must(err)
	if !report.OK() {
		n.Fatalf("an honest ledger has findings: %v", report.Findings())
	}
	var b bytes.Buffer
	n.must(state.Save(&b))
	return b.Bytes()
}

// finds demands that a report has a finding against a member's node, and none against another, and gives the evidence
// that comes with it.
func (n *network) finds(report *audit.Report, m *member) []*evidence.Evidence {
	n.Helper()
	var files []*evidence.Evidence
	for _, f := range report.Findings() {
		if f.Source != m.id || f.Evidence == nil {
			n.Errorf("the audit of %s finds %v, evidence %v: %s", m.id, f, f.Evidence, f.NoEvidence)
			continue
		}
		files = append(files, f.Evidence)
	}
	if len(report.Findings()) == 0 {
		n.Error("the audit finds nothing")
	}
	return files
}

// auditFinds demands that an auditor who reads the liar's log alone finds a fault of some kind or reason.
func (l *liar) auditFinds(what string) {
	l.Helper()
	for _, f := range l.audits(nil, l.member).Findings() {
		if string(f.Kind) == what || string(f.Reason) == what {
			return
		}
	}
	l.Errorf("the audit finds %v, not %s", l.audits(nil, l.member).Findings(), what)
}

// clientRefuses demands that the holder of a receipt finds that a node has another history.
func (n *network) clientRefuses(m *member, receipt ledger.Receipt) {
	n.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, _, err := n.dial(m).VerifyReceipt(ctx, receipt)
	if !errors.Is(err, client.ErrTampered) {
		n.Errorf("the holder of a receipt is told %v", err)
	}
}

func findings(report *audit.Report) string {
	var b strings.Builder
	for _, f := range report.Findings() {
		b.WriteString(f.Error() + "; ")
	}
	return b.String()
}
