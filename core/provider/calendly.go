package provider

// Calendly signs time and body as Stripe does. Source: Calendly's "Webhook
// signatures"; how old a time may be is the receiver's choice there.
func init() {
	register(simple(Definition{Name: "calendly", Title: "Calendly", Headers: []string{"Calendly-Webhook-Signature"},
		Signature: "HMAC-SHA256, hex, over time + \".\" + body; v1 entries of the list",
		Secret:    "signing key of the subscription, as text", Tolerance: &Tolerance{PastS: 300, FutureS: Unchecked},
		Docs:  "https://developer.calendly.com/api-docs/ZG9jOjM2MzE2MDM4-webhook-signatures",
		Notes: []string{"payload.uri names the invitee: created and canceled share it."}},
		hmacScheme{header: "calendly-webhook-signature", algo: useSHA256, list: &pairList{separator: ",", timeKey: "t", digestKey: "v1"}, sign: stampThen(".")},
		"body:event", bodyHash))
}
