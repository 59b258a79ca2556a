// Package core is Knocker's engine: a durable inbox for webhooks in a SQLite
// file. Open a file, add endpoints, Receive requests in a route, and run a
// worker that hands the stored events to handlers.
package core

import (
	"context"
	"sync/atomic"

	"github.com/knocker-dev/knocker/core/sqlite"
	"github.com/knocker-dev/knocker/core/store"
)

// Version is this library's version.
const Version = "0.1.0"

// Inbox is an open file. It is safe for concurrent use. Inboxes on one file in
// one process share their engine: endpoints' secrets and handlers too.
type Inbox struct {
	e      *engine
	closed atomic.Bool
}

// Open opens the inbox in the SQLite file at path, and makes the file and its
// tables where they are missing.
func Open(path string, options Options) (*Inbox, error) {
	options, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	e, err := acquireEngine(path, options)
	if err != nil {
		return nil, err
	}
	return &Inbox{e: e}, nil
}

// Close closes the inbox. The last one on the file waits for running calls and
// rolls open handler transactions back.
func (i *Inbox) Close() error {
	if !i.closed.CompareAndSwap(false, true) {
		return fail(CodeClosed, "")
	}
	i.e.release()
	return nil
}

// Release is Close for finalizers: it does not wait.
func (i *Inbox) Release() {
	if i.closed.CompareAndSwap(false, true) {
		releaseLater(i.e.release)
	}
}

// Path is the file's path with symbolic links resolved.
func (i *Inbox) Path() string { return i.e.path }

// SchemaVersion is the version of the file's tables; 0 when it can't be read.
func (i *Inbox) SchemaVersion() (version int) {
	inspect := func(c *sqlite.Conn) (err error) {
		_, version, err = store.Inspect(c)
		return err
	}
	if i.e.host != nil {
		_ = inspect(i.e.host) // also of a file that is too new to be read
	} else {
		_ = i.e.read(inspect)
	}
	return version
}

// Engine is which SQLite works on the file: "embedded" or "host".
func (i *Inbox) Engine() string { return i.e.options.Engine }

// SQLiteVersion is the version of the SQLite that works on the file.
func (i *Inbox) SQLiteVersion() string { return i.e.routines.Version() }

// SQLiteVersion is the version of the embedded SQLite.
func SQLiteVersion() string {
	r, err := sqlite.Embedded()
	if err != nil {
		return ""
	}
	return r.Version()
}

// FindHostSQLite takes over, for inboxes with the engine "host", the SQLite of a
// shared library that the process has loaded, or of one that it depends on; "" is
// the program itself. It does nothing where the host has handed one over, as it
// does by loading this library as an extension. The answer is the version of the
// host's SQLite; the error is driver_unavailable.
func FindHostSQLite(library string) (version string, err error) {
	r, err := sqlite.FindHost(library)
	if err != nil {
		return "", fromSQLite(err)
	}
	return r.Version(), nil
}

func (i *Inbox) usable() error {
	if i.closed.Load() {
		return fail(CodeClosed, "the inbox is closed")
	}
	return i.e.usable()
}

type homeKey struct{}

// WithHome names, for calls made with the returned context, the thread or event
// loop that stands still while they wait: instead of waiting for a handler
// transaction of the same home they fail with would_deadlock.
func WithHome(ctx context.Context, home uint64) context.Context {
	return context.WithValue(ctx, homeKey{}, home)
}

func homeOf(ctx context.Context) uint64 {
	home, _ := ctx.Value(homeKey{}).(uint64)
	return home
}
