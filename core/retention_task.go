package core

import (
	"context"
	"sync"
	"time"

	"github.com/knocker-dev/knocker/core/sqlite"
)

// Bounds of the automation's waits.
const (
	retryRetention = 5 * time.Second        // after an error
	settableLook   = 10 * time.Millisecond  // a clock that tests set tells nobody that it moved
	leaveWithin    = 200 * time.Millisecond // for the writer, and for other processes, to give the lease up
	jitterPart     = 10                     // a tenth of the interval
)

// retention is the automation of an engine: at most one task at a time.
type retention struct {
	control sync.Mutex // one begins or ends a task at a time
	mu      sync.Mutex
	task    *retentionTask
	failed  *RetentionError
}

// retentionTask is one run of the automation, from start to stop.
type retentionTask struct {
	e      *engine
	id     string
	policy RetentionPolicy
	cancel context.CancelFunc
	done   chan struct{}
	leads  bool  // as of the last look; under retention.mu
	due    int64 // Unix seconds of the next pass, chosen once a pass
	after  int64 // the pass that due follows
}

// RetentionError is what last went wrong in the automation of this process.
type RetentionError struct {
	At      int64 // Unix seconds
	Code    Code
	Message string
}

// RetentionState says what the automation does.
type RetentionState struct {
	Running    bool            // in this process
	Leader     bool            // this process leads
	LeaderID   string          // host:pid:random of the leader of the file; empty: none
	LeaseUntil int64           // Unix seconds; 0: no leader
	LastPass   *PruneAudit     // of any process; nil: none, or pruned
	LastError  *RetentionError // of this process since it started; nil: none
}

// RetentionState reads who leads and what the last pass did.
func (i *Inbox) RetentionState(_ context.Context) (out RetentionState, err error) {
	if err := i.usable(); err != nil {
		return out, err
	}
	r := &i.e.retention
	r.mu.Lock()
	id := ""
	if r.task != nil {
		out.Running, id = true, r.task.id
	}
	out.LastError = r.failed
	r.mu.Unlock()
	err = i.e.snapshot(func(c *sqlite.Conn) error {
		l, err := readLease(c)
		if err != nil {
			return err
		}
		if !l.free(i.e.now()) {
			out.LeaderID, out.LeaseUntil, out.Leader = l.holder, l.until, l.holder == id
		}
		rows, err := c.Query(selectAudit+" WHERE id = ? AND kind = ?", l.audit, AuditRetention)
		if err == nil && rows.Next() {
			audit := scanAudit(rows)
			out.LastPass = &audit
		}
		return err
	})
	return out, err
}

// begin starts a task, in place of one that runs if replace is set.
func (r *retention) begin(e *engine, p RetentionPolicy, replace bool) (*retentionTask, error) {
	r.control.Lock()
	defer r.control.Unlock()
	r.mu.Lock()
	running := r.task
	r.mu.Unlock()
	id := workerID("")
	if running != nil {
		if !replace {
			return nil, fail(CodeInvalidState, "the retention of this file already runs in this process: stop it first")
		}
		id = running.id // it may lead, and goes on leading
		running.stop()
	}
	ctx, cancel := context.WithCancel(context.Background())
	task := &retentionTask{e: e, id: id, policy: p, cancel: cancel, done: make(chan struct{})}
	r.mu.Lock()
	r.task, r.failed = task, nil
	r.mu.Unlock()
	if !e.background("retention", func() { task.run(ctx) }) {
		cancel()
		return nil, fail(CodeClosed, "")
	}
	return task, nil
}

// end stops the given task, or whichever runs, and gives its lease up.
func (r *retention) end(task *retentionTask) bool {
	r.control.Lock()
	defer r.control.Unlock()
	r.mu.Lock()
	running := r.task
	if running == nil || task != nil && running != task {
		r.mu.Unlock()
		return false
	}
	r.task = nil
	r.mu.Unlock()
	running.stop()
	running.leave()
	return true
}

// stop waits for the end of the task, which keeps its lease.
func (t *retentionTask) stop() {
	t.cancel()
	<-t.done
}

// leave lets another process lead at once. Where that can't be written soon,
// the lease ends by itself.
func (t *retentionTask) leave() {
	if t.e.gate.Wait(context.Background(), sqlite.NewWaiter(sqlite.Transactions, 0, 0), leaveWithin) != nil {
		return
	}
	defer t.e.gate.Release()
	_ = t.e.transaction(t.e.handlers, leaveWithin, func(c *sqlite.Conn) error { return dropLease(c, t.id) })
}

func (t *retentionTask) run(ctx context.Context) {
	defer close(t.done)
	for {
		wait, err := t.turn(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			t.tellError(err)
			wait = retryRetention
		}
		if !t.sleep(ctx, wait) {
			return
		}
	}
}

// turn does what is to be done now, and answers how long that can wait again.
func (t *retentionTask) turn(ctx context.Context) (time.Duration, error) {
	l, leads, err := t.lead(ctx)
	t.tellLeader(leads && err == nil)
	if err != nil {
		return 0, err
	}
	now := t.e.now()
	if !leads {
		return time.Unix(l.until, 0).Sub(now), nil
	}
	due := t.nextPass(l.last)
	if !due.After(now) {
		if err := t.pass(ctx, now); err != nil {
			return 0, err
		}
		return 0, nil
	}
	return min(due.Sub(now), t.policy.Lease/3), nil
}

// nextPass is chosen once for each pass that was made, so that many files of
// one machine do not all begin at the same moment for ever.
func (t *retentionTask) nextPass(last int64) time.Time {
	if last == 0 {
		return time.Time{}
	}
	if t.after != last {
		jitter := time.Duration(t.e.options.Source.Random() % uint64(t.policy.Interval/jitterPart+1))
		t.after, t.due = last, ceilSeconds(time.Unix(last, 0).Add(t.policy.Interval+jitter))
	}
	return time.Unix(t.due, 0)
}

func (t *retentionTask) pass(ctx context.Context, start time.Time) error {
	p := newRetentionPass(t.e, t.policy, t.hold)
	begun := time.Now()
	err := p.all(ctx)
	if p.audit != 0 {
		err = firstError(err, t.note(ctx, p, start, err == nil))
	}
	if err == nil {
		t.e.tell(HookEvent{Kind: HookRetentionPass, Count: int(p.total.rows()), Duration: time.Since(begun)})
	}
	return err
}

// note records the pass; one that was cut short is not the last one.
func (t *retentionTask) note(ctx context.Context, p *retentionPass, start time.Time, whole bool) error {
	return t.e.transact(ctx, (*engine).handlersConn, func(c *sqlite.Conn) error {
		if err := t.hold(c); err != nil {
			return err
		}
		if whole {
			if err := setMeta(c, metaLast, start.Unix()); err != nil {
				return err
			}
		}
		if _, err := t.e.audit(c, p.audit, AuditRetention, p.total.PruneResult, p.summary(&p.total)); err != nil {
			return err
		}
		return setMeta(c, metaAudit, p.audit)
	})
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *retentionTask) tellLeader(leads bool) {
	r := &t.e.retention
	r.mu.Lock()
	became := leads && !t.leads
	t.leads = leads
	r.mu.Unlock()
	if became {
		t.e.tell(HookEvent{Kind: HookRetentionLeader})
	}
}

func (t *retentionTask) tellError(err error) {
	e := AsError(err)
	r := &t.e.retention
	r.mu.Lock()
	r.failed = &RetentionError{At: t.e.now().Unix(), Code: e.Code, Message: e.Message}
	r.mu.Unlock()
	t.e.tell(HookEvent{Kind: HookRetentionFailed, Code: string(e.Code)})
}

// sleep waits by the engine's clock; false: the task is to end.
func (t *retentionTask) sleep(ctx context.Context, d time.Duration) bool {
	until := t.e.now().Add(d)
	for {
		left := until.Sub(t.e.now())
		if left <= 0 {
			return ctx.Err() == nil
		}
		if t.e.options.Source.settable {
			left = min(left, settableLook)
		}
		timer := time.NewTimer(left)
		select {
		case <-timer.C:
		case <-ctx.Done():
		case <-t.e.closing:
		}
		timer.Stop()
		if ctx.Err() != nil || t.e.usable() != nil {
			return false
		}
	}
}
