package main

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	"github.com/custodyledger/custodyledger/cmd/custody/words"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/bundle"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/evidence"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/node/client"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

func (a *app) verifyCommand() *cobra.Command {
	var policyPath, bundlePath, eventPath string
	cmd := &cobra.Command{
		Use:   "verify FILE",
		Short: "Verify a bundle, an evidence file, a disclosed value or a proof of an event, without any node",
		Long: `Verify a bundle, an evidence file, a disclosed private value, or a .tlog-proof of an
event, without any node. The content of the file says which it is. It is held against a policy file
('custody policy' prints one), or against the genesis of the ledger.

The keys of the associations may have changed since. A bundle shows that by itself. For
the other files give --bundle too: any bundle of the ledger that is newer than the last
change, such as 'custody bundle --governance -o FILE' writes. It is verified first, and leads
from the genesis or the policy file to the policy that was in force at the file's
checkpoint.`,
		Args: arguments("FILE"),
		RunE: func(_ *cobra.Command, args []string) error {
			file, err := readLimited(args[0], bundle.BytesMax)
			if err != nil {
				return err
			}
			trust, err := a.trusted(policyPath)
			if err == nil && bundlePath != "" {
				trust, err = trust.led(bundlePath)
			}
			if err != nil {
				return err
			}
			var r result
			switch {
			case bytes.HasPrefix(file, []byte("custody-bundle/")):
				r, err = verifyBundle(file, trust)
			case bytes.HasPrefix(file, []byte("{")):
				if shown, ok, readErr := parseDisclosure(file); ok {
					if err = readErr; err == nil {
						r, err = verifyDisclosure(shown, trust)
					}
				} else {
					r, err = verifyEvidence(file, trust)
				}
			case bytes.HasPrefix(file, []byte("c2sp.org/tlog-proof@")):
				if eventPath == "" {
					return fmt.Errorf("a proof is about an event that it does not hold: say --event FILE")
				}
				signed, entry, readErr := readEvent(eventPath)
				if readErr != nil {
					return readErr
				}
				r, err = asResult(verifyProof(file, signed, entry, trust))
			default:
				return notProven(args[0], fmt.Errorf("it is neither a bundle, nor evidence, nor a proof: it begins with %.20q", file[:min(len(file), 20)]))
			}
			if err != nil {
				return trust.notProven(args[0], err)
			}
			return a.print(r)
		},
	}
	cmd.Flags().StringVar(&policyPath, "policy", "", "policy `file` of the ledger; default: the policy of the genesis")
	cmd.Flags().StringVar(&bundlePath, "bundle", "", "bundle `file` of the ledger that shows how its policy changed")
	cmd.Flags().StringVar(&eventPath, "event", "", "for a proof: `file` with the signed event (a SignedEvent message), or its entry as 'custody history -o json' prints it")
	return cmd
}

// asResult keeps a missing report from looking like one.
func asResult(r *proofReport, err error) (result, error) {
	if err != nil {
		return nil, err
	}
	return r, nil
}

// --- bundles

type bundleReport struct {
	Kind     string        `json:"kind"`
	Ledger   string        `json:"ledger"`
	Name     string        `json:"ledger_name"`
	Size     uint64        `json:"size"`
	Root     string        `json:"root"`
	Cosigned []cosignedBy  `json:"cosigned"`
	Quorum   uint32        `json:"quorum"`
	Changes  []uint64      `json:"policy_changes,omitempty"` // indexes of the handovers
	Parties  []partyBehind `json:"parties"`
	Items    []provenItem  `json:"items"`
	Proves   []string      `json:"proves"`
	NotShown []string      `json:"does_not_prove"`
}

type cosignedBy struct {
	Association string `json:"association"`
	Node        string `json:"node"`
	At          uint64 `json:"at_ms"`
}

type partyBehind struct {
	Party    string   `json:"party"`
	Role     string   `json:"role"`
	Country  string   `json:"country"`
	Sponsors []string `json:"sponsors"`
	Admitted uint64   `json:"admitted_index"`
}

type provenItem struct {
	*itemReport
	History  []line       `json:"history"`
	Held     []holderSpan `json:"held"`
	StatedBy []string     `json:"stated_by,omitempty"`
	StatedAt uint64       `json:"stated_at_ms,omitempty"`
}

// holderSpan says who had an item from an entry on.
type holderSpan struct {
	Holder string `json:"holder"`
	From   uint64 `json:"from_index"`
	At     uint64 `json:"from_ms"`
}

func verifyBundle(file []byte, trust trusted) (result, error) {
	with, err := trust.bundle()
	if err != nil {
		return nil, err
	}
	report, err := bundle.Verify(file, with)
	if err != nil {
		return nil, err
	}
	return newBundleReport(report)
}

func newBundleReport(b *bundle.Report) (*bundleReport, error) {
	r := &bundleReport{
		Kind: "bundle", Ledger: b.Ledger.String(), Name: b.Genesis.Name, Size: b.Checkpoint.Size, Root: b.Checkpoint.Root.String(),
		Quorum: b.Policy.Quorum, Changes: b.Handovers,
	}
	for _, c := range b.Cosigned {
		r.Cosigned = append(r.Cosigned, cosignedBy{c.Association, c.Node, c.At * 1000})
	}
	names := map[ledger.PartyID]string{}
	for _, a := range b.Genesis.Associations {
		names[a.AssociationID()] = a.Name
	}
	for _, p := range b.Involved() {
		behind := partyBehind{Party: p.ID.String(), Role: words.Of(p.Role), Country: p.Country, Admitted: p.Admitted}
		for _, m := range p.Memberships {
			name := names[m.Association]
			if m.Suspended {
				name += " (suspended)"
			}
			behind.Sponsors = append(behind.Sponsors, name)
		}
		r.Parties = append(r.Parties, behind)
	}
	for _, i := range b.Items {
		item, err := newProvenItem(b, i)
		if err != nil {
			return nil, err
		}
		r.Items = append(r.Items, item)
	}
	r.conclude(b)
	return r, nil
}

func newProvenItem(b *bundle.Report, i bundle.Item) (provenItem, error) {
	last := i.Events[len(i.Events)-1]
	stated := i.Item.Statement(b.Ledger, i.Matter, false, b.Checkpoint, last.RecordedAt)
	p := provenItem{StatedBy: i.StatedBy}
	if i.Stated != nil {
		stated, p.StatedAt = *i.Stated, i.Stated.At
	}
	view, err := client.ItemOf(stated, i.Events[0].Event, i.Events[0].RecordedAt)
	if err != nil {
		return p, err
	}
	view.Matter = client.MatterView(i.Matter)
	p.itemReport = newItemReport(view)
	for _, e := range i.Events {
		p.History = append(p.History, newLine(client.Entry{
			Entry: &ledger.Entry{Index: e.Index, RecordedAt: e.RecordedAt}, Bytes: e.Entry, Leaf: merkle.LeafHash(e.Entry), Event: e.Event,
		}))
	}
	for _, h := range i.Holders() {
		who := holder(&custodyv1.Holder{Who: &custodyv1.Holder_Party{Party: h.Party[:]}})
		if h.Outside {
			who = "somebody outside the ledger"
		}
		p.Held = append(p.Held, holderSpan{who, h.Event.Index, h.Event.RecordedAt})
	}
	return p, nil
}

// conclude says what is proven and what is not, in sentences.
func (r *bundleReport) conclude(b *bundle.Report) {
	if len(r.Items) == 0 {
		r.concludePolicy(b)
		return
	}
	r.Proves = append(r.Proves,
		fmt.Sprintf("%d associations of %d agree on the first %d entries of ledger %s, and have re-run its rules on them.", len(r.Cosigned), len(b.Policy.Nodes), r.Size, r.Name),
		"Every event shown here was signed by a key that the party had then, that was permitted to do this and was not revoked.",
		"Between the making of each item and its last event shown here, nothing was left out.")
	stated := len(r.Items) > 0 && len(r.Items[0].StatedBy) > 0
	if stated {
		r.Proves = append(r.Proves, fmt.Sprintf("%s state that nothing followed on the items up to entry %d, recorded %s.",
			words.List(r.Items[0].StatedBy, "and"), r.Size-1, words.Time(r.Items[0].StatedAt)))
		r.NotShown = append(r.NotShown, fmt.Sprintf("Anything after entry %d, recorded %s: the items may have been sold since. Ask for a newer bundle.", r.Size-1, words.Time(r.Items[0].StatedAt)))
	} else {
		r.NotShown = append(r.NotShown,
			"Nothing here shows that nothing followed: a later sale may have been left out. Ask for a bundle with statements.",
			fmt.Sprintf("Anything after entry %d.", r.Size-1))
	}
	r.NotShown = append(r.NotShown,
		"That what the parties state about the goods is true: the ledger shows who said it, and when.",
		"That the object before you is this item. Compare its inscription, weight and measurements with those of the registration:")
	for _, i := range r.Items {
		text := "  " + i.Item + ": " + i.Goods
		for _, id := range i.OutsideIDs {
			text += "; " + id.Kind + " " + id.Issuer + " " + id.Number
		}
		r.NotShown = append(r.NotShown, text)
	}
}

// concludePolicy is conclude for a bundle of the policy alone.
func (r *bundleReport) concludePolicy(b *bundle.Report) {
	r.Proves = append(r.Proves,
		fmt.Sprintf("After the first %d entries of ledger %s a checkpoint is final with the signatures of %d associations of %d, by the keys that 'custody policy --bundle FILE' prints.", r.Size, r.Name, r.Quorum, len(b.Policy.Nodes)),
		fmt.Sprintf("The policy was changed %d times up to there, each time by as many associations as the policy before asked for.", len(r.Changes)))
	r.NotShown = append(r.NotShown,
		fmt.Sprintf("A later change of the policy, after entry %d. Ask for a newer bundle.", r.Size-1),
		"Anything about an item: it holds none.")
}

func (r *bundleReport) Text(w io.Writer) {
	fmt.Fprintf(w, "The bundle verifies.\n\nLedger %s\n  id             %s\n", r.Name, r.Ledger)
	fmt.Fprintf(w, "  checkpoint     %d entries, root %s\n", r.Size, r.Root)
	for _, c := range r.Cosigned {
		fmt.Fprintf(w, "  signed by      %s at %s\n", c.Association, words.Time(c.At))
	}
	fmt.Fprintf(w, "  final with     %d associations\n", r.Quorum)
	for _, index := range r.Changes {
		fmt.Fprintf(w, "  policy changed by entry %d\n", index)
	}
	for _, i := range r.Items {
		fmt.Fprintln(w)
		i.Text(w)
		fmt.Fprintln(w, "  what happened")
		for _, l := range i.History {
			fmt.Fprintf(w, "    entry %d, %s: %s %s\n", l.Index, words.Time(l.RecordedAt), l.Party, l.What)
		}
		fmt.Fprintln(w, "  who held it")
		for _, h := range i.Held {
			fmt.Fprintf(w, "    from entry %d, %s: %s\n", h.From, words.Time(h.At), h.Holder)
		}
		if len(i.StatedBy) > 0 {
			fmt.Fprintf(w, "  stated by      %s, at %d entries, %s\n", strings.Join(i.StatedBy, ", "), r.Size, words.Time(i.StatedAt))
		} else {
			fmt.Fprintln(w, "  stated by      nobody: nothing here shows that nothing followed")
		}
	}
	if len(r.Parties) > 0 {
		fmt.Fprintln(w, "\nParties")
	}
	for _, p := range r.Parties {
		fmt.Fprintf(w, "  %s, %s in %s, admitted by entry %d, member of %s\n", p.Party, p.Role, p.Country, p.Admitted, strings.Join(p.Sponsors, ", "))
	}
	writeVerdict(w, r.Proves, r.NotShown)
}

func writeVerdict(w io.Writer, proves, notShown []string) {
	fmt.Fprintln(w, "\nThis proves")
	for _, s := range proves {
		fmt.Fprintf(w, "  %s\n", s)
	}
	fmt.Fprintln(w, "\nThis does not prove")
	for _, s := range notShown {
		fmt.Fprintf(w, "  %s\n", s)
	}
}

// --- evidence

type evidenceReport struct {
	Kind       string    `json:"kind"`
	Evidence   string    `json:"evidence"`
	Convicted  []accused `json:"convicted"`
	Answerable []accused `json:"answerable,omitempty"`
	Proves     []string  `json:"proves"`
	NotShown   []string  `json:"does_not_prove"`
}

type accused struct {
	Name        string   `json:"name"`
	Association string   `json:"association,omitempty"`
	Keys        []string `json:"keys"`
}

func newAccused(from []evidence.Accused) []accused {
	var to []accused
	for _, a := range from {
		to = append(to, accused{a.Name, a.Association, a.Keys})
	}
	return to
}

func verifyEvidence(file []byte, trust trusted) (result, error) {
	e, err := evidence.Parse(file)
	if err != nil {
		return nil, err
	}
	with, err := trust.evidence()
	if err != nil {
		return nil, err
	}
	v, err := e.Verify(with)
	if err != nil {
		return nil, err
	}
	return &evidenceReport{
		Kind: "evidence", Evidence: string(v.Kind), Convicted: newAccused(v.Convicted), Answerable: newAccused(v.Answerable),
		Proves: v.Proves, NotShown: v.DoesNotProve,
	}, nil
}

func (r *evidenceReport) Text(w io.Writer) {
	fmt.Fprintf(w, "The evidence holds: %s.\n", r.Evidence)
	for _, a := range r.Convicted {
		fmt.Fprintf(w, "  convicted      %s\n", a.Name)
	}
	for _, a := range r.Answerable {
		fmt.Fprintf(w, "  has to explain %s\n", a.Name)
	}
	writeVerdict(w, r.Proves, r.NotShown)
}

// --- proofs of one event

// readEvent reads a signed event, or an entry in hexadecimal digits.
func readEvent(path string) (signed ledger.SignedEvent, entry []byte, err error) {
	b, err := readLimited(path, 2*ledger.EntryBytesMax+2)
	if err != nil {
		return signed, nil, fmt.Errorf("event: %w", err)
	}
	if entry, err := hex.DecodeString(strings.TrimSpace(string(b))); err == nil && len(entry) > 0 {
		return signed, entry, nil
	}
	// An Event by itself reads as a SignedEvent with fields too many.
	var message custodyv1.SignedEvent
	if err := proto.Unmarshal(b, &message); err != nil || len(message.Event) == 0 || len(message.ProtoReflect().GetUnknown()) > 0 {
		return signed, nil, fmt.Errorf("event %s: neither a SignedEvent message, such as the event.pb of 'custody receipt --save', nor an entry in hexadecimal digits", path)
	}
	return ledger.SignedEvent{Event: message.Event, Signatures: message.Signatures}, nil, nil
}

type proofReport struct {
	Kind       string       `json:"kind"`
	Name       string       `json:"ledger_name"`
	Event      string       `json:"event"`
	Index      uint64       `json:"index"`
	RecordedAt uint64       `json:"recorded_at_ms"`
	Size       uint64       `json:"size"`
	Cosigned   []cosignedBy `json:"cosigned"`
	Proves     []string     `json:"proves"`
	NotShown   []string     `json:"does_not_prove"`
}

func verifyProof(file []byte, signed ledger.SignedEvent, entry []byte, trust trusted) (*proofReport, error) {
	proof, err := checkpoint.ParseProof(file)
	if err != nil {
		return nil, err
	}
	if entry == nil {
		if entry, err = ledger.EntryOf(proof.Extra, signed); err != nil {
			return nil, err
		}
	}
	decoded, err := ledger.DecodeEntry(entry)
	if err != nil {
		return nil, err
	}
	if extra, err := ledger.ReceiptExtra(entry); err != nil || !bytes.Equal(extra, proof.Extra) || decoded.Index != proof.Index {
		return nil, fmt.Errorf("the proof is of another entry than the one with this event, entry %d", decoded.Index)
	}
	policy, err := trust.judge(proof.Note)
	if err != nil {
		return nil, err
	}
	final, err := proof.Verify(policy, merkle.LeafHash(entry))
	if err != nil {
		return nil, fmt.Errorf("with event %s: %w; the proof may be of another event", decoded.Signed.ID(), err)
	}
	event, rejection := ledger.DecodeEvent(ledger.RulesVersion1, decoded.Signed)
	if rejection != nil {
		return nil, rejection
	}
	r := &proofReport{
		Kind: "proof", Name: final.Origin, Event: event.ID.String(), Index: decoded.Index, RecordedAt: decoded.RecordedAt, Size: final.Size,
		Proves: []string{fmt.Sprintf("The event stands in ledger %s as entry %d, recorded %s.", final.Origin, decoded.Index, words.Time(decoded.RecordedAt))},
		NotShown: []string{
			"What happened before and after it on the same item: a bundle shows that.",
			"That whoever signed it was permitted to: the nodes have checked it, a bundle shows it.",
		},
	}
	for _, c := range final.Cosigned {
		r.Cosigned = append(r.Cosigned, cosignedBy{Association: c.Key.Name, Node: c.Witness, At: c.At * 1000})
	}
	return r, nil
}

func (r *proofReport) Text(w io.Writer) {
	fmt.Fprintf(w, "The proof verifies.\n\nEvent %s\n  entry          %d of ledger %s, recorded %s\n  checkpoint     %d entries\n", r.Event, r.Index, r.Name, words.Time(r.RecordedAt), r.Size)
	for _, c := range r.Cosigned {
		fmt.Fprintf(w, "  signed by      %s at %s\n", c.Association, words.Time(c.At))
	}
	writeVerdict(w, r.Proves, r.NotShown)
}
