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

// claimer is what each worker has, whichever way its steps run: it claims jobs
// and keeps them until they are started.
type claimer struct {
	id      string
	options WorkerOptions
	lease   time.Duration
	pace    atomic.Int64 // ns a step takes, see claimSize

	claiming sync.Mutex // one claim at a time; its loser finds the buffer full
	mu       sync.Mutex
	buffer   []*claim // claimed, not started
	stopping bool
	over     bool
}

// claim is a job that a worker holds.
type claim struct {
	key         queue.Key
	eventID     int64
	deliveryID  int64 // replay of one delivery; 0: the event's own
	maxAttempts int
	handler     *handler
	endpoint    *endpointState
	since       time.Time // of the lease
	avoid       uint64    // not to be started while this home holds the writer
	alone       bool      // its commit is not shared: a shared one has failed
	ahead       *readAhead
}

// workerOptions checks options and fills in what was left out.
func (e *engine) workerOptions(o WorkerOptions) (WorkerOptions, error) {
	orDefault(&o.Concurrency, 1)
	orDefault(&o.LeaseSeconds, 60)
	orDefault(&o.StopTimeoutSeconds, 30)
	orDefault(&o.HandlerTimeoutSeconds, 900)
	orDefault(&o.HandlerSynchronous, "normal")
	if o.Concurrency < 1 || o.LeaseSeconds < 1 || o.StopTimeoutSeconds < 0 || o.HandlerTimeoutSeconds < 0 {
		return o, fail(CodeInvalidArgument, "concurrency and lease_s must be at least 1, the timeouts above 0")
	}
	if err := oneOf("handler_synchronous", o.HandlerSynchronous, "normal", "full"); err != nil {
		return o, err
	}
	for _, name := range o.Endpoints {
		if _, err := e.endpoint(name); err != nil {
			return o, err
		}
	}
	return o, nil
}

func (w *claimer) init(o WorkerOptions) {
	w.id, w.options, w.lease = workerID(o.WorkerID), o, seconds(o.LeaseSeconds)
	w.pace.Store(int64(claimAhead) / 4)
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
func (w *claimer) ID() string { return w.id }

// Concurrency is how many handlers run at once.
func (w *claimer) Concurrency() int { return w.options.Concurrency }

// Stopping reports whether the worker hands out no more steps.
func (w *claimer) Stopping() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stopping
}

func (w *claimer) usable() error {
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

// timeout is how long the handler of a job may run.
func (w *claimer) timeout(k *claim) time.Duration {
	if k.handler.timeout > 0 {
		return k.handler.timeout
	}
	return seconds(w.options.HandlerTimeoutSeconds)
}

// lookAgain is how soon a job that waits for the writer is tried again.
const lookAgain = 5 * time.Millisecond

// untilDue is how long nothing can become due: the next job's time is known.
func (w *claimer) untilDue(e *engine) time.Duration {
	w.mu.Lock()
	held := len(w.buffer) > 0
	w.mu.Unlock()
	if held {
		return lookAgain
	}
	var due int64
	err := e.read(func(c *sqlite.Conn) (err error) {
		due, err = e.nextDue(c)
		return err
	})
	if err != nil || due == 0 {
		return slowestLook
	}
	left := time.Unix(due, 0).Sub(e.now())
	return min(max(left, 20*time.Millisecond), slowestLook)
}

// pop takes the next claimed job; one that met would_deadlock stays until the
// transaction that it met is over.
func (w *claimer) pop(e *engine) *claim {
	for n, k := range w.buffer {
		if k.avoid == 0 || !e.gate.HeldBy(k.avoid) {
			k.avoid = 0
			w.buffer = append(w.buffer[:n:n], w.buffer[n+1:]...)
			return k
		}
	}
	return nil
}

// hasMore reports whether the next event is at hand.
func (w *claimer) hasMore() bool {
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
func (w *claimer) claimSize() int {
	each := int(claimAhead / max(time.Duration(w.pace.Load()), time.Microsecond))
	return w.options.Concurrency * min(max(each, 1), claimMost)
}

// keepPace remembers how long steps take, the latest ones most.
func (w *claimer) keepPace(took time.Duration) {
	old := w.pace.Load()
	w.pace.Store(old + (int64(took)-old)/8)
}

// claim fills the buffer. It first looks without the writer: most wake-ups
// concern somebody else.
func (w *claimer) claim(ctx context.Context, e *engine) (bool, error) {
	var due int64
	err := e.read(func(c *sqlite.Conn) (err error) {
		due, err = e.nextDue(c)
		return err
	})
	if err != nil || due == 0 || due > e.now().Unix() {
		return false, err
	}
	var found []*claim
	var at queue.Job // whose event is being settled or admitted
	settled := false
	err = e.transact(ctx, (*engine).handlersConn, func(c *sqlite.Conn) error {
		found, settled, at = nil, false, queue.Job{}
		paused, err := e.takeBack(c)
		if err != nil {
			return err
		}
		where, args := w.endpointFilter()
		claimed, exhausted, err := queue.Claim(c, queue.ClaimParams{Queue: e.options.QueueName, WorkerID: w.id,
			Limit: w.claimSize(), Lease: w.lease, Now: e.now(), Where: where, WhereArgs: args})
		if err != nil {
			return err
		}
		for _, j := range exhausted {
			settled, at = true, j
			if err := e.eventDied(c, payloadOf(j.Payload).event, j.Attempts); err != nil {
				return err
			}
		}
		events, err := readClaimed(c, claimed)
		if err != nil {
			return err
		}
		for n, j := range claimed {
			at = j
			k, err := w.admit(e, c, j, events[n], paused)
			if err != nil {
				return err
			}
			if k == nil {
				settled = true
				continue
			}
			found = append(found, k)
		}
		at = queue.Job{}
		return nil
	})
	if err != nil && at.ID != 0 && isolated(err) {
		return w.setAside(ctx, e, at, err)
	}
	if err != nil {
		return false, err
	}
	if len(found) > 0 {
		e.counters.claimed.Add(int64(len(found)))
		e.tell(HookEvent{Kind: HookClaimed, Count: len(found)})
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.buffer = append(w.buffer, found...)
	return len(found) > 0 || settled, nil
}

// asideFor is how long a job whose event can't be settled stays out of the way.
const asideFor = time.Minute

// setAside puts a job off whose event can't be settled, because a trigger of the
// application refuses that: its neighbours must not wait for it.
func (w *claimer) setAside(ctx context.Context, e *engine, j queue.Job, cause error) (bool, error) {
	err := e.transact(ctx, (*engine).handlersConn, func(c *sqlite.Conn) error { return queue.Postpone(c, j.ID, e.now().Add(asideFor)) })
	if err != nil {
		return false, cause
	}
	e.tell(HookEvent{Kind: HookFailed, EventID: payloadOf(j.Payload).event, Code: string(CodeOf(cause))})
	return true, nil
}

// endpointFilter keeps a worker that serves some endpoints from the others' jobs.
func (w *claimer) endpointFilter() (string, []any) {
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
