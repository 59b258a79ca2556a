package core

import (
	"context"
	"time"

	"github.com/knocker-dev/knocker/core/queue"
	"github.com/knocker-dev/knocker/core/sqlite"
)

// Stop hands out no more steps, wakes all waits, gives back what never started,
// and lets running steps end until the deadline (0: stop_timeout_s). Then it
// rolls back the rest and reports them.
func (w *Worker) Stop(ctx context.Context, deadline time.Duration) (StopReport, error) {
	if deadline <= 0 {
		deadline = seconds(w.options.StopTimeoutSeconds)
	}
	w.mu.Lock()
	w.stopping = true
	w.mu.Unlock()
	w.e.wake.broadcast()
	report := StopReport{RolledBack: []int64{}}
	timer := time.NewTimer(deadline)
	defer timer.Stop()
	// Early, so that other workers need not wait for a long handler; a handler
	// that holds the writer now must not hold up the stop, so there is a second
	// try after it.
	early, cancel := context.WithTimeout(ctx, min(deadline/2, time.Second))
	report.GivenBack, _ = w.giveBack(early, w.e, nil)
	cancel()
	w.awaitSteps(ctx, timer.C)
	cut := w.cutOff(CodeStopped)
	for _, s := range cut {
		report.RolledBack = append(report.RolledBack, s.claim.eventID)
	}
	given, err := w.giveBack(context.WithoutCancel(ctx), w.e, claimsOf(cut))
	report.GivenBack += given
	return report, err
}

func (w *Worker) awaitSteps(ctx context.Context, deadline <-chan time.Time) {
	for {
		free := w.freed()
		if w.running() == 0 {
			return
		}
		select {
		case <-free:
		case <-deadline:
			return
		case <-ctx.Done():
			return
		}
	}
}

// cutOff makes all running steps stale and returns those that it ended.
func (w *Worker) cutOff(reason Code) (cut []*Step) {
	w.mu.Lock()
	running := make([]*Step, 0, len(w.steps))
	for s := range w.steps {
		running = append(running, s)
	}
	w.mu.Unlock()
	// One that waits for the writer gives up; then the one that has it is ended
	// before those that wait for it while they finish.
	for _, s := range running {
		s.closeOver()
	}
	var later []*Step
	for _, s := range running {
		if !s.mu.TryLock() {
			later = append(later, s)
			continue
		}
		if s.endLocked(reason) {
			cut = append(cut, s)
		}
		s.mu.Unlock()
	}
	for _, s := range later {
		if s.end(reason) {
			cut = append(cut, s)
		}
	}
	return cut
}

func (w *Worker) running() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.steps)
}

// giveBack returns unstarted jobs and those of steps that were cut off; no
// attempt counts. It reports how many had never started. What could not be
// returned is kept for another try, or comes back when its lease ends.
func (w *claimer) giveBack(ctx context.Context, e *engine, cut []*claim) (int, error) {
	w.mu.Lock()
	waiting := w.buffer
	w.buffer = nil
	w.mu.Unlock()
	if len(waiting)+len(cut) == 0 {
		return 0, nil
	}
	given := 0
	err := e.transact(ctx, (*engine).handlersConn, func(c *sqlite.Conn) error {
		given = 0
		for _, k := range waiting {
			ok, err := queue.GiveBack(c, k.key, time.Time{})
			if err != nil {
				return err
			} else if ok {
				given++
			}
		}
		for _, k := range cut {
			if _, err := queue.GiveBack(c, k.key, time.Time{}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		w.mu.Lock()
		w.buffer = append(waiting, w.buffer...)
		w.mu.Unlock()
	}
	return given, err
}

func claimsOf(steps []*Step) []*claim {
	list := make([]*claim, len(steps))
	for n, s := range steps {
		list[n] = s.claim
	}
	return list
}

// Close gives back what the worker holds and closes it; running steps are
// rolled back.
func (w *Worker) Close() error {
	w.mu.Lock()
	if w.over {
		w.mu.Unlock()
		return fail(CodeClosed, "the worker is closed")
	}
	w.stopping, w.over = true, true
	w.mu.Unlock()
	_, err := w.giveBack(context.Background(), w.e, claimsOf(w.cutOff(CodeStopped)))
	close(w.closed)
	w.e.mu.Lock()
	delete(w.e.workers, w)
	w.e.mu.Unlock()
	w.e.wake.broadcast()
	if CodeOf(err) == CodeClosed {
		err = nil
	}
	return err
}

// Release is Close for finalizers: it does not wait.
func (w *Worker) Release() { releaseLater(func() { _ = w.Close() }) }

// abandon is Close while the engine goes down: nothing can be written any more,
// so jobs come back when their leases end.
func (w *Worker) abandon() {
	w.mu.Lock()
	already := w.over
	w.stopping, w.over, w.buffer = true, true, nil
	w.mu.Unlock()
	w.cutOff(CodeClosed)
	if !already {
		close(w.closed)
	}
}
