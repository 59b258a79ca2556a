package provider

// Bitbucket signs the body with the secret of the webhook. Source: Atlassian's
// "Manage webhooks"; its published digest is reproduced.
func init() {
	register(simple(Definition{Name: "bitbucket", Title: "Bitbucket Cloud", Headers: []string{"X-Hub-Signature", "X-Request-UUID", "X-Event-Key"},
		Secret: "secret of the webhook, as text", Docs: "https://support.atlassian.com/bitbucket-cloud/docs/manage-webhooks/",
		Notes: []string{"X-Hook-UUID is the configuration. Whether X-Request-UUID survives a retry is unproven; if not, a retry is processed again.", "The id is not signed, so the body's digest is stored beside it."}},
		hmacScheme{header: "x-hub-signature", algo: useSHA256, prefix: "sha256="}, "header:X-Event-Key", "header:X-Request-UUID"))
}
