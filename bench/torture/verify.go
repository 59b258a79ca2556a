package main

import (
	"database/sql"
	"encoding/json"
	"os"
	"strconv"
	"strings"
)

// verdict is what a fresh process finds in the file.
type verdict struct {
	Integrity string
	Rows      int              // that the shared counter must have counted
	Total     int              // the shared counter
	Writers   map[string][]int // the numbers of each writer that are there
	Handled   map[string]int   // event id: rows that its handler wrote
	Status    map[string]int   // event id: 1 if the event is handled
}

// Present counts the numbers 1..n of writer.
func (v verdict) Present(writer string, n int) int {
	count := 0
	for _, number := range v.Writers[writer] {
		if number <= n {
			count++
		}
	}
	return count
}

// Torn counts the events whose status and whose handler's row do not go
// together, though one transaction wrote both.
func (v verdict) Torn() (count int) {
	for id, rows := range v.Handled {
		if rows != v.Status[id] {
			count++
		}
	}
	for id := range v.Status {
		if v.Handled[id] == 0 {
			count++
		}
	}
	return count
}

func verify(path string) error {
	db, err := connect(host, path, "wal")
	if err != nil {
		return err
	}
	defer db.Close()
	v := verdict{Writers: map[string][]int{}, Handled: map[string]int{}, Status: map[string]int{}}
	if err := db.QueryRow("PRAGMA integrity_check").Scan(&v.Integrity); err != nil {
		return err
	}
	if err := db.QueryRow("SELECT (SELECT count(*) FROM entry) + (SELECT count(*) FROM handled), n FROM total").Scan(&v.Rows, &v.Total); err != nil {
		return err
	}
	err = eachRow(db, "SELECT writer, n FROM entry NOT INDEXED", func(writer string, n int) {
		v.Writers[writer] = append(v.Writers[writer], n)
	})
	if err == nil {
		err = eachRow(db, "SELECT event_id, 1 FROM handled", func(id string, n int) { v.Handled[id]++ })
	}
	var inboxes int
	if err == nil {
		err = db.QueryRow("SELECT count(*) FROM sqlite_schema WHERE name = 'knocker_events'").Scan(&inboxes)
	}
	if err == nil && inboxes > 0 {
		err = eachRow(db, "SELECT dedupe_key || ' ' || id, status = 'handled' FROM knocker_events NOT INDEXED", func(key string, handled int) {
			parts := strings.Fields(key) // writer, number, event id
			n, _ := strconv.Atoi(parts[1])
			v.Writers[parts[0]] = append(v.Writers[parts[0]], n)
			if handled == 1 {
				v.Status[parts[2]] = 1
			}
		})
	}
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(v)
}

func eachRow(db *sql.DB, query string, use func(string, int)) error {
	rows, err := db.Query(query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		var n int
		if err := rows.Scan(&name, &n); err != nil {
			return err
		}
		use(name, n)
	}
	return rows.Err()
}
