//go:build knocker_testpanic

package main

import (
	"github.com/knocker-dev/knocker/capi/abi"
	"github.com/knocker-dev/knocker/core/safe"
)

// A build of its own that panics on demand, to prove through the real library
// that a panic never leaves it.
func init() {
	m := of("test_panic", testPanic)
	methods[m.name] = m
}

type testPanicRequest struct {
	Where string `json:"where" required:"true"`
}

func testPanic(_ *inbox, r *testPanicRequest) (any, error) {
	if r.Where == "goroutine" {
		safe.Go("test_panic goroutine", func() { panic("on purpose") })
		return abi.Nothing{}, nil
	}
	panic("on purpose")
}
