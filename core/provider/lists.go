package provider

import (
	"bytes"

	"github.com/tidwall/gjson"
)

// Providers whose requests are lists of events.

func init() {
	// Source: LINE's "Verify webhook signature" and line-openapi. An empty list
	// is the console's probe; isRedelivery changes in a retry.
	register(Definition{
		Name: "line", Title: "LINE Messaging API",
		Headers:        []string{"x-line-signature"},
		Signature:      "HMAC-SHA256, base64, over the body",
		Secret:         "channel secret, as text",
		Identity:       "body:events[].webhookEventId",
		IdentitySigned: true,
		EventType:      "body:events[].type",
		Batch:          true,
		SuccessStatus:  200,
		Docs:           "https://developers.line.biz/en/docs/messaging-api/verify-webhook-signature/",
		Notes:          []string{"message.id names the message."},
		build: buildHMAC(hmacScheme{header: "x-line-signature", algo: useSHA256, enc: stdBase64},
			splitList("events", "type", "webhookEventId", "body:events[].webhookEventId")),
	})
	// Source: Xero's "Webhooks overview". While a hook is being set up, some
	// requests are signed wrongly on purpose and must get 401 without a body.
	register(Definition{
		Name: "xero", Title: "Xero",
		Headers:        []string{"x-xero-signature"},
		Signature:      "HMAC-SHA256, base64, over the body",
		Secret:         "webhooks key, as text",
		Identity:       "body:events[].tenantId+eventCategory+eventType+resourceId+eventDateUtc",
		IdentitySigned: true,
		EventType:      "body:events[].eventCategory + \".\" + eventType",
		Batch:          true,
		Handshake:      "intent to receive: an empty list, answered by validity alone",
		SuccessStatus:  200,
		Docs:           "https://developer.xero.com/documentation/guides/webhooks/overview/",
		Notes:          []string{"resourceId names the object. The answer must have no body and set no cookies."},
		build:          buildHMAC(hmacScheme{header: "x-xero-signature", algo: useSHA256, enc: stdBase64}, describeXero),
	})
	// Source: Auth0's "Custom log streams using webhooks".
	register(Definition{
		Name: "auth0", Title: "Auth0 log streams",
		Options:           []Option{credentialHeaderOption},
		Headers:           []string{"Authorization"},
		Signature:         "none; the header equals the token",
		Secret:            "the whole value of the header, with \"Bearer\" where one is sent",
		Identity:          "body:[].log_id",
		EventType:         "body:[].data.type",
		Batch:             true,
		CredentialHeaders: []string{"Authorization"},
		Docs:              "https://auth0.com/docs/customize/log-streams/custom-log-streams",
		Notes:             []string{"The body is an array, JSON lines or an object, as the stream is set."},
		build:             buildCredentialList(describeAuth0),
	})
}

var credentialHeaderOption = Option{Name: "header", Type: Text, Default: "Authorization",
	Doc: "Header that carries the credential."}

func buildCredentialList(describe func(*Request, *Verdict)) func(*Settings) (Verifier, error) {
	return func(s *Settings) (Verifier, error) {
		header, err := headerOption(s, "header")
		if err != nil {
			return nil, err
		}
		return &tokenVerifier{header, s.Secrets, describe}, nil
	}
}

func describeXero(r *Request, v *Verdict) {
	b := newBatch(r.Body)
	list := b.root(r.Body).Get("events")
	if !list.IsArray() {
		return
	}
	b.each(list, func(event gjson.Result) {
		category, kind := text(event.Get("eventCategory")), text(event.Get("eventType"))
		identity := joined(text(event.Get("tenantId")), category, kind, text(event.Get("resourceId")), text(event.Get("eventDateUtc")))
		b.add(event, dotted(category, kind), identity, "body:events[].tenantId+eventCategory+eventType+resourceId+eventDateUtc")
	})
	b.into(v)
}

func describeAuth0(r *Request, v *Verdict) {
	b := newBatch(r.Body)
	add := func(entry gjson.Result) {
		if entry.IsObject() {
			b.add(entry, text(entry.Get("data.type")), text(entry.Get("log_id")), "body:[].log_id")
		}
	}
	switch jsonKind(r.Body) {
	case '[':
		b.each(b.root(r.Body), add)
	case '{':
		b.eachLine(r.Body, add)
	default:
		if len(bytes.TrimSpace(r.Body)) > 0 {
			return
		}
	}
	b.into(v)
}

// eachLine calls add for every line of JSON lines; one object that spans
// several lines is one entry.
func (b *batch) eachLine(body []byte, add func(gjson.Result)) {
	if whole := b.root(body); strictJSON(body) {
		add(whole)
		return
	}
	for rest := b.whole; rest != "" && !b.full; {
		line := rest
		if end := bytes.IndexByte(body[len(b.whole)-len(rest):], '\n'); end >= 0 {
			line, rest = rest[:end], rest[end+1:]
		} else {
			rest = ""
		}
		add(gjson.Parse(line))
	}
}
