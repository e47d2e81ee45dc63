package client

import "github.com/custodyledger/custodyledger/ledger"

// ErrorDomain is the domain of google.rpc.ErrorInfo in every error of a node.
const ErrorDomain = "custodyledger"

// Keys of google.rpc.ErrorInfo.metadata.
const (
	// MetadataOutcome says what became of a write: OutcomeValueNone or OutcomeValueUnknown.
	MetadataOutcome = "outcome"
	// MetadataLeader names the node to try next, where one is known.
	MetadataLeader = "leader"
	// MetadataEvent is the position of the event at fault in the request.
	MetadataEvent = "event"
	// MetadataSize is the ledger size an answer was read at.
	MetadataSize = "size"
)

// Values of MetadataOutcome.
const (
	OutcomeValueNone    = "none"
	OutcomeValueUnknown = "unknown"
)

// Reasons of nodes, beside those of the rules in package ledger. The list is
// closed as theirs is.
const (
	// The world: nothing is wrong with the request; another try may succeed.
	ReasonNoLeader       ledger.Reason = "NO_LEADER"       // no node leads, or the leader could not be asked; nothing was recorded
	ReasonOutcomeUnknown ledger.Reason = "OUTCOME_UNKNOWN" // recorded or not: ask for the receipt or send the same again
	ReasonOverloaded     ledger.Reason = "OVERLOADED"      // a limit on work in flight is reached
	ReasonCatchingUp     ledger.Reason = "CATCHING_UP"     // the node is fetching what it missed
	ReasonStopping       ledger.Reason = "STOPPING"        // the node is shutting down
	ReasonDeadline       ledger.Reason = "DEADLINE"        // the caller's or the node's time limit
	ReasonDataFault      ledger.Reason = "DATA_FAULT"      // the node cannot vouch for its own data; ask another one
	ReasonNodeFault      ledger.Reason = "NODE_FAULT"      // the node met a fault of its own; ask another one

	// The request.
	ReasonInvalidArgument  ledger.Reason = "INVALID_ARGUMENT"   // a field of the request outside its range
	ReasonPageTokenInvalid ledger.Reason = "PAGE_TOKEN_INVALID" // not a token that a node gave for this question
	ReasonOutOfRange       ledger.Reason = "OUT_OF_RANGE"       // beyond the ledger, or from after to
	ReasonNotFound         ledger.Reason = "NOT_FOUND"          // no such item or party at the size of the answer
	ReasonReadsClosed      ledger.Reason = "READS_CLOSED"       // contents are readable on the node's own machine only
	ReasonMethodClosed     ledger.Reason = "METHOD_CLOSED"      // the method is not offered here
	ReasonNotTried         ledger.Reason = "NOT_TRIED"          // an earlier write of the same stream that it may build on has no outcome
	ReasonSlowReader       ledger.Reason = "SLOW_READER"        // the caller did not take its answers
	ReasonIdle             ledger.Reason = "IDLE"               // the caller sent nothing for too long

	// No statement is made.
	ReasonNotFinal   ledger.Reason = "NOT_FINAL"   // what was asked about is not under a final checkpoint yet
	ReasonMovedOn    ledger.Reason = "MOVED_ON"    // a larger size is final already
	ReasonItemMoved  ledger.Reason = "ITEM_MOVED"  // an event on the item is not final yet
	ReasonNoQuorum   ledger.Reason = "NO_QUORUM"   // too few nodes stated the same at one size
	ReasonNotSigning ledger.Reason = "NOT_SIGNING" // the node makes no statements
	ReasonRecorded   ledger.Reason = "RECORDED"    // the event is in the ledger
	ReasonTooEarly   ledger.Reason = "TOO_EARLY"   // the last final checkpoint is not past that time
)
