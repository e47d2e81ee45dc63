package api

import (
	"context"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/node/client"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

const (
	// PursuitsMax is how many promised events a node goes on with at a time.
	PursuitsMax = 1_024
	// pursuitTimeMax is how long it goes on with one: as long as a promise gives.
	pursuitTimeMax = time.Minute
	// pursuitPause is how long it waits before it tries again.
	pursuitPause = 500 * time.Millisecond
)

// promise signs that an event has reached this node, and goes on to have it
// recorded or refused after the call is answered.
func (s *ledgerService) promise(submission ledger.Submission) (*custodyv1.Promise, *fault) {
	if s.config.Voice == nil {
		return nil, noPromises()
	}
	select {
	case s.guard.pursuits <- struct{}{}:
	default:
		return nil, &fault{
			code: codes.ResourceExhausted, reason: client.ReasonOverloaded, retry: retrySoon,
			message: "the node goes on with as many promised events as it may; nothing was recorded; wait for committed, or ask another node",
		}
	}
	promise := s.config.Voice.Promise(submission[0].ID)
	if promise == nil {
		<-s.guard.pursuits
		return nil, noPromises()
	}
	s.guard.handlers.Go(func() {
		defer func() { <-s.guard.pursuits }()
		defer func() {
			if p := recover(); p != nil {
				s.guard.panicked("a promised event", p, true)
			}
		}()
		s.pursue(submission)
	})
	return promise, nil
}

// pursue has a submission recorded or refused. To submit it again is safe. It
// ends when the promise does, when the server is asked to stop and a try failed,
// or when Shutdown's time is up.
func (s *ledgerService) pursue(submission ledger.Submission) {
	ctx, cancel := context.WithTimeout(s.guard.pursuing, pursuitTimeMax)
	defer cancel()
	for {
		_, f := s.submit(ctx, submission)
		if f == nil || !f.unknown && f.retry == 0 {
			return
		}
		pause := time.NewTimer(pursuitPause)
		select {
		case <-pause.C:
		case <-s.guard.stop.Done():
			pause.Stop()
			return
		case <-ctx.Done():
			pause.Stop()
			s.config.Logger.Error("a promised event was neither recorded nor refused in time", "reason", string(f.reason))
			return
		}
	}
}
