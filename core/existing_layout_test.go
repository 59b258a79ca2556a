package core_test

import (
	"context"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/knocker-dev/knocker/core"
	"github.com/knocker-dev/knocker/core/sqlite"
)

// layout is a file's part of sqlite_schema that is ours, without the spaces and
// quotes in which a renamed table differs from one that was made.
func layout(t *testing.T, path string) string {
	t.Helper()
	text := rowsOf(t, path, "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE tbl_name LIKE 'knocker!_%' ESCAPE '!' ORDER BY name")
	return regexp.MustCompile(`[ \\"]|\\n`).ReplaceAllString(text, "")
}

// A migrated file has the tables of a new one, constraints and defaults included:
// code that works on the one works on the other.
func TestExistingFileGetsTheLayoutOfANewOne(t *testing.T) {
	fresh := t.TempDir() + "/fresh.db"
	if err := openAt(t, fresh, core.Options{}).Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"knockerlite.db", "audits.db"} {
		path := existingFile(t, name)
		if err := openAt(t, path, core.Options{}).Close(); err != nil {
			t.Fatal(err)
		}
		ours, want := strings.Split(layout(t, path), "\n"), strings.Split(layout(t, fresh), "\n")
		if len(ours) != len(want) {
			t.Fatalf("%s: %d tables and indexes, a new file has %d", name, len(ours), len(want))
		}
		for n := range ours {
			if ours[n] != want[n] {
				t.Errorf("%s:\n%s\nin a new file:\n%s", name, ours[n], want[n])
			}
		}
	}
}

// A job of the old file whose attempts a killed worker has used up is buried with
// its event, and keeps no other from its turn.
func TestExistingFileWithAttemptsUsedUp(t *testing.T) {
	path := existingFile(t, "knockerlite.db")
	script(t, path, `UPDATE _honker_live SET attempts = max_attempts, state = 'processing', worker_id = 'gone', claim_expires_at = 5
		WHERE queue = 'knocker.events' AND json_extract(payload, '$.event_id') = 4`)
	inbox := openAt(t, path, core.Options{})
	handled := 0
	if err := inbox.Handle(core.HandlerParams{Endpoint: "plain"}, func(context.Context, *core.Event, *core.Tx) error { handled++; return nil }); err != nil {
		t.Fatal(err)
	}
	for {
		n, err := inbox.RunWorkerOnce(background, core.WorkerOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			break
		}
	}
	if e, err := inbox.GetEvent(background, 4); err != nil || e.Status != "dead" || handled != 6 {
		t.Errorf("%+v, %v; %d handled", e, err, handled)
	}
	if got := rowsOf(t, path, "SELECT outcome, duration_ms FROM knocker_attempts WHERE event_id = 4 ORDER BY id DESC LIMIT 1"); got != "\"dead\"|'\\x00'|\n" {
		t.Errorf("the attempt is %s", got)
	}
}

// A file whose table of versions is there without one is migrated as well, and one
// of ours that has lost its version is not taken for an old one.
func TestExistingFileWithoutVersion(t *testing.T) {
	path := existingFile(t, "knockerlite.db")
	script(t, path, "DELETE FROM knocker_meta; INSERT INTO knocker_meta VALUES ('other', 'kept')")
	if err := openAt(t, path, core.Options{}).Close(); err != nil {
		t.Fatal(err)
	}
	migrated := everything(t, path)
	if !strings.Contains(migrated, "compatible_from") || rowsOf(t, path, "SELECT value FROM knocker_meta WHERE key = 'other'") != "\"kept\"|\n" {
		t.Error(rowsOf(t, path, "SELECT * FROM knocker_meta"))
	}
	script(t, path, "DELETE FROM knocker_meta WHERE key IN ('schema_version', 'compatible_from')")
	if err := openAt(t, path, core.Options{}).Close(); err != nil {
		t.Fatal(err)
	}
	if got := rowsOf(t, path, "SELECT count(*) FROM knocker_deliveries WHERE reason = 'migrated'"); got != "'\\x02'|\n" {
		t.Error(got)
	}
	goesOn(t, path)
}

// What hangs on the tables that keep their columns survives, too.
func TestExistingFileKeepsWhatHangsOnOtherTables(t *testing.T) {
	path := existingFile(t, "knockerlite.db")
	script(t, path, `CREATE TABLE seen (what TEXT);
		ALTER TABLE knocker_endpoints ADD COLUMN tenant TEXT DEFAULT 'none'; UPDATE knocker_endpoints SET tenant = 'first' WHERE id = 2;
		CREATE INDEX by_tenant ON knocker_endpoints (tenant);
		CREATE TABLE plans (endpoint INTEGER REFERENCES knocker_endpoints(id), attempt INTEGER REFERENCES knocker_attempts(id) ON DELETE CASCADE);
		INSERT INTO plans VALUES (2, 1);
		CREATE TRIGGER attempted AFTER INSERT ON knocker_attempts BEGIN INSERT INTO seen VALUES (new.outcome); END;
		CREATE VIEW failures AS SELECT a.error FROM knocker_attempts a JOIN knocker_events e ON e.id = a.event_id WHERE a.error IS NOT NULL`)
	failures := rowsOf(t, path, "SELECT * FROM failures")
	if err := openAt(t, path, core.Options{}).Close(); err != nil {
		t.Fatal(err)
	}
	direct(t, path, func(c *sqlite.Conn) {
		for sql, works := range map[string]bool{
			"PRAGMA foreign_keys = ON": true,
			"SELECT * FROM knocker_endpoints INDEXED BY by_tenant ORDER BY tenant":              true,
			"INSERT INTO knocker_attempts (event_id, attempted_at, outcome) VALUES (1, 1, 'x')": true,
		} {
			if _, err := c.Query(sql); (err == nil) != works {
				t.Errorf("%s: %v", sql, err)
			}
		}
	})
	for sql, want := range map[string]string{
		"SELECT tenant FROM knocker_endpoints ORDER BY id": "\"none\"|\n\"first\"|\n\"none\"|\n",
		"SELECT what FROM seen":                            "\"x\"|\n",
		"SELECT * FROM failures":                           failures,
		"PRAGMA foreign_key_check":                         "",
	} {
		if got := rowsOf(t, path, sql); got != want || sql == "SELECT * FROM failures" && got == "" {
			t.Errorf("%s: %s", sql, got)
		}
	}
}

// Of what can't go on, each kind is found: the write through a view that alone is
// broken, and two events of one identity.
func TestExistingFileNamesWhatIsInTheWay(t *testing.T) {
	for sql, names := range map[string]string{
		`CREATE VIEW short AS SELECT id, status FROM knocker_events; CREATE TRIGGER short_in INSTEAD OF INSERT ON short BEGIN
			INSERT INTO knocker_events (endpoint_id, method, headers_json, body_blob, query_json, status) VALUES (1, 'POST', '{}', x'', '{}', 'received'); END`: "a trigger on short (INSERT)",
		"DROP INDEX knocker_events_dedupe; UPDATE knocker_events SET dedupe_key = 'same' WHERE id IN (2, 3)": "the events 2 and 3",
	} {
		path := existingFile(t, "knockerlite.db")
		script(t, path, sql)
		before := everything(t, path)
		if _, err := core.Open(path, core.Options{}); core.CodeOf(err) != core.CodeMigrationNeeded || !strings.Contains(err.Error(), names) {
			t.Errorf("%s: %v", names, err)
		}
		if everything(t, path) != before {
			t.Errorf("%s: the file has changed", names)
		}
	}
}

// While another holds the write lock nothing is migrated, and the error says busy;
// afterwards it is.
func TestExistingFileLocked(t *testing.T) {
	path := existingFile(t, "knockerlite.db")
	before := everything(t, path)
	direct(t, path, func(other *sqlite.Conn) {
		if err := other.Script("BEGIN IMMEDIATE"); err != nil {
			t.Fatal(err)
		}
		if _, err := core.Open(path, core.Options{BusyTimeout: 50 * time.Millisecond}); core.CodeOf(err) != core.CodeBusy {
			t.Error(err)
		}
		direct(t, path, func(c *sqlite.Conn) {
			c.SetBusyTimeout(50 * time.Millisecond)
			h, err := core.Attach(c, "", 0)
			if err == nil {
				err = h.BootstrapIfPossible()
			}
			if err != nil {
				t.Error("loading:", err)
			}
			if err := h.Bootstrap(); core.CodeOf(err) != core.CodeBusy {
				t.Error(err)
			}
		})
	})
	if everything(t, path) != before {
		t.Error("the file has changed")
	}
	goesOn(t, path)
}
