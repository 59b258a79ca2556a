package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"

	"github.com/knocker-dev/knocker/core/providertest"
)

// start is the moment at which all fixtures are signed.
var start = time.Unix(1767225600, 0).UTC()

// recorded is a case in the shape of the fixture files.
type recorded struct {
	Description string         `json:"description"`
	Request     request        `json:"request"`
	Expected    map[string]any `json:"expected"`
}

type request struct {
	Method          string         `json:"method"`
	Headers         map[string]any `json:"headers"`
	Query           string         `json:"query"`
	Secrets         []string       `json:"secrets"`
	ProviderOptions map[string]any `json:"provider_options"`
	NowS            int64          `json:"now_s"`
	Body            string         `json:"body"`
}

// sign makes the request of one event of a spec. signatures, if there are any,
// are an official library's; where both exist they must be equal.
func (s *spec) sign(e event, body, secret string, at time.Time) providertest.Request {
	options := []providertest.Option{providertest.WithProviderOptions(s.options)}
	if e.id != "" {
		options = append(options, providertest.WithID(e.id))
	}
	if e.kind != "" {
		options = append(options, providertest.WithEventType(e.kind))
	}
	if s.url != "" {
		options = append(options, providertest.WithURL(s.url))
	}
	signed, err := providertest.SignRequest(s.provider, secret, []byte(body), at, options...)
	if err != nil {
		panic(err)
	}
	return signed
}

// request turns a signed request into a case's request.
func (s *spec) request(signed providertest.Request, now time.Time) request {
	r := request{Method: signed.Method, Headers: map[string]any{}, ProviderOptions: map[string]any{}, NowS: now.Unix(), Body: string(signed.Body)}
	for name, value := range signed.Headers {
		r.Headers[name] = value
	}
	for name, value := range s.options {
		r.ProviderOptions[name] = value
	}
	if signed.URL != "" {
		r.ProviderOptions["url"] = signed.URL
		_, r.Query, _ = strings.Cut(signed.URL, "?")
	}
	r.Secrets = s.configured(s.secret)
	return r
}

// configured is what the endpoint has as secret; providers with keys in their
// options have none.
func (s *spec) configured(secret string) []string {
	if s.provider == "aws-sns" || s.provider == "paypal" || s.provider == "plaid" {
		return []string{}
	}
	public, err := providertest.PublicSecret(s.provider, secret)
	if err != nil {
		panic(err)
	}
	return []string{public}
}

func (s *spec) expectation(e event, body string) map[string]any {
	expected := map[string]any{"signature_valid": true, "event_type": nil, "dedupe_identity": nil, "dedupe_source": s.source}
	if e.want.kind != "" {
		expected["event_type"] = e.want.kind
	}
	switch e.want.identity {
	case "":
	case hash:
		sum := sha256.Sum256([]byte(body))
		expected["dedupe_identity"] = "sha256:" + hex.EncodeToString(sum[:])
	default:
		expected["dedupe_identity"] = e.want.identity
	}
	if e.want.items != nil {
		items := []map[string]any{}
		for _, item := range e.want.items {
			entry := map[string]any{"event_type": item[0], "dedupe_identity": nil}
			if item[1] != "" {
				entry["dedupe_identity"] = item[1]
			}
			items = append(items, entry)
		}
		expected["events"] = items
	}
	return expected
}

func refused(reason string) map[string]any {
	return map[string]any{"signature_valid": false, "event_type": nil, "dedupe_identity": nil, "reject_reason": reason}
}

// cases makes the single-request cases of a spec.
func (s *spec) cases() []recorded {
	var list []recorded
	for i, e := range s.events {
		signed := s.sign(e, e.body, s.secret, start)
		list = append(list, recorded{"recorded, valid: event " + string(rune('1'+i)), s.request(signed, start), s.expectation(e, string(signed.Body))})
	}
	rotated := list[0]
	rotated.Description = "recorded, valid: another secret stands first"
	if len(rotated.Request.Secrets) == 1 {
		rotated.Request.Secrets = append(s.configured(s.wrong), rotated.Request.Secrets...)
		list = append(list, rotated)
	}
	return append(list, s.invalid()...)
}

// invalid makes the refusals that follow from what the spec says.
func (s *spec) invalid() []recorded {
	var list []recorded
	e := s.events[0]
	valid := func() request { return s.request(s.sign(e, e.body, s.secret, start), start) }
	add := func(what, reason string, r request) {
		list = append(list, recorded{"recorded, refused: " + what, r, refused(reason)})
	}
	mismatch := "signature_mismatch"
	if s.credential {
		mismatch = "bad_credentials"
	}
	wrong := s.request(s.sign(e, e.body, s.wrong, start), start)
	add("another secret", mismatch, wrong)
	if s.header != "" {
		list = append(list, s.invalidHeaders(valid, mismatch)...)
	} else {
		list = append(list, s.invalidBodies(valid, mismatch)...)
	}
	if !s.credential && !s.inBody {
		r := valid()
		r.Body = flip(r.Body)
		reason := mismatch
		if s.provider == "plaid" {
			reason = "body_hash_mismatch"
		}
		add("one letter of the body changed", reason, r)
		r = valid()
		r.Body += " "
		add("a space after the body", reason, r)
	}
	if s.past > 0 {
		r := valid()
		r.NowS += int64(s.past) + 1
		add("one second too old", "timestamp_out_of_tolerance", r)
	}
	if s.future != 0 {
		r := valid()
		r.NowS -= int64(max(s.future, 0)) + 1
		add("one second too new", "timestamp_out_of_tolerance", r)
	}
	return list
}

func (s *spec) invalidHeaders(valid func() request, mismatch string) []recorded {
	var list []recorded
	add := func(what, reason string, r request) {
		list = append(list, recorded{"recorded, refused: " + what, r, refused(reason)})
	}
	r := valid()
	value := r.Headers[s.header].(string)
	delete(r.Headers, s.header)
	add("no "+s.header, "missing_header", r)
	r = valid()
	r.Headers[s.header] = ""
	add("an empty "+s.header, "missing_header", r)
	r = valid()
	r.Headers[s.header] = []string{value, value + "x"}
	add("two lines of "+s.header+" that differ", "malformed_header", r)
	r = valid()
	r.Headers[s.header] = value[:len(value)-1]
	cut := "malformed_header"
	if s.credential {
		cut = mismatch
	}
	if s.provider == "basic-auth" || s.provider == "postmark" {
		cut = "malformed_header" // no longer base64
	}
	add("the last character cut off", cut, r)
	if s.signed != "" {
		r = valid()
		r.Headers[s.signed] = advance(r.Headers[s.signed].(string))
		add(s.signed+" changed, which is signed", mismatch, r)
	}
	return list
}

func (s *spec) invalidBodies(valid func() request, mismatch string) []recorded {
	var list []recorded
	add := func(what, reason string, r request) {
		list = append(list, recorded{"recorded, refused: " + what, r, refused(reason)})
	}
	change := func(what, reason, from, to string) {
		r := valid()
		if !strings.Contains(r.Body, from) {
			panic(s.provider + ": the body has no " + from)
		}
		r.Body = strings.Replace(r.Body, from, to, 1)
		add(what, reason, r)
	}
	// A second member of a signed name at the end of the object is what most
	// JSON parsers would hand to the application.
	second := func(member string) {
		r := valid()
		r.Body = r.Body[:len(r.Body)-1] + "," + member + "}"
		add("a second member of a name that counts", "malformed_body", r)
	}
	switch s.provider {
	case "mailgun":
		second(`"signature":{"token":"x"}`)
		change("no signature", "missing_signature", `"signature":"`, `"signed":"`)
		change("another time", mismatch, `"timestamp":"1767225600"`, `"timestamp":"1767225601"`)
		change("no time", "missing_timestamp", `"timestamp":"1767225600"`, `"time":"1767225600"`)
		change("no signature block", "missing_signature", `"signature":{`, `"signatures":{`)
	case "figma":
		second(`"passcode":"figma-other"`)
		change("no passcode", mismatch, `"passcode"`, `"pass"`)
		change("an empty passcode", mismatch, `"figma-recorded"`, `""`)
		change("the passcode in another case", mismatch, `"figma-recorded"`, `"Figma-recorded"`)
		change("a passcode that is no text", mismatch, `"figma-recorded"`, `["figma-recorded"]`)
	case "adyen":
		second(`"notificationItems":[]`)
		change("a second amount", "malformed_body", `"eventCode"`, `"Amount":{"currency":"EUR","value":9},"eventCode"`)
		change("another amount", mismatch, "1130", "1131")
		change("another currency", mismatch, "EUR", "USD")
		change("success turned", mismatch, `"success":"true"`, `"success":"false"`)
		change("no signature", "missing_signature", `"hmacSignature"`, `"signature"`)
	case "braintree":
		change("no signature", "missing_signature", "bt_signature", "bt_signed")
		change("another public key", "unknown_key", "recorded_public", "stranger_public")
		change("payload changed", mismatch, "bt_payload=P", "bt_payload=Q")
		change("payload with a character that base64 has not", "malformed_body", "bt_payload=P", "bt_payload=%7EP")
	case "microsoft-graph":
		second(`"value":[{"changeType":"deleted"}]`)
		change("one item with another state", mismatch, "recorded-state", "other-state")
		change("one item without state", mismatch, `"clientState"`, `"state"`)
		change("no items", mismatch, `"value":[`, `"values":[`)
		change("a state that is no text", mismatch, `"recorded-state"`, `["recorded-state"]`)
	case "aws-sns":
		second(`"Message":"forged"`)
		second(`"message":"forged"`)
		change("another message", mismatch, `order\":1`, `order\":2`)
		change("another id", mismatch, "sns-1", "sns-9")
		change("a certificate from elsewhere", "untrusted_certificate_url", "sns.us-west-2.amazonaws.com", "sns.us-west-2.amazonaws.com.evil.test")
		change("no signature", "missing_signature", `"Signature":`, `"Signed":`)
	}
	return list
}

// flip changes one letter inside the body.
func flip(body string) string {
	at := len(body) / 2
	changed := []byte(body)
	changed[at] ^= 1
	return string(changed)
}

// advance changes a signed header within its form: its last digit or letter.
func advance(value string) string {
	for i := len(value) - 1; i >= 0; i-- {
		switch c := value[i]; {
		case c >= '0' && c < '9', c >= 'a' && c < 'z':
			return value[:i] + string(rune(c+1)) + value[i+1:]
		}
	}
	return value + "x"
}

// indented writes JSON with two spaces and nothing escaped for HTML.
func indented(value any) []byte {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(value); err != nil {
		panic(err)
	}
	return out.Bytes()
}
