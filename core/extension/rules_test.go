package extension

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/knocker-dev/knocker/core/sqlite"
)

// Functions that write run neither from views nor from triggers; reads do.
func TestDirectOnly(t *testing.T) {
	h := newHost(t)
	event := h.receive("a")
	for n, f := range functions {
		nulls := strings.TrimSuffix(strings.Repeat("NULL,", f.Least), ",")
		h.exec(fmt.Sprintf("CREATE VIEW v%d AS SELECT %s(%s) AS x", n, f.Name, nulls))
		_, err := h.Query(fmt.Sprintf("SELECT x FROM v%d", n))
		if unsafe := err != nil && strings.Contains(err.Error(), "unsafe use of "+f.Name); unsafe != f.Writes {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
	h.exec("CREATE VIEW first AS SELECT knocker_get_event(1) AS record")
	h.want(event, "SELECT json_extract(record, '$.id') FROM first")
}

// Inside a statement that writes, functions that write are refused and change
// nothing, whatever the statement and wherever they stand in it.
func TestInsideWriteStatements(t *testing.T) {
	h := newHost(t)
	event := h.receive("a")
	h.exec("CREATE TABLE t (x)")
	h.exec("INSERT INTO t VALUES (1)")
	for _, sql := range []string{
		"INSERT INTO t SELECT knocker_ignore(?)", "INSERT INTO t VALUES (knocker_ignore(?))", "UPDATE t SET x = knocker_ignore(?)",
		"DELETE FROM t WHERE knocker_ignore(?)", "INSERT INTO t VALUES (2) RETURNING knocker_ignore(?)", "CREATE TABLE made AS SELECT knocker_ignore(?)",
	} {
		if text := h.refused("invalid_argument", sql, event); !strings.Contains(text, "inside a statement that writes") {
			t.Errorf("%s: %s", sql, text)
		}
	}
	h.want("received", "SELECT status FROM knocker_events")
	h.want(1, "SELECT count(*) FROM t")
	if h.InTransaction() {
		t.Error("a transaction is open")
	}
}

// Of what a function inserts the caller's last_insert_rowid() shows nothing, and
// neither does its transaction: the caller's savepoints stand as they were.
func TestCallersState(t *testing.T) {
	h := newHost(t)
	h.exec("CREATE TABLE t (x INTEGER PRIMARY KEY)")
	h.exec("INSERT INTO t VALUES (77)")
	event := h.receive("a")
	h.one("SELECT honker_enqueue('q', '{}', NULL, NULL, 0, 3, NULL)")
	h.one("SELECT knocker_endpoint_upsert('other', NULL, NULL, 1)")
	h.one("SELECT knocker_mark_failed(?, 1, 'no', 1, 5)", event)
	h.one("SELECT knocker_requeue(?, NULL, NULL)", event)
	h.one("SELECT knocker_prune_events(NULL, 1, 1, NULL)")
	h.want(77, "SELECT last_insert_rowid()")

	h.exec("SAVEPOINT mine")
	h.exec("INSERT INTO t VALUES (78)")
	h.refused("not_found", "SELECT knocker_requeue(99, NULL, NULL)")
	h.one("SELECT knocker_mark_handled(?, 5)", event)
	h.exec("SAVEPOINT knocker_call") // a name that the functions use themselves
	h.one("SELECT knocker_ignore(?)", h.receive("b"))
	h.exec("ROLLBACK TO knocker_call")
	h.exec("RELEASE knocker_call")
	h.want(1, "SELECT count(*) FROM knocker_events")
	h.exec("ROLLBACK TO mine")
	h.exec("RELEASE mine")
	h.want("received", "SELECT status FROM knocker_events")
	h.want(1, "SELECT count(*) FROM t")
}

// A file that is locked, that can't be written or that is too new is loaded
// into all the same; what can't run there says why, and does once it can.
func TestFilesThatCannotBeUsed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	other := openHost(t, path, true)
	other.exec("CREATE TABLE mine (x)")
	other.exec("BEGIN IMMEDIATE")
	h := openHost(t, path, false)
	h.refused("busy", "SELECT knocker_bootstrap()")
	other.exec("COMMIT")
	h.refused("schema_missing", "SELECT knocker_stats()")
	h.want(1, "SELECT knocker_bootstrap()")

	// Where the tables are there loading does not wait for the writer.
	other.exec("BEGIN IMMEDIATE")
	start := time.Now()
	openHost(t, path, false).object("SELECT knocker_stats()")
	if took := time.Since(start); took > time.Second {
		t.Error("loading has waited for the writer:", took)
	}
	other.exec("COMMIT")

	h.exec("PRAGMA query_only = 1")
	h.refused("read_only", "SELECT knocker_endpoint_upsert('a', NULL, NULL, 1)")
	h.exec("PRAGMA query_only = 0")
	h.exec("UPDATE knocker_meta SET value = 99 WHERE key IN ('schema_version', 'compatible_from')")
	newer := openHost(t, path, false)
	newer.refused("schema_too_new", "SELECT knocker_stats()")
	newer.refused("schema_too_new", "SELECT knocker_bootstrap()")
}

// No call leaves a goroutine behind, and connections that come and go leave
// nothing to be told of their end.
func TestNothingIsLeft(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	openHost(t, path, false).one("SELECT knocker_endpoint_upsert('provider', NULL, 'token-header', 1)")
	closed := 0
	Add(Function{Name: "knocker_test_closed", Closed: func(uintptr) { closed++ }, Prepare: func(*Arguments) Call {
		return func(*sqlite.Conn) (any, error) { return int64(1), nil }
	}})
	defer func() { functions = functions[:len(functions)-1] }()
	before, open := runtime.NumGoroutine(), len(connections.of)
	for n := range 5 {
		h := openHost(t, path, false)
		if err := Register(mustEmbedded(t).Table(), pointer(h.Handle()), false); err != nil { // twice
			t.Fatal(err)
		}
		h.receive(fmt.Sprint(n))
		h.handle()
		h.object("SELECT knocker_stats()")
		h.one("SELECT knocker_test_closed()")
		if closed != n {
			t.Errorf("%d ends after %d connections", closed, n)
		}
		h.Close()
	}
	if closed != 5 || len(connections.of) != open {
		t.Errorf("%d ends of 5 connections, %d are left", closed, len(connections.of)-open)
	}
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines, %d before", after, before)
	}
}

// Connections of several threads work side by side.
func TestThreads(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	first := openHost(t, path, false)
	first.exec("PRAGMA journal_mode = WAL")
	first.one("SELECT knocker_endpoint_upsert('provider', NULL, 'token-header', 1)")
	const threads, rounds = 4, 25
	var all sync.WaitGroup
	for n := range threads {
		h := openHost(t, path, false)
		h.SetBusyTimeout(30 * time.Second)
		all.Add(1)
		go func() {
			defer all.Done()
			for m := range rounds {
				if _, err := h.Query(receiveSQL, fmt.Sprint(n, "-", m), "dev-secret", []byte("{}")); err != nil {
					t.Error(err)
				}
				if _, err := h.Query("SELECT honker_claim_batch('knocker.events', ?, 1, 60)", fmt.Sprint(n)); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	all.Wait()
	first.want(threads*rounds, "SELECT count(*) FROM knocker_events")
	first.want(threads*rounds, "SELECT sum(attempts) FROM _honker_live")
}

// Another function than the table's: how a panic ends, where no guard is set.
func TestPanic(t *testing.T) {
	Add(Function{Name: "knocker_test_panic", Prepare: func(*Arguments) Call {
		return func(*sqlite.Conn) (any, error) { panic("on purpose") }
	}})
	defer func() { functions = functions[:len(functions)-1] }()
	h := newHost(t)
	if text := h.refused("internal", "SELECT knocker_test_panic()"); !strings.Contains(text, "on purpose") {
		t.Error(text)
	}
	h.receive("a")
}
