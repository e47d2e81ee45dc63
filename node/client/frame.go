package client

import (
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"time"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/sign"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// frame is what every event has, whatever it says.
type frame struct {
	Ledger   ledger.LedgerID
	Party    ledger.PartyID
	Now      time.Time
	NotAfter time.Duration
	Random   io.Reader
	Group    *Group
}

func (f frame) fill(event *custodyv1.Event, private []ledger.Opening) error {
	var nonce ledger.Nonce
	if _, err := io.ReadFull(f.Random, nonce[:]); err != nil {
		return fmt.Errorf("draw a nonce: %w", err)
	}
	event.LedgerId = f.Ledger[:]
	event.Party = f.Party[:]
	event.Nonce = nonce[:]
	event.OccurredAtMs = milliseconds(f.Now)
	event.NotAfterMs = milliseconds(f.Now.Add(f.NotAfter))
	private = slices.Clone(private)
	slices.SortFunc(private, func(a, b ledger.Opening) int { return int(a.Field) - int(b.Field) })
	subject := f.Party
	if admit := event.GetPartyAdmit(); admit != nil {
		first, err := sign.ParsePublicKey(admit.Key)
		if err != nil {
			return err
		}
		subject = ledger.NewPartyID(first.ID())
	}
	for _, opening := range private {
		commitment := opening.Commit(subject)
		event.Commitments = append(event.Commitments, &custodyv1.Commitment{Field: commitment.Field, Hash: commitment.Hash[:]})
	}
	if f.Group == nil {
		return nil
	}
	position := f.Group.taken.Add(1) - 1
	if position >= f.Group.count {
		return fmt.Errorf("the group of %d events is full", f.Group.count)
	}
	event.Group = &custodyv1.Group{Id: f.Group.id[:], Position: position, Count: f.Group.count}
	return nil
}

// Group binds events that must be recorded together or not at all. Events take
// its positions in the order in which they are built; send them in that order
// with [Client.AppendGroup].
type Group struct {
	id    ledger.Nonce
	count uint32
	taken atomic.Uint32
}

// NewGroup draws the id of a group of 2 to ledger.GroupEventsMax events.
func NewGroup(random io.Reader, count int) (*Group, error) {
	if count < 2 || count > ledger.GroupEventsMax {
		return nil, fmt.Errorf("a group has 2 to %d events, got %d", ledger.GroupEventsMax, count)
	}
	group := &Group{count: uint32(count)}
	if _, err := io.ReadFull(random, group.id[:]); err != nil {
		return nil, fmt.Errorf("draw a group id: %w", err)
	}
	return group, nil
}
