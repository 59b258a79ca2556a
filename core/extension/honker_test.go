package extension

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"sort"
	"strings"
	"testing"
)

// honkerLayout is what the real Honker makes and registers, as recorded from it.
type honkerLayout struct {
	Functions     map[string][]int            `json:"functions"`
	Tables        map[string][]map[string]any `json:"tables"`
	Autoincrement []string                    `json:"autoincrement"`
	Indexes       map[string]honkerIndex      `json:"indexes"`
}

type honkerIndex struct {
	Table           string
	Unique, Partial int64
	Columns         []string
	Where           string
}

func readHonkerLayout(t *testing.T) honkerLayout {
	t.Helper()
	data, err := os.ReadFile("testdata/honker-extension-0.5.0.json")
	if err != nil {
		t.Fatal(err)
	}
	var layout honkerLayout
	if err := json.Unmarshal(data, &layout); err != nil {
		t.Fatal(err)
	}
	if len(layout.Functions) < 30 || len(layout.Tables) != 2 || len(layout.Indexes) != 3 {
		t.Fatal("the record is not whole:", len(layout.Functions), len(layout.Tables), len(layout.Indexes))
	}
	return layout
}

// Honker's own processes work on our queue tables: they have its columns, in its
// order, with its types and defaults, and its indexes.
func TestQueueTablesAreHonkers(t *testing.T) {
	layout, h := readHonkerLayout(t), newHost(t)
	for table, want := range layout.Tables {
		rows := h.rows("SELECT name, type, \"notnull\", dflt_value, pk, hidden FROM pragma_table_xinfo(?) ORDER BY cid", table)
		if len(rows) != len(want) {
			t.Errorf("%s: %d columns, Honker has %d", table, len(rows), len(want))
			continue
		}
		for i, row := range rows {
			column := want[i]
			theirs := []any{column["name"], column["type"], column["notnull"], column["default"], column["key"], column["hidden"]}
			if fmt.Sprint(row) != fmt.Sprint(theirs) {
				t.Errorf("%s, column %d: %v, Honker has %v", table, i+1, row, theirs)
			}
		}
		counts := h.one("SELECT sql LIKE '%AUTOINCREMENT%' FROM sqlite_schema WHERE name = ?", table) == int64(1)
		if counts != slices.Contains(layout.Autoincrement, table) {
			t.Errorf("%s: AUTOINCREMENT is %v", table, counts)
		}
	}
	ours := h.rows("SELECT name FROM sqlite_schema WHERE type = 'index' AND tbl_name IN ('_honker_live', '_honker_dead')")
	if len(ours) != len(layout.Indexes) {
		t.Errorf("indexes %v, Honker has %d", ours, len(layout.Indexes))
	}
	for name, want := range layout.Indexes {
		rows := h.rows(`SELECT "unique", partial FROM pragma_index_list(?) WHERE name = ?`, want.Table, name)
		if len(rows) != 1 || fmt.Sprint(rows[0]) != fmt.Sprint([]any{want.Unique, want.Partial}) {
			t.Errorf("%s: %v", name, rows)
			continue
		}
		var columns []string
		for _, row := range h.rows(`SELECT name || iif("desc", ' DESC', '') FROM pragma_index_xinfo(?) WHERE key ORDER BY seqno`, name) {
			columns = append(columns, fmt.Sprint(row[0]))
		}
		_, where, _ := strings.Cut(fmt.Sprint(h.one("SELECT sql FROM sqlite_schema WHERE name = ?", name)), "WHERE ")
		if !slices.Equal(columns, want.Columns) || where != want.Where {
			t.Errorf("%s: (%v) WHERE %s, Honker has (%v) WHERE %s", name, columns, where, want.Columns, want.Where)
		}
	}
}

// A call written for Honker's functions works with ours: each of ours is one of
// its own, with its number of arguments.
func TestQueueFunctionsAreHonkers(t *testing.T) {
	layout, h := readHonkerLayout(t), newHost(t)
	ours := map[string][]int{}
	for _, row := range h.rows("SELECT DISTINCT name, narg FROM pragma_function_list WHERE name LIKE 'honker\\_%' ESCAPE '\\'") {
		name := fmt.Sprint(row[0])
		ours[name] = append(ours[name], int(row[1].(int64)))
	}
	for name, counts := range ours {
		sort.Ints(counts)
		if !slices.Equal(counts, layout.Functions[name]) {
			t.Errorf("%s takes %v arguments, Honker's takes %v", name, counts, layout.Functions[name])
		}
	}
	others := []string{"cron_", "lock_", "rate_limit_", "result_", "scheduler_", "stream_", "update_watcher_"}
	for name := range layout.Functions {
		other := slices.ContainsFunc(others, func(prefix string) bool { return strings.HasPrefix(name, "honker_"+prefix) })
		if _, ok := ours[name]; ok == other {
			t.Errorf("%s: here %v, a function that is not the queue's %v", name, ok, other)
		}
	}
}

// rows are all the rows of a query.
func (h host) rows(sql string, args ...any) (out [][]any) {
	h.t.Helper()
	found, err := h.Query(sql, args...)
	if err != nil {
		h.t.Fatalf("%s: %v", sql, err)
	}
	for found.Next() {
		row := make([]any, found.Columns())
		for i := range row {
			row[i] = found.Value(i)
		}
		out = append(out, row)
	}
	return out
}
