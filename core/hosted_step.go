package core

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/knocker-dev/knocker/core/sqlite"
)

// HostStep is one event in the hands of one handler that runs in a transaction
// of the host's. The host begins and commits it: BeginStep and FinishStep say
// what belongs into it.
type HostStep struct {
	attempt
	number  int64
	worker  *hostWorker
	timeout time.Duration

	mu      sync.Mutex // never held while SQL runs
	busy    bool       // a call works on the step, and alone changes what follows
	begun   bool
	ended   *Error   // why it can't be handled any more; nil: it can
	written uintptr  // the connection in whose transaction "handled" stands
	pending *Outcome // could not be written yet
}

// Number names the step in later calls.
func (s *HostStep) Number() int64 { return s.number }

// Timeout is how long the handler may run.
func (s *HostStep) Timeout() time.Duration { return s.timeout }

func (s *HostStep) startedAt() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.started
}

// on is the run as the calling connection sees it.
func (s *HostStep) on(e *engine) *attempt {
	return &attempt{e: e, claim: s.claim, started: s.startedAt()}
}

func (s *HostStep) savepoint() string { return "knocker_step_" + strconv.FormatInt(s.number, 10) }

// enter finds a step and keeps other calls out of it.
func (h *HostInbox) enter(number int64) (s *HostStep, leave func(), err error) {
	if s, err = h.file.step(number); err != nil {
		return nil, nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy {
		return nil, nil, fail(CodeInvalidState, "another call on step %d is running: a step belongs to one thread at a time", number)
	}
	s.busy = true
	return s, s.unbusy, nil
}

func (s *HostStep) unbusy() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy = false
}

// takeWriter makes a transaction the writer that a host has begun with a plain
// BEGIN: one that only reads at first may find later that it is too late.
const takeWriter = "UPDATE main._honker_live SET queue = queue WHERE 0"

// BeginStep is the first call in the handler's transaction, which the host has
// begun. It makes it the writer, checks that the event is still this worker's,
// and sets a savepoint, by which FinishStep knows the transaction. Errors:
// lease_lost, invalid_state (no transaction is open), busy, busy_snapshot,
// closed.
func (h *HostInbox) BeginStep(number int64) error {
	s, leave, err := h.enter(number)
	if err != nil {
		return err
	}
	defer leave()
	c := h.e.host
	switch {
	case s.ended != nil:
		return s.ended
	case s.written != 0:
		return alreadyWritten()
	case !c.InTransaction():
		return fail(CodeInvalidState, "no transaction is open: run BEGIN IMMEDIATE on this connection, then begin the step")
	}
	if c.WriteRuns() {
		return insideWrite()
	}
	gone := false
	err = h.e.readHost(func(c *sqlite.Conn) (err error) {
		if _, err = c.Exec(takeWriter); err == nil {
			gone, err = s.on(h.e).changed(c)
		}
		return err
	})
	if err != nil {
		return err
	}
	if gone {
		h.e.counters.leasesLost.Add(1)
		s.ended = fail(CodeLeaseLost, "")
		return s.ended
	}
	if _, err := c.Exec("SAVEPOINT " + s.savepoint()); err != nil {
		return fromSQLite(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begun, s.started = true, time.Now()
	return nil
}

func alreadyWritten() *Error {
	return fail(CodeInvalidState, "the step is handled already: COMMIT, or ROLLBACK and finish it as failed")
}

// FinishStep ends a step by its outcome. "handled" is written inside the
// handler's transaction, which the host commits next; if that fails it rolls
// back and finishes the step again, as failed. Every other outcome is written
// after the host's ROLLBACK, outside a transaction.
//
// Errors, after which the host rolls back and finishes the step as failed:
// transaction_ended (the transaction of BeginStep is over), handler_timeout,
// lease_lost, and those of storage; invalid_state; closed.
func (h *HostInbox) FinishStep(number int64, o Outcome) (Finished, error) {
	s, leave, err := h.enter(number)
	if err != nil {
		return Finished{}, err
	}
	defer leave()
	if o.Kind == "handled" && s.ended == nil {
		if err := s.handled(h.e); err != nil {
			return Finished{}, err
		}
		return Finished{EventID: s.claim.eventID, Status: StatusHandled}, nil
	}
	if h.e.host.InTransaction() {
		return Finished{}, fail(CodeInvalidState, "the outcome %s is written outside the handler's transaction: ROLLBACK first", o.Kind)
	}
	return s.settleAs(h.e, o), nil
}

// handled writes it into the open transaction.
func (s *HostStep) handled(e *engine) error {
	c := e.host
	switch {
	case s.written != 0:
		return alreadyWritten()
	case s.late():
		s.ended = handlerTimeout(s.timeout)
	case !s.begun || !c.InTransaction():
		s.ended = endedByHandler()
	case c.WriteRuns():
		return insideWrite()
	}
	if s.ended != nil {
		return s.ended
	}
	if _, err := c.Exec("RELEASE " + s.savepoint()); sqlite.CodeOf(err) == sqlite.CodeError {
		s.ended = endedByHandler()
		return s.ended
	} else if err != nil {
		return fromSQLite(err)
	}
	err := e.hosted(func(c *sqlite.Conn) error {
		complete, err := s.on(e).writeHandled(c)
		if err == nil && !complete {
			err = fail(CodeLeaseLost, "")
		}
		return err
	})
	if CodeOf(err) == CodeLeaseLost {
		e.counters.leasesLost.Add(1)
		s.ended = AsError(err)
	}
	if err == nil {
		s.written = c.Handle()
	}
	return err
}

func endedByHandler() *Error {
	return fail(CodeTransactionEnded, "the transaction in which the step began is over: a handler must neither commit nor roll it back")
}

// late reports whether the handler has taken longer than it may.
func (s *HostStep) late() bool { return s.begun && time.Since(s.startedAt()) > s.timeout }

// settleAs writes an outcome outside the handler's transaction. What can't be
// written now the worker's next call tries again.
func (s *HostStep) settleAs(e *engine, o Outcome) Finished {
	if s.ended == nil && s.written == 0 && s.late() && o.Kind != "give_back" {
		s.ended = handlerTimeout(s.timeout)
	}
	a, status, err := s.on(e), "", error(nil)
	switch {
	case s.ended == nil && o.Kind == "handled": // again, without its transaction
		status, err = a.settleError(context.Background(), endedByHandler())
	case s.ended == nil || o.Kind == "give_back" && s.ended.Code != CodeLeaseLost:
		status, err = a.settle(context.Background(), o)
	case s.ended.Code == CodeLeaseLost:
		status, err = "lost", s.ended
	default:
		status, err = a.settleError(context.Background(), s.ended)
	}
	if status == "lost" && AsError(err).Retryable() && CodeOf(err) != CodeLeaseLost {
		s.pending, s.written = &o, 0
		return Finished{EventID: s.claim.eventID, Status: status, Err: AsError(err)}
	}
	s.leave(e)
	return a.report(status, err)
}

// leave frees the step's slot.
func (s *HostStep) leave(e *engine) {
	s.worker.keepPace(time.Since(s.startedAt()))
	s.worker.drop(e.hostFile, s)
}

// settleLater settles a step that was handled, by what has become of the
// transaction, and one whose outcome could not be written. Where another
// connection may still have the transaction open it is left alone, unless final:
// then this waits, as the connection waits for locks.
func (s *HostStep) settleLater(e *engine, final bool) {
	s.mu.Lock()
	if s.busy || s.pending == nil && s.written == 0 {
		s.mu.Unlock()
		return
	}
	written := s.written
	s.busy = s.pending != nil || final || written == e.host.Handle()
	mine := s.busy
	s.mu.Unlock()
	if !mine {
		s.confirm(e, written)
		return
	}
	defer s.unbusy()
	if s.pending == nil {
		s.settleWritten(e)
		return
	}
	o := *s.pending
	s.pending = nil
	s.settleAs(e, o)
}

// confirm ends a step whose transaction another connection has committed.
func (s *HostStep) confirm(e *engine, written uintptr) {
	handled, err := s.found(e)
	s.mu.Lock()
	handled = err == nil && handled && !s.busy && s.written == written
	s.busy = s.busy || handled // the next one to come is too late
	s.mu.Unlock()
	if handled {
		s.on(e).tellHandled()
		s.leave(e)
	}
}

// settleWritten ends a step whose transaction is over.
func (s *HostStep) settleWritten(e *engine) {
	handled, err := s.found(e)
	a := s.on(e)
	status := ""
	if err == nil && !handled {
		status, err = a.settleError(context.Background(), fail(CodeTransactionEnded, "the transaction in which the event was handled was rolled back"))
		if CodeOf(err) == CodeLeaseLost { // it was committed just now, or another worker has the event
			handled, err = s.found(e)
		}
	}
	switch {
	case handled:
		a.tellHandled()
	case status == "" || status == "lost" && CodeOf(err) != "" && CodeOf(err) != CodeLeaseLost:
		return // it can't be read or written now: another time
	default:
		a.report(status, err)
	}
	s.leave(e)
}

// found reports whether the file says that this run has handled the event.
func (s *HostStep) found(e *engine) (handled bool, err error) {
	err = e.readHost(func(c *sqlite.Conn) error {
		rows, err := c.Query("SELECT 1 FROM main.knocker_events WHERE id = ? AND status = 'handled' AND attempt_count = ?", s.claim.eventID, s.claim.key.Attempts)
		handled = err == nil && rows.Next()
		return err
	})
	return handled, err
}
