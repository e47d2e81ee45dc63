package peer

import (
	"github.com/custodyledger/custodyledger/ledger"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// admission is a forwarded submission that this node has verified itself, or
// refuses.
type admission struct {
	sequence   uint64
	submission ledger.Submission
	rejection  *ledger.Rejection
	at         int
}

func (a *admission) refuse(at int, rejection *ledger.Rejection) {
	if a.rejection == nil {
		a.rejection, a.at = rejection, at
	}
}

// admit decodes and verifies submissions, all signatures in one batch. That
// another node has done so already counts for nothing.
func (c *calls) admit(run []*custodyv1.ProposeRequest) []*admission {
	admissions := make([]*admission, len(run))
	var events []*ledger.Event
	type place struct{ request, event int }
	var places []place
	for i, request := range run {
		admissions[i] = &admission{sequence: request.Sequence}
		messages := request.GetSubmission().GetEvents()
		if len(messages) > ledger.GroupEventsMax {
			admissions[i].refuse(0, ledger.RejectField(ledger.TooLarge, "events", "%d events, at most %d", len(messages), ledger.GroupEventsMax))
			continue
		}
		decoded := c.decode(admissions[i], messages)
		for at, event := range decoded {
			events, places = append(events, event), append(places, place{i, at})
		}
	}
	verified, rejections := ledger.Verify(c.verifier, events)
	for k, p := range places {
		a := admissions[p.request]
		if rejections[k] != nil {
			a.refuse(p.event, rejections[k])
			continue
		}
		message := run[p.request].Submission.Events[p.event]
		openings, rejection := ledger.DecodeOpenings(events[k], message.Openings)
		if rejection != nil {
			a.refuse(p.event, rejection)
		}
		a.submission = append(a.submission, ledger.Candidate{VerifiedEvent: verified[k], Openings: openings})
	}
	return admissions
}

// decode gives no event when one of them is refused.
func (c *calls) decode(a *admission, messages []*custodyv1.AppendRequest) []*ledger.Event {
	events := make([]*ledger.Event, len(messages))
	for at, message := range messages {
		signed := ledger.SignedEvent{Event: message.GetEvent().GetEvent(), Signatures: message.GetEvent().GetSignatures()}
		event, rejection := ledger.DecodeEvent(c.rulesVersion, signed)
		if rejection != nil {
			a.refuse(at, rejection)
			return nil
		}
		events[at] = event
	}
	if at, rejection := ledger.CheckGroup(events); rejection != nil {
		a.refuse(at, rejection)
		return nil
	}
	return events
}
