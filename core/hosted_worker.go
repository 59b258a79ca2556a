package core

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/knocker-dev/knocker/core/queue"
	"github.com/knocker-dev/knocker/core/sqlite"
)

// hostWorker claims jobs over hosts' connections, whichever calls. It has no
// task of its own: nothing renews its leases. A handler needs that no more once
// its transaction is open, for then nobody can claim.
type hostWorker struct {
	claimer
	number int64
	steps  map[int64]*HostStep // that have not ended; under claimer.mu
}

// Numbers of workers and steps are unique in the process.
var lastHostNumber atomic.Int64

// longestWait is after how long a worker that found nothing looks again: nothing
// tells it of commits.
const longestWait = 100 * time.Millisecond

// HostNext is what a worker of a host's connection has to do next.
type HostNext struct {
	Step     *HostStep     // nil: nothing now
	Wait     time.Duration // after which to ask again; at most 100 ms
	Stopping bool          // the worker hands out no more steps
}

// OpenWorker opens a worker. Any connection of the file may go on with it, also
// several at once, up to its concurrency. HandlerSynchronous "full" is
// invalid_argument: durability is the connection's own (PRAGMA synchronous).
func (h *HostInbox) OpenWorker(o WorkerOptions) (number int64, id string, err error) {
	if o, err = h.e.workerOptions(o); err != nil {
		return 0, "", err
	}
	if o.HandlerSynchronous == "full" {
		return 0, "", fail(CodeInvalidArgument, "handler_synchronous can't be full here: a host's connection syncs as its own PRAGMA synchronous says")
	}
	w := &hostWorker{number: lastHostNumber.Add(1), steps: map[int64]*HostStep{}}
	w.claimer.init(o)
	h.file.mu.Lock()
	defer h.file.mu.Unlock()
	h.file.workers[w.number] = w
	return w.number, w.id, nil
}

// NextStep claims the next event, outside a transaction: that the event is run
// once more is in the file before its handler begins. It never waits. Errors:
// invalid_state (a transaction is open), closed, and those of storage.
func (h *HostInbox) NextStep(worker int64) (out HostNext, err error) {
	w, err := h.outside(worker, "a worker claims")
	if err != nil {
		return out, err
	}
	w.settleEnded(h.e, false)
	switch CodeOf(w.usable()) {
	case CodeStopped:
		_, err = w.giveBack(context.Background(), h.e, nil)
		return HostNext{Wait: longestWait, Stopping: true}, busyPasses(err)
	case CodeClosed:
		return out, w.usable()
	}
	out.Wait = lookAgain
	if !w.claiming.TryLock() {
		return out, nil
	}
	defer w.claiming.Unlock()
	if out.Step, err = w.take(h); err != nil {
		return out, busyPasses(err)
	}
	if out.Step == nil {
		out.Wait = min(w.untilDue(h.e), longestWait)
	} else {
		out.Wait = 0
	}
	return out, nil
}

// busyPasses leaves a lock of somebody else's to the next look.
func busyPasses(err error) error {
	if CodeOf(err) == CodeBusy {
		return nil
	}
	return err
}

// outside finds a worker for a call that may not be in a transaction.
func (h *HostInbox) outside(worker int64, what string) (*hostWorker, error) {
	w, err := h.file.worker(worker)
	if err == nil && h.e.host.InTransaction() {
		err = fail(CodeInvalidState, "%s outside a transaction: COMMIT or ROLLBACK first", what)
	}
	return w, err
}

// take makes a step of a claimed job, claiming more when none is left.
func (w *hostWorker) take(h *HostInbox) (*HostStep, error) {
	ctx, e := context.Background(), h.e
	for {
		w.mu.Lock()
		busy := len(w.steps) >= w.options.Concurrency
		var k *claim
		if !busy {
			k = w.pop(e)
		}
		w.mu.Unlock()
		if busy {
			return nil, nil
		}
		if k == nil {
			if found, err := w.claim(ctx, e); err != nil || !found {
				return nil, err
			}
			continue
		}
		s, err := w.start(h, k)
		switch CodeOf(err) {
		case "":
			return s, nil
		case CodeNotFound: // ignored or pruned since it was claimed
			w.forget(ctx, e, k)
		case CodeLeaseLost:
		default:
			w.mu.Lock()
			w.buffer = append([]*claim{k}, w.buffer...)
			w.mu.Unlock()
			return nil, err
		}
	}
}

// start makes a step of a job that was claimed some time ago.
func (w *hostWorker) start(h *HostInbox, k *claim) (*HostStep, error) {
	if err := w.renew(h.e, k); err != nil {
		return nil, err
	}
	s := &HostStep{attempt: attempt{e: h.e, claim: k, started: time.Now()}, number: lastHostNumber.Add(1), worker: w, timeout: w.timeout(k)}
	if err := s.load(); err != nil {
		return nil, err
	}
	s.e = nil // each call brings its own
	w.mu.Lock()
	w.steps[s.number] = s
	w.mu.Unlock()
	h.file.mu.Lock()
	defer h.file.mu.Unlock()
	h.file.steps[s.number] = s
	return s, nil
}

// renew extends a lease of which much is over, before its handler starts.
func (w *hostWorker) renew(e *engine, k *claim) error {
	if e.now().Sub(k.since) < w.lease/3 {
		return nil
	}
	return e.transact(context.Background(), (*engine).handlersConn, func(c *sqlite.Conn) error {
		held, err := queue.Renew(c, k.key, w.lease, e.now())
		if err == nil && !held {
			err = fail(CodeLeaseLost, "")
		}
		k.since = e.now()
		return err
	})
}

// StopWorker lets a worker hand out no more steps. Those that run may end.
func (h *HostInbox) StopWorker(worker int64) error {
	w, err := h.file.worker(worker)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopping = true
	return nil
}

// CloseWorker gives back what the worker holds and has not finished, and closes
// it. What can't be given back, because the file is locked, comes back when its
// lease ends. Errors: invalid_state (a transaction is open), closed, and those
// of storage.
func (h *HostInbox) CloseWorker(worker int64) error {
	w, err := h.outside(worker, "a worker closes")
	if err != nil {
		return err
	}
	w.mu.Lock()
	w.stopping, w.over = true, true
	w.mu.Unlock()
	h.file.mu.Lock()
	delete(h.file.workers, worker)
	h.file.mu.Unlock()
	w.settleEnded(h.e, true)
	w.mu.Lock()
	var cut []*claim
	for _, s := range w.steps {
		cut = append(cut, s.claim)
		defer w.drop(h.file, s)
	}
	w.mu.Unlock()
	_, err = w.giveBack(context.Background(), h.e, cut)
	return err
}

// drop forgets a step that has ended.
func (w *hostWorker) drop(f *hostFile, s *HostStep) {
	w.mu.Lock()
	delete(w.steps, s.number)
	w.mu.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.steps, s.number)
}

// settleEnded settles steps whose outcome is not known to be in the file yet.
// final: nobody comes back to them.
func (w *hostWorker) settleEnded(e *engine, final bool) {
	w.mu.Lock()
	var list []*HostStep
	for _, s := range w.steps {
		list = append(list, s)
	}
	w.mu.Unlock()
	for _, s := range list {
		s.settleLater(e, final)
	}
}
