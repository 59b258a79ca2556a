package main

import (
	"math"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/knocker-dev/knocker/capi/abi"
	"github.com/knocker-dev/knocker/core"
)

// clock is a settable clock, for tests. Inboxes on the same file share one
// engine, so they have to share the clock too.
type clock struct {
	nanoseconds atomic.Int64
	path        string
	users       int // guarded by clocks.mu
}

var clocks struct {
	mu   sync.Mutex
	open []*clock
}

// readClock is what the engine asks for the time; the build that panics on
// purpose puts its own in front.
var readClock = (*clock).now

func (c *clock) now() time.Time { return time.Unix(0, c.nanoseconds.Load()) }

func (c *clock) set(seconds float64) {
	whole, fraction := math.Modf(seconds)
	c.nanoseconds.Store(int64(whole)*int64(time.Second) + int64(math.Round(fraction*1e9)))
}

// clockFor returns the clock that an open asks for, set to its time. Opens
// with a clock take turns; done ends the turn, with the core's name of the file
// or "" when opening has failed.
func clockFor(path string, asked *abi.Clock) (c *clock, done func(opened string)) {
	if asked == nil {
		return nil, func(string) {}
	}
	clocks.mu.Lock()
	c = sharedClock(path)
	before := c.nanoseconds.Load()
	c.set(asked.NowS)
	c.users++
	return c, func(opened string) {
		if opened == "" {
			c.nanoseconds.Store(before)
			c.drop()
		} else {
			c.path = opened
		}
		clocks.mu.Unlock()
	}
}

// sharedClock returns the clock of the inbox that has the file open, or a new
// one. clocks.mu is held.
func sharedClock(path string) *clock {
	if file, err := os.Stat(path); err == nil {
		for _, c := range clocks.open {
			if other, err := os.Stat(c.path); err == nil && os.SameFile(file, other) {
				return c
			}
		}
	}
	c := &clock{path: path}
	clocks.open = append(clocks.open, c)
	return c
}

// leave gives the clock up; a nil clock is nobody's.
func (c *clock) leave() {
	if c == nil {
		return
	}
	clocks.mu.Lock()
	defer clocks.mu.Unlock()
	c.drop()
}

// drop forgets the clock with its last user. clocks.mu is held.
func (c *clock) drop() {
	c.users--
	if c.users > 0 {
		return
	}
	for i, other := range clocks.open {
		if other == c {
			clocks.open = append(clocks.open[:i], clocks.open[i+1:]...)
			return
		}
	}
}

func setClock(i *inbox, request *abi.Clock) (*abi.Clock, error) {
	if i.clock == nil {
		return nil, failure(core.CodeInvalidState, `The inbox runs on the real clock. Open it with the option "clock" to set its time.`)
	}
	i.clock.set(request.NowS)
	return request, nil
}
