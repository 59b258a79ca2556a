package main

import "github.com/knocker-dev/knocker/core"

// received is receive for tests, which wait on a channel where callers in C wait
// on their own thread.
func received(out []byte, db uint64, request, body input) ([]byte, error) {
	type outcome struct {
		reply []byte
		err   error
	}
	later := make(chan outcome, 1)
	reply, pending, err := receive(out, db, request, body, func(r *core.Result, err error) {
		if err != nil {
			later <- outcome{nil, err}
			return
		}
		later <- outcome{appendResult(out, r), nil}
	})
	if pending {
		o := <-later
		return o.reply, o.err
	}
	return reply, err
}
