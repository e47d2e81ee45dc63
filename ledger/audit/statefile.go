package audit

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/rules"
	"github.com/custodyledger/custodyledger/ledger/sign"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// The state file, integers big-endian, rows counted from 0:
//
//	"custody-audit-state/v4\n"
//	u32 length, genesis file
//	u64 size | leaf hash of the last entry [32] | its recorded time u64 | root [32]
//	tree: for level 0 to 7 the (size / 256^level) mod 256 hashes of the incomplete tile
//	size × event id [32], zero for entry 0 and handovers
//	u32 parties:       id [20] | association u8 | name | country | role u32 | admitted u64 | last entry u64
//	                   u16 memberships: association [20] | suspended u8
//	                   u16 keys: key id [20]
//	u32 keys:          wire form | party u32 row | scopes u32 | recovery u8 | added u64 | revoked u64
//	u32 items:         id [20] | status u8 | registrant u32 row | registered u64
//	                   last event u64 index | last entry u64 | born u64 | occurred u64 | custody | offered u8
//	                   u8 owners: holder | parts u32
//	                   u8 terms: mode u32 | from u32 row | until u64 | may memo on u8
//	                   u8 offers: index u64 | from u32 row | to u32 row | mode u32 | expires u64
//	                   | goods left u8 | declined u8 | may memo on u8 | until u64
//	                   | part: micrograms u64, count u32 | u8 agents, 0 or 1: u32 row
//	                   within [20], zero for none | lost u8 | stolen u8 | damaged u8
//	                   u8 disputes: index u64 | party u32 row | ground u32
//	                   u8 holds: index u64 | authority u32
//	                   u8 outside ids: kind u32 | issuer | number
//	                   u32 length, matter, see packed
//	  a holder is      0 u8 | party u32 row, or
//	                   1 u8 | reason u32 | country | since u64 | released by u32 row
//	u32 attestations:  index u64 | item u32 row | party u32 row | kind u32 | paper [32]
//	                   | drawn: micrograms u64, count u32 | expires u64 | withdrawn u8
//	u32 papers:        id [32] | document [32] | quantity | spent: micrograms u64, count u32 each
//	u32 registrations: party u32 row | reference [16] | item u32 row
//	policy in force | its handover u64, 0 for the first | policy before, where that is not 0
//	adopted at u64, 0 for none | u16 proposals: index u64 | quorum u32 | u8 nodes, 0 or 1: node u8 row | keys | u8 approvals: party u32 row
//	  a policy is      quorum u32 | for every node of the genesis: keys
//	  keys are         log, cosigner, statement, each a wire form
//	last final checkpoint: u32 length, signed note; length 0 for none, and then not
//	                   tree of its size, as above | u16 policies: its handover u64 | policy
//	u16 cosigners:     name of the key | wire form | u32 length, the newest head it signed, with its line
//	SHA-256 of everything above
//
// A text is a u16 length and bytes. A state has exactly one file. The checksum
// finds damage, not forgery: who can write the file decides what the next audit
// takes for verified.
const stateMagic = "custody-audit-state/v4\n"

// ErrStateFile is wrapped by every error about the bytes of a state file.
var ErrStateFile = errors.New("not a valid audit state file")

// Save writes the state. The error is the writer's.
func (s *State) Save(to io.Writer) error {
	w := stateWriter{to: bufio.NewWriterSize(to, 1<<16), sum: sha256.New()}
	w.text(stateMagic)
	w.uint32(len(s.file))
	w.bytes(s.file)
	w.uint64(s.head.Size)
	w.bytes(s.head.LastLeaf[:])
	w.uint64(s.head.RecordedAt)
	root := s.edge.tree.Root()
	w.bytes(root[:])
	w.rows(&s.edge)
	for i := range s.events {
		w.bytes(s.events[i][:])
	}
	w.uint32(len(s.parties))
	for i := range s.parties {
		w.party(&s.parties[i])
	}
	w.uint32(len(s.keys))
	for i := range s.keys {
		w.key(s, &s.keys[i].key)
	}
	w.uint32(len(s.items))
	for row := range s.items {
		w.item(s, uint32(row))
	}
	w.uint32(len(s.attestations))
	for i := range s.attestations {
		w.attestation(s, &s.attestations[i])
	}
	w.uint32(len(s.papers))
	for i := range s.papers {
		p := &s.papers[i]
		w.bytes(p.ID[:])
		w.bytes(p.Document[:])
		w.portion(p.Quantity)
		w.portion(p.Spent)
	}
	w.uint32(len(s.registrations))
	for i := range s.registrations {
		r := &s.registrations[i]
		w.uint32(int(r.party))
		w.bytes(r.reference[:])
		w.uint32(int(r.item))
	}
	w.policyState(s)
	w.memory(&s.memory)
	sum := w.sum.Sum(nil)
	w.bytes(sum)
	if w.err != nil {
		return w.err
	}
	return w.to.Flush()
}

type stateWriter struct {
	to  *bufio.Writer
	sum hash.Hash
	err error
	buf [8]byte
}

func (w *stateWriter) bytes(b []byte) {
	if w.err != nil {
		return
	}
	w.sum.Write(b)
	_, w.err = w.to.Write(b)
}

func (w *stateWriter) text(s string) { w.bytes([]byte(s)) }

func (w *stateWriter) short(s string) {
	w.uint16(len(s))
	w.text(s)
}

func (w *stateWriter) uint8(v uint8) { w.bytes(append(w.buf[:0], v)) }
func (w *stateWriter) uint16(v int) {
	w.bytes(binary.BigEndian.AppendUint16(w.buf[:0], uint16(v)))
}
func (w *stateWriter) uint32(v int) {
	w.bytes(binary.BigEndian.AppendUint32(w.buf[:0], uint32(v)))
}
func (w *stateWriter) uint64(v uint64) {
	w.bytes(binary.BigEndian.AppendUint64(w.buf[:0], v))
}

func (w *stateWriter) flag(v bool) {
	if v {
		w.uint8(1)
		return
	}
	w.uint8(0)
}

func (w *stateWriter) party(p *rules.Party) {
	w.bytes(p.ID[:])
	w.flag(p.Association)
	w.short(p.Name)
	w.short(p.Country)
	w.uint32(int(p.Role))
	w.uint64(p.Admitted)
	w.uint64(p.LastIndex)
	w.uint16(len(p.Memberships))
	for _, m := range p.Memberships {
		w.bytes(m.Association[:])
		w.flag(m.Suspended)
	}
	w.uint16(len(p.Keys))
	for _, id := range p.Keys {
		w.bytes(id[:])
	}
}

func (w *stateWriter) key(s *State, k *rules.Key) {
	wire := k.Public.Bytes()
	w.uint16(len(wire))
	w.bytes(wire)
	w.uint32(int(s.partyRow(k.Party)))
	w.uint32(int(k.Scopes))
	w.flag(k.Recovery)
	w.uint64(k.Added)
	w.uint64(k.Revoked)
}

func (w *stateWriter) item(s *State, row uint32) {
	i := &s.items[row]
	w.bytes(i.id[:])
	w.uint8(uint8(i.status))
	w.uint32(int(i.registrant))
	w.uint64(i.registered)
	w.uint64(i.last)
	w.uint64(i.lastIndex)
	w.uint64(i.born)
	w.uint64(i.occurred)
	w.holder(s, i.custody)
	w.flag(i.offered)
	title, m := s.title(row), s.marks[row]
	w.uint8(uint8(len(title)))
	for _, share := range title {
		w.holder(s, s.holderRow(share.Owner))
		w.uint32(int(share.Parts))
	}
	w.uint8(uint8(len(m.terms)))
	for _, t := range m.terms {
		w.uint32(int(t.Mode))
		w.uint32(int(s.partyRow(t.From)))
		w.uint64(t.Until)
		w.flag(t.MayMemoOn)
	}
	offers := s.offers[row]
	w.uint8(uint8(len(offers)))
	for _, o := range offers {
		w.offer(s, o)
	}
	w.bytes(m.within[:])
	w.flag(m.lost)
	w.flag(m.stolen)
	w.flag(m.damaged)
	w.uint8(uint8(len(m.disputes)))
	for _, d := range m.disputes {
		w.uint64(s.indexOf(d.Event))
		w.uint32(int(s.partyRow(d.Party)))
		w.uint32(int(d.Ground))
	}
	w.uint8(uint8(len(m.holds)))
	for _, h := range m.holds {
		w.uint64(s.indexOf(h.Event))
		w.uint32(int(h.Authority))
	}
	w.uint8(uint8(len(s.claims[row])))
	for _, id := range s.claims[row] {
		w.uint32(int(id.Kind))
		w.short(id.Issuer)
		w.short(id.Number)
	}
	w.uint32(len(i.matter))
	w.text(string(i.matter))
}

func (w *stateWriter) offer(s *State, o rules.Offer) {
	w.uint64(o.Index)
	w.uint32(int(s.partyRow(o.From)))
	w.uint32(int(s.partyRow(o.To)))
	w.uint32(int(o.Mode))
	w.uint64(o.ExpiresAt)
	w.flag(o.GoodsLeft)
	w.flag(o.Declined)
	w.flag(o.MayMemoOn)
	w.uint64(o.Until)
	w.portion(o.Part)
	agent := o.Agent != ledger.PartyID{}
	w.flag(agent)
	if agent {
		w.uint32(int(s.partyRow(o.Agent)))
	}
}

func (w *stateWriter) portion(p rules.Portion) {
	w.uint64(p.Micrograms)
	w.uint32(int(p.Count))
}

func (w *stateWriter) attestation(s *State, a *rules.Attestation) {
	w.uint64(s.indexOf(a.Event))
	w.uint32(int(s.itemRow(a.Item)))
	w.uint32(int(s.partyRow(a.Party)))
	w.uint32(int(a.Kind))
	w.bytes(a.Paper[:])
	w.portion(a.Drawn)
	w.uint64(a.Expires)
	w.flag(a.Withdrawn)
}

// indexOf gives the index of an event that the ledger holds.
func (s *State) indexOf(id ledger.EventID) uint64 {
	index, ok := s.EventIndex(id)
	if !ok {
		panic(fmt.Sprintf("audit: event %s is not in the ledger", id))
	}
	return index
}

func (w *stateWriter) holder(s *State, h holderRow) {
	w.flag(h.outside != nil)
	if h.outside == nil {
		w.uint32(int(h.party))
		return
	}
	w.uint32(int(h.outside.Reason))
	w.short(h.outside.Country)
	w.uint64(h.outside.Since)
	w.uint32(int(s.partyRow(h.outside.ReleasedBy)))
}

// Load reads what Save wrote, to the end of from, and nothing else. The error
// wraps ErrStateFile, or is the reader's.
func Load(from io.Reader) (*State, error) {
	r := stateReader{from: bufio.NewReaderSize(from, 1<<16), sum: sha256.New()}
	s := r.state()
	sum := r.sum.Sum(nil)
	if stored := r.take(sha256.Size); r.err == nil && string(stored) != string(sum) {
		r.fail("its checksum does not fit; it was damaged or written to")
	}
	if _, err := r.from.ReadByte(); r.err == nil && err != io.EOF {
		r.fail("bytes are left over")
	}
	if r.err != nil {
		return nil, r.err
	}
	return s, nil
}

// stateReader reads values; after the first error it gives zeros. What it
// allocates is bounded by what it has read.
type stateReader struct {
	from *bufio.Reader
	sum  hash.Hash
	err  error
	buf  [128]byte
}

func (r *stateReader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", ErrStateFile, fmt.Sprintf(format, args...))
	}
}

// take gives the next n bytes, at most 128, valid until the next call.
func (r *stateReader) take(n int) []byte {
	b := r.buf[:n]
	if r.err == nil {
		_, r.err = io.ReadFull(r.from, b)
		if r.err == io.EOF || r.err == io.ErrUnexpectedEOF {
			r.err = nil
			r.fail("it is cut short")
		}
	}
	if r.err != nil {
		clear(b)
		return b
	}
	r.sum.Write(b)
	return b
}

func (r *stateReader) uint8() uint8   { return r.take(1)[0] }
func (r *stateReader) uint16() uint16 { return binary.BigEndian.Uint16(r.take(2)) }
func (r *stateReader) uint32() uint32 { return binary.BigEndian.Uint32(r.take(4)) }
func (r *stateReader) uint64() uint64 { return binary.BigEndian.Uint64(r.take(8)) }
func (r *stateReader) hash() [32]byte { return [32]byte(r.take(32)) }
func (r *stateReader) id() [20]byte   { return [20]byte(r.take(20)) }

func (r *stateReader) flag() bool {
	v := r.uint8()
	if v > 1 {
		r.fail("a flag is %d", v)
	}
	return v == 1
}

// enum reads a number that a signed 32-bit enumeration can hold.
func (r *stateReader) enum() int32 {
	v := r.uint32()
	if v > math.MaxInt32 {
		r.fail("a value of an enumeration is %d", v)
	}
	return int32(v)
}

func (r *stateReader) short() string {
	n := int(r.uint16())
	if n > len(r.buf) {
		r.fail("a text has %d bytes", n)
		return ""
	}
	return string(r.take(n))
}

// row reads a number that must be less than count.
func (r *stateReader) row(count int) uint32 {
	row := r.uint32()
	if r.err == nil && uint64(row) >= uint64(count) {
		r.fail("row %d of %d", row, count)
		return 0
	}
	return row
}

// each calls read count times, or until something fails.
func (r *stateReader) each(count uint64, read func()) {
	for i := uint64(0); i < count && r.err == nil; i++ {
		read()
	}
}

func (r *stateReader) state() *State {
	if string(r.take(len(stateMagic))) != stateMagic {
		r.fail("it does not begin with %q; another version of the program may have written it", stateMagic)
		return nil
	}
	s := r.genesis()
	if s == nil {
		return nil
	}
	r.tree(s)
	r.each(s.head.Size, func() { r.event(s) })
	r.each(uint64(r.uint32()), func() { r.party(s) })
	r.each(uint64(r.uint32()), func() { r.key(s) })
	r.each(uint64(r.uint32()), func() { r.item(s) })
	r.each(uint64(r.uint32()), func() { r.attestation(s) })
	r.each(uint64(r.uint32()), func() { r.paper(s) })
	r.each(uint64(r.uint32()), func() { r.registration(s) })
	r.policyState(s)
	r.memory(s)
	return s
}

func (r *stateReader) genesis() *State {
	length := r.uint32()
	if length > ledger.GenesisBytesMax {
		r.fail("a genesis of %d bytes", length)
		return nil
	}
	file := make([]byte, 0, length)
	for len(file) < int(length) && r.err == nil {
		file = append(file, r.take(min(len(r.buf), int(length)-len(file)))...)
	}
	if r.err != nil {
		return nil
	}
	genesis, err := ledger.DecodeGenesis(file)
	if err != nil {
		r.fail("%v", err)
		return nil
	}
	return newState(file, genesis)
}

func (r *stateReader) tree(s *State) {
	s.head = ledger.Head{Size: r.uint64(), LastLeaf: r.hash(), RecordedAt: r.uint64()}
	root := merkle.Hash(r.hash())
	if r.err == nil && (s.head.Size == 0 || s.head.Size > math.MaxUint32) {
		r.fail("a ledger of %d entries", s.head.Size)
	}
	for level := range s.edge.rows {
		for range rowLen(s.head.Size, level) {
			s.edge.rows[level] = append(s.edge.rows[level], r.hash())
		}
	}
	if r.err != nil {
		return
	}
	if err := s.edge.rebuild(s.head.Size); err != nil {
		r.fail("%v", err)
		return
	}
	if s.edge.tree.Root() != root {
		r.fail("its tree does not have the root it says")
	}
	if row := s.edge.rows[0]; len(row) > 0 && row[len(row)-1] != s.head.LastLeaf {
		r.fail("its last leaf is not the last leaf of its tree")
	}
}

func (r *stateReader) event(s *State) {
	id := ledger.EventID(r.hash())
	if r.err != nil {
		return
	}
	none := id == ledger.EventID{}
	if _, known := s.eventAt.find(id); known || len(s.events) == 0 && !none {
		r.fail("event %s stands at entry %d", id, len(s.events))
		return
	}
	if none {
		s.events = append(s.events, id)
		return
	}
	s.addEvent(id)
}

func (r *stateReader) party(s *State) {
	p := rules.Party{ID: r.id(), Association: r.flag(), Name: r.short(), Country: r.short(), Role: custodyv1.Role(r.enum()), Admitted: r.index(s), LastIndex: r.index(s)}
	r.each(uint64(r.uint16()), func() {
		p.Memberships = append(p.Memberships, rules.Membership{Association: r.id(), Suspended: r.flag()})
	})
	r.each(uint64(r.uint16()), func() { p.Keys = append(p.Keys, sign.KeyID(r.id())) })
	if _, known := s.partyAt.find(p.ID); known {
		r.fail("party %s stands twice", p.ID)
	}
	if r.err == nil {
		s.putParty(p)
	}
}

func (r *stateReader) key(s *State) {
	wire := []byte(r.short())
	party := r.row(len(s.parties))
	k := rules.Key{Scopes: ledger.Scopes(r.uint32()), Recovery: r.flag(), Added: r.uint64(), Revoked: r.uint64()}
	if r.err != nil {
		return
	}
	var err error
	if k.Public, err = sign.ParsePublicKey(wire); err != nil {
		r.fail("key: %v", err)
		return
	}
	k.Party = s.parties[party].ID
	if _, known := s.keyAt.find(k.Public.ID()); known {
		r.fail("key %s stands twice", ledger.KeyIDText(k.Public.ID()))
		return
	}
	s.putKey(k)
}

// index reads the index of an entry that the state covers.
func (r *stateReader) index(s *State) uint64 {
	index := r.uint64()
	if r.err == nil && index >= s.head.Size {
		r.fail("entry %d of %d", index, s.head.Size)
		return 0
	}
	return index
}

func (r *stateReader) item(s *State) {
	i := itemRow{id: r.id(), status: rules.Status(r.uint8()), registrant: r.row(len(s.parties)), registered: r.index(s)}
	i.last, i.lastIndex = r.index(s), r.index(s)
	i.born, i.occurred = r.uint64(), r.uint64()
	i.custody, i.offered = r.holder(s), r.flag()
	var m marks
	r.each(uint64(r.uint8()), func() {
		owner := r.holder(s)
		if len(m.title) == 0 {
			i.owner = owner
		}
		m.title = append(m.title, rules.Share{Owner: r.held(s, owner), Parts: r.uint32()})
	})
	r.each(uint64(r.uint8()), func() {
		m.terms = append(m.terms, rules.Term{Mode: custodyv1.Mode(r.enum()), From: r.partyID(s), Until: r.uint64(), MayMemoOn: r.flag()})
	})
	var offers []rules.Offer
	r.each(uint64(r.uint8()), func() { offers = append(offers, r.offer(s)) })
	m.within, m.lost, m.stolen, m.damaged = r.id(), r.flag(), r.flag(), r.flag()
	r.each(uint64(r.uint8()), func() {
		m.disputes = append(m.disputes, rules.Dispute{Event: r.eventID(s), Party: r.partyID(s), Ground: custodyv1.DisputeGround(r.enum())})
	})
	r.each(uint64(r.uint8()), func() {
		m.holds = append(m.holds, rules.Hold{Event: r.eventID(s), Authority: custodyv1.HoldAuthority(r.enum())})
	})
	var claims []rules.OutsideID
	r.each(uint64(r.uint8()), func() {
		claims = append(claims, rules.OutsideID{Kind: custodyv1.OutsideIdKind(r.enum()), Issuer: r.short(), Number: r.short()})
	})
	i.matter = r.packed()
	if i.status < rules.Live || i.status > rules.Destroyed {
		r.fail("an item has status %d", i.status)
	}
	if len(m.title) == 0 {
		r.fail("nobody owns item %s", i.id)
	}
	if _, known := s.itemAt.find(i.id); known {
		r.fail("item %s stands twice", i.id)
	}
	if _, err := i.matter.unpack(i.id); err != nil {
		r.fail("item %s: %v", i.id, err)
	}
	if r.err != nil {
		return
	}
	if len(m.title) == 1 && m.title[0].Parts == 1 {
		m.title = nil
	}
	row := uint32(len(s.items))
	s.items = append(s.items, i)
	s.itemAt.add(row)
	if !m.none() {
		s.marks[row] = m
	}
	if len(offers) > 0 {
		s.offers[row] = offers
	}
	if len(claims) > 0 {
		s.claims[row] = claims
	}
}

// packed reads matter.
func (r *stateReader) packed() packed {
	length := int(r.uint32())
	var b []byte
	for len(b) < length && r.err == nil {
		b = append(b, r.take(min(len(r.buf), length-len(b)))...)
	}
	return packed(b)
}

// partyID reads the row of a party.
func (r *stateReader) partyID(s *State) ledger.PartyID {
	row := r.row(len(s.parties))
	if r.err != nil {
		return ledger.PartyID{}
	}
	return s.parties[row].ID
}

// eventID reads the index of an event.
func (r *stateReader) eventID(s *State) ledger.EventID {
	index := r.index(s)
	if r.err != nil {
		return ledger.EventID{}
	}
	if s.events[index] == (ledger.EventID{}) {
		r.fail("entry %d is named as an event", index)
	}
	return s.events[index]
}

func (r *stateReader) held(s *State, h holderRow) rules.Holder {
	if r.err != nil {
		return rules.Holder{}
	}
	return s.holder(h)
}

func (r *stateReader) portion() rules.Portion {
	return rules.Portion{Micrograms: r.uint64(), Count: r.uint32()}
}

func (r *stateReader) attestation(s *State) {
	a := rules.Attestation{Index: r.index(s)}
	item := r.row(len(s.items))
	a.Party, a.Kind = r.partyID(s), custodyv1.DocumentKind(r.enum())
	a.Paper, a.Drawn, a.Expires, a.Withdrawn = r.hash(), r.portion(), r.uint64(), r.flag()
	if r.err != nil {
		return
	}
	a.Event, a.Item = s.events[a.Index], s.items[item].id
	if _, known := s.attestationAt.find(a.Event); known || a.Event == (ledger.EventID{}) {
		r.fail("entry %d is no attestation, or stands twice", a.Index)
		return
	}
	s.putAttestation(a)
}

func (r *stateReader) paper(s *State) {
	p := rules.Paper{ID: r.hash(), Document: r.hash(), Quantity: r.portion(), Spent: r.portion()}
	if r.err != nil {
		return
	}
	if _, known := s.paperAt.find(p.ID); known {
		r.fail("paper %x stands twice", p.ID)
		return
	}
	s.putPaper(p)
}

func (r *stateReader) holder(s *State) holderRow {
	if !r.flag() {
		return holderRow{party: r.row(len(s.parties))}
	}
	outside := &rules.Outside{Reason: custodyv1.OutsideReason(r.enum()), Country: r.short(), Since: r.index(s)}
	if by := r.row(len(s.parties)); r.err == nil {
		outside.ReleasedBy = s.parties[by].ID
	}
	return holderRow{outside: outside}
}

func (r *stateReader) offer(s *State) rules.Offer {
	o := rules.Offer{Index: r.index(s)}
	from, to := r.row(len(s.parties)), r.row(len(s.parties))
	o.Mode, o.ExpiresAt = custodyv1.Mode(r.enum()), r.uint64()
	o.GoodsLeft, o.Declined, o.MayMemoOn, o.Until, o.Part = r.flag(), r.flag(), r.flag(), r.uint64(), r.portion()
	if r.flag() {
		o.Agent = r.partyID(s)
	}
	if r.err == nil {
		o.Event, o.From, o.To = s.events[o.Index], s.parties[from].ID, s.parties[to].ID
	}
	return o
}

func (r *stateReader) registration(s *State) {
	var row registrationRow
	row.party = r.row(len(s.parties))
	copy(row.reference[:], r.take(len(row.reference)))
	row.item = r.row(len(s.items))
	if r.err != nil {
		return
	}
	if _, known := s.registrationAt.find(row.registrationKey); known {
		r.fail("a registration stands twice")
		return
	}
	s.registrations = append(s.registrations, row)
	s.registrationAt.add(uint32(len(s.registrations) - 1))
}
