package core

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/knocker-dev/knocker/core/safe"
	"github.com/knocker-dev/knocker/core/sqlite"
	"github.com/knocker-dev/knocker/core/store"
)

// Bounds of one shared commit. There is no timer: a batch is what queued up
// while the commit before it ran.
const (
	maxBatchReceipts = 256
	maxBatchBytes    = 8 << 20
)

// waiterFor packs a receipt and makes its place in the line for the writer.
func (e *engine) waiterFor(r *receipt, home uint64) (*sqlite.Waiter, error) {
	if err := e.usable(); err != nil {
		return nil, err
	}
	if err := r.pack(); err != nil {
		return nil, fromSQLite(err)
	}
	w := sqlite.NewWaiter(sqlite.Receives, 0, home)
	w.Item, w.Size = r, int64(len(r.body)+len(r.headers)+len(r.query))
	return w, nil
}

// storeReceipt returns once the receipt is on disk. Whoever gets the writer
// first commits for all that wait behind it, so one fsync serves many.
func (e *engine) storeReceipt(ctx context.Context, r *receipt, home uint64, deadline time.Time) error {
	w, err := e.waiterFor(r, home)
	if err != nil {
		return err
	}
	err = e.gate.Wait(ctx, w, time.Until(deadline))
	switch {
	case errors.Is(err, sqlite.ErrServed):
		return r.err
	case err != nil:
		return fromGate(err)
	}
	e.lead(r, deadline)
	return r.err
}

// storeThen is storeReceipt without a goroutine that waits. Where it is pending,
// done gets the outcome.
func (e *engine) storeThen(r *receipt, home uint64, deadline time.Time, here bool, done func(Result, error)) (pending bool, err error) {
	w, err := e.waiterFor(r, home)
	if err != nil {
		return false, err
	}
	lead := func() {
		r.err = fail(CodeInternal, "") // until it is stored
		defer func() { done(r.result, r.err) }()
		e.lead(r, deadline)
	}
	w.Then = func(err error) {
		switch {
		case err == nil:
			safe.Go("receive", lead)
		case errors.Is(err, sqlite.ErrServed):
			done(r.result, r.err)
		default:
			done(Result{}, fromGate(err))
		}
	}
	granted, err := e.gate.WaitThen(w, time.Until(deadline))
	switch {
	case err != nil:
		return false, fromGate(err)
	case granted && here:
		e.lead(r, deadline)
		return false, r.err
	case granted:
		safe.Go("receive", lead)
	}
	return true, nil
}

// lead commits r and what waits behind it, and gives the writer up.
func (e *engine) lead(r *receipt, deadline time.Time) {
	batch := []*receipt{r}
	var followers []*sqlite.Waiter
	var took time.Duration
	p := safe.Call("commit", func() {
		c, accept := e.receipts, func(any) bool { return true }
		if refusal(r) && !e.gate.Waiting(func(item any) bool { return !refusal(item) }) {
			c, accept = e.handlers, refusal // a refusal needs no fsync of its own
		}
		ids, err := e.begin(c, deadline)
		if err != nil {
			rollback(c)
			r.err = fromSQLite(err)
			return
		}
		followers = e.gate.Take(maxBatchReceipts-1, maxBatchBytes, accept)
		for _, w := range followers {
			batch = append(batch, w.Item.(*receipt))
		}
		start := time.Now()
		e.commitBatch(c, ids, batch, deadline)
		took = time.Since(start)
	})
	if p != nil { // nobody may be told that a receipt is stored
		rollback(e.receipts)
		rollback(e.handlers)
		err := e.fail(p)
		for _, r := range batch {
			r.err = err
		}
	}
	// The next leader begins while this one tells its followers.
	e.gate.Release()
	if p := safe.Call("announce", func() { e.announce(batch, took) }); p != nil {
		_ = e.fail(p)
	}
	for _, w := range followers {
		e.gate.Served(w)
	}
}

func refusal(item any) bool { return item.(*receipt).kind == KindRejected }

// commitBatch stores a batch in the open transaction. What one member does
// wrong (a trigger of the application, a deferred foreign key) must not cost
// the others their receipt: then nothing of the batch is kept and they run
// again one by one. Savepoints would tell them apart too, but a savepoint keeps
// a copy of every page its member touches, which costs more than the member.
func (e *engine) commitBatch(c *sqlite.Conn, ids sequences, batch []*receipt, deadline time.Time) {
	guilty, err := e.tryBatch(c, ids, batch)
	if collided(err) && !ids.careful {
		e.careful.Store(true)
		rollback(c)
		if ids, err = e.begin(c, deadline); err == nil {
			guilty, err = e.tryBatch(c, ids, batch)
		}
	}
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
		ids, err := e.begin(c, deadline)
		if err == nil {
			_, err = e.tryBatch(c, ids, []*receipt{r})
		}
		if err != nil {
			rollback(c)
			r.err = fromSQLite(err)
		}
	}
}

// isolated tells errors that may belong to one member (a constraint, a trigger
// that fails at its values, an endpoint that is gone) from those of the file.
func isolated(err error) bool {
	switch sqlite.CodeOf(err) {
	case 0, sqlite.CodeConstraint, sqlite.CodeError, sqlite.CodeAbort, sqlite.CodeTooBig, sqlite.CodeMismatch:
		return true
	}
	return false
}

// collided reports whether an id that was to come next is taken.
func collided(err error) bool {
	var e *sqlite.Error
	if !errors.As(err, &e) || e.Primary() != sqlite.CodeConstraint {
		return false
	}
	for _, column := range []string{"knocker_deliveries.id", "knocker_events.id", "_honker_live.id"} {
		if strings.HasSuffix(e.Message, ": "+column) {
			return true
		}
	}
	return false
}

// tryBatch writes every member and commits. At the first error it stops, naming
// the member whose statement it was; what was written is then of no use.
func (e *engine) tryBatch(c *sqlite.Conn, ids sequences, batch []*receipt) (guilty *receipt, err error) {
	if guilty, err := write(c, ids, batch); err != nil {
		return guilty, err
	}
	e.counters.commits.Add(1)
	e.committed(c)
	return nil, nil
}

// begin opens the transaction of a batch and reads the ids that come next.
func (e *engine) begin(c *sqlite.Conn, deadline time.Time) (ids sequences, err error) {
	c.SetBusyTimeout(max(time.Until(deadline), time.Millisecond))
	b := c.NewBatch()
	defer b.Close()
	b.Add(0, "BEGIN IMMEDIATE")
	cookie := b.Add(0, store.CookieQuery)
	known := b.Add(0, sequencesQuery)
	if _, err := b.Run(); err != nil {
		return ids, err
	}
	ids.scan(b.Rows(known))
	if err := e.checkCookie(c, b.Rows(cookie)); err != nil || !e.careful.Load() {
		return ids, err
	}
	b.Close()
	return ids, ids.raise(c)
}

// sequences hands out the next ids. They are known before the rows exist, so
// that delivery, event and job can name each other without later updates; the
// write lock keeps them true.
//
// Where an application sets them back (it empties sqlite_sequence), or a trigger
// of its own adds jobs between ours, they turn out to be taken. Then the engine
// is careful from then on: it looks at the rows, and lets the queue number jobs.
type sequences struct {
	delivery, event, job int64
	careful              bool
}

const highestQuery = "SELECT coalesce((SELECT max(id) FROM main.knocker_deliveries), 0), coalesce((SELECT max(id) FROM main.knocker_events), 0)"

// raise makes the ids careful.
func (s *sequences) raise(c *sqlite.Conn) error {
	rows, err := c.Query(highestQuery)
	if err != nil {
		return err
	}
	if rows.Next() {
		s.delivery, s.event = max(s.delivery, rows.Int(0)), max(s.event, rows.Int(1))
	}
	s.careful = true
	return nil
}

const sequencesQuery = "SELECT name, seq FROM main.sqlite_sequence WHERE name IN ('knocker_deliveries', 'knocker_events', '_honker_live')"

func (s *sequences) read(c *sqlite.Conn) error {
	rows, err := c.Query(sequencesQuery)
	if err == nil {
		s.scan(rows)
	}
	return err
}

func (s *sequences) scan(rows *store.Rows) {
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
