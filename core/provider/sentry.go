package provider

// Sentry signs the body; the timestamp header is not covered. Source: Sentry's
// "Webhooks" integration docs.
func init() {
	register(Definition{
		Name: "sentry", Title: "Sentry",
		Headers:   []string{"Sentry-Hook-Signature", "Sentry-Hook-Resource", "Request-ID"},
		Signature: "HMAC-SHA256, hex, over the body",
		Secret:    "client secret of the integration, as text",
		Identity:  "header:Request-ID",
		EventType: "header:Sentry-Hook-Resource + \".\" + body:action",
		Docs:      "https://docs.sentry.io/organization/integrations/integration-platform/webhooks/",
		Notes:     []string{"The request id is not signed, so the body's digest is stored beside it.", "The resource header is not signed."},
		build: buildHMAC(hmacScheme{header: "sentry-hook-signature", algo: useSHA256}, func(r *Request, v *Verdict) {
			v.EventType = dotted(r.anyHeader("sentry-hook-resource"), text(get(r.Body, "action")))
			v.ProviderDeliveryID = r.anyHeader("request-id")
			v.setIdentity(v.ProviderDeliveryID, "header:Request-ID", false)
		}),
	})
}
