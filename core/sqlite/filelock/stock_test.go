//go:build cgo && (linux || darwin)

package filelock_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/knocker-dev/knocker/core/sqlite/filelock"
)

// These tests hold the embedded copy, hooks and all, to what SQLite does
// without them, seen from a second process with the stock sqlite3 shell.

const noWait = "_busy_timeout=0&_txlock=immediate"

func newDatabase(t *testing.T, journal string) string {
	t.Helper()
	path := database(t)
	prepare(t, path, filelock.Options{})
	db := open(t, path, noWait)
	mustExec(t, db, "PRAGMA journal_mode="+journal+"; CREATE TABLE t(n); INSERT INTO t VALUES(1)")
	db.Close()
	return path
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func eachJournal(t *testing.T, test func(t *testing.T, path string)) {
	for _, journal := range []string{"wal", "delete"} {
		t.Run(journal, func(t *testing.T) { test(t, newDatabase(t, journal)) })
	}
}

func TestSecondProcessMakesUsBusy(t *testing.T) {
	eachJournal(t, func(t *testing.T, path string) {
		db, other := open(t, path, noWait), startShell(t, path)
		other.do("BEGIN IMMEDIATE; INSERT INTO t VALUES(2);")
		_, err := db.Exec("INSERT INTO t VALUES(3)")
		if err == nil || !strings.Contains(err.Error(), "database is locked") {
			t.Fatalf("beside a writer: %v", err)
		}
		other.do("COMMIT;")
		mustExec(t, db, "INSERT INTO t VALUES(3)")
		if got := other.do("SELECT group_concat(n) FROM t;"); got != "1,2,3" {
			t.Fatalf("the other process sees %s", got)
		}
	})
}

func TestWeMakeSecondProcessBusy(t *testing.T) {
	eachJournal(t, func(t *testing.T, path string) {
		db, other := open(t, path, noWait), startShell(t, path)
		tx, err := db.Begin()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec("INSERT INTO t VALUES(2)"); err != nil {
			t.Fatal(err)
		}
		if got := other.do("INSERT INTO t VALUES(3);"); !strings.Contains(got, "database is locked") {
			t.Fatalf("the other process wrote beside us: %q", got)
		}
		if got := other.do("SELECT count(*) FROM t;"); got != "1" {
			t.Fatalf("the other process sees %q of an open transaction", got)
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		if got := other.do("INSERT INTO t VALUES(3); SELECT count(*) FROM t;"); got != "3" {
			t.Fatalf("after our commit: %q", got)
		}
	})
}

func TestReaderElsewhereHoldsUpRollbackCommit(t *testing.T) {
	path := newDatabase(t, "delete")
	db, other := open(t, path, noWait), startShell(t, path)
	other.do("BEGIN; SELECT * FROM t;")
	if _, err := db.Exec("INSERT INTO t VALUES(2)"); err == nil {
		t.Fatal("committed while another process reads")
	}
	other.do("COMMIT;")
	mustExec(t, db, "INSERT INTO t VALUES(2)")
}

func TestRecoveryAfterKill(t *testing.T) {
	t.Run("of the other process", func(t *testing.T) {
		path := newDatabase(t, "wal")
		other := startShell(t, path)
		other.do("PRAGMA wal_autocheckpoint=0; INSERT INTO t VALUES(2); BEGIN IMMEDIATE; INSERT INTO t VALUES(3);")
		other.kill()
		if !exists(path + "-wal") {
			t.Fatal("the kill left no -wal: nothing to recover")
		}
		if got := text(t, open(t, path, noWait), "SELECT group_concat(n) FROM t"); got != "1,2" {
			t.Fatalf("recovered %s", got)
		}
	})
	t.Run("of the embedded copy", func(t *testing.T) {
		path := newDatabase(t, "wal")
		if out, err := part("write-wal", path).CombinedOutput(); err == nil {
			t.Fatalf("was to be killed: %s", out)
		}
		if !exists(path + "-wal") {
			t.Fatal("the kill left no -wal: nothing to recover")
		}
		if got := startShell(t, path).do("SELECT group_concat(n) FROM t; PRAGMA integrity_check;"); got != "1,2\nok" {
			t.Fatalf("recovered %s", got)
		}
	})
	t.Run("hot journal", func(t *testing.T) {
		path := newDatabase(t, "delete")
		other := startShell(t, path)
		// Spilling writes the database before COMMIT: the journal is hot.
		other.do("PRAGMA cache_size=1; PRAGMA cache_spill=1; BEGIN IMMEDIATE; UPDATE t SET n=-1;" +
			"WITH RECURSIVE c(x) AS (VALUES(1) UNION ALL SELECT x+1 FROM c WHERE x<20000) INSERT INTO t SELECT x FROM c;")
		other.kill()
		if !exists(path + "-journal") {
			t.Fatal("the kill left no journal: nothing to roll back")
		}
		db := open(t, path, noWait)
		if got := text(t, db, "SELECT group_concat(n) FROM t"); got != "1" {
			t.Fatalf("rolled back to %.40s", got)
		}
		if exists(path + "-journal") {
			t.Fatal("the hot journal is still there")
		}
	})
}

func partWriteWAL(args []string) error {
	if _, err := filelock.Prepare(args[0], filelock.Options{}); err != nil {
		return err
	}
	db, err := openQuietly(args[0], noWait)
	if err != nil {
		return err
	}
	if _, err := db.Exec("INSERT INTO t VALUES(2)"); err != nil {
		return err
	}
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	if _, err := tx.Exec("INSERT INTO t VALUES(3)"); err != nil {
		return err
	}
	self, _ := os.FindProcess(os.Getpid())
	self.Kill()
	select {}
}

func TestCheckpointRespectsReaders(t *testing.T) {
	path := newDatabase(t, "wal")
	db, other := open(t, path, noWait), startShell(t, path)
	checkpoint := func() string {
		var busy, log, done int
		if err := db.QueryRow("PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &log, &done); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(busy, log, done)
	}
	mustExec(t, db, "INSERT INTO t VALUES(2)")
	other.do("BEGIN; SELECT count(*) FROM t;")
	mustExec(t, db, "INSERT INTO t VALUES(3)")
	if got := checkpoint(); !strings.HasPrefix(got, "1 ") {
		t.Fatalf("a complete checkpoint beside a reader: %s", got)
	}
	if got := other.do("SELECT count(*) FROM t;"); got != "2" {
		t.Fatalf("the reader's snapshot has become %s", got)
	}
	other.do("COMMIT;")
	if got := checkpoint(); got != "0 0 0" {
		t.Fatalf("without readers: %s", got)
	}
	mustExec(t, db, "INSERT INTO t VALUES(4)")
	if got := other.do("PRAGMA wal_checkpoint(TRUNCATE); SELECT count(*) FROM t;"); got != "0|0|0\n4" {
		t.Fatalf("the other process's checkpoint: %s", got)
	}
	if got := text(t, db, "SELECT count(*) FROM t"); got != "4" {
		t.Fatalf("after it we see %s", got)
	}
}

func TestJournalModeChangesOnlyAlone(t *testing.T) {
	path := newDatabase(t, "wal")
	db, other := open(t, path, noWait), startShell(t, path)
	other.do("SELECT * FROM t;")
	mustExec(t, db, "INSERT INTO t VALUES(2)")
	var mode string
	if err := db.QueryRow("PRAGMA journal_mode=DELETE").Scan(&mode); err == nil && mode == "delete" {
		t.Fatal("left WAL while another process has the file open")
	}
	if got := other.do("PRAGMA journal_mode=DELETE;"); !strings.Contains(got, "locked") {
		t.Fatalf("the other process left WAL beside us: %s", got)
	}
	other.quit()
	if got := text(t, db, "PRAGMA journal_mode=DELETE"); got != "delete" {
		t.Fatalf("alone: %s", got)
	}
	if exists(path+"-wal") || exists(path+"-shm") {
		t.Fatal("-wal or -shm is still there")
	}
	if got := text(t, db, "PRAGMA journal_mode=WAL"); got != "wal" {
		t.Fatalf("back: %s", got)
	}
}

func TestLastCloseCleansUp(t *testing.T) {
	for _, last := range []string{"we", "the other process"} {
		t.Run(last, func(t *testing.T) {
			path := newDatabase(t, "wal")
			db, other := open(t, path, noWait), startShell(t, path)
			mustExec(t, db, "INSERT INTO t VALUES(2)")
			other.do("SELECT * FROM t;")
			first, then := other.quit, func() { db.Close() }
			if last != "we" {
				first, then = then, first
			}
			first()
			if !exists(path+"-wal") || !exists(path+"-shm") {
				t.Fatal("the first close has taken -wal or -shm away")
			}
			then()
			if exists(path+"-wal") || exists(path+"-shm") {
				t.Fatal("the last close has left -wal or -shm")
			}
		})
	}
}
