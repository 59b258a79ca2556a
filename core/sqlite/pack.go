package sqlite

/*
#include "driver.h"
*/
import "C"

import (
	"encoding/binary"
	"fmt"
	"math"
)

// pack appends arguments as knocker_run reads them.
func pack(b []byte, args []any) ([]byte, error) {
	for _, arg := range args {
		switch v := arg.(type) {
		case nil:
			b = appendWord(b, 'n', 0)
		case int64:
			b = appendWord(b, 'i', uint64(v))
		case int:
			b = appendWord(b, 'i', uint64(v))
		case int32:
			b = appendWord(b, 'i', uint64(v))
		case bool:
			n := uint64(0)
			if v {
				n = 1
			}
			b = appendWord(b, 'i', n)
		case float64:
			if math.IsNaN(v) {
				b = appendWord(b, 'n', 0)
			} else {
				b = appendWord(b, 'r', math.Float64bits(v))
			}
		case string:
			b = append(appendWord(b, 't', uint64(len(v))), v...)
		case []byte:
			b = append(appendWord(b, 'b', uint64(len(v))), v...)
		default:
			return nil, &Error{Code: C.SQLITE_MISMATCH, Message: fmt.Sprintf("a parameter of type %T can't be bound: use nil, a number, text or bytes", arg)}
		}
	}
	if len(b) > math.MaxInt32 {
		return nil, &Error{Code: C.SQLITE_TOOBIG, Message: "the parameters are larger than 2 GiB"}
	}
	return b, nil
}

func appendWord(b []byte, kind byte, word uint64) []byte {
	return binary.LittleEndian.AppendUint64(append(b, kind), word)
}

// Pack prepares arguments for Batch.AddPacked, ahead of the writer's turn.
func Pack(args ...any) ([]byte, error) { return pack(make([]byte, 0, packedSize(args)), args) }

func packedSize(args []any) int {
	size := 0
	for _, arg := range args {
		size += cellHeader
		switch v := arg.(type) {
		case string:
			size += len(v)
		case []byte:
			size += len(v)
		}
	}
	return size
}

// cellHeader is the type byte and the word of a cell.
const cellHeader = 9

// SetInt overwrites one of packed arguments. It and those before it must be
// numbers or NULL.
func SetInt(packed []byte, argument int, value int64) {
	cell := packed[argument*cellHeader:]
	cell[0] = 'i'
	binary.LittleEndian.PutUint64(cell[1:], uint64(value))
}
