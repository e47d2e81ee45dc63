package ledger

import "github.com/custodyledger/custodyledger/ledger/sign"

// VerifiedEvent is an event of which every signature holds. Only Verify makes
// one; whatever proposes or applies an event takes this type.
type VerifiedEvent struct{ *Event }

// Verify checks every signature of every event, in batches. It gives one
// outcome an event: rejections[i] is nil where verified[i] may be used. The
// verdict on one event does not depend on the others. Safe for concurrent use.
func Verify(verifier *sign.Verifier, events []*Event) (verified []VerifiedEvent, rejections []*Rejection) {
	verified = make([]VerifiedEvent, len(events))
	rejections = make([]*Rejection, len(events))
	batch := verifier.NewBatch()
	for i, event := range events {
		verified[i] = VerifiedEvent{event}
		for s, key := range event.Signers {
			batch.Add(key, event.signingBytes, event.Signed.Signatures[s])
		}
	}
	ok, verdicts := batch.Verify()
	if ok {
		return verified, rejections
	}
	position := 0
	for i, event := range events {
		for s, key := range event.Signers {
			if err := verdicts[position+s]; err != nil && rejections[i] == nil {
				rejections[i] = RejectField(BadSignature, "signatures", "signature %d, by key %s, does not hold: %v; sign the exact event bytes under payload type %s", s, KeyIDText(key.ID()), err, sign.EventPayloadType)
				verified[i] = VerifiedEvent{}
			}
		}
		position += len(event.Signers)
	}
	return verified, rejections
}
