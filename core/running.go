package core

import (
	"context"
	"time"

	"github.com/knocker-dev/knocker/core/sqlite"
)

// Running is a job that a worker holds: its handler runs, or will within the
// moment for which the worker claims ahead.
type Running struct {
	JobID     int64
	EventID   int64
	Endpoint  string
	EventType string
	WorkerID  string
	Attempt   int // counts this run
	// Since is when the handler started, in Unix seconds; 0 where that is not
	// known: it has not yet, or a worker of another process runs it.
	Since     int64
	LeaseLeft int64 // seconds; below 0 when the lease is over and another worker may take the job
}

// ListRunning lists the jobs that workers of all processes hold now, by job id,
// up to limit (1..1000, defaults to 100), from after the cursor of the page
// before. endpoint "" is all. Errors: invalid_argument, unknown_endpoint.
func (i *Inbox) ListRunning(_ context.Context, endpoint string, limit int, cursor string) (list []Running, next string, err error) {
	if err := i.usable(); err != nil {
		return nil, "", err
	}
	if limit, err = pageLimit(limit); err != nil {
		return nil, "", err
	}
	after := []int64{0}
	if cursor != "" {
		var ok bool
		if after, ok = cursorNumbers(cursor, 1); !ok {
			return nil, "", badCursor()
		}
	}
	started := i.e.startedJobs()
	err = i.e.snapshot(func(c *sqlite.Conn) error {
		list, err = i.e.running(c, endpoint, after[0], limit)
		return err
	})
	for n := range list {
		if at, ok := started[list[n].JobID]; ok {
			list[n].Since = i.e.now().Add(-time.Since(at)).Unix()
		}
	}
	if len(list) == limit {
		next = cursorOf(list[limit-1].JobID)
	}
	return list, next, err
}

// running reads the held jobs: as many as workers can hold, which is few, so
// they are put in order here.
func (e *engine) running(c *sqlite.Conn, endpoint string, after int64, limit int) ([]Running, error) {
	var names []string
	if endpoint != "" {
		names = []string{endpoint}
	}
	endpoints, err := endpointIDs(c, names)
	if err != nil {
		return nil, err
	}
	var of any
	if len(endpoints) > 0 {
		of = endpoints[0]
	}
	rows, err := c.Query(`SELECT j.id, e.id, p.name, coalesce(e.event_type, ''), coalesce(j.worker_id, ''), j.attempts, j.claim_expires_at
		FROM main._honker_live j INDEXED BY _honker_live_processing_deadline
		CROSS JOIN main.knocker_events e ON e.id = json_extract(j.payload, '$.event_id') CROSS JOIN main.knocker_endpoints p ON p.id = e.endpoint_id
		WHERE j.queue = ?1 AND j.state = 'processing' AND j.id > ?2 AND (?3 IS NULL OR e.endpoint_id = ?3) ORDER BY j.id LIMIT ?4`,
		e.options.QueueName, after, of, limit)
	if err != nil {
		return nil, err
	}
	now := e.now().Unix()
	list := make([]Running, 0, rows.Len())
	for rows.Next() {
		list = append(list, Running{JobID: rows.Int(0), EventID: rows.Int(1), Endpoint: rows.Text(2), EventType: rows.Text(3),
			WorkerID: rows.Text(4), Attempt: int(rows.Int(5)), LeaseLeft: rows.Int(6) - now})
	}
	return list, nil
}

// startedJobs are the jobs whose handlers run in this process, and since when.
func (e *engine) startedJobs() map[int64]time.Time {
	if e.hostFile != nil {
		return e.hostFile.startedJobs()
	}
	e.mu.Lock()
	workers := make([]*Worker, 0, len(e.workers))
	for w := range e.workers {
		workers = append(workers, w)
	}
	e.mu.Unlock()
	started := map[int64]time.Time{}
	for _, w := range workers {
		w.mu.Lock()
		for s := range w.steps {
			started[s.claim.key.ID] = s.started
		}
		w.mu.Unlock()
	}
	return started
}
