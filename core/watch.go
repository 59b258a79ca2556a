package core

import (
	"errors"
	"time"

	"github.com/knocker-dev/knocker/core/sqlite/filelock"
)

// watchInterval is how often a file with classic locks is looked at.
const watchInterval = time.Second

// watchFile refuses everything as soon as another copy of SQLite in this
// process has come to a file where the locks of the two don't exclude each
// other. Most systems need no watch: see docs/two-sqlites.md.
func (e *engine) watchFile() {
	if e.file == nil || e.file.Mode != filelock.Classic {
		return
	}
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	for {
		select {
		case <-e.closing:
			return
		case <-ticker.C:
		}
		if err := e.file.Check(); err != nil {
			var found *Error
			errors.As(fromFileLock(err), &found)
			e.refuse(found)
			return
		}
	}
}

// refuse makes the engine answer err to every call from now on.
func (e *engine) refuse(err *Error) {
	e.broken.CompareAndSwap(nil, err)
	e.gate.Close(err)
	e.wake.broadcast()
}
