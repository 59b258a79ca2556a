package provider

// Linear signs the body, and the time of sending is inside it, in
// milliseconds. The Linear-Timestamp header is not signed and not trusted.
// Source: @linear/sdk 98.0.0, webhooks.
func init() {
	register(Definition{
		Name:          "linear",
		Title:         "Linear",
		Headers:       []string{"Linear-Signature", "Linear-Delivery"},
		Signature:     "HMAC-SHA256, hex, over the body",
		Secret:        "signing secret of the webhook (lin_wh_…), as text",
		Tolerance:     &Tolerance{PastS: 60, FutureS: 60},
		Identity:      "header:Linear-Delivery",
		EventType:     "body:type",
		SuccessStatus: 200,
		Docs:          "https://linear.app/developers/webhooks",
		Notes: []string{
			"The action (create, update, remove) is in the body.",
			"data.id is the issue and webhookId the configuration; the body's webhookTimestamp changes at each attempt.",
			"The delivery id is not signed, so the body's digest is stored beside it.",
		},
		build: buildLinear,
	})
}

type linearVerifier struct{ *hmacVerifier }

func buildLinear(s *Settings) (Verifier, error) {
	inner, err := hmacScheme{header: "linear-signature", algo: useSHA256}.
		configure(s, describeAs("body:type", "header:Linear-Delivery"))
	if err != nil {
		return nil, err
	}
	return linearVerifier{inner}, nil
}

func (v linearVerifier) Verify(r *Request) Verdict {
	verdict := v.hmacVerifier.Verify(r)
	if !verdict.Valid {
		return verdict
	}
	stamp := get(r.Body, "webhookTimestamp")
	signedAt, ok := parseTime(stamp.Raw, milliseconds) // a number, as the library demands
	if !ok {
		return refuse(MissingTimestamp)
	}
	if reason := v.clock.check(signedAt, r.Now, milliseconds); reason != "" {
		return refuse(reason)
	}
	return verdict
}
