package provider

// Intercom signs the body with HMAC-SHA1 and the app's client secret. The id of
// the notification is null in a ping. A HEAD request probes the URL. 410 would
// unsubscribe, so it is never answered. Source: Intercom's "Setting up
// webhooks".
func init() {
	register(Definition{
		Name:           "intercom",
		Title:          "Intercom",
		Headers:        []string{"X-Hub-Signature"},
		Signature:      "HMAC-SHA1, hex after \"sha1=\", over the body",
		Secret:         "client secret of the app, as text",
		Identity:       "body:id",
		IdentitySigned: true,
		EventType:      "body:topic",
		Handshake:      "HEAD request",
		SuccessStatus:  200,
		Docs:           "https://developers.intercom.com/docs/webhooks/setting-up-webhooks",
		Notes:          []string{"data.item.id is the conversation or contact; delivery_attempts changes at each attempt."},
		build: buildProbed(hmacScheme{header: "x-hub-signature", algo: useSHA1, prefix: "sha1="},
			describeAs("body:topic", "body:id")),
	})
}

// probedVerifier answers a HEAD request, with which some senders look whether
// a URL is there before they use it.
type probedVerifier struct{ Verifier }

func buildProbed(scheme hmacScheme, describe func(*Request, *Verdict)) func(*Settings) (Verifier, error) {
	return func(s *Settings) (Verifier, error) {
		inner, err := scheme.configure(s, describe)
		if err != nil {
			return nil, err
		}
		return probedVerifier{inner}, nil
	}
}

func (v probedVerifier) Verify(r *Request) Verdict {
	if r.Method == "HEAD" && len(r.Body) == 0 {
		return unsignedHandshake(&Response{StatusCode: 200})
	}
	return v.Verifier.Verify(r)
}

// unsignedHandshake is the verdict for a probe that carries no signature: it
// is answered, and is no event.
func unsignedHandshake(response *Response) Verdict {
	return Verdict{Handshake: true, Response: response, IdentitySource: "none"}
}
