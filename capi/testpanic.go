//go:build knocker_testpanic

package main

import (
	"sync/atomic"
	"time"

	"github.com/knocker-dev/knocker/capi/abi"
	"github.com/knocker-dev/knocker/core"
	"github.com/knocker-dev/knocker/core/extension"
	"github.com/knocker-dev/knocker/core/safe"
	"github.com/knocker-dev/knocker/core/sqlite"
)

// A build of its own that panics on demand, to prove through the real library
// that a panic never leaves it.
func init() {
	m := of("test_panic", testPanic)
	methods[m.name] = m
	readClock = func(c *clock) time.Time {
		if clockReadings.Add(-1) == 0 {
			panic("on purpose")
		}
		return c.now()
	}
}

// The SQL function knocker_test_panic(event_id) replays an event and panics in
// the middle of it, when its job is gone and no other is queued.
func init() {
	extension.Add(extension.Function{Name: "knocker_test_panic", Least: 1, Most: 1, Writes: true, Prepare: func(a *extension.Arguments) extension.Call {
		event := a.Integer("event_id")
		return func(c *sqlite.Conn) (any, error) {
			h, err := core.OnConnection(c)
			if err == nil {
				err = h.Attach(core.Options{Source: core.Source{Now: func() time.Time { panic("on purpose") }}}, "")
			}
			if err == nil {
				err = h.Replay(background(), event)
			}
			return int64(1), err
		}
	}})
}

// clockReadings counts down to the panic.
var clockReadings atomic.Int64

type testPanicRequest struct {
	Where string `json:"where" required:"true"`
	// After is how many readings of the clock go well first, for "clock": the
	// engine reads it in the middle of its work, also inside transactions.
	After int64 `json:"after"`
}

func testPanic(_ *inbox, r *testPanicRequest) (any, error) {
	switch r.Where {
	case "goroutine":
		safe.Go("test_panic goroutine", func() { panic("on purpose") })
		return abi.Nothing{}, nil
	case "clock":
		clockReadings.Store(r.After + 1)
		return abi.Nothing{}, nil
	}
	panic("on purpose")
}
