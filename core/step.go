package core

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/knocker-dev/knocker/core/safe"
	"github.com/knocker-dev/knocker/core/sqlite"
	"github.com/knocker-dev/knocker/core/store"
)

// Step is one event in the hands of one handler, from claim to outcome. It
// belongs to no thread; calls on it wait for each other.
type Step struct {
	attempt
	w       *Worker
	home    uint64
	timeout time.Duration
	timer   *time.Timer

	// over is closed when the step ends for whatever reason; endOver closes it.
	over    chan struct{}
	endOver sync.Once

	mu        sync.Mutex
	tx        *transaction // open transaction, or nil
	wrote     bool         // the transaction was open at some time
	ended     Code         // why no more can be done; "": running
	finished  bool
	used      bool   // the application's statements ran in the transaction
	harmless  bool   // what ran since the last member needs no rollback
	savepoint bool   // in a transaction that is shared
	gaveWay   uint64 // home whose transaction its first use of tx met
}

// transaction is the open write transaction of a step. Its watchdog may end it
// from another goroutine.
type transaction struct {
	mu      sync.Mutex
	live    bool
	expired bool
	timer   *time.Timer
	ends    time.Time
}

func newStep(w *Worker, k *claim, home uint64) *Step {
	s := &Step{attempt: attempt{e: w.e, claim: k, started: time.Now()}, w: w, home: home, over: make(chan struct{}), timeout: w.timeout(k)}
	s.timer = safe.AfterFunc("handler timeout", s.timeout, s.timedOut)
	return s
}

// Timeout is how long the handler may run.
func (s *Step) Timeout() time.Duration { return s.timeout }

// Over is closed when the step has ended: finished, or by its time limit, a
// lost lease or a stop.
func (s *Step) Over() <-chan struct{} { return s.over }

// State reports whether the transaction is open, why the step has ended ("" if
// it has not), and how long the transaction may stay open.
func (s *Step) State() (open bool, ended Code, remaining time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	remaining = s.e.options.MaxTransaction
	if s.tx != nil {
		remaining = time.Until(s.tx.ends)
	}
	return s.tx != nil, s.ended, max(remaining, 0)
}

// Begin opens the transaction now instead of at its first use. blocks is the
// home that stands still while it waits, 0 if none does.
func (s *Step) Begin(ctx context.Context, blocks uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.begin(ctx, blocks)
}

// Exec runs one statement in the step's transaction, with positional arguments,
// or named ones where named is not nil.
func (s *Step) Exec(ctx context.Context, blocks uint64, sql string, args []any, named map[string]any) (ExecResult, error) {
	var out ExecResult
	err := s.statement(ctx, blocks, func(c *sqlite.Conn) error {
		r, err := c.ExecUntrusted(sql, args, named)
		out = ExecResult{Changes: r.Changes, LastInsertID: r.LastInsertID}
		return err
	})
	return out, err
}

// Query runs one statement in the step's transaction and returns its rows.
func (s *Step) Query(ctx context.Context, blocks uint64, sql string, args []any, named map[string]any) (Rows, error) {
	var out Rows
	err := s.statement(ctx, blocks, func(c *sqlite.Conn) error {
		rows, err := c.QueryUntrusted(sql, args, named)
		if err != nil {
			return err
		}
		out = Rows{Columns: rows.Names, Rows: make([][]any, 0, rows.Len())}
		for rows.Next() {
			cells := make([]any, rows.Columns())
			for n := range cells {
				cells[n] = rows.Value(n)
			}
			out.Rows = append(out.Rows, cells)
		}
		return nil
	})
	return out, err
}

func (s *Step) statement(ctx context.Context, blocks uint64, run func(c *sqlite.Conn) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.begin(ctx, blocks); err != nil {
		return err
	}
	c := s.e.handlers
	s.used = true
	err := run(c)
	if s.tx.hasExpired() {
		s.rollback(CodeTransactionTimeout)
		return s.endedError()
	}
	if !c.InTransaction() {
		// ON CONFLICT ROLLBACK or RAISE(ROLLBACK): nothing of this run is left.
		s.rollback(CodeTransactionEnded)
	}
	return statementError(err)
}

// statementError tells a handler's own mistakes from trouble with the file.
func statementError(err error) error {
	out := fromSQLite(err)
	if e, ok := out.(*Error); ok && e.Code == CodeStorageError && sqlite.CodeOf(err) != sqlite.CodeIOError {
		return &Error{Code: CodeSQLError, Message: e.Cause.Error(), Details: e.Details, Cause: e.Cause}
	}
	return out
}

// begin opens the transaction at its first use: one that an event before has
// left open goes on, in a savepoint. The event is checked again: it may have
// been ignored, pruned or taken by another worker meanwhile.
func (s *Step) begin(ctx context.Context, blocks uint64) error {
	if s.finished {
		return fail(CodeClosed, "the step has ended")
	}
	if s.ended != "" {
		return s.endedError()
	}
	if s.tx != nil {
		return nil
	}
	home := s.home
	if blocks != 0 {
		home = blocks
	}
	if err := s.enter(ctx, home, blocks); err != nil {
		return err
	}
	e, c := s.e, s.e.handlers
	s.savepoint = c.InTransaction()
	b := c.NewBatch()
	defer b.Close()
	if s.savepoint {
		b.Add(0, "SAVEPOINT knocker_step")
	} else {
		b.Add(0, "BEGIN IMMEDIATE")
	}
	cookie := b.Add(0, store.CookieQuery)
	still := s.addStillOurs(b)
	if _, err := b.Run(); err != nil {
		if c.InTransaction() {
			_ = e.commitShared()
		}
		e.gate.Release()
		return fromSQLite(err)
	}
	layout, ours := b.Rows(cookie), b.Rows(still).Len() > 0
	b.Close()
	if err := s.opened(s.watch()); err != nil {
		return err
	}
	if err := e.checkCookie(c, layout); err != nil {
		s.rollback("")
		return err
	}
	if !ours {
		s.rollback(CodeLeaseLost)
		return s.endedError()
	}
	return nil
}

// opened makes the transaction that has been opened the step's.
func (s *Step) opened(t *transaction) error {
	s.wrote = true
	s.tx = t
	select {
	case <-s.over: // cut off in the moment that it got the writer
		s.rollback("")
		return fail(CodeStopped, "")
	default:
		return nil
	}
}

// waiter waits for the writer until the step is over: a worker that stops does
// not wait for it.
func (s *Step) waiter(home, blocks uint64) *sqlite.Waiter {
	w := sqlite.NewJoiner(home, blocks)
	w.Abandon = s.over
	return w
}

// enter gets the writer, with the transaction that an event before has left
// open, or with none.
func (s *Step) enter(ctx context.Context, home, blocks uint64) error {
	e := s.e
	start := time.Now()
	if e.unpark() {
		e.gate.Adopt(home)
	} else if err := e.gate.Wait(ctx, s.waiter(home, blocks), e.options.BusyTimeout); err != nil {
		if errors.Is(err, sqlite.ErrAbandoned) {
			return fail(CodeStopped, "")
		}
		err = fromGate(err)
		if CodeOf(err) == CodeWouldDeadlock && !s.wrote {
			s.gaveWay = blocks
		}
		return err
	}
	c := e.handlers
	if s.claim.alone && c.InTransaction() {
		_ = e.commitShared()
	}
	if !c.InTransaction() {
		e.share.since = time.Now()
		c.SetBusyTimeout(max(e.options.BusyTimeout-time.Since(start), time.Millisecond))
	}
	return nil
}

// watch bounds the transaction: the writer belongs to everybody.
func (s *Step) watch() *transaction {
	e, c := s.e, s.e.handlers
	t := &transaction{live: true, ends: time.Now().Add(e.options.MaxTransaction)}
	t.timer = safe.AfterFunc("transaction timeout", e.options.MaxTransaction, func() {
		if !t.expire(c) {
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.tx == t {
			s.rollback(CodeTransactionTimeout)
			s.tell(HookTransactionIdle, nil)
		}
	})
	return t
}

// expire stops the statement that runs, if the transaction is still alive.
func (t *transaction) expire(c *sqlite.Conn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.live {
		t.expired = true
		c.SetExpired(true)
	}
	return t.live
}

func (t *transaction) hasExpired() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.expired
}

// close ends the watch; after it nothing touches the connection any more.
func (t *transaction) close(c *sqlite.Conn) {
	if t.timer == nil { // the library's own statements are not watched
		return
	}
	t.timer.Stop()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.live = false
	c.SetExpired(false)
}

// rollback ends the open transaction and frees the writer. A reason makes the
// step stale: every later call answers with it.
func (s *Step) rollback(reason Code) {
	if reason != "" && s.ended == "" {
		s.ended = reason
	}
	if s.tx == nil {
		return
	}
	e, c := s.e, s.e.handlers
	s.tx.close(c)
	s.tx = nil
	switch {
	case len(e.share.members) == 0:
		rollback(c)
	case s.harmless && c.InTransaction():
		_ = e.commitShared()
	case !c.InTransaction(): // the statement took the members' work with it
		e.loseShared()
	default:
		if !s.savepoint || c.Script("ROLLBACK TO knocker_step; RELEASE knocker_step") != nil {
			rollback(c)
			e.loseShared()
		} else {
			_ = e.commitShared()
		}
	}
	e.gate.Release()
}

// commit ends a handled step. Where the next event is at hand and nobody else
// waits, the transaction stays open for it. After an error the step's
// transaction is still open, unless again says that the event will run again
// with those that shared its commit.
func (s *Step) commit(more bool) (again bool, err error) {
	e, c := s.e, s.e.handlers
	deferred := c.DeferredForeignKeys()
	if len(e.share.members) > 0 {
		if deferred { // only this step can have left it open
			return false, &Error{Code: CodeSQLError, Message: "FOREIGN KEY constraint failed at the handler's commit"}
		}
		if s.savepoint {
			if _, err := c.Exec("RELEASE knocker_step"); err != nil {
				return false, err
			}
		}
	} else if deferred || s.claim.alone || !more && !e.gate.Contended() {
		if _, err := c.Exec("COMMIT"); err != nil {
			return false, err
		}
		s.leave()
		s.committed()
		e.gate.Release()
		return false, nil
	}
	s.leave()
	e.share.members = append(e.share.members, s)
	if e.mayShare() {
		if e.gate.Pass() {
			return false, nil
		}
		if more && s.w.hasMore() {
			e.park()
			return false, nil
		}
	}
	err = e.commitShared()
	e.gate.Release()
	return err != nil, err
}

// leave takes the step out of the transaction, which goes on without it.
func (s *Step) leave() {
	s.tx.close(s.e.handlers)
	s.tx = nil
}

// committed tells that the step's work is in the file.
func (s *Step) committed() {
	s.e.committed(s.e.handlers)
	s.tellHandled()
}

func (s *Step) endedError() *Error {
	e := fail(s.ended, "")
	if s.ended == CodeTransactionTimeout {
		e.Message = "the handler's transaction was open longer than max_transaction_s (" + s.e.options.MaxTransaction.String() +
			") and was rolled back: do slow work before the first use of tx"
	}
	return e
}

// end makes the step stale: its transaction is rolled back at once. It reports
// whether the step was still running.
func (s *Step) end(reason Code) bool {
	s.closeOver()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.endLocked(reason)
}

func (s *Step) endLocked(reason Code) bool {
	if s.finished || s.ended != "" {
		return false
	}
	s.rollback(reason)
	if reason == CodeLeaseLost {
		s.e.counters.leasesLost.Add(1)
	}
	return true
}

func (s *Step) closeOver() { s.endOver.Do(func() { close(s.over) }) }

// timedOut counts the run as failed with handler_timeout; what the handler
// still does is refused.
func (s *Step) timedOut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.finished || s.ended != "" {
		return
	}
	s.rollback(CodeHandlerTimeout)
	s.closeOver()
	_, _ = s.settleError(context.Background(), handlerTimeout(s.timeout))
}

// discard forgets a step that was never handed out.
func (s *Step) discard() {
	s.timer.Stop()
	s.mu.Lock()
	s.finished = true
	s.closeOver()
	s.mu.Unlock()
	s.w.finished(s)
}

// Release gives the step back without waiting, for finalizers.
func (s *Step) Release() {
	releaseLater(func() { s.Finish(context.Background(), Outcome{Kind: "give_back"}) })
}
