package sqlite

/*
#include "driver.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"unsafe"
)

// Error is what SQLite or the driver refused.
type Error struct {
	Code        int    // extended result code; 0 where SQLite was never reached
	Message     string // SQLite's own words
	Denied      string // what the guard refused, "" if it did not
	Unavailable bool   // there is no usable SQLite
}

func (e *Error) Error() string {
	switch {
	case e.Denied != "":
		return e.Denied + " is not allowed here"
	case e.Code != 0:
		return fmt.Sprintf("%s (SQLite code %d)", e.Message, e.Code)
	}
	return e.Message
}

// Primary is the result code without its extension.
func (e *Error) Primary() int { return e.Code & 0xff }

// Primary result codes that callers tell apart.
const (
	CodeError      = C.SQLITE_ERROR
	CodeBusy       = C.SQLITE_BUSY
	CodeLocked     = C.SQLITE_LOCKED
	CodeReadOnly   = C.SQLITE_READONLY
	CodeInterrupt  = C.SQLITE_INTERRUPT
	CodeIOError    = C.SQLITE_IOERR
	CodeCorrupt    = C.SQLITE_CORRUPT
	CodeFull       = C.SQLITE_FULL
	CodeCannotOpen = C.SQLITE_CANTOPEN
	CodeNotADB     = C.SQLITE_NOTADB
	CodeAuth       = C.SQLITE_AUTH
	CodeConstraint = C.SQLITE_CONSTRAINT
	CodeAbort      = C.SQLITE_ABORT
	CodeTooBig     = C.SQLITE_TOOBIG
	CodeMismatch   = C.SQLITE_MISMATCH

	CodeBusySnapshot = C.SQLITE_BUSY_SNAPSHOT
)

// CodeOf returns the primary SQLite code in err, 0 if there is none.
func CodeOf(err error) int {
	var e *Error
	if errors.As(err, &e) {
		return e.Primary()
	}
	return 0
}

func (c *Conn) lastError() error {
	e := &Error{Code: int(c.c.code), Message: string(C.GoBytes(unsafe.Pointer(c.c.out), C.int(c.c.out_length)))}
	if e.Primary() == CodeAuth {
		e.Denied = C.GoString(&c.c.denied[0])
	}
	return e
}

// headerVersion is the version of the headers that this package was built with.
const headerVersion = C.SQLITE_VERSION
