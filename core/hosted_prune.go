package core

import (
	"context"

	"github.com/knocker-dev/knocker/core/sqlite"
)

// Inbox is the inbox on the host's connection, for what needs nothing but the
// file: reads, operators' actions, pruning. It ends with the call. Errors: the
// layout's.
func (h *Hosted) Inbox() (*Inbox, error) {
	if err := hostSchema(h.e.host); err != nil {
		return nil, err
	}
	return &Inbox{e: h.e}, nil
}

// Reset sets an event back to "received", as if no attempt had been made. It is
// not queued. Errors: not_found; body_cut where its body was erased.
func (h *Hosted) Reset(event int64) error {
	return h.e.hosted(func(c *sqlite.Conn) error {
		if _, _, err := eventStatus(c, event); err != nil {
			return err
		}
		if err := refuseExpunged(c, event, 0); err != nil {
			return err
		}
		_, err := c.Exec("UPDATE main.knocker_events SET status = 'received', attempt_count = 0, handled_at = NULL, last_error = NULL WHERE id = ?", event)
		return err
	})
}

// RetentionPassParams says what one pass removes; a nil part is not asked for.
type RetentionPassParams struct {
	Events          *PruneParams
	OrphanOlderThan *int64
	OrphanLimit     int
}

// RunRetentionPass prunes events and orphans in one transaction.
func (h *Hosted) RunRetentionPass(p RetentionPassParams) (events, orphans *PruneResult, err error) {
	i, err := h.Inbox()
	if err != nil {
		return nil, nil, err
	}
	ctx := context.Background()
	err = h.e.hosted(func(*sqlite.Conn) error {
		if p.Events != nil {
			r, err := i.PruneEvents(ctx, *p.Events)
			if err != nil {
				return err
			}
			events = &r
		}
		if p.OrphanOlderThan != nil {
			r, err := i.PruneOrphanDeliveries(ctx, *p.OrphanOlderThan, p.OrphanLimit)
			if err != nil {
				return err
			}
			orphans = &r
		}
		return nil
	})
	return events, orphans, err
}
