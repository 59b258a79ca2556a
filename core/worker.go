package core

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/knocker-dev/knocker/core/queue"
	"github.com/knocker-dev/knocker/core/sqlite"
)

// Worker claims jobs and hands out their events as steps. It is safe for
// concurrent use: each of its slots is one caller of Next and Finish.
type Worker struct {
	e       *engine
	id      string
	options WorkerOptions
	lease   time.Duration
	closed  chan struct{}
	pace    atomic.Int64 // ns a step takes, see claimSize

	claiming sync.Mutex // one claim at a time; its loser finds the buffer full
	mu       sync.Mutex
	buffer   []*claim // claimed, not started
	steps    map[*Step]struct{}
	free     chan struct{} // closed and remade when a slot becomes free
	stopping bool
	over     bool
}

// claim is a job that this worker holds.
type claim struct {
	key         queue.Key
	eventID     int64
	deliveryID  int64 // replay of one delivery; 0: the event's own
	maxAttempts int
	handler     *handler
	endpoint    *endpointState
	avoid       uint64 // not to be started while this home holds the writer
	alone       bool   // its commit is not shared: a shared one has failed
	ahead       *readAhead
}

// OpenWorker opens a worker on the inbox. Its claims live as long as it does.
func (i *Inbox) OpenWorker(o WorkerOptions) (*Worker, error) {
	if err := i.usable(); err != nil {
		return nil, err
	}
	orDefault(&o.Concurrency, 1)
	orDefault(&o.LeaseSeconds, 60)
	orDefault(&o.StopTimeoutSeconds, 30)
	orDefault(&o.HandlerTimeoutSeconds, 900)
	orDefault(&o.HandlerSynchronous, "normal")
	if o.Concurrency < 1 || o.LeaseSeconds < 1 || o.StopTimeoutSeconds < 0 || o.HandlerTimeoutSeconds < 0 {
		return nil, fail(CodeInvalidArgument, "concurrency and lease_s must be at least 1, the timeouts above 0")
	}
	if err := oneOf("handler_synchronous", o.HandlerSynchronous, "normal", "full"); err != nil {
		return nil, err
	}
	for _, name := range o.Endpoints {
		if _, err := i.e.endpoint(name); err != nil {
			return nil, err
		}
	}
	if o.HandlerSynchronous == "full" {
		if err := i.e.syncHandlers(); err != nil {
			return nil, err
		}
	}
	w := &Worker{e: i.e, id: workerID(o.WorkerID), options: o, lease: seconds(o.LeaseSeconds), closed: make(chan struct{}),
		steps: map[*Step]struct{}{}, free: make(chan struct{})}
	w.pace.Store(int64(claimAhead) / 4)
	i.e.mu.Lock()
	i.e.workers[w] = struct{}{}
	i.e.mu.Unlock()
	i.e.background("lease", w.renewLoop)
	return w, nil
}

// workerID adds a random suffix, so that two workers given one name never take
// each other's claims for their own.
func workerID(name string) string {
	if name == "" {
		host, err := os.Hostname()
		if err != nil {
			host = "host"
		}
		name = fmt.Sprintf("%s:%d", host, os.Getpid())
	}
	var suffix [6]byte
	_, _ = rand.Read(suffix[:])
	return name + ":" + hex.EncodeToString(suffix[:])
}

// ID is the worker's id as the queue shows it.
func (w *Worker) ID() string { return w.id }

// Concurrency is how many handlers run at once.
func (w *Worker) Concurrency() int { return w.options.Concurrency }

// Stopping reports whether the worker hands out no more steps.
func (w *Worker) Stopping() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stopping
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
		timer := time.NewTimer(min(left, w.untilDue()))
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
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.over:
		return fail(CodeClosed, "the worker is closed")
	case w.stopping:
		return fail(CodeStopped, "the worker is stopping")
	}
	return nil
}

func (w *Worker) freed() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.free
}

// lookAgain is how soon a job that waits for the writer is tried again.
const lookAgain = 5 * time.Millisecond

// untilDue is how long nothing can become due: the next job's time is known.
func (w *Worker) untilDue() time.Duration {
	w.mu.Lock()
	held := len(w.buffer) > 0
	w.mu.Unlock()
	if held {
		return lookAgain
	}
	var due int64
	err := w.e.read(func(c *sqlite.Conn) (err error) {
		due, err = w.e.nextDue(c)
		return err
	})
	if err != nil || due == 0 {
		return slowestLook
	}
	left := time.Unix(due, 0).Sub(w.e.now())
	return min(max(left, 20*time.Millisecond), slowestLook)
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
			if found, err := w.claim(ctx); err != nil || !found {
				return nil, err
			}
			continue
		}
		k := w.pop()
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
				w.forget(ctx, k)
				continue
			}
			return nil, err
		}
		return s, nil
	}
}

// pop takes the next claimed job; one that met would_deadlock stays until the
// transaction that it met is over.
func (w *Worker) pop() *claim {
	for n, k := range w.buffer {
		if k.avoid == 0 || !w.e.gate.HeldBy(k.avoid) {
			k.avoid = 0
			w.buffer = append(w.buffer[:n:n], w.buffer[n+1:]...)
			return k
		}
	}
	return nil
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

// hasMore reports whether the next event is at hand.
func (w *Worker) hasMore() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.buffer) > 0 && !w.stopping
}

// A claim takes what the slots will start within a moment: many jobs of quick
// handlers, for a claim costs a commit, and few of slow ones, for what is held
// here another worker can't start.
const (
	claimAhead = 50 * time.Millisecond
	claimMost  = 64 // jobs a slot
)

// claimSize is how many jobs to claim at the present pace.
func (w *Worker) claimSize() int {
	each := int(claimAhead / max(time.Duration(w.pace.Load()), time.Microsecond))
	return w.options.Concurrency * min(max(each, 1), claimMost)
}

// keepPace remembers how long steps take, the latest ones most.
func (w *Worker) keepPace(took time.Duration) {
	old := w.pace.Load()
	w.pace.Store(old + (int64(took)-old)/8)
}

// claim fills the buffer. It first looks without the writer: most wake-ups
// concern somebody else.
func (w *Worker) claim(ctx context.Context) (bool, error) {
	var due int64
	err := w.e.read(func(c *sqlite.Conn) (err error) {
		due, err = w.e.nextDue(c)
		return err
	})
	if err != nil || due == 0 || due > w.e.now().Unix() {
		return false, err
	}
	var found []*claim
	settled := false
	err = w.e.transact(ctx, (*engine).handlersConn, func(c *sqlite.Conn) error {
		found, settled = nil, false
		paused, err := w.e.takeBack(c)
		if err != nil {
			return err
		}
		where, args := w.endpointFilter()
		claimed, exhausted, err := queue.Claim(c, queue.ClaimParams{Queue: w.e.options.QueueName, WorkerID: w.id,
			Limit: w.claimSize(), Lease: w.lease, Now: w.e.now(), Where: where, WhereArgs: args})
		if err != nil {
			return err
		}
		for _, j := range exhausted {
			settled = true
			if err := w.e.eventDied(c, payloadOf(j.Payload).event, j.Attempts); err != nil {
				return err
			}
		}
		events, err := readClaimed(c, claimed)
		if err != nil {
			return err
		}
		for n, j := range claimed {
			k, err := w.admit(c, j, events[n], paused)
			if err != nil {
				return err
			}
			if k == nil {
				settled = true
				continue
			}
			found = append(found, k)
		}
		return nil
	})
	if err != nil {
		return false, err
	}
	if len(found) > 0 {
		w.e.counters.claimed.Add(int64(len(found)))
		w.e.tell(HookEvent{Kind: HookClaimed, Count: len(found)})
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.buffer = append(w.buffer, found...)
	return len(found) > 0 || settled, nil
}

// endpointFilter keeps a worker that serves some endpoints from the others' jobs.
func (w *Worker) endpointFilter() (string, []any) {
	if len(w.options.Endpoints) == 0 {
		return "", nil
	}
	marks, args := "", []any{}
	for n, name := range w.options.Endpoints {
		if n > 0 {
			marks += ", "
		}
		marks += "?"
		args = append(args, name)
	}
	return ` AND EXISTS (SELECT 1 FROM main.knocker_events e JOIN main.knocker_endpoints p ON p.id = e.endpoint_id
		WHERE e.id = json_extract(payload, '$.event_id') AND p.name IN (` + marks + `))`, args
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
