package provider

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
)

// Zoom signs as Slack does. Its URL validation asks for the HMAC of a text of
// the sender's choice, which is why only a signed one is answered: else anyone
// could have a forged request signed. Source: Zoom's webhook sample.
func init() {
	register(Definition{
		Name: "zoom", Title: "Zoom",
		Headers:        []string{"x-zm-signature", "x-zm-request-timestamp"},
		Signature:      "HMAC-SHA256, hex after \"v0=\", over \"v0:\" + time + \":\" + body",
		Secret:         "secret token of the app, as text",
		Tolerance:      &noTolerance,
		Identity:       "body_hash",
		IdentitySigned: true,
		EventType:      "body:event",
		Handshake:      "endpoint.url_validation (signed)",
		SuccessStatus:  200,
		Docs:           "https://developers.zoom.us/docs/api/webhooks/",
		Notes:          []string{"payload.object.id and uuid name the meeting."},
		build:          buildZoom,
	})
}

func buildZoom(s *Settings) (Verifier, error) {
	describe := describeAs("body:event", bodyHash)
	secrets := s.Secrets
	return hmacScheme{
		header: "x-zm-signature", algo: useSHA256, prefix: "v0=", timeHeader: "x-zm-request-timestamp",
		sign: func(r *Request, stamp string) message {
			return message{prefix: []byte("v0:" + stamp + ":"), body: r.Body}
		},
	}.configure(s, func(r *Request, v *Verdict) {
		describe(r, v)
		if v.EventType != "endpoint.url_validation" {
			return
		}
		v.Handshake = true
		v.setIdentity("", "", false)
		plain := text(get(r.Body, "payload.plainToken"))
		v.Response = answer(200, "application/json",
			jsonObject("plainToken", plain, "encryptedToken", zoomToken(secrets, r, plain)))
	})
}

// zoomToken is made with the first secret that has not expired: the newest one
// stands first during a rotation.
func zoomToken(secrets []Secret, r *Request, plain string) string {
	for i := range secrets {
		if secrets[i].live(r.Now) {
			mac := hmac.New(sha256.New, secrets[i].Value)
			mac.Write([]byte(plain))
			return hex.EncodeToString(mac.Sum(nil))
		}
	}
	return ""
}
