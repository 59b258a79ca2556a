package provider

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
)

// anyConfiguration configures every provider that a test needs, with secrets
// of the right form.
func anyConfiguration(t testing.TB, d Definition) Verifier {
	t.Helper()
	secret := "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	options := map[string]any{"url": "https://h.test/in?a=1"}
	secrets := secretsOf(secret)
	switch d.Name {
	case "basic-auth", "postmark", "braintree":
		secrets = secretsOf("user:" + secret)
	case "sendgrid":
		secrets = secretsOf("MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g==")
	case "standard-webhooks":
		secrets = secretsOf("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whpk_6kpsY+KcUgq+9VB7Ey7F+ZVHdq6+vnuSQh7qaRRG0iw=")
	case "hmac-sha256":
		options["signed_content"], options["signature_key"], options["timestamp_key"] = "{method}{url}{timestamp}.{body}{header:x-a}", "v1", "t"
	case "meta":
		options["verify_token"] = secret
	case "plaid":
		secrets = nil
		options["jwks"] = map[string]any{"k": map[string]any{"kty": "EC", "crv": "P-256", "x": "WIc-84isJD2mQAG7qTCkruJQZf12aYZYMmiSdBOH-Vw", "y": "tsT3pBzwm3yMhP2i1DD0sGW3IX9I7X1ZmA--ifE-rL8"}}
	case "paypal", "aws-sns":
		secrets = nil
		options["webhook_id"], options["topic_arns"], options["cert_pem"] = "w", []any{"t"}, testCertificate
		if d.Name == "paypal" {
			delete(options, "topic_arns")
		} else {
			delete(options, "webhook_id")
		}
	}
	v, err := Configure(d.Name, secrets, options)
	if err != nil {
		t.Fatalf("%s: %v", d.Name, err)
	}
	return v
}

// hostileBodies are large, deep or broken in every way that has broken parsers.
func hostileBodies() map[string][]byte {
	const megabyte, much = 1 << 20, 1 << 18
	return map[string][]byte{
		"5 MiB":            []byte(`{"type":"` + strings.Repeat("x", 5*megabyte) + `"}`),
		"deep arrays":      bytes.Repeat([]byte("["), megabyte),
		"deep objects":     bytes.Repeat([]byte(`{"a":`), much),
		"deep events":      append([]byte(`{"events":`), bytes.Repeat([]byte("["), much)...),
		"many items":       []byte(`{"events":[` + strings.TrimSuffix(strings.Repeat("{},", much), ",") + `]}`),
		"many array items": []byte(`[` + strings.TrimSuffix(strings.Repeat("1,", much), ",") + `]`),
		"invalid UTF-8":    []byte("{\"type\":\"\xff\xfe\",\"id\":\"\xc3\"}"),
		"many form fields": []byte(strings.Repeat("a=b&", much)),
		"percent signs":    bytes.Repeat([]byte("%"), much),
		"NUL":              bytes.Repeat([]byte{0}, much),
		"long key":         []byte(`{"` + strings.Repeat("k", much) + `":1}`),
		"xml":              []byte("bt_signature=user%7Cx&bt_payload=" + strings.Repeat("PGE+", much/8)),
		"half a surrogate": []byte(`{"type":"\ud800","id":"\udc00"}`),
		"empty":            nil,
	}
}

// bound is far above what linear work takes on a busy machine, and far below
// what quadratic work does.
const bound = 20 * time.Second

// Bodies that a stranger chose must cost no crash and no unbounded time,
// whether or not a signature fits.
func TestHostileRequests(t *testing.T) {
	headers := make([]Field, 0, 10100)
	for _, d := range All() {
		for _, name := range append(d.Headers, "X-Knocker-Token", "X-A") {
			headers = append(headers, Field{strings.ToLower(name), "t=1767225600,v1=" + strings.Repeat("0", 64)})
		}
	}
	for i := len(headers); i < 10000; i++ {
		headers = append(headers, Field{fmt.Sprintf("x-%d", i%100), "v"})
	}
	bodies := hostileBodies()
	for _, d := range All() {
		v := anyConfiguration(t, d)
		for name, body := range bodies {
			began := time.Now()
			verdict := v.Verify(&Request{Method: "POST", URL: "https://h.test/in", Headers: headers, Body: body, Now: time.Unix(1767225600, 0)})
			if verdict.Valid {
				t.Errorf("%s: %s is accepted", d.Name, name)
			}
			if took := time.Since(began); took > bound {
				t.Errorf("%s: %s took %v", d.Name, name, took)
			}
		}
	}
}

// What follows a verified signature must hold for hostile bodies, too: the
// describing and splitting is called directly.
func TestHostileDescriptions(t *testing.T) {
	describers := map[string]func(*Request, *Verdict){
		"slack": describeSlack, "meta": describeMeta, "hubspot": describeHubSpot, "asana": describeAsana,
		"xero": describeXero, "auth0": describeAuth0, "mandrill": describeMandrill, "postmark": describePostmark,
		"telegram": describeTelegram, "zendesk": describeZendesk, "twitch": describeTwitch,
		"line": splitList("events", "type", "webhookEventId", "x"), "list": splitList("", "type", "id", "x"),
	}
	for name, describe := range describers {
		for what, body := range hostileBodies() {
			began := time.Now()
			verdict := accept()
			describe(&Request{Method: "POST", Body: body}, &verdict)
			if len(verdict.Events) > maxItems {
				t.Errorf("%s: %s gives %d items", name, what, len(verdict.Events))
			}
			for _, item := range verdict.Events {
				if item.Offset < 0 || item.Length < 0 || item.Offset+item.Length > len(body) {
					t.Fatalf("%s: %s: item at %d+%d leaves the body", name, what, item.Offset, item.Length)
				}
			}
			if took := time.Since(began); took > bound {
				t.Errorf("%s: %s took %v", name, what, took)
			}
		}
	}
}

// A repeated line must not let a proxy and the application see different
// credentials.
func TestRepeatedHeader(t *testing.T) {
	v, err := Configure("token-header", secretsOf("right"), nil)
	if err != nil {
		t.Fatal(err)
	}
	same := v.Verify(&Request{Headers: []Field{{"x-knocker-token", "right"}, {"x-knocker-token", "right"}}})
	if !same.Valid {
		t.Errorf("two equal lines are refused: %s", same.Reason)
	}
	for _, other := range []string{"wrong", ""} {
		if verdict := v.Verify(&Request{Headers: []Field{{"x-knocker-token", "right"}, {"x-knocker-token", other}}}); verdict.Reason != MalformedHeader {
			t.Errorf("lines right and %q: %v %s", other, verdict.Valid, verdict.Reason)
		}
	}
}
