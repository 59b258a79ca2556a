// Package store holds the schema and the seam between the engine and its
// database: SQL stands above Conn, drivers below.
package store

import (
	"encoding/binary"
	"math"
)

// Conn runs statements on one connection. It is used by one goroutine at a
// time. Arguments and cells are nil, int64, float64, string (TEXT) or []byte
// (BLOB); int, bool and other integer types are accepted as arguments.
type Conn interface {
	// Exec runs one statement and reads no rows.
	Exec(sql string, args ...any) (Result, error)
	// Query runs one statement to its end and returns all its rows.
	Query(sql string, args ...any) (*Rows, error)
	// Script runs several statements without arguments.
	Script(sql string) error
	// InTransaction reports whether a transaction is open. It can vanish under
	// a statement: ON CONFLICT ROLLBACK, a full disk, an I/O error.
	InTransaction() bool
	// NewBatch begins a list of statements that run in one call.
	NewBatch() Batch
}

// Must is what a statement of a batch must do for the next one to run.
type Must int

// MustChange and MustFind stop the batch at a statement that changes or answers
// no row. Any other than one that MayEnd the transaction is an error if it does.
const (
	MustChange Must = 1
	MustFind   Must = 2
	MayEnd     Must = 4
)

// Batch is a list of statements that run in one call. A connection has one at a
// time, from NewBatch to Close. Statements are numbered from 0.
type Batch interface {
	// Add appends a statement and returns its number. Its error is told by Run.
	Add(must Must, sql string, args ...any) int
	// AddPacked appends one whose arguments the driver has packed before.
	AddPacked(must Must, sql string, args []byte) int
	// SetInt overwrites an argument of a statement that has not run. It and
	// those before it must be numbers or NULL.
	SetInt(statement, argument int, value int64)
	// Run runs the statements that have not run yet. It is not complete when
	// one did not do what it must; after Skip the rest can run. After an error
	// the batch is over.
	Run() (complete bool, err error)
	// Stopped is the statement that the last Run did not get past.
	Stopped() int
	// Skip lets the next Run begin with the given statement.
	Skip(to int)
	// Rows and Changes tell what a statement of the last Run did.
	Rows(statement int) *Rows
	Changes(statement int) int64
	Close()
}

// Result is what a statement changed.
type Result struct {
	Changes      int64
	LastInsertID int64
}

// Rows is a finished answer: a cursor over packed cells. A cell is a type byte
// (n, i, r, t or b), eight bytes of value or length, and the bytes.
type Rows struct {
	Names []string // set only by drivers that were asked for them
	left  int
	data  []byte
	next  int   // offset of the next row
	cells []int // offsets of the present row's cells
}

// NewRows wraps packed cells.
func NewRows(data []byte, rows, columns int) *Rows {
	return &Rows{data: data, left: rows, cells: make([]int, columns)}
}

// Len is how many rows are left.
func (r *Rows) Len() int { return r.left }

// Columns is how many cells a row has.
func (r *Rows) Columns() int { return len(r.cells) }

// Next moves to the next row and reports whether there is one.
func (r *Rows) Next() bool {
	if r.left == 0 {
		return false
	}
	r.left--
	for i := range r.cells {
		r.cells[i] = r.next
		if t := r.data[r.next]; t == 't' || t == 'b' {
			r.next += int(r.word(i))
		}
		r.next += 9
	}
	return true
}

func (r *Rows) word(i int) uint64 { return binary.LittleEndian.Uint64(r.data[r.cells[i]+1:]) }

// IsNull reports whether cell i is NULL.
func (r *Rows) IsNull(i int) bool { return r.data[r.cells[i]] == 'n' }

// Int returns cell i as an integer, 0 for anything else.
func (r *Rows) Int(i int) int64 {
	switch r.data[r.cells[i]] {
	case 'i':
		return int64(r.word(i))
	case 'r':
		return int64(math.Float64frombits(r.word(i)))
	}
	return 0
}

// Bytes returns cell i's bytes, valid as long as the Rows; nil unless it is
// TEXT or BLOB.
func (r *Rows) Bytes(i int) []byte {
	if t := r.data[r.cells[i]]; t != 't' && t != 'b' {
		return nil
	}
	at := r.cells[i] + 9
	return r.data[at : at+int(r.word(i)) : at+int(r.word(i))]
}

// Text returns cell i's text, "" unless it is TEXT or BLOB.
func (r *Rows) Text(i int) string { return string(r.Bytes(i)) }

// Value returns cell i as nil, int64, float64, string or []byte.
func (r *Rows) Value(i int) any {
	switch r.data[r.cells[i]] {
	case 'i':
		return int64(r.word(i))
	case 'r':
		return math.Float64frombits(r.word(i))
	case 't':
		return r.Text(i)
	case 'b':
		return append([]byte{}, r.Bytes(i)...)
	}
	return nil
}
