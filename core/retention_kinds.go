package core

import (
	"context"

	"github.com/knocker-dev/knocker/core/sqlite"
)

const (
	// batchBytes bounds the bodies of a batch: to free a page SQLite reads it.
	batchBytes = 8 << 20
	// jobsScanned is how many rows of the dead table one look reads. It is shared
	// with other packages, so no index of ours may be on it.
	jobsScanned = 2000
)

// pruneStatus removes events of one status, oldest first. What to remove is
// looked up without the writer, which only checks that it is still so.
func pruneStatus(status string) func(*retentionPass, context.Context, int64, int) (int, bool, error) {
	return func(p *retentionPass, ctx context.Context, cutoff int64, limit int) (int, bool, error) {
		found, err := p.oldEvents(status, cutoff, limit)
		if err != nil || len(found.ids) == 0 && found.crowded == 0 {
			return 0, false, err
		}
		if found.crowded != 0 {
			removed, err := p.thin(ctx, found.crowded, limit)
			return removed, true, err
		}
		removed := 0
		err = p.writeBatch(ctx, func(c *sqlite.Conn, out *RetentionResult) error {
			old, err := ids(c, "SELECT id FROM main.knocker_events WHERE id"+inList+" AND status = ? AND received_at < ?", jsonList(found.ids), status, cutoff)
			if err != nil {
				return err
			}
			r, deadJobs, err := pruneEvents(c, old)
			out.add(RetentionResult{PruneResult: r, DeadJobsPruned: deadJobs})
			removed = len(old)
			return err
		})
		return removed, found.more, err
	}
}

// oldEvents are the events of the next batch.
type oldEvents struct {
	ids     []int64
	crowded int64 // an event with so many deliveries that these go first
	more    bool
}

func (p *retentionPass) oldEvents(status string, cutoff int64, limit int) (out oldEvents, err error) {
	err = p.e.read(func(c *sqlite.Conn) error {
		rows, err := c.Query(`SELECT e.id, count(d.id), coalesce(sum(length(d.body_blob)), 0)
			FROM (SELECT id, received_at FROM main.knocker_events WHERE status = ? AND received_at < ? ORDER BY received_at, id LIMIT ?) e
			LEFT JOIN main.knocker_deliveries d ON d.event_id = e.id GROUP BY e.received_at, e.id`, status, cutoff, limit)
		if err != nil {
			return err
		}
		out.more = rows.Len() == limit
		deliveries, bytes := int64(0), int64(0)
		for rows.Next() {
			deliveries, bytes = deliveries+rows.Int(1), bytes+rows.Int(2)
			if len(out.ids) > 0 && (bytes > batchBytes || deliveries > int64(2*p.policy.Batch)) {
				out.more = true
				return nil
			}
			if rows.Int(1) > int64(p.policy.Batch) {
				out.crowded = rows.Int(0)
				return nil
			}
			out.ids = append(out.ids, rows.Int(0))
		}
		return nil
	})
	return out, err
}

// thin removes repeated deliveries of an event that is to be pruned: one sender
// may have repeated it a hundred thousand times.
func (p *retentionPass) thin(ctx context.Context, event int64, limit int) (removed int, err error) {
	err = p.writeBatch(ctx, func(c *sqlite.Conn, out *RetentionResult) error {
		r, err := c.Exec(`DELETE FROM main.knocker_deliveries WHERE id IN (SELECT d.id FROM main.knocker_deliveries d JOIN main.knocker_events e ON e.id = d.event_id
			WHERE d.event_id = ? AND d.id <> e.delivery_id AND NOT EXISTS (SELECT 1 FROM main.knocker_delivery_events l WHERE l.delivery_id = d.id) LIMIT ?)`, event, limit)
		out.DeliveriesPruned += r.Changes
		removed = int(r.Changes)
		return err
	})
	return removed, err
}

func (p *retentionPass) pruneOrphans(ctx context.Context, cutoff int64, limit int) (removed int, more bool, err error) {
	ids, more, err := p.e.oldOrphans(cutoff, limit, batchBytes)
	if err != nil || len(ids) == 0 {
		return 0, false, err
	}
	err = p.writeBatch(ctx, func(c *sqlite.Conn, out *RetentionResult) error {
		pruned, err := pruneOrphans(c, ids)
		out.DeliveriesPruned += pruned
		return err
	})
	return len(ids), more, err
}

// ourDeadJobs selects rows that are surely ours: of our queue and about an
// event, or the very job that an event remembers. The table and the queue's
// name are open to others.
const ourDeadJobs = "(queue = ? AND typeof(" + jobsEvent + ") = 'integer' OR EXISTS (SELECT 1 FROM main.knocker_events e WHERE e.id = " + jobsEvent + " AND e.job_id = _honker_dead.id))"

// pruneDeadJobs looks at the next rows of the dead table and removes what is
// ours and old.
func (p *retentionPass) pruneDeadJobs(ctx context.Context, cutoff int64, limit int) (removed int, more bool, err error) {
	var ids []int64
	err = p.e.read(func(c *sqlite.Conn) error {
		rows, err := c.Query("SELECT id, died_at < ? AND "+ourDeadJobs+" FROM main._honker_dead WHERE id > ? ORDER BY id LIMIT ?",
			cutoff, p.e.options.QueueName, p.deadJob, jobsScanned)
		if err != nil {
			return err
		}
		more = rows.Len() == jobsScanned
		for rows.Next() && len(ids) < limit {
			p.deadJob = rows.Int(0)
			if rows.Int(1) != 0 {
				ids = append(ids, rows.Int(0))
			}
		}
		more = more || rows.Len() > 0
		return nil
	})
	if err != nil || len(ids) == 0 {
		return 0, more, err
	}
	err = p.writeBatch(ctx, func(c *sqlite.Conn, out *RetentionResult) error {
		r, err := c.Exec("DELETE FROM main._honker_dead WHERE id"+inList+" AND died_at < ? AND "+ourDeadJobs, jsonList(ids), cutoff, p.e.options.QueueName)
		out.DeadJobsPruned += r.Changes
		return err
	})
	return len(ids), more, err
}

// pruneAudits relies on ids that grow with time: there is no index on it.
func (p *retentionPass) pruneAudits(ctx context.Context, cutoff int64, limit int) (removed int, more bool, err error) {
	var old []int64
	err = p.e.read(func(c *sqlite.Conn) error {
		old, err = ids(c, "SELECT id FROM (SELECT id, executed_at FROM main.knocker_prune_audits ORDER BY id LIMIT ?) WHERE executed_at < ?", limit, cutoff)
		return err
	})
	if err != nil || len(old) == 0 {
		return 0, false, err
	}
	err = p.writeBatch(ctx, func(c *sqlite.Conn, out *RetentionResult) error {
		r, err := c.Exec("DELETE FROM main.knocker_prune_audits WHERE id"+inList, jsonList(old))
		out.AuditsPruned += r.Changes
		return err
	})
	return len(old), len(old) == limit, err
}
