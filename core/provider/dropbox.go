package provider

import (
	"strings"

	"github.com/tidwall/gjson"
)

// Dropbox says only that something changed: equal bodies are distinct
// notifications, so there is no identity. A GET challenge is echoed. Source:
// Dropbox's "Webhooks" reference.
func init() {
	register(Definition{
		Name: "dropbox", Title: "Dropbox",
		Headers:       []string{"X-Dropbox-Signature"},
		Signature:     "HMAC-SHA256, hex, over the body",
		Secret:        "app secret, as text",
		Identity:      "none",
		EventType:     "first top-level key of the body",
		Handshake:     "GET with challenge",
		SuccessStatus: 200,
		Docs:          "https://www.dropbox.com/developers/reference/webhooks",
		Notes:         []string{"A poke: ask the API what changed."},
		build:         buildDropbox,
	})
}

type dropboxVerifier struct{ *hmacVerifier }

func buildDropbox(s *Settings) (Verifier, error) {
	inner, err := hmacScheme{header: "x-dropbox-signature", algo: useSHA256}.configure(s, func(r *Request, v *Verdict) {
		v.EventType = firstKey(r.Body, func(string, gjson.Result) bool { return true })
	})
	if err != nil {
		return nil, err
	}
	return dropboxVerifier{inner}, nil
}

func (v dropboxVerifier) Verify(r *Request) Verdict {
	if challenge, ok := r.queryValue("challenge"); ok && r.isRead() {
		return unsignedHandshake(answer(200, "text/plain", challenge))
	}
	return v.hmacVerifier.Verify(r)
}

// firstKey is the name of the first member of a JSON object that fits.
func firstKey(body []byte, fits func(name string, value gjson.Result) bool) string {
	found := ""
	if jsonKind(body) != '{' {
		return ""
	}
	gjson.Parse(view(body)).ForEach(func(name, value gjson.Result) bool {
		if fits(name.Str, value) {
			found = strings.Clone(name.Str)
		}
		return found == ""
	})
	return found
}
