//go:build linux

package knockersqlite_test

import (
	"context"
	"database/sql"
	"debug/elf"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	sqlite3 "github.com/mattn/go-sqlite3"

	knockersqlite "github.com/knocker-dev/knocker/bindings/go"
	"github.com/knocker-dev/knocker/core"
)

// applicationDB is the application's own database/sql handle on the inbox's
// file.
func applicationDB(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+path+"?_busy_timeout=10000&_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// A program that uses mattn/go-sqlite3 has one SQLite in it, not two: the engine
// calls the same code by the same symbols.
func TestOneSQLiteInTheProcess(t *testing.T) {
	db := applicationDB(t, ":memory:")
	var version string
	if err := db.QueryRow("SELECT sqlite_version()").Scan(&version); err != nil {
		t.Fatal(err)
	}
	linked, _, _ := sqlite3.Version()
	if version != linked || core.SQLiteVersion() != linked {
		t.Error(version, linked, core.SQLiteVersion())
	}
	// The test's own program is linked without symbols.
	dir := t.TempDir()
	program := filepath.Join(dir, "both")
	build := exec.Command("go", "build", "-tags", "sqlite_fts5 sqlite_math_functions sqlite_dbstat", "-o", program, "./testdata/both")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if out, err := exec.Command(program, filepath.Join(dir, "app.db")).CombinedOutput(); err != nil || string(out) != "1\n" {
		t.Fatalf("%v: %s", err, out)
	}
	file, err := elf.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	symbols, err := file.Symbols() // local ones too
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"sqlite3_open_v2", "sqlite3_step", "sqlite3_initialize"} {
		copies := 0
		for _, symbol := range symbols {
			if symbol.Name == name && symbol.Section != elf.SHN_UNDEF {
				copies++
			}
		}
		if copies != 1 {
			t.Errorf("%d copies of %s are linked", copies, name)
		}
	}
}

// The application writes through database/sql while the inbox receives and
// handles on the same file: nothing is lost, and the file is sound.
func TestApplicationOnTheSameFile(t *testing.T) {
	inbox := open(t)
	db := applicationDB(t, inbox.Path())
	if _, err := db.Exec("CREATE TABLE ledger (id INTEGER PRIMARY KEY, source TEXT)"); err != nil {
		t.Fatal(err)
	}
	if err := inbox.RegisterHandler("orders", func(event knockersqlite.Event, tx *knockersqlite.Tx) error {
		_, err := tx.Exec("INSERT INTO ledger (source) VALUES ('handler')")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	const each = 100
	var all sync.WaitGroup
	run := func(f func(n int) error) {
		all.Add(1)
		go func() {
			defer all.Done()
			for n := range each {
				if err := f(n); err != nil {
					t.Error(err)
					return
				}
			}
		}()
	}
	run(func(n int) error {
		_, err := db.Exec("INSERT INTO ledger (source) VALUES ('application')")
		return err
	})
	run(func(n int) error {
		_, err := inbox.Receive(knockersqlite.ReceiveParams{Endpoint: "orders", Header: header, Body: fmt.Append(nil, n)})
		return err
	})
	all.Wait()
	handled, err := inbox.RunWorkerOnce(context.Background(), knockersqlite.WorkerOptions{})
	if err != nil || handled != each {
		t.Error(handled, err)
	}
	for source, want := range map[string]int{"application": each, "handler": each} {
		var n int
		if err := db.QueryRow("SELECT count(*) FROM ledger WHERE source = ?", source).Scan(&n); err != nil || n != want {
			t.Error(source, n, err)
		}
	}
	var sound string
	if err := db.QueryRow("PRAGMA integrity_check").Scan(&sound); err != nil || sound != "ok" {
		t.Error(sound, err)
	}
}

// Closing the inbox does not drop the lock that the application holds on the
// file: another process still can't write.
func TestClosingKeepsTheApplicationsLock(t *testing.T) {
	inbox := open(t)
	db := applicationDB(t, inbox.Path())
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.Exec("CREATE TABLE mine (n)"); err != nil {
		t.Fatal(err)
	}
	if err := inbox.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "sqlite3", inbox.Path(), "BEGIN IMMEDIATE; CREATE TABLE theirs (n); COMMIT").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "locked") {
		t.Errorf("another process could write: %s %v", out, err)
	}
	if err := tx.Commit(); err != nil {
		t.Error(err)
	}
}
