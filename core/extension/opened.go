package extension

/*
#include "opened.h"
*/
import "C"

import (
	"runtime"
	"unsafe"

	"github.com/knocker-dev/knocker/core"
	"github.com/knocker-dev/knocker/core/sqlite"
)

// Opened calls open, which opens a connection of the SQLite that is linked into
// the program, and registers the functions on it, writing nothing. What else open
// makes, and any other connection of the process, is left alone. Errors: open's
// own, driver_unavailable.
func Opened(open func() error) error {
	routines, err := sqlite.Embedded()
	if err != nil {
		return driverUnavailable(err)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if code := C.knocker_note_opened(routines.Table()); code != 0 {
		return fail(core.CodeDriverUnavailable, "this SQLite tells nobody of new connections (SQLite code %d)", int(code))
	}
	var db unsafe.Pointer
	err = func() error {
		defer func() { db = C.knocker_opened() }()
		return open()
	}()
	if err != nil {
		return err
	}
	if db == nil {
		return fail(core.CodeDriverUnavailable, "the driver opened no connection of the program's own SQLite")
	}
	return Register(routines.Table(), db, true)
}
