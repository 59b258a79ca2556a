package main

/*
#include "intake.h"
#include <stdlib.h>
*/
import "C"

import (
	"sync"
	"time"
	"unsafe"

	"github.com/knocker-dev/knocker/core"
	"github.com/knocker-dev/knocker/core/safe"
)

// guardedReceives takes in the requests of several threads, each of which waits
// in C for its answer: that costs no goroutine and none of Go's processors. All
// are verified before the first is stored, so that one commit finds them all.
func guardedReceives(calls []*C.knocker_receive_call) {
	verified := make([]*core.Verified, len(calls))
	for n, call := range calls {
		reply := guarded("receive", func(out []byte) (_ []byte, err error) {
			verified[n], err = verify(uint64(call.db), input{call.request, uint64(call.request_length)},
				input{call.body, uint64(call.body_length)}, time.Duration(call.waited_ns))
			return out, err
		})
		if verified[n] == nil {
			C.knocker_answer(call, reply)
		} else {
			C.free(unsafe.Pointer(reply))
		}
	}
	for n, v := range verified {
		if v == nil {
			continue
		}
		answer := answerTo(calls[n])
		if p := safe.Call("receive", func() { v.Store(len(calls) == 1, answer) }); p != nil {
			answer(core.Result{}, nil) // which says "internal" from now on
		}
	}
}

// answerTo gives the reply of a receipt to the thread that waits for it, once:
// the thread is gone with its first answer.
func answerTo(call *C.knocker_receive_call) func(core.Result, error) {
	var once sync.Once
	return func(r core.Result, err error) {
		once.Do(func() {
			C.knocker_answer(call, guarded("receive", func(out []byte) ([]byte, error) {
				if err != nil {
					return nil, err
				}
				return appendResult(out, &r), nil
			}))
		})
	}
}
