package input

import (
	"encoding/json"
	"net/url"
	"strings"

	"github.com/knocker-dev/knocker/core/provider"
	"github.com/tidwall/gjson"
)

// Query reads a query string: everything Headers takes, url.Values, and the
// raw text with or without "?" (also as a JSON text). Names keep their case.
func Query(value any) ([]provider.Field, error) {
	f := fields{}
	switch v := value.(type) {
	case string:
		f.addRaw(v)
		return f.list, nil
	case url.Values:
		addSorted(&f, v)
		return f.list, nil
	case json.RawMessage:
		if document := gjson.ParseBytes(v); document.Type == gjson.String {
			f.addRaw(document.Str)
			return f.list, nil
		}
	}
	if err := f.read("query", value); err != nil {
		return nil, err
	}
	return f.list, nil
}

// addRaw parses a raw query string. A bad escape is kept as it was written.
func (f *fields) addRaw(raw string) {
	raw = strings.TrimPrefix(raw, "?")
	for rest, more := raw, raw != ""; more; {
		var pair string
		pair, rest, more = strings.Cut(rest, "&")
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		f.add(unescape(name), unescape(value))
	}
}

func unescape(encoded string) string {
	if decoded, err := url.QueryUnescape(encoded); err == nil {
		return decoded
	}
	return encoded
}
