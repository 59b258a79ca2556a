package knockersqlite

import (
	"context"
	"iter"
	"time"

	"github.com/knocker-dev/knocker/core"
)

// What removes old rows, and what it answers.
type (
	PruneParams     = core.PruneParams
	PruneResult     = core.PruneResult
	PruneAudit      = core.PruneAudit
	RetentionPolicy = core.RetentionPolicy
	RetentionResult = core.RetentionResult
	RetentionState  = core.RetentionState
)

// Never as an age of a RetentionPolicy keeps that kind for ever.
const Never = core.Never

// PruneEvents removes up to Limit handled and ignored events, oldest first,
// with what belongs to them. Pruning forgets identities, so a cutoff younger
// than 8 days needs Force. Each call is audited. Errors: invalid_argument.
func (i *Inbox) PruneEvents(ctx context.Context, p PruneParams) (PruneResult, error) {
	return value(ctx, i, func(c *core.Inbox) (PruneResult, error) { return c.PruneEvents(ctx, p) })
}

// PruneOrphanDeliveries removes up to limit (1..1000, 0: 1000) deliveries
// without an event that were received before olderThan, oldest first. Each call
// is audited. Errors: invalid_argument.
func (i *Inbox) PruneOrphanDeliveries(ctx context.Context, olderThan time.Time, limit int) (PruneResult, error) {
	return value(ctx, i, func(c *core.Inbox) (PruneResult, error) { return c.PruneOrphanDeliveries(ctx, olderThan.Unix(), limit) })
}

// ListPruneAudits returns a page of up to limit (1..1000, 0: 100) records of
// what was removed, newest first, and the cursor of the next page, "" after the
// last.
func (i *Inbox) ListPruneAudits(ctx context.Context, limit int, cursor string) (page []PruneAudit, next string, err error) {
	return paged(ctx, i, func(c *core.Inbox) ([]PruneAudit, string, error) { return c.ListPruneAudits(ctx, limit, cursor) })
}

// PruneAudits yields all records of what was removed, newest first. An error
// ends it.
func (i *Inbox) PruneAudits(ctx context.Context) iter.Seq2[PruneAudit, error] {
	return pages("", func(cursor string) ([]PruneAudit, string, error) {
		return i.ListPruneAudits(ctx, wholePage, cursor)
	})
}

// RunRetention keeps the file small until ctx ends: a pass each interval, by
// whichever process of the file is the leader. It returns nil then. Errors:
// invalid_argument, invalid_state (it runs already), closed.
func (i *Inbox) RunRetention(ctx context.Context, p RetentionPolicy) error {
	return i.target.use(ctx, func(c *core.Inbox) error { return c.RunRetention(ctx, p) })
}

// StartRetention is RunRetention in the background, until StopRetention or
// until the last inbox on the file is closed in this process. Called again, the
// new policy replaces the old one. Errors: invalid_argument, closed.
func (i *Inbox) StartRetention(p RetentionPolicy) error {
	return i.target.use(context.Background(), func(c *core.Inbox) error { return c.StartRetention(p) })
}

// StopRetention ends what StartRetention has begun, and reports whether
// anything was running.
func (i *Inbox) StopRetention() (ran bool) {
	_ = i.target.use(context.Background(), func(c *core.Inbox) error { ran = c.StopRetention(); return nil })
	return ran
}

// RunRetentionPass removes what the policy says is old, up to one batch of each
// kind, without asking for a leader. Errors: invalid_argument, busy.
func (i *Inbox) RunRetentionPass(ctx context.Context, p RetentionPolicy) (RetentionResult, error) {
	return value(ctx, i, func(c *core.Inbox) (RetentionResult, error) { return c.RunRetentionPass(ctx, p) })
}

// RetentionState tells who leads, and what the last pass did.
func (i *Inbox) RetentionState(ctx context.Context) (RetentionState, error) {
	return value(ctx, i, func(c *core.Inbox) (RetentionState, error) { return c.RetentionState(ctx) })
}
