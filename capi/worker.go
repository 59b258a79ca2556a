package main

import (
	"context"
	"sync"
	"time"

	"github.com/knocker-dev/knocker/capi/abi"
	"github.com/knocker-dev/knocker/core"
)

// worker is what a worker handle stands for.
type worker struct {
	number uint64
	inbox  *inbox
	core   *core.Worker
	// ctx ends when the worker is closed: a call of one step that waits for
	// another step's transaction must not keep the close waiting.
	ctx context.Context
	end context.CancelCauseFunc

	mu     sync.Mutex
	closed bool
	steps  map[uint64]*step
}

func openWorker(out []byte, db uint64, in input) ([]byte, error) {
	i, err := find[*inbox](db)
	if err != nil {
		return nil, err
	}
	var r abi.WorkerOpenRequest
	if err := in.decode(&r); err != nil {
		return nil, err
	}
	w := &worker{number: newHandle(), inbox: i, steps: map[uint64]*step{}}
	w.ctx, w.end = context.WithCancelCause(background())
	if w.core, err = i.core.OpenWorker(workerOptions(&r, i.scope)); err != nil {
		return nil, err
	}
	if !i.adopt(w) {
		w.core.Release()
		return nil, failure(core.CodeClosed, "The inbox is closed.")
	}
	return appendJSON(out, abi.WorkerOpenReply{Worker: w.number, WorkerID: w.core.ID(), Concurrency: w.core.Concurrency()}), nil
}

// workerOptions are the options of a worker; scope is its inbox's.
func workerOptions(r *abi.WorkerOpenRequest, scope string) core.WorkerOptions {
	return core.WorkerOptions{
		Concurrency: r.Concurrency, LeaseSeconds: r.LeaseS, WorkerID: r.WorkerID, Endpoints: r.Endpoints,
		StopTimeoutSeconds: r.StopTimeoutS, HandlerSynchronous: r.HandlerSynchronous, HandlerTimeoutSeconds: r.HandlerTimeoutS,
		Scope: scopeOf(r.HandlerScope, scope),
	}
}

// adopt publishes a worker; false when the inbox is closed already.
func (i *inbox) adopt(w *worker) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.closed {
		return false
	}
	i.workers[w.number] = w
	publish(w.number, w)
	return true
}

func (i *inbox) disown(w *worker) {
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.workers, w.number)
}

func stopWorker(out []byte, number uint64, in input) ([]byte, error) {
	w, err := find[*worker](number)
	if err != nil {
		return nil, err
	}
	var r abi.WorkerStopRequest
	if err := in.decode(&r); err != nil {
		return nil, err
	}
	var deadline time.Duration // 0 is the worker's stop_timeout_s
	if r.DeadlineMS != nil {
		deadline = max(milliseconds(*r.DeadlineMS), time.Nanosecond)
	}
	report, err := w.core.Stop(background(), deadline)
	if err != nil {
		return nil, err
	}
	reply := abi.WorkerStopReply{Stopped: true, RolledBack: report.RolledBack, GivenBack: report.GivenBack}
	if reply.RolledBack == nil {
		reply.RolledBack = []int64{}
	}
	return appendJSON(out, reply), nil
}

func closeWorker(out []byte, number uint64) ([]byte, error) {
	w, err := takeIf[*worker](number)
	if err != nil {
		return nil, err
	}
	w.inbox.disown(w)
	w.forget()
	if err := w.core.Close(); err != nil {
		return nil, err
	}
	return append(out, "{}"...), nil
}

// release is close without waiting. Its handle is gone already.
func (w *worker) release() {
	w.inbox.disown(w)
	w.forget()
	w.core.Release()
}

// forget takes the handles of a worker and of its steps away and ends their
// waits.
func (w *worker) forget() {
	take(w.number)
	w.end(failure(core.CodeClosed, "The worker is closed."))
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	for number := range w.steps {
		take(number)
	}
	clear(w.steps)
}
