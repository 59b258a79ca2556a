package knockersqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"io"
	"time"

	"github.com/knocker-dev/knocker/core"
)

// What follows hands one transaction to database/sql as a driver, for its
// conversions alone: its connections are all the same open transaction, and the
// rows are in memory when a query returns.

// timeFormat is how github.com/mattn/go-sqlite3 stores a time.Time.
const timeFormat = "2006-01-02 15:04:05.999999999-07:00"

type connector struct{ tx *core.Tx }

func (c connector) Connect(context.Context) (driver.Conn, error) { return connection(c), nil }

func (c connector) Driver() driver.Driver { return refuser{} }

// refuser stands for a driver that no name opens.
type refuser struct{}

func (refuser) Open(string) (driver.Conn, error) {
	return nil, &Error{Code: core.CodeInvalidArgument, Message: "a handler's transaction can't be opened by name"}
}

type connection struct{ tx *core.Tx }

func (c connection) Prepare(query string) (driver.Stmt, error) { return statement{c, query}, nil }

func (c connection) Close() error { return nil }

func (c connection) Begin() (driver.Tx, error) {
	return nil, &Error{Code: core.CodeForbiddenInHandler, Message: "a handler's transaction is one already: use SAVEPOINT inside it"}
}

func (c connection) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	done, err := c.tx.ExecContext(c.context(ctx), query, unnamed(args)...)
	if err != nil {
		return nil, err
	}
	return result(done), nil
}

func (c connection) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	rows, err := c.tx.QueryContext(c.context(ctx), query, unnamed(args)...)
	if err != nil {
		return nil, err
	}
	return &memory{rows: rows}, nil
}

// context waits no longer than the step lives where the caller has set no limit:
// database/sql starts a goroutine for every other context.
func (c connection) context(ctx context.Context) context.Context {
	if ctx.Done() == nil {
		return c.tx.Context()
	}
	return ctx
}

type statement struct {
	connection
	query string
}

func (s statement) NumInput() int { return -1 }

// Exec and Query are there for the interface: database/sql calls the forms with
// a context.
func (s statement) Exec([]driver.Value) (driver.Result, error) { return nil, driver.ErrSkip }

func (s statement) Query([]driver.Value) (driver.Rows, error) { return nil, driver.ErrSkip }

func (s statement) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return s.connection.ExecContext(ctx, s.query, args)
}

func (s statement) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return s.connection.QueryContext(ctx, s.query, args)
}

// memory is a finished answer, read row by row.
type memory struct {
	rows core.Rows
	next int
}

func (m *memory) Columns() []string { return m.rows.Columns }

func (m *memory) Close() error { return nil }

func (m *memory) Next(into []driver.Value) error {
	if m.next == len(m.rows.Rows) {
		return io.EOF
	}
	for n, cell := range m.rows.Rows[m.next] {
		into[n] = cell
	}
	m.next++
	return nil
}

// unnamed turns the arguments that database/sql has converted into the engine's.
func unnamed(args []driver.NamedValue) []any {
	out := make([]any, len(args))
	for n, arg := range args {
		out[n] = timeText(arg.Value)
		if arg.Name != "" {
			out[n] = sql.Named(arg.Name, out[n])
		}
	}
	return out
}

// plainArgs converts arguments as database/sql does: pointers, types of one's
// own, driver.Valuer.
func plainArgs(args []any) ([]any, error) {
	out := make([]any, len(args))
	for n, arg := range args {
		named, isNamed := arg.(sql.NamedArg)
		if isNamed {
			arg = named.Value
		}
		value, err := driver.DefaultParameterConverter.ConvertValue(arg)
		if err != nil {
			return nil, &Error{Code: core.CodeInvalidArgument, Message: "an argument of the statement can't be stored: " + err.Error(), Cause: err}
		}
		out[n] = timeText(value)
		if isNamed {
			out[n] = sql.Named(named.Name, out[n])
		}
	}
	return out, nil
}

func timeText(value any) any {
	if at, ok := value.(time.Time); ok {
		return at.Format(timeFormat)
	}
	return value
}
