package core

import (
	"context"
	"time"

	"github.com/knocker-dev/knocker/core/queue"
	"github.com/knocker-dev/knocker/core/sqlite"
)

// Worker claims jobs and hands out their events as steps. It is safe for
// concurrent use: each of its slots is one caller of Next and Finish.
type Worker struct {
	claimer
	e      *engine
	closed chan struct{}
	steps  map[*Step]struct{} // under claimer.mu, as what follows
	free   chan struct{}      // closed and remade when a slot becomes free
}

// OpenWorker opens a worker on the inbox. Its claims live as long as it does.
func (i *Inbox) OpenWorker(o WorkerOptions) (*Worker, error) {
	if err := i.ownFile("Inbox.OpenWorker"); err != nil {
		return nil, err
	}
	o, err := i.e.workerOptions(o)
	if err != nil {
		return nil, err
	}
	if o.HandlerSynchronous == "full" {
		if err := i.e.syncHandlers(); err != nil {
			return nil, err
		}
	}
	w := &Worker{e: i.e, closed: make(chan struct{}), steps: map[*Step]struct{}{}, free: make(chan struct{})}
	w.claimer.init(o)
	i.e.mu.Lock()
	i.e.workers[w] = struct{}{}
	i.e.mu.Unlock()
	i.e.background("lease", w.renewLoop)
	return w, nil
}

// Next returns the next event to handle, waiting up to wait for one: nil when
// there is none in time. home names the thread or loop that the handler will
// run on, 0 for none. Errors: stopped, closed, cancelled, and those of storage.
func (w *Worker) Next(ctx context.Context, wait time.Duration, home uint64) (*Step, error) {
	defer w.e.wake.watch()()
	deadline := time.Now().Add(wait)
	for {
		signal, free := w.e.wake.signal(), w.freed()
		if err := w.usable(); err != nil {
			return nil, err
		}
		s, err := w.take(ctx, home)
		if s != nil || err != nil && CodeOf(err) != CodeBusy {
			return s, err
		}
		left := time.Until(deadline)
		if left <= 0 {
			return nil, nil
		}
		awake := w.e.wake.rest()
		timer := time.NewTimer(min(left, w.untilDue(w.e)))
		select {
		case <-signal:
		case <-free:
		case <-timer.C:
		case <-w.closed:
		case <-ctx.Done():
			err = fromGate(context.Cause(ctx))
		}
		timer.Stop()
		awake()
		if err != nil && CodeOf(err) != CodeBusy {
			return nil, err
		}
	}
}

func (w *Worker) usable() error {
	if err := w.e.usable(); err != nil {
		return err
	}
	return w.claimer.usable()
}

func (w *Worker) freed() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.free
}

// take makes a step of a claimed job, claiming more when none is left.
func (w *Worker) take(ctx context.Context, home uint64) (*Step, error) {
	w.claiming.Lock()
	defer w.claiming.Unlock()
	for {
		w.mu.Lock()
		if len(w.steps) >= w.options.Concurrency {
			w.mu.Unlock()
			return nil, nil
		}
		if len(w.buffer) == 0 {
			w.mu.Unlock()
			if found, err := w.claim(ctx, w.e); err != nil || !found {
				return nil, err
			}
			continue
		}
		k := w.pop(w.e)
		if k == nil {
			w.mu.Unlock()
			return nil, nil
		}
		s := newStep(w, k, home)
		w.steps[s] = struct{}{}
		w.mu.Unlock()
		if err := s.load(); err != nil {
			s.discard()
			if CodeOf(err) == CodeNotFound { // ignored or pruned since it was claimed
				w.forget(ctx, w.e, k)
				continue
			}
			return nil, err
		}
		return s, nil
	}
}

// runAgain keeps a job whose run left nothing in the file: its claim stands and
// no attempt counts. A handler that met would_deadlock waits until the writer is
// free of that home; giving the job back would need that very writer.
func (w *Worker) runAgain(k *claim, home uint64) {
	w.mu.Lock()
	k.avoid = home
	w.buffer = append(w.buffer, k)
	w.mu.Unlock()
	w.e.wake.broadcast()
}

// renewLoop keeps the leases of all jobs that the worker holds, started or not.
func (w *Worker) renewLoop() {
	tick := time.NewTicker(max(w.lease/3, 50*time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-w.closed:
			return
		case <-w.e.closing:
			return
		case <-tick.C:
			w.renew()
		}
	}
}

func (w *Worker) renew() {
	w.mu.Lock()
	waiting := append([]*claim(nil), w.buffer...)
	running := make([]*Step, 0, len(w.steps))
	for s := range w.steps {
		running = append(running, s)
	}
	w.mu.Unlock()
	if len(waiting)+len(running) == 0 {
		return
	}
	var lost []*Step
	dropped := map[*claim]bool{}
	err := w.e.transact(context.Background(), (*engine).handlersConn, func(c *sqlite.Conn) error {
		lost = nil
		for _, k := range waiting {
			if ok, err := queue.Renew(c, k.key, w.lease, w.e.now()); err != nil {
				return err
			} else if !ok {
				dropped[k] = true
			}
		}
		for _, s := range running {
			if ok, err := queue.Renew(c, s.claim.key, w.lease, w.e.now()); err != nil {
				return err
			} else if !ok {
				lost = append(lost, s)
			}
		}
		return nil
	})
	if err != nil {
		return // the next tick tries again, well before the lease ends
	}
	w.mu.Lock()
	kept := w.buffer[:0:0]
	for _, k := range w.buffer {
		if !dropped[k] {
			kept = append(kept, k)
		}
	}
	w.buffer = kept
	w.mu.Unlock()
	for _, s := range lost {
		s.end(CodeLeaseLost)
	}
}

// finished frees a step's slot.
func (w *Worker) finished(s *Step) {
	w.keepPace(time.Since(s.started))
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.steps, s)
	close(w.free)
	w.free = make(chan struct{})
}
