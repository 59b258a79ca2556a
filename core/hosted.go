package core

import (
	"context"

	"github.com/knocker-dev/knocker/core/provider"
	"github.com/knocker-dev/knocker/core/sqlite"
	"github.com/knocker-dev/knocker/core/store"
)

// Hosted runs the inbox's rules on a connection of the host's, in its
// transaction where one is open. It keeps nothing between calls, starts no
// goroutine and waits for locks as the host's connection is set up to.
type Hosted struct{ e *engine }

// Attach makes a Hosted for one call. queueName and maxAttempts are the call's;
// "" and 0 are the core's defaults.
func Attach(c *sqlite.Conn, queueName string, maxAttempts int) (*Hosted, error) {
	options, err := Options{QueueName: queueName, Retry: RetryPolicy{MaxAttempts: maxAttempts}}.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Hosted{&engine{host: c, options: options, queueGiven: queueName != "", memory: newMemory()}}, nil
}

// hosted runs f in a transaction of its own, or in a savepoint of the host's.
func (e *engine) hosted(f func(c *sqlite.Conn) error) error {
	own := !e.host.InTransaction()
	return e.inHost(func(c *sqlite.Conn) error {
		if err := e.hostTables(c, own); err != nil {
			return err
		}
		return f(c)
	})
}

// hostTables is hostSchema, which is left out where SQLite's schema cookie is the
// one with which the file was found in order. committed: no transaction of the
// host's may have changed the cookie and roll that back.
func (e *engine) hostTables(c *sqlite.Conn, committed bool) error {
	if e.hostFile == nil {
		return hostSchema(c)
	}
	cookie, err := store.Cookie(c)
	if err != nil {
		return fromSQLite(err)
	}
	if e.hostFile.cookie.Load() == cookie {
		return nil
	}
	if err := hostSchema(c); err != nil {
		return err
	}
	if committed {
		e.hostFile.cookie.Store(cookie)
	}
	return nil
}

func (e *engine) inHost(f func(c *sqlite.Conn) error) (err error) {
	c := e.host
	if c.WriteRuns() {
		return insideWrite()
	}
	begin, end, undo := "BEGIN IMMEDIATE", "COMMIT", []string{"ROLLBACK"}
	if c.InTransaction() {
		begin, end, undo = "SAVEPOINT knocker_call", "RELEASE knocker_call", []string{"ROLLBACK TO knocker_call", "RELEASE knocker_call"}
	}
	last := c.LastInsertID()
	defer c.SetLastInsertID(last)
	if _, err := c.Exec(begin); err != nil {
		return fromSQLite(err)
	}
	done := false
	defer func() {
		for _, sql := range undo {
			if !done && c.InTransaction() {
				_, _ = c.Exec(sql)
			}
		}
	}()
	if err = f(c); err == nil {
		_, err = c.Exec(end)
	}
	done = err == nil
	return fromSQLite(err)
}

func insideWrite() *Error {
	return fail(CodeInvalidArgument, "the function can't run inside a statement that writes: call it alone, as the only expression of a SELECT")
}

// readHost runs f on the host's connection. A file that is too new might be read
// wrongly, so that is asked before; why else it fails, only then.
func (e *engine) readHost(f func(c *sqlite.Conn) error) error {
	if e.hostFile != nil {
		if err := e.hostTables(e.host, !e.host.InTransaction()); err != nil {
			return err
		}
	}
	err := f(e.host)
	if sqlite.CodeOf(err) == sqlite.CodeError {
		if why := hostSchema(e.host); why != nil {
			return why
		}
	}
	return fromSQLite(err)
}

// hostSchema refuses a file without the inbox's present tables.
func hostSchema(c *sqlite.Conn) error {
	state, _, err := store.Inspect(c)
	switch {
	case err != nil:
		return fromSQLite(err)
	case state == store.Empty:
		return fail(CodeSchemaMissing, "the inbox's tables are not in the file: attach to it again, or SELECT knocker_bootstrap()")
	case state == store.Foreign:
		return foreignHere()
	case state == store.Older:
		return fail(CodeMigrationNeeded, "")
	case state == store.TooNew:
		return fail(CodeSchemaTooNew, "")
	}
	return nil
}

// Bootstrap makes the inbox's tables where they are missing, and migrates a file
// of the existing project, which needs a transaction of its own. Where the tables
// are there it waits for nobody: each new connection of a pool may ask for it.
func (h *Hosted) Bootstrap() error {
	state, _, err := store.Inspect(h.e.host)
	if err != nil || state == store.Current {
		return fromSQLite(err)
	}
	if state == store.Foreign {
		return h.migrateForeign()
	}
	return h.e.inHost(func(c *sqlite.Conn) error {
		state, _, err := store.Inspect(c)
		if err == nil {
			err = h.e.refuseState(state)
		}
		if err != nil || state == store.Current {
			return err
		}
		return store.Bootstrap(c)
	})
}

func foreignHere() error {
	return fail(CodeMigrationNeeded, "the file was made by the package knockerlite: SELECT knocker_bootstrap() migrates it, outside a transaction. End that package's processes and make a copy first (docs/migrating.md)")
}

func (h *Hosted) migrateForeign() error {
	c := h.e.host
	switch {
	case c.WriteRuns():
		return insideWrite()
	case c.InTransaction():
		return foreignHere()
	}
	last := c.LastInsertID()
	defer c.SetLastInsertID(last)
	return fromSQLite(describeMigration(store.Migrate(c, h.e.options.QueueName)))
}

// AddEndpoint adds the endpoint, or brings the one of this name up to date.
// Secrets are given with each call of Receive.
func (h *Hosted) AddEndpoint(name, path, providerName string, enabled bool) (int64, error) {
	s, err := h.e.prepareEndpoint(EndpointParams{Name: name, Path: path, Disabled: !enabled})
	if err != nil {
		return 0, err
	}
	if providerName != "" {
		if s.Provider, err = knownProvider(name, providerName); err != nil {
			return 0, err
		}
	}
	err = h.e.saveEndpoint(context.Background(), s, providerName == "")
	return s.ID, err
}

// BootstrapIfPossible is Bootstrap, but leaves a file alone that can't be written
// now, or that needs a migration: then each call says why it can't run.
func (h *Hosted) BootstrapIfPossible() error {
	if state, _, err := store.Inspect(h.e.host); err == nil && state == store.Foreign {
		return nil
	}
	err := h.Bootstrap()
	switch CodeOf(err) {
	case CodeReadOnly, CodeBusy, CodeBusySnapshot, CodeMigrationNeeded, CodeSchemaTooNew:
		return nil
	}
	return err
}

// Receive verifies and stores one request. durable: it is on disk when the call
// returns; in the host's transaction nothing is, before its commit.
func (h *Hosted) Receive(p ReceiveParams) (out Result, durable bool, err error) {
	return h.e.receiveHosted(&p, h.e.admitUnlessFull)
}

// receiveHosted asks admit whether a refusal is stored.
func (e *engine) receiveHosted(p *ReceiveParams, admit func(r *receipt) (bool, error)) (out Result, durable bool, err error) {
	if err := e.hostTables(e.host, !e.host.InTransaction()); err != nil {
		return out, false, err
	}
	r, err := e.prepareReceipt(p)
	if err != nil {
		return out, false, err
	}
	if r.verdict.Discard {
		return r.answer(0, nil, false), false, nil
	}
	if r.unproven() {
		if stored, err := admit(r); err != nil || !stored {
			return e.refuseUnstored(r), false, err
		}
	}
	if err := r.pack(); err != nil {
		return out, false, fromSQLite(err)
	}
	own := !e.host.InTransaction()
	if r.err = e.writeHosted(r); collided(r.err) && !e.careful.Swap(true) {
		r.err = e.writeHosted(r)
	}
	e.announce([]*receipt{r}, 0)
	if r.err != nil {
		return out, false, r.err
	}
	return r.result, own && synchronous(e.host), nil
}

// writeHosted stores a receipt on the host's connection.
func (e *engine) writeHosted(r *receipt) error {
	return e.hosted(func(c *sqlite.Conn) error {
		var ids sequences
		err := ids.read(c)
		if err == nil && e.careful.Load() {
			err = ids.raise(c)
		}
		if err == nil {
			_, err = writeReceipts(c, ids, []*receipt{r}, false)
		}
		return err
	})
}

// admitUnlessFull stores refusals until as many are there as may be. Nothing is
// pruned here to make room: that is a task of an inbox.
func (e *engine) admitUnlessFull(r *receipt) (bool, error) {
	found, err := e.countRefusals()
	if err != nil {
		return false, err
	}
	n := found.endpoints[r.endpoint.ID]
	return (n == nil || n.rows < e.options.MaxOrphans) && found.bytes < e.options.MaxOrphanBytes, nil
}

// synchronous reports whether a commit of the connection waits for the disk.
func synchronous(c *sqlite.Conn) bool {
	if path, _ := c.Main(); path == "" {
		return false
	}
	level, err := c.Query("PRAGMA main.synchronous")
	return err == nil && level.Next() && level.Int(0) >= 2
}

// knownProvider is the provider's name as it is stored.
func knownProvider(endpoint, name string) (string, error) {
	def, ok := provider.Lookup(name)
	if !ok {
		return "", unknownProvider(endpoint, name)
	}
	return def.Name, nil
}
