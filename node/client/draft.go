package client

import (
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/sign"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Draft builds an event of any body and signs it with the author's key. The caller
// sets Event.Body and nothing else. Countersigners are the keys of other parties
// that sign it too; what their parties must be is for the rules to say.
func (a *Author) Draft(event *custodyv1.Event, private []ledger.Opening, countersigners ...sign.PublicKey) (*ledger.Draft, error) {
	return a.draft(event, private, countersigners...)
}
