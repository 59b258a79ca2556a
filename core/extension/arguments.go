package extension

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strings"

	"github.com/knocker-dev/knocker/core"
	"github.com/knocker-dev/knocker/core/store"
)

// Arguments reads a call's arguments in turn. The first wrong one is the call's
// error; what is read after it has no meaning.
type Arguments struct {
	rows     *store.Rows
	function string
	next     int
	err      error

	// The call's own settings, where it has some.
	queue       string
	maxAttempts int64
}

func (a *Arguments) refuse(name, needed string) {
	if a.err == nil {
		a.err = fail(core.CodeInvalidArgument, "%s: argument %d, %s, must be %s", a.function, a.next, name, needed)
	}
}

// value takes the next argument; one that was left out is NULL.
func (a *Arguments) value() any {
	a.next++
	if a.next > a.rows.Columns() {
		return nil
	}
	return a.rows.Value(a.next - 1)
}

// Integer is an INTEGER, or a REAL without a fraction.
func (a *Arguments) Integer(name string) int64 {
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

// Small is an integer that fits 32 bits.
func (a *Arguments) Small(name string) int64 {
	n := a.Integer(name)
	if n != int64(int32(n)) {
		a.refuse(name, "a smaller number")
	}
	return n
}

// OptionalInteger is an integer or NULL.
func (a *Arguments) OptionalInteger(name string) *int64 {
	if a.null() {
		return nil
	}
	n := a.Integer(name)
	return &n
}

// optionalSeconds is a time from now, as far as a century in either direction.
func (a *Arguments) optionalSeconds(name string) *int64 {
	n := a.OptionalInteger(name)
	if n != nil && (*n > century || *n < -century) {
		a.refuse(name, "a number of seconds within a hundred years")
	}
	return n
}

const century = 100 * 366 * 24 * 3600

// null takes the next argument if it is NULL, or was left out.
func (a *Arguments) null() bool {
	if a.next < a.rows.Columns() && !a.rows.IsNull(a.next) {
		return false
	}
	a.next++
	return true
}

// Flag is 0 or 1.
func (a *Arguments) Flag(name string) bool {
	n := a.Integer(name)
	if n != 0 && n != 1 {
		a.refuse(name, "0 or 1")
	}
	return n == 1
}

// OptionalFlag is 0, 1 or NULL.
func (a *Arguments) OptionalFlag(name string) *bool {
	if a.null() {
		return nil
	}
	set := a.Flag(name)
	return &set
}

// Text is a TEXT that is not empty.
func (a *Arguments) Text(name string) string {
	v, ok := a.value().(string)
	if !ok || v == "" {
		a.refuse(name, "a text that is not empty")
	}
	return v
}

// String is a TEXT, also an empty one.
func (a *Arguments) String(name string) string {
	v, ok := a.value().(string)
	if !ok {
		a.refuse(name, "a text")
	}
	return v
}

// OptionalText is a text or NULL.
func (a *Arguments) OptionalText(name string) string {
	switch v := a.value().(type) {
	case nil:
		return ""
	case string:
		return v
	}
	a.refuse(name, "a text or NULL")
	return ""
}

// Body is a BLOB; a TEXT's bytes are its UTF-8, and NULL has none.
func (a *Arguments) Body() []byte {
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

// JSON is a text that holds JSON; NULL and the empty text are nil.
func (a *Arguments) JSON(name string) any {
	text := a.OptionalText(name)
	if text == "" {
		return nil
	}
	if !json.Valid([]byte(text)) {
		a.refuse(name, "JSON")
		return nil
	}
	return json.RawMessage(text)
}

// Object is a text that holds a JSON object; NULL and the empty text are nil.
func (a *Arguments) Object(name string) (out map[string]any) {
	raw, ok := a.JSON(name).(json.RawMessage)
	if ok && json.Unmarshal(raw, &out) != nil {
		a.refuse(name, "a JSON object")
	}
	return out
}

// fields decodes a text that holds JSON into a struct, none of whose fields may
// be unknown, or into a list. NULL and the empty text leave it as it is.
func (a *Arguments) fields(name string, into any) {
	raw, ok := a.JSON(name).(json.RawMessage)
	if !ok {
		return
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		a.refuse(name, "valid: "+whyNot(err))
	}
}

// whyNot says what is wrong with JSON, without the names of the program's types.
func whyNot(err error) string {
	var wrong *json.UnmarshalTypeError
	switch {
	case !errors.As(err, &wrong):
		return strings.TrimPrefix(err.Error(), "json: ")
	case wrong.Field == "":
		return wrong.Value + " is the wrong kind of value"
	}
	return wrong.Value + " is the wrong kind of value for " + wrong.Field[strings.LastIndexByte(wrong.Field, '.')+1:]
}

// texts is a JSON array of texts; NULL and the empty text are nil.
func (a *Arguments) texts(name string) (out []string) {
	a.fields(name, &out)
	return out
}

// queueName is a queue; NULL or left out, the default one.
func (a *Arguments) queueName() { a.queue = a.OptionalText("queue_name") }

// queueSettings are the last arguments of what queues a job: NULL or left out,
// the defaults.
func (a *Arguments) queueSettings() {
	a.queueName()
	if n := a.OptionalInteger("max_attempts"); n != nil {
		if *n < 1 || *n > math.MaxInt32 {
			a.refuse("max_attempts", "at least 1")
		}
		a.maxAttempts = *n
	}
}
