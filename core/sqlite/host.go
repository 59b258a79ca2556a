package sqlite

/*
#cgo linux LDFLAGS: -ldl
#include <stdlib.h>
#include "driver.h"
*/
import "C"

import (
	"sync"
	"sync/atomic"
	"unsafe"
)

// hosts are the SQLites of the process that have handed their tables over.
var hosts struct {
	known  sync.Map // unsafe.Pointer -> *host
	latest atomic.Pointer[host]
	search sync.Mutex // one search in the process at a time
}

// host is one table, and what there is against it.
type host struct {
	routines Routines
	err      error        // nothing can use it
	unfit    func() error // no connection of our own can; looked for when one is wanted
}

// HostRoutines wraps the table that a host's SQLite handed to the extension.
func HostRoutines(table unsafe.Pointer) (Routines, error) {
	h := hostOf(table)
	return h.routines, h.err
}

// HandOver makes the SQLite of the table the one that Host answers.
func HandOver(table unsafe.Pointer) (Routines, error) {
	h := hostOf(table)
	hosts.latest.Store(h)
	return h.routines, h.err
}

func hostOf(table unsafe.Pointer) *host {
	if h, ok := hosts.known.Load(table); ok {
		return h.(*host)
	}
	h := &host{}
	h.unfit = sync.OnceValue(func() error { return checkFeatures(h.routines) })
	if h.routines, h.err = checkRoutines((*C.sqlite3_api_routines)(table)); h.err == nil {
		C.knocker_keep_loaded(h.routines.table)
	}
	hosts.known.Store(table, h)
	return h
}

// HasHost reports whether a host has handed over an SQLite that connections of
// our own can run on.
func HasHost() bool {
	_, err := Host()
	return err == nil
}

// Host returns the table that was handed over last, for connections of our own.
func Host() (Routines, error) {
	h := hosts.latest.Load()
	switch {
	case h == nil:
		return Routines{}, &Error{Unavailable: true, Message: `no SQLite of this process has handed itself over: load this library as an extension into one of its connections first, or open with engine "embedded"`}
	case h.err != nil:
		return Routines{}, h.err
	}
	r := h.routines
	if own, err := Embedded(); err != nil || own.table != r.table {
		r.host = true
	}
	return r, h.unfit()
}

// FindHost takes over the SQLite of a shared library that the process has
// loaded, or of one that it depends on; "" is the program itself. It does
// nothing where a host has handed one over already.
func FindHost(library string) (Routines, error) {
	hosts.search.Lock()
	defer hosts.search.Unlock()
	if hosts.latest.Load() == nil {
		var name, problem *C.char
		if library != "" {
			name = C.CString(library)
			defer C.free(unsafe.Pointer(name))
		} else {
			library = "the program"
		}
		table := C.knocker_mapped_routines(name, &problem)
		if table == nil {
			return Routines{}, &Error{Unavailable: true, Message: library + ": " + C.GoString(problem)}
		}
		_, _ = HandOver(unsafe.Pointer(table))
	}
	return Host()
}

// checkFeatures looks for what connections of our own need and an SQLite may
// have been built without.
func checkFeatures(r Routines) error {
	if err := r.lacks(1); err != nil {
		return unfit(err.Error())
	}
	if C.knocker_has_threads(r.table) == 0 {
		return unfit("it was built without threads (SQLITE_THREADSAFE=0)")
	}
	r.host = true
	c, err := Open(r, ":memory:", OpenReadWrite|OpenCreate, "")
	if err != nil {
		return unfit(err.Error())
	}
	defer c.Close()
	if _, err := c.Query("SELECT count(*) FROM json_each('[1]')"); err != nil {
		return unfit("it was built without JSON: " + err.Error())
	}
	return nil
}

func unfit(why string) error {
	return &Error{Unavailable: true, Message: "the host's SQLite can't carry the inbox: " + why + `; use another one, or engine "embedded"`}
}

// IsHost reports whether this is another SQLite than the embedded one.
func (r Routines) IsHost() bool { return r.host }
