package sqlite

/*
#include "driver.h"
*/
import "C"

import (
	"encoding/binary"
	"unsafe"

	"github.com/knocker-dev/knocker/core/store"
)

// Batch is a list of the library's own statements that run in one call into C.
// Beside the calls themselves this saves hand-overs: when a call takes long the
// Go scheduler gives its processor away, and it has to queue for another.
//
// A connection has one batch at a time; from NewBatch to Close it keeps its
// prepared statements.
type Batch struct {
	c     *Conn
	open  bool
	bytes []byte
	at    []int // where each statement begins
	first int   // the statement that the last Run began with
	next  int   // the one that the next Run begins with
	err   error
}

// statementHeader stands before each statement's arguments.
const statementHeader = 24

// NewBatch begins a batch.
func (c *Conn) NewBatch() store.Batch {
	b := &c.batch
	if cap(b.bytes) > 1<<20 {
		b.bytes = nil
	}
	*b = Batch{c: c, open: true, bytes: b.bytes[:0], at: b.at[:0]}
	return b
}

// Close ends the batch.
func (b *Batch) Close() { b.open = false }

// Add appends a statement and returns its number. An error is told by Run.
func (b *Batch) Add(must store.Must, sql string, args ...any) int {
	s := b.begin(must, sql)
	if s == nil {
		return len(b.at) - 1
	}
	start := len(b.bytes)
	packed, err := pack(b.bytes, args)
	if err == nil && len(args) != s.parameters {
		err = wrongCount(s, len(args))
	}
	if err != nil {
		b.err = err
		return len(b.at) - 1
	}
	b.bytes = packed
	b.setLength(start)
	return len(b.at) - 1
}

// AddPacked appends a statement whose arguments Pack has packed.
func (b *Batch) AddPacked(must store.Must, sql string, args []byte) int {
	if b.begin(must, sql) != nil {
		start := len(b.bytes)
		b.bytes = append(b.bytes, args...)
		b.setLength(start)
	}
	return len(b.at) - 1
}

func (b *Batch) begin(must store.Must, sql string) *statement {
	b.at = append(b.at, len(b.bytes))
	if b.err != nil {
		return nil
	}
	s, err := b.c.prepare(sql, true)
	if err != nil {
		b.err = err
		return nil
	}
	b.bytes = binary.NativeEndian.AppendUint64(b.bytes, uint64(uintptr(unsafe.Pointer(s.stmt))))
	b.bytes = binary.NativeEndian.AppendUint64(b.bytes, uint64(must))
	b.bytes = binary.NativeEndian.AppendUint64(b.bytes, 0)
	return s
}

func (b *Batch) setLength(start int) {
	binary.NativeEndian.PutUint64(b.bytes[start-8:], uint64(len(b.bytes)-start))
}

// SetInt sets an argument of a statement that has not run. It and those before
// it must be numbers or NULL.
func (b *Batch) SetInt(statement, argument int, value int64) {
	if b.err == nil {
		SetInt(b.bytes[b.at[statement]+statementHeader:], argument, value)
	}
}

// Run runs the statements that have not run yet. It is not complete when one
// did not do what it must: Stopped names it, and after Skip the rest can run.
// After an error the batch is over.
func (b *Batch) Run() (complete bool, err error) {
	if b.err != nil {
		return false, b.err
	}
	b.first = b.next
	if b.next == len(b.at) {
		return true, nil
	}
	rest := b.bytes[b.at[b.next]:]
	code := C.knocker_run_batch(b.c.c, (*C.uchar)(unsafe.Pointer(&rest[0])), C.size_t(len(rest)))
	b.next += int(b.c.c.done)
	if code != 0 {
		b.err = b.c.lastError()
		return false, b.err
	}
	return b.c.c.unmet == 0, nil
}

// Stopped is the statement that the last Run ended before: one that failed or
// did not do what it must, or none of the batch when it is complete.
func (b *Batch) Stopped() int { return b.next }

// Skip lets the next Run begin with the given statement.
func (b *Batch) Skip(to int) { b.next = to }

// Rows returns what a statement of the last Run answered.
func (b *Batch) Rows(statement int) *store.Rows {
	o := b.outcome(statement)
	data := C.GoBytes(unsafe.Add(unsafe.Pointer(b.c.c.out), o.at), C.int(o.length))
	return store.NewRows(data, int(o.rows), int(o.columns))
}

// Changes is how many rows a statement of the last Run changed.
func (b *Batch) Changes(statement int) int64 { return int64(b.outcome(statement).changes) }

func (b *Batch) outcome(statement int) *C.knocker_outcome {
	return &unsafe.Slice(b.c.c.outcomes, b.c.c.outcomes_capacity)[statement-b.first]
}
