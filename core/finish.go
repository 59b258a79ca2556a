package core

import (
	"context"
	"strings"
	"time"
)

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
		s.e.gate.Adopt(0)
	}
	status, err := s.finish(ctx, o)
	s.rollback("")
	s.finished = true
	s.timer.Stop()
	s.closeOver()
	s.w.finished(s)
	return s.report(status, err)
}

func (s *Step) finish(ctx context.Context, o Outcome) (string, error) {
	switch s.ended {
	case "":
	case CodeTransactionTimeout, CodeTransactionEnded:
		// The writes are gone, so a handler that went on as if nothing had
		// happened has failed all the same.
		if o.Kind == "handled" || o.Kind == "failed" {
			return s.settleError(ctx, s.endedError())
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
		if s.tx != nil && strings.Contains(o.Message, "database is locked") {
			o.Message += secondConnection
		}
	}
	s.rollback("")
	return s.settle(ctx, o)
}

// finishHandled commits the application's writes together with "handled". A
// handler that never used its transaction gets a short one.
func (s *Step) finishHandled(ctx context.Context, more bool) (string, error) {
	c := s.e.handlers
	if s.tx == nil {
		err := s.enter(ctx, 0, 0)
		if err == nil {
			err = s.opened(&transaction{ends: time.Now().Add(s.e.options.MaxTransaction)})
		}
		if err != nil {
			if s.ended != "" {
				return "lost", err
			}
			return s.settleError(ctx, err)
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
		return s.settleError(ctx, statementError(err))
	}
	return StatusHandled, nil
}

// secondConnection is the rule that users break most.
const secondConnection = " (a handler must not write to the same file through a second connection while its tx is open: that connection waits for this very transaction; write through tx, or don't use tx at all)"
