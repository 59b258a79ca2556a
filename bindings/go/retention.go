package knockersqlite

import (
	"context"
	"time"

	"github.com/knocker-dev/knocker/core"
)

// PruneParams says which events to remove, and PruneResult what was removed.
type (
	PruneParams = core.PruneParams
	PruneResult = core.PruneResult
)

// PruneEvents removes up to Limit handled and ignored events, oldest first,
// with what belongs to them. Pruning forgets identities, so a cutoff younger
// than 8 days needs Force. Each call is audited. Errors: invalid_argument.
func (i *Inbox) PruneEvents(ctx context.Context, p PruneParams) (PruneResult, error) {
	return i.inbox.PruneEvents(ctx, p)
}

// PruneOrphanDeliveries removes up to limit (1..1000, 0: 1000) deliveries
// without an event that were received before olderThan, oldest first. Each call
// is audited. Errors: invalid_argument.
func (i *Inbox) PruneOrphanDeliveries(ctx context.Context, olderThan time.Time, limit int) (PruneResult, error) {
	return i.inbox.PruneOrphanDeliveries(ctx, olderThan.Unix(), limit)
}
