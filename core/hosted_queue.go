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
// over is claimed alone. Events whose attempts are used up die, and jobs of
// events that are done or whose endpoint is paused are not handed out.
func (h *Hosted) Claim(name, worker string, limit, timeout int64) ([]HostedJob, error) {
	if limit < 1 || limit > 1000 || timeout < 1 || timeout > maxLeaseSeconds {
		return nil, fail(CodeInvalidArgument, "a claim takes 1 to 1000 jobs for 1 to %d seconds", maxLeaseSeconds)
	}
	p := queue.ClaimParams{Queue: name, WorkerID: worker, Lease: time.Duration(timeout) * time.Second, Now: time.Unix(h.e.now().Unix(), 0)}
	jobs := []HostedJob{}
	err := h.e.hosted(func(c *sqlite.Conn) error {
		a := hostedClaim{e: h.e, c: c, queue: name}
		var err error
		if a.paused, err = h.e.takeBack(c); err != nil {
			return err
		}
		for round := 0; round < parkRounds; round++ {
			p.Limit = int(limit) - len(jobs)
			claimed, exhausted, err := queue.Claim(c, p)
			if err != nil {
				return err
			}
			for _, j := range exhausted {
				if err := a.died(j); err != nil {
					return err
				}
			}
			before := len(jobs)
			for _, j := range claimed {
				taken, err := a.admit(queue.Key{ID: j.ID, WorkerID: worker, Attempts: j.Attempts}, j)
				if err != nil {
					return err
				}
				if taken {
					jobs = append(jobs, HostedJob{j.ID, name, j.Payload, worker, j.Attempts, p.Now.Unix() + timeout})
				}
			}
			if len(jobs) == before+len(claimed) || len(jobs) == int(limit) {
				break // nothing was put aside, so there is nothing more; or enough
			}
		}
		return nil
	})
	return jobs, err
}

// A claim that meets jobs of a paused endpoint puts many of them aside, and
// tries again this often: the next claim goes on.
const (
	parkAtOnce = 1000
	parkRounds = 10
)

// hostedClaim is the transaction of one claim.
type hostedClaim struct {
	e      *engine
	c      *sqlite.Conn
	queue  string
	paused map[int64]bool
}

// event finds the event of a job. Other queues than the inbox's own may hold an
// application's jobs, so there the event must know the job as its own.
func (a *hostedClaim) event(j queue.Job) (id, endpoint int64, status string, err error) {
	id = payloadOf(j.Payload).event
	if id == 0 {
		return 0, 0, "", nil
	}
	rows, err := a.c.Query("SELECT endpoint_id, status FROM main.knocker_events WHERE id = ? AND (job_id = ? OR ?)", id, j.ID, a.queue == DefaultQueue)
	if err != nil {
		return 0, 0, "", err
	}
	if !rows.Next() {
		if a.queue != DefaultQueue {
			id = 0
		}
		return id, 0, "", nil
	}
	return id, rows.Int(0), rows.Text(1), nil
}

func (a *hostedClaim) died(j queue.Job) error {
	event, _, _, err := a.event(j)
	if err != nil || event == 0 {
		return err
	}
	return a.e.eventDied(a.c, event, j.Attempts)
}

// admit reports whether a claimed job is handed out. Else it is drained, for its
// event is done or gone, or put aside.
func (a *hostedClaim) admit(k queue.Key, j queue.Job) (bool, error) {
	event, endpoint, status, err := a.event(j)
	switch {
	case err != nil || event == 0:
		return err == nil, err
	case status == "" || status == StatusHandled || status == StatusIgnored:
		return false, queue.Cancel(a.c, j.ID)
	case !a.paused[endpoint]:
		return true, nil
	}
	if _, err := queue.Park(a.c, k, a.e.parkedQueue(endpoint)); err != nil {
		return false, err
	}
	_, err = a.c.Exec(`UPDATE main._honker_live SET queue = ?1 WHERE id IN (SELECT id FROM main._honker_live INDEXED BY _honker_live_claim
		WHERE queue = ?2 AND state IN ('pending', 'processing') AND state = 'pending'
		AND EXISTS (SELECT 1 FROM main.knocker_events e WHERE e.id = `+jobsEvent+` AND e.job_id = _honker_live.id AND e.endpoint_id = ?3)
		ORDER BY priority DESC, run_at, id LIMIT ?4)`, a.e.parkedQueue(endpoint), a.queue, endpoint, parkAtOnce)
	return false, err
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
	if err := jobDied(c, k.ID, message); err != nil {
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
	at, err := queue.NextDue(h.e.host, name, h.e.now())
	return at, fromSQLite(err)
}
