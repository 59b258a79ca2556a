package sqlite

/*
#include "driver.h"
*/
import "C"

import (
	"strings"
	"unsafe"
)

// Attach uses a connection of the host's. No setting of it is changed. Detach
// must follow before the host gets it back: a statement that stays prepared
// would keep the host from closing it.
func Attach(r Routines, db unsafe.Pointer) (*Conn, error) {
	c := C.knocker_connection_attach(r.table, (*C.sqlite3)(db))
	if c == nil {
		return nil, &Error{Code: C.SQLITE_NOMEM, Message: "out of memory"}
	}
	return &Conn{c: c, statements: map[string]*statement{}}, nil
}

// Detach gives the host's connection back.
func (c *Conn) Detach() {
	for _, s := range c.statements {
		C.knocker_finalize(c.c, s.stmt)
	}
	c.statements = nil
	C.knocker_connection_detach(c.c)
	c.c = nil
}

// WriteRuns reports whether a statement that writes is running on the
// connection: then no transaction and no savepoint can be ended.
func (c *Conn) WriteRuns() bool { return C.knocker_write_runs(c.c) != 0 }

// LastInsertID is the connection's last_insert_rowid().
func (c *Conn) LastInsertID() int64 { return int64(C.knocker_last_rowid(c.c)) }

// SetLastInsertID sets it.
func (c *Conn) SetLastInsertID(id int64) { C.knocker_set_last_rowid(c.c, C.int64_t(id)) }

// HasFunction reports whether the connection has an SQL function of this name
// and number of arguments.
func (c *Conn) HasFunction(name string, arguments int) bool {
	nulls := strings.TrimSuffix(strings.Repeat("NULL,", arguments), ",")
	_, err := c.prepare("SELECT "+name+"("+nulls+")", true)
	return err == nil
}

// Handle is the address of the connection: it names it while it is open.
func (c *Conn) Handle() uintptr { return uintptr(unsafe.Pointer(c.c.db)) }

// Table is the address of the table (sqlite3_api_routines *).
func (r Routines) Table() unsafe.Pointer { return unsafe.Pointer(r.table) }
