package store

import (
	"errors"
	"maps"
	"slices"
	"strings"
)

// object is an index or a trigger of the application's on a table of ours.
type object struct {
	kind, name, table, sql string
	temporary              bool // a trigger of this connection alone
	uses                   uses // of an index
}

// applicationObjects are those that go with a table when it is replaced.
func applicationObjects(c Conn) ([]object, error) {
	rows, err := c.Query(`SELECT type, name, tbl_name, sql, 0 FROM main.sqlite_schema WHERE type IN ('index', 'trigger') AND sql IS NOT NULL
		UNION ALL SELECT type, name, tbl_name, sql, 1 FROM temp.sqlite_master WHERE type = 'trigger'`)
	if err != nil {
		return nil, err
	}
	var list []object
	for rows.Next() {
		// A trigger's table is written as the application wrote it.
		o := object{kind: rows.Text(0), name: rows.Text(1), table: strings.ToLower(rows.Text(2)), sql: rows.Text(3), temporary: rows.Int(4) != 0}
		foreign := o.kind == "index" && (o.name == foreignEventIndex || slices.Contains(foreignIndexes, o.name))
		if foreign || !slices.Contains(replaced, o.table) {
			continue
		}
		if o.kind == "index" {
			o.uses, _ = usesOf(c, o.reindex())
		}
		list = append(list, o)
	}
	return list, nil
}

func (o *object) reindex() string { return "REINDEX main." + quote(o.name) }

func (o *object) String() string {
	if o.temporary {
		return "temporary " + o.kind + " " + o.name + " on " + o.table
	}
	return o.kind + " " + o.name + " on " + o.table
}

func makeAgain(c Conn, list []object) error {
	for _, o := range list {
		err := o.makeAgain(c)
		if err == nil && o.kind == "index" {
			var after uses
			if after, err = usesOf(c, o.reindex()); err == nil {
				err = o.uses.lost(after)
			}
		}
		if err != nil {
			return &Obstacle{"the application's " + o.String() + " does not fit the new table (" + err.Error() + "): drop it before the migration"}
		}
	}
	return nil
}

func (o *object) makeAgain(c Conn) error {
	sql := o.sql
	if o.temporary {
		rows, err := c.Query("SELECT 1 FROM temp.sqlite_master WHERE type = 'trigger' AND name = ?", o.name)
		if err != nil || rows.Next() { // of a temporary table with the same name
			return err
		}
		// SQLite keeps these words in this form, whatever the application wrote.
		sql = "CREATE TEMP" + strings.TrimPrefix(sql, "CREATE")
	}
	_, err := c.Exec(sql)
	return err
}

// uses is what tells of a compiled statement that it still does the same:
// SQLite takes a name in double quotes that is no column for a text, and a trigger
// on updates of a column that is gone never runs, both without an error.
type uses struct{ texts, triggers int }

// movedColumns are those that the new table of events has not.
var movedColumns = []string{"headers_json", "body_blob", "query_json", "signature_valid", "signature_error"}

// usesOf lets SQLite compile a statement without running it.
func usesOf(c Conn, sql string) (u uses, err error) {
	rows, err := c.Query("EXPLAIN " + sql)
	if err != nil {
		return u, err
	}
	for rows.Next() {
		switch operand := rows.Text(5); rows.Text(1) {
		case "Program":
			u.triggers++
		case "String8", "String":
			if slices.ContainsFunc(movedColumns, func(name string) bool { return strings.EqualFold(name, operand) }) {
				u.texts++
			}
		}
	}
	return u, nil
}

func (u uses) lost(after uses) error {
	switch {
	case after.texts > u.texts:
		return errors.New("a column in double quotes that is gone would be taken for a text")
	case after.triggers < u.triggers:
		return errors.New("it would never run again, since it waits for updates of a column that is gone")
	}
	return nil
}

// findings are what is wrong in a file: by the name of a view, or of a table with
// triggers, why it can't be used; by table, how many rows break a foreign key.
type findings struct {
	broken map[string]string
	uses   map[string]uses
	rows   map[string]int64
}

// survey looks at everything of the application's that can depend on our tables:
// whatever works before the migration has to work after it. What is temporary
// belongs to this connection, which may be the application's.
func survey(c Conn) (findings, error) {
	f := findings{map[string]string{}, map[string]uses{}, map[string]int64{}}
	rows, err := c.Query(`SELECT DISTINCT CASE WHEN sql LIKE 'CREATE VIRTUAL TABLE%USING fts_%content%' THEN 'search' ELSE type END,
			CASE type WHEN 'trigger' THEN tbl_name ELSE name END, 'main' FROM main.sqlite_schema
		WHERE type IN ('view', 'trigger') OR type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!'
		UNION ALL SELECT DISTINCT type, CASE type WHEN 'trigger' THEN tbl_name ELSE name END, 'temp' FROM temp.sqlite_master WHERE type IN ('view', 'trigger')`)
	if err != nil {
		return f, err
	}
	for rows.Next() {
		kind, name, temporary := rows.Text(0), rows.Text(1), rows.Text(2) == "temp"
		switch {
		case kind == "table":
			f.countBroken(c, name)
		case kind == "search": // it reads another table's columns, and finds out only with a row
			if _, err := c.Query("SELECT * FROM main." + quote(name) + " LIMIT 1"); err != nil {
				f.broken["the search table "+name] = err.Error()
			}
		case kind == "view" && temporary:
			f.try(c, "the temporary view "+name, "SELECT * FROM temp."+quote(name))
		case kind == "view":
			f.try(c, "the view "+name, "SELECT * FROM main."+quote(name))
		case temporary:
			f.tryTriggers(c, "a temporary trigger on "+name, "", name)
		default:
			f.tryTriggers(c, "a trigger on "+name, "main", name)
		}
	}
	return f, nil
}

func (f *findings) try(c Conn, what, sql string) {
	u, err := usesOf(c, sql)
	if err != nil {
		f.broken[what] = err.Error()
	}
	f.uses[what] = u
}

// tryTriggers compiles each kind of write to a table, and its triggers with it.
// Without a schema the table is the one that SQLite finds by its name.
func (f *findings) tryTriggers(c Conn, what, schema, table string) {
	name := quote(table)
	if schema != "" {
		name = schema + "." + name
	}
	list, err := columnsIn(c, schema, table)
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
	for what, u := range after.uses {
		if err := f.uses[what].lost(u); err != nil && f.broken[what] == "" && after.broken[what] == "" {
			after.broken[what] = err.Error()
		}
	}
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
