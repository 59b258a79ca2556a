package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	knockersqlite "github.com/knocker-dev/knocker/bindings/go"
	"github.com/knocker-dev/knocker/conformance/runner"
)

// renamed are the fields that Go names otherwise, because their zero value means
// the sensible thing: what is true elsewhere is turned off here.
var renamed = map[string]string{"enabled": "disabled", "foreign_keys": "no_foreign_keys", "split_batches": "no_split_batches",
	"backoff_jitter": "no_backoff_jitter", "max_orphans_per_s": "max_orphans_per_second"}

// fill sets the fields of a struct by their names in docs/abi.md. What the
// struct has no field for, or no value, is invalid_argument here: in Go it would
// not compile.
func fill(into any, request map[string]any) error {
	for name, value := range request {
		if value == nil && name != "secrets" {
			continue
		}
		if err := set(reflect.ValueOf(into).Elem(), name, value); err != nil {
			return &knockersqlite.Error{Code: "invalid_argument", Message: fmt.Sprintf("%T: field %q: %v", into, name, err)}
		}
	}
	return nil
}

func set(target reflect.Value, name string, value any) error {
	turned := false
	if other, ok := renamed[name]; ok {
		name, turned = other, strings.HasPrefix(other, "no_") || other == "disabled"
	}
	if no, ok := value.(bool); ok && turned {
		value = !no
	}
	field, unit := fieldOf(target, name)
	if !field.IsValid() {
		if retry := target.FieldByName("Retry"); retry.IsValid() {
			return set(retry, name, value)
		}
		return fmt.Errorf("there is no such field")
	}
	return assign(field, value, unit)
}

// fieldOf finds a field by its name, without its unit, or by its plural.
func fieldOf(target reflect.Value, name string) (field reflect.Value, unit time.Duration) {
	base := name
	for suffix, d := range map[string]time.Duration{"_ms": time.Millisecond, "_s": time.Second} {
		if cut, ok := strings.CutSuffix(name, suffix); ok {
			base, unit = cut, d
		}
	}
	for _, candidate := range []string{name, base, name + "s", name + "es"} {
		for n := range target.NumField() {
			if target.Type().Field(n).IsExported() && snake(target.Type().Field(n).Name) == candidate {
				return target.Field(n), unit
			}
		}
	}
	return reflect.Value{}, 0
}

func assign(field reflect.Value, value any, unit time.Duration) error {
	switch into := field.Addr().Interface().(type) {
	case *time.Duration:
		seconds, err := strconv.ParseFloat(fmt.Sprint(value), 64)
		*into = time.Duration(seconds * float64(unit))
		if seconds == -1 && unit == time.Second { // an age of a retention policy
			*into = knockersqlite.Never
		}
		return err
	case *time.Time:
		seconds, err := strconv.ParseInt(fmt.Sprint(value), 10, 64)
		*into = time.Unix(seconds, 0)
		return err
	case *any: // secrets
		*into = secrets(value)
		return nil
	case *http.Header:
		*into = value.(http.Header)
		return nil
	}
	if text, ok := value.(string); ok && field.Kind() == reflect.Uint32 { // a file mode
		mode, err := strconv.ParseUint(text, 8, 32)
		field.SetUint(mode)
		return err
	}
	if field.Kind() == reflect.Slice {
		if _, list := value.([]any); !list {
			value = []any{value}
		}
	}
	if field.Kind() == reflect.Map {
		if object, ok := value.(map[string]any); ok && field.Type() == reflect.TypeFor[map[string]any]() {
			field.Set(reflect.ValueOf(native(object)))
			return nil
		}
	}
	raw, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, field.Addr().Interface())
}

// secrets are a text, bytes, or a list of these; what is missing in it stays.
func secrets(value any) any {
	list, ok := value.([]any)
	if !ok {
		if value == nil {
			return []string{""} // an unset variable
		}
		return bytesOr(value)
	}
	texts := make([]any, len(list))
	for n, item := range list {
		texts[n] = bytesOr(item)
	}
	return texts
}

func bytesOr(value any) any {
	if object, ok := value.(map[string]any); ok {
		if encoded, ok := object["$bytes"].(string); ok {
			raw, _ := base64.StdEncoding.DecodeString(encoded)
			return raw
		}
	}
	return value
}

// snake is a Go name as docs/abi.md writes it.
func snake(name string) string {
	name = strings.NewReplacer("IDs", "Ids", "SQLite", "Sqlite", "MS", "Ms").Replace(name)
	var b strings.Builder
	for n, r := range name {
		after := n > 0 && unicode.IsLower(rune(name[n-1]))
		before := n+1 < len(name) && unicode.IsLower(rune(name[n+1]))
		if n > 0 && unicode.IsUpper(r) && (after || before) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// absentZero are the numbers whose 0 means "none", null elsewhere.
var absentZero = map[string]bool{"event_id": true, "delivery_id": true, "handled_at": true, "lease_until": true, "since": true,
	"last_received_at": true, "accepted_at": true, "expunged_at": true, "replaced": true}

// shown are the fields that Go names after what they hold.
var shown = map[string]string{"headers_json": "headers", "query_json": "query", "lease_left": "lease_left_s"}

// plain is the plain form of a value: as JSON, with the names of docs/abi.md.
func plain(value any) any { return plainValue(reflect.ValueOf(value), "") }

func plainValue(v reflect.Value, name string) any {
	if !v.IsValid() {
		return nil
	}
	switch value := v.Interface().(type) {
	case json.RawMessage:
		decoded, err := runner.Decode(value)
		if err != nil {
			return nil
		}
		return decoded
	case []byte:
		return base64.StdEncoding.EncodeToString(value)
	case json.Number:
		return value
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return nil
		}
		return plainValue(v.Elem(), name)
	case reflect.Struct:
		out := map[string]any{}
		addFields(out, v)
		return out
	case reflect.Map:
		out := map[string]any{}
		for _, key := range v.MapKeys() {
			out[fmt.Sprint(key.Interface())] = plainValue(v.MapIndex(key), "-")
		}
		return out
	case reflect.Slice:
		out := make([]any, v.Len())
		for n := range out {
			out[n] = plainValue(v.Index(n), "-")
		}
		return out
	case reflect.String:
		if v.Len() == 0 && name != "-" {
			return nil
		}
		return strings.ToValidUTF8(v.String(), "\uFFFD")
	case reflect.Int, reflect.Int64, reflect.Uint64:
		if v.IsZero() && absentZero[name] {
			return nil
		}
		return json.Number(fmt.Sprint(v.Interface()))
	case reflect.Float64:
		return json.Number(strconv.FormatFloat(v.Float(), 'f', -1, 64))
	}
	return v.Interface()
}

func addFields(out map[string]any, v reflect.Value) {
	for n := range v.NumField() {
		field := v.Type().Field(n)
		if field.Anonymous && field.Type.Kind() == reflect.Struct {
			addFields(out, v.Field(n))
			continue
		}
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "" || name == "-" {
			name = snake(field.Name)
		}
		if other, ok := shown[name]; ok {
			name = other
		}
		if field.IsExported() {
			out[name] = plainValue(v.Field(n), name)
		}
	}
	// Go's nil is a body that a list has left out.
	if body := v.FieldByName("Body"); body.IsValid() && body.Kind() == reflect.Slice && body.IsNil() {
		delete(out, "body")
	}
}

// cell is a value of a row, and parameter one of a statement, as docs/abi.md
// writes them.
func cell(value any) any {
	switch value := value.(type) {
	case int64:
		if value > 1<<53-1 || value < -(1<<53-1) {
			return map[string]any{"int": strconv.FormatInt(value, 10)}
		}
		return json.Number(strconv.FormatInt(value, 10))
	case float64:
		text := strconv.FormatFloat(value, 'g', -1, 64)
		if !strings.ContainsAny(text, ".einIN") {
			text += ".0"
		}
		return map[string]any{"real": strings.Replace(text, "+Inf", "Infinity", 1)}
	case []byte:
		return map[string]any{"blob": base64.StdEncoding.EncodeToString(value)}
	case string:
		if !utf8.ValidString(value) {
			return map[string]any{"text": base64.StdEncoding.EncodeToString([]byte(value))}
		}
	}
	return value
}

func parameter(value any) any {
	object, ok := value.(map[string]any)
	if !ok {
		return native(value)
	}
	for kind, raw := range object {
		text := fmt.Sprint(raw)
		switch kind {
		case "int":
			n, _ := strconv.ParseInt(text, 10, 64)
			return n
		case "real":
			f, _ := strconv.ParseFloat(text, 64)
			return f
		case "blob":
			b, _ := base64.StdEncoding.DecodeString(text)
			return b
		case "text":
			b, _ := base64.StdEncoding.DecodeString(text)
			return string(b)
		}
	}
	return value
}
