package provider

// Paddle Billing joins the header's fields with ";" and the signed text with
// ":". Its library allows 5 s, which a receiver with a slightly wrong clock
// cannot keep, so the default here is 300 s. During a rotation there are
// several h1; all are tried (the library takes only the last). Sources:
// @paddle/paddle-node-sdk 3.10.0; Paddle's "Signature verification".
func init() {
	register(Definition{
		Name:              "paddle",
		Title:             "Paddle Billing",
		Headers:           []string{"Paddle-Signature"},
		Signature:         "HMAC-SHA256, hex, over time + \":\" + body; h1 entries of the list",
		Secret:            "secret of the notification destination (pdl_ntfset_…), used as it is",
		Tolerance:         &Tolerance{PastS: 300, FutureS: Unchecked},
		ProviderTolerance: &Tolerance{PastS: 5, FutureS: Unchecked},
		Identity:          "body:event_id",
		IdentitySigned:    true,
		EventType:         "body:event_type",
		SuccessStatus:     200,
		Docs:              "https://developer.paddle.com/webhooks/signature-verification",
		Notes: []string{
			"notification_id differs between destinations and replays; data.id is the entity.",
			"Paddle Classic is another protocol and is not supported.",
		},
		build: buildHMAC(hmacScheme{
			header: "paddle-signature",
			algo:   useSHA256,
			list:   &pairList{separator: ";", timeKey: "ts", digestKey: "h1"},
			sign:   stampThen(":"),
		}, describeAs("body:event_type", "body:event_id")),
	})
}
