package evidence

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/sign"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Fault says why an entry, or two, can stand in no ledger. The list is closed.
type Fault string

// Faults of one entry.
const (
	// FaultForm: the bytes are not a well-formed entry or event.
	FaultForm Fault = "form"
	// FaultPlace: the entry says another index, or the genesis does not stand at 0.
	FaultPlace Fault = "out-of-place"
	// FaultSignature: a signature of the event does not hold.
	FaultSignature Fault = "bad-signature"
	// FaultLedger: the event was signed for another ledger, or entry 0 founds one.
	FaultLedger Fault = "wrong-ledger"
)

// Faults of two entries.
const (
	// FaultChain: the second stands right behind the first and does not name its leaf.
	FaultChain Fault = "chain-broken"
	// FaultLink: a link of the second passes over the first, or points to it in vain.
	FaultLink Fault = "link-wrong"
	// FaultTime: the second was recorded at an earlier time.
	FaultTime Fault = "time-backwards"
	// FaultRepeated: both hold the same event.
	FaultRepeated Fault = "event-repeated"
	// FaultRevoked: the first revokes a key that signed the second.
	FaultRevoked Fault = "revoked-key"
)

// Included is an entry and the proof that a head holds it.
type Included struct {
	Index uint64
	Entry []byte
	Proof []merkle.Hash // inclusion proof to the head's size
}

// BadEntry makes evidence of a signed head that holds an entry which can stand in no
// ledger, or two, in ascending order, that cannot stand in the same one. It finds the
// fault itself.
func BadEntry(trust *Trust, note *checkpoint.Note, entries ...Included) (*Evidence, error) {
	if err := trust.needGenesis(); err != nil {
		return nil, err
	}
	notes, err := trust.reduce(note, note, nil)
	if err != nil {
		return nil, err
	}
	c := &badEntry{Note: notes[0], Entries: []entryJSON{}}
	for _, e := range entries {
		c.Entries = append(c.Entries, entryJSON{e.Index, e.Entry, e.Proof})
	}
	_, found, err := c.faults(trust)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, unproven("nothing is wrong with the entries by themselves")
	}
	c.Fault = found[0].fault
	return build(trust, KindBadEntry, c)
}

type badEntry struct {
	Fault   Fault       `json:"fault"`
	Note    string      `json:"note"`
	Entries []entryJSON `json:"entries"`
}

type entryJSON struct {
	Index uint64 `json:"index"`
	Entry octets `json:"entry"`
	Proof hashes `json:"proof"`
}

func (c *badEntry) verify(t *Trust) (Verdict, error) {
	if err := t.needGenesis(); err != nil {
		return Verdict{}, err
	}
	h, found, err := c.faults(t)
	if err != nil {
		return Verdict{}, err
	}
	at := slices.IndexFunc(found, func(f fault) bool { return f.fault == c.Fault })
	if at < 0 {
		return Verdict{}, unproven("the entries do not have the fault %.40q", c.Fault)
	}
	v := Verdict{Origin: h.note.Origin, Convicted: h.accused()}
	v.prove("%s signed the head of size %d of log %s, which holds what no ledger may hold: %s. Whoever signs a head says that every rule was checked up to it.",
		names(v.Convicted), h.note.Size, v.Origin, found[at].message)
	v.limit("who put the entry there first, or that those who signed knew: a node that skipped its checks gives the same picture")
	v.limit("anything about the other entries")
	return v, nil
}

func (c *badEntry) fact() []string {
	facts := []string{string(c.Fault)}
	for _, e := range c.Entries {
		facts = append(facts, strconv.FormatUint(e.Index, 10), merkle.LeafHash(e.Entry).String())
	}
	return facts
}

// fault is one thing that does not hold, in words.
type fault struct {
	fault   Fault
	message string
}

// judged is an entry that a head holds, as far as it can be read.
type judged struct {
	index uint64
	leaf  merkle.Hash
	entry *ledger.Entry // nil if it cannot be decoded
	event *ledger.Event // nil if there is none, or it cannot be decoded
	sound bool          // nothing is wrong with it by itself
}

// faults checks that the head is signed and holds the entries, and lists what does
// not hold about them.
func (c *badEntry) faults(t *Trust) (head, []fault, error) {
	note, err := parseNote(c.Note)
	if err != nil {
		return head{}, nil, err
	}
	h, err := t.readHead(note)
	if err != nil {
		return head{}, nil, err
	}
	if len(c.Entries) < 1 || len(c.Entries) > 2 {
		return head{}, nil, unproven("%d entries, expected 1 or 2", len(c.Entries))
	}
	var entries []judged
	var found []fault
	for i, e := range c.Entries {
		if i > 0 && e.Index <= c.Entries[i-1].Index {
			return head{}, nil, unproven("entry %d stands behind entry %d", e.Index, c.Entries[i-1].Index)
		}
		leaf := merkle.LeafHash(e.Entry)
		if err := merkle.VerifyInclusion(e.Index, note.Size, leaf, e.Proof, note.Root); err != nil {
			return head{}, nil, unproven("entry %d is not in the head of size %d: %v", e.Index, note.Size, err)
		}
		j, wrong := t.judge(e.Index, e.Entry)
		j.leaf = leaf
		entries = append(entries, j)
		if len(c.Entries) == 1 {
			found = append(found, wrong...)
		}
	}
	if len(entries) == 2 {
		found = between(entries[0], entries[1])
	}
	return h, found, nil
}

// judge says what is wrong with an entry by itself.
func (t *Trust) judge(index uint64, b []byte) (judged, []fault) {
	j := judged{index: index}
	entry, err := ledger.DecodeEntry(b)
	if err != nil {
		return j, []fault{{FaultForm, fmt.Sprintf("entry %d: %v", index, err)}}
	}
	j.entry = entry
	var found []fault
	add := func(f Fault, format string, args ...any) {
		found = append(found, fault{f, fmt.Sprintf("entry %d: ", index) + fmt.Sprintf(format, args...)})
	}
	if entry.Index != index {
		add(FaultPlace, "it says index %d", entry.Index)
	}
	switch {
	case (entry.Kind == ledger.KindGenesis) != (index == 0):
		add(FaultPlace, "it is of kind %d; entry 0 and no other is the genesis", entry.Kind)
	case entry.Kind == ledger.KindGenesis:
		t.judgeGenesis(entry, b, add)
	case entry.Kind == ledger.KindHandover:
		if _, err := checkpoint.ParseNote(entry.Note); err != nil {
			add(FaultForm, "the note of the handover: %v", err)
		}
		if len(entry.Links) > 0 {
			add(FaultForm, "a handover with links")
		}
	default:
		j.event = t.judgeEvent(entry, add)
	}
	j.sound = len(found) == 0
	return j, found
}

func (t *Trust) judgeGenesis(entry *ledger.Entry, b []byte, add func(Fault, string, ...any)) {
	if !bytes.Equal(entry.Genesis, t.file) {
		add(FaultLedger, "it founds ledger %s, the trusted one is %s", ledger.GenesisID(entry.Genesis), t.ledger)
		return
	}
	if again, err := t.genesis.Entry(t.file).Encode(); err != nil || !bytes.Equal(again, b) {
		add(FaultForm, "what stands around the genesis is not what follows from it")
	}
}

func (t *Trust) judgeEvent(entry *ledger.Entry, add func(Fault, string, ...any)) *ledger.Event {
	event, rejection := t.decode(entry.Signed)
	if event == nil {
		add(FaultForm, "%v", rejection)
		return nil
	}
	if rejection != nil {
		add(FaultSignature, "%v", rejection)
	}
	if event.Ledger != t.ledger {
		add(FaultLedger, "event %s was signed for ledger %s", event.ID, event.Ledger)
	}
	if kind := event.Kind(); kind != entry.Kind {
		add(FaultForm, "an entry of kind %d holds an event that belongs into kind %d", entry.Kind, kind)
	}
	if want := len(event.Parties()) + len(event.Names()); len(entry.Links) != want {
		add(FaultForm, "%d links, expected %d", len(entry.Links), want)
	}
	for _, link := range entry.Links {
		if link >= entry.Index {
			add(FaultForm, "a link to entry %d, which does not stand before it", link)
			break
		}
	}
	return event
}

// between says what is wrong with two entries, the first of which stands before the
// second. What needs the contents of an entry is not asked of one that is unsound
// by itself.
func between(a, b judged) []fault {
	var found []fault
	add := func(f Fault, format string, args ...any) {
		found = append(found, fault{f, fmt.Sprintf(format, args...)})
	}
	if a.entry == nil || b.entry == nil {
		return nil
	}
	if b.index == a.index+1 && b.entry.Prev != a.leaf {
		add(FaultChain, "entry %d names %s as the leaf before it, which is %s", b.index, b.entry.Prev, a.leaf)
	}
	if b.entry.RecordedAt < a.entry.RecordedAt {
		add(FaultTime, "entry %d was recorded at %d ms, entry %d before it at %d ms", b.index, b.entry.RecordedAt, a.index, a.entry.RecordedAt)
	}
	if !a.sound || !b.sound {
		return found
	}
	if a.event != nil && b.event != nil {
		if a.event.ID == b.event.ID {
			add(FaultRepeated, "entries %d and %d both hold event %s", a.index, b.index, a.event.ID)
		}
		if key, ok := a.revokes(); ok && slices.ContainsFunc(b.event.Signers, func(k sign.PublicKey) bool { return k.ID() == key }) {
			add(FaultRevoked, "entry %d is signed by key %s, which entry %d revoked", b.index, ledger.KeyIDText(key), a.index)
		}
	}
	if b.event != nil {
		links := b.entry.Links
		for i, party := range b.event.Parties() {
			linkFault(add, a, b.index, links[i], a.changes(party), "party "+party.String())
		}
		for i, item := range b.event.Names() {
			linkFault(add, a, b.index, b.event.ItemLinks(links)[i], a.names(item), "item "+item.String())
		}
	}
	return found
}

// linkFault judges one link of entry b against entry a, which does or does not bear
// upon what the link is about.
func linkFault(add func(Fault, string, ...any), a judged, b, link uint64, bears bool, about string) {
	switch {
	case bears && link < a.index:
		add(FaultLink, "entry %d links to entry %d for %s and passes over entry %d", b, link, about, a.index)
	case !bears && link == a.index:
		add(FaultLink, "entry %d links to entry %d for %s, which is not about it", b, link, about)
	}
}

// revokes gives the key that the entry revokes.
func (j judged) revokes() (sign.KeyID, bool) {
	body, ok := j.event.Body.(*custodyv1.KeyRevoke)
	if !ok {
		return sign.KeyID{}, false
	}
	return sign.KeyID(body.KeyId), true
}

// names tells whether the entry names or creates an item.
func (j judged) names(item ledger.ItemID) bool {
	if j.event == nil {
		return false
	}
	return slices.Contains(j.event.Outputs(), item) || slices.Contains(j.event.Names(), item)
}

// changes tells whether the entry changes a party's record. The genesis makes those
// of its associations.
func (j judged) changes(party ledger.PartyID) bool {
	if j.event == nil {
		genesis, err := ledger.DecodeGenesis(j.entry.Genesis)
		return err == nil && slices.ContainsFunc(genesis.Associations, func(a ledger.Association) bool { return a.AssociationID() == party })
	}
	switch body := j.event.Body.(type) {
	case *custodyv1.PartyAdmit:
		return j.event.Subject() == party
	case *custodyv1.PartySponsor:
		return ledger.PartyID(body.Party) == party
	case *custodyv1.PartySuspend:
		return ledger.PartyID(body.Party) == party
	case *custodyv1.KeyAdd, *custodyv1.KeyRevoke:
		return j.event.Party == party
	}
	return false
}
