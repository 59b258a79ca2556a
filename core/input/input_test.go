package input

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/knocker-dev/knocker/core/provider"
)

func field(pairs ...string) []provider.Field {
	var list []provider.Field
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, provider.Field{Name: pairs[i], Value: pairs[i+1]})
	}
	return list
}

// Protects the shapes that web frameworks hand over: each must come out as
// lower-case fields in order, and none of the odd values may be an error.
func TestHeaders(t *testing.T) {
	raw := func(s string) json.RawMessage { return json.RawMessage(s) }
	for name, test := range map[string]struct {
		in   any
		want []provider.Field
	}{
		"nil":              {nil, nil},
		"null":             {raw(`null`), nil},
		"mapping":          {raw(`{"X-A":"1","x-b":["2","3"]}`), field("x-a", "1", "x-b", "2", "x-b", "3")},
		"pairs":            {raw(`[["X-A","1"],["x-a","2"]]`), field("x-a", "1", "x-a", "2")},
		"escapes":          {raw(`{"x":"a\u00e9\n"}`), field("x", "aé\n")},
		"odd values":       {raw(`{"n":1,"o":{"a":1},"z":null,"l":["t",null,2,{"b":2}],"t":true}`), field("n", "1", "o", `{"a":1}`, "l", "t", "l", "2", "l", `{"b":2}`, "t", "true")},
		"rack names":       {raw(`{"HTTP_X_HUB_SIGNATURE_256":"s","CONTENT_TYPE":"a/b","CONTENT_LENGTH":"3"}`), field("x-hub-signature-256", "s", "content-type", "a/b", "content-length", "3")},
		"rack environment": {raw(`{"REQUEST_METHOD":"POST","rack.input":{},"PATH_INFO":"/","HTTP_HOST":"h"}`), field("host", "h")},
		"latin-1":          {http.Header{"X-Name": {"caf\xe9"}}, field("x-name", "café")},
		"http.Header":      {http.Header{"X-B": {"1", "2"}, "X-A": {"0"}}, field("x-a", "0", "x-b", "1", "x-b", "2")},
		"map any":          {map[string]any{"A": "1", "B": []any{"2", nil, 3.0}, "C": []byte("4"), "D": nil, "E": func() {}}, field("a", "1", "b", "2", "b", "3", "c", "4")},
		"map string":       {map[string]string{"A": "1"}, field("a", "1")},
		"go pairs":         {[]any{[]any{"A", "1"}, []any{[]byte("B"), []byte("2")}}, field("a", "1", "b", "2")},
		"array pairs":      {[][2]string{{"A", "1"}}, field("a", "1")},
		"fields":           {field("A", "1"), field("a", "1")},
		"empty name":       {raw(`{"":"x"," ":"y"}`), nil},
	} {
		got, err := Headers(test.in)
		if err != nil || len(got)+len(test.want) > 0 && !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: got %v, %v; want %v", name, got, err, test.want)
		}
	}
}

// A shape that is neither mapping nor list is a clear error, never a crash.
func TestHeadersRefusesShapes(t *testing.T) {
	for _, in := range []any{json.RawMessage(`"a: b"`), json.RawMessage(`12`), json.RawMessage(`["a"]`), json.RawMessage(`[["a"]]`),
		json.RawMessage(`[["a","b","c"]]`), json.RawMessage(`[[1,"b"]]`), json.RawMessage(`{"a"`), "a: b", 12, []any{"x"}} {
		_, err := Headers(in)
		var shape *Error
		if !errors.As(err, &shape) || shape.Code != "invalid_argument" || !strings.HasPrefix(shape.Message, "headers must be") {
			t.Errorf("%v: got %v", in, err)
		}
	}
}

func TestQuery(t *testing.T) {
	for name, test := range map[string]struct {
		in   any
		want []provider.Field
	}{
		"raw":           {"a=1&b=x+y%21&A=2&flag", field("a", "1", "b", "x y!", "A", "2", "flag", "")},
		"question mark": {"?hub.mode=subscribe", field("hub.mode", "subscribe")},
		"json text":     {json.RawMessage(`"?a=%C3%A9"`), field("a", "é")},
		"bad escape":    {"a=%zz&b=%", field("a", "%zz", "b", "%")},
		"empty":         {"", nil},
		"only mark":     {"?", nil},
		"latin-1":       {"a=%E9", field("a", "é")},
		"mapping":       {json.RawMessage(`{"a":["1","2"]}`), field("a", "1", "a", "2")},
		"values":        {url.Values{"b": {"2"}, "a": {"1"}}, field("a", "1", "b", "2")},
		"nil":           {nil, nil},
	} {
		got, err := Query(test.in)
		if err != nil || len(got)+len(test.want) > 0 && !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: got %v, %v; want %v", name, got, err, test.want)
		}
	}
}

// A plain text is one secret: taken apart, its first character would open the
// endpoint.
func TestSecrets(t *testing.T) {
	for _, in := range []any{"token", []byte("token"), json.RawMessage(`"token"`), json.RawMessage(`["token"]`), []string{"token"},
		[]any{"token"}, []any{[]byte("token")}, json.RawMessage(`[{"value":"token"}]`), json.RawMessage(`{"blob":"dG9rZW4="}`),
		json.RawMessage(`[{"value":{"blob":"dG9rZW4="}}]`), []any{map[string]any{"value": "token"}}} {
		got, err := Secrets(in)
		if err != nil || len(got) != 1 || string(got[0].Value) != "token" {
			t.Errorf("%v: got %v, %v", in, got, err)
		}
	}
	got, err := Secrets(json.RawMessage(`["a",{"value":"b","expires_at":1767225600}]`))
	if err != nil || len(got) != 2 || got[1].ExpiresAt.Unix() != 1767225600 {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestSecretsRefuses(t *testing.T) {
	for _, in := range []any{json.RawMessage(`["very-secret",null]`), json.RawMessage(`["very-secret",""]`), json.RawMessage(`["very-secret","x\n"]`),
		json.RawMessage(`["very-secret",{}]`), json.RawMessage(`["very-secret",{"value":""}]`), json.RawMessage(`["very-secret",{"value":"b","expires_at":"soon"}]`),
		json.RawMessage(`["very-secret",{"value":{"value":"x"}}]`), json.RawMessage(`["very-secret",12]`), json.RawMessage(`["very-secret",["x"]]`),
		json.RawMessage(`["very-secret",{"blob":"%"}]`), []any{"very-secret", nil}, []string{"very-secret", ""}, [][]byte{[]byte("very-secret"), nil}, []any{"very-secret", 3}} {
		_, err := Secrets(in)
		var refused *provider.ConfigError
		if !errors.As(err, &refused) || refused.Code != "invalid_secret" {
			t.Errorf("%v: got %v", in, err)
			continue
		}
		if !strings.Contains(refused.Message, "secret 2 of 2") || !strings.Contains(refused.Message, "is the environment variable set?") || strings.Contains(refused.Message, "very-secret") {
			t.Errorf("%v: %s", in, refused.Message)
		}
	}
}

func TestStoredJSON(t *testing.T) {
	list := field("b", "1", "a", "x\"\\\n\x01é", "b", "2", "c", "\xff")
	want := `{"b":["1","2"],"a":"x\"\\\u000a\u0001é","c":"` + "\ufffd" + `"}`
	if got := HeadersJSON(list); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := QueryJSON(nil); got != "{}" {
		t.Errorf("no fields: %s", got)
	}
	var long []provider.Field
	for i := 0; i < 10000; i++ {
		long = append(long, provider.Field{Name: strings.Repeat("n", i%100+1), Value: "v"})
	}
	if !json.Valid([]byte(HeadersJSON(long))) {
		t.Error("a long list is not valid JSON")
	}
	back, err := Headers(json.RawMessage(HeadersJSON(list[:3])))
	if err != nil || !reflect.DeepEqual(back, field("b", "1", "b", "2", "a", "x\"\\\n\x01é")) {
		t.Errorf("round trip: %v, %v", back, err)
	}
}

func FuzzHeaders(f *testing.F) {
	for _, seed := range []string{`{"A":"1"}`, `[["a","b"]]`, `{"a":[1,null,{"b":2}]}`, `null`, `{"HTTP_A":"\u00e9"}`, `"x"`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		list, err := Headers(json.RawMessage(raw))
		if err == nil && !json.Valid([]byte(HeadersJSON(list))) {
			t.Errorf("stored JSON is invalid: %s", HeadersJSON(list))
		}
		if list, err := Query(json.RawMessage(raw)); err == nil && !json.Valid([]byte(QueryJSON(list))) {
			t.Errorf("stored JSON is invalid: %s", QueryJSON(list))
		}
	})
}

func FuzzQuery(f *testing.F) {
	f.Add("?a=1&b=%zz&&=")
	f.Fuzz(func(t *testing.T, raw string) {
		list, err := Query(raw)
		if err != nil || !json.Valid([]byte(QueryJSON(list))) {
			t.Errorf("%v %s", err, QueryJSON(list))
		}
	})
}

func FuzzSecrets(f *testing.F) {
	for _, seed := range []string{`"a"`, `["a",{"value":"b","expires_at":1}]`, `[{"blob":"YQ=="}]`, `null`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		list, err := Secrets(json.RawMessage(raw))
		for _, secret := range list {
			if err == nil && len(secret.Value) == 0 {
				t.Error("an empty secret passed")
			}
		}
	})
}

func BenchmarkHeaders(b *testing.B) {
	raw := json.RawMessage(`{"Host":"hooks.example.test","User-Agent":"Stripe/1.0 (+https://stripe.com/docs/webhooks)","Content-Length":"2345","Accept":"*/*; q=0.5, application/xml","Cache-Control":"no-cache","Content-Type":"application/json; charset=utf-8","Stripe-Signature":"t=1767225600,v1=988c444ba88c5d2f14df816b1f11d72102e924b3e50f374247a2442c4b834d2c","X-Forwarded-For":"203.0.113.7","X-Forwarded-Host":"hooks.example.test","X-Forwarded-Proto":"https","Accept-Encoding":"gzip","X-Request-Id":"0af7651916cd43dd8448eb211c80319c"}`)
	b.ReportAllocs()
	for b.Loop() {
		list, err := Headers(raw)
		if err != nil || len(HeadersJSON(list)) == 0 {
			b.Fatal(err)
		}
	}
}
