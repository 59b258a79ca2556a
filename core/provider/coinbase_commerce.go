package provider

// Coinbase Commerce signs the body; the event is inside the envelope of an
// attempt. Source: coinbase-commerce-node 1.0.4.
func init() {
	register(simple(Definition{Name: "coinbase-commerce", Title: "Coinbase Commerce", Headers: []string{"X-CC-Webhook-Signature"},
		Secret: "shared secret of the webhook, as text", SuccessStatus: 200, Docs: "https://docs.cdp.coinbase.com/commerce/introduction/webhooks",
		Notes: []string{"The outer id and attempt_number belong to the attempt."}},
		hmacScheme{header: "x-cc-webhook-signature", algo: useSHA256}, "body:event.type", "body:event.id"))
}
