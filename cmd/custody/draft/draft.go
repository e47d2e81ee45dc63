// Package draft is the file that an event lies in until everybody who has to sign
// it has signed: two partners who agree on shares, an association that
// countersigns. The event is fixed to the byte; the file holds no secret.
//
//	{
//	  "format": "custody-draft/v1",
//	  "event": "...",                          base64
//	  "signatures": {"<key id>": "...", ...}   base64, by key id
//	}
package draft

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/sign"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
	"google.golang.org/protobuf/proto"
)

// Format is the value of "format" in every draft.
const Format = "custody-draft/v1"

// FileBytesMax is the longest draft that is read.
const FileBytesMax = 128 << 10

// ErrDraft is wrapped by every error about the content of a draft.
var ErrDraft = errors.New("not a valid draft of an event")

type file struct {
	Format     string            `json:"format"`
	Event      []byte            `json:"event"`
	Signatures map[string][]byte `json:"signatures"`
}

// Encode writes a draft.
func Encode(draft *ledger.Draft) ([]byte, error) {
	f := file{Format: Format, Event: draft.Event, Signatures: map[string][]byte{}}
	for i, key := range draft.Signers {
		if draft.Signatures[i] != nil {
			f.Signatures[ledger.KeyIDText(key.ID())] = draft.Signatures[i]
		}
	}
	b, err := json.MarshalIndent(f, "", "  ")
	return append(b, '\n'), err
}

// Decode reads a draft and checks what is in it: the event has the form of the rules
// version, and every signature there is holds. It gives the event as it would be
// read if the missing signatures were there.
func Decode(rulesVersion uint32, b []byte) (*ledger.Draft, *ledger.Event, error) {
	var f file
	decoder := json.NewDecoder(bytes.NewReader(b))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&f); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrDraft, err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, nil, fmt.Errorf("%w: something follows its end", ErrDraft)
	}
	if f.Format != Format {
		return nil, nil, fmt.Errorf("%w: format %q, expected %q", ErrDraft, f.Format, Format)
	}
	var message custodyv1.Event
	if err := proto.Unmarshal(f.Event, &message); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrDraft, err)
	}
	shaped := ledger.SignedEvent{Event: f.Event, Signatures: make([][]byte, len(message.Signers))}
	for i := range shaped.Signatures {
		shaped.Signatures[i] = make([]byte, sign.SignatureSize)
	}
	event, rejection := ledger.DecodeEvent(rulesVersion, shaped)
	if rejection != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrDraft, rejection)
	}
	draft := &ledger.Draft{Event: f.Event, Signers: event.Signers, Signatures: make([][]byte, len(event.Signers))}
	for i, key := range event.Signers {
		id := ledger.KeyIDText(key.ID())
		signature, ok := f.Signatures[id]
		if !ok {
			continue
		}
		if err := sign.Verify(key, ledger.SigningBytes(f.Event), signature); err != nil {
			return nil, nil, fmt.Errorf("%w: the signature by key %s does not hold: %w", ErrDraft, id, err)
		}
		draft.Signatures[i] = signature
		delete(f.Signatures, id)
	}
	for id := range f.Signatures {
		return nil, nil, fmt.Errorf("%w: key %s is no signer of the event", ErrDraft, id)
	}
	return draft, event, nil
}
