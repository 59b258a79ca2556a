package provider

// Typeform signs the body; the digest is base64 after its prefix. Source:
// Typeform's "Secure your webhooks".
func init() {
	register(simple(Definition{Name: "typeform", Title: "Typeform", Headers: []string{"Typeform-Signature"},
		Secret: "secret of the webhook, as text", Docs: "https://www.typeform.com/developers/webhooks/secure-your-webhooks/",
		Notes: []string{"form_response.token names the response."}},
		hmacScheme{header: "typeform-signature", algo: useSHA256, enc: stdBase64, prefix: "sha256="}, "body:event_type", "body:event_id"))
}
