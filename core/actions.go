package core

import (
	"context"
	"fmt"
	"slices"

	"github.com/knocker-dev/knocker/core/queue"
	"github.com/knocker-dev/knocker/core/sqlite"
)

// Ignore takes an event that was received, failed or is dead out of processing;
// its job is drained without a handler. On an ignored event it does nothing.
// Errors: not_found, invalid_state.
func (i *Inbox) Ignore(ctx context.Context, eventID int64) error {
	return i.actOn(ctx, i.e.ignore, eventID)
}

// Replay runs a handled, failed, dead or ignored event again from the start.
// Errors: not_found, invalid_state.
func (i *Inbox) Replay(ctx context.Context, eventID int64) error {
	return i.actOn(ctx, i.e.replay, eventID)
}

// Requeue is Replay for events that were not handled, and for a received one
// whose job is gone. Errors: not_found, invalid_state.
func (i *Inbox) Requeue(ctx context.Context, eventID int64) error {
	return i.actOn(ctx, i.e.requeue, eventID)
}

func (i *Inbox) actOn(ctx context.Context, action func(c *sqlite.Conn, id int64) (bool, error), id int64) error {
	return i.act(ctx, func(c *sqlite.Conn) error {
		_, err := action(c, id)
		return err
	})
}

// What follows acts within the caller's transaction, and reports whether it has
// changed anything.

func (e *engine) ignore(c *sqlite.Conn, eventID int64) (bool, error) {
	status, _, err := eventStatus(c, eventID)
	if err != nil || status == StatusIgnored {
		return false, err
	}
	if err := allowed("ignore", eventID, status, StatusReceived, StatusFailed, StatusDead); err != nil {
		return false, err
	}
	_, err = c.Exec("UPDATE main.knocker_events SET status = 'ignored', handled_at = ? WHERE id = ?", e.now().Unix(), eventID)
	return err == nil, err
}

func (e *engine) replay(c *sqlite.Conn, eventID int64) (bool, error) {
	status, _, err := eventStatus(c, eventID)
	if err != nil {
		return false, err
	}
	if err := allowed("replay", eventID, status, StatusHandled, StatusFailed, StatusDead, StatusIgnored); err != nil {
		return false, err
	}
	return true, e.queueAnew(c, eventID, 0)
}

func (e *engine) requeue(c *sqlite.Conn, eventID int64) (bool, error) {
	status, hasJob, err := eventStatus(c, eventID)
	if err != nil {
		return false, err
	}
	if status != StatusReceived || hasJob {
		if err := allowed("requeue", eventID, status, StatusFailed, StatusDead, StatusIgnored); err != nil {
			return false, err
		}
	}
	return true, e.queueAnew(c, eventID, 0)
}

func (e *engine) replayWith(c *sqlite.Conn, deliveryID, eventID int64) error {
	status, _, err := eventStatus(c, eventID)
	if err != nil {
		return err
	}
	if err := allowed("replay_delivery", eventID, status, StatusHandled, StatusFailed, StatusDead, StatusIgnored); err != nil {
		return err
	}
	return e.queueAnew(c, eventID, deliveryID)
}

// replayDelivery replays each event of a delivery whose state allows it.
func (e *engine) replayDelivery(c *sqlite.Conn, deliveryID int64) (changed bool, err error) {
	events, err := ids(c, `SELECT event_id FROM main.knocker_deliveries WHERE id = ?1 AND event_id IS NOT NULL
		UNION SELECT event_id FROM main.knocker_delivery_events WHERE delivery_id = ?1`, deliveryID)
	for _, id := range events {
		switch err := e.replayWith(c, deliveryID, id); {
		case err == nil:
			changed = true
		case !refused(err):
			return false, err
		}
	}
	return changed, err
}

// ReplayDelivery replays an event with one of its deliveries: the handler sees
// that delivery's body, headers and query, of a batch the event's own item.
// event 0 is the delivery's event, of a batch its first. Errors: not_found,
// not_linked, invalid_state.
func (i *Inbox) ReplayDelivery(ctx context.Context, deliveryID, event int64) (eventID int64, err error) {
	err = i.act(ctx, func(c *sqlite.Conn) error {
		if eventID, err = linkedEvent(c, deliveryID, event); err != nil {
			return err
		}
		return i.e.replayWith(c, deliveryID, eventID)
	})
	return eventID, err
}

// linkedEvent finds the event of a delivery, or checks the one that is asked for.
func linkedEvent(c *sqlite.Conn, deliveryID, event int64) (int64, error) {
	rows, err := c.Query(`SELECT coalesce(d.event_id, 0), d.event_id = ?1 OR EXISTS
		(SELECT 1 FROM main.knocker_delivery_events l WHERE l.delivery_id = d.id AND l.event_id = ?1) FROM main.knocker_deliveries d WHERE d.id = ?2`, event, deliveryID)
	if err != nil {
		return 0, err
	}
	switch {
	case !rows.Next():
		return 0, fail(CodeNotFound, "no delivery has id %d", deliveryID)
	case rows.Int(0) == 0:
		return 0, fail(CodeNotLinked, "delivery %d belongs to no event", deliveryID)
	case event == 0:
		return rows.Int(0), nil
	case rows.Int(1) == 0:
		return 0, fail(CodeNotLinked, "delivery %d does not belong to event %d", deliveryID, event)
	}
	return event, nil
}

// act runs an operator's action in one transaction on the FULL connection and
// wakes the workers.
func (i *Inbox) act(ctx context.Context, f func(c *sqlite.Conn) error) error {
	if err := i.usable(); err != nil {
		return err
	}
	if err := i.e.write(ctx, f); err != nil {
		return err
	}
	i.e.wake.broadcast()
	return nil
}

// eventStatus reads the status and whether the job that the event remembers is
// really its own.
func eventStatus(c *sqlite.Conn, id int64) (status string, hasJob bool, err error) {
	rows, err := c.Query(`SELECT e.status, j.id IS NOT NULL AND json_extract(j.payload, '$.event_id') = e.id
		FROM main.knocker_events e LEFT JOIN main._honker_live j ON j.id = e.job_id WHERE e.id = ?`, id)
	if err != nil {
		return "", false, err
	}
	if !rows.Next() {
		return "", false, fail(CodeNotFound, "no event has id %d", id)
	}
	return rows.Text(0), rows.Int(1) != 0, nil
}

func allowed(action string, id int64, status string, from ...string) error {
	if slices.Contains(from, status) {
		return nil
	}
	return fail(CodeInvalidState, "event %d is %s: %s is possible from %q only", id, status, action, from)
}

// queueAnew removes the event's job and dead row, resets it and queues it.
func (e *engine) queueAnew(c *sqlite.Conn, eventID, deliveryID int64) error {
	if err := refuseExpunged(c, eventID, deliveryID); err != nil {
		return err
	}
	rows, err := c.Query(`SELECT coalesce(j.id, 0), coalesce(j.queue, ''), p.name FROM main.knocker_events e JOIN main.knocker_endpoints p ON p.id = e.endpoint_id
		LEFT JOIN main._honker_live j ON j.id = e.job_id AND json_extract(j.payload, '$.event_id') = e.id WHERE e.id = ?`, eventID)
	if err != nil || !rows.Next() {
		return err
	}
	job, name, attempts := rows.Int(0), rows.Text(1), e.options.Retry.MaxAttempts
	if s := e.endpoints.get(rows.Text(2)); s != nil {
		attempts = s.retry.MaxAttempts
	}
	if name == "" || e.queueGiven {
		name = e.options.QueueName
	}
	if job != 0 {
		if err := queue.Cancel(c, job); err != nil {
			return err
		}
	}
	payload := eventPayload(eventID)
	if deliveryID != 0 {
		payload = fmt.Sprintf(`{"event_id":%d,"delivery_id":%d}`, eventID, deliveryID)
	}
	now := e.now()
	id, err := queue.Enqueue(c, name, payload, now.Unix(), attempts, now)
	if err != nil {
		return err
	}
	_, err = c.Exec("UPDATE main.knocker_events SET status = 'received', attempt_count = 0, handled_at = NULL, last_error = NULL, job_id = ? WHERE id = ?", id, eventID)
	return err
}
