// Package api serves LedgerService and AuditService of custody.v1 to clients.
//
// Whatever a client sends is taken for garbage until it is checked: requests
// are decoded by this package itself (a message that grpc's own codec cannot
// decode would be answered INTERNAL), bounded in size, count and time, and
// refused with a reason that is stable, the field at fault and what to do. A
// fault is never INTERNAL or UNKNOWN; a panic in a handler is this program's
// mistake, is answered UNAVAILABLE with the outcome unknown, and is reported to
// Config.OnFault.
//
// # Who may read what
//
// Contents (items, their history, parties, entries) are answered to callers on
// the node's own machine only, unless Config.OpenReads. Open to all are what
// shows no contents: appending, a receipt with its proof by event id (whoever
// knows the id knows the event: it is a hash over 16 random bytes), tree heads,
// checkpoints, proofs, and the node's status. A method that methods does not list
// is not served.
//
// A proxy on the node's own machine makes its callers local: do not put one in
// front of the port unless it keeps to the same rule.
//
// # Goroutines
//
//	verifiers        one a processor, from New to Shutdown: check signatures in batches
//	Serve            grpc's own, a connection and a call each
//	streaming call   one that handles it, watched by grpc's own
//	AppendStream     one that reads, one a write in its window
//	promise          one a promised event, until it is recorded or refused; at
//	                 most a minute, and PursuitsMax of them
package api
