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

// AcceptParams says which refused delivery to take in, and why.
type AcceptParams = core.AcceptParams

// ExpungeResult is what an erasure did.
type ExpungeResult = core.ExpungeResult

// IgnoreEvents is Ignore for all events that the filter matches, in short
// transactions, so that receiving goes on. Events that arrive meanwhile are left
// alone. It can be cancelled between transactions: then, as after any error, the
// result says what was done. Errors: invalid_argument, unknown_endpoint.
func (i *Inbox) IgnoreEvents(ctx context.Context, f EventFilter, o BulkOptions) (BulkResult, error) {
	return value(ctx, i, func(c *core.Inbox) (BulkResult, error) { return c.IgnoreEvents(ctx, f, o) })
}

// ReplayEvents is Replay for all events that the filter matches, as
// IgnoreEvents goes through them.
func (i *Inbox) ReplayEvents(ctx context.Context, f EventFilter, o BulkOptions) (BulkResult, error) {
	return value(ctx, i, func(c *core.Inbox) (BulkResult, error) { return c.ReplayEvents(ctx, f, o) })
}

// RequeueEvents is Requeue for all events that the filter matches, as
// IgnoreEvents goes through them.
func (i *Inbox) RequeueEvents(ctx context.Context, f EventFilter, o BulkOptions) (BulkResult, error) {
	return value(ctx, i, func(c *core.Inbox) (BulkResult, error) { return c.RequeueEvents(ctx, f, o) })
}

// ReplayDeliveries is ReplayDelivery for all deliveries that the filter
// matches. Of a batch it replays each event.
func (i *Inbox) ReplayDeliveries(ctx context.Context, f DeliveryFilter, o BulkOptions) (BulkResult, error) {
	return value(ctx, i, func(c *core.Inbox) (BulkResult, error) { return c.ReplayDeliveries(ctx, f, o) })
}

// Expunge erases body, headers and query of all deliveries of the matching
// events, and the texts of their errors, but keeps what happened. Events that
// may still run are skipped. It goes through them as IgnoreEvents does, and is
// audited, with the reason ("" for none). Errors: invalid_argument,
// unknown_endpoint.
func (i *Inbox) Expunge(ctx context.Context, f EventFilter, reason string, o BulkOptions) (ExpungeResult, error) {
	return value(ctx, i, func(c *core.Inbox) (ExpungeResult, error) { return c.Expunge(ctx, f, reason, o) })
}

// Reverify checks refused deliveries that the filter matches again, with the
// endpoints' present secrets and the clock at their receipt. Those that pass
// become events by the ordinary rules and keep both verdicts. Errors:
// no_verifier, invalid_argument, unknown_endpoint.
func (i *Inbox) Reverify(ctx context.Context, f DeliveryFilter, o BulkOptions) (BulkResult, error) {
	return value(ctx, i, func(c *core.Inbox) (BulkResult, error) { return c.Reverify(ctx, f, o) })
}

// AcceptDelivery takes a refused delivery in by decision, with a reason: it
// becomes an event as if its signature were valid. It is audited. Errors:
// not_found, invalid_argument (no reason), invalid_state, body_cut, no_verifier.
func (i *Inbox) AcceptDelivery(ctx context.Context, p AcceptParams) (Result, error) {
	return value(ctx, i, func(c *core.Inbox) (Result, error) { return c.AcceptDelivery(ctx, p) })
}
