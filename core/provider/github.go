package provider

// GitHub signs the raw body, also when it is a form with a payload field. The
// older SHA-1 header is ignored. Sources: @octokit/webhooks-methods 6.0.0 and
// GitHub's "Best practices for using webhooks".
func init() {
	register(Definition{
		Name:      "github",
		Title:     "GitHub",
		Headers:   []string{"X-Hub-Signature-256", "X-GitHub-Event", "X-GitHub-Delivery"},
		Signature: "HMAC-SHA256, hex after \"sha256=\", over the body",
		Secret:    "secret of the webhook, as text",
		Identity:  "header:X-GitHub-Delivery",
		EventType: "header:X-GitHub-Event",
		Docs:      "https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries",
		Notes: []string{
			"A manual redelivery keeps the delivery id; GitHub does not retry by itself.",
			"The delivery id is not signed, so the body's digest is stored beside it.",
			"ping is an ordinary event.",
		},
		build: buildHMAC(hmacScheme{
			header: "x-hub-signature-256",
			algo:   useSHA256,
			prefix: "sha256=",
		}, describeAs("header:X-GitHub-Event", "header:X-GitHub-Delivery")),
	})
}
