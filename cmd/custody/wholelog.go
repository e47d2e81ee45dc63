package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/audit"
	"github.com/custodyledger/custodyledger/ledger/provenance"
	"github.com/custodyledger/custodyledger/ledger/rules"
	"github.com/custodyledger/custodyledger/ledger/sign"
)

// wholeLog audits sources and then gives every event of the log, from entry 0 on,
// with what the rules wrote for it. It ends with the size and ledger time that was
// read, or with what does not hold; nothing that was given before an error counts.
func (a *app) wholeLog(ctx context.Context, flags auditFlags, use func(provenance.Applied) error) (audit.TreeHead, uint64, error) {
	return a.wholeLogStates(ctx, flags, func(applied provenance.Applied, _ rules.View) error { return use(applied) })
}

// wholeLogStates gives beside every event the state after it, which changes with the
// next one.
func (a *app) wholeLogStates(ctx context.Context, flags auditFlags, use func(provenance.Applied, rules.View) error) (audit.TreeHead, uint64, error) {
	none := audit.TreeHead{}
	file, genesis, err := a.genesis()
	if err != nil {
		return none, 0, err
	}
	state, err := audit.Start(file)
	if err != nil {
		return none, 0, err
	}
	sources, closeAll, err := a.sources(flags, state)
	if err != nil {
		return none, 0, err
	}
	defer closeAll()
	progress := auditProgress{app: a}
	report, err := (&audit.Auditor{State: state, Sources: sources, Progress: progress.show}).Run(ctx)
	progress.bar.done()
	if err != nil {
		return none, 0, err
	}
	if findings := report.Findings(); len(findings) > 0 {
		return none, 0, &coded{code: exitTampered, error: findings[0], hint: "'custody audit' finds out more."}
	}
	for n, source := range report.Sources {
		if source.Err == nil && source.Head.Size == state.Head().Size {
			return readLog(ctx, file, genesis, sources[n], state, use)
		}
	}
	return none, 0, &coded{code: exitUnreachable, error: errors.New("no source could be read to its end")}
}

// readLog runs the rules on the entries of a source once more, one event at a
// time, and demands the head that was audited.
func readLog(ctx context.Context, file []byte, genesis *ledger.Genesis, source audit.Source, audited *audit.State, use func(provenance.Applied, rules.View) error) (audit.TreeHead, uint64, error) {
	state, err := audit.Start(file)
	if err != nil {
		return audit.TreeHead{}, 0, err
	}
	verifier := sign.NewVerifier(sign.PreparedKeysDefault)
	size := audited.Head().Size
	err = source.Entries(ctx, 1, size, func(raw []byte) error {
		entry, err := ledger.DecodeEntry(raw)
		if err != nil {
			return err
		}
		sequencer := rules.NewSequencer(state.LedgerID(), genesis.RulesVersion, state, state.Head())
		var appended rules.Sequenced
		if entry.Kind == ledger.KindHandover {
			var rejection *ledger.Rejection
			if appended, rejection = sequencer.Handover(entry.Note, entry.Proof, state.TreeHead().Root, entry.RecordedAt); rejection != nil {
				return rejection
			}
		} else if appended, err = appendEvent(sequencer, verifier, genesis.RulesVersion, entry); err != nil {
			return err
		}
		if !bytes.Equal(appended.Bytes, raw) {
			return errors.New("the rules give another entry for its event")
		}
		changes := sequencer.Changes()
		state.Apply(rules.Block{Entries: []rules.Sequenced{appended}, Changes: changes})
		if appended.Candidate.Event == nil {
			return nil
		}
		return use(provenance.Applied{Event: appended.Candidate.Event, Index: entry.Index, RecordedAt: entry.RecordedAt, Changes: changes}, state)
	})
	if err != nil {
		return audit.TreeHead{}, 0, fmt.Errorf("%s, entry %d: %w", source.Name(), state.Head().Size, err)
	}
	if head := state.TreeHead(); head != audited.TreeHead() {
		return audit.TreeHead{}, 0, &coded{code: exitTampered, error: fmt.Errorf("%s gave other entries than when it was audited: size %d and root %s, audited were %d and %s",
			source.Name(), head.Size, head.Root, size, audited.TreeHead().Root)}
	}
	return state.TreeHead(), state.Head().RecordedAt, nil
}

// appendEvent judges one event. Those of a group stand one by one here: that the
// group is whole, the audit saw.
func appendEvent(sequencer *rules.Sequencer, verifier *sign.Verifier, rulesVersion uint32, entry *ledger.Entry) (rules.Sequenced, error) {
	event, rejection := ledger.DecodeEvent(rulesVersion, entry.Signed)
	if rejection != nil {
		return rules.Sequenced{}, rejection
	}
	verified, rejections := ledger.Verify(verifier, []*ledger.Event{event})
	if rejections[0] != nil {
		return rules.Sequenced{}, rejections[0]
	}
	outcome, appended := sequencer.Append(ledger.Submission{{VerifiedEvent: verified[0]}}, entry.RecordedAt)
	switch {
	case outcome.Rejection != nil:
		return rules.Sequenced{}, outcome.Rejection
	case len(appended) != 1:
		return rules.Sequenced{}, errors.New("its event is recorded already")
	}
	return appended[0], nil
}
