// Package queue is a job queue in two tables, on-disk compatible with Honker:
// operations on a store.Conn, inside whatever transaction the caller holds. It
// knows nothing of what the jobs are about.
package queue

import (
	"math"
	"sort"
	"time"

	"github.com/knocker-dev/knocker/core/store"
)

// Job is a claimed row.
type Job struct {
	ID          int64
	Payload     string
	Attempts    int // counts this claim: with the worker id, the fencing token
	MaxAttempts int
	CreatedAt   int64
}

// Key names the one claim of a job that its holder may end.
type Key struct {
	ID       int64
	WorkerID string
	Attempts int
}

const insertJob = `INSERT INTO main._honker_live (id, queue, payload, state, priority, run_at, attempts, max_attempts, created_at)
	VALUES (?, ?, ?, 'pending', 0, ?, 0, ?, ?)`

// Enqueue inserts a pending job and returns its id.
func Enqueue(c store.Conn, queue, payload string, runAt int64, maxAttempts int, now time.Time) (int64, error) {
	r, err := c.Exec(insertJob, nil, queue, payload, runAt, maxAttempts, now.Unix())
	return r.LastInsertID, err
}

// AddJob adds the inserting of a pending job to a batch, which stops if a trigger
// keeps it out: under an id that the caller has reserved in this transaction, or
// with 0 under the next one.
func AddJob(b store.Batch, id int64, queue, payload string, runAt int64, maxAttempts int, now time.Time) {
	var reserved any
	if id != 0 {
		reserved = id
	}
	b.Add(store.MustChange, insertJob, reserved, queue, payload, runAt, maxAttempts, now.Unix())
}

// ClaimParams says what a worker asks for.
type ClaimParams struct {
	Queue    string
	WorkerID string
	Limit    int
	Lease    time.Duration
	Now      time.Time
	// Where narrows the jobs by a condition on _honker_live, with WhereArgs.
	Where     string
	WhereArgs []any
}

// Claim takes due jobs: an expired lease alone, so that a job that kills its
// worker takes no neighbours with it, else up to Limit pending ones. Jobs whose
// attempts are used up go to the dead table and are returned as exhausted.
func Claim(c store.Conn, p ClaimParams) (claimed, exhausted []Job, err error) {
	found, err := expired(c, p)
	if err == nil && len(found) == 0 {
		found, err = pending(c, p)
	}
	if err != nil {
		return nil, nil, err
	}
	b := c.NewBatch()
	defer b.Close()
	for _, j := range found {
		if j.Attempts >= j.MaxAttempts {
			exhausted = append(exhausted, j)
			addBury(b, j.ID, "attempts used up: the worker died or lost its lease each time", p.Now)
			continue
		}
		b.Add(0, `UPDATE main._honker_live SET state = 'processing', worker_id = ?, claim_expires_at = ?, attempts = attempts + 1
			WHERE id = ?`, p.WorkerID, expiry(p.Now, p.Lease), j.ID)
		j.Attempts++
		claimed = append(claimed, j)
	}
	_, err = b.Run()
	return claimed, exhausted, err
}

const jobColumns = "id, payload, attempts, max_attempts, created_at, priority, run_at"

func expired(c store.Conn, p ClaimParams) ([]Job, error) {
	return jobs(c, 1, "SELECT "+jobColumns+` FROM main._honker_live
		WHERE queue = ? AND state = 'processing' AND claim_expires_at < ?`+p.Where+` ORDER BY claim_expires_at, id LIMIT ?`, p,
		p.Queue, p.Now.Unix())
}

// pending looks at the deadline index first: where few jobs are due it finds
// them all without walking over those that wait for later. With more, the claim
// index yields the first ones in order.
func pending(c store.Conn, p ClaimParams) ([]Job, error) {
	now := p.Now.Unix()
	due, err := jobs(c, p.Limit+1, "SELECT "+jobColumns+` FROM main._honker_live INDEXED BY _honker_live_pending_deadline
		WHERE queue = ? AND state = 'pending' AND run_at <= ? AND (expires_at IS NULL OR expires_at > ?)`+p.Where+` LIMIT ?`, p,
		p.Queue, now, now)
	if err != nil || len(due) <= p.Limit {
		return due, err
	}
	return jobs(c, p.Limit, "SELECT "+jobColumns+` FROM main._honker_live INDEXED BY _honker_live_claim
		WHERE queue = ? AND state IN ('pending', 'processing') AND state = 'pending' AND run_at <= ?
		AND (expires_at IS NULL OR expires_at > ?)`+p.Where+` ORDER BY priority DESC, run_at, id LIMIT ?`, p, p.Queue, now, now)
}

func jobs(c store.Conn, limit int, sql string, p ClaimParams, args ...any) ([]Job, error) {
	args = append(append(args, p.WhereArgs...), limit)
	rows, err := c.Query(sql, args...)
	if err != nil {
		return nil, err
	}
	type ordered struct {
		Job
		priority, runAt int64
	}
	var found []ordered
	for rows.Next() {
		found = append(found, ordered{Job{ID: rows.Int(0), Payload: rows.Text(1), Attempts: int(rows.Int(2)),
			MaxAttempts: int(rows.Int(3)), CreatedAt: rows.Int(4)}, rows.Int(5), rows.Int(6)})
	}
	sort.SliceStable(found, func(a, b int) bool {
		x, y := found[a], found[b]
		if x.priority != y.priority {
			return x.priority > y.priority
		}
		if x.runAt != y.runAt {
			return x.runAt < y.runAt
		}
		return x.ID < y.ID
	})
	out := make([]Job, len(found))
	for i := range found {
		out[i] = found[i].Job
	}
	return out, nil
}

// expiry rounds up: a lease never ends before its time.
func expiry(now time.Time, lease time.Duration) int64 { return ceilUnix(now.Add(lease)) }

func ceilUnix(t time.Time) int64 {
	return int64(math.Ceil(float64(t.UnixMilli()) / 1000))
}

const held = " WHERE id = ? AND worker_id = ? AND attempts = ? AND state = 'processing'"

func one(r store.Result, err error) (bool, error) { return r.Changes == 1, err }

// Held reports whether the claim still stands.
func Held(c store.Conn, k Key) (bool, error) {
	rows, err := c.Query("SELECT 1 FROM main._honker_live"+held, k.ID, k.WorkerID, k.Attempts)
	if err != nil {
		return false, err
	}
	return rows.Len() == 1, nil
}

const acknowledge = "DELETE FROM main._honker_live" + held

// Acknowledge removes a job that is done; false: its claim is gone.
func Acknowledge(c store.Conn, k Key) (bool, error) {
	return one(c.Exec(acknowledge, k.ID, k.WorkerID, k.Attempts))
}

// AddAcknowledge adds that to a batch, which stops if the claim is gone.
func AddAcknowledge(b store.Batch, k Key) int {
	return b.Add(store.MustChange, acknowledge, k.ID, k.WorkerID, k.Attempts)
}

// Retry gives a job back to run at a later time, within maxAttempts in all.
func Retry(c store.Conn, k Key, at time.Time, maxAttempts int) (bool, error) {
	return one(c.Exec("UPDATE main._honker_live SET state = 'pending', run_at = ?, max_attempts = ?, worker_id = NULL, claim_expires_at = NULL"+held,
		ceilUnix(at), maxAttempts, k.ID, k.WorkerID, k.Attempts))
}

// GiveBack undoes a claim: no attempt counts. The job keeps its place, or with
// a time runs at that.
func GiveBack(c store.Conn, k Key, at time.Time) (bool, error) {
	var runAt any
	if !at.IsZero() {
		runAt = ceilUnix(at)
	}
	return one(c.Exec("UPDATE main._honker_live SET state = 'pending', run_at = coalesce(?, run_at), worker_id = NULL, claim_expires_at = NULL, attempts = attempts - 1"+held,
		runAt, k.ID, k.WorkerID, k.Attempts))
}

// Park undoes a claim and moves the job to another queue: no attempt counts.
func Park(c store.Conn, k Key, queue string) (bool, error) {
	return one(c.Exec("UPDATE main._honker_live SET queue = ?, state = 'pending', worker_id = NULL, claim_expires_at = NULL, attempts = attempts - 1"+held,
		queue, k.ID, k.WorkerID, k.Attempts))
}

// Postpone keeps a job from being claimed before a time, whoever holds it.
func Postpone(c store.Conn, id int64, until time.Time) error {
	_, err := c.Exec(`UPDATE main._honker_live SET run_at = CASE state WHEN 'pending' THEN ?1 ELSE run_at END,
		claim_expires_at = CASE state WHEN 'processing' THEN ?1 ELSE claim_expires_at END WHERE id = ?2`, ceilUnix(until), id)
	return err
}

// Move takes up to limit pending jobs of one queue to another, the first ones
// first.
func Move(c store.Conn, from, to string, limit int) error {
	_, err := c.Exec(`UPDATE main._honker_live SET queue = ? WHERE id IN (SELECT id FROM main._honker_live INDEXED BY _honker_live_claim
		WHERE queue = ? AND state IN ('pending', 'processing') AND state = 'pending' ORDER BY priority DESC, run_at, id LIMIT ?)`, to, from, limit)
	return err
}

// Fail moves a claimed job to the dead table.
func Fail(c store.Conn, k Key, reason string, now time.Time) (bool, error) {
	ok, err := Held(c, k)
	if err != nil || !ok {
		return false, err
	}
	return true, Bury(c, k.ID, reason, now)
}

// Bury moves a live job to the dead table, whoever holds it.
func Bury(c store.Conn, id int64, reason string, now time.Time) error {
	b := c.NewBatch()
	defer b.Close()
	addBury(b, id, reason, now)
	_, err := b.Run()
	return err
}

func addBury(b store.Batch, id int64, reason string, now time.Time) {
	b.Add(0, `INSERT OR REPLACE INTO main._honker_dead (id, queue, payload, priority, run_at, attempts, max_attempts, last_error, created_at, died_at)
		SELECT id, queue, payload, priority, run_at, attempts, max_attempts, ?, created_at, ? FROM main._honker_live WHERE id = ?`, reason, now.Unix(), id)
	b.Add(0, cancelJob, id)
}

const cancelJob = "DELETE FROM main._honker_live WHERE id = ?"

// Cancel removes a live job whoever holds it.
func Cancel(c store.Conn, id int64) error {
	_, err := c.Exec(cancelJob, id)
	return err
}

// Renew extends a claim, even one whose time is just over: while nobody else
// has taken the job its attempts have not changed.
func Renew(c store.Conn, k Key, lease time.Duration, now time.Time) (bool, error) {
	return one(c.Exec("UPDATE main._honker_live SET claim_expires_at = ?"+held, expiry(now, lease), k.ID, k.WorkerID, k.Attempts))
}

// NextDue is the earliest time at which a job can be claimed; 0: there is none.
// A job past its expires_at never can, and would be looked for without rest.
func NextDue(c store.Conn, queue string, now time.Time) (int64, error) {
	// ORDER BY … LIMIT 1 reads one index entry; min() in a compound reads all.
	rows, err := c.Query(`SELECT coalesce(min(p, q), p, q, 0) FROM (SELECT
		(SELECT max(run_at, 1) FROM main._honker_live WHERE queue = ?1 AND state = 'pending'
			AND (expires_at IS NULL OR expires_at > ?2) ORDER BY run_at LIMIT 1) AS p,
		(SELECT claim_expires_at + 1 FROM main._honker_live WHERE queue = ?1 AND state = 'processing' ORDER BY claim_expires_at LIMIT 1) AS q)`, queue, now.Unix())
	if err != nil || !rows.Next() {
		return 0, err
	}
	return rows.Int(0), nil
}
