package sqlite

import (
	"fmt"
	"testing"

	"github.com/knocker-dev/knocker/core/store"
)

func table(t *testing.T) *Conn {
	t.Helper()
	c := open(t)
	if err := c.Script("CREATE TABLE t(id INTEGER PRIMARY KEY, a UNIQUE, b)"); err != nil {
		t.Fatal(err)
	}
	return c
}

func countRows(t *testing.T, c *Conn) int64 {
	t.Helper()
	rows, err := c.Query("SELECT count(*) FROM t")
	if err != nil || !rows.Next() {
		t.Fatal(err)
	}
	return rows.Int(0)
}

// A batch answers for each statement, so one call can do what many did.
func TestBatchAnswersEachStatement(t *testing.T) {
	c := table(t)
	b := c.NewBatch()
	defer b.Close()
	b.Add(0, "BEGIN")
	insert := b.Add(store.MustChange, "INSERT INTO t VALUES (?, ?, ?)", 1, "é", []byte{0, 1})
	text := b.Add(store.MustFind, "SELECT a, b FROM t WHERE id = ?", 1)
	none := b.Add(0, "SELECT a FROM t WHERE id = ?", 2)
	b.Add(store.MayEnd, "COMMIT")
	complete, err := b.Run()
	if err != nil || !complete {
		t.Fatal(complete, err)
	}
	rows := b.Rows(text)
	if b.Changes(insert) != 1 || !rows.Next() || rows.Text(0) != "é" || string(rows.Bytes(1)) != "\x00\x01" || rows.Next() {
		t.Error("the first row is not what was inserted")
	}
	if b.Rows(none).Next() {
		t.Error("a row that doesn't exist")
	}
	if c.InTransaction() {
		t.Error("COMMIT was left out")
	}
}

// A statement that does not do what it must stops the batch; what stands behind
// it runs when the caller has decided how to go on.
func TestBatchStopsAndGoesOn(t *testing.T) {
	c := table(t)
	if err := c.Script("INSERT INTO t VALUES (1, 'known', 0)"); err != nil {
		t.Fatal(err)
	}
	packed, err := Pack(nil, nil, "other")
	if err != nil {
		t.Fatal(err)
	}
	b := c.NewBatch()
	defer b.Close()
	b.Add(0, "BEGIN IMMEDIATE")
	stops := b.Add(store.MustChange, "INSERT INTO t VALUES (?, ?, ?) ON CONFLICT DO NOTHING", 2, "known", 0)
	b.Add(0, "INSERT INTO t VALUES (99, 'left out', 0)")
	last := b.AddPacked(0, "INSERT INTO t (id, b, a) VALUES (?, ?, ?)", packed)
	b.Add(store.MayEnd, "COMMIT")
	complete, err := b.Run()
	if complete || err != nil || b.Stopped() != stops {
		t.Fatal(complete, err, b.Stopped())
	}
	rows, err := c.Query("SELECT id FROM t WHERE a = 'known'")
	if err != nil || !rows.Next() {
		t.Fatal(err)
	}
	b.SetInt(last, 0, 3)
	b.SetInt(last, 1, rows.Int(0))
	b.Skip(last)
	if complete, err = b.Run(); !complete || err != nil {
		t.Fatal(complete, err)
	}
	rows, err = c.Query("SELECT id, a, b FROM t ORDER BY id DESC")
	if err != nil || rows.Len() != 2 || !rows.Next() || rows.Int(0) != 3 || rows.Text(1) != "other" || rows.Int(2) != 1 {
		t.Fatal(err, rows.Len(), rows.Value(0), rows.Value(1), rows.Value(2))
	}
}

// A transaction that a statement takes with it must end the batch: the rest
// would run and commit one by one.
func TestBatchNoticesALostTransaction(t *testing.T) {
	c := table(t)
	if err := c.Script("CREATE TRIGGER lose BEFORE INSERT ON t WHEN new.b = 'bad' BEGIN SELECT raise(ROLLBACK, 'lost'); END"); err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]string{"trigger": "INSERT INTO t VALUES (2, 2, 'bad')", "early end": "COMMIT"} {
		b := c.NewBatch()
		b.Add(0, "BEGIN")
		b.Add(0, "INSERT INTO t VALUES (NULL, NULL, 0)")
		at := b.Add(0, bad)
		b.Add(0, "INSERT INTO t VALUES (3, 3, 0)")
		complete, err := b.Run()
		if complete || err == nil || b.Stopped() > at+1 {
			t.Errorf("%s: complete %v, error %v, stopped at %d", name, complete, err, b.Stopped())
		}
		if again, second := b.Run(); again || second == nil {
			t.Errorf("%s: a batch that failed ran on", name)
		}
		b.Close()
		if rows, err := c.Query("SELECT 1 FROM t WHERE id = 3"); err != nil || rows.Len() != 0 {
			t.Errorf("%s: the statement behind it has run (%v)", name, err)
		}
	}
}

// Mistakes in a batch are told by Run, and nothing of it runs.
func TestBatchRefusesMistakes(t *testing.T) {
	c := table(t)
	for name, add := range map[string]func(b store.Batch){
		"no such table":    func(b store.Batch) { b.Add(0, "INSERT INTO missing VALUES (1)") },
		"too few values":   func(b store.Batch) { b.Add(0, "INSERT INTO t VALUES (?, ?, ?)", 1) },
		"a type of no use": func(b store.Batch) { b.Add(0, "INSERT INTO t VALUES (?, 1, 1)", struct{}{}) },
	} {
		b := c.NewBatch()
		b.Add(0, "INSERT INTO t VALUES (NULL, NULL, NULL)")
		add(b)
		if complete, err := b.Run(); complete || err == nil {
			t.Errorf("%s: complete %v, error %v", name, complete, err)
		}
		b.Close()
	}
	if n := countRows(t, c); n != 0 {
		t.Errorf("%d rows of batches that were refused", n)
	}
}

// A batch of more statements than a connection keeps must not lose the first.
func TestBatchKeepsItsStatements(t *testing.T) {
	c := table(t)
	b := c.NewBatch()
	for n := range 2 * maxStatements {
		b.Add(0, fmt.Sprintf("INSERT INTO t VALUES (%d, NULL, NULL)", n))
	}
	if complete, err := b.Run(); !complete || err != nil {
		t.Fatal(complete, err)
	}
	b.Close()
	if n := countRows(t, c); n != 2*maxStatements {
		t.Errorf("%d rows", n)
	}
	if n := len(c.statements); n > maxStatements {
		t.Errorf("%d statements are kept", n)
	}
}
