// Package sqlite drives SQLite: connections, statements, the file's locks and
// wake-ups. It is the only package of the core that knows SQLite's C interface.
package sqlite

/*
#cgo CFLAGS: -std=gnu11 -O2 -I${SRCDIR}/include
#cgo darwin LDFLAGS: -Wl,-undefined,dynamic_lookup
#cgo noescape knocker_run
#cgo noescape knocker_run_batch
#cgo noescape knocker_prepare
#include <stdlib.h>
#include "driver.h"
*/
import "C"

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unsafe"

	_ "github.com/knocker-dev/knocker/core/sqlite/include" // keeps the headers in vendored builds
	"github.com/knocker-dev/knocker/core/store"
	_ "github.com/mattn/go-sqlite3" // the amalgamation
)

// minimumVersion is the oldest SQLite that this driver works with.
const minimumVersion = 3038000

// Routines is a table of SQLite's functions: the embedded copy's, or a host's.
type Routines struct {
	table *C.sqlite3_api_routines
	host  bool // not the embedded one
}

var embedded = sync.OnceValues(func() (Routines, error) {
	r, err := checkRoutines(C.knocker_embedded_routines())
	if err == nil {
		err = r.lacks(1)
	}
	return r, err
})

// Embedded returns the table of the SQLite that is linked into the program.
func Embedded() (Routines, error) { return embedded() }

func checkRoutines(table *C.sqlite3_api_routines) (Routines, error) {
	if table == nil {
		return Routines{}, &Error{Unavailable: true, Message: "this build's SQLite hands out no table of routines: it was built without go-sqlite3 or with the tag sqlite_omit_load_extension"}
	}
	if v := int(C.knocker_library_version(table)); v < minimumVersion {
		return Routines{}, &Error{Unavailable: true, Message: fmt.Sprintf("SQLite %s is too old: 3.38 or later is needed", C.GoString(C.knocker_library_version_text(table)))}
	}
	r := Routines{table: table}
	return r, r.lacks(0)
}

// lacks is the error where a routine is missing.
func (r Routines) lacks(own C.int) error {
	if missing := C.knocker_missing_routine(r.table, own); missing != nil {
		return &Error{Unavailable: true, Message: "this SQLite lacks the routine " + C.GoString(missing)}
	}
	return nil
}

// Version is SQLite's version text.
func (r Routines) Version() string { return C.GoString(C.knocker_library_version_text(r.table)) }

// Flags for Open.
const (
	OpenReadWrite = C.SQLITE_OPEN_READWRITE
	OpenCreate    = C.SQLITE_OPEN_CREATE
)

// A host may have set its SQLite up for threads in any way, and to share caches
// between connections: so ours have a lock and a cache of their own there.
const (
	embeddedFlags = C.SQLITE_OPEN_NOMUTEX
	hostFlags     = C.SQLITE_OPEN_FULLMUTEX | C.SQLITE_OPEN_PRIVATECACHE
)

// Conn is one connection. One goroutine uses it at a time, but for SetExpired.
type Conn struct {
	c          *C.knocker_connection
	statements map[string]*statement
	order      []string // least recently prepared first, for eviction
	args       []byte
	batch      Batch
}

type statement struct {
	stmt       *C.sqlite3_stmt
	trusted    bool
	parameters int
}

// Statements kept prepared on a connection: the library's own are about fifty,
// the rest are the handlers'.
const maxStatements = 200

// Open opens a file. vfs "" is SQLite's default.
func Open(r Routines, path string, flags int, vfs string) (*Conn, error) {
	cpath := C.CString(path)
	defer C.free(unsafe.Pointer(cpath))
	var cvfs *C.char
	if vfs != "" {
		cvfs = C.CString(vfs)
		defer C.free(unsafe.Pointer(cvfs))
	}
	flags |= embeddedFlags
	if r.host {
		flags ^= embeddedFlags | hostFlags
	}
	c := C.knocker_connection_open(r.table, cpath, C.int(flags), cvfs)
	if c == nil {
		return nil, &Error{Code: C.SQLITE_NOMEM, Message: "out of memory"}
	}
	conn := &Conn{c: c, statements: map[string]*statement{}}
	if c.code != 0 {
		err := conn.lastError()
		conn.Close()
		return nil, err
	}
	if r.host && C.knocker_connection_locks(c) == 0 {
		conn.Close()
		return nil, unfit("it runs in single-thread mode (SQLITE_CONFIG_SINGLETHREAD)")
	}
	return conn, nil
}

// Close closes the connection; an open transaction is rolled back.
func (c *Conn) Close() {
	if c.c == nil {
		return
	}
	for _, s := range c.statements {
		C.knocker_finalize(c.c, s.stmt)
	}
	c.statements = nil
	C.knocker_connection_close(c.c)
	c.c = nil
}

// Guard makes untrusted statements subject to the rules of handlers.
func (c *Conn) Guard() error {
	if C.knocker_guard(c.c) != 0 {
		return &Error{Code: C.SQLITE_ERROR, Message: "the authorizer can't be installed"}
	}
	return nil
}

// SetBusyTimeout bounds, from now on, how long statements wait for locks of
// other processes. Zero: not at all.
func (c *Conn) SetBusyTimeout(d time.Duration) { C.knocker_set_busy_deadline(c.c, C.int64_t(d)) }

// SetExpired ends the running untrusted statement and refuses later ones. It
// may be called from any goroutine while the connection is open.
func (c *Conn) SetExpired(expired bool) {
	v := C.int(0)
	if expired {
		v = 1
	}
	C.knocker_set_expired(c.c, v)
}

// InTransaction reports whether a transaction is open.
func (c *Conn) InTransaction() bool { return c.c.autocommit == 0 }

// WALFrames is the length of the WAL after this connection's last commit.
func (c *Conn) WALFrames() int { return int(c.c.wal_frames) }

// DeferredForeignKeys reports whether a commit would fail now because of a
// deferred foreign key.
func (c *Conn) DeferredForeignKeys() bool { return C.knocker_deferred_foreign_keys(c.c) != 0 }

// Exec runs one of the library's own statements.
func (c *Conn) Exec(sql string, args ...any) (store.Result, error) {
	if _, err := c.run(sql, true, args); err != nil {
		return store.Result{}, err
	}
	return c.result(), nil
}

// Query runs one of the library's own statements and returns its rows.
func (c *Conn) Query(sql string, args ...any) (*store.Rows, error) {
	if _, err := c.run(sql, true, args); err != nil {
		return nil, err
	}
	return c.rows(), nil
}

// ExecUntrusted runs an application's statement under the guard's rules.
func (c *Conn) ExecUntrusted(sql string, args []any, named map[string]any) (store.Result, error) {
	if _, err := c.runUntrusted(sql, args, named); err != nil {
		return store.Result{}, err
	}
	return c.result(), nil
}

// QueryUntrusted is ExecUntrusted with the rows and their column names.
func (c *Conn) QueryUntrusted(sql string, args []any, named map[string]any) (*store.Rows, error) {
	s, err := c.runUntrusted(sql, args, named)
	if err != nil {
		return nil, err
	}
	rows := c.rows()
	if C.knocker_column_names(c.c, s.stmt) != 0 {
		return nil, c.lastError()
	}
	header := c.rows()
	if header.Next() {
		for i := range header.Columns() {
			rows.Names = append(rows.Names, header.Text(i))
		}
	}
	return rows, nil
}

// Script runs several statements without arguments.
func (c *Conn) Script(sql string) error {
	csql := C.CString(sql)
	defer C.free(unsafe.Pointer(csql))
	if C.knocker_script(c.c, csql) != 0 {
		return c.lastError()
	}
	return nil
}

// BackupTo copies the database into that of another connection, as it is at
// one moment; writers go on meanwhile.
func (c *Conn) BackupTo(to *Conn) error {
	if C.knocker_backup(to.c, c.c) != 0 {
		return to.lastError()
	}
	return nil
}

// Nap sleeps for less than a millisecond exactly; Go's timers round up.
func Nap(d time.Duration) { C.knocker_nap(C.int64_t(d)) }

// Checkpoint modes.
const (
	CheckpointPassive  = C.SQLITE_CHECKPOINT_PASSIVE
	CheckpointRestart  = C.SQLITE_CHECKPOINT_RESTART
	CheckpointTruncate = C.SQLITE_CHECKPOINT_TRUNCATE
)

// Checkpoint copies the WAL into the database and returns the WAL's length and
// what was copied, both in frames.
func (c *Conn) Checkpoint(mode int) (frames, copied int, err error) {
	var total, done C.int
	if C.knocker_checkpoint(c.c, C.int(mode), &total, &done) != 0 {
		err = c.lastError()
	}
	return int(total), int(done), err
}

func (c *Conn) run(sql string, trusted bool, args []any) (*statement, error) {
	s, err := c.prepare(sql, trusted)
	if err != nil {
		return nil, err
	}
	if s.parameters != len(args) {
		return nil, wrongCount(s, len(args))
	}
	if c.args, err = pack(c.args[:0], args); err != nil {
		return nil, err
	}
	return s, c.step(s, trusted)
}

func wrongCount(s *statement, given int) error {
	return &Error{Code: C.SQLITE_RANGE, Message: fmt.Sprintf("the statement has %d parameters, %d were given", s.parameters, given)}
}

func (c *Conn) runUntrusted(sql string, args []any, named map[string]any) (*statement, error) {
	if named == nil {
		return c.run(sql, false, args)
	}
	s, err := c.prepare(sql, false)
	if err != nil {
		return nil, err
	}
	if args, err = c.positions(s, named); err != nil {
		return nil, err
	}
	if c.args, err = pack(c.args[:0], args); err != nil {
		return nil, err
	}
	return s, c.step(s, false)
}

// positions turns named parameters into positional ones.
func (c *Conn) positions(s *statement, named map[string]any) ([]any, error) {
	args := make([]any, s.parameters)
	found := 0
	for name, value := range named {
		at := 0
		for _, prefix := range []string{"", ":", "@", "$"} {
			cname := C.CString(prefix + name)
			at = int(C.knocker_parameter_index(c.c, s.stmt, cname))
			C.free(unsafe.Pointer(cname))
			if at > 0 {
				break
			}
		}
		if at > 0 {
			args[at-1] = value
			found++
		}
	}
	if found < s.parameters {
		return nil, &Error{Code: C.SQLITE_RANGE, Message: fmt.Sprintf("the statement has %d parameters, %d of the given names fit", s.parameters, found)}
	}
	return args, nil
}

func (c *Conn) step(s *statement, trusted bool) error {
	var first *C.uchar
	if len(c.args) > 0 {
		first = (*C.uchar)(unsafe.Pointer(&c.args[0]))
	}
	t := C.int(0)
	if trusted {
		t = 1
	}
	code := C.knocker_run(c.c, s.stmt, first, C.size_t(len(c.args)), t)
	if cap(c.args) > 1<<20 {
		c.args = nil
	}
	if code != 0 {
		return c.lastError()
	}
	return nil
}

func (c *Conn) prepare(sql string, trusted bool) (*statement, error) {
	if s := c.statements[sql]; s != nil && s.trusted == trusted {
		return s, nil
	}
	if sql == "" {
		return nil, &Error{Code: C.SQLITE_MISUSE, Message: "the statement is empty"}
	}
	var tail, parameters C.int
	t := C.int(0)
	if trusted {
		t = 1
	}
	stmt := C.knocker_prepare(c.c, (*C.char)(unsafe.Pointer(unsafe.StringData(sql))), C.int(len(sql)), t, &tail, &parameters)
	if stmt == nil {
		if c.c.code != 0 {
			return nil, c.lastError()
		}
		return nil, &Error{Code: C.SQLITE_MISUSE, Message: "the statement is empty"}
	}
	if rest := strings.Trim(sql[tail:], " \t\r\n;"); rest != "" && !strings.HasPrefix(rest, "--") {
		C.knocker_finalize(c.c, stmt)
		return nil, &Error{Code: C.SQLITE_MISUSE, Message: "one statement a call: there is more after the first"}
	}
	s := &statement{stmt: stmt, trusted: trusted, parameters: int(parameters)}
	c.remember(strings.Clone(sql), s)
	return s, nil
}

func (c *Conn) remember(sql string, s *statement) {
	if old := c.statements[sql]; old != nil {
		C.knocker_finalize(c.c, old.stmt)
		c.statements[sql] = s
		return
	}
	// A batch that is being built names its statements by address.
	for len(c.order) >= maxStatements && !c.batch.open {
		oldest := c.order[0]
		c.order = c.order[1:]
		C.knocker_finalize(c.c, c.statements[oldest].stmt)
		delete(c.statements, oldest)
	}
	c.order = append(c.order, sql)
	c.statements[sql] = s
}

// Statements lists the statements that the connection keeps prepared, oldest
// first: so a test can ask for the plan of all that a call has run.
func (c *Conn) Statements() []string { return slices.Clone(c.order) }

func (c *Conn) result() store.Result {
	return store.Result{Changes: int64(c.c.changes), LastInsertID: int64(c.c.last_rowid)}
}

func (c *Conn) rows() *store.Rows {
	data := C.GoBytes(unsafe.Pointer(c.c.out), C.int(c.c.out_length))
	return store.NewRows(data, int(c.c.rows), int(c.c.columns))
}
