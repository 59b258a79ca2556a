package knockersqlite

import (
	"context"
	"iter"

	"github.com/knocker-dev/knocker/core"
)

// What the reads answer, and what selects it.
type (
	Delivery       = core.Delivery
	Attempt        = core.Attempt
	Running        = core.Running
	Stats          = core.Stats
	EndpointStats  = core.EndpointStats
	CheckReport    = core.CheckReport
	ExplainParams  = core.ExplainParams
	Explanation    = core.Explanation
	EventFilter    = core.EventFilter
	DeliveryFilter = core.DeliveryFilter
)

// GetEvent returns an event with its body. Errors: not_found.
func (i *Inbox) GetEvent(ctx context.Context, id int64) (Event, error) {
	return value(ctx, i, func(c *core.Inbox) (Event, error) { return c.GetEvent(ctx, id) })
}

// GetDelivery returns a delivery with its body. Errors: not_found.
func (i *Inbox) GetDelivery(ctx context.Context, id int64) (Delivery, error) {
	return value(ctx, i, func(c *core.Inbox) (Delivery, error) { return c.GetDelivery(ctx, id) })
}

// ListEvents returns one page of events, newest first, and the cursor of the
// next page, "" after the last. Bodies are left out unless the filter asks.
func (i *Inbox) ListEvents(ctx context.Context, f EventFilter) (page []Event, next string, err error) {
	return paged(ctx, i, func(c *core.Inbox) ([]Event, string, error) { return c.ListEvents(ctx, f) })
}

// Events yields all events that the filter matches, newest first, from its
// cursor on; its limit is how many are read at once. An error ends it.
func (i *Inbox) Events(ctx context.Context, f EventFilter) iter.Seq2[Event, error] {
	return pages(f.Cursor, func(cursor string) ([]Event, string, error) {
		f.Cursor = cursor
		return i.ListEvents(ctx, f)
	})
}

// ListDeliveries returns one page of deliveries, newest first, and the cursor
// of the next page, "" after the last. Bodies are left out unless the filter
// asks.
func (i *Inbox) ListDeliveries(ctx context.Context, f DeliveryFilter) (page []Delivery, next string, err error) {
	return paged(ctx, i, func(c *core.Inbox) ([]Delivery, string, error) { return c.ListDeliveries(ctx, f) })
}

// Deliveries yields all deliveries that the filter matches, newest first, from
// its cursor on; its limit is how many are read at once. An error ends it.
func (i *Inbox) Deliveries(ctx context.Context, f DeliveryFilter) iter.Seq2[Delivery, error] {
	return pages(f.Cursor, func(cursor string) ([]Delivery, string, error) {
		f.Cursor = cursor
		return i.ListDeliveries(ctx, f)
	})
}

// ListAttempts lists the runs of an event's handler, oldest first.
func (i *Inbox) ListAttempts(ctx context.Context, eventID int64) ([]Attempt, error) {
	return value(ctx, i, func(c *core.Inbox) ([]Attempt, error) { return c.ListAttempts(ctx, eventID) })
}

// ListRunning returns a page of up to limit (1..1000, 0: 100) jobs that workers
// of all processes hold now, and the cursor of the next page. endpoint "" is
// all. Errors: invalid_argument, unknown_endpoint.
func (i *Inbox) ListRunning(ctx context.Context, endpoint string, limit int, cursor string) (page []Running, next string, err error) {
	return paged(ctx, i, func(c *core.Inbox) ([]Running, string, error) { return c.ListRunning(ctx, endpoint, limit, cursor) })
}

// Running yields all jobs that workers of all processes hold now; endpoint "" is
// all. An error ends it.
func (i *Inbox) Running(ctx context.Context, endpoint string) iter.Seq2[Running, error] {
	return pages("", func(cursor string) ([]Running, string, error) {
		return i.ListRunning(ctx, endpoint, wholePage, cursor)
	})
}

// Stats counts what is in the file, in one consistent read, and what this
// process did; with endpoints, what is theirs. Errors: unknown_endpoint.
func (i *Inbox) Stats(ctx context.Context, endpoints ...string) (Stats, error) {
	return value(ctx, i, func(c *core.Inbox) (Stats, error) { return c.Stats(ctx, endpoints...) })
}

// ListStatsByEndpoint returns a page of the counts of up to limit (1..1000, 0:
// 100) endpoints, by name, and the cursor of the next page.
func (i *Inbox) ListStatsByEndpoint(ctx context.Context, limit int, cursor string) (page []EndpointStats, next string, err error) {
	return paged(ctx, i, func(c *core.Inbox) ([]EndpointStats, string, error) { return c.StatsByEndpoint(ctx, limit, cursor) })
}

// StatsByEndpoint yields the counts of all endpoints, by name. An error ends it.
func (i *Inbox) StatsByEndpoint(ctx context.Context) iter.Seq2[EndpointStats, error] {
	return pages("", func(cursor string) ([]EndpointStats, string, error) {
		return i.ListStatsByEndpoint(ctx, wholePage, cursor)
	})
}

// Ignore takes an event that was received, failed or is dead out of processing.
// On an ignored event it does nothing. Errors: not_found, invalid_state.
func (i *Inbox) Ignore(ctx context.Context, eventID int64) error {
	return i.target.use(ctx, func(c *core.Inbox) error { return c.Ignore(ctx, eventID) })
}

// Replay runs a handled, failed, dead or ignored event again from the start.
// Errors: not_found, invalid_state.
func (i *Inbox) Replay(ctx context.Context, eventID int64) error {
	return i.target.use(ctx, func(c *core.Inbox) error { return c.Replay(ctx, eventID) })
}

// Requeue is Replay for events that were not handled, and for a received one
// whose job is gone. Errors: not_found, invalid_state.
func (i *Inbox) Requeue(ctx context.Context, eventID int64) error {
	return i.target.use(ctx, func(c *core.Inbox) error { return c.Requeue(ctx, eventID) })
}

// ReplayDelivery replays an event with one of its deliveries, whose body,
// headers and query the handler then sees. eventID 0 is the delivery's event, of
// a batch its first. Errors: not_found, not_linked, invalid_state.
func (i *Inbox) ReplayDelivery(ctx context.Context, deliveryID, eventID int64) (replayed int64, err error) {
	return value(ctx, i, func(c *core.Inbox) (int64, error) { return c.ReplayDelivery(ctx, deliveryID, eventID) })
}

// Backup copies the file to path as it is at one moment, while receiving goes
// on. Never copy a live one by other means. Errors: invalid_argument,
// cannot_open, storage_full.
func (i *Inbox) Backup(ctx context.Context, path string) error {
	return i.target.use(ctx, func(c *core.Inbox) error { return c.Backup(ctx, path) })
}

// ExplainDelivery verifies a stored delivery once more, step by step, and writes
// nothing. The clock is the time of receipt unless NowS is given. It never shows
// a secret. Errors: not_found, no_verifier (give provider and secrets),
// unknown_provider, provider_mismatch, invalid_secret.
func (i *Inbox) ExplainDelivery(ctx context.Context, p ExplainParams) (Explanation, error) {
	return value(ctx, i, func(c *core.Inbox) (Explanation, error) { return c.ExplainDelivery(ctx, p) })
}

// Check reads the whole file and reports damage and what is stuck; quick leaves
// out the comparison of indexes with their tables, which takes most of the time.
// It writes nothing.
func (i *Inbox) Check(ctx context.Context, quick bool) (CheckReport, error) {
	return value(ctx, i, func(c *core.Inbox) (CheckReport, error) { return c.Check(ctx, quick) })
}
