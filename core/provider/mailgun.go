package provider

import "github.com/tidwall/gjson"

// Mailgun puts the signature into the body, over time and token only: the
// event's data is not authenticated. Whoever holds one request can send other
// data with it. The token is repeated in a retry, so it is no identity.
// Source: Mailgun's "Securing webhooks".
func init() {
	register(Definition{
		Name: "mailgun", Title: "Mailgun",
		Signature:     "HMAC-SHA256, hex, in the body, over time + token; the event data is not covered",
		Secret:        "HTTP webhook signing key, as text",
		Tolerance:     &noTolerance,
		Identity:      "body:event-data.id+event-data.timestamp",
		EventType:     "body:event-data.event",
		SuccessStatus: 200,
		Docs:          "https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks",
		Notes: []string{
			"Only time and token are signed. Fetch the event before acting on something that matters.",
			"The id is documented as unique within a day only, so the time is part of the identity.",
		},
		build: buildMailgun,
	})
}

type mailgunVerifier struct {
	keys  []*macKey
	clock clock
}

func buildMailgun(s *Settings) (Verifier, error) {
	keys, err := macKeys(s.Secrets, useSHA256, nil)
	if err != nil {
		return nil, err
	}
	return &mailgunVerifier{keys, s.clock()}, nil
}

func (v *mailgunVerifier) Redact() (headers, query []string) { return nil, nil }

func (v *mailgunVerifier) Verify(r *Request) Verdict {
	verdict := v.verify(r, get(r.Body, "signature"))
	if verdict.Reason == SignatureMismatch {
		// An event of a subaccount is signed with the account's key, too.
		if parent := get(r.Body, "parent-signature"); parent.Exists() {
			return v.verify(r, parent)
		}
	}
	return verdict
}

func (v *mailgunVerifier) verify(r *Request, block gjson.Result) Verdict {
	given, stamp, token := text(block.Get("signature")), scalar(block.Get("timestamp")), text(block.Get("token"))
	switch {
	case given == "":
		return refuse(MissingSignature)
	case stamp == "":
		return refuse(MissingTimestamp)
	case token == "" || !lowerHex.wellFormed(given, useSHA256.size),
		!strictJSON(r.Body), !distinctKeys(get(r.Body, "@this")), !distinctKeys(block):
		return refuse(MalformedBody)
	}
	signedAt, ok := parseTime(stamp, seconds)
	if !ok {
		return refuse(MalformedBody)
	}
	m := message{prefix: []byte(stamp + token)}
	if !anyMatches(v.keys, r.Now, &m, lowerHex, given) {
		if !liveKeys(v.keys, r.Now) {
			return refuse(SecretExpired)
		}
		return refuse(SignatureMismatch)
	}
	if reason := v.clock.check(signedAt, r.Now, seconds); reason != "" {
		return refuse(reason)
	}
	verdict := accept()
	data := get(r.Body, "event-data")
	verdict.EventType = text(data.Get("event"))
	verdict.ProviderEventID = text(data.Get("id"))
	verdict.setIdentity(joined(verdict.ProviderEventID, scalar(data.Get("timestamp"))), "body:event-data.id+event-data.timestamp", false)
	return verdict
}
