package ormtest

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mattn/go-sqlite3"
)

// The C library loaded into go-sqlite3, as a program does that has no binding in
// it: the walk of docs/sql.md. Two Go runtimes are in the process then.
func TestLoadedLibrary(t *testing.T) {
	library := os.Getenv("KNOCKER_LIBRARY")
	if library == "" {
		t.Skip("make test-go-orms names the library")
	}
	name := fmt.Sprint("sqlite3_loaded_", time.Now().UnixNano())
	sql.Register(name, &sqlite3.SQLiteDriver{Extensions: []string{library}})
	db, err := sql.Open(name, source(filepath.Join(t.TempDir(), "app.db")))
	check(t, err)
	defer func() { check(t, db.Close()) }()
	ctx := context.Background()
	conn, err := db.Conn(ctx)
	check(t, err)
	defer func() { check(t, conn.Close()) }()
	one := func(query string, args ...any) (value string) {
		t.Helper()
		if err := conn.QueryRowContext(ctx, query, args...).Scan(&value); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		return value
	}
	do := func(query string, args ...any) {
		t.Helper()
		if _, err := conn.ExecContext(ctx, query, args...); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	do("CREATE TABLE orders (event INTEGER)")
	one("SELECT knocker_endpoint_upsert('provider', '/webhooks/provider', 'token-header', 1)")
	answer := one(`SELECT knocker_receive('provider', 'token-header', json_array('dev-secret'), json_object(), 'POST',
		json_object('x-knocker-token', 'dev-secret'), ?, NULL, NULL, NULL, NULL, NULL, 'knocker.events', 3)`, []byte("{}"))
	if !strings.Contains(answer, `"status_code":204`) || !strings.Contains(answer, `"durable":1`) {
		t.Fatal(answer)
	}
	for _, c := range []struct{ end, left string }{{"ROLLBACK", "received 0 1"}, {"COMMIT", "handled 1 0"}} {
		do("BEGIN IMMEDIATE")
		job := one("SELECT json_extract(honker_claim_batch('knocker.events', 'w', 1, 60), '$[0].id')")
		one("SELECT knocker_mark_processing(1, 1)")
		do("INSERT INTO orders (event) VALUES (1)")
		one("SELECT knocker_mark_handled(1, 7)")
		if one("SELECT honker_ack(CAST(? AS INTEGER), 'w')", job) != "1" {
			t.Error("not held")
		}
		do(c.end)
		if got := one("SELECT status || ' ' || (SELECT count(*) FROM orders) || ' ' || (SELECT count(*) FROM _honker_live) FROM knocker_events"); got != c.left {
			t.Errorf("%s: %s", c.end, got)
		}
	}
}
