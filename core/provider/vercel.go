package provider

// Vercel signs the body with HMAC-SHA1. Source: Vercel's "Webhooks API".
func init() {
	register(simple(Definition{Name: "vercel", Title: "Vercel", Headers: []string{"x-vercel-signature"},
		Secret: "client secret of the integration or secret of the webhook, as text", Docs: "https://vercel.com/docs/webhooks/webhooks-api"},
		hmacScheme{header: "x-vercel-signature", algo: useSHA1}, "body:type", "body:id"))
}
