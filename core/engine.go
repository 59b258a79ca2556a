package core

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/knocker-dev/knocker/core/safe"
	"github.com/knocker-dev/knocker/core/sqlite"
	"github.com/knocker-dev/knocker/core/sqlite/filelock"
	"github.com/knocker-dev/knocker/core/store"
)

// engine is one open file. Every Inbox on the file in this process shares it,
// because two engines would be two writers that can't see each other's lock.
type engine struct {
	path     string
	options  Options
	routines sqlite.Routines
	file     *filelock.File

	gate     *sqlite.Gate
	receipts *sqlite.Conn // synchronous=FULL: receipts and operator actions
	handlers *sqlite.Conn // guarded, handler_synchronous
	readers  readerPool
	wake     *wake
	cookie   int64 // schema cookie that was last inspected; under the gate

	endpoints   endpoints
	registry    registry
	counters    counters
	flood       flood
	share       sharing
	hooks       hooks
	watchTold   sync.Once
	checkpoints chan struct{}

	mu      sync.Mutex
	workers map[*Worker]struct{}
	closing chan struct{}
	down    bool // under mu: no new background task
	tasks   sync.WaitGroup
	refs    int // under engines.mu
	broken  atomic.Pointer[Error]
}

// engines are the open files of this process by device and inode.
var engines = struct {
	sync.Mutex
	open map[fileKey]*engine
}{open: map[fileKey]*engine{}}

// acquireEngine opens the file or joins the engine that has it open.
func acquireEngine(path string, options Options) (*engine, error) {
	engines.Lock()
	defer engines.Unlock()
	full, err := resolve(path)
	if err != nil {
		return nil, err
	}
	if key, ok := keyOf(full); ok {
		if e := engines.open[key]; e != nil {
			if err := e.options.conflict(options); err != nil {
				return nil, err
			}
			e.refs++
			return e, nil
		}
	}
	e, err := openEngine(full, options)
	if err != nil {
		return nil, err
	}
	key, _ := keyOf(full)
	engines.open[key] = e
	e.refs = 1
	return e, nil
}

// release gives up one reference; the last one closes the file.
func (e *engine) release() {
	engines.Lock()
	e.refs--
	last := e.refs == 0
	for key, other := range engines.open {
		if last && other == e {
			delete(engines.open, key)
		}
	}
	engines.Unlock()
	if last {
		e.shutdown()
	}
}

// resolve follows symbolic links, so that one file has one engine; the file
// itself need not exist yet.
func resolve(path string) (string, error) {
	if path == "" || path == ":memory:" {
		return "", fail(CodeInvalidArgument, "path must name a file: the inbox has to outlive the process")
	}
	full, err := filepath.Abs(path)
	if err == nil {
		if real, err := filepath.EvalSymlinks(full); err == nil {
			return real, nil
		}
		var dir string
		if dir, err = filepath.EvalSymlinks(filepath.Dir(full)); err == nil {
			return filepath.Join(dir, filepath.Base(full)), nil
		}
	}
	return "", &Error{Code: CodeCannotOpen, Message: "the directory of " + path + " does not exist or can't be read: create it first", Cause: err}
}

func openEngine(path string, options Options) (*engine, error) {
	routines, err := sqlite.Embedded()
	if err != nil {
		return nil, fromSQLite(err)
	}
	e := &engine{path: path, options: options, routines: routines, gate: &sqlite.Gate{},
		workers: map[*Worker]struct{}{}, closing: make(chan struct{}), checkpoints: make(chan struct{}, 1)}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil, fail(CodeCannotOpen, "%s is a directory, not a database file", path)
	}
	e.file, err = filelock.Prepare(path, filelock.Options{FileMode: options.FileMode, AllowNetwork: options.AllowNetworkFileSystem})
	if err != nil {
		return nil, fromFileLock(err)
	}
	if err := e.connect(); err != nil {
		e.disconnect()
		return nil, err
	}
	e.gate.OnWait(e.flush)
	e.endpoints.init()
	e.registry.init()
	e.wake = newWake(e)
	e.background("checkpoint", e.checkpointLoop)
	e.background("file lock watch", e.watchFile)
	return e, nil
}

func (e *engine) connect() error {
	var err error
	if e.receipts, err = e.open(); err != nil {
		return err
	}
	if err := e.bootstrap(); err != nil {
		return err
	}
	if e.handlers, err = e.open(); err != nil {
		return err
	}
	if err := e.configure(e.handlers, "NORMAL"); err != nil {
		return err
	}
	if err := e.handlers.Guard(); err != nil {
		return fromSQLite(err)
	}
	e.readers.open = e.openReader
	return nil
}

func (e *engine) open() (*sqlite.Conn, error) {
	c, err := sqlite.Open(e.routines, e.path, sqlite.OpenReadWrite|sqlite.OpenCreate, e.options.VFS)
	if err != nil {
		return nil, describeOpen(e.path, err)
	}
	c.SetBusyTimeout(e.options.BusyTimeout)
	return c, nil
}

// configure sets what a write connection runs with. synchronous is set after
// WAL is on, because the embedded build's own default in WAL is NORMAL, and it
// never changes: cached statements would lose the change.
func (e *engine) configure(c *sqlite.Conn, synchronous string) error {
	script := "PRAGMA main.synchronous = " + synchronous + "; PRAGMA cache_size = -8192; PRAGMA fullfsync = 1; PRAGMA checkpoint_fullfsync = 1; PRAGMA foreign_keys = "
	if e.options.NoForeignKeys {
		script += "OFF"
	} else {
		script += "ON"
	}
	return fromSQLite(c.Script(script))
}

func (e *engine) openReader() (*sqlite.Conn, error) {
	c, err := e.open()
	if err != nil {
		return nil, err
	}
	if err := c.Script("PRAGMA query_only = ON"); err != nil {
		c.Close()
		return nil, fromSQLite(err)
	}
	return c, nil
}

// bootstrap turns WAL on and makes the tables. Several processes may do it at
// once: they wait for each other within the busy timeout.
func (e *engine) bootstrap() error {
	c := e.receipts
	state, _, err := store.Inspect(c)
	if err != nil {
		return describeOpen(e.path, err)
	}
	if err := e.refuseState(state); err != nil {
		return err
	}
	synchronous := "FULL"
	if mode, err := e.journal(); err != nil {
		return err
	} else if mode != "wal" {
		synchronous = "EXTRA"
	}
	if err := e.configure(c, synchronous); err != nil {
		return err
	}
	if state != store.Current {
		if err := e.createTables(); err != nil {
			return err
		}
	}
	e.cookie, err = store.Cookie(c)
	return fromSQLite(err)
}

func (e *engine) refuseState(state store.State) error {
	switch {
	case state == store.TooNew:
		return fail(CodeSchemaTooNew, "")
	case state == store.Foreign:
		return fail(CodeMigrationNeeded, "the file holds the tables of an inbox without a version; this release can't migrate it yet")
	case state == store.Empty && e.options.Migrate == "never":
		return fail(CodeSchemaMissing, "the file has no inbox yet and migrate=never forbids to make one")
	case state == store.Older && e.options.Migrate == "never":
		return fail(CodeMigrationNeeded, "")
	}
	return nil
}

// journal turns on WAL unless the file keeps its own mode. SQLite does not ask
// the busy handler for this change, so the waiting is done here.
func (e *engine) journal() (string, error) {
	sql := "PRAGMA main.journal_mode = WAL"
	if e.options.JournalMode == "keep" {
		sql = "PRAGMA main.journal_mode"
	}
	for deadline := time.Now().Add(e.options.BusyTimeout); ; time.Sleep(2 * time.Millisecond) {
		rows, err := e.receipts.Query(sql)
		if sqlite.CodeOf(err) == sqlite.CodeBusy && time.Now().Before(deadline) {
			continue
		}
		if err != nil {
			return "", describeOpen(e.path, err)
		}
		rows.Next()
		mode := rows.Text(0)
		if e.options.JournalMode != "keep" && mode != "wal" {
			return "", fail(CodeCannotOpen, "%s stays in journal mode %q: its file system can't share memory between processes. Use journal_mode=keep or another directory", e.path, mode)
		}
		return mode, nil
	}
}

func (e *engine) createTables() error {
	c := e.receipts
	if _, err := c.Exec("BEGIN IMMEDIATE"); err != nil {
		return describeOpen(e.path, err)
	}
	// Another process may have been first.
	state, _, err := store.Inspect(c)
	if err == nil {
		err = e.refuseState(state)
	}
	if err == nil && state != store.Current {
		err = store.Bootstrap(c)
	}
	if err == nil {
		_, err = c.Exec("COMMIT")
	}
	if err != nil {
		rollback(c)
		return describeOpen(e.path, err)
	}
	return nil
}

func rollback(c *sqlite.Conn) {
	if c.InTransaction() {
		_, _ = c.Exec("ROLLBACK")
	}
}

// checkSchema runs inside each write transaction: a newer process may have
// migrated the file, or someone may have dropped the tables.
func (e *engine) checkSchema(c *sqlite.Conn) error {
	cookie, err := store.Cookie(c)
	if err != nil {
		return fromSQLite(err)
	}
	if cookie == e.cookie {
		return nil
	}
	state, _, err := store.Inspect(c)
	if err != nil {
		return fromSQLite(err)
	}
	switch state {
	case store.Empty, store.Foreign:
		return fail(CodeSchemaMissing, "")
	case store.TooNew:
		return fail(CodeSchemaTooNew, "")
	}
	e.cookie = cookie
	return nil
}

// background runs a task of the engine; shutdown waits for it.
func (e *engine) background(name string, task func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.down {
		return
	}
	e.tasks.Add(1)
	safe.Go(name, func() {
		defer e.tasks.Done()
		task()
	}, func(p *safe.PanicError) { _ = e.fail(p) })
}

// fail makes the engine answer internal from now on: after a panic its state
// can't be trusted.
func (e *engine) fail(p *safe.PanicError) error {
	err := &Error{Code: CodeInternal, Message: codeTable[CodeInternal].Message + " (" + p.Where + ")", Cause: p}
	e.refuse(err)
	return err
}

func (e *engine) shutdown() {
	close(e.closing)
	e.gate.Close(sqlite.ErrClosed)
	e.mu.Lock()
	e.down = true
	workers := make([]*Worker, 0, len(e.workers))
	for w := range e.workers {
		workers = append(workers, w)
	}
	e.mu.Unlock()
	for _, w := range workers {
		w.abandon()
	}
	e.wake.broadcast()
	e.flush()
	e.gate.Drain()
	e.tasks.Wait()
	e.disconnect()
}

func (e *engine) disconnect() {
	e.readers.close()
	for _, c := range []*sqlite.Conn{e.handlers, e.receipts} {
		if c != nil {
			c.Close()
		}
	}
	if e.file != nil {
		e.file.Release()
	}
}

// write runs f in a transaction of the receipts' connection, in the lane of
// transactions.
func (e *engine) write(ctx context.Context, f func(c *sqlite.Conn) error) error {
	return e.transact(ctx, e.receipts, f)
}

func (e *engine) transact(ctx context.Context, c *sqlite.Conn, f func(c *sqlite.Conn) error) (err error) {
	start, timeout := time.Now(), e.options.BusyTimeout
	if err := e.gate.Wait(ctx, sqlite.NewWaiter(sqlite.Transactions, 0, homeOf(ctx)), timeout); err != nil {
		return fromGate(err)
	}
	defer e.gate.Release()
	if p := safe.Call("transaction", func() { err = e.transaction(c, max(timeout-time.Since(start), time.Millisecond), f) }); p != nil {
		rollback(c)
		return e.fail(p)
	}
	return err
}

func (e *engine) transaction(c *sqlite.Conn, timeout time.Duration, f func(c *sqlite.Conn) error) error {
	c.SetBusyTimeout(timeout)
	if _, err := c.Exec("BEGIN IMMEDIATE"); err != nil {
		return fromSQLite(err)
	}
	err := e.checkSchema(c)
	if err == nil {
		err = f(c)
	}
	if err == nil {
		_, err = c.Exec("COMMIT")
	}
	if err != nil {
		rollback(c)
		return fromSQLite(err)
	}
	e.committed(c)
	return nil
}

// read runs f on a connection of the pool.
func (e *engine) read(f func(c *sqlite.Conn) error) error {
	if err := e.usable(); err != nil {
		return err
	}
	c, err := e.readers.get()
	if err != nil {
		return err
	}
	defer e.readers.put(c)
	c.SetBusyTimeout(e.options.BusyTimeout)
	if err := f(c); err != nil {
		return fromSQLite(err)
	}
	return nil
}

func (e *engine) usable() error {
	if err := e.broken.Load(); err != nil {
		return err
	}
	select {
	case <-e.closing:
		return fail(CodeClosed, "")
	default:
		return nil
	}
}

func (e *engine) now() time.Time { return e.options.Source.Now() }

// readerPool keeps idle read connections.
type readerPool struct {
	open   func() (*sqlite.Conn, error)
	mu     sync.Mutex
	idle   []*sqlite.Conn
	closed bool
}

// Idle readers beyond this are closed: a burst must not keep descriptors.
const maxIdleReaders = 4

func (p *readerPool) get() (*sqlite.Conn, error) {
	p.mu.Lock()
	if n := len(p.idle); n > 0 {
		c := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		return c, nil
	}
	p.mu.Unlock()
	return p.open()
}

func (p *readerPool) put(c *sqlite.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.idle) >= maxIdleReaders {
		c.Close()
		return
	}
	p.idle = append(p.idle, c)
}

func (p *readerPool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, c := range p.idle {
		c.Close()
	}
	p.idle = nil
}

// fromSQLite turns the driver's errors into ours; others pass through.
func fromSQLite(err error) error {
	var e *sqlite.Error
	if err == nil || !errors.As(err, &e) {
		return err
	}
	code := CodeStorageError
	switch {
	case e.Unavailable:
		code = CodeDriverUnavailable
	case e.Denied != "":
		code = CodeForbiddenInHandler
	case e.Code == sqlite.CodeBusySnapshot:
		code = CodeBusySnapshot
	default:
		switch e.Primary() {
		case sqlite.CodeBusy, sqlite.CodeLocked:
			code = CodeBusy
		case sqlite.CodeReadOnly:
			code = CodeReadOnly
		case sqlite.CodeFull:
			code = CodeStorageFull
		case sqlite.CodeCorrupt:
			code = CodeCorrupt
		case sqlite.CodeNotADB:
			code = CodeNotADatabase
		case sqlite.CodeCannotOpen:
			code = CodeCannotOpen
		}
	}
	return &Error{Code: code, Message: codeTable[code].Message + " (" + err.Error() + ")", Cause: err,
		Details: map[string]any{"sqlite_code": e.Code}}
}

func describeOpen(path string, err error) error {
	out := AsError(fromSQLite(err))
	if out.Code == CodeStorageError && sqlite.CodeOf(err) == 0 {
		return out
	}
	return &Error{Code: out.Code, Message: path + ": " + out.Message, Cause: err, Details: out.Details}
}

func fromGate(err error) error {
	switch {
	case errors.Is(err, sqlite.ErrBusy):
		return fail(CodeBusy, "")
	case errors.Is(err, sqlite.ErrWouldDeadlock):
		return fail(CodeWouldDeadlock, "a handler of this thread or event loop holds the write transaction, so waiting for it would never end: use the asynchronous form (areceive, receiveAsync, await tx.begin()), or do the call outside the handler's transaction")
	case errors.Is(err, sqlite.ErrClosed):
		return fail(CodeClosed, "")
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return &Error{Code: CodeCancelled, Message: codeTable[CodeCancelled].Message, Cause: err}
	}
	return err
}

func fromFileLock(err error) error {
	var e *filelock.Error
	if errors.As(err, &e) {
		return &Error{Code: Code(e.Code), Message: e.Message, Cause: err}
	}
	if errors.Is(err, fs.ErrPermission) {
		return &Error{Code: CodeCannotOpen, Message: codeTable[CodeCannotOpen].Message, Cause: err}
	}
	return &Error{Code: CodeCannotOpen, Message: codeTable[CodeCannotOpen].Message + " (" + err.Error() + ")", Cause: err}
}
