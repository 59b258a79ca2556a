package core

import (
	"context"
	"sync/atomic"

	"github.com/knocker-dev/knocker/core/sqlite"
)

// counters count what this process did since it opened the file.
type counters struct {
	received, duplicates, rejected, notStored, commits   atomic.Int64
	claimed, handled, failed, dead, ignored, left, given atomic.Int64
	leasesLost                                           atomic.Int64
}

func (n *counters) finished(status string) {
	switch status {
	case StatusHandled:
		n.handled.Add(1)
	case StatusFailed:
		n.failed.Add(1)
	case StatusDead:
		n.dead.Add(1)
	case StatusIgnored:
		n.ignored.Add(1)
	case "given_back":
		n.given.Add(1)
	}
}

func (n *counters) snapshot() map[string]int64 {
	return map[string]int64{"received": n.received.Load(), "duplicates": n.duplicates.Load(), "rejected": n.rejected.Load(), "not_stored": n.notStored.Load(),
		"commits": n.commits.Load(), "claimed": n.claimed.Load(), "handled": n.handled.Load(), "failed": n.failed.Load(),
		"dead": n.dead.Load(), "ignored": n.ignored.Load(), "left": n.left.Load(), "given_back": n.given.Load(),
		"leases_lost": n.leasesLost.Load()}
}

// Stats counts what is in the file, in one consistent read, and what this
// process did.
func (i *Inbox) Stats(_ context.Context) (Stats, error) {
	out := Stats{Events: map[string]int64{}, Orphans: map[string]int64{}}
	if err := i.usable(); err != nil {
		return out, err
	}
	out.Process = i.e.counters.snapshot()
	err := i.e.snapshot(func(c *sqlite.Conn) error {
		if err := countBy(c, out.Events, "SELECT status, count(*) FROM main.knocker_events GROUP BY status"); err != nil {
			return err
		}
		if err := countBy(c, out.Orphans, "SELECT kind, count(*) FROM main.knocker_deliveries WHERE event_id IS NULL GROUP BY kind"); err != nil {
			return err
		}
		rows, err := c.Query(`SELECT (SELECT count(*) FROM main.knocker_deliveries),
			(SELECT count(*) FROM main._honker_live WHERE queue = ?1 AND state = 'pending' AND run_at <= ?2),
			(SELECT count(*) FROM main._honker_live WHERE queue = ?1 AND state = 'pending' AND run_at > ?2),
			(SELECT count(*) FROM main._honker_live WHERE queue = ?1 AND state = 'processing'),
			(SELECT count(*) FROM main._honker_dead WHERE queue = ?1),
			(SELECT count(*) FROM main.knocker_events WHERE delivery_id IS NOT NULL)`, i.e.options.QueueName, i.e.now().Unix())
		if err != nil {
			return err
		}
		rows.Next()
		out.Deliveries, out.JobsReady, out.JobsLater, out.JobsHeld, out.JobsDead = rows.Int(0), rows.Int(1), rows.Int(2), rows.Int(3), rows.Int(4)
		out.Duplicates = out.Deliveries - sum(out.Orphans) - rows.Int(5)
		return nil
	})
	out.Duplicates = max(out.Duplicates, 0)
	return out, err
}

func sum(m map[string]int64) (total int64) {
	for _, n := range m {
		total += n
	}
	return total
}

func countBy(c *sqlite.Conn, into map[string]int64, sql string) error {
	rows, err := c.Query(sql)
	if err != nil {
		return err
	}
	for rows.Next() {
		into[rows.Text(0)] = rows.Int(1)
	}
	return nil
}

// snapshot runs several reads on one state of the file.
func (e *engine) snapshot(f func(c *sqlite.Conn) error) error {
	return e.read(func(c *sqlite.Conn) error {
		if _, err := c.Exec("BEGIN"); err != nil {
			return err
		}
		defer rollback(c)
		return f(c)
	})
}
