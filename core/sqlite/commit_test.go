package sqlite

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/knocker-dev/knocker/core/internal/testvfs"
)

// openWAL is a connection that has committed before, as the writers have when
// they run, with a reader of the same file that uses SQLite's own layer.
func openWAL(t *testing.T) (writer, reader *Conn) {
	t.Helper()
	if err := testvfs.Register(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { testvfs.FillDisk(-1) })
	r, err := Embedded()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "a.db")
	open := func(vfs string) *Conn {
		c, err := Open(r, path, OpenReadWrite|OpenCreate, vfs)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		return c
	}
	writer = open(testvfs.Name)
	if err := writer.Script("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE t(id INTEGER PRIMARY KEY, body)"); err != nil {
		t.Fatal(err)
	}
	return writer, open("")
}

func must(t *testing.T, c *Conn, sql string, args ...any) {
	t.Helper()
	if _, err := c.Exec(sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func value(t *testing.T, c *Conn, sql string) string {
	t.Helper()
	rows, err := c.Query(sql)
	if err != nil || !rows.Next() {
		t.Fatalf("%s: no row, %v", sql, err)
	}
	return fmt.Sprint(rows.Value(0))
}

// insert fills about one page of 4 KiB a row.
func insert(t *testing.T, c *Conn, rows int) {
	t.Helper()
	for range rows {
		must(t, c, "INSERT INTO t(body) VALUES (?)", strings.Repeat("x", 3500))
	}
}

// Each page of a commit used to cost two system calls. The limit of the unix
// layer's writes, 128 KiB, is what a larger commit is cut by.
func TestCommitWritesInFewCalls(t *testing.T) {
	for _, c := range []struct {
		synchronous string
		rows        int
		calls       int64
	}{{"FULL", 1, 1}, {"FULL", 10, 1}, {"FULL", 100, 4}, {"NORMAL", 1, 1}, {"NORMAL", 10, 1}, {"NORMAL", 100, 4}} {
		t.Run(fmt.Sprint(c.synchronous, c.rows), func(t *testing.T) {
			writer, reader := openWAL(t)
			must(t, writer, "PRAGMA synchronous="+c.synchronous)
			insert(t, writer, 3)
			must(t, writer, "BEGIN IMMEDIATE")
			insert(t, writer, c.rows)
			before := testvfs.Count()
			must(t, writer, "COMMIT")
			after := testvfs.Count()
			if after.Writes-before.Writes > c.calls {
				t.Errorf("%d writes, want at most %d", after.Writes-before.Writes, c.calls)
			}
			if synced := after.WALSyncs > before.WALSyncs; synced != (c.synchronous == "FULL") {
				t.Errorf("the commit was synced: %v", synced)
			}
			if got := value(t, reader, "SELECT count(*) FROM t"); got != fmt.Sprint(3+c.rows) {
				t.Errorf("another connection sees %s rows", got)
			}
		})
	}
}

// A transaction larger than the cache has written pages before its COMMIT, which
// then rewrites frames and their checksums out of order.
func TestCommitAfterSpill(t *testing.T) {
	for _, synchronous := range []string{"NORMAL", "FULL"} {
		t.Run(synchronous, func(t *testing.T) {
			writer, reader := openWAL(t)
			must(t, writer, "PRAGMA synchronous="+synchronous)
			must(t, writer, "PRAGMA cache_size=10")
			insert(t, writer, 100)
			for range 3 {
				must(t, writer, "BEGIN IMMEDIATE")
				insert(t, writer, 100)
				must(t, writer, "UPDATE t SET body = body || 'y' WHERE id % 3 = 0")
				must(t, writer, "UPDATE t SET body = body || 'z' WHERE id % 7 = 0")
				must(t, writer, "COMMIT")
				if a, b := value(t, writer, "SELECT sum(length(body)) FROM t"), value(t, reader, "SELECT sum(length(body)) FROM t"); a != b {
					t.Fatalf("the writer sees %s bytes, another connection %s", a, b)
				}
				if got := value(t, reader, "PRAGMA integrity_check"); got != "ok" {
					t.Fatal(got)
				}
			}
		})
	}
}

// Whichever write of a commit finds the disk full: the commit fails whole, and
// the next one does not bring any of it along.
func TestCommitOnFullDisk(t *testing.T) {
	writer, reader := openWAL(t)
	insert(t, writer, 1)
	want := 1
	for passing := range 5 {
		must(t, writer, "BEGIN IMMEDIATE")
		insert(t, writer, 100)
		testvfs.FillDisk(passing)
		_, err := writer.Exec("COMMIT")
		testvfs.FillDisk(-1)
		if err == nil {
			want += 100
		} else if writer.InTransaction() {
			must(t, writer, "ROLLBACK")
		}
		if passing == 0 && err == nil {
			t.Error("the commit needed no write")
		}
		insert(t, writer, 1)
		want++
		if got := value(t, reader, "SELECT count(*) FROM t"); got != fmt.Sprint(want) {
			t.Fatalf("after %d writes: another connection sees %s rows, want %d", passing, got, want)
		}
		if got := value(t, reader, "PRAGMA integrity_check"); got != "ok" {
			t.Fatal(got)
		}
	}
}

// A file without a WAL has its rollback journal, which keeps its own methods.
func TestCommitWithoutWAL(t *testing.T) {
	writer, reader := openWAL(t)
	insert(t, writer, 1)
	reader.Close()
	must(t, writer, "PRAGMA journal_mode=DELETE")
	must(t, writer, "BEGIN IMMEDIATE")
	insert(t, writer, 50)
	must(t, writer, "COMMIT")
	if got := value(t, writer, "SELECT count(*) FROM t"); got != "51" {
		t.Errorf("%s rows", got)
	}
}
