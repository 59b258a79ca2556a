package provider

import "github.com/tidwall/gjson"

// Xero signs the body, a list of events. Source: Xero's "Webhooks overview".
// While a hook is being set up, some requests are signed wrongly on purpose and
// must get 401 without a body.
func init() {
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
