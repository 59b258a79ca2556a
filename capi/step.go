package main

import (
	"sync"
	"time"

	"github.com/knocker-dev/knocker/capi/abi"
	"github.com/knocker-dev/knocker/core"
)

// step is what a step handle stands for.
type step struct {
	number uint64
	worker *worker
	core   *core.Step
	calls  sync.Mutex // calls on one step run one after the other
}

// workerStep ends a step, claims the next one, or both.
func workerStep(out []byte, number uint64, in input) ([]byte, error) {
	w, err := find[*worker](number)
	if err != nil {
		return nil, err
	}
	var r abi.WorkerStepRequest
	if err := in.decode(&r); err != nil {
		return nil, err
	}
	if (r.Step != 0) != (r.Outcome != nil) {
		return nil, failure(core.CodeInvalidArgument, `Fields "step" and "outcome" belong together.`)
	}
	var reply abi.WorkerStepReply
	if r.Step != 0 {
		if reply.Finished, err = w.finish(r.Step, r.Outcome, r.WaitMS != nil); err != nil {
			return nil, err
		}
	}
	if r.WaitMS != nil {
		reply.Step, err = w.next(milliseconds(*r.WaitMS), r.Home)
	}
	reply.Stopping = w.core.Stopping()
	switch core.CodeOf(err) {
	case "", core.CodeStopped:
		reply.Stopping = reply.Stopping || err != nil
	default:
		// What became of a step is told once, so it goes before an error of
		// the claim; the next call meets that again.
		if reply.Finished == nil {
			return nil, err
		}
	}
	return reply.AppendJSON(out), nil
}

// next waits for a next event and gives it a handle.
func (w *worker) next(wait time.Duration, home uint64) (*abi.Step, error) {
	claimed, err := w.core.Next(w.ctx, wait, home)
	if err != nil || claimed == nil {
		return nil, err
	}
	s := &step{number: newHandle(), worker: w, core: claimed}
	if !w.adopt(s) {
		claimed.Release()
		return nil, failure(core.CodeStopped, "The worker is closed.")
	}
	return stepReply(s.number, claimed), nil
}

// claimedStep is a step of an opened inbox or of a host's connection.
type claimedStep interface {
	Handler() int64
	Attempt() int
	MaxAttempts() int
	Timeout() time.Duration
	Event() *core.Event
}

func stepReply(number uint64, s claimedStep) *abi.Step {
	return &abi.Step{
		Step: number, Handler: s.Handler(), Attempt: s.Attempt(), MaxAttempts: s.MaxAttempts(),
		TimeoutS: s.Timeout().Seconds(), Event: eventReply(s.Event(), true),
	}
}

// adopt publishes a step; false when the worker is closed already.
func (w *worker) adopt(s *step) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return false
	}
	w.steps[s.number] = s
	publish(s.number, s)
	return true
}

func (w *worker) disown(s *step) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.steps, s.number)
}

// finish ends a step of this worker. Its handle is gone afterwards.
func (w *worker) finish(number uint64, o *abi.Outcome, more bool) (*abi.Finished, error) {
	s, err := find[*step](number)
	if err != nil {
		return nil, err
	}
	if s.worker != w {
		return nil, failure(core.CodeInvalidArgument, "Step %d belongs to another worker.", number)
	}
	outcome, err := coreOutcome(o)
	if err != nil {
		return nil, err
	}
	if s, err = takeIf[*step](number); err != nil {
		return nil, err
	}
	w.disown(s)
	s.calls.Lock()
	defer s.calls.Unlock()
	outcome.More = more
	return finishedReply(s.core.Finish(w.ctx, outcome)), nil
}

func finishedReply(f core.Finished) *abi.Finished {
	reply := &abi.Finished{EventID: f.EventID, Status: f.Status}
	if f.Err != nil {
		reply.Error = &abi.ErrorBrief{Code: string(f.Err.Code), Message: f.Err.Message}
	}
	return reply
}

// release gives a step back without waiting. Its handle is gone already.
func (s *step) release() {
	s.worker.disown(s)
	s.core.Release()
}

// coreOutcome checks that an outcome has what its kind needs, and nothing that
// would silently be lost.
func coreOutcome(o *abi.Outcome) (core.Outcome, error) {
	var allowError, allowSeconds, allowReason bool
	switch o.Kind {
	case "handled", "give_back":
	case "failed":
		allowError = true
	case "retry_after":
		allowError, allowSeconds = true, true
	case "discard", "ignore":
		allowReason = true
	default:
		return core.Outcome{}, unknownOutcome(o.Kind)
	}
	switch {
	case o.Kind == "failed" && o.Error == nil:
		return core.Outcome{}, outcomeNeeds(o.Kind, "error")
	case o.Error != nil && !allowError:
		return core.Outcome{}, outcomeRefuses(o.Kind, "error")
	case allowSeconds && o.Seconds == nil:
		return core.Outcome{}, outcomeNeeds(o.Kind, "seconds")
	case o.Seconds != nil && !allowSeconds:
		return core.Outcome{}, outcomeRefuses(o.Kind, "seconds")
	case o.Reason != "" && !allowReason:
		return core.Outcome{}, outcomeRefuses(o.Kind, "reason")
	}
	out := core.Outcome{Kind: o.Kind, Message: o.Reason}
	if o.Error != nil {
		out.ErrorType, out.Message, out.Code = o.Error.Type, o.Error.Message, o.Error.Code
	}
	if o.Seconds != nil {
		out.Seconds = *o.Seconds
	}
	return out, nil
}

func unknownOutcome(kind string) error {
	known := []string{"handled", "failed", "retry_after", "discard", "ignore", "give_back"}
	problem := &abi.Problem{
		Message: `Field "outcome.kind" must be handled, failed, retry_after, discard, ignore or give_back.`,
		Field:   "outcome.kind", Suggestion: abi.Closest(kind, known),
	}
	return problem
}

func outcomeNeeds(kind, field string) error {
	return &abi.Problem{Message: "The outcome " + kind + ` needs the field "` + field + `".`, Field: "outcome." + field}
}

func outcomeRefuses(kind, field string) error {
	return &abi.Problem{Message: "The outcome " + kind + ` takes no field "` + field + `".`, Field: "outcome." + field}
}
