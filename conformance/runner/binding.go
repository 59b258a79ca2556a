// Package runner runs the conformance suite through one binding, as
// conformance/README.md describes it. What is the binding's own stands behind
// the interface Binding; everything else is here.
//
// Values are JSON as encoding/json decodes it with UseNumber: map[string]any,
// []any, string, json.Number, bool and nil.
package runner

import (
	"bytes"
	"encoding/json"
	"time"
)

// Start is a scenario's clock at its beginning: 2026-01-01 UTC.
const Start = 1767225600

// Binding is what is run.
type Binding interface {
	// Open opens an inbox with options by their names in docs/abi.md.
	Open(path string, options map[string]any) (Inbox, error)
	// Call makes a call that needs no inbox, such as sign.
	Call(method string, request map[string]any) (any, error)
	// PlainError is an error of this binding as {code, message, http_status, retryable, details}.
	PlainError(err error) map[string]any
}

// Inbox is an open inbox.
type Inbox interface {
	Call(method string, request map[string]any) (any, error)
	// Receive stores one request. request holds the fields of docs/abi.md
	// ("ingest" too) and no body.
	Receive(request map[string]any, body []byte) (any, error)
	Handle(endpoint string, eventType any, options map[string]any, handle HandlerFunc) error
	// WorkOnce handles what is due now.
	WorkOnce(options map[string]any) error
	Close() error
}

// HandlerFunc is a handler of a scenario. It returns nil, a *RetryAfter, a
// *Discard, an *Ignore, or another error for a failure.
type HandlerFunc func(event any, tx Tx) error

// Tx is a handler's transaction. Params and rows hold cells as docs/abi.md says.
type Tx interface {
	Execute(sql string, params any) (any, error)
	Query(sql string, params any) (any, error)
}

// RetryAfter asks to run again after a time.
type RetryAfter struct {
	Seconds float64
	Message string
}

func (r *RetryAfter) Error() string { return r.Message }

// Discard makes the event dead at once.
type Discard struct{ Reason string }

func (d *Discard) Error() string { return d.Reason }

// Ignore makes the event ignored.
type Ignore struct{ Reason string }

func (i *Ignore) Error() string { return i.Reason }

// Decode parses JSON into the values of this package.
func Decode(raw []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var value any
	err := decoder.Decode(&value)
	return value, err
}

// longest is how long a query may be repeated until it fails.
const longest = 10 * time.Second
