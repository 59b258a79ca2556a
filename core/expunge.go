package core

import (
	"context"
	"time"

	"github.com/knocker-dev/knocker/core/sqlite"
	"github.com/knocker-dev/knocker/core/store"
)

// expunged stands where a text was erased that may have quoted a body.
const expunged = "[expunged]"

// ExpungeResult is what an erasure did.
type ExpungeResult struct {
	BulkResult
	// ErasedFromFile says that neither the database nor its WAL holds the bytes
	// any more. It is false where a reader of the old state kept the WAL from
	// being emptied, in a file that was migrated and has had no VACUUM since, and
	// after a dry run.
	ErasedFromFile bool
}

// Expunge erases what senders have sent, for all events that the filter
// matches: body, headers and query of all their deliveries, and the texts of
// their errors, which may quote a body. What happened stays: the event with its
// identity, type, times and status, its deliveries and attempts. A batch
// delivery loses the slice of the event; its headers, query and what stands
// around the items go with the last of its events.
//
// Skipped are events that may still run (received, processing, failed: ignore
// them first, or wait) and those that were erased before. An expunged event
// can't be replayed (body_cut). It goes through the events as IgnoreEvents does;
// each transaction is audited, with the reason ("" for none) and the events'
// ids. Errors: invalid_argument, unknown_endpoint, and those of writing.
func (i *Inbox) Expunge(ctx context.Context, f EventFilter, reason string, o BulkOptions) (out ExpungeResult, err error) {
	out.BulkResult, err = throughout(ctx, o, func(cursor string) (BulkResult, string, error) {
		step, next, err := i.StepExpunge(ctx, f, reason, o, cursor)
		out.ErasedFromFile = step.ErasedFromFile
		return step.BulkResult, next, err
	})
	return out, err
}

// StepExpunge is one transaction of Expunge, as StepEvents is of other actions.
func (i *Inbox) StepExpunge(ctx context.Context, f EventFilter, reason string, o BulkOptions, cursor string) (out ExpungeResult, next string, err error) {
	if f.Limit != 0 || f.Cursor != "" || f.Bodies {
		return out, "", listFieldsInFilter()
	}
	if err := i.ownFile("expunge"); err != nil {
		return out, "", err
	}
	x := &expunger{e: i.e, reason: reason}
	defer x.close()
	out.BulkResult, next, err = i.step(ctx, bulk{name: "expunge", filter: &f, selects: f.selects(), key: f, prepare: x.prepare, apply: x.erase, write: x.write}, o, cursor)
	if err == nil && !o.DryRun && (out.Changed > 0 || next == "") {
		out.ErasedFromFile, err = x.emptyWAL(ctx)
	}
	return out, next, err
}

// expunger is one step of Expunge.
type expunger struct {
	e      *engine
	reason string
	c      *sqlite.Conn      // overwrites with zeros what it frees; nil until needed
	dead   map[int64][]int64 // rows of the dead table, by the event that they are about
	done   []int64           // events that were erased
	rows   int64             // deliveries that were
}

func (x *expunger) close() {
	if x.c != nil {
		x.c.Close()
	}
}

func (x *expunger) open() error {
	if x.c != nil {
		return nil
	}
	c, err := x.e.open()
	if err != nil {
		return err
	}
	x.c = c
	if err := x.e.configure(c, "EXTRA"); err != nil {
		return err
	}
	return fromSQLite(c.Script("PRAGMA main.secure_delete = ON"))
}

// prepare finds the rows of the dead table that are about the events. No index
// of ours may be on it, so the writer is not held for that.
func (x *expunger) prepare(c *sqlite.Conn, events []int64) error {
	rows, err := c.Query("SELECT "+jobsEvent+", id FROM main._honker_dead WHERE last_error IS NOT NULL AND "+jobsEvent+inList+" AND "+ourDeadJobs,
		jsonList(events), x.e.options.QueueName)
	if err != nil {
		return err
	}
	x.dead = map[int64][]int64{}
	for rows.Next() {
		x.dead[rows.Int(0)] = append(x.dead[rows.Int(0)], rows.Int(1))
	}
	return nil
}

// write is the transaction of a step, with its audit.
func (x *expunger) write(ctx context.Context, f func(c *sqlite.Conn) error) error {
	if err := x.open(); err != nil {
		return err
	}
	return x.e.transact(ctx, func(*engine) *sqlite.Conn { return x.c }, func(c *sqlite.Conn) error {
		x.done, x.rows = []int64{}, 0
		if err := f(c); err != nil {
			return err
		}
		_, err := x.e.audit(c, 0, AuditExpunge, PruneResult{EventsPruned: int64(len(x.done)), DeliveriesPruned: x.rows},
			map[string]any{"reason": x.reason, "event_ids": x.done})
		return err
	})
}

// Tries to empty the WAL. While one waits for readers, the writer is held.
const (
	emptyTries  = 5
	emptyWithin = 100 * time.Millisecond
)

// emptyWAL copies the WAL into the database and cuts it off, because it still
// holds what was erased. False: somebody still reads it.
func (x *expunger) emptyWAL(ctx context.Context) (bool, error) {
	if err := x.open(); err != nil {
		return false, err
	}
	for try := range emptyTries {
		if try > 0 {
			time.Sleep(emptyWithin)
		}
		if err := x.e.gate.Wait(ctx, sqlite.NewWaiter(sqlite.Transactions, 0, homeOf(ctx)), x.e.options.BusyTimeout); err != nil {
			return false, fromGate(err)
		}
		x.c.SetBusyTimeout(emptyWithin)
		_, _, err := x.c.Checkpoint(sqlite.CheckpointTruncate)
		x.e.gate.Release()
		if err == nil {
			return x.withoutCopies()
		}
		if sqlite.CodeOf(err) != sqlite.CodeBusy {
			return false, fromSQLite(err)
		}
	}
	return false, nil
}

// withoutCopies is false in a file that was migrated while its free pages hold
// what the old tables held, which nothing but VACUUM reaches.
func (x *expunger) withoutCopies() (bool, error) {
	rows, err := x.c.Query("SELECT 1 FROM main.knocker_meta WHERE key = ?", store.MetaCopies)
	if err != nil || !rows.Next() {
		return err == nil, fromSQLite(err)
	}
	rows, err = x.c.Query("PRAGMA main.freelist_count")
	return err == nil && rows.Next() && rows.Int(0) == 0, fromSQLite(err)
}
