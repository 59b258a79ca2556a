package store

import (
	"slices"
	"strings"
)

// column is one of a table; computed ones are not written.
type column struct {
	name     string
	computed bool
}

type columns []column

func columnsOf(c Conn, table string) (columns, error) { return columnsIn(c, "main", table) }

// columnsIn looks into one schema, or without one wherever SQLite finds the name.
func columnsIn(c Conn, schema, table string) (columns, error) {
	rows, err := c.Query("SELECT name, hidden FROM pragma_table_xinfo(?, nullif(?, ''))", table, schema)
	if err != nil {
		return nil, err
	}
	var list columns
	for rows.Next() {
		list = append(list, column{rows.Text(0), rows.Int(1) != 0})
	}
	return list, nil
}

func (l columns) has(name string) bool {
	return slices.ContainsFunc(l, func(c column) bool { return strings.EqualFold(c.name, name) })
}

func (l columns) without(names []string) columns {
	return slices.DeleteFunc(slices.Clone(l), func(c column) bool {
		return slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(c.name, name) })
	})
}

func (l columns) names() []string { return l.list(func(column) bool { return true }) }

func (l columns) written() []string { return l.list(func(c column) bool { return !c.computed }) }

func (l columns) list(take func(column) bool) []string {
	var names []string
	for _, c := range l {
		if take(c) {
			names = append(names, c.name)
		}
	}
	return names
}

// definition is a column as a CREATE TABLE statement defines it.
type definition struct{ name, text string }

// addColumns gives a new table the columns of another, each with the words that
// define it there: its default, its foreign key, its collation.
func addColumns(c Conn, from, to string, which columns) error {
	if len(which) == 0 {
		return nil
	}
	rows, err := c.Query("SELECT sql FROM main.sqlite_schema WHERE type = 'table' AND name = ?", from)
	if err != nil || !rows.Next() {
		return err
	}
	for _, d := range definitions(rows.Text(0)) {
		if !which.has(d.name) {
			continue
		}
		if _, err := c.Exec("ALTER TABLE main." + to + " ADD COLUMN " + d.text); err != nil {
			return &Obstacle{"the application's own column " + d.name + " of " + from + " can't be moved to the new table (" + err.Error() + "): remove it before the migration and add it again afterwards"}
		}
	}
	return nil
}

// createMigrating makes a table of the schema, with its indexes, under its name
// for the time of the migration.
func createMigrating(c Conn, table string) error {
	for _, sql := range pieces(schema, ';') {
		switch {
		case strings.HasPrefix(sql, "CREATE TABLE IF NOT EXISTS "+table+" "):
			sql = strings.Replace(sql, "IF NOT EXISTS "+table, "main."+migrating(table), 1)
		case strings.HasPrefix(sql, "CREATE") && strings.Contains(sql, "INDEX IF NOT EXISTS") && strings.Contains(sql, "ON "+table+" "):
			sql = strings.Replace(strings.Replace(sql, "IF NOT EXISTS ", "main.", 1), "ON "+table, "ON "+migrating(table), 1)
		default:
			continue
		}
		if _, err := c.Exec(sql); err != nil {
			return err
		}
	}
	return nil
}

// definitions are the columns that a CREATE TABLE statement defines.
func definitions(sql string) []definition {
	sql = pieces(sql, 0)[0]
	open, end := strings.Index(sql, "("), strings.LastIndex(sql, ")")
	if open < 0 || end < open {
		return nil
	}
	var list []definition
	for _, text := range pieces(sql[open+1:end], ',') {
		name := firstName(text)
		switch strings.ToUpper(name) {
		case "CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN":
			if name == text[:len(name)] { // not quoted: a constraint of the table
				continue
			}
		}
		list = append(list, definition{name, text})
	}
	return list
}

// firstName is the name that a definition begins with, without its quotes.
func firstName(text string) string {
	if text == "" {
		return ""
	}
	if end := closing(text[0]); end != 0 {
		if n := quotedLength(text, end); n > 1 {
			return strings.ReplaceAll(text[1:n-1], string([]byte{end, end}), string(end))
		}
	}
	if n := strings.IndexAny(text, " \t\r\n("); n >= 0 {
		return text[:n]
	}
	return text
}

// closing is what ends a quotation that begins with a byte, 0 if none does.
func closing(b byte) byte {
	switch b {
	case '\'', '"', '`':
		return b
	case '[':
		return ']'
	}
	return 0
}

// quotedLength is how long a quotation is, with its quotes; one that is doubled
// stands for itself.
func quotedLength(text string, end byte) int {
	for n := 1; n < len(text); n++ {
		if text[n] != end {
			continue
		}
		if n+1 < len(text) && text[n+1] == end && end != ']' {
			n++
			continue
		}
		return n + 1
	}
	return len(text)
}

// pieces splits SQL at a byte outside of parentheses and quotations, leaves the
// comments out and trims each piece.
func pieces(sql string, at byte) []string {
	var list []string
	var piece strings.Builder
	depth := 0
	end := func() {
		if text := strings.TrimSpace(piece.String()); text != "" {
			list = append(list, text)
		}
		piece.Reset()
	}
	for n := 0; n < len(sql); {
		length := 1
		switch rest := sql[n:]; {
		case strings.HasPrefix(rest, "--"):
			n += lengthTo(rest, "\n")
			piece.WriteByte(' ')
			continue
		case strings.HasPrefix(rest, "/*"):
			n += lengthTo(rest, "*/")
			piece.WriteByte(' ')
			continue
		case closing(rest[0]) != 0:
			length = quotedLength(rest, closing(rest[0]))
		case rest[0] == '(':
			depth++
		case rest[0] == ')':
			depth--
		case rest[0] == at && depth == 0:
			end()
			n++
			continue
		}
		piece.WriteString(sql[n : n+length])
		n += length
	}
	end()
	return list
}

// lengthTo is how long text is up to and with a mark.
func lengthTo(text, mark string) int {
	if n := strings.Index(text, mark); n >= 0 {
		return n + len(mark)
	}
	return len(text)
}
