package core

import (
	"context"
	"slices"

	"github.com/knocker-dev/knocker/core/sqlite"
)

// PruneParams says which events to remove. Pruning forgets identities: a
// retry that comes later is a new event.
type PruneParams struct {
	Statuses  []string // "handled", "ignored". Defaults to both.
	OlderThan int64    // Unix seconds; events received strictly before it
	Limit     int      // 1..1000. Defaults to 1000.
	// Force allows a cutoff younger than 8 days, within which senders still
	// retry.
	Force bool
}

// PruneResult counts the rows that were really removed.
type PruneResult struct {
	EventsPruned     int64 `json:"events_pruned"`
	AttemptsPruned   int64 `json:"attempts_pruned"`
	DeliveriesPruned int64 `json:"deliveries_pruned"`
	LiveJobsPruned   int64 `json:"live_jobs_pruned"`
}

// retrySeconds is how long senders are known to retry, with a day to spare.
const retrySeconds = 8 * 24 * 3600

// PruneEvents removes the oldest handled and ignored events with their
// attempts, jobs and links; a delivery goes with its last event. Each call is
// audited, also when nothing matched. Errors: invalid_argument.
func (i *Inbox) PruneEvents(ctx context.Context, p PruneParams) (out PruneResult, err error) {
	if p.Statuses != nil && len(p.Statuses) == 0 {
		return out, fail(CodeInvalidArgument, "statuses is an empty list, which selects nothing: leave it out for both")
	}
	if p.Statuses == nil {
		p.Statuses = []string{StatusHandled, StatusIgnored}
	}
	for _, s := range p.Statuses {
		if err := oneOf("statuses", s, StatusHandled, StatusIgnored); err != nil {
			return out, err
		}
	}
	orDefault(&p.Limit, 1000)
	if p.Limit, err = pageLimit(p.Limit); err != nil {
		return out, err
	}
	if p.OlderThan > i.e.now().Unix()-retrySeconds && !p.Force {
		return out, fail(CodeInvalidArgument, "older_than is less than 8 days ago: a sender's retry of a pruned event would run again. Use force if that can't happen")
	}
	err = i.act(ctx, func(c *sqlite.Conn) error {
		ids, err := prunable(c, p)
		if err == nil {
			out, _, err = pruneEvents(c, ids)
		}
		if err == nil {
			_, err = i.e.audit(c, 0, AuditEvents, out, map[string]any{"statuses": p.Statuses, "older_than": p.OlderThan, "limit": p.Limit})
		}
		return err
	})
	return out, err
}

// PruneOrphanDeliveries removes the oldest deliveries without an event that
// were received strictly before olderThan, up to limit (1..1000, defaults to
// 1000). Each call is audited.
func (i *Inbox) PruneOrphanDeliveries(ctx context.Context, olderThan int64, limit int) (out PruneResult, err error) {
	orDefault(&limit, 1000)
	if limit, err = pageLimit(limit); err != nil {
		return out, err
	}
	if err := i.usable(); err != nil {
		return out, err
	}
	ids, _, err := i.e.oldOrphans(olderThan, limit, 0)
	if err != nil {
		return out, err
	}
	err = i.act(ctx, func(c *sqlite.Conn) error {
		if out.DeliveriesPruned, err = pruneOrphans(c, ids); err != nil {
			return err
		}
		_, err = i.e.audit(c, 0, AuditOrphans, out, map[string]any{"older_than": olderThan, "limit": limit})
		return err
	})
	return out, err
}

// oldOrphans finds the oldest orphans, up to a limit and, where bytes is above
// 0, a sum of bodies. No index has them by age alone, so the writer is not held
// for it.
func (e *engine) oldOrphans(olderThan int64, limit int, bytes int64) (ids []int64, more bool, err error) {
	err = e.read(func(c *sqlite.Conn) error {
		rows, err := c.Query(`SELECT id, length(body_blob) FROM main.knocker_deliveries WHERE id IN (SELECT id FROM main.knocker_deliveries
			WHERE event_id IS NULL AND received_at < ? ORDER BY received_at, id LIMIT ?) ORDER BY received_at, id`, olderThan, limit)
		if err != nil {
			return err
		}
		more = rows.Len() == limit
		for sum := int64(0); rows.Next(); {
			if sum += rows.Int(1); bytes > 0 && sum > bytes && len(ids) > 0 {
				more = true
				return nil
			}
			ids = append(ids, rows.Int(0))
		}
		return nil
	})
	return ids, more, err
}

// pruneOrphans removes those that are orphans still.
func pruneOrphans(c *sqlite.Conn, ids []int64) (int64, error) {
	r, err := c.Exec("DELETE FROM main.knocker_deliveries WHERE id"+inList+" AND event_id IS NULL", jsonList(ids))
	return r.Changes, err
}

// prunable finds the oldest events of the statuses; each status has its index.
func prunable(c *sqlite.Conn, p PruneParams) ([]int64, error) {
	type old struct{ at, id int64 }
	var found []old
	for _, status := range p.Statuses {
		rows, err := c.Query("SELECT received_at, id FROM main.knocker_events WHERE status = ? AND received_at < ? ORDER BY received_at, id LIMIT ?", status, p.OlderThan, p.Limit)
		if err != nil {
			return nil, err
		}
		for rows.Next() {
			found = append(found, old{rows.Int(0), rows.Int(1)})
		}
	}
	slices.SortFunc(found, func(a, b old) int {
		if a.at != b.at {
			return int(a.at - b.at)
		}
		return int(a.id - b.id)
	})
	found = slices.Compact(found)
	ids := make([]int64, min(len(found), p.Limit))
	for n := range ids {
		ids[n] = found[n].id
	}
	return ids, nil
}

// pruneEvents removes events and what belongs to them alone. A batch delivery
// stays while another of its events does, and is then shown with that one.
func pruneEvents(c *sqlite.Conn, ids []int64) (out PruneResult, deadJobs int64, err error) {
	if len(ids) == 0 {
		return out, 0, nil
	}
	events := jsonList(ids)
	batches, err := textOf(c, "SELECT json_group_array(DISTINCT delivery_id) FROM main.knocker_delivery_events WHERE event_id IN (SELECT value FROM json_each(?))", events)
	if err != nil {
		return out, 0, err
	}
	for _, step := range []struct {
		count *int64
		sql   string
		args  []any
	}{
		{&out.LiveJobsPruned, deleteJobs("_honker_live"), []any{events}},
		{&deadJobs, deleteJobs("_honker_dead"), []any{events}},
		{&out.AttemptsPruned, "DELETE FROM main.knocker_attempts WHERE event_id" + inList, []any{events}},
		{nil, "DELETE FROM main.knocker_delivery_events WHERE event_id" + inList, []any{events}},
		{&out.DeliveriesPruned, "DELETE FROM main.knocker_deliveries WHERE id" + inList + ` AND NOT EXISTS
			(SELECT 1 FROM main.knocker_delivery_events l WHERE l.delivery_id = knocker_deliveries.id)`, []any{batches}},
		{nil, `UPDATE main.knocker_deliveries SET event_id = (SELECT l.event_id FROM main.knocker_delivery_events l WHERE l.delivery_id = knocker_deliveries.id ORDER BY item LIMIT 1)
			WHERE id` + inList + " AND event_id" + inList, []any{batches, events}},
		{&out.DeliveriesPruned, "DELETE FROM main.knocker_deliveries WHERE event_id" + inList, []any{events}},
		{&out.EventsPruned, "DELETE FROM main.knocker_events WHERE id" + inList, []any{events}},
	} {
		r, err := c.Exec(step.sql, step.args...)
		if err != nil {
			return out, deadJobs, err
		}
		if step.count != nil {
			*step.count += r.Changes
		}
	}
	return out, deadJobs, nil
}

// jobsEvent is the event that a queue row is about, NULL where it is none of
// ours. Others may have put anything into their payloads.
const jobsEvent = "CASE WHEN json_valid(payload) THEN json_extract(payload, '$.event_id') END"

// deleteJobs removes from a table of the queue the jobs that a list of events
// remember, where they really are theirs.
func deleteJobs(table string) string {
	return "DELETE FROM main." + table + " WHERE id IN (SELECT j.id FROM main.knocker_events e JOIN main." + table + " j ON j.id = e.job_id WHERE e.id" + inList + " AND e.id = " + jobsEvent + ")"
}

// inList compares with a list of ids; see jsonList.
const inList = " IN (SELECT value FROM json_each(?))"

func textOf(c *sqlite.Conn, sql string, args ...any) (string, error) {
	rows, err := c.Query(sql, args...)
	if err != nil || !rows.Next() {
		return "", err
	}
	return rows.Text(0), nil
}
