package core

import (
	"sync"
	"time"

	"github.com/knocker-dev/knocker/core/safe"
)

// Bounds of a commit that handled events share. A commit costs more than a
// small event's writes, so the next event of a quick handler joins the open
// transaction, each in a savepoint of its own. Receipts never join: the
// transaction gives way to the first that waits.
const (
	maxShared    = 64
	maxSharedAge = 5 * time.Millisecond
	maxParked    = 2 * time.Millisecond // nobody runs in it
)

// sharing is the transaction on the handlers' connection that may serve more
// than one event. Members are those that are handled but not yet committed.
type sharing struct {
	members []*Step // under the gate
	since   time.Time

	mu       sync.Mutex
	parked   bool // open, the gate is held, and no step runs in it
	parkedAt time.Time
	timed    bool // parkedTooLong will run
}

// unpark takes over a parked transaction for a step.
func (e *engine) unpark() bool {
	s := &e.share
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.parked {
		return false
	}
	s.parked = false
	return true
}

// park leaves the transaction open for the next event of the same slot, which
// is about to come.
func (e *engine) park() {
	e.gate.Adopt(0)
	s := &e.share
	s.mu.Lock()
	s.parked, s.parkedAt = true, time.Now()
	// One timer for many events: each that is set wakes a sleeping thread.
	if !s.timed {
		s.timed = true
		safe.AfterFunc("shared commit", maxParked, e.parkedTooLong)
	}
	s.mu.Unlock()
	if e.gate.Contended() {
		e.flush()
	}
}

// parkedTooLong commits if the event that was about to come has not.
func (e *engine) parkedTooLong() {
	s := &e.share
	s.mu.Lock()
	left := maxParked - time.Since(s.parkedAt)
	s.timed = s.parked && left > 0
	if s.timed {
		safe.AfterFunc("shared commit", left, e.parkedTooLong)
	}
	over := s.parked && left <= 0
	s.mu.Unlock()
	if over {
		e.flush()
	}
}

// flush commits a parked transaction and gives the writer up. The gate calls it
// when somebody begins to wait.
func (e *engine) flush() {
	if e.unpark() {
		_ = e.commitShared()
		e.gate.Release()
	}
}

// mayShare reports whether the transaction may stay open after a member's end.
func (e *engine) mayShare() bool {
	s := &e.share
	return len(s.members) < maxShared && time.Since(s.since) < maxSharedAge
}

// commitShared commits the members. If that fails they run again, one by one:
// their jobs are still claimed, and nothing of them is in the file.
func (e *engine) commitShared() error {
	c := e.handlers
	if _, err := c.Exec("COMMIT"); err != nil {
		rollback(c)
		e.loseShared()
		return err
	}
	members := e.share.members
	e.share.members = nil
	for _, m := range members {
		m.committed()
	}
	return nil
}

// loseShared gives the members back whose transaction is gone.
func (e *engine) loseShared() {
	members := e.share.members
	e.share.members = nil
	for _, m := range members {
		m.claim.alone = true
		m.w.runAgain(m.claim, 0)
	}
}
