package main

import "runtime"

// leastProcessors is how many of the host's threads may run Go code at once at
// least. One that has gone back to C keeps its place until the runtime notices
// and takes it away; on two processors the others stand before the library so
// long (measured with 64 Python threads: a fifth fewer receipts).
const leastProcessors = 4

func init() {
	if runtime.GOMAXPROCS(0) < leastProcessors {
		runtime.GOMAXPROCS(leastProcessors)
	}
}
