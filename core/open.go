package core

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/knocker-dev/knocker/core/sqlite"
	"github.com/knocker-dev/knocker/core/sqlite/filelock"
	"github.com/knocker-dev/knocker/core/store"
)

// resolve follows symbolic links, so that one file has one engine; the file
// itself need not exist yet.
func resolve(path string) (string, error) {
	if path == "" || path == ":memory:" {
		return "", fail(CodeInvalidArgument, "path must name a file: the inbox has to outlive the process")
	}
	if strings.ContainsRune(path, 0) {
		// SQLite would end the name there, and open another file.
		return "", fail(CodeInvalidArgument, "path must have no NUL byte")
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
	routines, err := engineRoutines(options.Engine)
	if err != nil {
		return nil, fromSQLite(err)
	}
	e := &engine{path: path, options: options, routines: routines, memory: newMemory(), gate: &sqlite.Gate{},
		workers: map[*Worker]struct{}{}, closing: make(chan struct{}), checkpoints: make(chan struct{}, 1)}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil, fail(CodeCannotOpen, "%s is a directory, not a database file", path)
	}
	if e.file, err = prepareFile(routines, path, filelock.Options{FileMode: options.FileMode, AllowNetwork: options.AllowNetworkFileSystem}); err != nil {
		return nil, err
	}
	if err := e.connect(); err != nil {
		e.disconnect()
		return nil, err
	}
	e.gate.OnWait(e.flush)
	e.wake = newWake(e)
	e.background("checkpoint", e.checkpointLoop)
	e.background("file lock watch", e.watchFile)
	return e, nil
}

func engineRoutines(engine string) (sqlite.Routines, error) {
	if engine == "host" {
		return sqlite.Host()
	}
	return sqlite.Embedded()
}

// prepareFile makes the file where it is missing. The answer is nil for a
// host's SQLite: it locks the file in its own way.
func prepareFile(r sqlite.Routines, path string, options filelock.Options) (*filelock.File, error) {
	if r.IsHost() {
		if err := filelock.Create(path, options); err != nil {
			return nil, fromFileLock(err)
		}
		return nil, nil
	}
	file, err := filelock.Prepare(path, options)
	if err != nil {
		return nil, fromFileLock(err)
	}
	return file, nil
}

func (e *engine) connect() error {
	var err error
	if e.receipts, err = e.open(); err != nil {
		return err
	}
	if err := e.bootstrap(); err != nil {
		return err
	}
	if e.handlers, err = e.openHandlers("NORMAL"); err != nil {
		return err
	}
	e.readers.open = e.openReader
	return nil
}

// openHandlers opens the connection of the handlers' transactions. An
// application's statements run on it, so it is guarded.
func (e *engine) openHandlers(synchronous string) (*sqlite.Conn, error) {
	c, err := e.open()
	if err != nil {
		return nil, err
	}
	if err = e.configure(c, synchronous); err == nil {
		err = fromSQLite(c.Guard())
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// syncHandlers makes handlers' commits synced from now on, for all workers of
// the file. The connection is replaced: a pragma would not reach the
// statements that are already prepared.
func (e *engine) syncHandlers() error {
	if err := e.gate.Wait(context.Background(), sqlite.NewWaiter(sqlite.Transactions, 0, 0), e.options.BusyTimeout); err != nil {
		return fromGate(err)
	}
	defer e.gate.Release()
	if e.synced {
		return nil
	}
	c, err := e.openHandlers("FULL")
	if err != nil {
		return err
	}
	e.handlers.Close()
	e.handlers, e.synced = c, true
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
// never changes: cached statements would lose the change. temp_store keeps what
// savepoints remember in memory: it would go to a file in another directory.
// secure_delete keeps copies of rows out of the unused parts of pages, where an
// erasure would not find them. A cache of 4 MiB a connection is as fast as one of
// 8 and keeps what a process grows to, once it has seen many events, below 10 MB.
func (e *engine) configure(c *sqlite.Conn, synchronous string) error {
	script := "PRAGMA temp_store = MEMORY; PRAGMA main.secure_delete = FAST; PRAGMA main.synchronous = " + synchronous + "; PRAGMA cache_size = -4096; PRAGMA fullfsync = 1; PRAGMA checkpoint_fullfsync = 1; PRAGMA foreign_keys = "
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
	if err := c.Script("PRAGMA temp_store = MEMORY; PRAGMA query_only = ON"); err != nil {
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
	if state == store.Foreign {
		if err := e.migrateForeign(); err != nil {
			return err
		}
		if state, _, err = store.Inspect(c); err != nil {
			return describeOpen(e.path, err)
		}
	}
	// A webhook of 2 KB fills half a page of 4 KiB and leaves the rest empty; and
	// what retention frees is to go back to the file system in small steps. The
	// pragmas do something only in a file that has no page yet.
	if state == store.Empty {
		if err := c.Script("PRAGMA main.page_size = 8192; PRAGMA main.auto_vacuum = INCREMENTAL"); err != nil {
			return describeOpen(e.path, err)
		}
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
	case state == store.Empty && e.options.Migrate == "never":
		return fail(CodeSchemaMissing, "the file has no inbox yet and migrate=never forbids to make one")
	case state == store.Foreign && e.options.Migrate == "never":
		return fail(CodeMigrationNeeded, "the file was made by the package knockerlite. Migrating it is one transaction and keeps every row; end that package's processes and make a copy first (docs/migrating.md)")
	case state == store.Older && e.options.Migrate == "never":
		return fail(CodeMigrationNeeded, "")
	}
	return nil
}

// migrateForeign brings a file of the existing project to this layout, before
// anything else of it is changed.
func (e *engine) migrateForeign() error {
	err := e.receipts.Script("PRAGMA temp_store = MEMORY; PRAGMA main.synchronous = EXTRA; PRAGMA fullfsync = 1")
	if err == nil {
		err = store.Migrate(e.receipts, e.options.QueueName)
	}
	if err != nil {
		return describeOpen(e.path, describeMigration(err))
	}
	// The log now holds the tables once more; a process that reads may keep it.
	_, _, _ = e.receipts.Checkpoint(sqlite.CheckpointTruncate)
	return nil
}

func describeMigration(err error) error {
	var obstacle *store.Obstacle
	if errors.As(err, &obstacle) {
		return &Error{Code: CodeMigrationNeeded, Message: obstacle.Text, Cause: err}
	}
	return err
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
