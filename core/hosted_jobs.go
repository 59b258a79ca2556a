package core

import (
	"github.com/tidwall/gjson"

	"github.com/knocker-dev/knocker/core/queue"
	"github.com/knocker-dev/knocker/core/sqlite"
)

// JobParams is a job for Enqueue.
type JobParams struct {
	Queue       string
	Payload     string
	RunAt       int64  // Unix seconds. Defaults to now.
	Delay       *int64 // seconds from now; wins over RunAt
	Priority    int64
	MaxAttempts int64
	ExpiresIn   *int64 // seconds from now; nil: never
}

// Enqueue adds a pending job. Where its payload is that of an event which has no
// job, it becomes the event's.
func (h *Hosted) Enqueue(p JobParams) (id int64, err error) {
	now := h.e.now().Unix()
	runAt := p.RunAt
	if p.Delay != nil {
		runAt = now + *p.Delay
	}
	orDefault(&runAt, now)
	var expires any
	if p.ExpiresIn != nil {
		expires = now + *p.ExpiresIn
	}
	err = h.e.hosted(func(c *sqlite.Conn) error {
		r, err := c.Exec(`INSERT INTO main._honker_live (queue, payload, state, priority, run_at, attempts, max_attempts, created_at, expires_at)
			VALUES (?, ?, 'pending', ?, ?, 0, ?, ?, ?)`, p.Queue, p.Payload, p.Priority, runAt, p.MaxAttempts, now, expires)
		id = r.LastInsertID
		if event := onlyEvent(p.Payload); err == nil && event != 0 {
			_, err = c.Exec(`UPDATE main.knocker_events SET job_id = ?1 WHERE id = ?2 AND status NOT IN ('handled', 'ignored')
				AND NOT EXISTS (SELECT 1 FROM main._honker_live j WHERE j.id = knocker_events.job_id)`, id, event)
		}
		return err
	})
	return id, err
}

// onlyEvent is the event of a payload as the inbox writes them, and 0 for any
// other: an application's own jobs may be about events, too.
func onlyEvent(text string) int64 {
	if !gjson.Valid(text) {
		return 0
	}
	ours := true
	gjson.Parse(text).ForEach(func(key, value gjson.Result) bool {
		ours = (key.Str == "event_id" || key.Str == "delivery_id") && value.Type == gjson.Number
		return ours
	})
	if !ours {
		return 0
	}
	return payloadOf(text).event
}

// AcknowledgeAll removes the jobs that the worker holds, and counts them.
func (h *Hosted) AcknowledgeAll(jobs []int64, worker string) (removed int64, err error) {
	err = h.e.hosted(func(c *sqlite.Conn) error {
		r, err := c.Exec("DELETE FROM main._honker_live WHERE id"+inList+" AND worker_id = ? AND state = 'processing'", jsonList(jobs), worker)
		removed = r.Changes
		return err
	})
	return removed, err
}

// SweepExpired moves the queue's pending jobs whose time is over to the dead
// table, and their events to "dead".
func (h *Hosted) SweepExpired(name string) (swept int64, err error) {
	err = h.e.hosted(func(c *sqlite.Conn) error {
		late, err := ids(c, `SELECT id FROM main._honker_live INDEXED BY _honker_live_pending_deadline
			WHERE queue = ? AND state = 'pending' AND expires_at IS NOT NULL AND expires_at <= ?`, name, h.e.now().Unix())
		for _, job := range late {
			if err == nil {
				err = jobDied(c, job, "expired")
			}
			if err == nil {
				err = queue.Bury(c, job, "expired", h.e.now())
			}
		}
		swept = int64(len(late))
		return err
	})
	return swept, err
}

// jobDied marks the event that has the job. The payload says which it is, for
// no index leads from a job to its event.
func jobDied(c *sqlite.Conn, job int64, message string) error {
	_, err := c.Exec(`UPDATE main.knocker_events SET status = 'dead', job_id = NULL, last_error = coalesce(?1, last_error)
		WHERE id = (SELECT `+jobsEvent+` FROM main._honker_live WHERE id = ?2) AND job_id = ?2 AND status NOT IN ('handled', 'ignored', 'dead')`,
		orNull(message), job)
	return err
}

// Cancel removes a job whoever holds it; false: there is none.
func (h *Hosted) Cancel(job int64) (found bool, err error) {
	err = h.e.hosted(func(c *sqlite.Conn) error {
		r, err := c.Exec("DELETE FROM main._honker_live WHERE id = ?", job)
		found = r.Changes > 0
		return err
	})
	return found, err
}

// LiveJob is a row of the queue.
type LiveJob struct {
	ID             int64   `json:"id"`
	Queue          string  `json:"queue"`
	Payload        string  `json:"payload"`
	State          string  `json:"state"` // "pending" or "processing"
	Priority       int64   `json:"priority"`
	RunAt          int64   `json:"run_at"`
	WorkerID       *string `json:"worker_id"`
	ClaimExpiresAt *int64  `json:"claim_expires_at"`
	Attempts       int64   `json:"attempts"`
	MaxAttempts    int64   `json:"max_attempts"`
	CreatedAt      int64   `json:"created_at"`
	ExpiresAt      *int64  `json:"expires_at"`
}

// GetJob reads a job that is not done; nil: there is none.
func (h *Hosted) GetJob(id int64) (*LiveJob, error) {
	if err := hostSchema(h.e.host); err != nil {
		return nil, err
	}
	rows, err := h.e.host.Query(`SELECT id, queue, payload, state, priority, run_at, worker_id, claim_expires_at, attempts, max_attempts, created_at, expires_at
		FROM main._honker_live WHERE id = ?`, id)
	if err != nil || !rows.Next() {
		return nil, fromSQLite(err)
	}
	j := &LiveJob{ID: rows.Int(0), Queue: rows.Text(1), Payload: rows.Text(2), State: rows.Text(3), Priority: rows.Int(4), RunAt: rows.Int(5),
		Attempts: rows.Int(8), MaxAttempts: rows.Int(9), CreatedAt: rows.Int(10)}
	if !rows.IsNull(6) {
		worker := rows.Text(6)
		j.WorkerID = &worker
	}
	for column, field := range map[int]**int64{7: &j.ClaimExpiresAt, 11: &j.ExpiresAt} {
		if !rows.IsNull(column) {
			at := rows.Int(column)
			*field = &at
		}
	}
	return j, nil
}
