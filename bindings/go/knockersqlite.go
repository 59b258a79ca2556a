// Package knockersqlite is a durable webhook inbox in a SQLite file, for Go:
// receive webhooks in a route, handle them later in a transaction.
//
//   - [Open] opens the file, [Inbox.AddEndpoint] names a place that receives.
//   - [Inbox.Receive] verifies a request, stores it, and says what to answer.
//   - [Inbox.RegisterEventHandler] registers a function, and [Inbox.RunWorker]
//     runs it for each event, in a transaction that holds its writes together
//     with "handled".
//   - [Inbox.Events], [Inbox.Replay] and the like are for operators.
//
// Errors are [*Error], with a code: errors.Is(err, knockersqlite.ErrBusy).
//
// The package contains SQLite, so it needs CGO_ENABLED=1 and a C compiler. It is
// a thin layer over package core, which holds every rule; what is not here is
// reached through [Inbox.Core].
package knockersqlite

import (
	"context"

	"github.com/knocker-dev/knocker/core"
)

// Version is this library's version.
const Version = core.Version

// Inbox is an open file, or with [Attach] one on connections of the
// application's. It is safe for concurrent use. Inboxes on one file in one
// process share endpoints, secrets and handlers.
type Inbox struct {
	target target
	quiet  func() // ends the logging
}

// Open opens the inbox in the SQLite file at path with the default options, and
// makes the file and its tables where they are missing.
func Open(path string) (*Inbox, error) { return OpenWith(path, Options{}) }

// OpenWith is Open with options of your own. Errors: cannot_open,
// not_a_database, migration_needed, schema_missing, schema_too_new,
// open_options_conflict, network_file_system, busy, invalid_argument.
func OpenWith(path string, options Options) (*Inbox, error) {
	inbox, err := core.Open(path, options.core())
	if err != nil {
		return nil, err
	}
	opened := &Inbox{target: own{inbox}, quiet: func() {}}
	if options.Logger != nil {
		opened.quiet = inbox.Subscribe(core.LogHook(options.Logger))
	}
	return opened, nil
}

// Core is the engine's own inbox; nil for an attached one.
func (i *Inbox) Core() *core.Inbox {
	if o, ok := i.target.(own); ok {
		return o.inbox
	}
	return nil
}

// Path is the file's path with symbolic links resolved; "" where there is none.
func (i *Inbox) Path() (path string) {
	_ = i.target.use(context.Background(), func(c *core.Inbox) error { path = c.Path(); return nil })
	return path
}

// Close closes the inbox. The last one on the file waits for running calls and
// rolls open handler transactions back. Closing twice is ErrClosed. An attached
// inbox leaves the application's connections alone.
func (i *Inbox) Close() error {
	i.quiet()
	return i.target.close()
}

// Subscribe calls hook with what happens in this process, for metrics: it must
// return at once and must not call the inbox. The returned function ends that.
func (i *Inbox) Subscribe(hook func(HookEvent)) (cancel func()) {
	cancel = func() {}
	_ = i.target.use(context.Background(), func(c *core.Inbox) error { cancel = c.Subscribe(hook); return nil })
	return cancel
}

// HookEvent is something that happened: durations and counts, never a body or a
// secret.
type HookEvent = core.HookEvent
