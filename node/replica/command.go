package replica

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/custodyledger/custodyledger/consensus"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/sign"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// A command is what one raft entry carries: a body, and in front of it the
// proposal by which its leader signed it. Integers are big-endian.
//
//	version u8 = 2 | kind u8 | proposal u16 length + bytes (ledger.Proposal) | signature 64 | body
//
//	kind 1, submissions that arrived together: submissions u16, each:
//	  events u16, each:
//	    signatures u8, each: length u16, bytes
//	    openings u8, each: field u32 | salt 32 | value length u16, bytes
//	    event length u32, bytes
//	kind 2, a final checkpoint: the signed note
//
// Nothing trailing. The time of a command is that of its proposal. A command is
// read by every node from its own raft log; what cannot be read is refused by
// all of them alike.
const (
	commandVersion = 2

	// proposalBytesMax is the payload of a proposal by a node with the longest id.
	proposalBytesMax = 32 + 1 + 32 + 8 + 8 + 32 + 8 + 32
	// commandHeaderBytes is the most that stands before the first submission.
	commandHeaderBytes = 1 + 1 + 2 + proposalBytesMax + sign.SignatureSize + submissionsCountBytes

	submissionsCountBytes = 2

	// CommandBytesMax is the longest command, and so the longest group.
	CommandBytesMax = consensus.CommandBytesMax
	// SubmissionBytesMax is the longest encoding of one submission.
	SubmissionBytesMax = CommandBytesMax - commandHeaderBytes
	// CommandSubmissionsMax is the largest number of submissions in one command.
	CommandSubmissionsMax = 4096

	saltBytes = 32
)

// commandKind says what the body of a command is.
type commandKind byte

const (
	kindSubmissions commandKind = 1
	kindFinal       commandKind = 2
)

// errCommandVersion stops the node: a command of a newer program is committed,
// and to skip it would fork the state.
var errCommandVersion = errors.New("replica: a command has a version or kind that this program does not know; install the version that the leader runs")

// errCommand is wrapped by every other error about the bytes of a command. It
// makes a rejection.
var errCommand = errors.New("replica: not a valid command")

// opened is a command whose proposal was read, and whose body was not. Nothing
// about it is verified. It shares memory with what was read.
type opened struct {
	kind     commandKind
	signed   SignedProposal
	proposal ledger.Proposal
	body     []byte
}

// command is a decoded command. Its byte slices share memory with what was
// decoded.
type command struct {
	at          uint64
	kind        commandKind
	submissions [][]unverified // of kindSubmissions
	note        []byte         // of kindFinal
}

// unverified is an event as a command carries it.
type unverified struct {
	signed   ledger.SignedEvent
	openings []*custodyv1.Opening
}

// appendCommandHeader appends all that stands before the body.
func appendCommandHeader(b []byte, signed SignedProposal, kind commandKind) []byte {
	b = append(b, commandVersion, byte(kind))
	b = binary.BigEndian.AppendUint16(b, uint16(len(signed.Payload)))
	b = append(b, signed.Payload...)
	return append(b, signed.Signature...)
}

// commandHeaderSize is how much appendCommandHeader appends for a proposal by a
// node.
func commandHeaderSize(node string) int {
	return 1 + 1 + 2 + len(ledger.Proposal{Node: node}.Payload()) + sign.SignatureSize
}

// appendSubmissions appends the body of kindSubmissions.
func appendSubmissions(b []byte, submissions [][]byte) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(len(submissions)))
	for _, s := range submissions {
		b = append(b, s...)
	}
	return b
}

// encodeSubmission fails only for a submission that is longer than
// SubmissionBytesMax; everything else was checked when it was verified.
func encodeSubmission(submission ledger.Submission) ([]byte, error) {
	b := binary.BigEndian.AppendUint16(nil, uint16(len(submission)))
	for _, candidate := range submission {
		b = append(b, byte(len(candidate.Signed.Signatures)))
		for _, signature := range candidate.Signed.Signatures {
			b = binary.BigEndian.AppendUint16(b, uint16(len(signature)))
			b = append(b, signature...)
		}
		b = append(b, byte(len(candidate.Openings)))
		for _, opening := range candidate.Openings {
			b = binary.BigEndian.AppendUint32(b, uint32(opening.Field))
			b = append(b, opening.Salt[:]...)
			b = binary.BigEndian.AppendUint16(b, uint16(len(opening.Value)))
			b = append(b, opening.Value...)
		}
		b = binary.BigEndian.AppendUint32(b, uint32(len(candidate.Signed.Event)))
		b = append(b, candidate.Signed.Event...)
	}
	if len(b) > SubmissionBytesMax {
		return nil, fmt.Errorf("%w: a submission of %d bytes, at most %d", errCommand, len(b), SubmissionBytesMax)
	}
	return b, nil
}

// openCommand reads a command up to its body.
func openCommand(b []byte) (opened, error) {
	if len(b) == 0 {
		return opened{}, fmt.Errorf("%w: empty", errCommand)
	}
	if b[0] != commandVersion {
		return opened{}, fmt.Errorf("%w: version %d", errCommandVersion, b[0])
	}
	if len(b) > CommandBytesMax {
		return opened{}, fmt.Errorf("%w: %d bytes, at most %d", errCommand, len(b), CommandBytesMax)
	}
	r := commandReader{b: b[1:]}
	c := opened{kind: commandKind(r.uint8())}
	c.signed.Payload = r.take(r.count(r.uint16(), 1, proposalBytesMax, "bytes of a proposal"))
	c.signed.Signature = r.take(sign.SignatureSize)
	c.body = r.b
	if r.err != nil {
		return opened{}, r.err
	}
	if c.kind != kindSubmissions && c.kind != kindFinal {
		return opened{}, fmt.Errorf("%w: kind %d", errCommandVersion, c.kind)
	}
	var err error
	if c.proposal, err = ledger.ParseProposal(c.signed.Payload); err != nil {
		return opened{}, fmt.Errorf("%w: %w", errCommand, err)
	}
	return c, nil
}

// decodeCommand reads a command with its body. Every count is checked against
// its limit before memory is taken for it. It does not ask who signed it: what
// is in this node's raft log was asked before, or is its own.
func decodeCommand(b []byte) (command, error) {
	o, err := openCommand(b)
	if err != nil {
		return command{}, err
	}
	c := command{at: o.proposal.At, kind: o.kind}
	r := commandReader{b: o.body}
	if o.kind == kindFinal {
		c.note = r.take(r.count(len(o.body), 1, checkpoint.NoteBytesMax, "bytes of a note"))
	} else {
		c.submissions = r.submissions()
	}
	if r.err == nil && len(r.b) > 0 {
		r.fail("%d bytes left over", len(r.b))
	}
	if r.err != nil {
		return command{}, r.err
	}
	return c, nil
}

// commandReader takes values off a slice. After its first error it gives zero
// values only.
type commandReader struct {
	b   []byte
	err error
}

func (r *commandReader) submissions() (all [][]unverified) {
	n := r.count(r.uint16(), 1, CommandSubmissionsMax, "submissions")
	all = make([][]unverified, 0, n)
	for range n {
		all = append(all, r.submission())
		if r.err != nil {
			return nil
		}
	}
	return all
}

func (r *commandReader) submission() []unverified {
	n := r.count(r.uint16(), 1, ledger.GroupEventsMax, "events")
	events := make([]unverified, 0, n)
	for range n {
		events = append(events, r.event())
		if r.err != nil {
			return nil
		}
	}
	return events
}

func (r *commandReader) event() unverified {
	var u unverified
	n := r.count(r.uint8(), 1, ledger.SignersMax, "signatures")
	u.signed.Signatures = make([][]byte, 0, n)
	for range n {
		u.signed.Signatures = append(u.signed.Signatures, r.take(r.uint16()))
	}
	for range r.count(r.uint8(), 0, ledger.CommitmentsMax, "openings") {
		field, salt := r.uint32(), r.take(saltBytes)
		u.openings = append(u.openings, &custodyv1.Opening{
			Field: custodyv1.PrivateField(int32(field)), Salt: salt, Value: string(r.take(r.uint16())),
		})
	}
	u.signed.Event = r.take(r.count(r.uint32(), 1, ledger.EventBytesMax, "bytes of an event"))
	return u
}

func (r *commandReader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", errCommand, fmt.Sprintf(format, args...))
		r.b = nil
	}
}

func (r *commandReader) count(n, least, most int, what string) int {
	if n < least || n > most {
		r.fail("%d %s, expected %d to %d", n, what, least, most)
	}
	if r.err != nil {
		return 0
	}
	return n
}

func (r *commandReader) take(n int) []byte {
	if n > len(r.b) {
		r.fail("cut short: %d bytes, %d are left", n, len(r.b))
		return nil
	}
	taken := r.b[:n:n]
	r.b = r.b[n:]
	return taken
}

func (r *commandReader) uint8() int  { return int(r.unsigned(1)) }
func (r *commandReader) uint16() int { return int(r.unsigned(2)) }
func (r *commandReader) uint32() int { return int(r.unsigned(4)) }

func (r *commandReader) unsigned(n int) uint64 {
	var v uint64
	for _, b := range r.take(n) {
		v = v<<8 | uint64(b)
	}
	return v
}
