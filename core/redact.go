package core

import (
	"strings"

	"github.com/tidwall/gjson"

	"github.com/knocker-dev/knocker/core/provider"
)

const redacted = "[redacted]"

// maxFieldBytes bounds the stored headers and query of one delivery together.
const maxFieldBytes = 64 << 10

// redaction is which header and query values are never stored.
type redaction struct{ headers, query map[string]bool }

func newRedaction(extra []string, v provider.Verifier) redaction {
	r := redaction{headers: map[string]bool{"authorization": true, "proxy-authorization": true, "cookie": true}, query: map[string]bool{}}
	for _, name := range extra {
		r.headers[strings.ToLower(name)] = true
	}
	if v != nil {
		headers, query := v.Redact()
		for _, name := range headers {
			r.headers[strings.ToLower(name)] = true
		}
		for _, name := range query {
			r.query[name] = true
		}
	}
	return r
}

// apply returns the fields as they are stored: credentials replaced, and cut
// off where the budget of bytes ends.
func apply(fields []provider.Field, secret map[string]bool, budget *int) []provider.Field {
	out := make([]provider.Field, 0, len(fields))
	for _, f := range fields {
		if secret[f.Name] {
			f.Value = redacted
		}
		if *budget -= len(f.Name) + len(f.Value); *budget < 0 {
			break
		}
		out = append(out, f)
	}
	return out
}

// mask overwrites the sender's secret in a copy of the body.
func mask(body []byte, spans []provider.Span) []byte {
	if len(spans) == 0 {
		return body
	}
	out := append([]byte(nil), body...)
	for _, s := range spans {
		for i := max(s.Offset, 0); i < min(s.Offset+s.Length, len(out)); i++ {
			out[i] = '*'
		}
	}
	return out
}

// eventKey is where an endpoint's own identity is.
type eventKey struct{ header, path string }

func parseEventKey(text string) (eventKey, error) {
	kind, name, ok := strings.Cut(text, ":")
	switch {
	case text == "":
		return eventKey{}, nil
	case ok && kind == "header" && name != "":
		return eventKey{header: strings.ToLower(name)}, nil
	case ok && kind == "body" && name != "":
		return eventKey{path: name}, nil
	}
	return eventKey{}, fail(CodeInvalidArgument, "event_key is %q: it must be \"header:<name>\" or \"body:<path>\"", text)
}

// find returns the identity that the endpoint's rule names, "" if it is absent.
// Numbers keep their own digits: ids can be larger than a float holds.
func (k eventKey) find(headers []provider.Field, body []byte) string {
	if k.header != "" {
		for _, f := range headers {
			if f.Name == k.header {
				return f.Value
			}
		}
		return ""
	}
	if k.path == "" {
		return ""
	}
	switch v := gjson.GetBytes(body, k.path); v.Type {
	case gjson.String:
		return v.Str
	case gjson.Number:
		return v.Raw
	}
	return ""
}
