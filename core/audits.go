package core

import (
	"context"
	"encoding/json"
	"math"

	"github.com/knocker-dev/knocker/core/sqlite"
	"github.com/knocker-dev/knocker/core/store"
)

// The kinds of a PruneAudit.
const (
	AuditEvents    = "events"            // PruneEvents
	AuditOrphans   = "orphan_deliveries" // PruneOrphanDeliveries
	AuditRetention = "retention"         // a retention pass
	AuditExpunge   = "expunge"           // Expunge: events_pruned are those that were erased
)

// PruneAudit records one operation that removed or erased something.
type PruneAudit struct {
	ID               int64
	Kind             string
	QueueName        string // of the inbox that did it
	ExecutedAt       int64  // Unix seconds
	EventsPruned     int64
	DeliveriesPruned int64
	AttemptsPruned   int64
	LiveJobsPruned   int64
	Summary          json.RawMessage // object: what was asked for, and further counts
}

// ListPruneAudits lists audits, newest first, and the cursor of the next page,
// "" after the last. limit is 1..1000, 0: 100. Errors: invalid_argument.
func (i *Inbox) ListPruneAudits(_ context.Context, limit int, cursor string) (list []PruneAudit, next string, err error) {
	if err := i.usable(); err != nil {
		return nil, "", err
	}
	if limit, err = pageLimit(limit); err != nil {
		return nil, "", err
	}
	before, err := auditCursor(cursor)
	if err != nil {
		return nil, "", err
	}
	list = []PruneAudit{}
	err = i.e.read(func(c *sqlite.Conn) error {
		rows, err := c.Query(selectAudit+" WHERE id < ? ORDER BY id DESC LIMIT ?", before, limit)
		if err != nil {
			return err
		}
		for rows.Next() {
			list = append(list, scanAudit(rows))
		}
		return nil
	})
	if n := len(list); n > 0 && n == limit {
		next = cursorOf(list[n-1].ID)
	}
	return list, next, err
}

// auditCursor is the id that a page ends before.
func auditCursor(cursor string) (before int64, err error) {
	if cursor == "" {
		return math.MaxInt64, nil
	}
	numbers, ok := cursorNumbers(cursor, 1)
	if !ok {
		return 0, badCursor()
	}
	return numbers[0], nil
}

const selectAudit = `SELECT id, kind, coalesce(queue_name, ''), executed_at, events_pruned, deliveries_pruned, attempts_pruned, live_jobs_pruned, summary_json
	FROM main.knocker_prune_audits`

func scanAudit(r *store.Rows) PruneAudit {
	return PruneAudit{ID: r.Int(0), Kind: r.Text(1), QueueName: r.Text(2), ExecutedAt: r.Int(3), EventsPruned: r.Int(4), DeliveriesPruned: r.Int(5),
		AttemptsPruned: r.Int(6), LiveJobsPruned: r.Int(7), Summary: append(json.RawMessage{}, r.Bytes(8)...)}
}

// audit writes a row, or the present counts into the row that an operation of
// several transactions has made (id above 0). It returns the row's id.
func (e *engine) audit(c *sqlite.Conn, id int64, kind string, r PruneResult, summary map[string]any) (int64, error) {
	text, err := json.Marshal(summary)
	if err != nil {
		return 0, err
	}
	var key any
	if id > 0 {
		key = id
	}
	done, err := c.Exec(`INSERT INTO main.knocker_prune_audits
		(id, kind, queue_name, executed_at, events_pruned, deliveries_pruned, attempts_pruned, live_jobs_pruned, summary_json) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET events_pruned = excluded.events_pruned, deliveries_pruned = excluded.deliveries_pruned,
		attempts_pruned = excluded.attempts_pruned, live_jobs_pruned = excluded.live_jobs_pruned, summary_json = excluded.summary_json`,
		key, kind, e.options.QueueName, e.now().Unix(), r.EventsPruned, r.DeliveriesPruned, r.AttemptsPruned, r.LiveJobsPruned, string(text))
	if id > 0 {
		return id, err
	}
	return done.LastInsertID, err
}
