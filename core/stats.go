package core

import (
	"context"
	"slices"
	"strconv"
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
// process did. With endpoints it counts what is theirs. Errors:
// invalid_argument, unknown_endpoint.
func (i *Inbox) Stats(_ context.Context, endpoints ...string) (Stats, error) {
	out := Stats{Events: map[string]int64{}, Orphans: map[string]int64{}}
	if err := i.usable(); err != nil {
		return out, err
	}
	if err := checkChoices("endpoint", endpoints); err != nil {
		return out, err
	}
	out.Process = i.e.counters.snapshot()
	err := i.e.snapshot(func(c *sqlite.Conn) error {
		of, err := endpointIDs(c, endpoints)
		if err != nil {
			return err
		}
		t := tally{e: i.e, c: c, out: &out, of: of, now: i.e.now().Unix()}
		for _, count := range []func() error{t.rows, t.resumed, t.jobs, t.paused, t.stuck, t.left} {
			if err := count(); err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

// tally fills in Stats. Every number comes from an index that holds all it
// needs; no table is read.
type tally struct {
	e   *engine
	c   *sqlite.Conn
	out *Stats
	of  []int64 // endpoints; nil: all
	now int64

	back map[string]bool // queues of endpoints that were paused and run again
}

// resumed finds the jobs that a worker parked while their endpoint was paused,
// and that the next claim brings back: they count as if they were back.
func (t *tally) resumed() error {
	names, endpoints, err := t.e.parkedQueues(t.c)
	if err != nil || len(names) == 0 {
		return err
	}
	paused, err := pausedEndpoints(t.c)
	t.back = map[string]bool{}
	for n, name := range names {
		if !paused[endpoints[n]] {
			t.back[name] = true
		}
	}
	return err
}

// among narrows to the endpoints, by ?1.
func (t *tally) among(column string) (where string, args []any) {
	if t.of == nil {
		return "", nil
	}
	return " AND " + column + " IN (SELECT value FROM json_each(?1))", []any{jsonList(t.of)}
}

func (t *tally) rows() error {
	where, args := t.among("endpoint_id")
	if err := t.events(where, args); err != nil {
		return err
	}
	err := countBy(t.c, t.out.Orphans, "SELECT kind, count(*) FROM main.knocker_deliveries INDEXED BY knocker_deliveries_orphans WHERE event_id IS NULL"+where+" GROUP BY kind", args...)
	if err != nil {
		return err
	}
	where, args = t.among("d.endpoint_id")
	if t.out.Deliveries, err = number(t.c, "SELECT count(*) FROM main.knocker_deliveries d WHERE 1"+where, args...); err != nil {
		return err
	}
	// Each event has one delivery of its own, but the events of one batch share
	// it; every further delivery, or item of one, is a duplicate.
	links := "main.knocker_delivery_events l"
	if t.of != nil {
		links += " CROSS JOIN main.knocker_deliveries d ON d.id = l.delivery_id"
	}
	batches, err := number(t.c, "SELECT count(*) FROM (SELECT 1 FROM "+links+" WHERE 1"+where+" GROUP BY l.delivery_id)", args...)
	if err != nil {
		return err
	}
	items, err := number(t.c, "SELECT count(*) FROM "+links+" WHERE 1"+where, args...)
	t.out.Duplicates = max(t.out.Deliveries-sum(t.out.Orphans)-sum(t.out.Events)+items-batches, 0)
	return err
}

// events counts by status. SQLite counts a whole table several times as fast as
// a range of an index, and mostly one status has nearly all rows: it is what the
// others leave.
func (t *tally) events(where string, args []any) error {
	if t.of != nil {
		return countBy(t.c, t.out.Events, "SELECT status, count(*) FROM main.knocker_events INDEXED BY knocker_events_endpoint WHERE 1"+where+" GROUP BY status", args...)
	}
	left, err := number(t.c, "SELECT count(*) FROM main.knocker_events")
	if err != nil {
		return err
	}
	var many []string
	for _, status := range statuses {
		n, err := number(t.c, "SELECT count(*) FROM (SELECT 1 FROM main.knocker_events INDEXED BY knocker_events_status WHERE status = ? LIMIT ?)", status, tooMany)
		switch {
		case err != nil:
			return err
		case n == tooMany:
			many = append(many, status)
		case n > 0:
			t.out.Events[status] = n
			left -= n
		}
	}
	// The last of the long ones need not be counted; handled is the longest of all.
	if at := slices.Index(many, StatusHandled); at >= 0 {
		many = append(slices.Delete(many, at, at+1), StatusHandled)
	}
	for n, status := range many {
		count := left
		if n < len(many)-1 {
			if count, err = number(t.c, "SELECT count(*) FROM main.knocker_events INDEXED BY knocker_events_status WHERE status = ?", status); err != nil {
				return err
			}
		}
		t.out.Events[status] = count
		left -= count
	}
	return nil
}

func (t *tally) jobs() (err error) {
	if t.of != nil {
		t.out.JobsDead = t.out.Events[StatusDead]
		return t.jobsOf(jsonList(t.of), func(queue, state string, due bool, count int64) {
			switch {
			case queue != t.e.options.QueueName && !t.back[queue]:
			case state == "processing":
				t.out.JobsHeld += count
			case due:
				t.out.JobsReady += count
			default:
				t.out.JobsLater += count
			}
		})
	}
	rows, err := t.c.Query(`SELECT
		(SELECT count(*) FROM main._honker_live INDEXED BY _honker_live_pending_deadline WHERE queue = ?1 AND state = 'pending' AND run_at <= ?2),
		(SELECT count(*) FROM main._honker_live INDEXED BY _honker_live_pending_deadline WHERE queue = ?1 AND state = 'pending' AND run_at > ?2),
		(SELECT count(*) FROM main._honker_live INDEXED BY _honker_live_processing_deadline WHERE queue = ?1 AND state = 'processing'),
		(SELECT count(*) FROM main._honker_dead WHERE queue = ?1)`, t.e.options.QueueName, t.now)
	if err != nil {
		return err
	}
	rows.Next()
	t.out.JobsReady, t.out.JobsLater, t.out.JobsHeld, t.out.JobsDead = rows.Int(0), rows.Int(1), rows.Int(2), rows.Int(3)
	for queue := range t.back {
		if err := t.addPending(queue); err != nil {
			return err
		}
	}
	return nil
}

// addPending counts the waiting jobs of one more queue.
func (t *tally) addPending(queue string) error {
	rows, err := t.c.Query(`SELECT
		(SELECT count(*) FROM main._honker_live INDEXED BY _honker_live_pending_deadline WHERE queue = ?1 AND state = 'pending' AND run_at <= ?2),
		(SELECT count(*) FROM main._honker_live INDEXED BY _honker_live_pending_deadline WHERE queue = ?1 AND state = 'pending' AND run_at > ?2)`, queue, t.now)
	if err != nil {
		return err
	}
	rows.Next()
	t.out.JobsReady += rows.Int(0)
	t.out.JobsLater += rows.Int(1)
	return nil
}

// jobsOf counts the jobs of the endpoints' waiting events.
func (t *tally) jobsOf(endpoints string, each func(queue, state string, due bool, count int64)) error {
	rows, err := t.c.Query(`SELECT j.queue, j.state, j.run_at <= ?2, count(*)
		FROM main.knocker_events e INDEXED BY knocker_events_endpoint CROSS JOIN main._honker_live j ON j.id = e.job_id
		WHERE e.endpoint_id IN (SELECT value FROM json_each(?1)) AND e.status IN ('received', 'processing', 'failed')
		GROUP BY j.queue, j.state, j.run_at <= ?2`, endpoints, t.now)
	if err != nil {
		return err
	}
	for rows.Next() {
		each(rows.Text(0), rows.Text(1), rows.Int(2) != 0, rows.Int(3))
	}
	return nil
}

// paused tells the jobs of paused endpoints from those that a worker would
// take: some of them a worker has parked already.
func (t *tally) paused() error {
	paused, err := pausedEndpoints(t.c)
	if err != nil {
		return err
	}
	var of []int64
	for id := range paused {
		if t.of == nil || slices.Contains(t.of, id) {
			of = append(of, id)
		}
	}
	if len(of) == 0 {
		return nil
	}
	waiting, err := number(t.c, `SELECT count(*) FROM main.knocker_events INDEXED BY knocker_events_endpoint
		WHERE endpoint_id IN (SELECT value FROM json_each(?1)) AND status IN ('received', 'failed')`, jsonList(of))
	if err != nil {
		return err
	}
	if waiting > manyPaused {
		return t.pausedBacklog(of, waiting)
	}
	return t.jobsOf(jsonList(of), func(queue, state string, due bool, count int64) {
		if state != "pending" {
			return
		}
		t.out.JobsPaused += count
		switch {
		case queue != t.e.options.QueueName:
		case due:
			t.out.JobsReady -= count
		default:
			t.out.JobsLater -= count
		}
	})
}

// manyPaused is how many jobs of paused endpoints are looked at one by one.
const manyPaused = 50_000

// pausedBacklog counts a long backlog by its events: what no worker has parked
// yet is taken for ready.
func (t *tally) pausedBacklog(of []int64, waiting int64) error {
	unparked := waiting
	for _, id := range of {
		parked, err := number(t.c, "SELECT count(*) FROM main._honker_live INDEXED BY _honker_live_pending_deadline WHERE queue = ? AND state = 'pending'", t.e.parkedQueue(id))
		if err != nil {
			return err
		}
		unparked -= parked
	}
	t.out.JobsPaused = waiting
	t.out.JobsReady = max(t.out.JobsReady-max(unparked, 0), 0)
	return nil
}

// stuckLook is how many received events stats look at. In a queue that moves the
// stuck ones stay behind, so they are among the oldest, however long it is.
const stuckLook = 50_000

func (t *tally) stuck() (err error) {
	from := "knocker_events_status WHERE status = 'received' ORDER BY received_at, id"
	where, args := t.among("endpoint_id")
	if t.of != nil {
		from = "knocker_events_endpoint WHERE status = 'received'" + where
	}
	t.out.Stuck, err = number(t.c, "SELECT count(*) FROM (SELECT id, status, job_id FROM main.knocker_events INDEXED BY "+from+" LIMIT "+strconv.Itoa(stuckLook)+") x WHERE "+stuckEvent, args...)
	return err
}

// left counts the jobs that a worker has given back because nobody handles
// them: they have run no attempt and yet stand a few seconds in the future.
func (t *tally) left() (err error) {
	var of any
	if t.of != nil {
		of = jsonList(t.of)
	}
	t.out.UnhandledLeft, err = number(t.c, `SELECT count(*) FROM main._honker_live j INDEXED BY _honker_live_pending_deadline
		CROSS JOIN main.knocker_events e ON e.id = json_extract(j.payload, '$.event_id')
		WHERE j.queue = ?2 AND j.state = 'pending' AND j.run_at > ?3 AND j.run_at <= ?4 AND j.attempts = 0 AND j.run_at > j.created_at
		AND (?1 IS NULL OR e.endpoint_id IN (SELECT value FROM json_each(?1)))`, of, t.e.options.QueueName, t.now-leaveFor, t.now+leaveFor+1)
	return err
}

func number(c *sqlite.Conn, sql string, args ...any) (int64, error) {
	rows, err := c.Query(sql, args...)
	if err != nil || !rows.Next() {
		return 0, err
	}
	return rows.Int(0), nil
}

func sum(m map[string]int64) (total int64) {
	for _, n := range m {
		total += n
	}
	return total
}

func countBy(c *sqlite.Conn, into map[string]int64, sql string, args ...any) error {
	rows, err := c.Query(sql, args...)
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
		if e.host != nil && (c.InTransaction() || c.WriteRuns()) {
			return f(c) // the host's transaction, or statement, is one state already
		}
		if _, err := c.Exec("BEGIN"); err != nil {
			return err
		}
		defer endRead(c)
		return f(c)
	})
}

// endRead ends a transaction that has written nothing. A host's hooks would hear
// of a rollback.
func endRead(c *sqlite.Conn) {
	if _, err := c.Exec("COMMIT"); err != nil {
		rollback(c)
	}
}
