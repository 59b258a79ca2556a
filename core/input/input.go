// Package input turns what bindings send (headers, query and secrets in the
// shapes that web frameworks use) into the provider package's fields, and
// fields into the JSON that is stored. One home for these rules: no binding
// has any of them.
package input

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/knocker-dev/knocker/core/provider"
	"github.com/tidwall/gjson"
)

// Error says that an argument has a shape that cannot be read at all. Odd
// values inside a readable shape are never an error.
type Error struct {
	Code    string // always invalid_argument
	Message string
}

func (e *Error) Error() string { return e.Message }

func shapeError(what, want string) error {
	return &Error{provider.CodeInvalidArgument, fmt.Sprintf("%s must be %s", what, want)}
}

const pairShapes = "a mapping of names to texts or lists of texts, or a list of [name, value] pairs"

// fields collects name/value pairs.
type fields struct {
	list  []provider.Field
	lower bool
}

func (f *fields) add(name, value string) {
	name, value = utf8Text(name), utf8Text(value)
	if f.lower {
		name = strings.ToLower(strings.TrimSpace(name))
	}
	if name != "" {
		f.list = append(f.list, provider.Field{Name: name, Value: value})
	}
}

// utf8Text returns text as it is, or read as Latin-1 when it isn't UTF-8: HTTP
// header bytes have no encoding of their own.
func utf8Text(text string) string {
	if utf8.ValidString(text) {
		return text
	}
	var b strings.Builder
	b.Grow(len(text) + len(text)/4)
	for i := 0; i < len(text); i++ {
		b.WriteRune(rune(text[i]))
	}
	return b.String()
}

// addJSON adds a JSON value under a name: a text, each text of a list, or the
// JSON of anything else. null is left out.
func (f *fields) addJSON(name string, value gjson.Result) {
	switch {
	case value.Type == gjson.String:
		f.add(name, value.Str)
	case value.IsArray():
		value.ForEach(func(_, item gjson.Result) bool {
			if item.Type == gjson.String {
				f.add(name, item.Str)
			} else if item.Type != gjson.Null {
				f.add(name, item.Raw)
			}
			return true
		})
	case value.Type != gjson.Null:
		f.add(name, value.Raw)
	}
}

// addJSONDocument reads a JSON object or list of pairs.
func (f *fields) addJSONDocument(what string, raw []byte) error {
	if len(raw) > 0 && !validJSON(raw) {
		return shapeError(what, "valid JSON")
	}
	document := gjson.ParseBytes(raw)
	switch {
	case len(raw) == 0 || document.Type == gjson.Null && strings.TrimSpace(document.Raw) == "null":
		return nil
	case document.IsObject():
		document.ForEach(func(name, value gjson.Result) bool {
			f.addJSON(name.Str, value)
			return true
		})
		return nil
	case document.IsArray():
		fine := true
		document.ForEach(func(_, pair gjson.Result) bool {
			fine = f.addJSONPair(pair)
			return fine
		})
		if fine {
			return nil
		}
	}
	return shapeError(what, pairShapes)
}

// smallDocument is where gjson's validation, which recurses, is safe whatever
// the depth; longer documents take the slower one with a depth limit.
const smallDocument = 64 << 10

func validJSON(raw []byte) bool {
	if len(raw) <= smallDocument {
		return gjson.ValidBytes(raw)
	}
	return json.Valid(raw)
}

func (f *fields) addJSONPair(pair gjson.Result) bool {
	if !pair.IsArray() {
		return false
	}
	var name, value gjson.Result
	count := 0
	pair.ForEach(func(_, part gjson.Result) bool {
		switch count {
		case 0:
			name = part
		case 1:
			value = part
		}
		count++
		return count < 3
	})
	if count != 2 || name.Type != gjson.String {
		return false
	}
	f.addJSON(name.Str, value)
	return true
}

// addValue adds a Go value under a name, by the same rules as addJSON.
func (f *fields) addValue(name string, value any) {
	switch v := value.(type) {
	case nil:
	case string:
		f.add(name, v)
	case []byte:
		f.add(name, string(v))
	case []string:
		for _, item := range v {
			f.add(name, item)
		}
	case []any:
		for _, item := range v {
			f.addItem(name, item)
		}
	default:
		f.addItem(name, v)
	}
}

func (f *fields) addItem(name string, item any) {
	switch v := item.(type) {
	case nil:
	case string:
		f.add(name, v)
	case []byte:
		f.add(name, string(v))
	default:
		if encoded, err := json.Marshal(v); err == nil {
			f.add(name, string(encoded))
		}
	}
}
