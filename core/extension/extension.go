// Package extension is the SQLite extension: SQL functions that run the
// inbox's rules on the connection that calls them, in its transaction. The C
// library registers them where it is loaded; a Go program can do so itself.
package extension

/*
#cgo CFLAGS: -std=gnu11 -O2 -I${SRCDIR}/../sqlite/include
#cgo darwin LDFLAGS: -Wl,-undefined,dynamic_lookup
#include <stdlib.h>
#include "functions.h"
*/
import "C"

import (
	"fmt"
	"strings"
	"unsafe"

	"github.com/knocker-dev/knocker/core"
	"github.com/knocker-dev/knocker/core/sqlite"
)

// Register adds the functions to a connection (sqlite3 *db) of the SQLite whose
// routines table (sqlite3_api_routines *) is given, and makes the inbox's
// tables where the file has none and can be written; manual: it writes nothing.
// The connection must not be in use elsewhere meanwhile.
//
// A honker_* function that the connection has already stays as it is.
// Errors: driver_unavailable, and those of the file.
func Register(api, db unsafe.Pointer, manual bool) error {
	c, err := attach(api, db)
	if err != nil {
		return err
	}
	defer c.Detach()
	if !connections.has(connection{uintptr(db), sentinel}) {
		if err := registerAll(api, db, c); err != nil {
			return err
		}
	}
	if manual {
		return nil
	}
	h, err := core.Attach(c, "", 0)
	if err != nil {
		return err
	}
	return h.BootstrapIfPossible()
}

// registerAll registers the sentinel last: it stands for all the others.
func registerAll(api, db unsafe.Pointer, c *sqlite.Conn) error {
	for index := len(functions) - 1; index >= 0; index-- {
		f := &functions[index]
		if strings.HasPrefix(f.Name, "honker_") && c.HasFunction(f.Name, f.Most) {
			continue // the real Honker's
		}
		if err := f.register(api, db, index); err != nil {
			return err
		}
	}
	return nil
}

func attach(api, db unsafe.Pointer) (*sqlite.Conn, error) {
	routines, err := sqlite.HostRoutines(api)
	if err != nil {
		return nil, driverUnavailable(err)
	}
	c, err := sqlite.Attach(routines, db)
	if err != nil {
		return nil, driverUnavailable(err)
	}
	return c, nil
}

func (f *Function) register(api, db unsafe.Pointer, index int) error {
	function := C.knocker_sql_function{name: C.CString(f.Name), index: C.int(index), writes: truth(f.Writes), told: truth(f.Closed != nil)}
	defer C.free(unsafe.Pointer(function.name))
	for n := f.Least; n <= f.Most; n++ {
		function.arguments = C.int(n)
		if f.Closed != nil {
			connections.add(connection{uintptr(db), index})
		}
		if code := C.knocker_register_function(api, db, &function); code != 0 {
			return fail(core.CodeDriverUnavailable, "the function %s can't be registered (SQLite code %d)", f.Name, int(code))
		}
	}
	return nil
}

func truth(set bool) C.int {
	if set {
		return 1
	}
	return 0
}

func driverUnavailable(err error) error {
	return fail(core.CodeDriverUnavailable, "%s", err.Error())
}

func fail(code core.Code, format string, args ...any) *core.Error {
	return &core.Error{Code: code, Message: fmt.Sprintf(format, args...)}
}
