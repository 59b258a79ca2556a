package core

import (
	"context"

	"github.com/knocker-dev/knocker/core/sqlite"
	"github.com/knocker-dev/knocker/core/store"
)

// HostInbox is the inbox on a connection of the host's, for one call: it runs on
// that connection, in its transaction where one is open (as a savepoint), else
// in transactions of its own. It starts no goroutine and leaves no statement
// prepared. What lives in memory (endpoints' secrets, handlers, options, workers
// and their steps) belongs to the file, and is shared by all connections of the
// process on it.
//
// The methods of Inbox work as ever, but for those that need connections or
// tasks of the library's own: they are invalid_state. Bulk actions and pruning
// take part in the host's transaction and never commit it.
type HostInbox struct {
	*Inbox
	file *hostFile
}

// OnConnection makes the inbox of a host's connection, which the caller detaches
// when the call is over.
func OnConnection(c *sqlite.Conn) (*HostInbox, error) {
	path, id := c.Main()
	f, err := hostFileOf(id)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return &HostInbox{&Inbox{e: &engine{path: path, host: c, hostFile: f, routines: c.Routines(), options: f.options, memory: f.memory}}, f}, nil
}

// Attach sets the inbox up: it chooses its options and makes its tables where
// they are missing and can be made; a file of the existing project is migrated,
// outside a transaction. A file that is locked, that can't be written, or that
// needs another version of this library stays as it is; with Migrate "never" that
// is an error. Without Attach all options have their defaults.
//
// Of the options, those count that are not about opening a file. The first
// Attach of a file in a process decides; scope is the handlers' scope. Errors:
// open_options_conflict, invalid_argument, schema_missing, migration_needed,
// and those of storage.
func (h *HostInbox) Attach(options Options, scope string) error {
	options.Engine = "host"
	options, err := options.withDefaults()
	if err != nil {
		return err
	}
	if err := h.file.agree(options, scope, false); err != nil {
		return err
	}
	h.e.options = options
	if err := h.prepareTables(); err != nil {
		return err
	}
	if err := h.file.agree(options, scope, true); err != nil {
		return err
	}
	h.file.mu.Lock()
	defer h.file.mu.Unlock()
	h.e.options = h.file.options
	return nil
}

// Attached reports whether somebody has attached the file in this process.
func (h *HostInbox) Attached() bool {
	h.file.mu.Lock()
	defer h.file.mu.Unlock()
	return h.file.attached
}

// agree compares the options with those in force, and puts them in force where
// none are yet.
func (f *hostFile) agree(options Options, scope string, set bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.attached && f.scope != scope:
		return fail(CodeOpenOptionsConflict, "the file is already attached in this process with another handler_scope: attach it with the same one everywhere")
	case f.attached:
		return f.options.conflict(options)
	case set:
		f.options, f.scope, f.attached = options, scope, true
	}
	return nil
}

func (h *HostInbox) prepareTables() error {
	if h.e.options.Migrate == "never" {
		return hostSchema(h.e.host)
	}
	if state, _, err := store.Inspect(h.e.host); err == nil && state == store.Foreign {
		return (&Hosted{h.e}).Bootstrap()
	}
	return (&Hosted{h.e}).BootstrapIfPossible()
}

// Scope is the handlers' scope that the first Attach named.
func (h *HostInbox) Scope() string {
	h.file.mu.Lock()
	defer h.file.mu.Unlock()
	return h.file.scope
}

// Keep returns what the caller keeps with the file: made by the first call.
func (h *HostInbox) Keep(first func() any) any {
	h.file.mu.Lock()
	defer h.file.mu.Unlock()
	if h.file.kept == nil {
		h.file.kept = first()
	}
	return h.file.kept
}

// Receive verifies one request and stores it, in the host's transaction where
// one is open. durable: it is on disk when the call returns; in a transaction of
// the host's nothing is, before its commit. TimeoutMilliseconds and Home play no
// part: the connection waits for locks as the host has set it up. Errors: those
// of Inbox.Receive.
func (h *HostInbox) Receive(_ context.Context, p ReceiveParams) (out Result, durable bool, err error) {
	return h.e.receiveHosted(&p, h.e.admitHosted)
}

// ownFile is usable for what a host's connection can't do.
func (i *Inbox) ownFile(what string) error {
	if i.e.host != nil {
		return NotOnConnection(what)
	}
	return i.usable()
}

// NotOnConnection is the error of an operation that needs connections or tasks
// of the library's own.
func NotOnConnection(what string) error {
	return fail(CodeInvalidState, "%s needs connections or tasks of the library's own, which an inbox on a host's connection has not: open() the file for it", what)
}

// known is what this process knows of an endpoint. On a host's connection that
// may have been rolled back.
func (e *engine) known(name string) *endpointState {
	s := e.endpoints.get(name)
	if s == nil || e.host == nil {
		return s
	}
	if now, err := e.endpoint(name); err != nil || now != s {
		return nil
	}
	return s
}
