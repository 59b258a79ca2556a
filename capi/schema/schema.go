// Package schema describes the JSON of the C interface as JSON Schemas (draft
// 2020-12), made from the Go types that read and write it. The files beside this
// one are what it makes: one a method, with its request and its reply.
package schema

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/knocker-dev/knocker/capi/abi"
)

// Method is one document: what goes in and what comes out. Reply is nil where a
// function has none of its own.
type Method struct {
	Name    string
	Request reflect.Type
	Reply   reflect.Type
}

// object is a JSON object whose members keep their order.
type object struct {
	names  []string
	values map[string]any
}

func (o *object) set(name string, value any) *object {
	if o.values == nil {
		o.values = map[string]any{}
	}
	if _, known := o.values[name]; !known {
		o.names = append(o.names, name)
	}
	o.values[name] = value
	return o
}

// MarshalJSON implements json.Marshaler.
func (o *object) MarshalJSON() ([]byte, error) {
	out := []byte{'{'}
	for n, name := range o.names {
		if n > 0 {
			out = append(out, ',')
		}
		key, err := encode(name)
		if err != nil {
			return nil, err
		}
		value, err := encode(o.values[name])
		if err != nil {
			return nil, err
		}
		out = append(append(append(out, key...), ':'), value...)
	}
	return append(out, '}'), nil
}

// Document is the schema of a method as it stands in its file.
func Document(m Method, docs Docs) ([]byte, error) {
	defs := (&object{}).set("request", writer{docs, true}.describe(m.Request, reflect.StructField{}))
	if m.Reply != nil {
		defs.set("reply", writer{docs, false}.describe(m.Reply, reflect.StructField{}))
	}
	document := (&object{}).
		set("$schema", "https://json-schema.org/draft/2020-12/schema").
		set("$id", "urn:knocker:abi:"+m.Name).
		set("title", m.Name).
		set("$defs", defs)
	return indented(document)
}

// writer describes requests or replies: a request may hold null for any field
// that it may leave out, and nothing that is unknown.
type writer struct {
	docs    Docs
	request bool
}

// describe is the schema of a type in a place; field is the zero value where
// the place is no field.
func (w writer) describe(t reflect.Type, field reflect.StructField) *object {
	switch t {
	case reflect.TypeFor[json.RawMessage](), reflect.TypeFor[any]():
		return &object{} // any value
	case reflect.TypeFor[abi.NullText]():
		return typed("string", "null")
	case reflect.TypeFor[abi.NullInteger]():
		return typed("integer", "null")
	case reflect.TypeFor[abi.Object]():
		return typed("object")
	case reflect.TypeFor[abi.Base64]():
		return typed("string").set("contentEncoding", "base64")
	case reflect.TypeFor[abi.Texts](), reflect.TypeFor[abi.Integers]():
		item := w.describe(t.Elem(), reflect.StructField{})
		return (&object{}).set("anyOf", []any{item, typed("array").set("items", item)})
	}
	switch t.Kind() {
	case reflect.Pointer:
		inner := w.describe(t.Elem(), field)
		if field.Name == "" || strings.Contains(field.Tag.Get("json"), ",omitempty") {
			return inner // the whole reply, or left out instead of null
		}
		return orNull(inner)
	case reflect.String:
		return typed("string")
	case reflect.Bool:
		return typed("boolean")
	case reflect.Int, reflect.Int64, reflect.Uint64:
		return bounded(typed("integer"), field)
	case reflect.Float64:
		return bounded(typed("number"), field)
	case reflect.Slice:
		return typed("array").set("items", w.describe(t.Elem(), reflect.StructField{}))
	case reflect.Map:
		return typed("object").set("additionalProperties", w.describe(t.Elem(), reflect.StructField{}))
	case reflect.Struct:
		return w.fields(t)
	}
	panic("schema: no description of " + t.String())
}

// fields describes a struct.
func (w writer) fields(t reflect.Type) *object {
	properties, required := &object{}, []string{}
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous || !f.IsExported() || name == "" || name == "-" {
			continue
		}
		value := w.describe(f.Type, f)
		needed := !strings.Contains(f.Tag.Get("json"), ",omitempty")
		if w.request {
			if needed = f.Tag.Get("required") == "true"; !needed {
				value = orNull(value)
			}
		}
		if needed {
			required = append(required, name)
		}
		if text := w.docs.Field(t, f); text != "" {
			value = described(value, text)
		}
		properties.set(name, value)
	}
	out := typed("object")
	if text := w.docs.Type(t); text != "" {
		out = described(out, text)
	}
	out.set("properties", properties)
	if len(required) > 0 {
		out.set("required", required)
	}
	if w.request {
		out.set("additionalProperties", false)
	}
	return out
}

func typed(names ...string) *object {
	if len(names) == 1 {
		return (&object{}).set("type", names[0])
	}
	return (&object{}).set("type", names)
}

func described(o *object, text string) *object {
	out := (&object{}).set("description", text)
	for _, name := range o.names {
		out.set(name, o.values[name])
	}
	return out
}

// orNull allows null beside what o allows.
func orNull(o *object) *object {
	switch kinds := o.values["type"].(type) {
	case string:
		return o.set("type", []string{kinds, "null"})
	case []string:
		if !slices.Contains(kinds, "null") {
			o.set("type", append(kinds, "null"))
		}
	}
	if choices, ok := o.values["anyOf"].([]any); ok {
		o.set("anyOf", append(choices, typed("null")))
	}
	return o
}

// bounded adds the limits that the decoder checks.
func bounded(o *object, field reflect.StructField) *object {
	for _, limit := range []struct{ tag, word string }{{"min", "minimum"}, {"above", "exclusiveMinimum"}, {"max", "maximum"}} {
		text, ok := field.Tag.Lookup(limit.tag)
		if !ok {
			continue
		}
		value, err := strconv.ParseFloat(text, 64)
		if err != nil {
			panic(fmt.Sprintf("schema: %s of %s is not a number: %s", limit.tag, field.Name, text))
		}
		o.set(limit.word, value)
	}
	return o
}
