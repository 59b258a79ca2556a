package provider

import "github.com/tidwall/gjson"

// Asana hands over its secret in a first POST, which has to be echoed. Until a
// secret is configured only that is answered; afterwards a further handshake
// is refused unless expected. Items have no id. Source: Asana's "Webhooks
// guide".
func init() {
	register(Definition{
		Name: "asana", Title: "Asana",
		Options:           []Option{acceptHandshakeOption},
		Headers:           []string{"X-Hook-Signature", "X-Hook-Secret"},
		Signature:         "HMAC-SHA256, hex, over the body",
		Secret:            "the X-Hook-Secret of the handshake; may be missing until then",
		Identity:          "none",
		EventType:         "body:events[].resource.resource_type + \".\" + action",
		Batch:             true,
		Handshake:         "first POST with X-Hook-Secret (unsigned); the secret comes back as handshake_secret",
		SuccessStatus:     200,
		CredentialHeaders: []string{"X-Hook-Secret"},
		Docs:              "https://developers.asana.com/docs/webhooks-guide",
		Notes:             []string{"Items carry no id and can come twice. An empty list is a heartbeat."},
		secrets:           secretOptional,
		build:             buildAsana,
	})
}

var acceptHandshakeOption = Option{Name: "accept_handshake", Type: Boolean, Default: false,
	Doc: "Answer a handshake although a secret is configured, as when the hook is made anew."}

type asanaVerifier struct {
	*hmacVerifier
	accept bool
}

func buildAsana(s *Settings) (Verifier, error) {
	inner, err := hmacScheme{header: "x-hook-signature", algo: useSHA256}.configure(s, describeAsana)
	if err != nil {
		return nil, err
	}
	return asanaVerifier{inner, len(s.Secrets) == 0 || s.Boolean("accept_handshake")}, nil
}

func (v asanaVerifier) Redact() (headers, query []string) { return []string{"x-hook-secret"}, nil }

func (v asanaVerifier) Verify(r *Request) Verdict {
	given, reason := r.header("x-hook-secret")
	switch {
	case reason == MissingHeader && len(v.keys) == 0:
		return refuse(NoSecret)
	case reason == MissingHeader:
		return v.hmacVerifier.Verify(r)
	case reason != "":
		return refuseHeader(reason, "x-hook-secret")
	case !v.accept:
		return refuse(HandshakeUnexpected)
	case !plainToken(given, 512):
		return refuseHeader(MalformedHeader, "x-hook-secret")
	}
	verdict := unsignedHandshake(&Response{StatusCode: 200, Headers: []Field{{"X-Hook-Secret", given}}})
	verdict.HandshakeSecret = given
	return verdict
}

func describeAsana(r *Request, v *Verdict) {
	b := newBatch(r.Body)
	list := b.root(r.Body).Get("events")
	if !list.IsArray() {
		return
	}
	b.each(list, func(item gjson.Result) {
		b.add(item, dotted(text(item.Get("resource.resource_type")), text(item.Get("action"))), "", "none")
	})
	b.into(v)
}

// dotted joins two parts of a type with a dot, where both are there.
func dotted(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "." + b
}

// plainToken reports whether a stranger's text is short and of visible ASCII
// without quotes and brackets, so that it can be no document.
func plainToken(value string, limit int) bool {
	if value == "" || len(value) > limit {
		return false
	}
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case c <= ' ', c >= 0x7f, c == '"', c == '{', c == '}', c == '[', c == ']', c == '<', c == '>':
			return false
		}
	}
	return true
}
