package core

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/knocker-dev/knocker/core/queue"
	"github.com/knocker-dev/knocker/core/sqlite"
	"github.com/knocker-dev/knocker/core/store"
)

// maxErrorBytes bounds what is kept of a handler's error.
const maxErrorBytes = 4 << 10

// attempt is one run of a handler, and what its ends write: the same for a
// worker of the library's own connections and for one of a host's.
type attempt struct {
	e       *engine
	claim   *claim
	started time.Time
	event   Event
}

// Event is the event to handle, with its body.
func (a *attempt) Event() *Event { return &a.event }

// Handler is the id of the registered handler.
func (a *attempt) Handler() int64 { return a.claim.handler.id }

// Attempt counts this run; 1 is the first.
func (a *attempt) Attempt() int { return a.claim.key.Attempts }

// MaxAttempts is after how many failures the event is dead.
func (a *attempt) MaxAttempts() int { return a.claim.maxAttempts }

// changed reports whether the claim or the event is not what it was.
func (a *attempt) changed(c *sqlite.Conn) (bool, error) {
	if a.e.host == nil { // there each transaction begins with it
		if err := a.e.checkSchema(c); err != nil {
			return false, err
		}
	}
	b := c.NewBatch()
	defer b.Close()
	still := a.addStillOurs(b)
	if _, err := b.Run(); err != nil {
		return false, err
	}
	return b.Rows(still).Len() == 0, nil
}

// addStillOurs asks whether the event is still this run's to handle.
func (a *attempt) addStillOurs(b store.Batch) int {
	return b.Add(0, `SELECT 1 FROM main.knocker_events e, main._honker_live j
		WHERE e.id = ? AND e.status NOT IN ('handled', 'ignored') AND j.id = ? AND j.worker_id = ? AND j.attempts = ? AND j.state = 'processing'`,
		a.claim.eventID, a.claim.key.ID, a.claim.key.WorkerID, a.claim.key.Attempts)
}

// writeHandled writes that the event is handled, if it is still this run's. The
// job goes first: where the claim is gone nothing has been changed yet, and
// where an operator has ignored the event its job goes all the same.
func (a *attempt) writeHandled(c *sqlite.Conn) (complete bool, err error) {
	b := c.NewBatch()
	defer b.Close()
	if !c.InTransaction() {
		b.Add(0, "BEGIN IMMEDIATE")
	}
	queue.AddAcknowledge(b, a.claim.key)
	a.e.addSettle(b, a.claim, StatusHandled, "", a.duration())
	return b.Run()
}

// settle writes any outcome but "handled", in a transaction of its own.
func (a *attempt) settle(ctx context.Context, o Outcome) (string, error) {
	switch o.Kind {
	case "failed":
		return a.settleFailed(ctx, o)
	case "retry_after":
		return a.retryAfter(ctx, o)
	case "discard":
		return a.settled(ctx, func(c *sqlite.Conn) (bool, error) { return a.bury(c, "discarded: "+o.Message) }, StatusDead)
	case "ignore":
		return a.settled(ctx, func(c *sqlite.Conn) (bool, error) {
			if err := a.e.settle(c, a.claim, StatusIgnored, clip(o.Message), a.duration()); err != nil {
				return false, err
			}
			return queue.Acknowledge(c, a.claim.key)
		}, StatusIgnored)
	case "give_back":
		return a.settled(ctx, func(c *sqlite.Conn) (bool, error) { return queue.GiveBack(c, a.claim.key, time.Time{}) }, "given_back")
	}
	return a.settleError(ctx, fail(CodeInvalidArgument, "unknown outcome %q", o.Kind))
}

// settleError counts a run that can't end as its handler has said as failed.
func (a *attempt) settleError(ctx context.Context, cause error) (string, error) {
	e := AsError(cause)
	status, err := a.settleFailed(ctx, Outcome{Kind: "failed", ErrorType: string(e.Code), Message: e.Message})
	if err != nil {
		return "lost", err
	}
	return status, e
}

// settleFailed writes the failure and reschedules the job, or buries it.
func (a *attempt) settleFailed(ctx context.Context, o Outcome) (string, error) {
	message := o.Message
	if o.ErrorType != "" {
		message = o.ErrorType + ": " + message
	}
	if a.claim.key.Attempts >= a.claim.maxAttempts {
		return a.settled(ctx, func(c *sqlite.Conn) (bool, error) { return a.bury(c, message) }, StatusDead)
	}
	policy := a.claim.handler.params.Retry.over(a.claim.endpoint.retry)
	at := a.e.now().Add(policy.delay(a.claim.key.Attempts, a.e.options.Source.Random()))
	return a.reschedule(ctx, message, at)
}

func (a *attempt) reschedule(ctx context.Context, message string, at time.Time) (string, error) {
	return a.settled(ctx, func(c *sqlite.Conn) (bool, error) {
		if err := a.e.settle(c, a.claim, StatusFailed, clip(message), a.duration()); err != nil {
			return false, err
		}
		return queue.Retry(c, a.claim.key, at, a.claim.maxAttempts)
	}, StatusFailed)
}

// retryAfter runs the event again at the handler's own time. Only the first
// such run costs an attempt, so that waiting for a slow partner never ends in
// a dead event.
func (a *attempt) retryAfter(ctx context.Context, o Outcome) (string, error) {
	if o.Seconds < 0 {
		return a.settleFailed(ctx, Outcome{ErrorType: string(CodeInvalidArgument), Message: "retry_after needs seconds of 0 or more"})
	}
	at := a.e.now().Add(seconds(o.Seconds))
	message := "retry after " + strconv.FormatFloat(o.Seconds, 'f', -1, 64) + " s"
	if o.Message != "" {
		message += ": " + o.Message
	}
	if a.claim.key.Attempts == 1 {
		return a.reschedule(ctx, message, at)
	}
	return a.settled(ctx, func(c *sqlite.Conn) (bool, error) {
		if err := a.e.settle(c, a.claim, StatusFailed, clip(message), a.duration()); err != nil {
			return false, err
		}
		return queue.GiveBack(c, a.claim.key, at)
	}, StatusFailed)
}

func (a *attempt) bury(c *sqlite.Conn, message string) (bool, error) {
	if err := a.e.settle(c, a.claim, StatusDead, clip(message), a.duration()); err != nil {
		return false, err
	}
	return queue.Fail(c, a.claim.key, clip(message), a.e.now())
}

// settled runs one ending in a transaction of its own, if the claim still
// stands: an ignored, pruned or taken event is not touched.
func (a *attempt) settled(ctx context.Context, write func(c *sqlite.Conn) (bool, error), status string) (string, error) {
	err := a.e.transact(context.WithoutCancel(ctx), (*engine).handlersConn, func(c *sqlite.Conn) error {
		gone, err := a.changed(c)
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

// report is what became of the run. It counts and tells it, unless it was
// handled: that its commit does.
func (a *attempt) report(status string, err error) Finished {
	out := Finished{EventID: a.claim.eventID, Status: status}
	if err != nil {
		out.Err = AsError(err)
	}
	if status != StatusHandled {
		a.e.counters.finished(status)
		a.tell(status, out.Err)
	}
	return out
}

// tellHandled counts and tells that the run's "handled" is in the file.
func (a *attempt) tellHandled() {
	a.e.counters.finished(StatusHandled)
	a.tell(HookHandled, nil)
}

func (a *attempt) tell(kind string, err *Error) {
	ev := HookEvent{Kind: kind, Endpoint: a.claim.endpoint.Name, EventID: a.claim.eventID, Duration: time.Since(a.started)}
	if err != nil {
		ev.Code = string(err.Code)
	}
	if kind == "lost" {
		ev.Kind = HookLeaseLost
	}
	a.e.tell(ev)
}

func (a *attempt) duration() int64 { return time.Since(a.started).Milliseconds() }

// handlerTimeout is the error of a run that took longer than it may.
func handlerTimeout(limit time.Duration) *Error {
	return fail(CodeHandlerTimeout, "the handler ran longer than %s", limit)
}

// clip bounds an error text without cutting a character in two.
func clip(text string) string {
	if len(text) > maxErrorBytes {
		text = text[:maxErrorBytes]
	}
	return strings.ToValidUTF8(text, "")
}
