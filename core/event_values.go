package core

import (
	"encoding/json"
	"net/http"
	"net/url"
)

// Header returns the event's headers by their canonical names. Credentials read
// "[redacted]".
func (e *Event) Header() http.Header { return headerOf(e.HeadersJSON) }

// Query returns the event's query parameters.
func (e *Event) Query() url.Values { return queryOf(e.QueryJSON) }

// JSON decodes the body into v, as json.Unmarshal does.
func (e *Event) JSON(v any) error { return json.Unmarshal(e.Body, v) }

// Header returns the delivery's headers by their canonical names. Credentials
// read "[redacted]".
func (d *Delivery) Header() http.Header { return headerOf(d.HeadersJSON) }

// Query returns the delivery's query parameters.
func (d *Delivery) Query() url.Values { return queryOf(d.QueryJSON) }

func headerOf(stored json.RawMessage) http.Header {
	header := http.Header{}
	eachStored(stored, header.Add)
	return header
}

func queryOf(stored json.RawMessage) url.Values {
	query := url.Values{}
	eachStored(stored, query.Add)
	return query
}

// eachStored calls add for each value of a stored object: a name has one text
// or a list of them, and what is neither was nested and is given as its JSON.
func eachStored(stored json.RawMessage, add func(name, value string)) {
	var object map[string]json.RawMessage
	if json.Unmarshal(stored, &object) != nil {
		return
	}
	for name, raw := range object {
		var texts []string
		if json.Unmarshal(raw, &texts) != nil {
			texts = []string{textOrJSON(raw)}
		}
		for _, text := range texts {
			add(name, text)
		}
	}
}

func textOrJSON(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return string(raw)
	}
	return text
}
