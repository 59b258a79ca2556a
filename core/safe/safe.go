// Package safe keeps panics inside the library: every goroutine that the
// library starts and every call that a foreign runtime makes goes through it.
package safe

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"
)

// PanicError is a panic turned into an error.
type PanicError struct {
	Where string
	Value any
	Stack []byte
}

func (p *PanicError) Error() string { return fmt.Sprintf("panic in %s: %v", p.Where, p.Value) }

var handler atomic.Pointer[func(*PanicError)]

// SetPanicHandler sets what is told of every recovered panic. The C library
// poisons itself there; a Go program needs none.
func SetPanicHandler(h func(*PanicError)) { handler.Store(&h) }

// Go runs f in a goroutine. A panic in f is recovered, reported to the panic
// handler and then to each of failed.
func Go(where string, f func(), failed ...func(*PanicError)) {
	go func() {
		if p := Call(where, f); p != nil {
			for _, g := range failed {
				g(p)
			}
		}
	}()
}

// Call runs f and returns its panic, or nil.
func Call(where string, f func()) (p *PanicError) {
	defer func() {
		if v := recover(); v != nil {
			p = &PanicError{Where: where, Value: v, Stack: debug.Stack()}
			if h := handler.Load(); h != nil {
				(*h)(p)
			}
		}
	}()
	f()
	return nil
}

// AfterFunc is time.AfterFunc whose function is called as Call does.
func AfterFunc(where string, d time.Duration, f func()) *time.Timer {
	return time.AfterFunc(d, func() { Call(where, f) })
}

// AfterDone is context.AfterFunc whose function is called as Call does.
func AfterDone(ctx context.Context, where string, f func()) (stop func() bool) {
	return context.AfterFunc(ctx, func() { Call(where, f) })
}
