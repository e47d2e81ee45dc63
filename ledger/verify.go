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
	verdicts := verdicts(verifier, events)
	for i, event := range events {
		verified[i] = VerifiedEvent{event}
		if verdicts == nil {
			continue
		}
		for s, key := range event.Signers {
			if err := verdicts[s]; err != nil && rejections[i] == nil {
				rejections[i] = RejectField(BadSignature, "signatures", "signature %d, by key %s, does not hold: %v; sign the exact event bytes under payload type %s", s, KeyIDText(key.ID()), err, sign.EventPayloadType)
				verified[i] = VerifiedEvent{}
			}
		}
		verdicts = verdicts[len(event.Signers):]
	}
	return verified, rejections
}

// verdicts gives one verdict a signature, in order; nil if all hold. A batch has
// a price of its own, so a lone signature is verified by itself.
func verdicts(verifier *sign.Verifier, events []*Event) []error {
	if len(events) == 1 && len(events[0].Signers) == 1 {
		event := events[0]
		if err := verifier.Verify(event.Signers[0], event.signingBytes, event.Signed.Signatures[0]); err != nil {
			return []error{err}
		}
		return nil
	}
	batch := verifier.NewBatch()
	for _, event := range events {
		for s, key := range event.Signers {
			batch.Add(key, event.signingBytes, event.Signed.Signatures[s])
		}
	}
	_, verdicts := batch.Verify()
	batch.Release()
	return verdicts
}
