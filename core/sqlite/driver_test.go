package sqlite

import (
	"bytes"
	"math"
	"path/filepath"
	"strings"
	"testing"
)

func open(t *testing.T) *Conn {
	t.Helper()
	r, err := Embedded()
	if err != nil {
		t.Fatal(err)
	}
	c, err := Open(r, filepath.Join(t.TempDir(), "a.db"), OpenReadWrite|OpenCreate, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// Every SQLite type must come back as it went in: handlers' data passes here.
func TestValuesRoundTrip(t *testing.T) {
	c := open(t)
	values := []any{nil, int64(math.MinInt64), int64(1<<53 + 1), math.Inf(1), math.Copysign(0, -1), "", "a\x00b", "\xff", []byte{}, []byte("x\x00y")}
	for _, v := range values {
		rows, err := c.Query("SELECT ?", v)
		if err != nil {
			t.Fatal(err)
		}
		if !rows.Next() {
			t.Fatal("no row")
		}
		got := rows.Value(0)
		if b, ok := v.([]byte); ok {
			if g, ok := got.([]byte); !ok || !bytes.Equal(b, g) {
				t.Errorf("%#v came back as %#v", v, got)
			}
		} else if got != v {
			t.Errorf("%#v came back as %#v", v, got)
		}
	}
}

// A handler's statement must not reach what belongs to the inbox or end its
// transaction; reading and savepoints stay allowed.
func TestGuard(t *testing.T) {
	c := open(t)
	if err := c.Script("CREATE TABLE knocker_x(a); CREATE TABLE mine(a UNIQUE); CREATE TABLE _honker_live(a)"); err != nil {
		t.Fatal(err)
	}
	if err := c.Guard(); err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{
		"BEGIN", "COMMIT", "ROLLBACK", "END", "ATTACH ':memory:' AS o", "CREATE TEMP TABLE knocker_deliveries(a)",
		"PRAGMA synchronous=OFF", "PRAGMA journal_mode=DELETE", "PRAGMA wal_checkpoint", "INSERT INTO knocker_x VALUES(1)",
		"UPDATE Knocker_X SET a=1", "DELETE FROM knocker_x", "DROP TABLE knocker_x", "ALTER TABLE knocker_x ADD b",
		"CREATE TRIGGER t AFTER INSERT ON knocker_x BEGIN SELECT 1; END", "CREATE TABLE knocker_y(a)", "DROP TABLE _honker_live",
		"CREATE TEMP VIEW v AS SELECT 1", "CREATE INDEX i ON knocker_x(a)", "SAVEPOINT knocker_step", "ROLLBACK TO knocker_step",
	} {
		_, err := c.ExecUntrusted(sql, nil, nil)
		if e, ok := err.(*Error); !ok || e.Denied == "" {
			t.Errorf("%s: %v", sql, err)
		}
	}
	for _, sql := range []string{"SAVEPOINT a", "RELEASE a", "INSERT INTO mine VALUES(1)", "SELECT * FROM knocker_x", "PRAGMA table_info(mine)", "PRAGMA synchronous", "INSERT INTO _honker_live VALUES(1)"} {
		if _, err := c.ExecUntrusted(sql, nil, nil); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
	if _, err := c.Exec("INSERT INTO knocker_x VALUES(1)"); err != nil {
		t.Errorf("the library's own statement: %v", err)
	}
}

// A conflict clause can end the transaction under the library: that must show.
func TestVanishedTransaction(t *testing.T) {
	c := open(t)
	if err := c.Script("CREATE TABLE mine(a UNIQUE); INSERT INTO mine VALUES(1); BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	if !c.InTransaction() {
		t.Fatal("no transaction after BEGIN")
	}
	if _, err := c.Exec("INSERT OR ROLLBACK INTO mine VALUES(1)"); CodeOf(err) != CodeConstraint {
		t.Fatal(err)
	}
	if c.InTransaction() {
		t.Fatal("the vanished transaction was not noticed")
	}
}

// A statement that runs on past its transaction's limit must end.
func TestExpiredEndsAStatement(t *testing.T) {
	c := open(t)
	if err := c.Guard(); err != nil {
		t.Fatal(err)
	}
	c.SetExpired(true)
	_, err := c.QueryUntrusted("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT count(*) FROM n", nil, nil)
	if CodeOf(err) != CodeInterrupt {
		t.Fatal(err)
	}
	if _, err := c.Query("SELECT 1"); err != nil {
		t.Fatal("the library's own statements must go on:", err)
	}
}

// The headers must be those of the SQLite that runs, or structures differ.
func TestHeadersMatchTheLibrary(t *testing.T) {
	r, err := Embedded()
	if err != nil {
		t.Fatal(err)
	}
	if r.Version() != headerVersion {
		t.Fatalf("headers are of %s, the library is %s", headerVersion, r.Version())
	}
	c := open(t)
	rows, err := c.Query("SELECT group_concat(compile_options) FROM pragma_compile_options")
	if err != nil {
		t.Fatal(err)
	}
	rows.Next()
	for _, option := range []string{"ENABLE_FTS5", "ENABLE_RTREE", "ENABLE_MATH_FUNCTIONS", "ENABLE_DBSTAT_VTAB", "THREADSAFE=1"} {
		if !strings.Contains(rows.Text(0), option) {
			t.Errorf("built without %s: use the tags of the Makefile", option)
		}
	}
}

func TestBadStatements(t *testing.T) {
	c := open(t)
	for _, sql := range []string{"", " ", "-- only a comment", "SELECT 1; SELECT 2", "SELEKT", "SELECT ?"} {
		if _, err := c.QueryUntrusted(sql, nil, nil); err == nil {
			t.Errorf("%q was accepted", sql)
		}
	}
	rows, err := c.QueryUntrusted("SELECT :a AS x, @b AS y", nil, map[string]any{"a": int64(1), "@b": "two"})
	if err != nil || !rows.Next() || rows.Int(0) != 1 || rows.Text(1) != "two" || rows.Names[1] != "y" {
		t.Error("named parameters", err, rows)
	}
}
