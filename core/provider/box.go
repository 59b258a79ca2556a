package provider

import (
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Box signs body + time with up to two keys in two headers. Its delivery id is
// new at each retry; the body's id stays. The library refuses every future
// time, which a receiver whose clock runs a second late cannot keep, so 300 s
// are the default here. Source: box-node-sdk 10.12.0, WebhooksManager.
func init() {
	register(Definition{
		Name: "box", Title: "Box",
		Headers:           []string{"Box-Signature-Primary", "Box-Signature-Secondary", "Box-Signature-Version", "Box-Signature-Algorithm", "Box-Delivery-Timestamp"},
		Signature:         "HMAC-SHA256, base64, over body + time; two headers, one a key",
		Secret:            "primary and secondary signature key, as text",
		Tolerance:         &Tolerance{PastS: 600, FutureS: 300},
		ProviderTolerance: &Tolerance{PastS: 600, FutureS: 0},
		Identity:          "body:id",
		IdentitySigned:    true,
		EventType:         "body:trigger",
		Docs:              "https://developer.box.com/guides/webhooks/v2/signatures-v2/",
		Notes:             []string{"Box-Delivery-Id changes at each retry; source.id is the file."},
		build:             buildBox,
	})
}

type boxVerifier struct {
	keys     []*macKey
	clock    clock
	describe func(*Request, *Verdict)
}

func buildBox(s *Settings) (Verifier, error) {
	keys, err := macKeys(s.Secrets, useSHA256, nil)
	if err != nil {
		return nil, err
	}
	return &boxVerifier{keys, s.clock(), describeAs("body:trigger", "body:id")}, nil
}

func (v *boxVerifier) Redact() (headers, query []string) { return nil, nil }

func (v *boxVerifier) Verify(r *Request) Verdict {
	for _, pin := range []Field{{"box-signature-version", "1"}, {"box-signature-algorithm", "HmacSHA256"}} {
		value, reason := r.header(pin.Name)
		if reason == "" && value != pin.Value {
			reason = MalformedHeader
		}
		if reason != "" {
			return refuseHeader(reason, pin.Name)
		}
	}
	stamp, reason := r.header("box-delivery-timestamp")
	if reason != "" {
		return refuseHeader(reason, "box-delivery-timestamp")
	}
	signedAt, ok := parseTime(stamp, timeText)
	if !ok {
		return refuseHeader(MalformedHeader, "box-delivery-timestamp")
	}
	if reason := v.signatures(r, stamp); reason != "" {
		return refuse(reason)
	}
	if reason := v.clock.check(signedAt, r.Now, seconds); reason != "" {
		return refuse(reason)
	}
	verdict := accept()
	v.describe(r, &verdict)
	return verdict
}

func (v *boxVerifier) signatures(r *Request, stamp string) Reason {
	present, formed := false, false
	for _, name := range []string{"box-signature-primary", "box-signature-secondary"} {
		given, reason := r.header(name)
		if reason == MalformedHeader {
			return reason
		}
		if reason != "" {
			continue
		}
		present = true
		if !stdBase64.wellFormed(given, useSHA256.size) {
			continue
		}
		formed = true
		m := message{body: r.Body, suffix: []byte(stamp)}
		if anyMatches(v.keys, r.Now, &m, stdBase64, given) {
			return ""
		}
		// Some of Box's senders sign the body with everything escaped.
		if escaped := boxEscape(r.Body); escaped != nil {
			m.body = escaped
			if anyMatches(v.keys, r.Now, &m, stdBase64, given) {
				return ""
			}
		}
	}
	switch {
	case !present:
		return MissingHeader
	case !formed:
		return MalformedHeader
	case !liveKeys(v.keys, r.Now):
		return SecretExpired
	}
	return SignatureMismatch
}

// boxEscape writes \u for what is not ASCII and \/ for a slash that is not
// escaped yet. nil: nothing to escape, or not text.
func boxEscape(body []byte) []byte {
	text := view(body)
	if !utf8.ValidString(text) {
		return nil
	}
	var out strings.Builder
	changed := false
	previous := rune(0)
	for _, c := range text {
		switch {
		case c >= 0x10000:
			high, low := utf16.EncodeRune(c)
			fmt.Fprintf(&out, `\u%04x\u%04x`, high, low)
			changed = true
		case c >= 0x7f:
			fmt.Fprintf(&out, `\u%04x`, c)
			changed = true
		case c == '/' && previous != '\\':
			out.WriteString(`\/`)
			changed = true
		default:
			out.WriteRune(c)
		}
		previous = c
	}
	if !changed {
		return nil
	}
	return []byte(out.String())
}
