package knockersqlite

import (
	"context"

	"github.com/knocker-dev/knocker/core"
)

// How a bulk action goes about it, and what it did.
type (
	BulkOptions = core.BulkOptions
	BulkResult  = core.BulkResult
)

// Which events Expunge erases, and what one call of it did.
type (
	ExpungeParams = core.ExpungeParams
	ExpungeResult = core.ExpungeResult
)

// IgnoreEvents is Ignore for all events that the filter matches, in short
// transactions, so that receiving goes on. Events that arrive meanwhile are left
// alone. It can be cancelled between transactions: then, as after any error, the
// result says what was done. Errors: invalid_argument, unknown_endpoint.
func (i *Inbox) IgnoreEvents(ctx context.Context, f EventFilter, o BulkOptions) (BulkResult, error) {
	return i.inbox.IgnoreEvents(ctx, f, o)
}

// ReplayEvents is Replay for all events that the filter matches, as
// IgnoreEvents goes through them.
func (i *Inbox) ReplayEvents(ctx context.Context, f EventFilter, o BulkOptions) (BulkResult, error) {
	return i.inbox.ReplayEvents(ctx, f, o)
}

// RequeueEvents is Requeue for all events that the filter matches, as
// IgnoreEvents goes through them.
func (i *Inbox) RequeueEvents(ctx context.Context, f EventFilter, o BulkOptions) (BulkResult, error) {
	return i.inbox.RequeueEvents(ctx, f, o)
}

// ReplayDeliveries is ReplayDelivery for all deliveries that the filter
// matches. Of a batch it replays each event.
func (i *Inbox) ReplayDeliveries(ctx context.Context, f DeliveryFilter, o BulkOptions) (BulkResult, error) {
	return i.inbox.ReplayDeliveries(ctx, f, o)
}

// Expunge erases body, headers and query of all deliveries of the matching
// events, and the texts of their errors, but keeps what happened. Events that
// may still run are skipped. One call is one transaction, audited; repeat it
// with the cursor until that is "". Errors: invalid_argument, unknown_endpoint.
func (i *Inbox) Expunge(ctx context.Context, p ExpungeParams) (ExpungeResult, error) {
	return i.inbox.Expunge(ctx, p)
}
