package knockersqlite

import (
	"context"
	"database/sql"
	"sync"

	"github.com/knocker-dev/knocker/core"
)

// Tx is a handler's transaction, with the methods of database/sql: what takes
// the queries of sqlc, GORM or of a repository takes a Tx. It opens (BEGIN
// IMMEDIATE) at the first use and is committed together with "handled"; it may
// stay open Options.MaxTransaction, so do slow work before. It ends with the
// handler.
//
// One statement a call. Arguments are what database/sql takes, sql.Named too;
// a time.Time is stored as the text "2006-01-02 15:04:05.999999999-07:00".
// Errors: transaction_timeout, forbidden_in_handler, sql_error, lease_lost,
// stopped, busy.
//
// In a worker of an attached inbox it is a transaction of the application's own
// connection, with the errors of its driver, and open from the start.
type Tx struct{ in transaction }

// transaction is where a Tx runs its statements.
type transaction interface {
	Context() context.Context
	Begin() error
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
}

// Context ends when the run does: time limit, lost lease or stop. Pass it to
// what the handler calls.
func (t *Tx) Context() context.Context { return t.in.Context() }

// Begin opens the transaction now instead of at its first use.
func (t *Tx) Begin() error { return t.in.Begin() }

// SQLTx is the transaction of the application's own connection, for code that
// asks for one; nil where the inbox is not attached. Whoever commits it or rolls
// it back makes the run fail with transaction_ended.
func (t *Tx) SQLTx() *sql.Tx {
	if h, ok := t.in.(hostTx); ok {
		return h.Tx
	}
	return nil
}

// Inbox is the inbox in this transaction of the application's own connection: what
// it does is committed, or undone, with the handler's writes. Nil where the inbox
// is not attached. It ends with the handler.
func (t *Tx) Inbox() *Inbox {
	if h, ok := t.in.(hostTx); ok {
		return &Inbox{target: attached{single{h.conn}}, quiet: func() {}}
	}
	return nil
}

// Exec runs one statement.
func (t *Tx) Exec(query string, args ...any) (sql.Result, error) {
	return t.ExecContext(t.Context(), query, args...)
}

// ExecContext is Exec with a context, which bounds the wait for the writer: a
// statement that runs is not interrupted.
func (t *Tx) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return t.in.ExecContext(ctx, query, args...)
}

// Query runs one statement and returns its rows, which are all in memory then.
func (t *Tx) Query(query string, args ...any) (*sql.Rows, error) {
	return t.QueryContext(context.Background(), query, args...)
}

// QueryContext is Query with a context, as for ExecContext.
func (t *Tx) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return t.in.QueryContext(ctx, query, args...)
}

// QueryRow runs one statement for its first row; Scan answers sql.ErrNoRows
// where there is none.
func (t *Tx) QueryRow(query string, args ...any) *sql.Row {
	return t.QueryRowContext(context.Background(), query, args...)
}

// QueryRowContext is QueryRow with a context, as for ExecContext.
func (t *Tx) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	return t.in.QueryRowContext(ctx, query, args...)
}

// Prepare makes a statement of this transaction, for code that asks for one: the
// inbox keeps its statements prepared anyway.
func (t *Tx) Prepare(query string) (*sql.Stmt, error) {
	return t.PrepareContext(context.Background(), query)
}

// PrepareContext is Prepare with a context.
func (t *Tx) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	return t.in.PrepareContext(ctx, query)
}

// engineTx is a transaction of the engine's own connection.
type engineTx struct {
	tx *core.Tx
	mu sync.Mutex
	db *sql.DB // converts rows; opened by the first query

	ended bool
}

func (t *engineTx) Context() context.Context { return t.tx.Context() }

func (t *engineTx) Begin() error { return t.tx.Begin(t.Context()) }

func (t *engineTx) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	args, err := plainArgs(args)
	if err != nil {
		return nil, err
	}
	done, err := t.tx.ExecContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	return result(done), nil
}

func (t *engineTx) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	db, done := t.rows()
	defer done()
	return db.QueryContext(ctx, query, args...)
}

func (t *engineTx) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	db, done := t.rows()
	defer done()
	return db.QueryRowContext(ctx, query, args...)
}

func (t *engineTx) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	db, done := t.rows()
	defer done()
	return db.PrepareContext(ctx, query)
}

// rows is the transaction as database/sql sees it, and what to call when the
// query is done. After the run each use has its own, so that it meets the
// engine's refusal, in which the reason is, and leaves nothing behind.
func (t *engineTx) rows() (db *sql.DB, done func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		db = sql.OpenDB(connector{t.tx})
		return db, func() { _ = db.Close() }
	}
	if t.db == nil {
		t.db = sql.OpenDB(connector{t.tx})
	}
	return t.db, func() {}
}

// end lets go of what database/sql holds.
func (t *engineTx) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
	if t.db != nil {
		_ = t.db.Close()
	}
}

// hostTx is a transaction of the application's own connection.
type hostTx struct {
	*sql.Tx
	conn *sql.Conn
	ctx  context.Context
}

func (t hostTx) Context() context.Context { return t.ctx }

// Begin does nothing: the transaction is open.
func (t hostTx) Begin() error { return nil }

// result is a core.ExecResult with the methods of sql.Result.
type result core.ExecResult

// LastInsertId is the id of the last inserted row.
func (r result) LastInsertId() (int64, error) { return r.LastInsertID, nil }

// RowsAffected counts the rows that were changed.
func (r result) RowsAffected() (int64, error) { return r.Changes, nil }
