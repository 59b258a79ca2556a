package provider

import "strconv"

// DocuSign Connect sends one numbered header a key, up to a hundred; one that
// matches suffices. Source: DocuSign's "HMAC security" for Connect.
func init() {
	register(Definition{
		Name: "docusign", Title: "DocuSign Connect",
		Headers:        []string{"X-DocuSign-Signature-1"},
		Signature:      "HMAC-SHA256, base64, over the body; headers numbered from 1",
		Secret:         "HMAC key of the Connect configuration, as text",
		Identity:       "body:data.envelopeId+event+generatedDateTime",
		IdentitySigned: true,
		EventType:      "body:event",
		SuccessStatus:  200,
		Docs:           "https://developers.docusign.com/platform/webhooks/connect/hmac/",
		Notes:          []string{"envelopeId repeats for every status; retryCount changes at each attempt."},
		build: func(s *Settings) (Verifier, error) {
			keys, err := macKeys(s.Secrets, useSHA256, nil)
			return &docuSignVerifier{keys}, err
		},
	})
}

type docuSignVerifier struct{ keys []*macKey }

const (
	docuSignHeader     = "x-docusign-signature-"
	docuSignMaxHeaders = 100
)

func (v *docuSignVerifier) Redact() (headers, query []string) { return nil, nil }

func (v *docuSignVerifier) Verify(r *Request) Verdict {
	if reason := v.signatures(r); reason != "" {
		return refuseHeader(reason, docuSignHeader+"1")
	}
	verdict := accept()
	verdict.EventType = text(get(r.Body, "event"))
	verdict.setIdentity(joined(text(get(r.Body, "data.envelopeId")), verdict.EventType, text(get(r.Body, "generatedDateTime"))),
		"body:data.envelopeId+event+generatedDateTime", true)
	return verdict
}

func (v *docuSignVerifier) signatures(r *Request) Reason {
	var formed []string
	present := false
	for number := 1; number <= docuSignMaxHeaders; number++ {
		given, reason := r.header(docuSignHeader + strconv.Itoa(number))
		if reason == MissingHeader {
			continue
		}
		if reason != "" {
			return reason
		}
		present = true
		if stdBase64.wellFormed(given, useSHA256.size) {
			formed = append(formed, given)
		}
	}
	switch {
	case !present:
		return MissingHeader
	case len(formed) == 0:
		return MalformedHeader
	case anyMatches(v.keys, r.Now, &message{body: r.Body}, stdBase64, formed...):
		return ""
	case !liveKeys(v.keys, r.Now):
		return SecretExpired
	}
	return SignatureMismatch
}
