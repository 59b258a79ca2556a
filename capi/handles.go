package main

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/knocker-dev/knocker/core"
)

// handles maps the numbers that callers hold to what they stand for. A number
// is never used twice, so a stale one can only be unknown. Numbers stay below
// 2^53: 300 years at a million a second.
var handles struct {
	byNumber sync.Map // uint64 -> *inbox, *worker or *step
	last     atomic.Uint64
}

func newHandle() uint64 { return handles.last.Add(1) }

func publish(number uint64, thing any) { handles.byNumber.Store(number, thing) }

// take removes a handle; false when somebody else already has.
func take(number uint64) (any, bool) { return handles.byNumber.LoadAndDelete(number) }

// takeIf removes a handle if it stands for a T.
func takeIf[T any](number uint64) (T, error) {
	thing, err := find[T](number)
	if err == nil && !handles.byNumber.CompareAndDelete(number, any(thing)) {
		err = staleHandle(kindOf(thing), number)
	}
	return thing, err
}

// find returns what a handle stands for.
func find[T any](number uint64) (T, error) {
	thing, ok := handles.byNumber.Load(number)
	if typed, right := thing.(T); right {
		return typed, nil
	}
	var none T
	if !ok {
		return none, staleHandle(kindOf(none), number)
	}
	return none, failure(core.CodeInvalidArgument, "Handle %d is %s, not %s.", number, kindOf(thing), kindOf(none))
}

func staleHandle(kind string, number uint64) error {
	return failure(core.CodeClosed, "Handle %d is not %s that is open.", number, kind)
}

func kindOf(thing any) string {
	switch thing.(type) {
	case *inbox:
		return "an inbox"
	case *worker:
		return "a worker"
	case *step:
		return "a step"
	}
	panic(fmt.Sprintf("no handle is a %T", thing))
}

// release gives a handle up without waiting for anything.
func release(number uint64) {
	thing, ok := take(number)
	if !ok {
		return
	}
	switch t := thing.(type) {
	case *inbox:
		t.release()
	case *worker:
		t.release()
	case *step:
		t.release()
	}
}

// releaseEverything gives all handles up, after a panic.
func releaseEverything() {
	handles.byNumber.Range(func(number, thing any) bool {
		if _, ok := thing.(*inbox); ok {
			release(number.(uint64))
		}
		return true
	})
}
