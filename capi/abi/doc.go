// Package abi is the JSON of the C interface: the types of every request and
// reply, a strict decoder for requests, and encoders that append replies
// without reflection where a call is frequent.
//
// It is pure Go and knows nothing of the engine, so that its tests and fuzz
// targets need no SQLite.
package abi

// MaxExactInteger is the largest integer that travels as a plain JSON number:
// beyond it a reader that uses doubles would lose digits.
const MaxExactInteger = 1<<53 - 1

// MaxInputBytes bounds every request, body and blob. It is above what SQLite
// stores in one value, so only a wrong length can meet it.
const MaxInputBytes = 1 << 30

// Problem says what is wrong with a request. It becomes the error
// "invalid_argument".
type Problem struct {
	Message    string
	Field      string // full name of the field ("options.migrate"); empty: the whole request
	Suggestion string // what may have been meant; empty: no idea
}

func (p *Problem) Error() string { return p.Message }
