package provider

// CircleCI signs the body and leaves room for later versions of the signature.
// Source: CircleCI's "Outbound webhooks"; its published digest is reproduced.
func init() {
	register(simple(Definition{Name: "circleci", Title: "CircleCI", Headers: []string{"circleci-signature", "circleci-event-type"},
		Signature: "HMAC-SHA256, hex, over the body; v1 entries of the list",
		Secret:    "secret of the webhook, as text", Docs: "https://circleci.com/docs/guides/integration/outbound-webhooks/",
		Notes: []string{"webhook.id is the configuration."}},
		hmacScheme{header: "circleci-signature", algo: useSHA256, list: &pairList{separator: ",", digestKey: "v1", trimSpaces: true}},
		"header:circleci-event-type", "body:id"))
}
