package core

import (
	"context"
	"time"

	"github.com/knocker-dev/knocker/core/sqlite"
)

// When the WAL is copied back, in frames of a page each. Later copies a page
// that was written ten times once; but every read looks through the whole WAL,
// and a synced write that makes its file longer costs far more than one into a
// WAL that has started over (measured: one caller at a third of the rate).
const (
	checkpointAt   = 1024 // 8 MiB of 8 KiB pages: copy on the background connection
	finishAt       = 1536 // hold the writer for a moment, so that the WAL starts over
	restartAt      = 8192 // 64 MiB: also wait for readers, within a bound
	restartWithin  = 50 * time.Millisecond
	helpAt         = 32768 // 256 MiB: the next commit waits for the copying
	copyPasses     = 4     // before the writer is held
	fewFramesLeft  = 256   // that are copied while it is
	checkpointRest = 20 * time.Millisecond
)

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
				continue
			}
		}
		e.checkpoint(c)
		select { // commits that come meanwhile share the next one
		case <-e.closing:
			return
		case <-time.After(checkpointRest):
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

// checkpoint copies what is there, again while commits add to it. A WAL starts
// over only when a write finds all of it copied, which under steady load never
// happens by itself: then the last frames are copied while the writer is held.
func (e *engine) checkpoint(c *sqlite.Conn) {
	c.SetBusyTimeout(0)
	frames, copied := 0, 0
	for range copyPasses {
		var err error
		if frames, copied, err = c.Checkpoint(sqlite.CheckpointPassive); err != nil {
			return
		}
		if frames-copied < fewFramesLeft {
			break
		}
	}
	if frames < finishAt {
		return
	}
	w := sqlite.NewWaiter(sqlite.Transactions, 0, 0)
	if e.gate.Wait(context.Background(), w, e.options.BusyTimeout) != nil {
		return
	}
	defer e.gate.Release()
	if frames < restartAt {
		_, _, _ = c.Checkpoint(sqlite.CheckpointPassive)
		return
	}
	c.SetBusyTimeout(restartWithin)
	_, _, _ = c.Checkpoint(sqlite.CheckpointRestart)
}

// committed is called after each commit of ours, while the writer is held.
func (e *engine) committed(c *sqlite.Conn) {
	frames := c.WALFrames()
	if frames < checkpointAt {
		return
	}
	select {
	case e.checkpoints <- struct{}{}:
	default:
	}
	if frames >= helpAt {
		c.SetBusyTimeout(restartWithin)
		_, _, _ = c.Checkpoint(sqlite.CheckpointPassive)
	}
}
