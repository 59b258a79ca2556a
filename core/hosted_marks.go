package core

import "github.com/knocker-dev/knocker/core/sqlite"

// MarkProcessing says that an event is being worked on, in its n-th attempt.
func (h *Hosted) MarkProcessing(event, attempt int64) error {
	return h.mark(event, "UPDATE main.knocker_events SET status = 'processing', attempt_count = ? WHERE id = ?", "mark_processing", attempt, event)
}

// MarkDone says how the work on an event has ended well: handled or ignored. The
// event keeps its job, which the caller acknowledges: until then whoever runs
// the event again, or prunes it, has to find the job.
func (h *Hosted) MarkDone(event int64, status string, milliseconds int64) error {
	return h.e.hosted(func(c *sqlite.Conn) error {
		err := change(c, event, "UPDATE main.knocker_events SET status = ?, handled_at = ?, last_error = NULL WHERE id = ?", "mark_"+status,
			status, h.e.now().Unix(), event)
		if err == nil {
			err = h.attempt(c, event, status, "", milliseconds)
		}
		return err
	})
}

// MarkFailed says that an attempt failed; terminal: that there is no other.
func (h *Hosted) MarkFailed(event, attempt int64, message string, terminal bool, milliseconds int64) error {
	status, message := StatusFailed, clip(message)
	if terminal {
		status = StatusDead
	}
	return h.e.hosted(func(c *sqlite.Conn) error {
		err := change(c, event, "UPDATE main.knocker_events SET status = ?, attempt_count = ?, last_error = ? WHERE id = ?", "mark_failed",
			status, attempt, orNull(message), event)
		if err == nil {
			err = h.attempt(c, event, status, message, milliseconds)
		}
		return err
	})
}

func (h *Hosted) mark(event int64, sql, action string, args ...any) error {
	return h.e.hosted(func(c *sqlite.Conn) error { return change(c, event, sql, action, args...) })
}

// change updates an event that is not done yet.
func change(c *sqlite.Conn, event int64, sql, action string, args ...any) error {
	status, _, err := eventStatus(c, event)
	if err == nil {
		err = allowedMark(action, event, status)
	}
	if err == nil {
		_, err = c.Exec(sql, args...)
	}
	return err
}

func allowedMark(action string, event int64, status string) error {
	return allowed(action, event, status, StatusReceived, StatusProcessing, StatusFailed, StatusDead)
}

func (h *Hosted) attempt(c *sqlite.Conn, event int64, outcome, message string, milliseconds int64) error {
	_, err := c.Exec("INSERT INTO main.knocker_attempts (event_id, attempted_at, outcome, error, duration_ms) VALUES (?, ?, ?, ?, ?)",
		event, h.e.now().Unix(), outcome, orNull(message), milliseconds)
	return err
}

// Ignore, Replay and Requeue are the inbox's actions of these names.
func (h *Hosted) Ignore(event int64) error  { return h.act(h.e.ignore, event) }
func (h *Hosted) Replay(event int64) error  { return h.act(h.e.replay, event) }
func (h *Hosted) Requeue(event int64) error { return h.act(h.e.requeue, event) }

func (h *Hosted) act(action func(c *sqlite.Conn, id int64) (bool, error), event int64) error {
	return h.e.hosted(func(c *sqlite.Conn) error {
		_, err := action(c, event)
		return err
	})
}
