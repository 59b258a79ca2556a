package provider

// Airtable says only that something changed; the payloads are fetched by
// cursor. The MAC secret is base64. Source: Airtable's "Webhooks overview".
func init() {
	register(simple(Definition{
		Name: "airtable", Title: "Airtable",
		Headers:       []string{"X-Airtable-Content-MAC"},
		Secret:        "macSecretBase64 of the webhook",
		SuccessStatus: 200,
		Docs:          "https://airtable.com/developers/web/api/webhooks-overview",
		Notes:         []string{"A poke: list the payloads by cursor."},
		key:           func(secret []byte) error { _, err := base64Key(secret); return err },
	}, hmacScheme{header: "x-airtable-content-mac", algo: useSHA256, prefix: "hmac-sha256=", derive: base64Key}, "", ""))
}
