package bundle

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/rules"
	"github.com/custodyledger/custodyledger/ledger/sign"
)

// Verify checks everything in a bundle and says what it proves. The error is an
// *Error that names the part of the file and what is wrong with it. Every bit of
// the file matters: of a file that verifies, no other one proves the same.
func Verify(file []byte, trust Trust) (*Report, error) {
	b, err := Parse(file)
	if err != nil {
		return nil, err
	}
	v := &verifier{bundle: b, trust: trust, signatures: sign.NewVerifier(sign.PreparedKeysDefault)}
	for _, step := range []func() error{
		v.readEntries, v.readNote, v.inclusion, v.readGenesis, v.replayGovernance, v.finality,
		v.replayOthers, v.lineage, v.statements,
	} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return v.report()
}

// verifier carries what the steps of Verify have found so far.
type verifier struct {
	bundle     *Bundle
	trust      Trust
	signatures *sign.Verifier

	genesis *ledger.Genesis
	ledger  ledger.LedgerID
	note    *checkpoint.Note
	entries []*ledger.Entry
	events  []ledger.VerifiedEvent // without an event for the genesis and for handovers
	place   map[uint64]int         // of each entry, by its index
	state   *state
	needed  []bool // entries that prove something about the subjects
	applied []Applied

	policy     ledger.Policy // in force at the note
	handovers  []handover
	final      *checkpoint.Final // of the note under policy
	trustedBy  int               // handovers between what trust knows and the note
	byFile     bool              // the policy file is none that the entries lead to
	statedKept []ledger.Statement
}

func (v *verifier) where(i int) string {
	return fmt.Sprintf("entry %d (%s of the file)", v.entries[i].Index, v.bundle.at.entries[i])
}

// readGenesis finds out of which ledger the bundle is.
func (v *verifier) readGenesis() error {
	where, entry := fmt.Sprintf("the genesis (%s of the file)", v.bundle.at.entries[0]), v.entries[0]
	if entry.Kind != ledger.KindGenesis {
		return fail(where, "the first entry must be the genesis, entry 0; this one has kind %d and index %d", entry.Kind, entry.Index)
	}
	var err error
	if v.genesis, err = ledger.DecodeGenesis(entry.Genesis); err != nil {
		return failed(where, err, "it cannot be read")
	}
	if own, err := v.genesis.Entry(entry.Genesis).Encode(); err != nil || !bytes.Equal(own, v.bundle.Entries[0].Bytes) {
		return fail(where, "the entry is not the one that this genesis makes")
	}
	v.ledger = ledger.GenesisID(entry.Genesis)
	if trusted := v.trust.ledger; trusted != nil && *trusted != v.ledger {
		return fail(where, "the bundle is of ledger %s, the genesis file is of ledger %s", v.ledger, *trusted)
	}
	if v.note.Origin != v.genesis.Name {
		return fail(v.whereNote(), "it is of log %q, the genesis is of %q", v.note.Origin, v.genesis.Name)
	}
	if p := v.trust.policy; p != nil && p.Origin() != v.note.Origin {
		return fail(v.whereNote(), "it is of log %q, the policy file is of log %q", v.note.Origin, p.Origin())
	}
	v.state = newState(v.genesis)
	return nil
}

// readEntries decodes every entry and holds their order.
func (v *verifier) readEntries() error {
	v.place = make(map[uint64]int, len(v.bundle.Entries))
	v.needed = make([]bool, len(v.bundle.Entries))
	v.events = make([]ledger.VerifiedEvent, len(v.bundle.Entries))
	for i, e := range v.bundle.Entries {
		entry, err := ledger.DecodeEntry(e.Bytes)
		if err != nil {
			return failed(fmt.Sprintf("entry %d in the file (%s)", i, v.bundle.at.entries[i]), err, "it cannot be read")
		}
		v.entries = append(v.entries, entry)
		if i > 0 {
			before := v.entries[i-1]
			switch {
			case entry.Index <= before.Index:
				return fail(v.where(i), "it stands behind entry %d; entries stand in ascending order, each once", before.Index)
			case entry.Kind == ledger.KindGenesis:
				return fail(v.where(i), "a second genesis")
			case entry.RecordedAt < before.RecordedAt:
				return fail(v.where(i), "it was recorded before entry %d", before.Index)
			}
		}
		v.place[entry.Index] = i
	}
	return nil
}

// readNote reads the final checkpoint. Whether it is final is seen later: the
// policy in force follows from entries.
func (v *verifier) readNote() (err error) {
	where := v.whereNote()
	if v.note, err = checkpoint.ParseNote(v.bundle.Note); err != nil {
		return failed(where, err, "it cannot be read")
	}
	if last := v.entries[len(v.entries)-1]; last.Index >= v.note.Size {
		return fail(v.where(len(v.entries)-1), "it is not under the final checkpoint, which is of size %d", v.note.Size)
	}
	return nil
}

func (v *verifier) whereNote() string {
	return fmt.Sprintf("the final checkpoint (%s of the file)", v.bundle.at.note)
}

// finality asks the policy in force, and whoever verifies, about the note.
func (v *verifier) finality() (err error) {
	if err := v.checkLines(); err != nil {
		return err
	}
	if v.final, err = v.policy.Checkpoint().Verify(v.note); err != nil {
		return failed(v.whereNote(), err, "it is not final under the policy in force, which asks for %d associations", v.policy.Quorum)
	}
	return v.trusted()
}

// trusted asks whoever verifies about the note. A policy file that is the policy
// in force, or the one before a handover, trusts what follows from it. Another one
// may be newer than everything in the file, whose later handovers were left out: a
// policy that was in force before is not enough for it. It must find the note
// itself final, and those who made each statement too; see statements.
func (v *verifier) trusted() error {
	if v.trust.policy == nil {
		v.trustedBy = len(v.handovers)
		return nil
	}
	if samePolicy(v.policy, v.trust.policy) {
		return nil
	}
	for i, h := range slices.Backward(v.handovers) {
		if samePolicy(h.before, v.trust.policy) {
			v.trustedBy = len(v.handovers) - i
			return nil
		}
	}
	if _, err := v.trust.policy.Verify(v.note); err != nil {
		return failed(v.whereNote(), err, "it is not final under the policy file, which is neither the policy in force nor one before it")
	}
	v.byFile = true
	return nil
}

// checkLines demands that every line of the note is by a key of the policy in
// force, node by node, the log's before the cosigner's. That each holds is for
// the policy to say; a line that nobody checks could be changed.
func (v *verifier) checkLines() error {
	keys := policyKeys(v.policy)
	for i, line := range v.note.Signatures {
		at := slices.IndexFunc(keys, func(k checkpoint.Key) bool { return k.Name == line.Name && k.ID() == line.KeyID })
		if at < 0 {
			return fail(v.whereNote(), "signature line %d, of %.100q, is not by a key of the policy in force, or stands twice or out of order", i+1, line.Name)
		}
		keys = keys[at+1:]
	}
	return nil
}

// policyKeys lists the keys of a policy in the order of their lines in a bundle.
func policyKeys(p ledger.Policy) []checkpoint.Key {
	keys := make([]checkpoint.Key, 0, 2*len(p.Nodes))
	for _, n := range p.Nodes {
		keys = append(keys, p.LogKey(n), p.CosignerKey(n))
	}
	return keys
}

// inclusion proves every entry under the note. It comes early because it costs
// little: whatever is changed in an entry ends here.
func (v *verifier) inclusion() error {
	for i, entry := range v.entries {
		leaf := merkle.LeafHash(v.bundle.Entries[i].Bytes)
		if err := merkle.VerifyInclusion(entry.Index, v.note.Size, leaf, v.bundle.Entries[i].Proof, v.note.Root); err != nil {
			return failed(v.where(i), err, "it is not proven to stand under the final checkpoint of size %d", v.note.Size)
		}
	}
	return nil
}

// verifyChunk bounds the events that are verified in one batch.
const verifyChunk = 256

// readEvents decodes the events of some entries and checks every signature.
func (v *verifier) readEvents(places []int) error {
	for chunk := range slices.Chunk(places, verifyChunk) {
		events := make([]*ledger.Event, len(chunk))
		for n, i := range chunk {
			event, rejection := ledger.DecodeEvent(v.genesis.RulesVersion, v.entries[i].Signed)
			if rejection != nil {
				return failed(v.where(i), rejection, "its event cannot be read")
			}
			events[n] = event
		}
		verified, rejections := ledger.Verify(v.signatures, events)
		for n, i := range chunk {
			if rejections[n] != nil {
				return failed(v.where(i), rejections[n], "a signature of its event does not hold")
			}
			v.events[i] = verified[n]
		}
	}
	return nil
}

// replayOthers re-runs the rules on all entries that are not of the governance.
func (v *verifier) replayOthers() error {
	var places []int
	for i, entry := range v.entries {
		if entry.Kind == ledger.KindEvent {
			places = append(places, i)
		}
	}
	if err := v.readEvents(places); err != nil {
		return err
	}
	for _, i := range places {
		if err := v.replay(i); err != nil {
			return err
		}
	}
	return nil
}

// replay judges one entry as a node did when it recorded it, and demands the
// same bytes.
func (v *verifier) replay(i int) error {
	entry, event := v.entries[i], v.events[i]
	if err := v.links(i); err != nil {
		return err
	}
	head := ledger.Head{Size: entry.Index, LastLeaf: entry.Prev, RecordedAt: entry.RecordedAt}
	sequencer := rules.NewSequencer(v.ledger, v.genesis.RulesVersion, v.state, head)
	outcome, appended := sequencer.Append(ledger.Submission{{VerifiedEvent: event}}, entry.RecordedAt)
	switch {
	case outcome.Rejection != nil:
		return failed(v.where(i), outcome.Rejection, "the rules refuse its event")
	case len(appended) == 0:
		return fail(v.where(i), "its event stands in entry %d already", outcome.Receipts[0].Index)
	case !bytes.Equal(appended[0].Bytes, v.bundle.Entries[i].Bytes):
		return fail(v.where(i), "the rules give another entry for its event")
	}
	changes := sequencer.Changes()
	v.state.Write(changes)
	v.state.Record(event.ID, entry.Index)
	if entry.Kind == ledger.KindEvent {
		place := Event{Event: event.Event, Index: entry.Index, RecordedAt: entry.RecordedAt, Entry: v.bundle.Entries[i].Bytes}
		v.applied = append(v.applied, Applied{place, changes})
	}
	return nil
}

// links demands that an entry links to the last entry in front of it on every
// party and item that its event names: else one was left out.
func (v *verifier) links(i int) error {
	entry, event := v.entries[i], v.events[i]
	for _, link := range entry.Links {
		if at, ok := v.place[link]; !ok || at >= i {
			return fail(v.where(i), "it builds on entry %d, which is not in the bundle: something was left out", link)
		}
	}
	names, want := []string{}, []uint64{}
	for _, id := range event.Parties() {
		party, ok := v.state.Party(id)
		if !ok {
			return fail(v.where(i), "it names party %s, whose admission is not in the bundle", id)
		}
		names, want = append(names, "the record of party "+id.String()), append(want, party.LastIndex)
	}
	for _, id := range event.Names() {
		item, ok := v.state.Item(id)
		if !ok {
			return fail(v.where(i), "it names item %s, of whose making nothing is in the bundle", id)
		}
		names, want = append(names, "item "+id.String()), append(want, item.LastIndex)
	}
	if len(entry.Links) != len(want) {
		return fail(v.where(i), "it has %d links where its event calls for %d", len(entry.Links), len(want))
	}
	for n, link := range entry.Links {
		if link != want[n] {
			return fail(v.where(i), "for %s it links to entry %d, but the last one in the bundle is %d: something was left out, or does not belong here", names[n], link, want[n])
		}
	}
	return nil
}

// lineage demands that every entry is needed: that the links of a subject's last
// entry lead to it, or that it made the policy.
func (v *verifier) lineage() error {
	v.needed[0] = true
	for i, id := range v.bundle.Subjects {
		item, ok := v.state.Item(id)
		if !ok {
			return fail(fmt.Sprintf("subject %d (%s of the file)", i, v.bundle.at.subjects), "no entry of the bundle makes item %s", id)
		}
		v.reach(v.place[item.LastIndex])
	}
	for i := range v.entries {
		if !v.needed[i] {
			return fail(v.where(i), "it has nothing to do with the items of the bundle")
		}
	}
	return nil
}

// reach marks an entry and everything that it builds on.
func (v *verifier) reach(from int) {
	open := []int{from}
	for len(open) > 0 {
		i := open[len(open)-1]
		open = open[:len(open)-1]
		if v.needed[i] {
			continue
		}
		v.needed[i] = true
		for _, link := range v.entries[i].Links {
			open = append(open, v.place[link])
		}
	}
}

// statements checks what nodes state about the subjects.
func (v *verifier) statements() error {
	for i, s := range v.bundle.Statements {
		where := fmt.Sprintf("the statement on item %s (%s of the file)", v.bundle.Subjects[i], v.bundle.at.statements[i])
		stated, err := ledger.ParseStatement(s.Payload)
		if err != nil {
			return failed(where, err, "it cannot be read")
		}
		if err := v.checkStated(where, v.bundle.Subjects[i], stated); err != nil {
			return err
		}
		if err := v.checkStatementSignatures(where, s); err != nil {
			return err
		}
		v.statedKept = append(v.statedKept, stated)
	}
	return nil
}

// checkStated holds a statement against what the entries give.
func (v *verifier) checkStated(where string, id ledger.ItemID, stated ledger.Statement) error {
	item, _ := v.state.Item(id)
	last := v.entries[len(v.entries)-1]
	switch {
	case stated.Ledger != v.ledger:
		return fail(where, "it is about ledger %s", stated.Ledger)
	case stated.Item != id:
		return fail(where, "it is about item %s", stated.Item)
	case stated.Size != v.note.Size || stated.Root != v.note.Root:
		return fail(where, "it is about size %d and root %s, the final checkpoint has size %d and root %s", stated.Size, stated.Root, v.note.Size, v.note.Root)
	case stated.LastIndex > item.LastIndex:
		return fail(where, "the last entry on the item is %d, but the bundle ends at entry %d: what followed was left out", stated.LastIndex, item.LastIndex)
	case stated.At < last.RecordedAt || last.Index == v.note.Size-1 && stated.At != last.RecordedAt:
		return fail(where, "its time does not fit entry %d", last.Index)
	}
	if want := item.Statement(v.ledger, v.state.Matters[id], stated.Contested, v.note.Checkpoint, stated.At); !bytes.Equal(want.Payload(), stated.Payload()) {
		return fail(where, "it states another custody, title, offer or last entry than the events of the bundle give")
	}
	return nil
}

// checkStatementSignatures demands the signatures of as many associations as the
// policy asks for, each once, in the order of the policy.
func (v *verifier) checkStatementSignatures(where string, s Statement) error {
	signed := sign.PAE(sign.StatementPayloadType, s.Payload)
	var cosigners []checkpoint.Key
	for n, signature := range s.Signatures {
		if int(signature.Node) >= len(v.policy.Nodes) {
			return fail(where, "signature %d is of node %d, the policy has %d", n, signature.Node, len(v.policy.Nodes))
		}
		node := v.policy.Nodes[signature.Node]
		if n > 0 && signature.Node <= s.Signatures[n-1].Node {
			return fail(where, "signature %d, of %s, stands twice or out of order", n, node.Association)
		}
		if err := v.signatures.Verify(node.Statement, signed, signature.Bytes[:]); err != nil {
			return failed(where, err, "the signature of %s does not hold", node.Association)
		}
		cosigners = append(cosigners, v.policy.CosignerKey(node))
	}
	if len(s.Signatures) < int(v.policy.Quorum) {
		return fail(where, "%d associations signed it, the policy asks for %d", len(s.Signatures), v.policy.Quorum)
	}
	if v.byFile && !v.trust.policy.Filled(cosigners) {
		return fail(where, "those who signed it do not fill the quorum of the policy file")
	}
	return nil
}
