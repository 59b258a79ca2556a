package store

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Migrate brings a file of the existing project to this layout, in place and in
// one transaction; queue is where its jobs are. No transaction may be open. It
// asks again what the file holds once it has the write lock, so that of several
// processes one migrates and the others find it done. Rows are copied inside
// SQLite, which keeps 64 MiB of pages at most in memory.
func Migrate(c Conn, queue string) (err error) {
	restore, err := prepareConnection(c)
	defer restore()
	if err != nil {
		return err
	}
	if _, err := c.Exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	defer func() {
		if c.InTransaction() {
			_, _ = c.Exec("ROLLBACK")
		}
	}()
	if state, _, err := Inspect(c); err != nil || state != Foreign {
		return err
	}
	if err := migrateForeign(c, queue); err != nil {
		return err
	}
	_, err = c.Exec("COMMIT")
	return err
}

// migrationSettings are what the connection runs with meanwhile. Tables are
// replaced under their names, so what refers to them must neither be enforced
// nor rewritten; and a value that our CHECKs would refuse is not lost for that.
var migrationSettings = []struct{ name, value string }{
	{"foreign_keys", "0"}, {"legacy_alter_table", "1"}, {"ignore_check_constraints", "1"}, {"main.cache_size", "-65536"},
}

// prepareConnection makes the settings, which work outside a transaction only,
// and answers what puts back those that were there.
func prepareConnection(c Conn) (restore func(), err error) {
	var before strings.Builder
	restore = func() { _ = c.Script(before.String()) }
	for _, s := range migrationSettings {
		rows, err := c.Query("PRAGMA " + s.name)
		if err != nil || !rows.Next() {
			return restore, err
		}
		fmt.Fprintf(&before, "PRAGMA %s = %d;", s.name, rows.Int(0))
		if err := c.Script("PRAGMA " + s.name + " = " + s.value); err != nil {
			return restore, err
		}
	}
	return restore, nil
}

func migrateForeign(c Conn, queue string) error {
	before, err := survey(c)
	if err != nil {
		return err
	}
	kept, err := applicationObjects(c)
	if err != nil {
		return err
	}
	for _, step := range []func(Conn) error{
		checkNames, checkIdentities, dropForeignIndexes, replaceEvents, replaceDeliveries, makeCanonical,
		func(c Conn) error { return linkJobs(c, queue) },
		replaceOthers, swapTables, Bootstrap, noteCopies,
		func(c Conn) error { return makeAgain(c, kept) },
	} {
		if err := step(c); err != nil {
			return err
		}
	}
	after, err := survey(c)
	if err != nil {
		return err
	}
	return before.compare(after)
}

// foreignIndexes are the existing project's own. One more is needed until the
// events have found their deliveries.
var foreignIndexes = []string{foreignIdentityIndex, "knocker_events_status", "knocker_deliveries_endpoint_received", "knocker_attempts_event"}

const (
	foreignIdentityIndex = "knocker_events_dedupe"
	foreignEventIndex    = "knocker_deliveries_event"
)

// checkIdentities names two events of one identity, which can be there only if
// somebody has dropped the index against them.
func checkIdentities(c Conn) error {
	columns, err := columnsOf(c, "knocker_events")
	if err != nil || !columns.has("dedupe_key") {
		return err
	}
	rows, err := c.Query("SELECT 1 FROM main.sqlite_schema WHERE type = 'index' AND name = ?", foreignIdentityIndex)
	if err != nil || rows.Next() {
		return err
	}
	rows, err = c.Query(`SELECT min(id), max(id) FROM main.knocker_events WHERE dedupe_key IS NOT NULL
		GROUP BY endpoint_id, dedupe_key HAVING count(*) > 1 LIMIT 1`)
	if err != nil || !rows.Next() {
		return err
	}
	return &Obstacle{fmt.Sprintf("the events %d and %d have the same endpoint and dedupe_key, and the index %s that forbids it is gone: give one of them another key before the migration",
		rows.Int(0), rows.Int(1), foreignIdentityIndex)}
}

func dropForeignIndexes(c Conn) error {
	for _, name := range foreignIndexes {
		if _, err := c.Exec("DROP INDEX IF EXISTS main." + name); err != nil {
			return err
		}
	}
	if there, err := hasTable(c, "knocker_deliveries"); err != nil || !there {
		return err
	}
	_, err := c.Exec("CREATE INDEX IF NOT EXISTS main." + foreignEventIndex + " ON knocker_deliveries (event_id, id)")
	return err
}

// A time that is not a whole number was written by other hands: as a text, or
// with fractions.
const wholeSeconds = `CASE typeof(x.received_at) WHEN 'integer' THEN x.received_at WHEN 'real' THEN CAST(x.received_at AS INTEGER)
	ELSE coalesce(CAST(strftime('%s', CAST(x.received_at AS TEXT)) AS INTEGER), 0) END`

// canonical finds an event's canonical delivery: the first one with its body,
// better one that was received just like it.
const canonical = `coalesce(
	(SELECT d.id FROM main.knocker_deliveries d WHERE d.event_id = x.id AND d.body_blob = x.body_blob AND d.headers_json = x.headers_json AND d.query_json = x.query_json ORDER BY d.id LIMIT 1),
	(SELECT d.id FROM main.knocker_deliveries d WHERE d.event_id = x.id AND d.body_blob = x.body_blob ORDER BY d.id LIMIT 1))`

const bodyBytes = "length(CAST(x.body_blob AS BLOB))"

func replaceEvents(c Conn) error {
	values := map[string]string{"received_at": wholeSeconds, "delivery_id": canonical}
	if there, err := hasTable(c, "knocker_deliveries"); err != nil {
		return err
	} else if !there {
		delete(values, "delivery_id")
	}
	return replaceTable(c, "knocker_events", values, "headers_json", "body_blob", "query_json", "signature_valid", "signature_error")
}

func replaceDeliveries(c Conn) error {
	if _, err := c.Exec("DROP INDEX IF EXISTS main." + foreignEventIndex); err != nil {
		return err
	}
	return replaceTable(c, "knocker_deliveries", map[string]string{"received_at": wholeSeconds, "body_bytes": bodyBytes,
		"kind": "CASE WHEN x.event_id IS NULL THEN 'rejected' ELSE 'event' END"})
}

// makeCanonical makes a delivery for each event whose body no delivery holds.
func makeCanonical(c Conn) error {
	columns, err := columnsOf(c, "knocker_events")
	if err != nil || len(columns) == 0 {
		return err
	}
	valid, message := "NULL", "NULL"
	if columns.has("signature_valid") && columns.has("signature_error") { // the layout before it had deliveries
		valid, message = "x.signature_valid", "x.signature_error"
	}
	for _, sql := range []string{
		`INSERT OR FAIL INTO main.knocker_migrating_deliveries (endpoint_id, event_id, received_at, provider_event_id, provider_delivery_id, event_type,
			method, headers_json, query_json, signature_valid, signature_error, dedupe_key, kind, reason, body_bytes, body_blob)
		SELECT x.endpoint_id, x.id, ` + wholeSeconds + `, x.provider_event_id, x.provider_delivery_id, x.event_type,
			x.method, x.headers_json, x.query_json, ` + valid + ", " + message + `, x.dedupe_key, 'event', 'migrated', ` + bodyBytes + `, x.body_blob
		FROM main.knocker_migrating_events n JOIN main.knocker_events x ON x.id = n.id WHERE n.delivery_id IS NULL ORDER BY n.id`,
		`UPDATE OR FAIL main.knocker_migrating_events SET delivery_id = (SELECT max(d.id) FROM main.knocker_migrating_deliveries d
			WHERE d.event_id = knocker_migrating_events.id AND d.reason = 'migrated') WHERE delivery_id IS NULL`,
	} {
		if _, err := c.Exec(sql); err != nil {
			return err
		}
	}
	return nil
}

// jobsAtOnce bounds what one statement of linkJobs remembers.
const jobsAtOnce = 10000

// linkJobs tells each event which job of the inbox's queue is its own. Jobs of
// other queues are the application's, whatever their payloads look like.
func linkJobs(c Conn, queue string) error {
	if there, err := hasTable(c, "_honker_live"); err != nil || !there {
		return err
	}
	for after := int64(0); ; {
		rows, err := c.Query("SELECT max(id) FROM (SELECT id FROM main._honker_live WHERE id > ? ORDER BY id LIMIT ?)", after, jobsAtOnce)
		if err != nil {
			return err
		}
		if !rows.Next() || rows.IsNull(0) {
			return nil
		}
		last := rows.Int(0)
		_, err = c.Exec(`UPDATE OR FAIL main.knocker_migrating_events SET job_id = j.id FROM (
			SELECT id, CASE WHEN json_valid(payload) THEN CASE json_type(payload, '$.event_id') WHEN 'integer' THEN json_extract(payload, '$.event_id') END END AS event
			FROM main._honker_live WHERE queue = ? AND id > ? AND id <= ? ORDER BY id) AS j WHERE knocker_migrating_events.id = j.event`, queue, after, last)
		if err != nil {
			return err
		}
		after = last
	}
}

// replaced are the tables that are built anew: those whose layout is another, and
// those whose defaults and constraints may be.
var replaced = append([]string{"knocker_events", "knocker_deliveries"}, otherReplaced...)

var otherReplaced = []string{"knocker_endpoints", "knocker_attempts", "knocker_prune_audits", "knocker_meta"}

func replaceOthers(c Conn) error {
	for _, table := range otherReplaced {
		if err := replaceTable(c, table, nil); err != nil {
			return err
		}
	}
	return nil
}

func migrating(table string) string {
	return strings.Replace(table, "knocker_", "knocker_migrating_", 1)
}

// replaceTable makes a table of our layout beside the present one and copies the
// rows: the columns of the same name, and the given values for others. dropped
// names columns that have no place any more; the application's own come along.
func replaceTable(c Conn, table string, values map[string]string, dropped ...string) error {
	old, err := columnsOf(c, table)
	if err != nil {
		return err
	}
	if err := createMigrating(c, table); err != nil || len(old) == 0 {
		return err
	}
	if !slices.Contains(otherReplaced, table) && !old.has("body_blob") {
		return &Obstacle{"the table " + table + " has neither this project's columns nor the existing project's: the file can't be migrated"}
	}
	ours, err := columnsOf(c, migrating(table))
	if err != nil {
		return err
	}
	if err := checkColumn(table, old, ours); err != nil {
		return err
	}
	own := old.without(append(ours.names(), dropped...))
	if err := addColumns(c, table, migrating(table), own); err != nil {
		return err
	}
	var to, from []string
	for _, column := range append(ours.names(), own.written()...) {
		value, ok := values[column]
		if !ok && old.has(column) {
			value, ok = "x."+quote(column), true
		}
		if ok {
			to, from = append(to, quote(column)), append(from, value)
		}
	}
	// FAIL, because all is rolled back anyway: no statement has to be undone alone,
	// so nothing is remembered for it.
	_, err = c.Exec("INSERT OR FAIL INTO main." + migrating(table) + " (" + strings.Join(to, ", ") + ") SELECT " + strings.Join(from, ", ") +
		" FROM main." + table + " x" + orderOf(table))
	if err != nil {
		return err
	}
	return keepSequence(c, table)
}

func orderOf(table string) string {
	if table == "knocker_meta" {
		return " WHERE key NOT IN ('schema_version', 'compatible_from')"
	}
	return " ORDER BY x.id"
}

// keepSequence makes ids go on where they were: one that was used is never used
// again, even if its row is gone.
func keepSequence(c Conn, table string) error {
	if table == "knocker_meta" {
		return nil
	}
	for _, sql := range []string{
		"INSERT INTO main.sqlite_sequence (name, seq) SELECT ?2, 0 WHERE NOT EXISTS (SELECT 1 FROM main.sqlite_sequence WHERE name = ?2) AND ?1 <> ''",
		"UPDATE main.sqlite_sequence SET seq = max(seq, coalesce((SELECT max(o.seq) FROM main.sqlite_sequence o WHERE o.name = ?1), 0)) WHERE name = ?2",
	} {
		if _, err := c.Exec(sql, table, migrating(table)); err != nil {
			return err
		}
	}
	return nil
}

// swapTables puts the new tables in the old ones' place.
func swapTables(c Conn) error {
	for _, table := range replaced {
		for _, sql := range []string{"DROP TABLE IF EXISTS main." + table, "ALTER TABLE main." + migrating(table) + " RENAME TO " + table} {
			if _, err := c.Exec(sql); err != nil {
				return err
			}
		}
	}
	return nil
}

// MetaCopies is the row of knocker_meta of a file that was migrated: what its
// old tables held is in its free pages, until VACUUM.
const MetaCopies = "copies_in_free_pages"

func noteCopies(c Conn) error {
	_, err := c.Exec("INSERT OR REPLACE INTO main.knocker_meta (key, value) VALUES (?, 1)", MetaCopies)
	return err
}

func hasTable(c Conn, name string) (bool, error) {
	rows, err := c.Query("SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = ?", name)
	return err == nil && rows.Next(), err
}

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func count(n int64, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return strconv.FormatInt(n, 10) + " " + noun
}
