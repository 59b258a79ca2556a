package core

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/knocker-dev/knocker/core/provider"
	"github.com/knocker-dev/knocker/core/queue"
	"github.com/knocker-dev/knocker/core/safe"
	"github.com/knocker-dev/knocker/core/sqlite"
)

// Bounds of one shared commit. There is no timer: a batch is what queued up
// while the commit before it ran.
const (
	maxBatchReceipts = 256
	maxBatchBytes    = 8 << 20
)

// storeReceipt returns once the receipt is on disk. Whoever gets the writer
// first commits for all that wait behind it, so one fsync serves many.
func (e *engine) storeReceipt(ctx context.Context, r *receipt, home uint64, deadline time.Time) error {
	if err := e.usable(); err != nil {
		return err
	}
	w := sqlite.NewWaiter(sqlite.Receives, 0, home)
	w.Item, w.Size = r, int64(len(r.body)+len(r.headers)+len(r.query))
	err := e.gate.Wait(ctx, w, time.Until(deadline))
	switch {
	case errors.Is(err, sqlite.ErrServed):
		return r.err
	case err != nil:
		return fromGate(err)
	}
	e.lead(r, deadline)
	return r.err
}

// lead commits r and what waits behind it, and gives the writer up.
func (e *engine) lead(r *receipt, deadline time.Time) {
	batch := []*receipt{r}
	var followers []*sqlite.Waiter
	p := safe.Call("commit", func() {
		c, accept := e.receipts, func(any) bool { return true }
		if refusal(r) && !e.gate.Waiting(func(item any) bool { return !refusal(item) }) {
			c, accept = e.handlers, refusal // a refusal needs no fsync of its own
		}
		c.SetBusyTimeout(max(time.Until(deadline), time.Millisecond))
		if _, err := c.Exec("BEGIN IMMEDIATE"); err != nil {
			r.err = fromSQLite(err)
			return
		}
		followers = e.gate.Take(maxBatchReceipts-1, maxBatchBytes, accept)
		for _, w := range followers {
			batch = append(batch, w.Item.(*receipt))
		}
		start := time.Now()
		e.commitBatch(c, batch)
		e.announce(batch, time.Since(start))
	})
	if p != nil { // nobody may be told that a receipt is stored
		rollback(e.receipts)
		rollback(e.handlers)
		err := e.fail(p)
		for _, r := range batch {
			r.err = err
		}
	}
	for _, w := range followers {
		e.gate.Served(w)
	}
	e.gate.Release()
}

func refusal(item any) bool { return item.(*receipt).kind == KindRejected }

// commitBatch stores a batch in the open transaction. What one member does
// wrong (a trigger of the application, a deferred foreign key) must not cost
// the others their receipt: then nothing of the batch is kept and they run
// again one by one. Savepoints would tell them apart too, but a savepoint keeps
// a copy of every page its member touches, which costs more than the member.
func (e *engine) commitBatch(c *sqlite.Conn, batch []*receipt) {
	guilty, err := e.tryBatch(c, batch)
	if err == nil {
		return
	}
	rollback(c)
	if len(batch) == 1 || !isolated(err) {
		for _, r := range batch {
			r.err = fromSQLite(err)
		}
		return
	}
	for _, r := range batch {
		if r == guilty {
			r.err = fromSQLite(err)
			continue
		}
		r.err = nil
		if _, err := c.Exec("BEGIN IMMEDIATE"); err != nil {
			r.err = fromSQLite(err)
			continue
		}
		if _, err := e.tryBatch(c, []*receipt{r}); err != nil {
			rollback(c)
			r.err = fromSQLite(err)
		}
	}
}

// isolated tells errors that belong to one member (a constraint, an endpoint
// that is gone) from those of the file.
func isolated(err error) bool {
	code := sqlite.CodeOf(err)
	return code == 0 || code == sqlite.CodeConstraint
}

// tryBatch writes every member and commits. At the first error it stops, naming
// the member whose statement it was; what was written is then of no use.
func (e *engine) tryBatch(c *sqlite.Conn, batch []*receipt) (guilty *receipt, err error) {
	if err := e.checkSchema(c); err != nil {
		return nil, err
	}
	var ids sequences
	if err := ids.read(c); err != nil {
		return nil, err
	}
	enabled := map[int64]bool{} // asked once a batch: other processes may change it
	for _, r := range batch {
		if !enabled[r.endpoint.ID] {
			if err := r.askEndpoint(c); err != nil {
				return r, err
			}
			enabled[r.endpoint.ID] = true
		}
		if err := r.write(c, &ids); err != nil {
			return r, err
		}
		r.err = nil
	}
	if _, err = c.Exec("COMMIT"); err != nil {
		return nil, err
	}
	e.counters.commits.Add(1)
	e.committed(c)
	return nil, nil
}

// sequences hands out the next ids. They are known before the rows exist, so
// that delivery, event and job can name each other without later updates; the
// write lock keeps them true.
type sequences struct{ delivery, event, job int64 }

func (s *sequences) read(c *sqlite.Conn) error {
	rows, err := c.Query("SELECT name, seq FROM main.sqlite_sequence WHERE name IN ('knocker_deliveries', 'knocker_events', '_honker_live')")
	if err != nil {
		return err
	}
	for rows.Next() {
		switch rows.Text(0) {
		case "knocker_deliveries":
			s.delivery = rows.Int(1)
		case "knocker_events":
			s.event = rows.Int(1)
		default:
			s.job = rows.Int(1)
		}
	}
	return nil
}

// write stores one receipt: its events and jobs where they are new, then the
// delivery and, for a batch, its links.
func (r *receipt) write(c *sqlite.Conn, ids *sequences) error {
	ids.delivery++
	delivery := ids.delivery
	var events []int64
	known := 0
	for n := range r.items {
		id, isNew, err := r.writeEvent(c, ids, delivery, &r.items[n])
		if err != nil {
			return err
		}
		if !isNew {
			known++
		}
		if r.linked {
			_, err := c.Exec("INSERT INTO main.knocker_delivery_events (delivery_id, event_id, item, body_offset, body_length) VALUES (?, ?, ?, ?, ?)",
				delivery, id, n, r.items[n].Offset, r.items[n].Length)
			if err != nil {
				return err
			}
		}
		if !slices.Contains(events, id) {
			events = append(events, id)
		}
	}
	if err := r.writeDelivery(c, delivery, events); err != nil {
		return err
	}
	r.result = r.answer(delivery, events, len(r.items) > 0 && known == len(r.items))
	return nil
}

// writeEvent inserts the event and its job, or finds the event that already has
// this identity.
func (r *receipt) writeEvent(c *sqlite.Conn, ids *sequences, delivery int64, item *provider.Item) (id int64, isNew bool, err error) {
	v := &r.verdict
	id, job := ids.event+1, ids.job+1
	res, err := c.Exec(`INSERT INTO main.knocker_events (id, endpoint_id, received_at, provider_event_id, provider_delivery_id, event_type, method, dedupe_key, delivery_id, job_id)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (endpoint_id, dedupe_key) WHERE dedupe_key IS NOT NULL DO NOTHING`,
		id, r.endpoint.ID, r.now.Unix(), orNull(item.ProviderEventID), orNull(v.ProviderDeliveryID), orNull(item.EventType), r.method, orNull(item.Identity),
		delivery, job)
	if err != nil {
		return 0, false, err
	}
	if res.Changes == 1 {
		ids.event, ids.job = id, job
		_, err = queue.Enqueue(c, job, r.queue, eventPayload(id), r.now.Unix(), r.attempts, r.now)
		return id, true, err
	}
	rows, err := c.Query("SELECT id FROM main.knocker_events WHERE endpoint_id = ? AND dedupe_key = ?", r.endpoint.ID, item.Identity)
	if err != nil {
		return 0, false, err
	}
	if !rows.Next() {
		return 0, false, fail(CodeInternal, "an event was neither stored nor found")
	}
	return rows.Int(0), false, nil
}

func eventPayload(event int64) string { return fmt.Sprintf(`{"event_id":%d}`, event) }

// askEndpoint makes sure that the endpoint is still there and enabled: another
// process may have changed it since it was cached.
func (r *receipt) askEndpoint(c *sqlite.Conn) error {
	rows, err := c.Query("SELECT enabled FROM main.knocker_endpoints WHERE id = ?", r.endpoint.ID)
	switch {
	case err != nil:
		return err
	case !rows.Next():
		return fail(CodeUnknownEndpoint, "endpoint %q was removed", r.endpoint.Name)
	case rows.Int(0) == 0:
		return fail(CodeEndpointDisabled, "endpoint %q is disabled", r.endpoint.Name)
	}
	return nil
}

func (r *receipt) writeDelivery(c *sqlite.Conn, id int64, events []int64) error {
	v := &r.verdict
	var event any
	var key string
	if len(events) > 0 {
		event = events[0]
	}
	if len(r.items) == 1 {
		key = r.items[0].Identity
	}
	if r.body == nil {
		r.body = []byte{}
	}
	_, err := c.Exec(`INSERT INTO main.knocker_deliveries (id, endpoint_id, event_id, received_at, provider_event_id, provider_delivery_id, event_type,
			method, headers_json, body_blob, query_json, signature_valid, signature_error, dedupe_key, kind, reason, body_digest, body_bytes)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		id, r.endpoint.ID, event, r.now.Unix(), orNull(v.ProviderEventID), orNull(v.ProviderDeliveryID), orNull(v.EventType), r.method, r.headers, r.body, r.query,
		r.signature, orNull(r.sigError), orNull(key), r.kind, orNull(r.reason), r.digest, r.bodyBytes)
	return err
}

// announce counts what was stored, tells the hooks, wakes workers and forgets
// endpoints that turned out to have changed.
func (e *engine) announce(batch []*receipt, took time.Duration) {
	queued, stored := false, 0
	for _, r := range batch {
		switch CodeOf(r.err) {
		case "":
		case CodeUnknownEndpoint:
			e.endpoints.drop(r.endpoint.Name)
			continue
		case CodeEndpointDisabled:
			r.endpoint.disabled.Store(true)
			continue
		default:
			continue
		}
		stored++
		e.counters.received.Add(1)
		kind := HookReceived
		switch {
		case r.kind == KindRejected:
			e.counters.rejected.Add(1)
			kind = HookRejected
		case r.result.Duplicate:
			e.counters.duplicates.Add(1)
			kind = HookDuplicate
		case len(r.items) > 0:
			queued = true
		}
		e.tell(HookEvent{Kind: kind, Endpoint: r.endpoint.Name, EventID: r.result.EventID, Code: r.result.Reason})
	}
	if stored > 0 {
		e.tell(HookEvent{Kind: HookBatchCommitted, Count: stored, Duration: took})
	}
	if queued {
		e.wake.broadcast()
	}
}
