package provider

// WorkOS signs time and body as Stripe does, in milliseconds. Source: @workos-
// inc/node 8.13.0. The time is in milliseconds.
func init() {
	register(simple(Definition{Name: "workos", Title: "WorkOS", Headers: []string{"WorkOS-Signature"},
		Signature: "HMAC-SHA256, hex, over time + \".\" + body; v1 entries of the list",
		Secret:    "secret of the endpoint, as text", Tolerance: &Tolerance{PastS: 180, FutureS: Unchecked},
		Docs: "https://workos.com/docs/events/data-syncing/webhooks"},
		hmacScheme{header: "workos-signature", algo: useSHA256, unit: milliseconds, list: &pairList{separator: ",", timeKey: "t", digestKey: "v1", trimSpaces: true}, sign: stampThen(".")},
		"body:event", "body:id"))
}
