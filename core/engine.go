package core

import (
	"context"
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
	file     *filelock.File // nil with a host's SQLite

	host       *sqlite.Conn // set: no file of its own, all runs on this connection
	hostFile   *hostFile    // of a HostInbox
	queueGiven bool         // the call names the queue, also for an event that has a job elsewhere

	gate     *sqlite.Gate
	receipts *sqlite.Conn // synchronous=FULL: receipts and operator actions
	handlers *sqlite.Conn // guarded; NORMAL until a worker asks for FULL
	synced   bool         // handlers runs with FULL; under the gate
	readers  readerPool
	wake     *wake
	cookie   int64 // schema cookie that was last inspected; under the gate

	*memory

	share       sharing
	retention   retention
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

// memory is what a process knows of a file beside what is in it.
type memory struct {
	endpoints endpoints
	registry  registry
	counters  counters
	flood     flood
	acted     atomic.Int64 // operator actions and the like that were committed here
	careful   atomic.Bool  // ids that come next were taken once; see sequences
	hooks     hooks
}

func newMemory() *memory {
	m := &memory{}
	m.endpoints.init()
	m.registry.init()
	return m
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

// checkSchema runs inside each write transaction: a newer process may have
// migrated the file, or someone may have dropped the tables.
func (e *engine) checkSchema(c *sqlite.Conn) error {
	rows, err := c.Query(store.CookieQuery)
	if err != nil {
		return fromSQLite(err)
	}
	return e.checkCookie(c, rows)
}

// checkCookie looks at the layout again if the schema cookie has changed.
func (e *engine) checkCookie(c *sqlite.Conn, rows *store.Rows) error {
	rows.Next()
	cookie := rows.Int(0)
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

// background runs a task of the engine; shutdown waits for it. It reports
// false where the engine is going down and nothing new is begun.
func (e *engine) background(name string, task func()) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.down {
		return false
	}
	e.tasks.Add(1)
	safe.Go(name, func() {
		defer e.tasks.Done()
		task()
	}, func(p *safe.PanicError) { _ = e.fail(p) })
	return true
}

// fail makes the engine answer internal from now on: after a panic its state
// can't be trusted.
func (e *engine) fail(p *safe.PanicError) error {
	err := &Error{Code: CodeInternal, Message: codeTable[CodeInternal].Message + " (" + p.Where + ")", Cause: p}
	e.refuse(err)
	return err
}

func (e *engine) shutdown() {
	e.retention.end(nil)
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
	return e.transact(ctx, (*engine).receiptsConn, f)
}

// receiptsConn and handlersConn name the connection that a transaction runs on;
// they are asked once the writer is held.
func (e *engine) receiptsConn() *sqlite.Conn { return e.receipts }
func (e *engine) handlersConn() *sqlite.Conn { return e.handlers }

func (e *engine) transact(ctx context.Context, on func(*engine) *sqlite.Conn, f func(c *sqlite.Conn) error) (err error) {
	if e.host != nil {
		return e.hosted(f)
	}
	start, timeout := time.Now(), e.options.BusyTimeout
	if err := e.gate.Wait(ctx, sqlite.NewWaiter(sqlite.Transactions, 0, homeOf(ctx)), timeout); err != nil {
		return fromGate(err)
	}
	defer e.gate.Release()
	c := on(e)
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
	if c == e.receipts {
		e.acted.Add(1)
	}
	e.committed(c)
	return nil
}

// read runs f on a connection of the pool.
func (e *engine) read(f func(c *sqlite.Conn) error) error {
	if err := e.usable(); err != nil {
		return err
	}
	if e.host != nil {
		return e.readHost(f)
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
