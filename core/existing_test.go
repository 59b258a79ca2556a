package core_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/knocker-dev/knocker/core"
	"github.com/knocker-dev/knocker/core/sqlite"
)

// existingFile copies a file that the existing project has made: its README.md
// says how.
func existingFile(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "existing", name))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// direct runs f on a connection of its own.
func direct(t *testing.T, path string, f func(c *sqlite.Conn)) {
	t.Helper()
	routines, err := sqlite.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	c, err := sqlite.Open(routines, path, sqlite.OpenReadWrite, "")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetBusyTimeout(5 * time.Second)
	f(c)
}

func script(t *testing.T, path, sql string) {
	t.Helper()
	direct(t, path, func(c *sqlite.Conn) {
		if err := c.Script(sql); err != nil {
			t.Fatal(err)
		}
	})
}

// rowsOf answers a query's rows as text.
func rowsOf(t *testing.T, path, sql string) string {
	t.Helper()
	var text strings.Builder
	direct(t, path, func(c *sqlite.Conn) {
		rows, err := c.Query(sql)
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		for rows.Next() {
			for n := range rows.Columns() {
				fmt.Fprintf(&text, "%q|", rows.Value(n))
			}
			text.WriteByte('\n')
		}
	})
	return text.String()
}

// everything is all that a file holds, for one that must not change.
func everything(t *testing.T, path string) string {
	t.Helper()
	text := rowsOf(t, path, "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name")
	for _, table := range strings.Split(rowsOf(t, path, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name"), "\n") {
		if name, _, ok := strings.Cut(table, "|"); ok {
			text += rowsOf(t, path, "SELECT * FROM "+name)
		}
	}
	return text
}

const (
	eventColumns = `e.id, e.endpoint_id, e.received_at, e.provider_event_id, e.provider_delivery_id, e.event_type, e.method, e.dedupe_key,
		e.status, e.attempt_count, e.handled_at, e.last_error`
	deliveryColumns = `SELECT id, endpoint_id, event_id, received_at, provider_event_id, provider_delivery_id, event_type, method, headers_json,
		body_blob, query_json, signature_valid, signature_error, dedupe_key FROM knocker_deliveries`
)

// otherTables are copied by nobody.
var otherTables = []string{"knocker_attempts", "_honker_live", "_honker_dead", "_honker_locks", "_honker_rate_limits", "_honker_stream",
	"_honker_notifications", "_honker_results", "_honker_stream_consumers", "_honker_scheduler_tasks", "_honker_jobs"}

// Each row, id, status and body of a file of the existing project is there after
// it was opened, and all goes on: jobs, replays, retries of the senders, pruning.
func TestExistingFileOpens(t *testing.T) {
	for _, name := range []string{"knockerlite.db", "audits.db", "application.db"} {
		t.Run(name, func(t *testing.T) {
			path := existingFile(t, name)
			events := rowsOf(t, path, "SELECT "+eventColumns+", headers_json, body_blob, query_json FROM knocker_events e ORDER BY id")
			deliveries := rowsOf(t, path, deliveryColumns)
			others := map[string]string{"knocker_endpoints": rowsOf(t, path, "SELECT id, name, path, provider, enabled, created_at FROM knocker_endpoints")}
			tables := otherTables
			if name == "audits.db" {
				tables = append(tables, "knocker_prune_audits")
			}
			if name == "application.db" {
				tables = append(tables, "orders", "receipts", "tenants", "log", "open_events")
			}
			for _, table := range tables {
				others[table] = rowsOf(t, path, "SELECT * FROM "+table)
			}
			if err := openAt(t, path, core.Options{}).Close(); err != nil {
				t.Fatal(err)
			}
			if got := rowsOf(t, path, "SELECT "+eventColumns+`, d.headers_json, d.body_blob, d.query_json FROM knocker_events e
				JOIN knocker_deliveries d ON d.id = e.delivery_id AND d.event_id = e.id ORDER BY e.id`); got != events {
				t.Errorf("events were\n%s\nand are\n%s", events, got)
			}
			if got := rowsOf(t, path, deliveryColumns+" WHERE reason IS NOT 'migrated'"); got != deliveries {
				t.Errorf("deliveries were\n%s\nand are\n%s", deliveries, got)
			}
			if got := rowsOf(t, path, "SELECT event_id, id > 15 FROM knocker_deliveries WHERE reason = 'migrated'"); got != "'\\v'|'\\x01'|\n'\\f'|'\\x01'|\n" {
				t.Errorf("made for events: %q", got)
			}
			for table, rows := range others {
				columns := "*"
				if table == "knocker_endpoints" {
					columns = "id, name, path, provider, enabled, created_at"
				}
				if table == "open_events" {
					rows = strings.Replace(rows, "'\\v'|\"received\"|%!q(<nil>)|'\\x00'|", "'\\v'|\"received\"|%!q(<nil>)|'\\x01'|", 1)
					rows = strings.Replace(rows, "'\\f'|\"received\"|%!q(<nil>)|'\\x01'|", "'\\f'|\"received\"|%!q(<nil>)|'\\x02'|", 1) // its delivery was made
				}
				if got := rowsOf(t, path, "SELECT "+columns+" FROM "+table); got != rows {
					t.Errorf("%s was\n%s\nand is\n%s", table, rows, got)
				}
			}
			once := everything(t, path)
			if err := openAt(t, path, core.Options{}).Close(); err != nil {
				t.Fatal(err)
			}
			if again := everything(t, path); again != once {
				t.Error("the second open changed the file")
			}
			goesOn(t, path)
		})
	}
}

// goesOn uses a migrated file.
func goesOn(t *testing.T, path string) {
	t.Helper()
	inbox := openAt(t, path, core.Options{})
	seen := map[int64]string{}
	var mu sync.Mutex
	for _, endpoint := range []string{"stripe", "github", "plain"} {
		provider := map[string]string{"stripe": "stripe", "github": "github", "plain": "token-header"}[endpoint]
		if _, err := inbox.AddEndpoint(background, core.EndpointParams{Name: endpoint, Provider: provider, Secrets: "s"}); err != nil {
			t.Fatal(err)
		}
		if err := inbox.Handle(core.HandlerParams{Endpoint: endpoint}, func(_ context.Context, e *core.Event, _ *core.Tx) error {
			mu.Lock()
			defer mu.Unlock()
			seen[e.ID] = string(e.Body)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	drain := func() {
		for {
			n, err := inbox.RunWorkerOnce(background, core.WorkerOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if n == 0 {
				return
			}
		}
	}
	drain()
	if len(seen) != 7 || seen[7] != "failed \x00\xff" || seen[11] != "alone" || seen[12] != "first" || seen[8] != "processing" || seen[9] != "" {
		t.Errorf("the worker saw %q", seen)
	}
	if s := counted(t, inbox); s.Stuck != 0 || s.JobsReady+s.JobsLater+s.JobsHeld != 0 || s.Events["handled"] != 9 {
		t.Errorf("%+v", s)
	}
	r, err := inbox.Receive(background, core.ReceiveParams{Ingest: true, Endpoint: "stripe", Body: []byte(`{"again":1}`), DedupeKey: "evt_1"})
	if err != nil || !r.Duplicate || r.EventID != 1 || r.DeliveryID != 19 {
		t.Errorf("a sender's retry: %+v, %v", r, err)
	}
	if r, err = inbox.Receive(background, core.ReceiveParams{Ingest: true, Endpoint: "plain", Body: []byte(`new`)}); err != nil || r.EventID <= 13 {
		t.Errorf("the first new event: %+v, %v", r, err)
	}
	for what, err := range map[string]error{"replay": inbox.Replay(background, 5), "requeue": inbox.Requeue(background, 6)} {
		if err != nil {
			t.Error(what, err)
		}
	}
	if _, err := inbox.ReplayDelivery(background, 1, 0); err != nil {
		t.Error(err)
	}
	clear(seen)
	drain()
	if len(seen) != 4 {
		t.Errorf("the worker saw %q", seen)
	}
	pruned, err := inbox.PruneEvents(background, core.PruneParams{Statuses: []string{"handled"}, OlderThan: 1700000000 + 100000, Limit: 100, Force: true})
	if err == nil && strings.HasSuffix(path, "application.db") {
		t.Error("orders refer to pruned events")
	} else if err != nil && !strings.HasSuffix(path, "application.db") {
		t.Error(pruned, err)
	}
	report, err := inbox.Check(background, false)
	if err != nil || len(report.Integrity)+len(report.ForeignKeys) != 0 {
		t.Errorf("%+v, %v", report, err)
	}
	if got := rowsOf(t, path, "SELECT count(*) FROM _honker_live WHERE queue = 'emails' AND state = 'pending'"); got != "'\\x02'|\n" {
		t.Errorf("the application's jobs: %s", got)
	}
}

// What an application has hung on the tables works afterwards: foreign keys to
// and from them, a column of its own, an index, a view, triggers.
func TestExistingFileKeepsWhatTheApplicationAdded(t *testing.T) {
	path := existingFile(t, "application.db")
	before := rowsOf(t, path, "SELECT type, name, sql FROM sqlite_schema WHERE name IN ('app_notes', 'open_events', 'broken_before', 'event_status', 'delivery_in', 'order_in', 'orders', 'receipts') ORDER BY name")
	if err := openAt(t, path, core.Options{}).Close(); err != nil {
		t.Fatal(err)
	}
	if after := rowsOf(t, path, "SELECT type, name, sql FROM sqlite_schema WHERE name IN ('app_notes', 'open_events', 'broken_before', 'event_status', 'delivery_in', 'order_in', 'orders', 'receipts') ORDER BY name"); after != before {
		t.Errorf("was\n%s\nand is\n%s", before, after)
	}
	direct(t, path, func(c *sqlite.Conn) {
		if err := c.Script("PRAGMA foreign_keys = ON"); err != nil {
			t.Fatal(err)
		}
		for sql, works := range map[string]bool{
			"DELETE FROM knocker_events WHERE id = 3":                         false, // an order refers to it
			"INSERT INTO orders VALUES (9, 999)":                              false,
			"INSERT INTO orders VALUES (9, 5)":                                true,
			"UPDATE knocker_events SET \"tenant, id\" = 7 WHERE id = 4":       false,
			"DELETE FROM knocker_deliveries WHERE id = 2":                     true,
			"UPDATE knocker_events SET status = 'failed' WHERE id = 4":        true,
			"SELECT * FROM knocker_events INDEXED BY app_notes ORDER BY note": true,
		} {
			if _, err := c.Query(sql); (err == nil) != works {
				t.Errorf("%s: %v", sql, err)
			}
		}
	})
	for sql, want := range map[string]string{
		"SELECT note, \"tenant, id\" FROM knocker_events WHERE id = 3 AND note = 'SEEN'": "\"Seen\"|'\\x01'|\n",
		"SELECT note FROM knocker_events WHERE id = 5":                                   "\"ordered\"|\n",
		"SELECT delivery FROM receipts":                                                  "'\\x01'|\n",
		"SELECT what FROM log":                                                           "\"received to failed\"|\n",
	} {
		if got := rowsOf(t, path, sql); got != want {
			t.Errorf("%s: %s", sql, got)
		}
	}
	inbox := openAt(t, path, core.Options{})
	if _, err := inbox.Receive(background, core.ReceiveParams{Ingest: true, Endpoint: "plain", Body: []byte("12345")}); err != nil {
		t.Fatal(err)
	}
	if got := rowsOf(t, path, "SELECT what FROM log ORDER BY id DESC LIMIT 1"); got != "\"delivery of 5\"|\n" {
		t.Errorf("the trigger wrote %s", got)
	}
}

// What can't be migrated as it is stays as it is, and the error says what to do.
func TestExistingFileRefused(t *testing.T) {
	for name, test := range map[string]struct {
		sql, names string
		options    core.Options
	}{
		"never":   {"", "knockerlite", core.Options{Migrate: "never"}},
		"view":    {"CREATE VIEW bodies AS SELECT id, body_blob FROM knocker_events", "the view bodies", core.Options{}},
		"trigger": {"CREATE TRIGGER bodies AFTER INSERT ON knocker_events BEGIN INSERT INTO _honker_results (value) VALUES (new.body_blob); END", "a trigger on knocker_events", core.Options{}},
		"index":   {"CREATE INDEX bodies ON knocker_events (length(body_blob))", "index bodies on knocker_events", core.Options{}},
		"columns": {"ALTER TABLE knocker_events RENAME COLUMN body_blob TO payload", "knocker_events", core.Options{}},
	} {
		t.Run(name, func(t *testing.T) {
			path := existingFile(t, "knockerlite.db")
			script(t, path, "PRAGMA journal_mode = DELETE; "+test.sql)
			before := everything(t, path)
			_, err := core.Open(path, test.options)
			if core.CodeOf(err) != core.CodeMigrationNeeded || !strings.Contains(err.Error(), test.names) {
				t.Errorf("%v", err)
			}
			if everything(t, path) != before || rowsOf(t, path, "PRAGMA journal_mode") != "\"delete\"|\n" {
				t.Error("the file has changed")
			}
		})
	}
}

// The layout before that had no table of deliveries, and values that no inbox
// writes: none is lost, none is refused.
func TestExistingFileOfOtherHands(t *testing.T) {
	path := existingFile(t, "knockerlite.db")
	script(t, path, `DROP TABLE knocker_deliveries; ALTER TABLE knocker_events ADD COLUMN signature_valid INTEGER; ALTER TABLE knocker_events ADD COLUMN signature_error TEXT;
		UPDATE knocker_meta SET value = '1'; PRAGMA ignore_check_constraints = 1;
		UPDATE knocker_events SET signature_valid = 1, received_at = 1700000000.5, status = 'odd', headers_json = 'no JSON', body_blob = 'text' WHERE id = 1;
		UPDATE knocker_events SET received_at = '2023-11-14 22:13:20', body_blob = 7, method = x'00ff' WHERE id = 2`)
	if err := openAt(t, path, core.Options{}).Close(); err != nil {
		t.Fatal(err)
	}
	for sql, want := range map[string]int64{
		"SELECT count(*) FROM knocker_events e JOIN knocker_deliveries d ON d.id = e.delivery_id":                                                12,
		"SELECT count(*) FROM knocker_events WHERE received_at = 1700000000 AND id < 3":                                                          2,
		"SELECT count(*) FROM knocker_events WHERE id = 1 AND status = 'odd'":                                                                    1,
		"SELECT count(*) FROM knocker_deliveries WHERE event_id = 1 AND signature_valid = 1 AND body_blob = 'text' AND headers_json = 'no JSON'": 1,
		"SELECT count(*) FROM knocker_deliveries WHERE event_id = 2 AND body_blob = 7 AND body_bytes = 1 AND method = x'00ff'":                   1,
	} {
		if got := rowsOf(t, path, sql); got != fmt.Sprintf("%q|\n", want) {
			t.Errorf("%s: %s", sql, got)
		}
	}
	inbox := openAt(t, path, core.Options{})
	for id := int64(1); id <= 2; id++ {
		if _, err := inbox.GetEvent(background, id); err != nil {
			t.Error(err)
		}
	}
}

// Through the host's connection a load leaves the file alone; knocker_bootstrap
// migrates it, outside a transaction, and leaves the connection's settings.
func TestExistingFileThroughTheHost(t *testing.T) {
	path := existingFile(t, "application.db")
	before := everything(t, path)
	direct(t, path, func(c *sqlite.Conn) {
		h, err := core.Attach(c, "", 0)
		if err == nil {
			err = h.BootstrapIfPossible()
		}
		if err != nil || everything(t, path) != before {
			t.Fatal("loading changed the file:", err)
		}
		if err := c.Script("PRAGMA foreign_keys = ON; PRAGMA cache_size = 77; BEGIN"); err != nil {
			t.Fatal(err)
		}
		if err := h.Bootstrap(); core.CodeOf(err) != core.CodeMigrationNeeded || !strings.Contains(err.Error(), "outside a transaction") {
			t.Error(err)
		}
		_ = c.Script("ROLLBACK; PRAGMA query_only = 1")
		if err := h.Bootstrap(); core.CodeOf(err) != core.CodeReadOnly {
			t.Error(err)
		}
		if everything(t, path) != before {
			t.Error("the file has changed")
		}
		_ = c.Script("PRAGMA query_only = 0")
		if err := h.Bootstrap(); err != nil {
			t.Fatal(err)
		}
		for sql, want := range map[string]int64{"foreign_keys": 1, "legacy_alter_table": 0, "ignore_check_constraints": 0, "cache_size": 77} {
			rows, err := c.Query("PRAGMA " + sql)
			if err != nil || !rows.Next() || rows.Int(0) != want {
				t.Errorf("%s is not %d: %v", sql, want, err)
			}
		}
	})
	goesOn(t, path)
}

// The queue's tables are those that the real Honker makes, in each column and
// index: it works on ours, and we on its.
func TestQueueTablesAreHonkers(t *testing.T) {
	fresh := filepath.Join(t.TempDir(), "app.db")
	if err := openAt(t, fresh, core.Options{}).Close(); err != nil {
		t.Fatal(err)
	}
	recorded := existingFile(t, "knockerlite.db")
	for _, sql := range []string{
		"SELECT * FROM pragma_table_xinfo('_honker_live')",
		"SELECT * FROM pragma_table_xinfo('_honker_dead')",
		`SELECT l.name, l."unique", l.partial, x.seqno, x.name, x."desc" FROM pragma_index_list('_honker_live') l, pragma_index_xinfo(l.name) x ORDER BY 1, 4`,
		`SELECT replace(replace(replace(sql, ' ', ''), char(10), ''), 'IFNOTEXISTS', '') FROM sqlite_schema WHERE tbl_name = '_honker_live' AND type = 'index' ORDER BY name`,
	} {
		if ours, theirs := rowsOf(t, fresh, sql), rowsOf(t, recorded, sql); ours != theirs || ours == "" {
			t.Errorf("%s\nours:\n%s\ntheirs:\n%s", sql, ours, theirs)
		}
	}
}
