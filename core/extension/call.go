package extension

/*
#include <stdlib.h>
#include "functions.h"
*/
import "C"

import (
	"errors"
	"sync"
	"unsafe"

	"github.com/knocker-dev/knocker/core"
	"github.com/knocker-dev/knocker/core/safe"
	"github.com/knocker-dev/knocker/core/sqlite"
	"github.com/knocker-dev/knocker/core/store"
)

// Guard runs each function. The C library sets its own, which refuses all
// further calls after a panic. It answers an error of its own, or nil.
var Guard = func(where string, f func()) error {
	if p := safe.Call(where, f); p != nil {
		return fail(core.CodeInternal, "a fault inside the library (%s: %v); restart the process and report this", p.Where, p.Value)
	}
	return nil
}

// RefuseWhile lets no function enter Go while the C flag (a sig_atomic_t) is
// not 0: a child of fork() has no Go runtime. To be called from an init.
func RefuseWhile(flag unsafe.Pointer) {
	text := core.AsError(&core.Error{Code: core.CodeForked, Message: messageOf(core.CodeForked)}).Error()
	C.knocker_refuse_functions(flag, C.CString(text)) // for the process's whole life
}

func messageOf(code core.Code) string {
	for _, row := range core.Codes {
		if row.Code == code {
			return row.Message
		}
	}
	return ""
}

// goKnockerSQL runs function number index with packed arguments.
//
//export goKnockerSQL
func goKnockerSQL(api, db unsafe.Pointer, index C.int, arguments unsafe.Pointer, length C.size_t, count C.int, reply *C.knocker_sql_reply) {
	guardedFunction(api, db, int(index), unsafe.Slice((*byte)(arguments), int(length)), int(count), reply)
}

func guardedFunction(api, db unsafe.Pointer, index int, cells []byte, count int, reply *C.knocker_sql_reply) {
	var value any
	var err error
	if fault := Guard("sql", func() {
		value, err = functions[index].run(api, db, store.NewRows(cells, 1, count))
	}); fault != nil {
		err = fault
	}
	switch v := value.(type) {
	case int64:
		reply._type, reply.number = 'i', C.int64_t(v)
	case string:
		reply._type, reply.text = 't', C.CString(v)
	}
	if err != nil {
		if reply.text != nil {
			C.free(unsafe.Pointer(reply.text))
		}
		reply.code = resultCode(err)
		reply._type, reply.text = 'e', C.CString(core.AsError(err).Error())
	}
}

// resultCode is SQLite's own code where the host may react to it: it waits for
// a lock, say. 0: a plain error.
func resultCode(err error) C.int {
	var cause *sqlite.Error
	if errors.As(err, &cause) && (cause.Primary() == sqlite.CodeBusy || cause.Primary() == sqlite.CodeReadOnly) {
		return C.int(cause.Code)
	}
	return 0
}

func (f *Function) run(api, db unsafe.Pointer, rows *store.Rows) (any, error) {
	c, err := attach(api, db)
	if err != nil {
		return nil, err
	}
	defer c.Detach()
	rows.Next()
	a := &Arguments{rows: rows, function: f.Name}
	call := f.Prepare(a)
	if a.err != nil {
		return nil, a.err
	}
	return call(c)
}

// connection is a function of a connection that wants to know of its end.
type connection struct {
	db    uintptr
	index int
}

// connections counts registrations: one that replaces another is not the
// connection's end.
var connections = counter{of: map[connection]int{}}

type counter struct {
	sync.Mutex
	of map[connection]int
}

func (n *counter) add(c connection) {
	n.Lock()
	defer n.Unlock()
	n.of[c]++
}

func (n *counter) has(c connection) bool {
	n.Lock()
	defer n.Unlock()
	return n.of[c] > 0
}

// remove reports whether it was the last.
func (n *counter) remove(c connection) bool {
	n.Lock()
	defer n.Unlock()
	n.of[c]--
	if n.of[c] > 0 {
		return false
	}
	delete(n.of, c)
	return true
}

// goKnockerSQLClosed tells a function that a registration of it is gone.
//
//export goKnockerSQLClosed
func goKnockerSQLClosed(_, db unsafe.Pointer, index C.int) {
	guardedClosed(connection{uintptr(db), int(index)})
}

func guardedClosed(c connection) {
	if connections.remove(c) {
		_ = Guard("sql closed", func() { functions[c.index].Closed(c.db) })
	}
}
