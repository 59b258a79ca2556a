package core

import (
	"sync"
	"time"

	"github.com/knocker-dev/knocker/core/sqlite"
)

// How often the file is asked for commits of other processes: often while
// something happens, seldom while nothing does.
const (
	pollBusy      = 5 * time.Millisecond
	pollIdle      = 50 * time.Millisecond
	busyFor       = time.Second
	slowestLook   = time.Second // safety: look for due jobs at least this often
	checkpointAt  = 1000        // WAL frames
	restartAt     = 16384       // 64 MiB of 4 KiB frames: ask readers to let go
	restartWithin = 50 * time.Millisecond
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
}

func newWake(e *engine) *wake { return &wake{e: e, changed: make(chan struct{})} }

// broadcast wakes all who wait.
func (w *wake) broadcast() {
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

func (w *wake) poll() {
	c, err := w.e.openReader()
	if err != nil {
		w.mu.Lock()
		w.polling = false
		w.mu.Unlock()
		return
	}
	defer c.Close()
	last, lastChange, idleSince := int64(-1), time.Now(), time.Now()
	for {
		pause := pollIdle
		if time.Since(lastChange) < busyFor {
			pause = pollBusy
		}
		select {
		case <-w.e.closing:
			return
		case <-time.After(pause):
		}
		version, err := dataVersion(c)
		if err == nil && version != last {
			last, lastChange = version, time.Now()
			w.broadcast()
		}
		// A worker between two waits is not gone: stop only after a while.
		w.mu.Lock()
		if w.waiting > 0 {
			idleSince = time.Now()
		}
		w.mu.Unlock()
		if time.Since(idleSince) > busyFor && w.stopPolling() {
			return
		}
	}
}

func dataVersion(c *sqlite.Conn) (int64, error) {
	rows, err := c.Query("PRAGMA main.data_version")
	if err != nil || !rows.Next() {
		return 0, err
	}
	return rows.Int(0), nil
}

// checkpointLoop copies the WAL back on a connection of its own, so that no
// receipt waits for it. It runs after commits, when enough has been written.
func (e *engine) checkpointLoop() {
	var c *sqlite.Conn
	defer func() {
		if c != nil {
			c.Close()
		}
	}()
	for {
		select {
		case <-e.closing:
			return
		case <-e.checkpoints:
		}
		if c == nil {
			if c = e.openCheckpointer(); c == nil {
				return
			}
		}
		e.checkpoint(c)
		select { // commits that come meanwhile share the next one
		case <-e.closing:
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (e *engine) openCheckpointer() *sqlite.Conn {
	c, err := e.open()
	if err != nil {
		return nil
	}
	_ = c.Script("PRAGMA checkpoint_fullfsync = 1; PRAGMA main.synchronous = FULL")
	return c
}

func (e *engine) checkpoint(c *sqlite.Conn) {
	c.SetBusyTimeout(0)
	frames, copied, err := c.Checkpoint(sqlite.CheckpointPassive)
	if err == nil && frames > restartAt && copied == frames {
		c.SetBusyTimeout(restartWithin)
		_, _, _ = c.Checkpoint(sqlite.CheckpointRestart)
	}
}
