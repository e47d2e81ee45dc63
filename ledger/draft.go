package ledger

import (
	"errors"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/custodyledger/custodyledger/ledger/sign"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// ErrNotSigner is returned for a key that the draft does not name.
var ErrNotSigner = errors.New("the event does not name this key as a signer")

// Draft is an event on its way to being signed, by one key or, like an
// admission, by keys in several hands. Its event bytes are fixed from the start.
type Draft struct {
	Event      []byte
	Signers    []sign.PublicKey
	Signatures [][]byte // in the order of Signers; nil until that key signed
}

// NewDraft fixes the bytes of an event that the given keys will sign. It sets
// message.Signers. The caller fills everything else.
func NewDraft(message *custodyv1.Event, signers ...sign.PublicKey) (*Draft, error) {
	signers = slices.Clone(signers)
	slices.SortFunc(signers, func(a, b sign.PublicKey) int { return a.ID().Compare(b.ID()) })
	message.Signers = nil
	for _, key := range signers {
		message.Signers = append(message.Signers, key.Bytes())
	}
	event, err := proto.MarshalOptions{Deterministic: true}.Marshal(message)
	if err != nil {
		return nil, fmt.Errorf("encode the event: %w", err)
	}
	return &Draft{Event: event, Signers: signers, Signatures: make([][]byte, len(signers))}, nil
}

// Sign adds the signature of one of the signers.
func (d *Draft) Sign(key sign.PrivateKey) error {
	at := slices.Index(d.Signers, key.Public())
	if at < 0 {
		return ErrNotSigner
	}
	d.Signatures[at] = key.Sign(SigningBytes(d.Event))
	return nil
}

// Missing lists the signers that have not signed yet.
func (d *Draft) Missing() []sign.PublicKey {
	var missing []sign.PublicKey
	for i, signature := range d.Signatures {
		if signature == nil {
			missing = append(missing, d.Signers[i])
		}
	}
	return missing
}

// Signed gives the signed event. It fails while a signature is missing.
func (d *Draft) Signed() (SignedEvent, error) {
	if missing := d.Missing(); len(missing) > 0 {
		return SignedEvent{}, fmt.Errorf("%d of %d signatures are missing, the first by key %s", len(missing), len(d.Signers), KeyIDText(missing[0].ID()))
	}
	return SignedEvent{Event: d.Event, Signatures: d.Signatures}, nil
}

// Sign builds and signs an event with keys that are all at hand.
func Sign(message *custodyv1.Event, keys ...sign.PrivateKey) (SignedEvent, error) {
	var signers []sign.PublicKey
	for _, key := range keys {
		signers = append(signers, key.Public())
	}
	draft, err := NewDraft(message, signers...)
	if err != nil {
		return SignedEvent{}, err
	}
	for _, key := range keys {
		if err := draft.Sign(key); err != nil {
			return SignedEvent{}, err
		}
	}
	return draft.Signed()
}
