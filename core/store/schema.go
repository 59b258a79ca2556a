package store

import (
	_ "embed"
	"fmt"
)

// SchemaVersion is the layout that this library writes. CompatibleFrom is the
// oldest library schema that may still use a file of this layout; migrations
// are additive first and raise it only in a later release.
const (
	SchemaVersion  = 1
	CompatibleFrom = 1
)

//go:embed schema.sql
var schema string

// State is what a file holds of our layout.
type State int

// The states of a file.
const (
	Empty   State = iota // no table of ours
	Older                // an older layout of ours: migrate
	Current              // ours, or newer and still compatible
	TooNew               // newer, and this library is too old for it
	Foreign              // the layout of the existing project: Migrate
)

// Inspect reads which layout a file has, and its version.
func Inspect(c Conn) (State, int, error) {
	rows, err := c.Query("SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name IN ('knocker_meta', 'knocker_events')")
	if err != nil {
		return Empty, 0, err
	}
	meta, events := false, false
	for rows.Next() {
		switch rows.Text(0) {
		case "knocker_meta":
			meta = true
		case "knocker_events":
			events = true
		}
	}
	if !meta {
		if events {
			return Foreign, 0, nil
		}
		return Empty, 0, nil
	}
	version, compatible, foreign, err := versions(c)
	switch {
	case err != nil:
		return Empty, 0, err
	case foreign:
		return Foreign, 0, nil
	case version == 0 && events:
		return withoutVersion(c)
	case version == 0 || !events:
		return Empty, version, nil
	case compatible > SchemaVersion:
		return TooNew, version, nil
	case version < SchemaVersion:
		return Older, version, nil
	}
	return Current, version, nil
}

// withoutVersion tells the existing project's events, which hold their bodies,
// from ours, whose version somebody has deleted.
func withoutVersion(c Conn) (State, int, error) {
	present, err := columnsOf(c, "knocker_events")
	if err == nil && present.has("body_blob") {
		return Foreign, 0, nil
	}
	return Empty, 0, err
}

// versions reads ours, which are numbers; the existing project has written its
// own, where there is one, as text.
func versions(c Conn) (version, compatible int, foreign bool, err error) {
	rows, err := c.Query("SELECT key, value FROM main.knocker_meta")
	if err != nil {
		return 0, 0, false, err
	}
	for rows.Next() {
		switch rows.Text(0) {
		case "schema_version":
			version, foreign = int(rows.Int(1)), rows.Bytes(1) != nil
		case "compatible_from":
			compatible = int(rows.Int(1))
		}
	}
	return version, compatible, foreign, nil
}

// Bootstrap makes the tables that are missing. The caller holds a write
// transaction, so that processes that start at once wait for each other.
func Bootstrap(c Conn) error {
	if err := c.Script(schema); err != nil {
		return fmt.Errorf("creating the inbox's tables: %w", err)
	}
	_, err := c.Exec("INSERT OR IGNORE INTO main.knocker_meta (key, value) VALUES ('schema_version', ?), ('compatible_from', ?)",
		SchemaVersion, CompatibleFrom)
	return err
}

// CookieQuery reads SQLite's schema cookie, which changes with every change of
// any table: the cheap sign that the layout should be inspected again.
const CookieQuery = "PRAGMA main.schema_version"

// Cookie runs CookieQuery.
func Cookie(c Conn) (int64, error) {
	rows, err := c.Query(CookieQuery)
	if err != nil || !rows.Next() {
		return 0, err
	}
	return rows.Int(0), nil
}
