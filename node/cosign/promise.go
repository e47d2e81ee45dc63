package cosign

import (
	"time"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/sign"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// PromiseTerm is how long after its receipt an event is recorded or refused.
const PromiseTerm = time.Minute

// Promise signs this node's word that an event with valid signatures has reached
// it now. nil: it holds no key in force.
func (s *Cosigner) Promise(event ledger.EventID) *custodyv1.Promise {
	keys, err := s.signer()
	if err != nil {
		return nil
	}
	now := s.clock()
	payload := ledger.Promise{
		Ledger: s.config.LedgerID, Event: event, Node: s.node,
		ReceivedAt: uint64(now.UnixMilli()), Deadline: uint64(now.Add(PromiseTerm).UnixMilli()),
	}.Payload()
	return &custodyv1.Promise{Payload: payload, Signature: keys.statement.Sign(sign.PAE(sign.PromisePayloadType, payload))}
}
