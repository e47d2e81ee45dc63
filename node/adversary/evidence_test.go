package adversary

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/evidence"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/sign"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

func (n *network) trust() *evidence.Trust {
	n.Helper()
	trust, err := evidence.FromGenesis(n.file)
	n.must(err)
	return trust
}

// judge reads an evidence file anew, with nothing but the genesis.
func (n *network) judge(file []byte) (convicted, answerable []string, kind evidence.Kind) {
	n.Helper()
	e, err := evidence.Parse(file)
	n.must(err)
	verdict, err := e.Verify(n.trust())
	n.must(err)
	if len(verdict.Proves) == 0 || len(verdict.DoesNotProve) == 0 {
		n.Errorf("%s does not say what it proves and what not: %+v", e.Kind(), verdict)
	}
	return nodesOf(verdict.Convicted), nodesOf(verdict.Answerable), e.Kind()
}

func nodesOf(accused []evidence.Accused) []string {
	var nodes []string
	for _, a := range accused {
		nodes = append(nodes, a.Node)
	}
	slices.Sort(nodes)
	return nodes
}

func idsOf(members []*member) []string {
	var ids []string
	for _, m := range members {
		ids = append(ids, m.id)
	}
	slices.Sort(ids)
	return ids
}

// convicts tells whether an evidence file is of a kind and convicts these members and nobody else.
func (n *network) convicts(file []byte, kind evidence.Kind, members ...*member) bool {
	n.Helper()
	convicted, _, got := n.judge(file)
	return got == kind && slices.Equal(convicted, idsOf(members))
}

// evidenceOf waits until a node has put down evidence of a kind that convicts exactly these members.
func (n *network) evidenceOf(m *member, kind evidence.Kind, members ...*member) {
	n.Helper()
	n.eventually(func() error {
		files := n.evidenceFiles(m)
		for _, b := range files {
			if n.convicts(b, kind, members...) {
				return nil
			}
		}
		return fmt.Errorf("%s has %d evidence files, none of %s that convicts %q", m.id, len(files), kind, idsOf(members))
	})
}

// convict demands that evidence, written and read again, convicts exactly these members.
func (n *network) convict(e *evidence.Evidence, err error, members ...*member) {
	n.Helper()
	n.must(err)
	file, err := e.Encode()
	n.must(err)
	if convicted, _, kind := n.judge(file); !slices.Equal(convicted, idsOf(members)) {
		n.Fatalf("the evidence of %s convicts %q, not %q", kind, convicted, idsOf(members))
	}
}

// answer demands that evidence makes exactly these members answer, and convicts nobody: it does not show which of them
// did it.
func (n *network) answer(e *evidence.Evidence, err error, members ...*member) {
	n.Helper()
	n.must(err)
	file, err := e.Encode()
	n.must(err)
	if convicted, answerable, kind := n.judge(file); len(convicted) > 0 || !slices.Equal(answerable, idsOf(members)) {
		n.Fatalf("the evidence of %s convicts %q, and lets %q answer, not %q", kind, convicted, answerable, idsOf(members))
	}
}

func (n *network) convictTwoHeads(a, b *checkpoint.Note, members ...*member) {
	n.Helper()
	e, err := evidence.TwoHeads(n.trust(), a, b)
	n.convict(e, err, members...)
}

// convictForked holds two signed heads against each other that have different entries at an index.
func (n *network) convictForked(truth *forgery, a *checkpoint.Note, forged *forgery, b *checkpoint.Note, index uint64, members ...*member) {
	n.Helper()
	side := func(f *forgery, note *checkpoint.Note) evidence.Side {
		return evidence.Side{Note: note, Leaf: merkle.LeafHash(f.entries[index]), Proof: n.inclusion(f, index, note.Size)}
	}
	e, err := evidence.Forked(n.trust(), index, side(truth, a), side(forged, b))
	n.convict(e, err, members...)
}

// convictBadEntry has a liar sign a head over its log, and holds it against entries in it.
func (n *network) convictBadEntry(l *liar, forged *forgery, fault evidence.Fault, indexes ...uint64) {
	n.Helper()
	note := l.sign(n, n.headOf(forged, forged.size()))
	var included []evidence.Included
	for _, i := range indexes {
		included = append(included, evidence.Included{Index: i, Entry: forged.entries[i], Proof: n.inclusion(forged, i, forged.size())})
	}
	e, err := evidence.BadEntry(n.trust(), note, included...)
	n.convict(e, err, l.member)
	file, err := e.Encode()
	n.must(err)
	if got := faultIn(file); got != fault {
		n.Errorf("the evidence names the fault %s, not %s", got, fault)
	}
}

// promised has a node promise an event, which it then forwards to whoever leads.
func (n *network) promised(m *member, event ledger.SignedEvent) evidence.Signed {
	n.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	response, err := custodyv1.NewLedgerServiceClient(m.conn).Append(ctx, &custodyv1.AppendRequest{
		Event: &custodyv1.SignedEvent{Event: event.Event, Signatures: event.Signatures},
		Wait:  custodyv1.Wait_WAIT_RECEIVED,
	})
	n.must(err)
	return evidence.Signed{Payload: response.Promise.GetPayload(), Signature: response.Promise.GetSignature()}
}

// absent has the ledger state that an event is not in it past a time.
func (n *network) absent(m *member, event ledger.EventID, after uint64) (payload []byte, signatures []evidence.NodeSignature) {
	n.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	response, err := custodyv1.NewLedgerServiceClient(m.conn).GetAbsence(ctx, &custodyv1.GetAbsenceRequest{EventId: event[:], AfterMs: after})
	n.must(err)
	for _, s := range response.Absence.Signatures {
		signatures = append(signatures, evidence.NodeSignature{Node: s.NodeId, Signature: s.Signature})
	}
	return response.Absence.Payload, signatures
}

// answerTwoChildren demands that two events make the holder of a key answer.
func (n *network) answerTwoChildren(a, b ledger.SignedEvent, key sign.PublicKey) {
	n.Helper()
	e, err := evidence.TwoChildren(n.trust(), a, b)
	n.must(err)
	file, err := e.Encode()
	n.must(err)
	n.judge(file)
	verdict, err := e.Verify(n.trust())
	n.must(err)
	if len(verdict.Answerable) != 1 || !slices.Contains(verdict.Answerable[0].Keys, ledger.KeyText(key)) {
		n.Fatalf("the evidence makes %+v answer", verdict.Answerable)
	}
}

// faultIn reads what fault an evidence file of a bad entry names.
func faultIn(file []byte) evidence.Fault {
	var f struct {
		Content struct {
			Fault evidence.Fault `json:"fault"`
		} `json:"content"`
	}
	if err := json.Unmarshal(file, &f); err != nil {
		return ""
	}
	return f.Content.Fault
}
