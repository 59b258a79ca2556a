package knockersqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mattn/go-sqlite3"

	knockersqlite "github.com/knocker-dev/knocker/bindings/go"
)

func openHost(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open(knockersqlite.DriverName, "file:"+path+"?_journal_mode=WAL&_synchronous=FULL&_foreign_keys=1")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// attached is an inbox on an application's own pool, with an endpoint and a
// table of the application's.
func attached(t *testing.T) (*sql.DB, *knockersqlite.Inbox) {
	t.Helper()
	db := openHost(t, filepath.Join(t.TempDir(), "app.db"))
	run(t, db, "CREATE TABLE orders (id INTEGER PRIMARY KEY, event INTEGER UNIQUE, parent INTEGER REFERENCES orders (id) DEFERRABLE INITIALLY DEFERRED)")
	inbox, err := knockersqlite.Attach(db)
	if err == nil {
		_, err = inbox.AddEndpoint(knockersqlite.AddEndpointParams{Name: "shop", Provider: "token-header", Secrets: "s",
			Retry: knockersqlite.RetryPolicy{BackoffInitial: time.Millisecond, MaxAttempts: 3}})
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := inbox.Close(); err != nil {
			t.Error(err)
		}
	})
	return db, inbox
}

type executor interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func run(t *testing.T, db executor, query string, args ...any) {
	t.Helper()
	if _, err := db.ExecContext(context.Background(), query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

func read[T any](t *testing.T, db executor, query string, args ...any) (value T) {
	t.Helper()
	if err := db.QueryRowContext(context.Background(), query, args...).Scan(&value); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return value
}

func deliver(t *testing.T, inbox *knockersqlite.Inbox, key string) int64 {
	t.Helper()
	result, err := inbox.Receive(knockersqlite.ReceiveParams{Endpoint: "shop", Body: []byte(`{"n":1}`), DedupeKey: key,
		Header: http.Header{"X-Knocker-Token": {"s"}}})
	if err != nil || result.StatusCode != http.StatusNoContent {
		t.Fatal(result, err)
	}
	return result.EventID
}

// A handler's write and "handled" are one commit, or none: after an error, a
// panic, a commit that SQLite refuses, and when the handler ends the transaction
// by itself.
func TestAttachedHandlers(t *testing.T) {
	db, inbox := attached(t)
	var fault func(tx *knockersqlite.Tx) error
	err := inbox.RegisterHandler("shop", func(event knockersqlite.Event, tx *knockersqlite.Tx) error {
		if string(event.Body) != `{"n":1}` || tx.SQLTx() == nil || tx.Context().Err() != nil {
			t.Error(event, tx)
		}
		run(t, tx, "INSERT INTO orders (event) VALUES (?)", event.ID)
		if read[int64](t, tx, "SELECT last_insert_rowid()") == 0 {
			t.Error("no row")
		}
		if fault != nil {
			return fault(tx)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, status, says string
		fault              func(tx *knockersqlite.Tx) error
		orders             int
	}{
		{"good", "handled", "", nil, 1},
		{"error", "failed", "no stock", func(*knockersqlite.Tx) error { return errors.New("no stock") }, 0},
		{"panic", "failed", "panic: oops", func(*knockersqlite.Tx) error { panic("oops") }, 0},
		{"discard", "dead", "discarded: never", func(*knockersqlite.Tx) error { return &knockersqlite.Discard{Reason: "never"} }, 0},
		{"ignore", "ignored", "", func(*knockersqlite.Tx) error { return &knockersqlite.IgnoreEvent{Reason: "old"} }, 0},
		{"refused commit", "failed", "FOREIGN KEY", func(tx *knockersqlite.Tx) error {
			_, err := tx.Exec("INSERT INTO orders (event, parent) VALUES (NULL, 99)")
			return err
		}, 0},
		{"own rollback", "failed", "transaction_ended", func(tx *knockersqlite.Tx) error { return tx.SQLTx().Rollback() }, 0},
		{"own commit", "failed", "transaction_ended", func(tx *knockersqlite.Tx) error { return tx.SQLTx().Commit() }, 1},
	} {
		fault = c.fault
		id := deliver(t, inbox, c.name)
		if n, err := inbox.RunWorkerOnce(context.Background(), knockersqlite.WorkerOptions{}); n != 1 || err != nil {
			t.Errorf("%s: %d %v", c.name, n, err)
		}
		event, err := inbox.GetEvent(context.Background(), id)
		if err != nil || event.Status != c.status || !strings.Contains(event.LastError, c.says) {
			t.Errorf("%s: %s %q %v", c.name, event.Status, event.LastError, err)
		}
		if n := read[int](t, db, "SELECT count(*) FROM orders WHERE event = ?", id); n != c.orders {
			t.Errorf("%s: %d orders", c.name, n)
		}
		run(t, db, "DELETE FROM orders")
		run(t, db, "DELETE FROM _honker_live")
	}
	if open := db.Stats().InUse; open != 0 {
		t.Errorf("%d connections are still in use", open)
	}
}

// A worker on a pool runs handlers side by side until its context ends, lets
// running ones end, and leaves no connection and no job behind.
func TestAttachedWorker(t *testing.T) {
	db, inbox := attached(t)
	const events = 40
	done := make(chan int64, events)
	err := inbox.RegisterEventHandler("shop", "", func(event knockersqlite.Event, tx *knockersqlite.Tx) error {
		_, err := tx.Exec("INSERT INTO orders (event) VALUES (?)", event.ID)
		done <- event.ID
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- inbox.RunWorker(ctx, knockersqlite.WorkerOptions{Concurrency: 3}) }()
	for n := range events {
		deliver(t, inbox, fmt.Sprint(n))
	}
	for range events {
		select {
		case <-done:
		case <-time.After(30 * time.Second):
			t.Fatal("events are left")
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	stats, err := inbox.Stats(context.Background())
	if err != nil || stats.Events["handled"] != events || stats.JobsHeld+stats.JobsReady+stats.JobsLater != 0 {
		t.Error(stats, err)
	}
	if n := read[int](t, db, "SELECT count(*) FROM orders"); n != events {
		t.Error(n, "orders")
	}
	if open := db.Stats().InUse; open != 0 {
		t.Errorf("%d connections are still in use", open)
	}
}

// On one connection all calls are part of its transaction.
func TestAttachedConnection(t *testing.T) {
	db, pooled := attached(t)
	ctx := context.Background()
	conn, err := db.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	inbox, err := knockersqlite.AttachConn(conn, knockersqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	run(t, conn, "BEGIN IMMEDIATE")
	run(t, conn, "INSERT INTO orders (event) VALUES (1)")
	id := deliver(t, inbox, "a")
	if err := inbox.Ignore(ctx, id); err != nil {
		t.Error(err)
	}
	if _, err := inbox.RunWorkerOnce(ctx, knockersqlite.WorkerOptions{}); knockersqlite.CodeOf(err) != "invalid_state" {
		t.Error("a worker claims inside a transaction:", err)
	}
	run(t, conn, "ROLLBACK")
	if n := read[int](t, db, "SELECT count(*) FROM knocker_deliveries") + read[int](t, db, "SELECT count(*) FROM orders"); n != 0 {
		t.Error(n, "rows after a rollback")
	}
	if _, durable, err := inbox.ReceiveDurable(ctx, knockersqlite.ReceiveParams{Endpoint: "shop", Header: http.Header{"X-Knocker-Token": {"s"}}}); !durable || err != nil {
		t.Error(durable, err)
	}
	if _, err := pooled.GetEvent(ctx, 99); !errors.Is(err, knockersqlite.ErrNotFound) {
		t.Error(err)
	}
	if err := inbox.Backup(ctx, "x"); knockersqlite.CodeOf(err) != "invalid_state" {
		t.Error(err)
	}
	if _, err := inbox.RunWorkerOnce(ctx, knockersqlite.WorkerOptions{Concurrency: 2}); knockersqlite.CodeOf(err) != "invalid_argument" {
		t.Error(err)
	}
}

// A handler receives and acts in its own transaction through Tx.Inbox. Through the
// pool, when that has no other connection, it is refused instead of waiting for
// itself.
func TestInboxOfATransaction(t *testing.T) {
	db := openHost(t, filepath.Join(t.TempDir(), "app.db"))
	db.SetMaxOpenConns(1)
	inbox, err := knockersqlite.AttachWith(db, knockersqlite.Options{BusyTimeout: 200 * time.Millisecond})
	if err == nil {
		_, err = inbox.AddEndpoint(knockersqlite.AddEndpointParams{Name: "shop", Provider: "token-header", Secrets: "s"})
	}
	if err != nil {
		t.Fatal(err)
	}
	fault := errors.New("after all")
	err = inbox.RegisterHandler("shop", func(event knockersqlite.Event, tx *knockersqlite.Tx) error {
		if event.DedupeKey == "inner" {
			return nil
		}
		if _, err := inbox.Stats(tx.Context()); !errors.Is(err, knockersqlite.ErrBusy) {
			t.Error(err)
		}
		deliver(t, tx.Inbox(), "inner")
		return fault
	})
	if err != nil {
		t.Fatal(err)
	}
	deliver(t, inbox, "outer")
	for _, want := range []int{1, 2} {
		if _, err := inbox.RunWorkerOnce(context.Background(), knockersqlite.WorkerOptions{}); err != nil {
			t.Fatal(err)
		}
		if n := read[int](t, db, "SELECT count(*) FROM knocker_events"); n != want {
			t.Errorf("%d events, want %d", n, want)
		}
		fault = nil
		run(t, db, "UPDATE _honker_live SET run_at = 1")
	}
	if n := read[int](t, db, "SELECT count(*) FROM knocker_events WHERE status = 'handled'"); n != 2 {
		t.Error(n, "handled")
	}
}

// Connections that the driver has not opened stay as they are, also those that
// are opened while ours are, and attaching one says what is missing.
func TestUnrelatedConnections(t *testing.T) {
	plain, err := sql.Open("sqlite3", ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = plain.Close() }()
	plain.SetMaxOpenConns(1)
	var inner *sql.DB
	name := fmt.Sprint("sqlite3_knocker_hooked_", time.Now().UnixNano())
	sql.Register(name, &knockersqlite.Driver{SQLiteDriver: sqlite3.SQLiteDriver{ConnectHook: func(c *sqlite3.SQLiteConn) error {
		inner, err = sql.Open("sqlite3", ":memory:")
		if err == nil {
			err = inner.Ping()
		}
		return err
	}}})
	ours, err := sql.Open(name, ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ours.Close() }()
	ours.SetMaxOpenConns(1)
	if read[string](t, ours, "SELECT knocker_version()") != knockersqlite.Version {
		t.Error("no functions")
	}
	defer func() { _ = inner.Close() }()
	for _, db := range []*sql.DB{plain, inner} {
		if _, err := db.Exec("SELECT knocker_version()"); err == nil || !strings.Contains(err.Error(), "no such function") {
			t.Error(err)
		}
		if n := read[int](t, db, "SELECT count(*) FROM sqlite_schema"); n != 0 {
			t.Error(n, "tables")
		}
		if _, err := knockersqlite.Attach(db); knockersqlite.CodeOf(err) != "driver_unavailable" || !strings.Contains(err.Error(), knockersqlite.DriverName) {
			t.Error(err)
		}
	}
	if n := read[int](t, ours, "SELECT count(*) FROM sqlite_schema"); n != 0 {
		t.Error("opening wrote", n, "tables")
	}
}

// The walk of docs/sql.md, through the driver alone.
func TestSQLWalk(t *testing.T) {
	db := openHost(t, filepath.Join(t.TempDir(), "app.db"))
	db.SetMaxOpenConns(1)
	run(t, db, "CREATE TABLE orders (id INTEGER PRIMARY KEY, event INTEGER)")
	run(t, db, "SELECT knocker_bootstrap()")
	read[int64](t, db, "SELECT knocker_endpoint_upsert('provider', '/webhooks/provider', 'token-header', 1)")
	answer := read[string](t, db, `SELECT knocker_receive('provider', 'token-header', json_array('dev-secret'), json_object(), 'POST',
		json_object('x-knocker-token', 'dev-secret'), ?, NULL, NULL, NULL, NULL, NULL, 'knocker.events', 3)`, []byte("{}"))
	if !strings.Contains(answer, `"status_code":204`) || !strings.Contains(answer, `"durable":1`) {
		t.Fatal(answer)
	}
	for _, end := range []string{"ROLLBACK", "COMMIT"} {
		run(t, db, "BEGIN IMMEDIATE")
		jobs := read[string](t, db, "SELECT honker_claim_batch('knocker.events', 'w', 1, 60)")
		job := read[int64](t, db, "SELECT json_extract(?, '$[0].id')", jobs)
		event := read[int64](t, db, "SELECT json_extract(json_extract(?, '$[0].payload'), '$.event_id')", jobs)
		read[int](t, db, "SELECT knocker_mark_processing(?, 1)", event)
		run(t, db, "INSERT INTO orders (event) VALUES (?)", event)
		read[int](t, db, "SELECT knocker_mark_handled(?, 7)", event)
		if read[int](t, db, "SELECT honker_ack(?, 'w')", job) != 1 {
			t.Error("not held")
		}
		run(t, db, end)
		state := fmt.Sprint(read[string](t, db, "SELECT status FROM knocker_events"), read[int](t, db, "SELECT count(*) FROM orders"),
			read[int](t, db, "SELECT count(*) FROM _honker_live"))
		if want := map[string]string{"ROLLBACK": "received0 1", "COMMIT": "handled1 0"}[end]; state != want {
			t.Errorf("%s: %s", end, state)
		}
	}
}
