package store

import (
	"slices"
	"strings"
)

// Obstacle is why a file of the existing project can't be migrated as it is: the
// application has to change something first. The file is as it was.
type Obstacle struct{ Text string }

func (o *Obstacle) Error() string { return o.Text }

// foreignColumns are the existing project's own, of each table to which this
// project adds some. Whatever else such a table has is the application's.
var foreignColumns = map[string][]string{
	"knocker_endpoints": {"id", "name", "path", "provider", "enabled", "created_at"},
	"knocker_events": {"id", "endpoint_id", "received_at", "provider_event_id", "provider_delivery_id", "event_type", "method", "headers_json",
		"body_blob", "query_json", "dedupe_key", "status", "attempt_count", "handled_at", "last_error", "signature_valid", "signature_error"},
	"knocker_deliveries": {"id", "endpoint_id", "event_id", "received_at", "provider_event_id", "provider_delivery_id", "event_type", "method",
		"headers_json", "body_blob", "query_json", "signature_valid", "signature_error", "dedupe_key"},
}

// checkColumn refuses a column that the application has added under a name that
// is ours: its values would be taken for ours, or be lost.
func checkColumn(table string, old, ours columns) error {
	known, adds := foreignColumns[table]
	if !adds {
		return nil
	}
	for _, name := range old.without(known).names() {
		if ours.has(name) {
			return &Obstacle{"the application's own column " + name + " of " + table + " has the name of one that the new table brings: rename it before the migration"}
		}
	}
	return nil
}

// checkNames refuses an index, table or view of the application's that has the
// name of one of ours.
func checkNames(c Conn) error {
	rows, err := c.Query("SELECT type, name FROM main.sqlite_schema WHERE type <> 'trigger'")
	if err != nil {
		return err
	}
	ours := schemaNames()
	for rows.Next() {
		kind, name := rows.Text(0), strings.ToLower(rows.Text(1))
		there := kind == "table" && slices.Contains(replaced, name) || name == foreignEventIndex || slices.Contains(foreignIndexes, name)
		if !there && slices.Contains(ours, name) {
			return &Obstacle{"the application's " + kind + " " + rows.Text(1) + " has a name that the inbox needs for its own: drop it or give it another name before the migration"}
		}
	}
	return nil
}

// schemaNames are those of the schema's tables and indexes, but for the queue's,
// which are in both projects' files.
func schemaNames() []string {
	var names []string
	for _, sql := range pieces(schema, ';') {
		if _, rest, ok := strings.Cut(sql, " IF NOT EXISTS "); ok {
			if name := firstName(rest); strings.HasPrefix(name, "knocker_") {
				names = append(names, name)
			}
		}
	}
	return names
}
