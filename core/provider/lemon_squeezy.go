package provider

// Lemon Squeezy documents no id of an event, and data.id is the object, so the
// digest of the body is the identity: a retry repeats the bytes.
func init() {
	register(Definition{
		Name:           "lemon-squeezy",
		Title:          "Lemon Squeezy",
		Aliases:        []string{"lemonsqueezy"},
		Headers:        []string{"X-Signature"},
		Signature:      "HMAC-SHA256, hex, over the body",
		Secret:         "signing secret of the webhook, as text",
		Identity:       "body_hash",
		IdentitySigned: true,
		EventType:      "body:meta.event_name",
		SuccessStatus:  200,
		Docs:           "https://docs.lemonsqueezy.com/help/webhooks/signing-requests",
		Notes:          []string{"X-Event-Name is not signed; the body's meta.event_name is."},
		build: buildHMAC(hmacScheme{header: "x-signature", algo: useSHA256},
			describeAs("body:meta.event_name", bodyHash)),
	})
}
