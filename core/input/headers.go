package input

import (
	"encoding/json"
	"net/http"
	"sort"
	"strings"

	"github.com/knocker-dev/knocker/core/provider"
)

// Headers reads request headers from a JSON document (json.RawMessage or
// []byte), an http.Header, a map[string]any, a map[string]string, a list of
// pairs or a list of fields. Names come out in lower case; the keys of a Rack
// or WSGI environment are turned into header names. nil is no headers. The
// error is an *Error for a shape that is neither mapping nor list.
func Headers(value any) ([]provider.Field, error) {
	f := fields{lower: true, list: make([]provider.Field, 0, 16)}
	if err := f.read("headers", value); err != nil {
		return nil, err
	}
	return rackNames(f.list), nil
}

// read dispatches on the shapes that Headers and Query share.
func (f *fields) read(what string, value any) error {
	switch v := value.(type) {
	case nil:
	case json.RawMessage:
		return f.addJSONDocument(what, v)
	case []byte:
		return f.addJSONDocument(what, v)
	case []provider.Field:
		for i := range v {
			f.add(v[i].Name, v[i].Value)
		}
	case http.Header:
		addSorted(f, v)
	case map[string][]string:
		addSorted(f, v)
	case map[string]any:
		addSorted(f, v)
	case map[string]string:
		addSorted(f, v)
	case [][2]string:
		for i := range v {
			f.add(v[i][0], v[i][1])
		}
	case []any:
		return f.addPairs(what, v)
	default:
		return shapeError(what, pairShapes)
	}
	return nil
}

// addSorted adds a Go map in the order of its names, so that the same request
// is stored the same way each time.
func addSorted[V any](f *fields, values map[string]V) {
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		f.addValue(name, any(values[name]))
	}
}

func (f *fields) addPairs(what string, pairs []any) error {
	for _, item := range pairs {
		switch pair := item.(type) {
		case []string:
			if len(pair) == 2 {
				f.add(pair[0], pair[1])
				continue
			}
		case []any:
			if name, ok := pairName(pair); ok {
				f.addValue(name, pair[1])
				continue
			}
		}
		return shapeError(what, pairShapes)
	}
	return nil
}

func pairName(pair []any) (string, bool) {
	if len(pair) != 2 {
		return "", false
	}
	switch name := pair[0].(type) {
	case string:
		return name, true
	case []byte:
		return string(name), true
	}
	return "", false
}

// rackNames turns HTTP_X_Y, CONTENT_TYPE and CONTENT_LENGTH into header names.
// In a whole environment (it has REQUEST_METHOD) everything else is left out.
func rackNames(list []provider.Field) []provider.Field {
	environment := false
	for i := range list {
		if list[i].Name == "request_method" {
			environment = true
			break
		}
	}
	kept := list[:0]
	for _, field := range list {
		name, isHeader := rackName(field.Name)
		if environment && !isHeader {
			continue
		}
		field.Name = name
		kept = append(kept, field)
	}
	return kept
}

func rackName(name string) (string, bool) {
	if name == "content_type" || name == "content_length" {
		return strings.Replace(name, "_", "-", 1), true
	}
	if rest, ok := strings.CutPrefix(name, "http_"); ok && rest != "" {
		return strings.ReplaceAll(rest, "_", "-"), true
	}
	return name, false
}
