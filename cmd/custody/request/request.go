// Package request is the file by which a dealer asks an association to be
// admitted: the admission event, fixed to the byte and signed by the dealer's
// first key and recovery key, and the legal name that the event only commits
// to. What is missing is the association's signature.
//
//	{
//	  "format": "custody-party-request/v1",
//	  "event": "...",                        base64
//	  "signatures": {"<key id>": "...", ...},  base64, by key id
//	  "legal_name": {"salt": "...", "value": "..."}
//	}
package request

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/sign"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Format is the value of "format" in every request.
const Format = "custody-party-request/v1"

// FileBytesMax is the longest request that is read.
const FileBytesMax = 64 << 10

// ErrRequest is wrapped by every error about the content of a request.
var ErrRequest = errors.New("not a valid request for admission")

// Request is a request for admission whose content has been checked against
// itself: every signature but the association's holds, and the legal name is
// the one committed to. The association decides whether it is true.
type Request struct {
	Draft     *ledger.Draft
	LegalName ledger.Opening
	Admit     *custodyv1.PartyAdmit

	Ledger      ledger.LedgerID
	Association ledger.PartyID
	Party       ledger.PartyID
	First       sign.PublicKey
	Recovery    sign.PublicKey
	Governance  sign.PublicKey // the key that has to sign
	NotAfter    uint64         // unix milliseconds
}

type file struct {
	Format     string            `json:"format"`
	Event      []byte            `json:"event"`
	Signatures map[string][]byte `json:"signatures"`
	LegalName  legalName         `json:"legal_name"`
}

type legalName struct {
	Salt  string `json:"salt"`
	Value string `json:"value"`
}

// Encode writes a request whose draft lacks the association's signature only.
func Encode(draft *ledger.Draft, name ledger.Opening) ([]byte, error) {
	f := file{
		Format:     Format,
		Event:      draft.Event,
		Signatures: map[string][]byte{},
		LegalName:  legalName{Salt: hex.EncodeToString(name.Salt[:]), Value: name.Value},
	}
	for i, key := range draft.Signers {
		if draft.Signatures[i] != nil {
			f.Signatures[ledger.KeyIDText(key.ID())] = draft.Signatures[i]
		}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(f)
	return b.Bytes(), err
}

// Decode reads a request and checks everything that can be checked without the
// ledger.
func Decode(rulesVersion uint32, b []byte) (*Request, error) {
	f, err := decodeFile(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrRequest, err)
	}
	event, err := f.decodeEvent(rulesVersion)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrRequest, err)
	}
	r := &Request{Ledger: event.Ledger, Association: event.Party, NotAfter: event.NotAfter}
	if err := r.take(f, event); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrRequest, err)
	}
	return r, nil
}

func decodeFile(b []byte) (file, error) {
	var f file
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return f, err
	}
	if _, err := d.Token(); err != io.EOF {
		return f, errors.New("something follows the JSON object")
	}
	if f.Format != Format {
		return f, fmt.Errorf("format %.40q, expected %q", f.Format, Format)
	}
	return f, nil
}

// decodeEvent decodes the event as the ledger will, with the signature that is
// still missing filled in by zeros.
func (f file) decodeEvent(rulesVersion uint32) (*ledger.Event, error) {
	var message custodyv1.Event
	if len(f.Event) > ledger.EventBytesMax || proto.Unmarshal(f.Event, &message) != nil {
		return nil, errors.New("its event cannot be decoded")
	}
	signed := ledger.SignedEvent{Event: f.Event}
	for range message.Signers {
		signed.Signatures = append(signed.Signatures, make([]byte, sign.SignatureSize))
	}
	event, rejection := ledger.DecodeEvent(rulesVersion, signed)
	if rejection != nil {
		return nil, fmt.Errorf("its event is not acceptable: %w", rejection)
	}
	return event, nil
}

func (r *Request) take(f file, event *ledger.Event) error {
	admit, ok := event.Body.(*custodyv1.PartyAdmit)
	if !ok {
		return fmt.Errorf("it would sign another kind of event than an admission: %T", event.Body)
	}
	var err error
	r.Admit = admit
	if r.First, err = registrable("first", admit.Key); err != nil {
		return err
	}
	if r.Recovery, err = registrable("recovery", admit.RecoveryKey); err != nil {
		return err
	}
	r.Party = ledger.NewPartyID(r.First.ID())
	others := slices.DeleteFunc(slices.Clone(event.Signers), func(k sign.PublicKey) bool { return k == r.First || k == r.Recovery })
	if r.First == r.Recovery || len(event.Signers) != 3 || len(others) != 1 {
		return fmt.Errorf("%d keys are to sign; expected the first key, the recovery key and one of the association", len(event.Signers))
	}
	r.Governance = others[0]
	r.Draft = &ledger.Draft{Event: event.Signed.Event, Signers: event.Signers, Signatures: make([][]byte, 3)}
	if err := r.takeSignatures(f.Signatures); err != nil {
		return err
	}
	return r.takeName(f.LegalName, event)
}

func registrable(which string, wire []byte) (sign.PublicKey, error) {
	key, err := sign.ParsePublicKey(wire)
	if err == nil {
		err = key.CheckRegistrable()
	}
	if err != nil {
		return key, fmt.Errorf("its %s key cannot be registered: %w", which, err)
	}
	return key, nil
}

func (r *Request) takeSignatures(signatures map[string][]byte) error {
	if len(signatures) != 2 {
		return fmt.Errorf("%d signatures, expected those of the first key and the recovery key", len(signatures))
	}
	signing := ledger.SigningBytes(r.Draft.Event)
	for i, key := range r.Draft.Signers {
		if key == r.Governance {
			continue
		}
		id := ledger.KeyIDText(key.ID())
		signature := signatures[id]
		if err := sign.Verify(key, signing, signature); err != nil {
			return fmt.Errorf("the signature of key %s does not hold: %w; the event was changed after it was signed", id, err)
		}
		r.Draft.Signatures[i] = signature
	}
	return nil
}

func (r *Request) takeName(name legalName, event *ledger.Event) error {
	salt, err := hex.DecodeString(name.Salt)
	if err != nil {
		return errors.New("the salt of the legal name is not hexadecimal")
	}
	openings, rejection := ledger.DecodeOpenings(event, []*custodyv1.Opening{{Field: custodyv1.PrivateField_PRIVATE_FIELD_LEGAL_NAME, Salt: salt, Value: name.Value}})
	if rejection != nil {
		return fmt.Errorf("the legal name is not the one that was signed: %w", rejection)
	}
	r.LegalName = openings[0]
	return nil
}
