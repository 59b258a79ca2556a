package store

import (
	"maps"
	"slices"
	"strings"
)

// object is an index or a trigger of the application's on a table of ours.
type object struct{ kind, name, table, sql string }

// applicationObjects are those that go with a table when it is replaced.
func applicationObjects(c Conn) ([]object, error) {
	rows, err := c.Query("SELECT type, name, tbl_name, sql FROM main.sqlite_schema WHERE type IN ('index', 'trigger') AND sql IS NOT NULL ORDER BY rowid")
	if err != nil {
		return nil, err
	}
	var list []object
	for rows.Next() {
		o := object{rows.Text(0), rows.Text(1), rows.Text(2), rows.Text(3)}
		foreign := o.kind == "index" && (o.name == foreignEventIndex || slices.Contains(foreignIndexes, o.name))
		if !foreign && slices.Contains(replaced, o.table) {
			list = append(list, o)
		}
	}
	return list, nil
}

func makeAgain(c Conn, list []object) error {
	for _, o := range list {
		if _, err := c.Exec(o.sql); err != nil {
			return &Obstacle{"the application's " + o.kind + " " + o.name + " on " + o.table + " does not fit the new table (" + err.Error() + "): drop it before the migration"}
		}
	}
	return nil
}

// findings are what is wrong in a file: by the name of a view, or of a table with
// triggers, why it can't be used; by table, how many rows break a foreign key.
type findings struct {
	broken map[string]string
	rows   map[string]int64
}

// survey looks at everything of the application's that can depend on our tables:
// whatever works before the migration has to work after it.
func survey(c Conn) (findings, error) {
	f := findings{map[string]string{}, map[string]int64{}}
	rows, err := c.Query(`SELECT DISTINCT type, CASE type WHEN 'trigger' THEN tbl_name ELSE name END FROM main.sqlite_schema
		WHERE type IN ('view', 'trigger') OR type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!'`)
	if err != nil {
		return f, err
	}
	for rows.Next() {
		kind, name := rows.Text(0), rows.Text(1)
		switch kind {
		case "table":
			f.countBroken(c, name)
		case "view":
			f.try(c, "the view "+name, "SELECT * FROM main."+quote(name))
		default:
			f.tryTriggers(c, name)
		}
	}
	return f, nil
}

// try lets SQLite compile a statement without running it.
func (f *findings) try(c Conn, what, sql string) {
	if _, err := c.Query("EXPLAIN " + sql); err != nil {
		f.broken[what] = err.Error()
	}
}

// tryTriggers compiles each kind of write to a table, and its triggers with it.
func (f *findings) tryTriggers(c Conn, table string) {
	what, name := "a trigger on "+table, "main."+quote(table)
	list, err := columnsOf(c, table)
	if err != nil { // of a view that does not work
		f.broken[what] = err.Error()
		return
	}
	f.try(c, what+" (DELETE)", "DELETE FROM "+name)
	if names := list.written(); len(names) > 0 {
		var sets, nulls []string
		for _, column := range names {
			sets, nulls = append(sets, quote(column)+" = NULL"), append(nulls, "NULL")
		}
		for n, column := range names {
			names[n] = quote(column)
		}
		f.try(c, what+" (UPDATE)", "UPDATE "+name+" SET "+strings.Join(sets, ", "))
		f.try(c, what+" (INSERT)", "INSERT INTO "+name+" ("+strings.Join(names, ", ")+") VALUES ("+strings.Join(nulls, ", ")+")")
	}
}

// countBroken counts the rows of a table that refer to one of our tables in vain.
func (f *findings) countBroken(c Conn, table string) {
	parents, err := c.Query("SELECT 1 FROM pragma_foreign_key_list(?, 'main') WHERE \"table\" LIKE 'knocker!_%' ESCAPE '!' LIMIT 1", table)
	if err != nil || !parents.Next() {
		return
	}
	rows, err := c.Query("SELECT count(*) FROM pragma_foreign_key_check(?, 'main')", table)
	if err != nil {
		f.broken["a foreign key of "+table] = err.Error()
		return
	}
	rows.Next()
	f.rows[table] = rows.Int(0)
}

// compare finds what the migration would break.
func (f findings) compare(after findings) error {
	for _, what := range slices.Sorted(maps.Keys(after.broken)) {
		if f.broken[what] == "" {
			return &Obstacle{what + " uses what the tables do not hold any more (" + after.broken[what] +
				"): drop it before the migration. Headers, query and body of an event are those of the delivery that its delivery_id names"}
		}
	}
	for _, table := range slices.Sorted(maps.Keys(after.rows)) {
		if n := after.rows[table] - f.rows[table]; n > 0 {
			return &Obstacle{count(n, "row") + " of " + table + " would refer to rows that are not there"}
		}
	}
	return nil
}
