package core

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/knocker-dev/knocker/core/queue"
	"github.com/knocker-dev/knocker/core/sqlite"
)

// maxErrorBytes bounds what is kept of a handler's error.
const maxErrorBytes = 4 << 10

// Finish ends the step by its outcome and says what the file says then. It
// always ends the step, whatever happens.
func (s *Step) Finish(ctx context.Context, o Outcome) Finished {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.finished {
		return Finished{EventID: s.claim.eventID, Status: "lost", Err: fail(CodeClosed, "the step has ended")}
	}
	if s.tx != nil {
		// Ending needs nothing of the handler's thread or loop any more: a call
		// of it may wait for the end.
		s.w.e.gate.Adopt(0)
	}
	status, err := s.finish(ctx, o)
	s.rollback("")
	s.finished = true
	s.timer.Stop()
	s.closeOver()
	s.w.finished(s)
	out := Finished{EventID: s.claim.eventID, Status: status}
	if err != nil {
		out.Err = AsError(err)
	}
	if status != StatusHandled { // told by its commit
		s.w.e.counters.finished(status)
		s.tell(status, out.Err)
	}
	return out
}

func (s *Step) tell(kind string, err *Error) {
	ev := HookEvent{Kind: kind, Endpoint: s.claim.endpoint.Name, EventID: s.claim.eventID, Duration: time.Since(s.started)}
	if err != nil {
		ev.Code = string(err.Code)
	}
	if kind == "lost" {
		ev.Kind = HookLeaseLost
	}
	s.w.e.tell(ev)
}

func (s *Step) finish(ctx context.Context, o Outcome) (string, error) {
	switch s.ended {
	case "":
	case CodeTransactionTimeout, CodeTransactionEnded:
		// The writes are gone, so a handler that went on as if nothing had
		// happened has failed all the same.
		if o.Kind == "handled" || o.Kind == "failed" {
			e := s.endedError()
			status, err := s.settleFailed(ctx, Outcome{Kind: "failed", ErrorType: string(e.Code), Message: e.Message})
			if err == nil {
				err = e
			}
			return status, err
		}
	default: // the job is no longer ours, or has been settled
		return "lost", s.endedError()
	}
	switch o.Kind {
	case "handled":
		return s.finishHandled(ctx, o.More)
	case "failed":
		if s.gaveWay != 0 && !s.wrote {
			s.w.runAgain(s.claim, s.gaveWay)
			return "given_back", nil
		}
		return s.finishFailed(ctx, o)
	case "retry_after":
		return s.retryAfter(ctx, o)
	case "discard":
		s.rollback("")
		return s.settled(ctx, func(c *sqlite.Conn) (bool, error) { return s.bury(c, "discarded: "+o.Message) }, StatusDead)
	case "ignore":
		s.rollback("")
		return s.settled(ctx, func(c *sqlite.Conn) (bool, error) {
			if err := s.w.e.settle(c, s.claim, StatusIgnored, clip(o.Message), s.duration()); err != nil {
				return false, err
			}
			return queue.Acknowledge(c, s.claim.key)
		}, StatusIgnored)
	case "give_back":
		return s.giveBack(ctx)
	}
	status, err := s.finishFailed(ctx, Outcome{Kind: "failed", ErrorType: string(CodeInvalidArgument), Message: "unknown outcome " + strconv.Quote(o.Kind)})
	if err == nil {
		err = fail(CodeInvalidArgument, "unknown outcome %q", o.Kind)
	}
	return status, err
}

// finishHandled commits the application's writes together with "handled". A
// handler that never used its transaction gets a short one.
func (s *Step) finishHandled(ctx context.Context, more bool) (string, error) {
	c := s.w.e.handlers
	if s.tx == nil {
		err := s.enter(ctx, 0, 0)
		if err == nil {
			err = s.opened(&transaction{ends: time.Now().Add(s.w.e.options.MaxTransaction)})
		}
		if err != nil {
			if s.ended != "" {
				return "lost", err
			}
			return s.undone(ctx, err)
		}
	}
	complete, err := s.writeHandled(c)
	if err == nil && !complete {
		s.harmless = !s.used
		s.rollback(CodeLeaseLost)
		return "lost", s.endedError()
	}
	again := false
	if err == nil {
		again, err = s.commit(more)
	}
	if again {
		return "given_back", statementError(err)
	}
	if err != nil {
		s.rollback("")
		return s.undone(ctx, statementError(err))
	}
	return StatusHandled, nil
}

// writeHandled writes that the event is handled, if it is still this step's. The
// job goes first: where the claim is gone nothing has been changed yet, and
// where an operator has ignored the event its job goes all the same.
func (s *Step) writeHandled(c *sqlite.Conn) (complete bool, err error) {
	b := c.NewBatch()
	defer b.Close()
	if !c.InTransaction() {
		b.Add(0, "BEGIN IMMEDIATE")
	}
	queue.AddAcknowledge(b, s.claim.key)
	s.w.e.addSettle(b, s.claim, StatusHandled, "", s.duration())
	return b.Run()
}

// undone counts a run whose success could not be committed as failed.
func (s *Step) undone(ctx context.Context, cause error) (string, error) {
	e := AsError(cause)
	status, err := s.settleFailed(ctx, Outcome{Kind: "failed", ErrorType: string(e.Code), Message: e.Message})
	if err != nil {
		return "lost", err
	}
	return status, e
}

// secondConnection is the rule that users break most.
const secondConnection = " (a handler must not write to the same file through a second connection while its tx is open: that connection waits for this very transaction; write through tx, or don't use tx at all)"

func (s *Step) finishFailed(ctx context.Context, o Outcome) (string, error) {
	if s.tx != nil && strings.Contains(o.Message, "database is locked") {
		o.Message += secondConnection
	}
	s.rollback("")
	return s.settleFailed(ctx, o)
}

// settleFailed writes the failure and reschedules the job, or buries it.
func (s *Step) settleFailed(ctx context.Context, o Outcome) (string, error) {
	message := o.Message
	if o.ErrorType != "" {
		message = o.ErrorType + ": " + message
	}
	if s.claim.key.Attempts >= s.claim.maxAttempts {
		return s.settled(ctx, func(c *sqlite.Conn) (bool, error) { return s.bury(c, message) }, StatusDead)
	}
	policy := s.claim.handler.params.Retry.over(s.claim.endpoint.retry)
	at := s.w.e.now().Add(policy.delay(s.claim.key.Attempts, s.w.e.options.Source.Random()))
	return s.reschedule(ctx, message, at)
}

func (s *Step) reschedule(ctx context.Context, message string, at time.Time) (string, error) {
	return s.settled(ctx, func(c *sqlite.Conn) (bool, error) {
		if err := s.w.e.settle(c, s.claim, StatusFailed, clip(message), s.duration()); err != nil {
			return false, err
		}
		return queue.Retry(c, s.claim.key, at, s.claim.maxAttempts)
	}, StatusFailed)
}

// retryAfter runs the event again at the handler's own time. Only the first
// such run costs an attempt, so that waiting for a slow partner never ends in
// a dead event.
func (s *Step) retryAfter(ctx context.Context, o Outcome) (string, error) {
	if o.Seconds < 0 {
		return s.finishFailed(ctx, Outcome{ErrorType: string(CodeInvalidArgument), Message: "retry_after needs seconds of 0 or more"})
	}
	s.rollback("")
	at := s.w.e.now().Add(seconds(o.Seconds))
	message := "retry after " + strconv.FormatFloat(o.Seconds, 'f', -1, 64) + " s"
	if o.Message != "" {
		message += ": " + o.Message
	}
	if s.claim.key.Attempts == 1 {
		return s.reschedule(ctx, message, at)
	}
	return s.settled(ctx, func(c *sqlite.Conn) (bool, error) {
		if err := s.w.e.settle(c, s.claim, StatusFailed, clip(message), s.duration()); err != nil {
			return false, err
		}
		return queue.GiveBack(c, s.claim.key, at)
	}, StatusFailed)
}

func (s *Step) giveBack(ctx context.Context) (string, error) {
	s.rollback("")
	return s.settled(ctx, func(c *sqlite.Conn) (bool, error) { return queue.GiveBack(c, s.claim.key, time.Time{}) }, "given_back")
}

func (s *Step) bury(c *sqlite.Conn, message string) (bool, error) {
	if err := s.w.e.settle(c, s.claim, StatusDead, clip(message), s.duration()); err != nil {
		return false, err
	}
	return queue.Fail(c, s.claim.key, clip(message), s.w.e.now())
}

// settled runs one ending in a transaction of its own, if the claim still
// stands: an ignored, pruned or taken event is not touched.
func (s *Step) settled(ctx context.Context, write func(c *sqlite.Conn) (bool, error), status string) (string, error) {
	e := s.w.e
	err := e.transact(context.WithoutCancel(ctx), (*engine).handlersConn, func(c *sqlite.Conn) error {
		gone, err := s.changed(c)
		held := false
		if err == nil && !gone {
			held, err = write(c)
		}
		if err == nil && !held {
			err = fail(CodeLeaseLost, "")
		}
		return err
	})
	if err != nil {
		return "lost", err
	}
	return status, nil
}

func (s *Step) duration() int64 { return time.Since(s.started).Milliseconds() }

// clip bounds an error text without cutting a character in two.
func clip(text string) string {
	if len(text) > maxErrorBytes {
		text = text[:maxErrorBytes]
	}
	return strings.ToValidUTF8(text, "")
}
