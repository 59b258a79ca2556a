package provider

// Jira signs the body of its own webhooks; Connect apps are another matter.
// Source: Atlassian's "Webhooks" for Jira Cloud.
func init() {
	register(simple(Definition{Name: "jira", Title: "Jira Cloud", Headers: []string{"X-Hub-Signature", "X-Atlassian-Webhook-Identifier"},
		Secret: "secret of the webhook, as text", Docs: "https://developer.atlassian.com/cloud/jira/platform/webhooks/",
		Notes: []string{"X-Atlassian-Webhook-Retry counts the attempts. Connect apps sign with a JWT instead and are not covered.", "The id is not signed, so the body's digest is stored beside it."}},
		hmacScheme{header: "x-hub-signature", algo: useSHA256, prefix: "sha256="}, "body:webhookEvent", "header:X-Atlassian-Webhook-Identifier"))
}
