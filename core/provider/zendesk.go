package provider

// Zendesk signs time + body. The secret looks like base64 and is used as it
// is. Sources: Zendesk's "Verifying webhooks" and "Anatomy of a webhook
// request".
func init() {
	register(Definition{
		Name:      "zendesk",
		Title:     "Zendesk",
		Headers:   []string{"X-Zendesk-Webhook-Signature", "X-Zendesk-Webhook-Signature-Timestamp", "X-Zendesk-Webhook-Invocation-Id"},
		Signature: "HMAC-SHA256, base64, over time + body",
		Secret:    "signing secret of the webhook, used as it is",
		Tolerance: &noTolerance,
		Identity:  "header:X-Zendesk-Webhook-Invocation-Id, else body:id",
		EventType: "body:type",
		Docs:      "https://developer.zendesk.com/documentation/webhooks/verifying/",
		Notes: []string{
			"X-Zendesk-Webhook-Id is the configuration; ticket_id, detail.id and subject name the ticket.",
			"The invocation id is not signed, so the body's digest is stored beside it.",
		},
		build: buildHMAC(hmacScheme{
			header:     "x-zendesk-webhook-signature",
			algo:       useSHA256,
			enc:        stdBase64,
			timeHeader: "x-zendesk-webhook-signature-timestamp",
			unit:       timeText,
			sign:       stampThen(""),
		}, describeZendesk),
	})
}

var describeZendeskHeader = describeAs("body:type", "header:X-Zendesk-Webhook-Invocation-Id")

func describeZendesk(r *Request, v *Verdict) {
	describeZendeskHeader(r, v)
	v.ProviderEventID = text(get(r.Body, "id"))
	if v.Identity == "" {
		v.setIdentity(v.ProviderEventID, "body:id", true)
	}
}
