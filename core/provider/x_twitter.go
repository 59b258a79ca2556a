package provider

import (
	"strings"

	"github.com/tidwall/gjson"
)

// X signs the body with the consumer secret, and asks about hourly for the
// HMAC of a text of its own (CRC). That answer has the form of a signature, so
// only a text that can be no request body is answered. Source: X's "Securing
// webhooks".
func init() {
	register(Definition{
		Name: "x", Title: "X (Twitter) Account Activity", Aliases: []string{"x-twitter", "twitter"},
		Headers:       []string{"x-twitter-webhooks-signature"},
		Signature:     "HMAC-SHA256, base64 after \"sha256=\", over the body",
		Secret:        "consumer secret of the app, as text",
		Identity:      "none",
		EventType:     "top-level key of the body that holds the events",
		Handshake:     "GET with crc_token",
		SuccessStatus: 200,
		Docs:          "https://docs.x.com/x-api/webhooks/introduction",
		Notes:         []string{"No id of an event; items have one only for some kinds."},
		build:         buildX,
	})
}

type xVerifier struct{ *hmacVerifier }

func buildX(s *Settings) (Verifier, error) {
	inner, err := hmacScheme{header: "x-twitter-webhooks-signature", algo: useSHA256, enc: stdBase64, prefix: "sha256="}.
		configure(s, func(r *Request, v *Verdict) { v.EventType = xEventKey(r.Body) })
	if err != nil {
		return nil, err
	}
	return xVerifier{inner}, nil
}

func (v xVerifier) Verify(r *Request) Verdict {
	token, ok := r.queryValue("crc_token")
	if !ok || !r.isRead() {
		return v.hmacVerifier.Verify(r)
	}
	if !plainToken(token, 512) {
		return refuse(BadChallenge)
	}
	for _, key := range v.keys {
		if key.secret.live(r.Now) {
			digest := key.base64Digest(&message{prefix: []byte(token)})
			return unsignedHandshake(answer(200, "application/json", jsonObject("response_token", "sha256="+digest)))
		}
	}
	return refuse(SecretExpired)
}

// xEventKey prefers a key that says it holds events; users and apps only
// accompany them.
func xEventKey(body []byte) string {
	key := firstKey(body, func(name string, _ gjson.Result) bool {
		return strings.HasSuffix(name, "_events") || strings.HasSuffix(name, "_event")
	})
	if key != "" {
		return key
	}
	return firstKey(body, func(name string, value gjson.Result) bool {
		return (value.IsArray() || value.IsObject()) && name != "users" && name != "apps"
	})
}
