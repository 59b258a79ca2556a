package provider

// Twitch EventSub signs message id + time + body. The verification challenge
// is signed and echoed as plain text. Source: Twitch's "Getting events using
// webhooks", which advises to refuse messages older than ten minutes.
func init() {
	register(Definition{
		Name: "twitch", Title: "Twitch EventSub",
		Headers:        []string{"Twitch-Eventsub-Message-Signature", "Twitch-Eventsub-Message-Id", "Twitch-Eventsub-Message-Timestamp", "Twitch-Eventsub-Message-Type", "Twitch-Eventsub-Subscription-Type"},
		Signature:      "HMAC-SHA256, hex after \"sha256=\", over message id + time + body",
		Secret:         "secret of the subscription (10 to 100 characters), as text",
		Tolerance:      &Tolerance{PastS: 600, FutureS: Unchecked},
		Identity:       "header:Twitch-Eventsub-Message-Id",
		IdentitySigned: true,
		EventType:      "header:Twitch-Eventsub-Subscription-Type; revocation for a revocation",
		Handshake:      "webhook_callback_verification (signed)",
		Docs:           "https://dev.twitch.tv/docs/eventsub/handling-webhook-events",
		Notes:          []string{"subscription.id names the subscription."},
		build: buildHMAC(hmacScheme{
			header: "twitch-eventsub-message-signature", algo: useSHA256, prefix: "sha256=",
			timeHeader: "twitch-eventsub-message-timestamp", unit: timeText,
			require: []string{"twitch-eventsub-message-id"},
			sign: func(r *Request, stamp string) message {
				return message{prefix: []byte(r.anyHeader("twitch-eventsub-message-id") + stamp), body: r.Body}
			},
		}, describeTwitch),
	})
}

func describeTwitch(r *Request, v *Verdict) {
	v.ProviderDeliveryID = r.anyHeader("twitch-eventsub-message-id")
	switch kind := r.anyHeader("twitch-eventsub-message-type"); kind {
	case "webhook_callback_verification":
		v.EventType, v.Handshake = kind, true
		v.Response = answer(200, "text/plain", text(get(r.Body, "challenge")))
		return
	case "revocation":
		v.EventType = kind
	default:
		// The body names the subscription's type, too, and that is signed.
		if v.EventType = text(get(r.Body, "subscription.type")); v.EventType == "" {
			v.EventType = r.anyHeader("twitch-eventsub-subscription-type")
		}
	}
	v.setIdentity(v.ProviderDeliveryID, "header:Twitch-Eventsub-Message-Id", true)
}
