package main

import (
	"encoding/json"
	"math"

	"github.com/knocker-dev/knocker/core"
	"github.com/knocker-dev/knocker/core/store"
)

// sqlArguments reads a call's arguments in turn; the first wrong one is the
// call's error.
type sqlArguments struct {
	rows     *store.Rows
	function string
	next     int
	err      error

	// The call's own settings, where it has some.
	queue       string
	maxAttempts int64
}

func (a *sqlArguments) refuse(name, needed string) {
	if a.err == nil {
		a.err = failure(core.CodeInvalidArgument, "%s: argument %d, %s, must be %s.", a.function, a.next, name, needed)
	}
}

// value takes the next argument; one that was left out is NULL.
func (a *sqlArguments) value() any {
	a.next++
	if a.next > a.rows.Columns() {
		return nil
	}
	return a.rows.Value(a.next - 1)
}

func (a *sqlArguments) integer(name string) int64 {
	switch v := a.value().(type) {
	case int64:
		return v
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return int64(v)
		}
	}
	a.refuse(name, "an integer")
	return 0
}

// small is an integer that fits 32 bits.
func (a *sqlArguments) small(name string) int64 {
	n := a.integer(name)
	if n != int64(int32(n)) {
		a.refuse(name, "a smaller number")
	}
	return n
}

func (a *sqlArguments) flag(name string) bool {
	n := a.integer(name)
	if n != 0 && n != 1 {
		a.refuse(name, "0 or 1")
	}
	return n == 1
}

func (a *sqlArguments) optionalFlag(name string) *bool {
	if a.next < a.rows.Columns() && a.rows.IsNull(a.next) {
		a.next++
		return nil
	}
	set := a.flag(name)
	return &set
}

func (a *sqlArguments) text(name string) string {
	v, ok := a.value().(string)
	if !ok || v == "" {
		a.refuse(name, "a text that is not empty")
	}
	return v
}

// optional is a text or NULL.
func (a *sqlArguments) optional(name string) string {
	switch v := a.value().(type) {
	case nil:
		return ""
	case string:
		return v
	}
	a.refuse(name, "a text or NULL")
	return ""
}

// body is a BLOB; a TEXT's bytes are its UTF-8, and NULL has none.
func (a *sqlArguments) body() []byte {
	switch v := a.value().(type) {
	case nil:
		return nil
	case []byte:
		return v
	case string:
		return []byte(v)
	}
	a.refuse("body", "a BLOB, a TEXT or NULL")
	return nil
}

// json is a text that holds JSON; NULL and the empty text are nil.
func (a *sqlArguments) json(name string) any {
	text := a.optional(name)
	if text == "" {
		return nil
	}
	if !json.Valid([]byte(text)) {
		a.refuse(name, "JSON")
		return nil
	}
	return json.RawMessage(text)
}

func (a *sqlArguments) object(name string) (out map[string]any) {
	raw, ok := a.json(name).(json.RawMessage)
	if ok && json.Unmarshal(raw, &out) != nil {
		a.refuse(name, "a JSON object")
	}
	return out
}

// queueSettings are a receipt's last arguments: NULL or left out, the defaults.
func (a *sqlArguments) queueSettings() {
	a.queue = a.optional("queue_name")
	if a.next < a.rows.Columns() && !a.rows.IsNull(a.next) {
		if a.maxAttempts = a.small("max_attempts"); a.maxAttempts < 1 {
			a.refuse("max_attempts", "at least 1")
		}
	}
}
