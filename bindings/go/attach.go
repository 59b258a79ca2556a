package knockersqlite

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"sync"
	"time"
	"unsafe"

	"github.com/knocker-dev/knocker/core"
	"github.com/knocker-dev/knocker/core/sqlite"
)

// Attach makes an inbox on an application's own connections, which [Driver] must
// have opened, and makes its tables where they are missing:
//
//	db, err := sql.Open(knockersqlite.DriverName, "file:app.db?_journal_mode=WAL&_synchronous=FULL")
//	inbox, err := knockersqlite.Attach(db)
//
// A handler's Tx is then a transaction of such a connection, so that what GORM,
// sqlc or plain database/sql writes through it is committed together with
// "handled". How long a call waits for a lock, and whether a commit waits for
// the disk, is as the application has set its connections up.
//
// Backup, Expunge and retention in the background need [Open]: here they are
// invalid_state. Errors: invalid_argument, driver_unavailable, migration_needed, schema_too_new,
// open_options_conflict, and those of storage.
func Attach(db *sql.DB) (*Inbox, error) { return AttachWith(db, Options{}) }

// AttachWith is Attach with options of your own. BusyTimeout bounds the wait for a
// free connection of the pool; those about opening a file play no part.
func AttachWith(db *sql.DB, options Options) (*Inbox, error) {
	if db == nil {
		return nil, nothingToAttachTo("*sql.DB")
	}
	timeout := options.BusyTimeout
	if timeout <= 0 {
		timeout = 5 * time.Second
	}
	return attach(pool{db, timeout}, options)
}

// AttachConn is AttachWith for one connection. Calls run in its transaction where
// one is open, and are undone with it. A worker runs one handler at a time.
func AttachConn(conn *sql.Conn, options Options) (*Inbox, error) {
	if conn == nil {
		return nil, nothingToAttachTo("*sql.Conn")
	}
	return attach(single{conn}, options)
}

func nothingToAttachTo(kind string) error {
	return &Error{Code: core.CodeInvalidArgument, Message: "the " + kind + " to attach to is nil"}
}

func attach(connections connections, options Options) (*Inbox, error) {
	a := attached{connections}
	i := &Inbox{target: a, quiet: func() {}}
	ctx := context.Background()
	err := a.on(ctx, func(h *core.HostInbox) error {
		if err := h.Attach(options.core(), ""); err != nil {
			return err
		}
		_, _, err := h.ListEndpoints(ctx, 1, "") // a file that can't be used is told of now
		return err
	})
	if err != nil {
		return nil, err
	}
	if options.Logger != nil {
		i.quiet = i.Subscribe(core.LogHook(options.Logger))
	}
	return i, nil
}

// connections lends one connection at a time.
type connections interface {
	with(ctx context.Context, f func(conn *sql.Conn) error) error
	most() int // handlers at once; 0: no bound
}

type pool struct {
	db      *sql.DB
	timeout time.Duration // for a free connection
}

func (p pool) with(ctx context.Context, f func(conn *sql.Conn) error) error {
	bounded, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	conn, err := p.db.Conn(bounded)
	switch {
	case err != nil && bounded.Err() != nil && ctx.Err() == nil:
		return &Error{Code: core.CodeBusy, Message: "no connection of the pool was free in time: inside a handler call Tx.Inbox, which uses the handler's", Cause: err}
	case err != nil:
		return foreign(err)
	}
	defer func() { _ = conn.Close() }()
	return f(conn)
}

func (pool) most() int { return 0 }

type single struct{ conn *sql.Conn }

func (s single) with(_ context.Context, f func(conn *sql.Conn) error) error { return f(s.conn) }

func (single) most() int { return 1 }

// attached is the target of an attached inbox.
type attached struct{ connections connections }

func (a attached) on(ctx context.Context, f func(h *core.HostInbox) error) error {
	return a.connections.with(ctx, func(conn *sql.Conn) error { return onConnection(ctx, conn, f) })
}

// onConnection runs f while nobody else can use the connection.
func onConnection(ctx context.Context, conn *sql.Conn, f func(h *core.HostInbox) error) error {
	var address int64
	if err := conn.QueryRowContext(ctx, "SELECT "+addressFunction+"()").Scan(&address); err != nil {
		if !strings.Contains(err.Error(), "no such function") {
			return foreign(err)
		}
		return &Error{Code: core.CodeDriverUnavailable, Cause: err,
			Message: "the connection lacks the inbox's functions: open the database with the driver \"" + DriverName + "\""}
	}
	routines, err := sqlite.Embedded()
	if err != nil {
		return &Error{Code: core.CodeDriverUnavailable, Message: err.Error(), Cause: err}
	}
	var result error
	err = conn.Raw(func(any) error {
		handle := uintptr(address)
		c, err := sqlite.Attach(routines, *(*unsafe.Pointer)(unsafe.Pointer(&handle)))
		if err != nil {
			return err
		}
		defer c.Detach()
		h, err := core.OnConnection(c)
		if err == nil {
			err = f(h)
		}
		result = err // not through database/sql, which looks into errors
		return nil
	})
	if err != nil {
		return foreign(err)
	}
	return result
}

// foreign gives an error of database/sql a code.
func foreign(err error) error {
	code := core.CodeSQLError
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		code = core.CodeCancelled
	case errors.Is(err, sql.ErrConnDone), err.Error() == "sql: database is closed":
		code = core.CodeClosed
	}
	return &Error{Code: code, Message: err.Error(), Cause: err}
}

func (a attached) use(ctx context.Context, f func(c *core.Inbox) error) error {
	return a.on(ctx, func(h *core.HostInbox) error { return f(h.Inbox) })
}

func (a attached) receive(ctx context.Context, p core.ReceiveParams) (result Result, durable bool, err error) {
	err = a.on(ctx, func(h *core.HostInbox) (err error) {
		result, durable, err = h.Receive(ctx, p)
		return err
	})
	return result, durable, err
}

// functions are the handlers of a file, by the engine's number.
type functions struct {
	mu   sync.Mutex
	byID map[int64]EventHandler
}

func functionsOf(h *core.HostInbox) *functions {
	return h.Keep(func() any { return &functions{byID: map[int64]EventHandler{}} }).(*functions)
}

func (f *functions) find(id int64) EventHandler {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.byID[id]
}

func (a attached) handle(p core.HandlerParams, handle EventHandler) error {
	return a.on(context.Background(), func(h *core.HostInbox) error {
		if handle == nil {
			return h.Handle(p, nil) // the engine's own error
		}
		f := functionsOf(h)
		f.mu.Lock()
		defer f.mu.Unlock()
		registered, err := h.RegisterHandler(p)
		if err == nil {
			delete(f.byID, registered.Replaced)
			f.byID[registered.ID] = handle
		}
		return err
	})
}

// close has nothing to close: the connections are the application's.
func (attached) close() error { return nil }
