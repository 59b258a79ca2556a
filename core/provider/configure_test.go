package provider

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func secretsOf(values ...string) []Secret {
	list := make([]Secret, len(values))
	for i, value := range values {
		list[i].Value = []byte(value)
	}
	return list
}

// A slip in a name or a value must be found when the endpoint is added, not
// when the first webhook comes, and say what to do.
func TestConfigureRefuses(t *testing.T) {
	const key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	for name, test := range map[string]struct {
		provider string
		secrets  []Secret
		options  map[string]any
		code     string
		says     string
	}{
		"unknown provider":        {"stripes", secretsOf("s"), nil, CodeUnknownProvider, `did you mean "stripe"?`},
		"no such provider at all": {"qqqqqqqqqqqq", secretsOf("s"), nil, CodeUnknownProvider, "there is no provider"},
		"unknown option":          {"stripe", secretsOf("s"), map[string]any{"tolerance": 5}, CodeInvalidArgument, `did you mean "tolerance_s"?`},
		"unknown option, far":     {"stripe", secretsOf("s"), map[string]any{"xyzzy": 5}, CodeInvalidArgument, "it knows tolerance_s"},
		"wrong type":              {"stripe", secretsOf("s"), map[string]any{"tolerance_s": "five"}, CodeInvalidArgument, "must be of type integer"},
		"fraction":                {"stripe", secretsOf("s"), map[string]any{"tolerance_s": 1.5}, CodeInvalidArgument, "must be of type integer"},
		"out of range":            {"stripe", secretsOf("s"), map[string]any{"tolerance_s": -2}, CodeInvalidArgument, "out of range"},
		"not one of":              {"discord", secretsOf(strings.Repeat("ab", 32)), map[string]any{"mode": "bots"}, CodeInvalidArgument, "must be one of interactions, webhook_events"},
		"not boolean":             {"asana", nil, map[string]any{"accept_handshake": "yes"}, CodeInvalidArgument, "must be of type boolean"},
		"not texts":               {"aws-sns", nil, map[string]any{"topic_arns": []any{1}}, CodeInvalidArgument, "must be of type list of texts"},
		"not object":              {"plaid", nil, map[string]any{"jwks": "x"}, CodeInvalidArgument, "must be of type object"},
		"no secret":               {"stripe", nil, nil, CodeInvalidSecret, "is the environment variable set?"},
		"empty secret":            {"stripe", secretsOf("very-secret", ""), nil, CodeInvalidSecret, "secret 2 of 2 is empty"},
		"line break":              {"stripe", secretsOf("very-secret\n"), nil, CodeInvalidSecret, "line break"},
		"not base64":              {"svix", secretsOf("whsec_very-secret!"), nil, CodeInvalidSecret, "secret 1 of 1 is not whsec_"},
		"private instead":         {"standard-webhooks", secretsOf(key, "whsk_very-secret"), nil, CodeInvalidSecret, "private signing key"},
		"short public key":        {"standard-webhooks", secretsOf("whpk_AAAA"), nil, CodeInvalidSecret, "32-byte"},
		"not hex":                 {"discord", secretsOf("very-secret"), nil, CodeInvalidSecret, "64 hex digits"},
		"not a key":               {"sendgrid", secretsOf("very-secret"), nil, CodeInvalidSecret, "public key"},
		"no colon":                {"basic-auth", secretsOf("very-secret"), nil, CodeInvalidSecret, "user:password"},
		"braintree pair":          {"braintree", secretsOf("very-secret"), nil, CodeInvalidSecret, "publicKey:privateKey"},
		"contentful length":       {"contentful", secretsOf("very-secret"), map[string]any{"path": "/"}, CodeInvalidSecret, "64 characters"},
		"adyen hex":               {"adyen", secretsOf("very-secret"), nil, CodeInvalidSecret, "not hex"},
		"no url":                  {"twilio", secretsOf("s"), nil, CodeInvalidArgument, "set url"},
		"no url, hubspot v3":      {"hubspot", secretsOf("s"), nil, CodeInvalidArgument, "set url"},
		"no url, square":          {"square", secretsOf("s"), nil, CodeInvalidArgument, "set url"},
		"no url, mandrill":        {"mandrill", secretsOf("s"), nil, CodeInvalidArgument, "set url"},
		"no path":                 {"contentful", secretsOf(strings.Repeat("k", 64)), nil, CodeInvalidArgument, "set path or url"},
		"no topics":               {"sns", nil, nil, CodeInvalidArgument, "topic_arns"},
		"no certificate":          {"sns", nil, map[string]any{"topic_arns": "a"}, CodeInvalidArgument, "cert_pem"},
		"no webhook id":           {"paypal", nil, nil, CodeInvalidArgument, "webhook_id"},
		"no keys":                 {"plaid", nil, nil, CodeInvalidArgument, "jwks"},
		"key off the curve":       {"plaid", nil, map[string]any{"jwks": map[string]any{"k": map[string]any{"kty": "EC", "crv": "P-256", "x": strings.Repeat("A", 43), "y": strings.Repeat("A", 43)}}}, CodeInvalidArgument, "EC P-256"},
		"empty header":            {"token-header", secretsOf("s"), map[string]any{"header": ""}, CodeInvalidArgument, "names a header"},
		"path with a query":       {"token-header", secretsOf("s"), map[string]any{"event_id_path": "a.#(b==1)"}, CodeInvalidArgument, "joined by dots"},
		"template without body":   {"hmac-sha256", secretsOf("s"), map[string]any{"signed_content": "x"}, CodeInvalidArgument, "{body} exactly once"},
		"template, unknown part":  {"hmac-sha256", secretsOf("s"), map[string]any{"signed_content": "{nonce}{body}"}, CodeInvalidArgument, "unknown part {nonce}"},
		"template, unsigned time": {"hmac-sha256", secretsOf("s"), map[string]any{"timestamp_header": "X-T"}, CodeInvalidArgument, "an unsigned time proves nothing"},
		"template, key alone":     {"hmac-sha256", secretsOf("s"), map[string]any{"timestamp_key": "t"}, CodeInvalidArgument, "signature_key"},
		"secret encoding":         {"hmac-sha256", secretsOf("very-secret"), map[string]any{"secret_encoding": "hex"}, CodeInvalidSecret, "is not hex"},
	} {
		_, err := Configure(test.provider, test.secrets, test.options)
		var refused *ConfigError
		if !errors.As(err, &refused) {
			t.Errorf("%s: got %v", name, err)
			continue
		}
		if refused.Code != test.code || !strings.Contains(refused.Message, test.says) {
			t.Errorf("%s: got %s: %s", name, refused.Code, refused.Message)
		}
		if strings.Contains(refused.Message, "very-secret") {
			t.Errorf("%s: the message tells the secret: %s", name, refused.Message)
		}
	}
}

// The registry is what documentation and bindings are generated from.
func TestDefinitionsAreComplete(t *testing.T) {
	for _, d := range All() {
		if d.Title == "" || d.Signature == "" || d.Secret == "" || d.Identity == "" || d.EventType == "" {
			t.Errorf("%s: an empty description", d.Name)
		}
		if d.Docs == "" && d.Name != "token-header" {
			t.Errorf("%s: no documentation link", d.Name)
		}
		seen := map[string]bool{}
		for _, o := range d.Options {
			if o.Doc == "" || seen[o.Name] {
				t.Errorf("%s: option %s is undocumented or listed twice", d.Name, o.Name)
			}
			seen[o.Name] = true
		}
		for _, name := range append([]string{d.Name}, d.Aliases...) {
			if found, ok := Lookup(name); !ok || found.Name != d.Name {
				t.Errorf("%s is not found as %s", d.Name, name)
			}
		}
	}
	for _, reason := range Reasons() {
		if reason.Sentence() == "" {
			t.Errorf("reason %s has no sentence", reason)
		}
	}
	if len(Reasons()) != len(sentences) {
		t.Error("Reasons does not list every reason")
	}
}

// During a rotation the old secret must verify until its expiry and not a
// moment longer.
func TestSecretExpiry(t *testing.T) {
	now := time.Unix(1767225600, 0)
	secrets := secretsOf("new", "old")
	secrets[1].ExpiresAt = now
	v, err := Configure("token-header", secrets, nil)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(token string, at time.Time) Verdict {
		return v.Verify(&Request{Method: "POST", Headers: []Field{{"x-knocker-token", token}}, Now: at})
	}
	if verdict := ask("old", now); !verdict.Valid {
		t.Errorf("refused at its expiry time: %s", verdict.Reason)
	}
	if verdict := ask("old", now.Add(time.Second)); verdict.Reason != BadCredentials {
		t.Errorf("after expiry: %v %s", verdict.Valid, verdict.Reason)
	}
	if verdict := ask("new", now.Add(time.Hour)); !verdict.Valid {
		t.Errorf("the new secret is refused: %s", verdict.Reason)
	}
	only := secretsOf("only")
	only[0].ExpiresAt = now
	for _, name := range []string{"token-header", "stripe", "github"} {
		v, err := Configure(name, only, nil)
		if err != nil {
			t.Fatal(err)
		}
		digest := strings.Repeat("0", 64)
		verdict := v.Verify(&Request{Now: now.Add(time.Second), Headers: []Field{{"x-knocker-token", "only"},
			{"stripe-signature", "t=1767225600,v1=" + digest}, {"x-hub-signature-256", "sha256=" + digest}}})
		if verdict.Reason != SecretExpired {
			t.Errorf("%s: all secrets expired: %s", name, verdict.Reason)
		}
	}
}

// A zero tolerance switches the check off, as in the providers' libraries.
func TestToleranceOptions(t *testing.T) {
	now := time.Unix(1767225600, 0)
	for _, test := range []struct {
		provider string
		options  map[string]any
		age      time.Duration
		want     Reason
	}{
		{"stripe", nil, 300 * time.Second, ""},
		{"stripe", nil, 301 * time.Second, TimestampTooOld},
		{"stripe", nil, -24 * time.Hour, ""},
		{"stripe", map[string]any{"tolerance_s": 0}, 24 * time.Hour, ""},
		{"stripe", map[string]any{"tolerance_s": 10}, 11 * time.Second, TimestampTooOld},
		{"stripe", map[string]any{"future_tolerance_s": 10}, -11 * time.Second, TimestampTooNew},
		{"slack", map[string]any{"tolerance_s": 10}, -11 * time.Second, TimestampTooNew},
		{"slack", map[string]any{"tolerance_s": 0}, -24 * time.Hour, ""},
		{"zoom", nil, 24 * time.Hour, ""},
		{"zoom", map[string]any{"tolerance_s": 10}, 11 * time.Second, TimestampTooOld},
	} {
		v, err := Configure(test.provider, secretsOf("s"), test.options)
		if err != nil {
			t.Fatal(err)
		}
		inner := v.(*configured).Verifier
		if wrapped, ok := inner.(slackVerifier); ok {
			inner = wrapped.hmacVerifier
		}
		if got := inner.(*hmacVerifier).clock.check(now.Add(-test.age), now, seconds); got != test.want {
			t.Errorf("%s %v at age %v: got %q", test.provider, test.options, test.age, got)
		}
	}
}
