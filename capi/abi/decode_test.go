package abi

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
)

// Every mistake in a request is named: the field, what it must be, and what
// may have been meant.
func TestDecodeNamesTheMistake(t *testing.T) {
	cases := []struct {
		target  any
		text    string
		message string
		guess   string
	}{
		{&OpenRequest{}, `{"path":"x","options":{"maxBodyBytes":1}}`, `Unknown field "options.maxBodyBytes". Did you mean "max_body_bytes"?`, "max_body_bytes"},
		{&OpenRequest{}, `{"path":"x","options":{"max_bdoy_bytes":1}}`, `Unknown field "options.max_bdoy_bytes". Did you mean`, "max_body_bytes"},
		{&OpenRequest{}, `{"path":"x","options":{"zebra":1}}`, `Unknown field "options.zebra".`, ""},
		{&OpenRequest{}, `{}`, `Field "path" is missing.`, ""},
		{&OpenRequest{}, `{"path":null}`, `Field "path" is missing.`, ""},
		{&OpenRequest{}, `{"path":7}`, `Field "path" must be text, not 7.`, ""},
		{&OpenRequest{}, `{"path":"x","path":"y"}`, `Field "path" is given twice.`, ""},
		{&OpenRequest{}, `{"path":"x","options":[]}`, `Field "options" must be an object, not a list.`, ""},
		{&OpenRequest{}, `{"path":"x","options":{"max_orphans":0}}`, `Field "options.max_orphans" must be at least 1.`, ""},
		{&OpenRequest{}, `{"path":"x","options":{"max_orphans":1.5}}`, `must be a whole number within`, ""},
		{&OpenRequest{}, `{"path":"x","options":{"max_orphans":9007199254740992}}`, `must be a whole number within`, ""},
		{&OpenRequest{}, `{"path":"x","options":{"max_transaction_s":0}}`, `must be above 0.`, ""},
		{&OpenRequest{}, `{"path":"x","options":{"max_transaction_s":1e400}}`, `must be a number that a double can hold`, ""},
		{&OpenRequest{}, `{"path":"x","options":{"foreign_keys":"on"}}`, `must be true or false, not text.`, ""},
		{&OpenRequest{}, `{"path":"x","options":{"redact_headers":"a"}}`, `must be a list of text, not text.`, ""},
		{&OpenRequest{}, `{"path":"x","options":{"redact_headers":["a",1]}}`, `Field "options.redact_headers[1]" must be text, not 1.`, ""},
		{&OpenRequest{}, `{"path":"x","options":{"clock":{}}}`, `Field "options.clock.now_s" is missing.`, ""},
		{&AddEndpointRequest{}, `{"name":"x","provider_options":[]}`, `Field "provider_options" must be an object, not a list.`, ""},
		{&ListEventsRequest{}, `{"limit":1001}`, `Field "limit" must be at most 1000.`, ""},
		{&ReceiveRequest{}, `{"endpoint":"x","home":0}`, `Field "home" must be at least 1.`, ""},
		{&Nothing{}, `{"x":1}`, `Unknown field "x".`, ""},
	}
	for _, c := range cases {
		err := Decode([]byte(c.text), c.target)
		var problem *Problem
		if !errors.As(err, &problem) || !strings.Contains(problem.Message, c.message) || problem.Suggestion != c.guess {
			t.Errorf("%s\n got %v\nwant %s", c.text, err, c.message)
		}
	}
}

// An error message may be logged: it must not repeat a text, which may be a secret.
func TestDecodeNeverRepeatsText(t *testing.T) {
	err := Decode([]byte(`{"name":"x","provider_options":"whsec_hush","enabled":"whsec_hush"}`), &AddEndpointRequest{})
	if err == nil || strings.Contains(err.Error(), "hush") {
		t.Fatalf("got %v", err)
	}
}

func TestDecodeReadsEveryKind(t *testing.T) {
	var r OpenRequest
	text := `{"path":"a\u00e4/\"b","options":{"busy_timeout_ms":7,"redact_headers":["X","y\n"],"file_mode":"0640",
		"foreign_keys":false,"max_transaction_s":0.25,"clock":{"now_s":1700000000.5},"max_attempts":3,"backoff_jitter":true,
		"migrate":null}}`
	if err := Decode([]byte(text), &r); err != nil {
		t.Fatal(err)
	}
	no, yes := false, true
	want := OpenRequest{Path: `aä/"b`, Options: OpenOptions{
		BusyTimeoutMS: 7, RedactHeaders: []string{"X", "y\n"}, FileMode: json.RawMessage(`"0640"`), ForeignKeys: &no,
		MaxTransactionS: 0.25, Clock: &Clock{NowS: 1700000000.5},
		RetryFields: RetryFields{MaxAttempts: 3, BackoffJitter: &yes},
	}}
	if !reflect.DeepEqual(r, want) {
		t.Fatalf("got %+v", r)
	}
}

func TestParseFileMode(t *testing.T) {
	for raw, want := range map[string]FileMode{`384`: 0o600, `"0640"`: 0o640, `"600"`: 0o600} {
		if got, ok := ParseFileMode(json.RawMessage(raw)); !ok || got != want {
			t.Errorf("%s: got %o %v", raw, got, ok)
		}
	}
	for _, raw := range []string{`"8"`, `""`, `-1`, `1.5`, `true`, `{}`, `1000`, `"01777"`, ``} {
		if got, ok := ParseFileMode(json.RawMessage(raw)); ok {
			t.Errorf("%s: accepted as %o", raw, got)
		}
	}
}

func FuzzReceiveRequest(f *testing.F) {
	f.Add([]byte(`{"endpoint":"stripe","headers":{"a":["b"]},"query":"a=b","secrets":["s"],"home":1,"provider_options":{"tolerance_s":300}}`))
	f.Add([]byte(`{"endpoint":"x","headers":[["a","b"]],"signature_valid":null,"ingest":true,"max_attempts":3}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var r ReceiveRequest
		if err := Decode(text, &r); err != nil {
			var problem *Problem
			if !errors.As(err, &problem) || problem.Message == "" {
				t.Fatalf("not a problem: %v", err)
			}
			return
		}
		for _, raw := range []json.RawMessage{r.Headers, r.Query, r.Secrets} {
			if raw != nil && !json.Valid(raw) {
				t.Fatalf("hands invalid JSON on: %q", raw)
			}
		}
		var loose map[string]any
		if len(text) > 0 && json.Unmarshal(text, &loose) != nil {
			t.Fatalf("accepted invalid JSON %q", text)
		}
		if r.Endpoint != "" && loose["endpoint"] != r.Endpoint {
			t.Fatalf("endpoint %q, want %q", r.Endpoint, loose["endpoint"])
		}
	})
}

func BenchmarkDecodeReceive(b *testing.B) {
	text := []byte(`{"endpoint":"stripe","method":"POST","home":12345,"headers":{"host":"example.org","content-type":"application/json","user-agent":"Stripe/1.0","stripe-signature":"t=1700000000,v1=5257a869e7ecebeda32affa62cdca3fa51cad7e77a0e56ff536d0ce8e108d8bd","accept":"*/*","content-length":"1024"},"query":""}`)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		var r ReceiveRequest
		if err := Decode(text, &r); err != nil {
			b.Fatal(err)
		}
	}
}
