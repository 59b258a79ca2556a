package core

import (
	"context"

	"github.com/tidwall/gjson"

	"github.com/knocker-dev/knocker/core/queue"
	"github.com/knocker-dev/knocker/core/safe"
	"github.com/knocker-dev/knocker/core/sqlite"
	"github.com/knocker-dev/knocker/core/store"
)

// payload is what a job points at.
type payload struct{ event, delivery int64 }

func payloadOf(text string) payload {
	return payload{gjson.Get(text, "event_id").Int(), gjson.Get(text, "delivery_id").Int()}
}

// admit decides, in the claim's transaction, what happens to a claimed job: it
// becomes a step, or is settled here (nil) because its event is done or gone, its
// endpoint is paused or nobody handles it.
func (w *claimer) admit(e *engine, c *sqlite.Conn, j queue.Job, rows *store.Rows, paused map[int64]bool) (*claim, error) {
	p := payloadOf(j.Payload)
	if !rows.Next() {
		return nil, queue.Cancel(c, j.ID)
	}
	event := scanEvent(rows)
	if event.Status == StatusHandled || event.Status == StatusIgnored {
		return nil, queue.Cancel(c, j.ID)
	}
	if key := (queue.Key{ID: j.ID, WorkerID: w.id, Attempts: j.Attempts}); paused[rows.Int(eventEndpoint)] {
		_, err := queue.Park(c, key, e.parkedQueue(rows.Int(eventEndpoint)))
		return nil, err
	}
	endpoint := e.endpoints.get(event.Endpoint)
	if endpoint == nil {
		endpoint = e.newEndpointState(Endpoint{ID: rows.Int(eventEndpoint), Name: event.Endpoint})
	}
	k := &claim{key: queue.Key{ID: j.ID, WorkerID: w.id, Attempts: j.Attempts}, eventID: p.event, deliveryID: p.delivery,
		maxAttempts: j.MaxAttempts, endpoint: endpoint, since: e.now(), handler: e.registry.find(w.options.Scope, event.Endpoint, event.EventType)}
	k.keep(e, event)
	if k.handler == nil {
		return nil, w.unhandled(e, c, k, event.EventType)
	}
	if n := k.handler.params.Retry.MaxAttempts; n > 0 {
		k.maxAttempts = n
	}
	return k, nil
}

// leaveFor is how long a job that nobody here handles stays out of the way of
// the others; another worker may take it then.
const leaveFor = 5

// unhandled applies the endpoint's rule for events without a handler.
func (w *claimer) unhandled(e *engine, c *sqlite.Conn, k *claim, eventType string) error {
	now := e.now()
	var err error
	switch k.endpoint.unhandled {
	case "leave":
		e.counters.left.Add(1)
		_, err = queue.GiveBack(c, k.key, now.Add(leaveFor*1e9))
	case "ignore":
		if err = e.settle(c, k, StatusIgnored, "", 0); err == nil {
			_, err = queue.Acknowledge(c, k.key)
		}
	default:
		message := "no_handler: endpoint \"" + k.endpoint.Name + "\" has no handler for event type \"" + eventType + "\""
		if err = e.settle(c, k, StatusDead, message, 0); err == nil {
			_, err = queue.Fail(c, k.key, message, now)
		}
	}
	return err
}

// settle writes how a run ended: the event's new status and an attempt row. An
// event that an operator has ignored meanwhile, or that is gone, is lease_lost.
func (e *engine) settle(c *sqlite.Conn, k *claim, status, message string, durationMS int64) error {
	b := c.NewBatch()
	defer b.Close()
	e.addSettle(b, k, status, message, durationMS)
	complete, err := b.Run()
	if err == nil && !complete {
		err = fail(CodeLeaseLost, "the event was ignored, pruned or handled elsewhere while its handler ran")
	}
	return err
}

// addSettle adds that to a batch, which stops if the event is gone.
func (e *engine) addSettle(b store.Batch, k *claim, status, message string, durationMS int64) {
	now := e.now().Unix()
	var handledAt, job any
	if status == StatusHandled || status == StatusIgnored {
		handledAt = now
	}
	if status == StatusFailed {
		job = k.key.ID
	}
	b.Add(store.MustChange, `UPDATE main.knocker_events SET status = ?, attempt_count = ?, handled_at = ?, last_error = ?, job_id = ?
		WHERE id = ? AND status NOT IN ('handled', 'ignored')`, status, k.key.Attempts, handledAt, orNull(message), job, k.eventID)
	b.Add(0, "INSERT INTO main.knocker_attempts (event_id, attempted_at, outcome, error, duration_ms) VALUES (?, ?, ?, ?, ?)",
		k.eventID, now, status, orNull(message), durationMS)
}

// eventDied marks the event of a job that the queue buried because its attempts
// were used up.
func (e *engine) eventDied(c *sqlite.Conn, event int64, attempts int) error {
	e.counters.dead.Add(1)
	const message = "attempts used up: the worker died or lost its lease each time"
	r, err := c.Exec(`UPDATE main.knocker_events SET status = 'dead', attempt_count = ?, last_error = ?, job_id = NULL
		WHERE id = ? AND status NOT IN ('handled', 'ignored')`, attempts, message, event)
	if err != nil || r.Changes == 0 {
		return err
	}
	_, err = c.Exec("INSERT INTO main.knocker_attempts (event_id, attempted_at, outcome, error) VALUES (?, ?, 'dead', ?)", event, e.now().Unix(), message)
	return err
}

// forget removes the job of an event that is gone.
func (w *claimer) forget(ctx context.Context, e *engine, k *claim) {
	_ = e.transact(ctx, (*engine).handlersConn, func(c *sqlite.Conn) error {
		_, err := queue.Acknowledge(c, k.key)
		return err
	})
}

// releaseLater runs f on a goroutine of the library, for finalizers.
func releaseLater(f func()) { safe.Go("release", f) }
