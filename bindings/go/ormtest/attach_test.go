package ormtest

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	knockersqlite "github.com/knocker-dev/knocker/bindings/go"
	"github.com/knocker-dev/knocker/bindings/go/ormtest/orders"
)

// Order is the application's row, as GORM has it.
type Order struct {
	ID    int64
	Event int64
	Note  string
}

// writers write an order, each in its library's own way.
var writers = map[string]func(ctx context.Context, tx *knockersqlite.Tx, event int64) error{
	"database/sql": func(ctx context.Context, tx *knockersqlite.Tx, event int64) error {
		_, err := tx.SQLTx().ExecContext(ctx, "INSERT INTO orders (event, note) VALUES (?, 'new')", event)
		return err
	},
	"sqlc": func(ctx context.Context, tx *knockersqlite.Tx, event int64) error {
		queries := orders.New(tx)
		made, err := queries.CreateOrder(ctx, orders.CreateOrderParams{Event: event, Note: "new"})
		if err == nil {
			_, err = queries.GetOrder(ctx, made.Event)
		}
		return err
	},
	"sqlc WithTx": func(ctx context.Context, tx *knockersqlite.Tx, event int64) error {
		_, err := orders.New(nil).WithTx(tx.SQLTx()).CreateOrder(ctx, orders.CreateOrderParams{Event: event, Note: "new"})
		return err
	},
	"GORM": func(ctx context.Context, tx *knockersqlite.Tx, event int64) error {
		db, err := gormOn(ctx, tx)
		if err != nil {
			return err
		}
		order := Order{Event: event, Note: "draft"}
		if err := db.Create(&order).Error; err != nil {
			return err
		}
		// A transaction of GORM's within is a savepoint, and what it undoes is gone.
		undone := errors.New("undone")
		err = db.Transaction(func(inner *gorm.DB) error {
			if err := inner.Model(&order).Update("note", "wrong").Error; err != nil {
				return err
			}
			return undone
		})
		if !errors.Is(err, undone) {
			return errors.Join(errors.New("the savepoint"), err)
		}
		return db.Model(&order).Where("note = ?", "draft").Update("note", "new").Error
	},
}

// gormOn is GORM in a handler's transaction.
func gormOn(ctx context.Context, tx *knockersqlite.Tx) (*gorm.DB, error) {
	db, err := gorm.Open(sqlite.New(sqlite.Config{Conn: tx.SQLTx()}), &gorm.Config{Logger: logger.Discard})
	if err != nil {
		return nil, err
	}
	return db.WithContext(ctx), nil
}

func source(path string) string {
	return "file:" + path + "?_journal_mode=WAL&_synchronous=FULL&_busy_timeout=5000"
}

// open attaches an inbox to the application's pool and adds its endpoint.
func open(db *sql.DB) (*knockersqlite.Inbox, error) {
	schema, err := os.ReadFile("sqlc/schema.sql")
	if err != nil {
		return nil, err
	}
	if _, err := db.Exec("SELECT 1 FROM orders"); err != nil {
		if _, err := db.Exec(string(schema)); err != nil {
			return nil, err
		}
	}
	inbox, err := knockersqlite.Attach(db)
	if err == nil {
		_, err = inbox.AddEndpoint(knockersqlite.AddEndpointParams{Name: "shop", Provider: "token-header", Secrets: "s",
			Retry: knockersqlite.RetryPolicy{BackoffInitial: time.Millisecond}})
	}
	return inbox, err
}

func receive(inbox *knockersqlite.Inbox, key string) (int64, error) {
	result, err := inbox.Receive(knockersqlite.ReceiveParams{Endpoint: "shop", Body: []byte("{}"), DedupeKey: key,
		Header: http.Header{"X-Knocker-Token": {"s"}}})
	if err == nil && result.EventID == 0 {
		err = errors.New(result.Reason)
	}
	return result.EventID, err
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// state is the event's status and how many orders there are for it.
func state(t *testing.T, db *sql.DB, event int64) (status string, notes []string) {
	t.Helper()
	check(t, db.QueryRow("SELECT status FROM knocker_events WHERE id = ?", event).Scan(&status))
	list, err := orders.New(db).ListOrders(context.Background())
	check(t, err)
	for _, order := range list {
		if order.Event == event {
			notes = append(notes, order.Note)
		}
	}
	return status, notes
}

// What each library writes is committed together with "handled", and rolled back
// with a failure.
func TestWritesAreOneWithHandled(t *testing.T) {
	for name, write := range writers {
		t.Run(name, func(t *testing.T) {
			db, err := sql.Open(knockersqlite.DriverName, source(filepath.Join(t.TempDir(), "app.db")))
			check(t, err)
			defer func() { check(t, db.Close()) }()
			inbox, err := open(db)
			check(t, err)
			fault := errors.New("after the write")
			check(t, inbox.RegisterHandler("shop", func(event knockersqlite.Event, tx *knockersqlite.Tx) error {
				if err := write(tx.Context(), tx, event.ID); err != nil {
					return err
				}
				return fault
			}))
			event, err := receive(inbox, "a")
			check(t, err)
			for range 2 {
				ran, err := inbox.RunWorkerOnce(context.Background(), knockersqlite.WorkerOptions{})
				if ran != 1 || err != nil {
					t.Fatal(ran, err)
				}
				status, notes := state(t, db, event)
				switch {
				case fault != nil && (status != "failed" || len(notes) != 0):
					t.Error("after a failure:", status, notes)
				case fault == nil && (status != "handled" || len(notes) != 1 || notes[0] != "new"):
					t.Error("after success:", status, notes)
				}
				fault = nil
				_, err = db.Exec("UPDATE _honker_live SET run_at = 1") // the retry is due now
				check(t, err)
			}
			if n := db.Stats().InUse; n != 0 {
				t.Errorf("%d connections are still in use", n)
			}
		})
	}
}

// An application that opens its file with GORM attaches the pool that GORM has.
func TestPoolOfGORM(t *testing.T) {
	app, err := gorm.Open(sqlite.New(sqlite.Config{DriverName: knockersqlite.DriverName, DSN: source(filepath.Join(t.TempDir(), "app.db"))}),
		&gorm.Config{Logger: logger.Discard})
	check(t, err)
	check(t, app.AutoMigrate(&Order{}))
	db, err := app.DB()
	check(t, err)
	defer func() { check(t, db.Close()) }()
	inbox, err := open(db)
	check(t, err)
	check(t, inbox.RegisterHandler("shop", func(event knockersqlite.Event, tx *knockersqlite.Tx) error {
		orm := app.Session(&gorm.Session{NewDB: true, Context: tx.Context()})
		orm.Statement.ConnPool = tx.SQLTx()
		return orm.Create(&Order{Event: event.ID, Note: "new"}).Error
	}))
	event, err := receive(inbox, "a")
	check(t, err)
	_, err = inbox.RunWorkerOnce(context.Background(), knockersqlite.WorkerOptions{})
	check(t, err)
	if status, notes := state(t, db, event); status != "handled" || len(notes) != 1 {
		t.Error(status, notes)
	}

	// GORM's migrations leave the inbox's tables alone: they know their own only.
	check(t, app.AutoMigrate(&Order{}))
	report, err := inbox.Check(context.Background(), false)
	if err != nil || !report.Sound() {
		t.Error(report, err)
	}
}
