package knockersqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/knocker-dev/knocker/core"
	"github.com/knocker-dev/knocker/core/safe"
)

// takeWriter makes a transaction the writer, whatever BEGIN the connection's
// _txlock has chosen: one that reads first may find later that it is too late.
const takeWriter = "UPDATE main._honker_live SET queue = queue WHERE 0"

// afterTrouble is how long a worker waits after an error of the file.
const afterTrouble = 200 * time.Millisecond

// hostWorker is a worker on an application's connections.
type hostWorker struct {
	attached
	number int64
	slots  int
	stop   time.Duration   // handlers may still end after a stop
	runs   context.Context // of the handlers; ends when stop is over
	end    context.CancelFunc
}

func (a attached) openWorker(ctx context.Context, o core.WorkerOptions) (*hostWorker, error) {
	w := &hostWorker{attached: a, slots: max(o.Concurrency, 1), stop: 30 * time.Second}
	if most := a.connections.most(); most > 0 && w.slots > most {
		return nil, &Error{Code: core.CodeInvalidArgument, Message: fmt.Sprintf("concurrency is %d: one connection runs one handler at a time", w.slots)}
	}
	if o.StopTimeoutSeconds > 0 {
		w.stop = time.Duration(o.StopTimeoutSeconds * float64(time.Second))
	}
	err := a.on(ctx, func(h *core.HostInbox) (err error) {
		w.number, _, err = h.OpenWorker(o)
		return err
	})
	w.runs, w.end = context.WithCancel(context.WithoutCancel(ctx))
	return w, err
}

func (w *hostWorker) close() error {
	w.end()
	return w.on(context.Background(), func(h *core.HostInbox) error { return h.CloseWorker(w.number) })
}

func (a attached) runWorker(ctx context.Context, o core.WorkerOptions) error {
	w, err := a.openWorker(ctx, o)
	if err != nil {
		return passes(err)
	}
	loops, done := sync.WaitGroup{}, make(chan struct{})
	failed := make(chan error, w.slots)
	for range w.slots {
		loops.Add(1)
		safe.Go("worker of an attached inbox", func() {
			defer loops.Done()
			if err := w.loop(ctx); err != nil {
				failed <- err
			}
		})
	}
	safe.Go("worker of an attached inbox", func() {
		loops.Wait()
		close(done)
	})
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	_ = w.on(context.Background(), func(h *core.HostInbox) error { return h.StopWorker(w.number) })
	select {
	case <-done:
	case <-time.After(w.stop):
		w.end() // by their context; nothing else can end a handler
		<-done
	}
	if closing := w.close(); err == nil {
		err = closing
	}
	return passes(err)
}

// passes leaves out what is no fault of a worker that was told to stop.
func passes(err error) error {
	switch CodeOf(err) {
	case core.CodeCancelled, core.CodeStopped, core.CodeClosed:
		return nil
	}
	return err
}

func (a attached) runWorkerOnce(ctx context.Context, o core.WorkerOptions) (ran int, err error) {
	w, err := a.openWorker(ctx, o)
	if err != nil {
		return 0, err
	}
	for err == nil && ctx.Err() == nil {
		var wait time.Duration
		if wait, err = w.turn(ctx); wait > 0 {
			break
		}
		if err == nil {
			ran++
		}
	}
	if closing := w.close(); err == nil {
		err = closing
	}
	return ran, err
}

// loop is one slot: it goes on until ctx ends. Trouble with the file passes.
func (w *hostWorker) loop(ctx context.Context) error {
	for ctx.Err() == nil {
		wait, err := w.turn(ctx)
		switch CodeOf(err) {
		case "":
		case core.CodeStorageError, core.CodeStorageFull, core.CodeBusy, core.CodeBusySnapshot, core.CodeReadOnly, core.CodeSQLError:
			wait = afterTrouble
		default:
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
	return nil
}

// turn handles the next event, and then answers 0; else how long to wait.
func (w *hostWorker) turn(ctx context.Context) (wait time.Duration, err error) {
	wait = afterTrouble
	err = w.connections.with(ctx, func(conn *sql.Conn) error {
		var next core.HostNext
		err := onConnection(ctx, conn, func(h *core.HostInbox) (err error) {
			next, err = h.NextStep(w.number)
			return err
		})
		if err != nil || next.Step == nil {
			wait = max(next.Wait, time.Millisecond)
			return err
		}
		wait = 0
		return w.run(conn, next.Step)
	})
	return wait, err
}

// run runs the handler of a step in a transaction of the connection, and ends
// both. Its error is one of the file: the step is settled later then.
func (w *hostWorker) run(conn *sql.Conn, step *core.HostStep) error {
	ctx, cancel := context.WithTimeout(w.runs, step.Timeout())
	defer cancel()
	// The transaction's own context has no end, or database/sql would roll it
	// back whenever it likes.
	tx, err := conn.BeginTx(context.Background(), nil)
	outcome := core.Outcome{Kind: "give_back"}
	if err == nil {
		if _, err = tx.ExecContext(ctx, takeWriter); err == nil {
			err = uncut(conn, func(h *core.HostInbox) error { return h.BeginStep(step.Number()) })
			outcome = core.OutcomeOf(err)
		}
		if err == nil {
			outcome = w.outcome(w.call(ctx, conn, step, tx))
		}
		if outcome.Kind == "handled" {
			if err = w.commit(conn, step, tx); err == nil {
				return nil
			}
			outcome = core.Outcome{Kind: "failed", ErrorType: string(CodeOf(err)), Message: err.Error()}
		}
		_ = tx.Rollback()
	}
	finish := func(h *core.HostInbox) error {
		_, err := h.FinishStep(step.Number(), outcome)
		return err
	}
	if err = uncut(conn, finish); errors.Is(err, driver.ErrBadConn) {
		err = w.on(context.Background(), finish)
	}
	return err
}

// outcome is what a handler's error means; one that a stop has cut off runs
// again.
func (w *hostWorker) outcome(err error) core.Outcome {
	if err != nil && w.runs.Err() != nil {
		return core.Outcome{Kind: "give_back"}
	}
	return core.OutcomeOf(err)
}

// uncut is a call about a step, which no context cuts short.
func uncut(conn *sql.Conn, f func(h *core.HostInbox) error) error {
	return onConnection(context.Background(), conn, f)
}

// commit writes "handled" into the handler's transaction, and commits it.
func (w *hostWorker) commit(conn *sql.Conn, step *core.HostStep, tx *sql.Tx) error {
	err := uncut(conn, func(h *core.HostInbox) error {
		_, err := h.FinishStep(step.Number(), core.Outcome{Kind: "handled"})
		return err
	})
	if err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return foreign(err)
	}
	return nil
}

// call calls the handler. A panic counts as its error.
func (w *hostWorker) call(ctx context.Context, conn *sql.Conn, step *core.HostStep, tx *sql.Tx) (err error) {
	var handle EventHandler
	err = uncut(conn, func(h *core.HostInbox) error {
		handle = functionsOf(h).find(step.Handler())
		return nil
	})
	if err != nil {
		return err
	}
	if handle == nil {
		return &Discard{Reason: "the handler's function lives in another runtime than this worker"}
	}
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	return handle(*step.Event(), &Tx{hostTx{tx, conn, ctx}})
}
