package main

import "runtime"

// leastProcessors is how many of the host's threads may run Go code at once at
// least. One that has gone back to C keeps its place until the runtime notices
// and takes it away; on two processors the others stand before the library so
// long (measured with 64 Python threads: a fifth fewer receipts).
const leastProcessors = 4

// garbageAllowed keeps Go's collector from running after each 4 MiB of garbage,
// as it does while little is in use: that is each hundredth receipt or so. The
// bytes are never touched, so they cost no memory; but the collector counts them
// as in use, and waits for as many again.
const garbageAllowed = 8 << 20

var untouched = make([]byte, garbageAllowed)

func init() {
	if runtime.GOMAXPROCS(0) < leastProcessors {
		runtime.GOMAXPROCS(leastProcessors)
	}
	runtime.KeepAlive(untouched)
}
