package core

import (
	"sync"
	"time"

	"github.com/knocker-dev/knocker/core/sqlite"
)

// How often the file is asked for commits of other processes: often while
// something happens, seldom while nothing does.
const (
	pollBusy    = 5 * time.Millisecond
	pollIdle    = 50 * time.Millisecond
	pollSafety  = 500 * time.Millisecond // beside notifications
	busyFor     = time.Second
	slowestLook = time.Second // safety: look for due jobs at least this often
)

// The looks after a notification, ended by the first change. Each pause is a
// fraction of the time that has passed, so that a slow disk's commit is not
// found much later than it took; a change that doesn't come is left to the poll.
const (
	firstLook = 50 * time.Microsecond
	lookEvery = 10 // pause: the time since the notification through this
	slowLook  = 1 * time.Millisecond
	lookFor   = 100 * time.Millisecond
)

// wake tells waiting workers that there may be something to do: at once for
// commits of this process, by PRAGMA data_version for those of others. Nothing
// runs while nobody waits.
type wake struct {
	e       *engine
	mu      sync.Mutex
	changed chan struct{}
	waiting int
	polling bool
	resting int           // callers that wait and have nothing else to look at
	missed  time.Time     // of the last notification while nobody rested
	look    chan struct{} // asks the poller to look after a missed notification
}

func newWake(e *engine) *wake {
	return &wake{e: e, changed: make(chan struct{}), look: make(chan struct{}, 1)}
}

// rest says that a caller is about to wait for nothing but a wake-up. Meanwhile
// notifications count; while everybody is busy they mostly tell of our own
// commits, and the next look for work finds what they were about.
func (w *wake) rest() (done func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.resting++
	if time.Since(w.missed) < lookFor {
		select {
		case w.look <- struct{}{}:
		default:
		}
	}
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.resting--
	}
}

// miss reports whether a notification concerns nobody now.
func (w *wake) miss() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.resting > 0 {
		return false
	}
	w.missed = time.Now()
	return true
}

// broadcast wakes all who wait. On a host's connection nobody does.
func (w *wake) broadcast() {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.changed)
	w.changed = make(chan struct{})
}

// signal returns a channel that the next broadcast closes. Take it before
// looking for work, or a broadcast between the two is lost.
func (w *wake) signal() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.changed
}

// watch keeps the poller running until the returned function is called.
func (w *wake) watch() (done func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting++
	if !w.polling {
		w.polling = true
		w.e.background("poll", w.poll)
	}
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.waiting--
	}
}

func (w *wake) stopPolling() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.waiting > 0 {
		return false
	}
	w.polling = false
	return true
}

// poller looks at the file while workers wait.
type poller struct {
	w     *wake
	c     *sqlite.Conn
	watch *sqlite.Watch // nil: this volume can't be watched
	last  int64
	moved time.Time // of the last change
}

// newWatch is a variable for the tests: where notifications can't be had.
var newWatch = sqlite.NewWatch

func (w *wake) poll() {
	c, err := w.e.openReader()
	if err != nil {
		w.mu.Lock()
		w.polling = false
		w.mu.Unlock()
		return
	}
	defer c.Close()
	p := &poller{w: w, c: c, last: -1, moved: time.Now()}
	if p.watch, err = newWatch(w.e.path); err == nil {
		defer p.watch.Close()
		w.e.background("watch", p.watch.Run)
	} else {
		w.e.noWatch()
	}
	p.run()
}

func (p *poller) run() {
	needed := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	var notified <-chan struct{}
	if p.watch != nil {
		notified = p.watch.C
	}
	for {
		select {
		case <-p.w.e.closing:
			return
		case <-notified:
			if !p.w.miss() {
				p.series(notified)
			}
		case <-p.w.look:
			p.series(notified)
		case <-timer.C:
			p.look()
		}
		timer.Reset(p.pause())
		// A worker between two waits is not gone: stop only after a while.
		p.w.mu.Lock()
		if p.w.waiting > 0 {
			needed = time.Now()
		}
		p.w.mu.Unlock()
		if time.Since(needed) > busyFor && p.w.stopPolling() {
			return
		}
	}
}

// pause is the time to the next look without a notification.
func (p *poller) pause() time.Duration {
	switch {
	case p.watch != nil:
		return pollSafety
	case time.Since(p.moved) < busyFor:
		return pollBusy
	}
	return pollIdle
}

// series looks several times: the notification comes when the WAL is written,
// and the commit is visible only after its fsync. A newer notification begins
// it anew, for the one before may have been of a commit that nobody waits for.
func (p *poller) series(notified <-chan struct{}) {
	for start := time.Now(); time.Since(start) < lookFor; {
		if notifiedWithin(min(max(time.Since(start)/lookEvery, firstLook), slowLook), notified) && !p.w.miss() {
			start = time.Now()
		}
		if p.look() {
			return
		}
	}
}

// notifiedWithin sleeps, but a notification ends all sleeps except the shortest,
// for which Go's timers are too coarse.
func notifiedWithin(d time.Duration, notified <-chan struct{}) bool {
	if d < slowLook/2 {
		sqlite.Nap(d)
		select {
		case <-notified:
			return true
		default:
			return false
		}
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-notified:
		return true
	case <-timer.C:
		return false
	}
}

// look wakes the workers if the file has changed.
func (p *poller) look() bool {
	version, err := dataVersion(p.c)
	if err != nil || version == p.last {
		return false
	}
	p.last, p.moved = version, time.Now()
	p.w.broadcast()
	return true
}

func dataVersion(c *sqlite.Conn) (int64, error) {
	rows, err := c.Query("PRAGMA main.data_version")
	if err != nil || !rows.Next() {
		return 0, err
	}
	return rows.Int(0), nil
}
