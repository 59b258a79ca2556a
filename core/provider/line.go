package provider

// LINE signs the body, a list of events. Source: LINE's "Verify webhook
// signature" and line-openapi. An empty list is the console's probe;
// isRedelivery changes in a retry.
func init() {
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
}
