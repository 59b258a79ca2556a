package provider

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"sort"
	"strings"
)

// Twilio signs the URL that it requested followed by the sorted form
// parameters; for other bodies it adds bodySHA256 to the URL instead. Which of
// several spellings of the URL was signed depends on the product, so all those
// that Twilio's library tries are tried. Source: twilio-node 6.2.0,
// webhooks.js; where twilio-go takes only the first of a repeated parameter,
// the Node rule (every distinct value, sorted) is right.
func init() {
	register(Definition{
		Name: "twilio", Title: "Twilio",
		Headers:   []string{"X-Twilio-Signature", "I-Twilio-Idempotency-Token"},
		Signature: "HMAC-SHA1, base64, over URL + sorted form parameters, or over a URL with bodySHA256",
		Secret:    "auth token of the account that owns the resource",
		Identity:  "header:I-Twilio-Idempotency-Token",
		EventType: "form field MessageStatus, CallStatus, EventType or StatusCallbackEvent",
		NeedsURL:  true,
		Docs:      "https://www.twilio.com/docs/usage/security#validating-requests",
		Notes: []string{
			"CallSid and MessageSid repeat for every status of a call or message.",
			"The idempotency token is not signed, so the body's digest is stored beside it.",
			"Behind a proxy that ends TLS, url must still say https.",
		},
		build: buildTwilio,
	})
}

type twilioVerifier struct {
	keys []*macKey
	url  string
}

func buildTwilio(s *Settings) (Verifier, error) {
	if s.Text("url") == "" {
		return nil, errMissingURL(s)
	}
	keys, err := macKeys(s.Secrets, useSHA1, nil)
	if err != nil {
		return nil, err
	}
	return &twilioVerifier{keys, s.Text("url")}, nil
}

func (v *twilioVerifier) Redact() (headers, query []string) { return nil, nil }

func (v *twilioVerifier) Verify(r *Request) Verdict {
	const header = "x-twilio-signature"
	given, reason := r.header(header)
	if reason != "" {
		return refuseHeader(reason, header)
	}
	if !stdBase64.wellFormed(given, useSHA1.size) {
		return refuseHeader(MalformedHeader, header)
	}
	form, reason := v.check(r, publicURL(r, v.url), given)
	if reason != "" {
		if !liveKeys(v.keys, r.Now) {
			reason = SecretExpired
		}
		return refuse(reason)
	}
	verdict := accept()
	for _, name := range []string{"MessageStatus", "CallStatus", "EventType", "StatusCallbackEvent"} {
		if verdict.EventType = formValue(form, name); verdict.EventType != "" {
			break
		}
	}
	verdict.ProviderDeliveryID = r.anyHeader("i-twilio-idempotency-token")
	verdict.setIdentity(verdict.ProviderDeliveryID, "header:I-Twilio-Idempotency-Token", false)
	return verdict
}

// check returns the form that was signed, if the body is one.
func (v *twilioVerifier) check(r *Request, address, given string) ([]formPair, Reason) {
	if signedHash, ok := queryOf(address, "bodySHA256"); ok {
		switch {
		case !v.matches(r, address, nil, given):
			return nil, SignatureMismatch
		case !equalText([]byte(bodyDigest(r.Body)), signedHash):
			return nil, BodyHashMismatch
		}
		return nil, ""
	}
	if len(r.Body) == 0 {
		if v.matches(r, address, nil, given) {
			return nil, ""
		}
		return nil, SignatureMismatch
	}
	if !r.isRead() && looksLikeForm(r.Body) {
		if form, ok := parseForm(r.Body); ok && v.matches(r, address, sortedParameters(form), given) {
			return form, ""
		}
	}
	// The digest that Twilio adds to the URL is known without asking the
	// request for it.
	if v.matches(r, withQuery(address, "bodySHA256="+bodyDigest(r.Body)), nil, given) {
		return nil, ""
	}
	if v.matches(r, address, nil, given) {
		return nil, UnsignedBody
	}
	return nil, SignatureMismatch
}

func bodyDigest(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// matches tries every spelling of the URL.
func (v *twilioVerifier) matches(r *Request, address string, parameters []byte, given string) bool {
	for _, candidate := range twilioURLs(address) {
		m := message{prefix: []byte(candidate), body: parameters}
		if anyMatches(v.keys, r.Now, &m, stdBase64, given) {
			return true
		}
	}
	return false
}

// sortedParameters joins names and values, ordered by name; a repeated name
// contributes its distinct values in order.
func sortedParameters(form []formPair) []byte {
	sorted := append([]formPair(nil), form...)
	sort.Slice(sorted, func(i, j int) bool {
		if sorted[i].name != sorted[j].name {
			return sorted[i].name < sorted[j].name
		}
		return sorted[i].value < sorted[j].value
	})
	var out bytes.Buffer
	for i, pair := range sorted {
		if i > 0 && pair == sorted[i-1] {
			continue
		}
		out.WriteString(pair.name)
		out.WriteString(pair.value)
	}
	return out.Bytes()
}

func formValue(form []formPair, name string) string {
	for _, pair := range form {
		if pair.name == name {
			return pair.value
		}
	}
	return ""
}

// queryOf returns a parameter of a URL as it is written there.
func queryOf(address, name string) (string, bool) {
	_, query, _ := strings.Cut(address, "?")
	for rest, more := query, query != ""; more; {
		var pair string
		pair, rest, more = strings.Cut(rest, "&")
		if key, value, _ := strings.Cut(pair, "="); key == name {
			return value, true
		}
	}
	return "", false
}

func withQuery(address, pair string) string {
	if strings.Contains(address, "?") {
		return address + "&" + pair
	}
	return address + "?" + pair
}
