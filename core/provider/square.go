package provider

// Square signs the notification URL, exactly as configured, followed by the
// body. Source: square 46.0.0, WebhooksHelper; its published digest is
// reproduced.
func init() {
	register(Definition{
		Name: "square", Title: "Square",
		Headers:        []string{"x-square-hmacsha256-signature"},
		Signature:      "HMAC-SHA256, base64, over URL + body",
		Secret:         "signature key of the subscription, as text",
		Identity:       "body:event_id",
		IdentitySigned: true,
		EventType:      "body:type",
		NeedsURL:       true,
		Docs:           "https://developer.squareup.com/docs/webhooks/step3validate",
		Notes:          []string{"data.id is the object."},
		build:          buildSquare,
	})
}

func buildSquare(s *Settings) (Verifier, error) {
	configured := s.Text("url")
	if configured == "" {
		return nil, errMissingURL(s)
	}
	return hmacScheme{
		header: "x-square-hmacsha256-signature", algo: useSHA256, enc: stdBase64,
		sign: func(r *Request, _ string) message {
			address := r.URL
			if address == "" {
				address = configured
			}
			return message{prefix: []byte(address), body: r.Body}
		},
	}.configure(s, describeAs("body:type", "body:event_id"))
}
