package core_test

import (
	"strings"
	"testing"

	"github.com/knocker-dev/knocker/core"
	"github.com/knocker-dev/knocker/core/sqlite"
)

// What an application has added is refused by its name where the migration would
// lose it, take its values for ours, or leave it there without its meaning.
func TestExistingFileRefusesWhatWouldBeLost(t *testing.T) {
	for sql, names := range map[string]string{
		"ALTER TABLE knocker_events ADD COLUMN job_id TEXT":                                                "column job_id of knocker_events",
		"ALTER TABLE knocker_events ADD COLUMN Delivery_Id TEXT":                                           "column Delivery_Id of knocker_events",
		"ALTER TABLE knocker_deliveries ADD COLUMN kind TEXT":                                              "column kind of knocker_deliveries",
		"ALTER TABLE knocker_endpoints ADD COLUMN paused INTEGER; UPDATE knocker_endpoints SET paused = 1": "column paused of knocker_endpoints",
		"CREATE INDEX Knocker_Events_Type ON knocker_events (event_type)":                                  "index Knocker_Events_Type",
		"CREATE INDEX knocker_events_provider ON _honker_results (value)":                                  "index knocker_events_provider",
		"CREATE TABLE knocker_delivery_events (x)":                                                         "table knocker_delivery_events",
		"CREATE VIRTUAL TABLE bodies USING fts5 (body_blob, content = 'knocker_events', content_rowid = 'id'); INSERT INTO bodies (bodies) VALUES ('rebuild')": "the search table bodies",
		"CREATE VIEW knocker_prune_audits AS SELECT 1":                                                                               "view knocker_prune_audits",
		`CREATE VIEW quoted AS SELECT id, "body_blob" FROM knocker_events`:                                                           "the view quoted",
		`CREATE INDEX quoted ON knocker_events ("headers_json")`:                                                                     "index quoted on knocker_events",
		`CREATE INDEX quoted ON knocker_events (length("Body_Blob"))`:                                                                "index quoted on knocker_events",
		"CREATE TRIGGER changed AFTER UPDATE OF body_blob ON knocker_events BEGIN DELETE FROM _honker_locks; END":                    "a trigger on knocker_events (UPDATE)",
		`CREATE TRIGGER changed AFTER INSERT ON _honker_results BEGIN DELETE FROM knocker_events WHERE "body_blob" = new.value; END`: "a trigger on _honker_results (INSERT)",
	} {
		path := existingFile(t, "knockerlite.db")
		script(t, path, sql)
		before := everything(t, path)
		if _, err := core.Open(path, core.Options{}); core.CodeOf(err) != core.CodeMigrationNeeded || !strings.Contains(err.Error(), names) {
			t.Errorf("%s: %v", sql, err)
		}
		if everything(t, path) != before {
			t.Errorf("%s: the file has changed", sql)
		}
	}
}

// Texts in double quotes and names in another case are SQL as applications write
// it: what hangs on the tables that way goes on.
func TestExistingFileKeepsOddlyWrittenObjects(t *testing.T) {
	path := existingFile(t, "knockerlite.db")
	script(t, path, `CREATE TABLE seen (what TEXT);
		CREATE TRIGGER handled AFTER UPDATE OF status, body_blob ON Knocker_Events WHEN new.status = "ignored" BEGIN INSERT INTO seen VALUES ("body_blob"); END;
		CREATE INDEX by_method ON KNOCKER_EVENTS ("method", Event_Type);
		CREATE VIRTUAL TABLE errors USING fts5 (last_error, content = 'knocker_events', content_rowid = 'id'); INSERT INTO errors (errors) VALUES ('rebuild');
		CREATE VIEW texts AS SELECT id, 'body_blob' AS name, "no column" AS other FROM "knocker_events"`)
	if err := openAt(t, path, core.Options{}).Close(); err != nil {
		t.Fatal(err)
	}
	script(t, path, "UPDATE knocker_events SET status = 'ignored' WHERE id = 7; SELECT * FROM knocker_events INDEXED BY by_method ORDER BY method")
	if got := rowsOf(t, path, "SELECT what FROM seen"); got != "\"body_blob\"|\n" {
		t.Errorf("the trigger wrote %q", got)
	}
	if got := rowsOf(t, path, "SELECT rowid FROM errors WHERE errors MATCH 'customer'"); got != "'\\x05'|\n" {
		t.Errorf("the search finds %q", got)
	}
	if got := rowsOf(t, path, "SELECT * FROM texts WHERE id = 7"); got != "'\\a'|\"body_blob\"|\"no column\"|\n" {
		t.Errorf("the view shows %q", got)
	}
}

// The temporary triggers and views of a host's connection are the application's
// too: they survive, or are named and nothing is migrated. The first one that
// meets what is gone is named, which is a table whose trigger writes on.
func TestExistingFileWithTemporaryObjects(t *testing.T) {
	for sql, names := range map[string]string{
		"": "",
		"CREATE TEMP VIEW bodies AS SELECT body_blob FROM knocker_events":                                                          "the temporary view bodies",
		"CREATE TEMP TRIGGER b AFTER INSERT ON main.knocker_events BEGIN INSERT INTO seen VALUES (new.body_blob); END":             "a temporary trigger on Knocker_Events (INSERT)",
		"CREATE TEMP TRIGGER b AFTER INSERT ON seen BEGIN UPDATE knocker_events SET query_json = 1; END":                           "a temporary trigger on Knocker_Events (UPDATE)",
		"CREATE TEMP TABLE own (x); CREATE TEMP TRIGGER b AFTER INSERT ON own BEGIN UPDATE knocker_events SET query_json = 1; END": "a temporary trigger on own (INSERT)",
	} {
		path := existingFile(t, "knockerlite.db")
		script(t, path, "CREATE TABLE seen (what TEXT)")
		before := everything(t, path)
		direct(t, path, func(c *sqlite.Conn) {
			if err := c.Script(`CREATE TEMP TRIGGER changed AFTER UPDATE OF status ON Knocker_Events BEGIN INSERT INTO seen VALUES (new.id); END;
				CREATE TEMP VIEW handled AS SELECT id FROM knocker_events WHERE status = 'handled';` + sql); err != nil {
				t.Fatal(err)
			}
			h, err := core.Attach(c, "", 0)
			if err != nil {
				t.Fatal(err)
			}
			err = h.Bootstrap()
			if names != "" {
				if core.CodeOf(err) != core.CodeMigrationNeeded || !strings.Contains(err.Error(), names) {
					t.Errorf("%s: %v", sql, err)
				}
				if everything(t, path) != before {
					t.Errorf("%s: the file has changed", sql)
				}
			} else if err != nil {
				t.Fatal(err)
			}
			if err := c.Script("UPDATE knocker_events SET status = 'ignored' WHERE id = 7; SELECT * FROM handled"); err != nil {
				t.Error(err)
			}
		})
		if got := rowsOf(t, path, "SELECT what FROM seen"); got != "\"7\"|\n" {
			t.Errorf("%s: the temporary trigger wrote %q", sql, got)
		}
	}
}

// What the old tables held stays in free pages, where an erasure doesn't reach:
// its answer must not say that the file has lost the bytes.
func TestExistingFileTellsOfCopies(t *testing.T) {
	path := existingFile(t, "knockerlite.db")
	inbox := openAt(t, path, core.Options{})
	all := core.EventFilter{Statuses: []string{"handled", "dead", "ignored"}}
	if r := expunge(t, inbox, all, core.BulkOptions{}); r.Changed == 0 || r.ErasedFromFile {
		t.Errorf("after the migration: %+v", r)
	}
	script(t, path, "VACUUM")
	if r := expunge(t, inbox, all, core.BulkOptions{}); r.Changed != 0 || !r.ErasedFromFile {
		t.Errorf("after VACUUM: %+v", r)
	}
}
