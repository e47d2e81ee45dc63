package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/custodyledger/custodyledger/cmd/custody/journal"
	"github.com/custodyledger/custodyledger/cmd/custody/stock"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/node/client"
)

// signBatch is how many events are signed and synced to disk at a time.
const signBatch = 256

// importer registers rows. Everything but the queue of results belongs to the
// goroutine of run; the stream's goroutine fills the queue.
type importer struct {
	app      *app
	session  *session
	journal  *journal.Journal
	openings *journal.Openings
	report   *importReport
	bar      bar
	done     uint64
	sent     map[uint64]outgoing // by sequence of the stream
	next     uint64              // sequence of the next write
	hopeless *client.Refused     // what every other line would be refused for too

	mu      sync.Mutex
	results []client.Result // delivered and not yet taken
}

// outgoing is one row on its way.
type outgoing struct {
	row    *stock.Row
	record journal.Record
	resent bool // signed by an earlier run
}

// run registers every row that is not registered yet. Rows whose event of an
// earlier run came too late are signed anew in a second pass.
func (i *importer) run(ctx context.Context, rows []*stock.Row) error {
	again, err := i.pass(ctx, rows)
	if err != nil || len(again) == 0 {
		return err
	}
	_, err = i.pass(ctx, again)
	return err
}

// hintImportAgain says what to do after an import that broke off: some lines
// may be registered, and those are recognised.
const hintImportAgain = "Run the same command again, which is always safe: it goes on with the lines that are not registered yet."

// pass sends rows and gives those that have to be signed anew.
func (i *importer) pass(ctx context.Context, rows []*stock.Row) (again []*stock.Row, err error) {
	i.sent, i.next = map[uint64]outgoing{}, 0
	stream := i.session.Stream(ctx, 0, func(result client.Result) {
		i.mu.Lock()
		defer i.mu.Unlock()
		i.results = append(i.results, result)
	})
	err = i.send(stream, rows, &again)
	closeErr := stream.Close()
	takeErr := i.take(&again)
	switch {
	case i.hopeless != nil:
		return nil, i.hopeless
	case takeErr != nil:
		return nil, takeErr
	case i.report.Unsettled > 0:
		return nil, &coded{code: exitUnknown, hint: hintImportAgain, error: fmt.Errorf("the outcome of %d lines is unknown: %w", i.report.Unsettled, cmp.Or(closeErr, err))}
	case errors.Is(closeErr, client.ErrUnreachable):
		return nil, &coded{code: exitUnreachable, hint: hintImportAgain, error: closeErr}
	case closeErr != nil:
		return nil, closeErr
	}
	return again, err
}

// send signs rows in batches, puts each batch on disk and sends it, until all
// are sent or it is known that nothing more will be accepted.
func (i *importer) send(stream *client.Stream, rows []*stock.Row, again *[]*stock.Row) error {
	for len(rows) > 0 && i.hopeless == nil {
		n := min(len(rows), signBatch)
		batch, err := i.prepare(rows[:n])
		if err != nil {
			return err
		}
		rows = rows[n:]
		for _, out := range batch {
			i.sent[i.next] = out
			i.next++
			if _, err := stream.Send(client.Write{Event: out.record.Event}); err != nil {
				delete(i.sent, i.next-1)
				return err
			}
		}
		if err := i.take(again); err != nil {
			return err
		}
	}
	return nil
}

// prepare finds or signs the event of each row that is not settled. Everything
// it gives is on disk.
func (i *importer) prepare(rows []*stock.Row) ([]outgoing, error) {
	var batch []outgoing
	var signed []journal.Record
	for _, row := range rows {
		content, err := contentHash(row)
		if err != nil {
			return nil, err
		}
		reference := row.Reference(i.session.key.ReferenceSecret)
		record, known := i.journal.Lookup(reference)
		if known && record.Outcome != journal.Refused {
			if record.Content != content {
				i.report.Changed = append(i.report.Changed, changedLine{row.Line, row.Stock})
			}
			if record.Outcome == journal.Open {
				batch = append(batch, outgoing{row, record, true})
				continue
			}
			i.report.Already++
			i.advance()
			continue
		}
		record, err = i.sign(row, reference, content)
		if err != nil {
			return nil, err
		}
		signed = append(signed, record)
		batch = append(batch, outgoing{row, record, false})
	}
	if len(signed) == 0 {
		return batch, nil
	}
	return batch, errors.Join(i.openings.Sync(), i.journal.Sign(signed))
}

func (i *importer) sign(row *stock.Row, reference ledger.Reference, content [32]byte) (journal.Record, error) {
	openings, err := draw(i.session.author, price(row.Price), stockNumber(row.Stock))
	if err != nil {
		return journal.Record{}, err
	}
	row.Register.Reference = reference[:]
	event, err := i.session.author.Register(row.Register, openings...)
	if err != nil {
		return journal.Record{}, err
	}
	record := journal.Record{Reference: reference, Content: content, Event: event}
	return record, i.openings.Add(event.ID(), client.RegisteredItem(event), openings...)
}

// take files the results that were delivered so far.
func (i *importer) take(again *[]*stock.Row) error {
	i.mu.Lock()
	results := i.results
	i.results = nil
	i.mu.Unlock()
	for _, result := range results {
		out, ok := i.sent[result.Sequence]
		if !ok {
			continue
		}
		delete(i.sent, result.Sequence)
		if err := i.settle(out, result, again); err != nil {
			return err
		}
	}
	return nil
}

func (i *importer) settle(out outgoing, result client.Result, again *[]*stock.Row) error {
	var refused *client.Refused
	switch {
	case result.Err == nil:
		// A duplicate that this run signed is the stream's own second send.
		receipt := result.Receipts[0]
		if receipt.Duplicate && out.resent {
			i.report.Already++
		} else {
			i.report.Registered++
		}
		i.advance()
		return i.journal.Settle(out.record.Reference, journal.Recorded, receipt.Index)
	case errors.Is(result.Err, client.ErrTampered):
		return result.Err
	case errors.Is(result.Err, client.ErrOutcomeUnknown):
		i.report.Unsettled++
		return nil
	case !errors.As(result.Err, &refused):
		return nil // never sent; the end of the stream says why
	}
	i.advance()
	if refused.Reason == ledger.ReferenceTaken {
		i.report.Already++
		return i.journal.Settle(out.record.Reference, journal.Taken, 0)
	}
	if refused.Reason == ledger.EventExpired && out.resent {
		*again = append(*again, out.row)
		i.done--
		return i.journal.Settle(out.record.Reference, journal.Refused, 0)
	}
	if concernsAll(refused.Reason) {
		i.hopeless = refused
	}
	i.report.Refused = append(i.report.Refused, refusedLine{
		Line: out.row.Line, Stock: out.row.Stock, Reason: refused.Reason, Sentence: sentenceOf(refused), Message: refused.Message,
	})
	return i.journal.Settle(out.record.Reference, journal.Refused, 0)
}

// concernsAll tells whether a reason is about the key, the party, the ledger or
// the clock, so that every other line would be refused for it too.
func concernsAll(reason ledger.Reason) bool {
	switch reason {
	case ledger.UnknownKey, ledger.ForeignKey, ledger.KeyRevoked, ledger.MissingScope, ledger.UnknownParty, ledger.PartySuspended,
		ledger.AssociationExcluded, ledger.WrongLedger, ledger.WrongSigners, ledger.BadSignature, ledger.OccurredAhead, ledger.EventExpired:
		return true
	}
	return false
}

func (i *importer) advance() {
	i.done++
	i.bar.set(i.done)
}
