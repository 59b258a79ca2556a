//go:build knocker_testpanic

package main

import (
	"sync/atomic"
	"time"

	"github.com/knocker-dev/knocker/capi/abi"
	"github.com/knocker-dev/knocker/core/safe"
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
