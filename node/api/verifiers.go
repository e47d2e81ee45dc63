package api

import (
	"context"
	"runtime"
	"sync"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/sign"
)

// verifyTogetherMax is how many events go into one batch: past it a batch gains
// little, and its first event waits for its last.
const verifyTogetherMax = 256

// verifiers check the signatures of what several calls bring at the same time
// in one batch, which halves the work.
type verifiers struct {
	guard    *guard
	verifier *sign.Verifier
	jobs     chan *verification
	stop     chan struct{}
	workers  sync.WaitGroup
}

// verification is one call's events. The worker that took it fills the rest
// before it closes done.
type verification struct {
	events     []*ledger.Event
	verified   []ledger.VerifiedEvent
	rejections []*ledger.Rejection
	fault      *fault
	done       chan struct{}
}

func newVerifiers(guard *guard, verifier *sign.Verifier) *verifiers {
	v := &verifiers{guard: guard, verifier: verifier, jobs: make(chan *verification, 256), stop: make(chan struct{})}
	for range runtime.GOMAXPROCS(0) {
		v.workers.Go(v.work)
	}
	return v
}

// close waits for the workers. No call may be verifying any more.
func (v *verifiers) close() {
	close(v.stop)
	v.workers.Wait()
}

// verify checks every signature of the events of one call. The rejection is
// that of the event at position at.
func (v *verifiers) verify(ctx context.Context, events []*ledger.Event) (verified []ledger.VerifiedEvent, at int, rejection *ledger.Rejection, err error) {
	job := &verification{events: events, done: make(chan struct{})}
	select {
	case v.jobs <- job:
	case <-ctx.Done():
		return nil, 0, nil, ctx.Err()
	}
	select {
	case <-job.done:
	case <-ctx.Done():
		return nil, 0, nil, ctx.Err()
	}
	if job.fault != nil {
		return nil, 0, nil, job.fault
	}
	for i, r := range job.rejections {
		if r != nil {
			return nil, i, r, nil
		}
	}
	return job.verified, 0, nil, nil
}

func (v *verifiers) work() {
	for {
		select {
		case job := <-v.jobs:
			v.together(v.gather(job))
		case <-v.stop:
			return
		}
	}
}

// gather takes what else is waiting. Calls that are about to hand in an event are let
// run first: a worker that begins at once mostly finds one event, which costs twice of
// what it costs in a batch. Where nobody is, it begins at once.
func (v *verifiers) gather(first *verification) []*verification {
	jobs, events := []*verification{first}, len(first.events)
	for waited := false; events < verifyTogetherMax; {
		select {
		case job := <-v.jobs:
			jobs, events, waited = append(jobs, job), events+len(job.events), false
		default:
			if waited {
				return jobs
			}
			waited = true
			runtime.Gosched()
		}
	}
	return jobs
}

func (v *verifiers) together(jobs []*verification) {
	var all []*ledger.Event
	for _, job := range jobs {
		all = append(all, job.events...)
	}
	verified, rejections, fault := v.safely(all)
	for _, job := range jobs {
		if job.fault = fault; fault == nil {
			n := len(job.events)
			job.verified, verified = verified[:n:n], verified[n:]
			job.rejections, rejections = rejections[:n:n], rejections[n:]
		}
		close(job.done)
	}
}

func (v *verifiers) safely(events []*ledger.Event) (verified []ledger.VerifiedEvent, rejections []*ledger.Rejection, f *fault) {
	defer func() {
		if p := recover(); p != nil {
			f = v.guard.panicked("verification", p, false)
		}
	}()
	verified, rejections = ledger.Verify(v.verifier, events)
	return verified, rejections, nil
}
