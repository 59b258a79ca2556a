package core

import (
	"container/heap"
	"encoding/json"
	"strings"

	"github.com/knocker-dev/knocker/core/sqlite"
)

// conditions collects a WHERE and its arguments.
type conditions struct {
	where []string
	args  []any
}

func (q *conditions) add(sql string, args ...any) {
	q.where = append(q.where, sql)
	q.args = append(q.args, args...)
}

// anyOf demands that column has one of the values. The plus keeps SQLite from
// choosing an index by it: which one is read is said by the way.
func anyOf[T any](q *conditions, column string, values []T) {
	if len(values) == 1 {
		q.add("+"+column+" = ?", values[0])
	} else if len(values) > 1 {
		q.add("+"+column+" IN (SELECT value FROM json_each(?))", jsonList(values))
	}
}

func jsonList[T any](values []T) string { return jsonOf(values) }

// jsonOf encodes what always can be: ids, texts and filters of them.
func jsonOf(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// spot is where a row stands in a list. Places are ordered by the time of
// receipt, then by id.
type spot struct{ at, id int64 }

func (p spot) before(q spot) bool { return p.at < q.at || p.at == q.at && p.id < q.id }

// way is one range of an index, which holds its rows in the order of spots.
type way struct {
	index string // "" finds rows by their ids
	where string
	args  []any
}

// search is a filter as SQL. Its ways together hold every row that can match,
// each once; the conditions decide. All of them read the table as x.
type search struct {
	table string
	conditions
	ways []way
}

// byID is the way of a search for rows whose ids are known.
func byID(ids []int64) []way {
	if len(ids) == 0 {
		return nil
	}
	return []way{{where: "x.id IN (SELECT value FROM json_each(?))", args: []any{jsonList(ids)}}}
}

func (s *search) from(w way) string {
	hint := " NOT INDEXED"
	if w.index != "" {
		hint = " INDEXED BY " + w.index
	}
	return " FROM main." + s.table + " x" + hint + " WHERE " + w.where + s.and()
}

func (s *search) and() string {
	if len(s.where) == 0 {
		return ""
	}
	return " AND " + strings.Join(s.where, " AND ")
}

// addTimes narrows to a range of receipt times; 0 leaves a side open.
func (s *search) addTimes(since, until int64) {
	if since != 0 {
		s.add("x.received_at >= ?", since)
	}
	if until != 0 {
		s.add("x.received_at < ?", until)
	}
}

// count counts what matches.
func (s *search) count(c *sqlite.Conn) (total int64, err error) {
	for _, w := range s.ways {
		rows, err := c.Query("SELECT count(*)"+s.from(w), append(w.args[:len(w.args):len(w.args)], s.args...)...)
		if err != nil {
			return 0, err
		}
		rows.Next()
		total += rows.Int(0)
	}
	return total, nil
}

// order is a direction through the spots.
type order struct{ past, direction string }

var (
	newestFirst = order{"<", " DESC"}
	oldestFirst = order{">", ""}
)

// page finds the first limit spots behind after (nil: from the start).
func (s *search) page(c *sqlite.Conn, o order, after *spot, limit int) ([]spot, error) {
	m := merge{order: o}
	chunk := limit
	if len(s.ways) > 1 {
		chunk = min(limit, max(4, 2*limit/len(s.ways)))
	}
	for _, w := range s.ways {
		r := &stream{c: c, s: s, way: w, order: o, after: after, chunk: chunk, limit: limit}
		if err := r.fill(); err != nil {
			return nil, err
		}
		if len(r.found) > 0 {
			m.streams = append(m.streams, r)
		}
	}
	heap.Init(&m)
	out := make([]spot, 0, limit)
	for len(m.streams) > 0 && len(out) < limit {
		r := m.streams[0]
		out = append(out, r.found[0])
		r.found = r.found[1:]
		if len(r.found) == 0 {
			if err := r.fill(); err != nil {
				return nil, err
			}
		}
		if len(r.found) == 0 {
			heap.Pop(&m)
		} else {
			heap.Fix(&m, 0)
		}
	}
	return out, nil
}

// stream reads one way, a chunk at a time: most of many ways hold nothing that
// is among the first.
type stream struct {
	c     *sqlite.Conn
	s     *search
	way   way
	order order
	after *spot
	chunk int
	limit int
	found []spot
	ended bool
}

func (r *stream) fill() error {
	if r.ended {
		return nil
	}
	sql, args := r.s.from(r.way), append(r.way.args[:len(r.way.args):len(r.way.args)], r.s.args...)
	if r.after != nil {
		sql += " AND (x.received_at, x.id) " + r.order.past + " (?, ?)"
		args = append(args, r.after.at, r.after.id)
	}
	rows, err := r.c.Query("SELECT x.received_at, x.id"+sql+" ORDER BY x.received_at"+r.order.direction+", x.id"+r.order.direction+" LIMIT ?", append(args, r.chunk)...)
	if err != nil {
		return err
	}
	r.ended = rows.Len() < r.chunk
	r.found = make([]spot, 0, rows.Len())
	for rows.Next() {
		r.found = append(r.found, spot{rows.Int(0), rows.Int(1)})
	}
	if n := len(r.found); n > 0 {
		r.after = &r.found[n-1]
	}
	r.chunk = min(r.chunk*4, r.limit)
	return nil
}

// merge is a heap of streams by their next spot.
type merge struct {
	order   order
	streams []*stream
}

func (m *merge) Len() int { return len(m.streams) }

func (m *merge) Less(i, j int) bool {
	a, b := m.streams[i].found[0], m.streams[j].found[0]
	if m.order == oldestFirst {
		return a.before(b)
	}
	return b.before(a)
}

func (m *merge) Swap(i, j int) { m.streams[i], m.streams[j] = m.streams[j], m.streams[i] }

func (m *merge) Push(x any) { m.streams = append(m.streams, x.(*stream)) }

func (m *merge) Pop() any {
	last := m.streams[len(m.streams)-1]
	m.streams = m.streams[:len(m.streams)-1]
	return last
}

// ids reads a list of ids.
func ids(c *sqlite.Conn, sql string, args ...any) ([]int64, error) {
	rows, err := c.Query(sql, args...)
	if err != nil {
		return nil, err
	}
	list := make([]int64, 0, rows.Len())
	for rows.Next() {
		list = append(list, rows.Int(0))
	}
	return list, nil
}

// candidates is the intersection of the ids that several exact filters find.
type candidates struct {
	known bool
	list  []int64
}

func (k *candidates) keep(found []int64) {
	found = distinct(found)
	if !k.known {
		k.known, k.list = true, found
		return
	}
	in := make(map[int64]bool, len(found))
	for _, id := range found {
		in[id] = true
	}
	both := k.list[:0]
	for _, id := range k.list {
		if in[id] {
			both = append(both, id)
		}
	}
	k.list = both
}
