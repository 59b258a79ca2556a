package knockersqlite_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"path/filepath"
	"testing"
	"time"

	knockersqlite "github.com/knocker-dev/knocker/bindings/go"
)

// A Tx is what code written for database/sql asks for: this is the interface
// that sqlc generates.
var _ interface {
	ExecContext(context.Context, string, ...any) (sql.Result, error)
	PrepareContext(context.Context, string) (*sql.Stmt, error)
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
	QueryRowContext(context.Context, string, ...any) *sql.Row
} = (*knockersqlite.Tx)(nil)

// handleOne receives one event and runs handle for it; what handle returns fails
// the test.
func handleOne(t *testing.T, handle knockersqlite.EventHandler) {
	t.Helper()
	inbox := open(t)
	var failure error
	called := false
	err := inbox.RegisterHandler("orders", func(event knockersqlite.Event, tx *knockersqlite.Tx) error {
		called = true
		failure = handle(event, tx)
		return failure
	})
	if err != nil {
		t.Fatal(err)
	}
	receive(t, inbox, `{"type":"order.paid"}`)
	if _, err := inbox.RunWorkerOnce(context.Background(), knockersqlite.WorkerOptions{}); err != nil {
		t.Fatal(err)
	}
	if !called || failure != nil {
		t.Fatal(called, failure)
	}
}

func receive(t *testing.T, inbox *knockersqlite.Inbox, body string) knockersqlite.Result {
	t.Helper()
	result, err := inbox.Receive(knockersqlite.ReceiveParams{Endpoint: "orders", Header: header, Body: []byte(body)})
	if err != nil || result.EventID == 0 {
		t.Fatal(result, err)
	}
	return result
}

type cents int64

// upper is a type of an application's own, as uuid libraries have them.
type upper string

func (u upper) Value() (driver.Value, error) { return "VALUE " + string(u), nil }

// Arguments and cells convert as database/sql does it, so that a repository
// written for *sql.Tx works on a Tx.
func TestTxConversions(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	name := "pointer"
	handleOne(t, func(_ knockersqlite.Event, tx *knockersqlite.Tx) error {
		if _, err := tx.Exec("CREATE TABLE kinds (id INTEGER PRIMARY KEY, a, b, c, d, e, f, g)"); err != nil {
			return err
		}
		done, err := tx.Exec("INSERT INTO kinds (a, b, c, d, e, f, g) VALUES (?, ?, ?, ?, ?, ?, ?)",
			cents(995), &name, upper("x"), at, []byte{0, 255}, sql.NullString{}, 1.5)
		if err != nil {
			return err
		}
		id, _ := done.LastInsertId()
		changed, _ := done.RowsAffected()
		if id != 1 || changed != 1 {
			t.Error(id, changed)
		}
		var (
			a       cents
			b, c, d string
			e       []byte
			f       sql.NullString
			g       float64
		)
		err = tx.QueryRow("SELECT a, b, c, d, e, f, g FROM kinds WHERE id = :id", sql.Named("id", id)).Scan(&a, &b, &c, &d, &e, &f, &g)
		if err != nil {
			return err
		}
		if a != 995 || b != "pointer" || c != "VALUE x" || d != "2026-01-02 03:04:05.000000006+00:00" || string(e) != "\x00\xff" || f.Valid || g != 1.5 {
			t.Error(a, b, c, d, e, f, g)
		}
		if err := tx.QueryRow("SELECT 1 WHERE 0").Scan(&id); !errors.Is(err, sql.ErrNoRows) {
			t.Error(err)
		}
		return nil
	})
}

// Rows need not be closed before the next statement, and a prepared statement
// belongs to the transaction: both as with *sql.Tx, or better.
func TestTxRowsAndStatements(t *testing.T) {
	handleOne(t, func(_ knockersqlite.Event, tx *knockersqlite.Tx) error {
		if _, err := tx.Exec("CREATE TABLE numbers (n INTEGER)"); err != nil {
			return err
		}
		insert, err := tx.Prepare("INSERT INTO numbers VALUES (?)")
		if err != nil {
			return err
		}
		defer insert.Close()
		for n := range 3 {
			if _, err := insert.Exec(n); err != nil {
				return err
			}
		}
		rows, err := tx.Query("SELECT n FROM numbers ORDER BY n")
		if err != nil {
			return err
		}
		var got []int
		for rows.Next() {
			var n int
			if err := rows.Scan(&n); err != nil {
				return err
			}
			if _, err := tx.Exec("UPDATE numbers SET n = n + 10 WHERE n = ?", n); err != nil {
				return err
			}
			got = append(got, n)
		}
		var sum int
		if err := tx.QueryRow("SELECT sum(n) FROM numbers").Scan(&sum); err != nil {
			return err
		}
		if len(got) != 3 || sum != 33 {
			t.Error(got, sum)
		}
		return rows.Err()
	})
}

// What a handler may not do, and a mistake in SQL, are errors with a code; the
// transaction lives on.
func TestTxRefusals(t *testing.T) {
	handleOne(t, func(_ knockersqlite.Event, tx *knockersqlite.Tx) error {
		for statement, want := range map[string]error{
			"COMMIT":                            knockersqlite.ErrForbiddenInHandler,
			"DELETE FROM knocker_events":        knockersqlite.ErrForbiddenInHandler,
			"SELECT * FROM nothing_of_the_kind": knockersqlite.ErrSQLError,
		} {
			if _, err := tx.Exec(statement); !errors.Is(err, want) {
				t.Errorf("Exec %s: %v", statement, err)
			}
			if _, err := tx.Query(statement); !errors.Is(err, want) {
				t.Errorf("Query %s: %v", statement, err)
			}
			var n int
			if err := tx.QueryRow(statement).Scan(&n); !errors.Is(err, want) {
				t.Errorf("QueryRow %s: %v", statement, err)
			}
		}
		if _, err := tx.Exec("SELECT ?", make(chan int)); !errors.Is(err, knockersqlite.ErrInvalidArgument) {
			t.Error(err)
		}
		if _, err := tx.Exec("SELECT ?, :b", 1, sql.Named("b", 2)); !errors.Is(err, knockersqlite.ErrInvalidArgument) {
			t.Error(err)
		}
		_, err := tx.Exec("CREATE TABLE fine (n)")
		return err
	})
}

// A context of the caller's own that has ended stops a statement before it
// runs, and is found with errors.Is.
func TestTxContext(t *testing.T) {
	handleOne(t, func(_ knockersqlite.Event, tx *knockersqlite.Tx) error {
		if err := tx.Begin(); err != nil {
			return err
		}
		ctx, cancel := context.WithCancel(tx.Context())
		cancel()
		_, err := tx.ExecContext(ctx, "CREATE TABLE never (n)")
		if !errors.Is(err, knockersqlite.ErrCancelled) || !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if _, err := tx.QueryContext(ctx, "SELECT 1"); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		var tables int
		return tx.QueryRow("SELECT count(*) FROM sqlite_schema WHERE name = 'never'").Scan(&tables)
	})
}

// A Tx that is kept is refused by the engine, for every kind of statement, and
// its context has ended.
func TestTxAfterTheHandler(t *testing.T) {
	var kept *knockersqlite.Tx
	handleOne(t, func(_ knockersqlite.Event, tx *knockersqlite.Tx) error {
		kept = tx
		var n int
		return tx.QueryRow("SELECT 1").Scan(&n)
	})
	if _, err := kept.Exec("SELECT 1"); !errors.Is(err, knockersqlite.ErrClosed) {
		t.Error(err)
	}
	if _, err := kept.Query("SELECT 1"); !errors.Is(err, knockersqlite.ErrClosed) {
		t.Error(err)
	}
	var n int
	if err := kept.QueryRow("SELECT 1").Scan(&n); !errors.Is(err, knockersqlite.ErrClosed) {
		t.Error(err)
	}
	if kept.Context().Err() == nil {
		t.Error("the context goes on")
	}
}

// A handler that calls the inbox while its transaction is open waits for itself,
// but not for ever, and goes on.
func TestHandlerDoesNotWaitForItselfForEver(t *testing.T) {
	inbox, err := knockersqlite.OpenWith(filepath.Join(t.TempDir(), "app.db"), knockersqlite.Options{ReceiveTimeout: 50 * time.Millisecond, BusyTimeout: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = inbox.Close() })
	if _, err := inbox.AddEndpoint(knockersqlite.AddEndpointParams{Name: "orders", Provider: "token-header", Secrets: "token"}); err != nil {
		t.Fatal(err)
	}
	var inside []error
	if err := inbox.RegisterHandler("orders", func(event knockersqlite.Event, tx *knockersqlite.Tx) error {
		if err := tx.Begin(); err != nil {
			return err
		}
		_, err := inbox.Receive(knockersqlite.ReceiveParams{Endpoint: "orders", Header: header})
		inside = append(inside, err, inbox.Ignore(tx.Context(), event.ID))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	id := receive(t, inbox, "{}").EventID
	if _, err := inbox.RunWorkerOnce(context.Background(), knockersqlite.WorkerOptions{}); err != nil {
		t.Fatal(err)
	}
	if len(inside) != 2 || !errors.Is(inside[0], knockersqlite.ErrBusy) || !errors.Is(inside[1], knockersqlite.ErrBusy) {
		t.Error(inside)
	}
	if event, err := inbox.GetEvent(context.Background(), id); err != nil || event.Status != "handled" {
		t.Error(event.Status, err)
	}
}

// The handler's errors that choose an outcome work as they are and wrapped.
func TestOutcomes(t *testing.T) {
	for name, row := range map[string]struct {
		err  error
		want string
	}{
		"nil":         {nil, "handled"},
		"error":       {errors.New("no"), "failed"},
		"retry after": {&knockersqlite.RetryAfter{After: time.Hour, Cause: errors.New("limit")}, "failed"},
		"discard":     {&knockersqlite.Discard{Reason: "of no use"}, "dead"},
		"ignore":      {errors.Join(errors.New("context"), &knockersqlite.IgnoreEvent{Reason: "a test"}), "ignored"},
	} {
		inbox := open(t)
		err := inbox.RegisterHandler("orders", func(_ knockersqlite.Event, tx *knockersqlite.Tx) error {
			if _, err := tx.Exec("CREATE TABLE made (n)"); err != nil {
				return err
			}
			return row.err
		})
		if err != nil {
			t.Fatal(err)
		}
		id := receive(t, inbox, "{}").EventID
		if _, err := inbox.RunWorkerOnce(context.Background(), knockersqlite.WorkerOptions{}); err != nil {
			t.Fatal(err)
		}
		event, err := inbox.GetEvent(context.Background(), id)
		if err != nil || event.Status != row.want {
			t.Error(name, event.Status, err)
		}
	}
}
