package provider

// Stripe signs "t.body" and lists the time and one digest a secret in one
// header. The key is the whole secret text: its whsec_ prefix is part of it and
// nothing is base64-decoded. Source: stripe-node 23.1.0, Webhooks.js.
func init() {
	register(Definition{
		Name:           "stripe",
		Title:          "Stripe",
		Headers:        []string{"Stripe-Signature"},
		Signature:      "HMAC-SHA256, hex, over time + \".\" + body; v1 entries of the list",
		Secret:         "signing secret of the endpoint (whsec_…), used as it is",
		Tolerance:      &Tolerance{PastS: 300, FutureS: Unchecked},
		Identity:       "body:id",
		IdentitySigned: true,
		EventType:      "body:type",
		Docs:           "https://docs.stripe.com/webhooks",
		Notes: []string{
			"data.object.id names the object: several events share it.",
			"A thin event and its snapshot twin have ids of their own.",
		},
		build: buildHMAC(hmacScheme{
			header: "stripe-signature",
			algo:   useSHA256,
			list:   &pairList{separator: ",", timeKey: "t", digestKey: "v1"},
			sign:   stampThen("."),
		}, describeAs("body:type", "body:id")),
	})
}
