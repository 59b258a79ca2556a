package provider

import "bytes"

// Figma puts its passcode into the body, so those bytes are masked in the
// store. Source: Figma's "Webhooks V2".
func init() {
	register(Definition{
		Name: "figma", Title: "Figma",
		Signature:      "none; the body's passcode",
		Secret:         "passcode of the webhook",
		Identity:       "body_hash",
		EventType:      "body:event_type",
		SuccessStatus:  200,
		CredentialBody: []string{"passcode"},
		Docs:           "https://developers.figma.com/docs/rest-api/webhooks/",
		Notes:          []string{"webhook_id names the subscription. Nothing but the passcode is authenticated."},
		build: func(s *Settings) (Verifier, error) {
			return &figmaVerifier{s.Secrets}, nil
		},
	})
}

type figmaVerifier struct{ secrets []Secret }

func (v *figmaVerifier) Redact() (headers, query []string) { return nil, nil }

func (v *figmaVerifier) Verify(r *Request) Verdict {
	b := newBatch(r.Body)
	passcode := b.root(r.Body).Get("passcode")
	mask := secretSpans(r.Body, v.secrets)
	if text(passcode) == "" {
		refusal := refuse(BadCredentials)
		refusal.Mask = mask
		return refusal
	}
	mask = append(mask, b.inner(passcode.Raw))
	if !strictJSON(r.Body) || !distinctKeys(b.root(r.Body)) {
		refusal := refuse(MalformedBody)
		refusal.Mask = mask
		return refusal
	}
	if reason := matchCredential(v.secrets, passcode.Str, r); reason != "" {
		refusal := refuse(reason)
		refusal.Mask = mask
		return refusal
	}
	verdict := accept()
	verdict.Mask = mask
	verdict.EventType = text(get(r.Body, "event_type"))
	verdict.setIdentity(hashIdentity(r.Body), string(bodyHash), false)
	return verdict
}

// secretSpans finds the secrets anywhere in a body: one that stands where it
// does not belong must not be stored either.
func secretSpans(body []byte, secrets []Secret) []Span {
	var spans []Span
	for _, secret := range secrets {
		for from := 0; len(secret.Value) > 0; {
			at := bytes.Index(body[from:], secret.Value)
			if at < 0 {
				break
			}
			spans = append(spans, Span{from + at, len(secret.Value)})
			from += at + len(secret.Value)
		}
	}
	return spans
}
