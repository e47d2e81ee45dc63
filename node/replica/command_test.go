package replica

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/sign"
	"github.com/custodyledger/custodyledger/ledger/store/storetest"
)

// submissions makes up some of every kind: single events, groups, with and
// without openings.
func submissions(tb testing.TB, count int) []ledger.Submission {
	tb.Helper()
	trade := storetest.NewTrade(storetest.Pseudorandom(1))
	var all []ledger.Submission
	for range count {
		submission := trade.Next()
		trade.Twin.Apply(trade.Now, submission)
		all = append(all, submission)
	}
	return all
}

func encodeAll(tb testing.TB, at uint64, submissions []ledger.Submission) []byte {
	tb.Helper()
	var encoded [][]byte
	for _, s := range submissions {
		b, err := encodeSubmission(s)
		if err != nil {
			tb.Fatal(err)
		}
		encoded = append(encoded, b)
	}
	return encodeAt(at, encoded)
}

// encodeAt makes a command of encoded submissions, with a signature of zeroes.
func encodeAt(at uint64, submissions [][]byte) []byte {
	return unsigned(at, kindSubmissions, appendSubmissions(nil, submissions))
}

func unsigned(at uint64, kind commandKind, body []byte) []byte {
	p := ledger.Proposal{Node: strings.Repeat("n", 32), Term: 1, Counter: 1, At: at, Body: bodyHash(kind, body)}
	return encodeCommand(SignedProposal{Payload: p.Payload(), Signature: make([]byte, sign.SignatureSize)}, kind, body)
}

func encodeCommand(signed SignedProposal, kind commandKind, body []byte) []byte {
	return append(appendCommandHeader(nil, signed, kind), body...)
}

func TestCommandComesBack(t *testing.T) {
	all := submissions(t, 60)
	c, err := decodeCommand(encodeAll(t, 1_800_000_000_123, all))
	if err != nil {
		t.Fatal(err)
	}
	if c.at != 1_800_000_000_123 || len(c.submissions) != len(all) {
		t.Fatalf("time %d, %d submissions", c.at, len(c.submissions))
	}
	openings := 0
	for i, submission := range c.submissions {
		if len(submission) != len(all[i]) {
			t.Fatalf("submission %d has %d events", i, len(submission))
		}
		for k, u := range submission {
			want := all[i][k]
			if u.signed.ID() != want.ID || len(u.signed.Signatures) != len(want.Signed.Signatures) {
				t.Errorf("submission %d, event %d differs", i, k)
			}
			for s := range u.signed.Signatures {
				if !bytes.Equal(u.signed.Signatures[s], want.Signed.Signatures[s]) {
					t.Errorf("submission %d, event %d: signature %d differs", i, k, s)
				}
			}
			if len(u.openings) != len(want.Openings) {
				t.Errorf("submission %d, event %d has %d openings", i, k, len(u.openings))
			}
			for o, opening := range u.openings {
				openings++
				if w := want.Openings[o]; opening.Field != w.Field || opening.Value != w.Value || !bytes.Equal(opening.Salt, w.Salt[:]) {
					t.Errorf("submission %d, event %d: opening %d differs", i, k, o)
				}
			}
		}
	}
	if openings == 0 {
		t.Error("no opening was tried")
	}
}

func TestEveryTruncationAndExtensionIsRefused(t *testing.T) {
	b := encodeAll(t, 1, submissions(t, 8))
	for n := range b {
		if n == 0 {
			continue
		}
		if _, err := decodeCommand(b[:n]); !errors.Is(err, errCommand) {
			t.Fatalf("cut to %d of %d: %v", n, len(b), err)
		}
	}
	if _, err := decodeCommand(append(bytes.Clone(b), 0)); !errors.Is(err, errCommand) {
		t.Errorf("one byte more: %v", err)
	}
	if _, err := decodeCommand(nil); !errors.Is(err, errCommand) {
		t.Errorf("nothing: %v", err)
	}
}

func TestUnknownVersionIsNoRejection(t *testing.T) {
	b := encodeAll(t, 1, submissions(t, 1))
	b[0] = commandVersion + 1
	if _, err := decodeCommand(b); !errors.Is(err, errCommandVersion) || errors.Is(err, errCommand) {
		t.Errorf("got %v", err)
	}
	b[0], b[1] = commandVersion, byte(kindFinal)+1
	if _, err := decodeCommand(b); !errors.Is(err, errCommandVersion) || errors.Is(err, errCommand) {
		t.Errorf("unknown kind: %v", err)
	}
}

// event encodes one event of a command with made-up counts.
func event(signatures, openings int, eventBytes int) []byte {
	b := []byte{byte(signatures)}
	for range signatures {
		b = append(b, 0, 1, 9)
	}
	b = append(b, byte(openings))
	for range openings {
		b = append(b, 0, 0, 0, 1)
		b = append(b, make([]byte, saltBytes)...)
		b = append(b, 0, 1, 'x')
	}
	b = binary.BigEndian.AppendUint32(b, uint32(eventBytes))
	return append(b, make([]byte, eventBytes)...)
}

func TestCommandLimits(t *testing.T) {
	commandOf := func(submissionCount int, submission []byte) []byte {
		b := binary.BigEndian.AppendUint16(nil, uint16(submissionCount))
		return unsigned(1, kindSubmissions, append(b, bytes.Repeat(submission, submissionCount)...))
	}
	submissionOf := func(events int, event []byte) []byte {
		return append(binary.BigEndian.AppendUint16(nil, uint16(events)), bytes.Repeat(event, events)...)
	}
	small := event(1, 0, 1)
	for _, c := range []struct {
		name          string
		atLimit, past []byte
		want          string
	}{
		{"submissions", commandOf(CommandSubmissionsMax, submissionOf(1, small)), commandOf(CommandSubmissionsMax+1, submissionOf(1, small)), "submissions"},
		{"no submission", commandOf(1, submissionOf(1, small)), commandOf(0, nil), "submissions"},
		{"events", commandOf(1, submissionOf(ledger.GroupEventsMax, small)), commandOf(1, submissionOf(ledger.GroupEventsMax+1, small)), "events"},
		{"no event", commandOf(1, submissionOf(1, small)), commandOf(1, submissionOf(0, nil)), "events"},
		{"signatures", commandOf(1, submissionOf(1, event(ledger.SignersMax, 0, 1))), commandOf(1, submissionOf(1, event(ledger.SignersMax+1, 0, 1))), "signatures"},
		{"no signature", commandOf(1, submissionOf(1, small)), commandOf(1, submissionOf(1, event(0, 0, 1))), "signatures"},
		{"openings", commandOf(1, submissionOf(1, event(1, ledger.CommitmentsMax, 1))), commandOf(1, submissionOf(1, event(1, ledger.CommitmentsMax+1, 1))), "openings"},
		{"event bytes", commandOf(1, submissionOf(1, event(1, 0, ledger.EventBytesMax))), commandOf(1, submissionOf(1, event(1, 0, ledger.EventBytesMax+1))), "bytes of an event"},
		{"no event bytes", commandOf(1, submissionOf(1, small)), commandOf(1, submissionOf(1, event(1, 0, 0))), "bytes of an event"},
		{"note bytes", unsigned(1, kindFinal, make([]byte, checkpoint.NoteBytesMax)), unsigned(1, kindFinal, make([]byte, checkpoint.NoteBytesMax+1)), "bytes of a note"},
		{"no note bytes", unsigned(1, kindFinal, []byte{1}), unsigned(1, kindFinal, nil), "bytes of a note"},
	} {
		if _, err := decodeCommand(c.atLimit); err != nil {
			t.Errorf("%s at the limit: %v", c.name, err)
		}
		if _, err := decodeCommand(c.past); !errors.Is(err, errCommand) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s past the limit: %v", c.name, err)
		}
	}
}

// sized makes a submission whose encoding has exactly so many bytes.
func sized(tb testing.TB, size int) ledger.Submission {
	tb.Helper()
	var submission ledger.Submission
	left := size - 2
	const overhead = 1 + (2 + 64) + 1 + 4
	for left > 0 {
		n := min(left, overhead+ledger.EventBytesMax)
		if left-n > 0 && left-n < overhead+1 {
			n -= overhead + 1
		}
		signed := ledger.SignedEvent{Event: make([]byte, n-overhead), Signatures: [][]byte{make([]byte, 64)}}
		submission = append(submission, ledger.Candidate{VerifiedEvent: ledger.VerifiedEvent{Event: &ledger.Event{Signed: signed}}})
		left -= n
	}
	return submission
}

func TestSubmissionBytesLimit(t *testing.T) {
	b, err := encodeSubmission(sized(t, SubmissionBytesMax))
	if err != nil || len(b) != SubmissionBytesMax {
		t.Fatalf("at the limit: %d bytes, %v", len(b), err)
	}
	command := encodeAt(1, [][]byte{b})
	if len(command) != CommandBytesMax {
		t.Errorf("the command has %d bytes", len(command))
	}
	if _, err := decodeCommand(command); err != nil {
		t.Error(err)
	}
	if _, rejection := newWaiting(sized(t, SubmissionBytesMax+1)); rejection == nil || rejection.Reason != ledger.GroupTooLarge {
		t.Errorf("past the limit: %v", rejection)
	}
	if _, err := decodeCommand(append(command, 0)); !errors.Is(err, errCommand) {
		t.Errorf("a command past its limit: %v", err)
	}
}

func FuzzDecodeCommand(f *testing.F) {
	f.Add(encodeAll(f, 7, submissions(f, 3)))
	f.Add(encodeAll(f, 7, submissions(f, 40)))
	f.Add([]byte{commandVersion})
	f.Add(unsigned(7, kindFinal, []byte("a note")))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := decodeCommand(b)
		if err != nil {
			if !errors.Is(err, errCommand) && !errors.Is(err, errCommandVersion) {
				t.Errorf("an error of another kind: %v", err)
			}
			return
		}
		o, err := openCommand(b)
		if err != nil || o.proposal.At != c.at || o.kind != c.kind {
			t.Fatalf("opened %+v, %v; expected what decodeCommand gave", o, err)
		}
		if again := encodeCommand(SignedProposal{Payload: o.proposal.Payload(), Signature: o.signed.Signature}, c.kind, reencode(c)); !bytes.Equal(again, b) {
			t.Errorf("a second form of one command")
		}
	})
}

// reencode is the naive twin of the encoder of bodies, for what was decoded.
func reencode(c command) []byte {
	if c.kind == kindFinal {
		return c.note
	}
	b := binary.BigEndian.AppendUint16(nil, uint16(len(c.submissions)))
	for _, submission := range c.submissions {
		b = binary.BigEndian.AppendUint16(b, uint16(len(submission)))
		for _, u := range submission {
			b = append(b, byte(len(u.signed.Signatures)))
			for _, s := range u.signed.Signatures {
				b = append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
			}
			b = append(b, byte(len(u.openings)))
			for _, o := range u.openings {
				b = append(binary.BigEndian.AppendUint32(b, uint32(o.Field)), o.Salt...)
				b = append(binary.BigEndian.AppendUint16(b, uint16(len(o.Value))), o.Value...)
			}
			b = append(binary.BigEndian.AppendUint32(b, uint32(len(u.signed.Event))), u.signed.Event...)
		}
	}
	return b
}
