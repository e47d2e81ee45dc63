package bundle

import (
	"encoding/binary"
	"fmt"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/sign"
)

// Magic is how every bundle begins.
const Magic = "custody-bundle/v1\n"

// Limits of a bundle, each inclusive.
const (
	// BytesMax is the longest bundle.
	BytesMax = 32 << 20
	// SubjectsMax is the number of items that it is about.
	SubjectsMax = ledger.GroupEventsMax
	// EntriesMax is the number of entries in it.
	EntriesMax = 65_535
	// NoteBytesMax is the longest final checkpoint in it.
	NoteBytesMax = 65_535
	// HandoversMax is the number of changes of policy that it carries.
	HandoversMax = 1_000

	proofHashesMax    = 64
	payloadBytesMax   = 8 << 10
	signaturesMax     = ledger.NodesMax
	entryBytesLeast   = 2 + 1
	subjectBytesLeast = len(ledger.ItemID{})
)

// Bundle is what a file says. Parse checks its form only.
type Bundle struct {
	// Subjects are the items that it is about, strictly ascending; none if it shows
	// the policy alone.
	Subjects []ledger.ItemID
	Note     []byte  // the final checkpoint with the lines of its policy's keys
	Entries  []Entry // ascending by index; the first is the genesis
	// Handovers holds, for each handover among the entries, the consistency proof
	// from the size of the note in it to the size of Note.
	Handovers [][]merkle.Hash
	// Statements is empty or has one for each subject, in their order.
	Statements []Statement

	at offsets
}

// Entry is one entry and its inclusion proof under the note.
type Entry struct {
	Bytes []byte
	Proof []merkle.Hash
}

// Statement is what nodes stated alike about one subject.
type Statement struct {
	Payload    []byte // see ledger.Statement
	Signatures []Signature
}

// Signature is by the statement key of one node.
type Signature struct {
	Node  uint8 // its place in the policy in force at the note
	Bytes [sign.SignatureSize]byte
}

// offsets says where in the file the parts stood.
type offsets struct {
	subjects, note span
	entries        []span
	handovers      []span
	statements     []span
}

// span is a range of bytes of the file.
type span struct{ from, to int }

func (s span) String() string { return fmt.Sprintf("bytes %d to %d", s.from, s.to) }

// Encode gives the file:
//
//	"custody-bundle/v1\n"
//	| subjects u16, each 20
//	| note u16 length + bytes
//	| entries u16, each: length u16 + bytes, proof u8, each 32
//	| handovers u16, each: proof u8, each 32
//	| statements u16, each: payload u16 length + bytes, signatures u8, each: node u8, signature 64
//
// The error wraps ErrTooLarge.
func (b *Bundle) Encode() ([]byte, error) {
	if len(b.Subjects) > SubjectsMax || len(b.Entries) > EntriesMax || len(b.Note) > NoteBytesMax || len(b.Handovers) > HandoversMax {
		return nil, fmt.Errorf("%w: %d items, %d entries, %d changes of policy and a note of %d bytes", ErrTooLarge, len(b.Subjects), len(b.Entries), len(b.Handovers), len(b.Note))
	}
	out := append(make([]byte, 0, 4096), Magic...)
	out = binary.BigEndian.AppendUint16(out, uint16(len(b.Subjects)))
	for _, id := range b.Subjects {
		out = append(out, id[:]...)
	}
	out = appendBytes(out, b.Note)
	out = binary.BigEndian.AppendUint16(out, uint16(len(b.Entries)))
	for _, e := range b.Entries {
		out = appendProof(appendBytes(out, e.Bytes), e.Proof)
	}
	out = binary.BigEndian.AppendUint16(out, uint16(len(b.Handovers)))
	for _, proof := range b.Handovers {
		out = appendProof(out, proof)
	}
	out = binary.BigEndian.AppendUint16(out, uint16(len(b.Statements)))
	for _, s := range b.Statements {
		out = append(appendBytes(out, s.Payload), byte(len(s.Signatures)))
		for _, signature := range s.Signatures {
			out = append(append(out, signature.Node), signature.Bytes[:]...)
		}
	}
	if len(out) > BytesMax {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, len(out), BytesMax)
	}
	return out, nil
}

func appendBytes(out, b []byte) []byte {
	return append(binary.BigEndian.AppendUint16(out, uint16(len(b))), b...)
}

func appendProof(out []byte, proof []merkle.Hash) []byte {
	out = append(out, byte(len(proof)))
	for _, h := range proof {
		out = append(out, h[:]...)
	}
	return out
}

// Parse reads exactly what Encode writes. It checks form, counts and that no byte
// is left over; the result shares memory with file. The error is an *Error.
func Parse(file []byte) (*Bundle, error) {
	if len(file) > BytesMax {
		return nil, fail("the file", "it has %d bytes, at most %d", len(file), BytesMax)
	}
	r := reader{file: file}
	if string(r.take(len(Magic), "the first line")) != Magic {
		return nil, fail("the first line", "it is not %q: this is no bundle, or one of a version that this program does not know", Magic)
	}
	b := &Bundle{}
	b.parseSubjects(&r)
	from := r.at
	b.Note = r.take(int(r.uint16("the note")), "the note")
	b.at.note = span{from, r.at}
	b.parseEntries(&r)
	b.parseHandovers(&r)
	b.parseStatements(&r)
	if r.err == nil && r.at < len(file) {
		r.fail("the end", "%d bytes are left over from byte %d on", len(file)-r.at, r.at)
	}
	if r.err != nil {
		return nil, r.err
	}
	return b, nil
}

func (b *Bundle) parseSubjects(r *reader) {
	from := r.at
	for i := range r.count("subjects", int(r.uint16("the number of subjects")), 0, SubjectsMax, subjectBytesLeast) {
		id := ledger.ItemID(r.take(len(ledger.ItemID{}), "subjects"))
		if i > 0 && string(id[:]) <= string(b.Subjects[i-1][:]) {
			r.fail("subjects", "they must stand in ascending order, each once; subject %d does not", i)
		}
		b.Subjects = append(b.Subjects, id)
	}
	b.at.subjects = span{from, r.at}
}

func (b *Bundle) parseEntries(r *reader) {
	for i := range r.count("entries", int(r.uint16("the number of entries")), 1, EntriesMax, entryBytesLeast) {
		from, what := r.at, fmt.Sprintf("entry %d in the file", i)
		e := Entry{Bytes: r.take(int(r.uint16(what)), what), Proof: r.proof(what)}
		b.Entries = append(b.Entries, e)
		b.at.entries = append(b.at.entries, span{from, r.at})
		if r.err != nil {
			return
		}
	}
}

func (b *Bundle) parseHandovers(r *reader) {
	for i := range r.count("handovers", int(r.uint16("the number of handovers")), 0, HandoversMax, 1) {
		from := r.at
		b.Handovers = append(b.Handovers, r.proof(fmt.Sprintf("handover %d", i)))
		b.at.handovers = append(b.at.handovers, span{from, r.at})
	}
}

func (b *Bundle) parseStatements(r *reader) {
	for i := range r.count("statements", int(r.uint16("the number of statements")), 0, SubjectsMax, entryBytesLeast) {
		from, what := r.at, fmt.Sprintf("statement %d", i)
		s := Statement{Payload: r.take(min(int(r.uint16(what)), payloadBytesMax+1), what)}
		if len(s.Payload) > payloadBytesMax {
			r.fail(what, "more than %d bytes", payloadBytesMax)
		}
		for range r.count(what+", signatures", int(r.uint8(what)), 1, signaturesMax, 1+sign.SignatureSize) {
			signature := Signature{Node: r.uint8(what)}
			copy(signature.Bytes[:], r.take(sign.SignatureSize, what))
			s.Signatures = append(s.Signatures, signature)
		}
		b.Statements = append(b.Statements, s)
		b.at.statements = append(b.at.statements, span{from, r.at})
	}
	if n := len(b.Statements); n != 0 && n != len(b.Subjects) {
		r.fail("statements", "there are %d for %d subjects; there is one for each, or none", n, len(b.Subjects))
	}
}

// reader takes values off a file. After its first problem it gives zeros.
type reader struct {
	file []byte
	at   int
	err  error
}

func (r *reader) fail(where, format string, args ...any) {
	if r.err == nil {
		r.err = fail(where, format, args...)
		r.at = len(r.file)
	}
}

var zeros [64]byte

func (r *reader) take(n int, where string) []byte {
	if r.err != nil || n > len(r.file)-r.at {
		r.fail(where, "the file ends at byte %d, inside of it", len(r.file))
		return zeros[:min(n, len(zeros))]
	}
	r.at += n
	return r.file[r.at-n : r.at : r.at]
}

func (r *reader) uint8(where string) uint8   { return r.take(1, where)[0] }
func (r *reader) uint16(where string) uint16 { return binary.BigEndian.Uint16(r.take(2, where)) }

// count checks a number of things against its limits and against the bytes that
// are left, of which each thing takes some.
func (r *reader) count(where string, n, least, most, bytesEach int) int {
	switch {
	case r.err != nil:
		return 0
	case n < least || n > most:
		r.fail(where, "there are %d, expected %d to %d", n, least, most)
		return 0
	case n > (len(r.file)-r.at)/bytesEach:
		r.fail(where, "there are said to be %d, which do not fit the %d bytes that follow", n, len(r.file)-r.at)
		return 0
	}
	return n
}

func (r *reader) proof(where string) []merkle.Hash {
	n := r.count(where+", proof", int(r.uint8(where)), 0, proofHashesMax, merkle.HashSize)
	if n == 0 {
		return nil
	}
	proof := make([]merkle.Hash, n)
	for i := range proof {
		proof[i] = merkle.Hash(r.take(merkle.HashSize, where))
	}
	return proof
}
