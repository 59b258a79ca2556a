package provider

// Okta event hooks send a configured header. The endpoint is confirmed by a
// GET whose challenge header is echoed. Source: Okta's "Event hooks".
func init() {
	register(Definition{
		Name: "okta", Title: "Okta event hooks",
		Options:           []Option{credentialHeaderOption},
		Headers:           []string{"Authorization", "X-Okta-Verification-Challenge"},
		Signature:         "none; the header equals the key",
		Secret:            "the whole value of the header",
		Identity:          "body:data.events[].uuid",
		EventType:         "body:eventType; items: body:data.events[].eventType",
		Batch:             true,
		Handshake:         "GET with X-Okta-Verification-Challenge",
		SuccessStatus:     200,
		CredentialHeaders: []string{"Authorization"},
		Docs:              "https://developer.okta.com/docs/concepts/event-hooks/",
		Notes:             []string{"eventId names the request, uuid the event."},
		build:             buildOkta,
	})
}

type oktaVerifier struct{ *tokenVerifier }

func buildOkta(s *Settings) (Verifier, error) {
	header, err := headerOption(s, "header")
	if err != nil {
		return nil, err
	}
	split := splitList("data.events", "eventType", "uuid", "body:data.events[].uuid")
	return oktaVerifier{&tokenVerifier{header, s.Secrets, func(r *Request, v *Verdict) {
		v.EventType = text(get(r.Body, "eventType"))
		split(r, v)
	}}}, nil
}

func (v oktaVerifier) Verify(r *Request) Verdict {
	if challenge := r.anyHeader("x-okta-verification-challenge"); challenge != "" && r.isRead() {
		return unsignedHandshake(answer(200, "application/json", jsonObject("verification", challenge)))
	}
	return v.tokenVerifier.Verify(r)
}
