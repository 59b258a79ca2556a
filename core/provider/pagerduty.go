package provider

// PagerDuty signs the body once a secret and lists the digests. Source:
// PagerDuty's "Verifying signatures" and go-pagerduty's webhookv3.
func init() {
	register(simple(Definition{Name: "pagerduty", Title: "PagerDuty v3", Headers: []string{"X-PagerDuty-Signature"},
		Signature: "HMAC-SHA256, hex, over the body; v1 entries of the list",
		Secret:    "secret of the subscription, as text", Docs: "https://developer.pagerduty.com/docs/verifying-webhook-signatures",
		Notes: []string{"event.data.id is the incident."}},
		hmacScheme{header: "x-pagerduty-signature", algo: useSHA256, list: &pairList{separator: ",", digestKey: "v1", trimSpaces: true}},
		"body:event.event_type", "body:event.id"))
}
