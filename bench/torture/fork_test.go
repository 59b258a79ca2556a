package main

import (
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/knocker-dev/knocker/bench/torture/forker"
	"github.com/knocker-dev/knocker/core/sqlite/filelock"
)

// An open-file-description lock lives as long as any process has the
// description. A child that was forked in the middle of a transaction must not
// keep the parent's locks alive, neither by a descriptor nor by a mapping.
func TestForkedChildKeepsNoLocks(t *testing.T) {
	for _, mode := range []string{"wal", "delete"} {
		t.Run(mode, func(t *testing.T) { forkInTransaction(t, mode) })
	}
}

func forkInTransaction(t *testing.T, mode string) {
	path := filepath.Join(t.TempDir(), "fork.db")
	if err := prepare(path, mode); err != nil {
		t.Fatal(err)
	}
	file, err := filelock.Prepare(path, filelock.Options{})
	if err != nil {
		t.Fatal(err)
	}
	db, err := connect(embedded, path, mode)
	if err != nil {
		t.Fatal(err)
	}
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec("UPDATE total SET n = 1"); err != nil {
		t.Fatal(err)
	}
	child, end, err := forker.Fork()
	if err != nil {
		t.Fatal(err)
	}
	defer end()
	for _, what := range []string{"fd", "map_files"} {
		if held := linksTo(t, fmt.Sprintf("/proc/%d/%s", child, what), path); len(held) > 0 && what == "fd" {
			// A -wal or journal descriptor carries no locks.
			for _, name := range held {
				if name == path || name == path+"-shm" {
					t.Errorf("the child holds %s", name)
				}
			}
		} else if len(held) > 0 {
			t.Errorf("the child maps %v", held)
		}
	}
	// The parent's transaction goes on, and its locks still hold.
	if got := stockShell(t, path, "PRAGMA busy_timeout=0; UPDATE total SET n = 7;"); !strings.Contains(got, "locked") {
		t.Errorf("the fork has dropped the parent's locks: %q", got)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	closeAll(t, db)
	file.Release()
	// With the child still alive, nobody has a lock any more: leaving WAL and a
	// plain write both need that.
	want := "0\ndelete\n2"
	if got := stockShell(t, path, "PRAGMA busy_timeout=0; PRAGMA journal_mode=delete; UPDATE total SET n = n + 1; SELECT n FROM total;"); got != want {
		t.Errorf("beside the child: %q, want %q", got, want)
	}
}

func closeAll(t *testing.T, db *sql.DB) {
	t.Helper()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func linksTo(t *testing.T, directory, prefix string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(directory)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if name, err := os.Readlink(filepath.Join(directory, entry.Name())); err == nil && strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	return names
}

func stockShell(t *testing.T, path, query string) string {
	t.Helper()
	out, err := exec.Command("sqlite3", "-batch", path, query).CombinedOutput()
	if _, isExit := err.(*exec.ExitError); err != nil && !isExit {
		t.Fatalf("the stock sqlite3 shell is missing: install the package sqlite3 (%v)", err)
	}
	return strings.TrimSpace(string(out))
}
