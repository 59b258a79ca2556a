package core

import (
	"time"

	"github.com/knocker-dev/knocker/core/queue"
	"github.com/knocker-dev/knocker/core/sqlite"
)

// HostedJob is a claimed job.
type HostedJob struct {
	ID             int64  `json:"id"`
	Queue          string `json:"queue"`
	Payload        string `json:"payload"`
	WorkerID       string `json:"worker_id"`
	Attempts       int    `json:"attempts"`
	ClaimExpiresAt int64  `json:"claim_expires_at"`
}

// Claim takes up to limit due jobs for timeout seconds; a job whose lease is
// over is claimed alone. Events whose attempts are used up die.
func (h *Hosted) Claim(name, worker string, limit, timeout int64) ([]HostedJob, error) {
	if limit < 1 || limit > 1000 || timeout < 1 || timeout > maxLeaseSeconds {
		return nil, fail(CodeInvalidArgument, "a claim takes 1 to 1000 jobs for 1 to %d seconds", maxLeaseSeconds)
	}
	jobs := []HostedJob{}
	err := h.e.hosted(func(c *sqlite.Conn) error {
		now := time.Unix(h.e.now().Unix(), 0)
		claimed, exhausted, err := queue.Claim(c, queue.ClaimParams{Queue: name, WorkerID: worker, Limit: int(limit),
			Lease: time.Duration(timeout) * time.Second, Now: now})
		for _, j := range exhausted {
			if p := payloadOf(j.Payload); err == nil && p.event != 0 {
				err = h.e.eventDied(c, p.event, j.Attempts)
			}
		}
		for _, j := range claimed {
			jobs = append(jobs, HostedJob{j.ID, name, j.Payload, worker, j.Attempts, now.Unix() + timeout})
		}
		return err
	})
	return jobs, err
}

// maxLeaseSeconds is a year: beyond it a lease is a mistake.
const maxLeaseSeconds = 366 * 24 * 3600

// holding runs f with the claim that a worker has on a job; false: it has none.
func (h *Hosted) holding(job int64, worker string, f func(c *sqlite.Conn, k queue.Key, maxAttempts int) (bool, error)) (held bool, err error) {
	err = h.e.hosted(func(c *sqlite.Conn) error {
		rows, err := c.Query("SELECT attempts, max_attempts FROM main._honker_live WHERE id = ? AND worker_id = ? AND state = 'processing'", job, worker)
		if err != nil || !rows.Next() {
			return err
		}
		held, err = f(c, queue.Key{ID: job, WorkerID: worker, Attempts: int(rows.Int(0))}, int(rows.Int(1)))
		return err
	})
	return held && err == nil, err
}

// Acknowledge removes a job that is done.
func (h *Hosted) Acknowledge(job int64, worker string) (bool, error) {
	return h.holding(job, worker, func(c *sqlite.Conn, k queue.Key, _ int) (bool, error) { return queue.Acknowledge(c, k) })
}

// Retry gives a job back, to run after delay seconds; one whose attempts are
// used up dies, and its event with it.
func (h *Hosted) Retry(job int64, worker string, delay int64, message string) (bool, error) {
	if delay < 0 || delay > maxLeaseSeconds {
		return false, fail(CodeInvalidArgument, "a delay has 0 to %d seconds", maxLeaseSeconds)
	}
	return h.holding(job, worker, func(c *sqlite.Conn, k queue.Key, maxAttempts int) (bool, error) {
		if k.Attempts >= maxAttempts {
			return h.fail(c, k, message)
		}
		return queue.Retry(c, k, time.Unix(h.e.now().Unix()+delay, 0), maxAttempts)
	})
}

// Fail moves a job to the dead table, and its event to "dead".
func (h *Hosted) Fail(job int64, worker, message string) (bool, error) {
	return h.holding(job, worker, func(c *sqlite.Conn, k queue.Key, _ int) (bool, error) { return h.fail(c, k, message) })
}

func (h *Hosted) fail(c *sqlite.Conn, k queue.Key, message string) (bool, error) {
	message = clip(message)
	if _, err := c.Exec("UPDATE main.knocker_events SET status = 'dead', job_id = NULL, last_error = coalesce(?, last_error) WHERE job_id = ? AND status NOT IN ('handled', 'ignored')",
		orNull(message), k.ID); err != nil {
		return false, err
	}
	return queue.Fail(c, k, message, h.e.now())
}

// Renew extends a claim that is still valid by so many seconds from now.
func (h *Hosted) Renew(job int64, worker string, extend int64) (bool, error) {
	if extend < 1 || extend > maxLeaseSeconds {
		return false, fail(CodeInvalidArgument, "a claim is extended by 1 to %d seconds", maxLeaseSeconds)
	}
	return h.holding(job, worker, func(c *sqlite.Conn, k queue.Key, _ int) (bool, error) {
		now := h.e.now()
		rows, err := c.Query("SELECT 1 FROM main._honker_live WHERE id = ? AND claim_expires_at >= ?", job, now.Unix())
		if err != nil || !rows.Next() {
			return false, err
		}
		return queue.Renew(c, k, time.Duration(extend)*time.Second, now)
	})
}

// NextClaimAt is when the queue's next job can be claimed; 0: there is none.
func (h *Hosted) NextClaimAt(name string) (int64, error) {
	if err := hostSchema(h.e.host); err != nil {
		return 0, err
	}
	at, err := queue.NextDue(h.e.host, name)
	return at, fromSQLite(err)
}
