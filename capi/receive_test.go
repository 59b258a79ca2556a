package main

import "github.com/knocker-dev/knocker/core"

// received is a receive for tests, which wait on a channel where callers in C
// wait on their own thread.
func received(out []byte, db uint64, request, body input) ([]byte, error) {
	type outcome struct {
		result core.Result
		err    error
	}
	v, err := verify(db, request, body, 0)
	if err != nil {
		return nil, err
	}
	later := make(chan outcome, 1)
	v.Store(true, func(r core.Result, err error) { later <- outcome{r, err} })
	o := <-later
	if o.err != nil {
		return nil, o.err
	}
	return appendResult(out, &o.result), nil
}
