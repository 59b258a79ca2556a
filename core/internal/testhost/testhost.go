// Package testhost brings another SQLite than the embedded one into the
// process, for tests: the system's shared library stands for a host's.
package testhost

/*
#cgo CFLAGS: -std=gnu11 -I${SRCDIR}/../../sqlite/include
#cgo linux LDFLAGS: -ldl
#include <stdlib.h>
#include "host.h"
*/
import "C"

import (
	"errors"
	"os"
	"runtime"
	"unsafe"
)

// What may be wrong with a table.
const (
	Old          = C.TESTHOST_OLD
	LacksRoutine = C.TESTHOST_LACKS_ROUTINE
	NoThreads    = C.TESTHOST_NO_THREADS
	SingleThread = C.TESTHOST_SINGLE_THREAD
	NoJSON       = C.TESTHOST_NO_JSON
	NoProgress   = C.TESTHOST_NO_PROGRESS // the progress handler is left out: that is no fault
)

// Variable names the environment variable with another library than the
// system's.
const Variable = "KNOCKER_TEST_SQLITE"

// Load loads the system's SQLite, or the one that Variable names, and returns
// the library's path.
func Load() (path string, err error) {
	name := os.Getenv(Variable)
	if name == "" {
		name = map[string]string{"darwin": "/usr/lib/libsqlite3.dylib"}[runtime.GOOS]
	}
	if name == "" {
		name = "libsqlite3.so.0"
	}
	cname, function := C.CString(name), C.CString("sqlite3_libversion")
	defer C.free(unsafe.Pointer(cname))
	defer C.free(unsafe.Pointer(function))
	var problem *C.char
	library := C.testhost_load(cname, &problem)
	if library == nil {
		return "", errors.New("the system's SQLite is missing: install the package sqlite3 (" + C.GoString(problem) + ")")
	}
	return C.GoString(C.testhost_path(library, function)), nil
}

// Spoil returns a copy of a table of routines with something wrong.
func Spoil(table unsafe.Pointer, wrong int) unsafe.Pointer {
	return unsafe.Pointer(C.testhost_table(table, C.int(wrong)))
}
