package core

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/knocker-dev/knocker/core/safe"
)

// Tx is a Go handler's hold on its step's transaction, which opens at the first
// use and is committed together with "handled".
type Tx struct {
	step *Step
	ctx  context.Context
}

// Context ends when the step does: time limit, lost lease or stop.
func (t *Tx) Context() context.Context { return t.ctx }

// Begin opens the transaction now instead of at its first use.
func (t *Tx) Begin(ctx context.Context) error { return t.step.Begin(ctx, 0) }

// Exec runs one statement. Arguments are nil, bool, integers, float64, string
// (TEXT) and []byte (BLOB), or all of them sql.Named.
func (t *Tx) Exec(sql string, args ...any) (ExecResult, error) {
	return t.ExecContext(t.ctx, sql, args...)
}

// ExecContext is Exec with a context, which bounds the wait for the writer: a
// statement that runs is not interrupted.
func (t *Tx) ExecContext(ctx context.Context, sql string, args ...any) (ExecResult, error) {
	args, named, err := t.prepare(ctx, args)
	if err != nil {
		return ExecResult{}, err
	}
	return t.step.Exec(ctx, 0, sql, args, named)
}

// Query runs one statement and returns all its rows. Arguments as for Exec.
func (t *Tx) Query(sql string, args ...any) (Rows, error) {
	return t.QueryContext(t.ctx, sql, args...)
}

// QueryContext is Query with a context, as for ExecContext.
func (t *Tx) QueryContext(ctx context.Context, sql string, args ...any) (Rows, error) {
	args, named, err := t.prepare(ctx, args)
	if err != nil {
		return Rows{}, err
	}
	return t.step.Query(ctx, 0, sql, args, named)
}

// prepare refuses a context that has ended. Once the step is over too, the step
// itself knows a better reason.
func (t *Tx) prepare(ctx context.Context, args []any) ([]any, map[string]any, error) {
	if ctx.Err() != nil && t.ctx.Err() == nil {
		return nil, nil, fromGate(context.Cause(ctx))
	}
	return namedArgs(args)
}

// namedArgs takes sql.Named arguments apart; positions and names don't mix.
func namedArgs(args []any) ([]any, map[string]any, error) {
	var named map[string]any
	for _, arg := range args {
		if n, ok := arg.(sql.NamedArg); ok {
			if named == nil {
				named = make(map[string]any, len(args))
			}
			named[n.Name] = n.Value
		}
	}
	switch {
	case named == nil:
		return args, nil, nil
	case len(named) < len(args):
		return nil, nil, fail(CodeInvalidArgument, "arguments are either all named, each name once, or none is")
	}
	return nil, named, nil
}

// RetryAfter is an error by which a handler asks to run again after a time of
// its own choosing; only the first such run costs an attempt.
type RetryAfter struct {
	After time.Duration
	Cause error
}

func (r *RetryAfter) Error() string { return fmt.Sprintf("retry after %s: %v", r.After, r.Cause) }

func (r *RetryAfter) Unwrap() error { return r.Cause }

// Discard is an error by which a handler declares the event dead at once.
type Discard struct{ Reason string }

func (d *Discard) Error() string { return "discard: " + d.Reason }

// IgnoreEvent is an error by which a handler declares the event ignored.
type IgnoreEvent struct{ Reason string }

func (i *IgnoreEvent) Error() string { return "ignore: " + i.Reason }

// OutcomeOf turns what a Go handler returned into an outcome.
func OutcomeOf(err error) Outcome {
	var after *RetryAfter
	var discard *Discard
	var ignore *IgnoreEvent
	switch {
	case err == nil:
		return Outcome{Kind: "handled"}
	case errors.As(err, &after):
		o := Outcome{Kind: "retry_after", Seconds: after.After.Seconds()}
		if after.Cause != nil {
			o.Message = after.Cause.Error()
		}
		return o
	case errors.As(err, &discard):
		return Outcome{Kind: "discard", Message: discard.Reason}
	case errors.As(err, &ignore):
		return Outcome{Kind: "ignore", Message: ignore.Reason}
	}
	return Outcome{Kind: "failed", ErrorType: fmt.Sprintf("%T", err), Message: err.Error()}
}

// run calls the Go function that is registered for the step. A panic counts as
// an error of the handler.
func (s *Step) run(ctx context.Context) (err error) {
	ctx, cancel := s.context(ctx)
	defer cancel()
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	if s.claim.handler.fn == nil {
		return &Discard{Reason: "the handler's function lives in another runtime than this worker"}
	}
	return s.claim.handler.fn(ctx, &s.event, &Tx{step: s, ctx: ctx})
}

// RunWorker runs the inbox's Go handlers until ctx ends, then stops gracefully
// within stop_timeout_s. It returns nil after such a stop.
func (i *Inbox) RunWorker(ctx context.Context, o WorkerOptions) error {
	w, err := i.OpenWorker(o)
	if err != nil {
		return err
	}
	var slots sync.WaitGroup
	failed := make(chan error, w.Concurrency())
	for range w.Concurrency() {
		slots.Add(1)
		safe.Go("worker slot", func() {
			defer slots.Done()
			failed <- w.loop(ctx)
		})
	}
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	_, stopErr := w.Stop(context.Background(), 0)
	slots.Wait()
	closeErr := w.Close()
	for _, e := range []error{err, stopErr, closeErr} {
		if code := CodeOf(e); code != "" && code != CodeStopped && code != CodeCancelled && code != CodeClosed {
			return e
		}
	}
	return nil
}

// loop is one slot. The handlers outlive ctx: a stop lets them end. Trouble
// with the file passes or is told; it does not end the worker.
func (w *Worker) loop(ctx context.Context) error {
	for {
		s, err := w.Next(ctx, time.Hour, 0)
		switch CodeOf(err) {
		case "":
		case CodeStorageError, CodeStorageFull, CodeBusy, CodeReadOnly:
			select {
			case <-ctx.Done():
			case <-time.After(afterTrouble):
			}
		default:
			return err
		}
		if s != nil {
			o := OutcomeOf(s.run(context.WithoutCancel(ctx)))
			o.More = true
			s.Finish(context.Background(), o)
		}
	}
}

// afterTrouble is how long a slot waits after an error of the file.
const afterTrouble = 200 * time.Millisecond

// RunWorkerOnce handles every event that is due now, one after the other, and
// returns how many it ran.
func (i *Inbox) RunWorkerOnce(ctx context.Context, o WorkerOptions) (int, error) {
	w, err := i.OpenWorker(o)
	if err != nil {
		return 0, err
	}
	defer func() { _ = w.Close() }()
	for n := 0; ; n++ {
		s, err := w.Next(ctx, 0, 0)
		if err != nil || s == nil {
			return n, err
		}
		o := OutcomeOf(s.run(ctx))
		o.More = true
		s.Finish(ctx, o)
	}
}
