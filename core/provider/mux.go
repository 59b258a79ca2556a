package provider

// Mux signs time and body as Stripe does. Source: @mux/mux-node 15.3.0,
// webhooks.
func init() {
	register(simple(Definition{Name: "mux", Title: "Mux", Headers: []string{"Mux-Signature"},
		Signature: "HMAC-SHA256, hex, over time + \".\" + body; v1 entries of the list",
		Secret:    "signing secret of the webhook, as text", Tolerance: &Tolerance{PastS: 300, FutureS: Unchecked},
		Docs:  "https://www.mux.com/docs/core/verify-webhook-signatures",
		Notes: []string{"data.id is the asset; attempts changes at each attempt."}},
		hmacScheme{header: "mux-signature", algo: useSHA256, list: &pairList{separator: ",", timeKey: "t", digestKey: "v1"}, sign: stampThen(".")},
		"body:type", "body:id"))
}
