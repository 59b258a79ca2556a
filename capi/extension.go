package main

/*
#cgo CFLAGS: -I${SRCDIR}/../core/sqlite/include
#include <stdlib.h>
#include "extension.h"
*/
import "C"

import (
	"errors"
	"strings"
	"unsafe"

	"github.com/knocker-dev/knocker/core"
	"github.com/knocker-dev/knocker/core/safe"
	"github.com/knocker-dev/knocker/core/sqlite"
	"github.com/knocker-dev/knocker/core/store"
)

// goKnockerLoad registers the functions on a host's connection; the answer is
// the error's text or NULL.
//
//export goKnockerLoad
func goKnockerLoad(api, db unsafe.Pointer, manual C.int) *C.char {
	return guardedLoad(api, db, manual != 0)
}

func guardedLoad(api, db unsafe.Pointer, manual bool) *C.char {
	var err error
	p := poison.Load()
	if p == nil {
		p = safe.Call("load", func() { err = loadExtension(api, db, manual) })
	}
	if p != nil {
		err = internalError(p)
	}
	if err == nil {
		return nil
	}
	return toC([]byte("knocker: " + core.AsError(err).Error()))
}

func loadExtension(api, db unsafe.Pointer, manual bool) error {
	routines, err := sqlite.HandOver(api)
	if err != nil {
		return driverUnavailable(err)
	}
	c, err := sqlite.Attach(routines, db)
	if err != nil {
		return driverUnavailable(err)
	}
	defer c.Detach()
	for index := range sqlFunctions {
		f := &sqlFunctions[index]
		if strings.HasPrefix(f.name, "honker_") && c.HasFunction(f.name, f.most) {
			continue // the connection's own, or ours from a load before
		}
		if err := register(api, db, index); err != nil {
			return err
		}
	}
	if manual {
		return nil
	}
	return bootstrapIfPossible(c)
}

func register(api, db unsafe.Pointer, index int) error {
	f := &sqlFunctions[index]
	name, writes := C.CString(f.name), C.int(0)
	defer C.free(unsafe.Pointer(name))
	if f.writes {
		writes = 1
	}
	for n := f.least; n <= f.most; n++ {
		if code := C.knocker_register_function(api, db, name, C.int(n), C.int(index), writes); code != 0 {
			return failure(core.CodeDriverUnavailable, "The function %s can't be registered (SQLite code %d).", f.name, int(code))
		}
	}
	return nil
}

// bootstrapIfPossible leaves a file alone that can't be written now, or that
// needs a migration: then the functions are there, and say why they can't run.
func bootstrapIfPossible(c *sqlite.Conn) error {
	h, err := core.Attach(c, "", 0)
	if err == nil {
		err = h.Bootstrap()
	}
	switch core.CodeOf(err) {
	case core.CodeReadOnly, core.CodeBusy, core.CodeBusySnapshot, core.CodeMigrationNeeded, core.CodeSchemaTooNew:
		return nil
	}
	return err
}

func driverUnavailable(err error) error {
	return failure(core.CodeDriverUnavailable, "%s", err.Error())
}

// goKnockerSQL runs function number index with packed arguments.
//
//export goKnockerSQL
func goKnockerSQL(api, db unsafe.Pointer, index C.int, arguments unsafe.Pointer, length C.size_t, count C.int, reply *C.knocker_sql_reply) {
	guardedFunction(api, db, int(index), unsafe.Slice((*byte)(arguments), int(length)), int(count), reply)
}

// guardedFunction is guarded for a reply that SQLite takes.
func guardedFunction(api, db unsafe.Pointer, index int, cells []byte, count int, reply *C.knocker_sql_reply) {
	var value any
	var err error
	p := poison.Load()
	if p == nil {
		p = safe.Call("sql", func() {
			value, err = runFunction(api, db, &sqlFunctions[index], store.NewRows(cells, 1, count))
		})
	}
	if p != nil {
		err = internalError(p)
	}
	switch v := value.(type) {
	case int64:
		reply._type, reply.number = 'i', C.int64_t(v)
	case string:
		reply._type, reply.text = 't', toC([]byte(v))
	}
	if err != nil {
		var cause *sqlite.Error
		if errors.As(err, &cause) && (cause.Primary() == sqlite.CodeBusy || cause.Primary() == sqlite.CodeReadOnly) {
			reply.code = C.int(cause.Code)
		}
		reply._type, reply.text = 'e', toC([]byte(core.AsError(err).Error()))
	}
}

func runFunction(api, db unsafe.Pointer, f *sqlFunction, rows *store.Rows) (any, error) {
	routines, err := sqlite.HostRoutines(api)
	if err != nil {
		return nil, driverUnavailable(err)
	}
	c, err := sqlite.Attach(routines, db)
	if err != nil {
		return nil, driverUnavailable(err)
	}
	defer c.Detach()
	rows.Next()
	a := &sqlArguments{rows: rows, function: f.name}
	call := f.prepare(a)
	if a.err != nil {
		return nil, a.err
	}
	h, err := core.Attach(c, a.queue, int(a.maxAttempts))
	if err != nil {
		return nil, err
	}
	return call(h)
}
