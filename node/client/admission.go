package client

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/sign"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Applicant is who asks to be admitted. Its party id follows from its first
// key: ledger.NewPartyID(Key.ID()).
type Applicant struct {
	Key         sign.PublicKey
	Scopes      ledger.Scopes // of Key; must include ledger.ScopeAdminister
	RecoveryKey sign.PublicKey
	Country     string // ISO 3166-1 alpha-2
	Role        custodyv1.Role
	// LegalName opens the commitment that stands in the event; see NewOpening.
	LegalName ledger.Opening
}

func (a Applicant) event() (*custodyv1.Event, error) {
	switch {
	case a.Key.IsZero() || a.RecoveryKey.IsZero():
		return nil, errors.New("an applicant needs a first key and a recovery key")
	case a.Key == a.RecoveryKey:
		return nil, errors.New("the first key and the recovery key must be different")
	case a.LegalName.Field != custodyv1.PrivateField_PRIVATE_FIELD_LEGAL_NAME:
		return nil, errors.New("the legal name must be given as private field LEGAL_NAME")
	}
	body := &custodyv1.PartyAdmit{
		Key:         a.Key.Bytes(),
		Scopes:      uint32(a.Scopes),
		RecoveryKey: a.RecoveryKey.Bytes(),
		Country:     a.Country,
		Role:        a.Role,
	}
	return &custodyv1.Event{Body: &custodyv1.Event_PartyAdmit{PartyAdmit: body}}, nil
}

// AdmissionConfig is an admission before anybody signed it.
type AdmissionConfig struct {
	Ledger ledger.LedgerID
	// Association admits; Governance is the key of its that will sign.
	Association ledger.PartyID
	Governance  sign.PublicKey
	Applicant   Applicant
	Now         time.Time
	Random      io.Reader
	// NotAfter as in AuthorConfig. An admission passes through several hands.
	NotAfter time.Duration
}

// NewAdmission fixes the bytes of an admission without any key at hand, so that
// the applicant can sign first and send the draft to the association.
func NewAdmission(config AdmissionConfig) (*ledger.Draft, error) {
	if config.NotAfter == 0 {
		config.NotAfter = ledger.NotAfterDefault
	}
	if config.NotAfter < time.Millisecond || config.NotAfter > ledger.NotAfterMax {
		return nil, fmt.Errorf("an event may wait to be recorded for at most %v, got %v", ledger.NotAfterMax, config.NotAfter)
	}
	event, err := config.Applicant.event()
	if err != nil {
		return nil, err
	}
	frame := frame{Ledger: config.Ledger, Party: config.Association, Now: config.Now, NotAfter: config.NotAfter, Random: config.Random}
	if err := frame.fill(event, []ledger.Opening{config.Applicant.LegalName}); err != nil {
		return nil, err
	}
	return ledger.NewDraft(event, config.Governance, config.Applicant.Key, config.Applicant.RecoveryKey)
}
