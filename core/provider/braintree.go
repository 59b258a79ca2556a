package provider

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"strings"
)

// Braintree posts a form: a list of "public key|digest" and a base64 payload,
// which is signed as text. The HMAC key is the SHA-1 of the private key. The
// payload is tried with a line break at its end, too. Source: braintree 3.40.0,
// webhook_notification_gateway.js.
func init() {
	register(Definition{
		Name: "braintree", Title: "Braintree",
		Signature:      "HMAC-SHA1, hex, in form field bt_signature, over field bt_payload",
		Secret:         "public key and private key, as publicKey:privateKey",
		Identity:       "body_hash",
		IdentitySigned: true,
		EventType:      "kind of the XML notification",
		Handshake:      "GET with bt_challenge",
		SuccessStatus:  200,
		Docs:           "https://developer.paypal.com/braintree/docs/guides/webhooks/overview",
		key:            func(secret []byte) error { _, _, err := braintreePair(secret); return err },
		build:          buildBraintree,
	})
}

type braintreeVerifier struct{ pairs []braintreeKey }

type braintreeKey struct {
	public string
	*macKey
}

func braintreePair(secret []byte) (public, private string, err error) {
	public, private, ok := strings.Cut(string(secret), ":")
	if !ok || public == "" || private == "" {
		return "", "", errors.New("is not publicKey:privateKey")
	}
	return public, private, nil
}

func buildBraintree(s *Settings) (Verifier, error) {
	v := &braintreeVerifier{}
	for _, secret := range s.Secrets {
		public, private, err := braintreePair(secret.Value)
		if err != nil {
			return nil, err
		}
		key := sha1.Sum([]byte(private))
		v.pairs = append(v.pairs, braintreeKey{public, newMACKey(sha1.New, key[:], secret)})
	}
	return v, nil
}

func (v *braintreeVerifier) Redact() (headers, query []string) { return nil, nil }

func (v *braintreeVerifier) Verify(r *Request) Verdict {
	if challenge, ok := r.queryValue("bt_challenge"); ok && r.isRead() {
		return v.challenge(r, challenge)
	}
	form, ok := parseForm(r.Body)
	if !ok {
		return refuse(MalformedBody)
	}
	list, payload := formValue(form, "bt_signature"), formValue(form, "bt_payload")
	switch {
	case list == "":
		return refuse(MissingSignature)
	case payload == "" || !braintreePayload(payload):
		return refuse(MalformedBody)
	}
	if reason := v.signature(r, list, payload); reason != "" {
		return refuse(reason)
	}
	verdict := accept()
	verdict.EventType = braintreeKind(payload)
	// The payload is signed, the rest of the form is not: a digest of the whole
	// body still differs for two events and is equal for a retry.
	verdict.setIdentity(hashIdentity(r.Body), string(bodyHash), true)
	return verdict
}

// braintreePayload allows what base64 with line breaks is made of.
func braintreePayload(payload string) bool {
	for i := 0; i < len(payload); i++ {
		c := payload[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '+' || c == '/' || c == '=' || c == '\n') {
			return false
		}
	}
	return true
}

func (v *braintreeVerifier) signature(r *Request, list, payload string) Reason {
	known, live := false, false
	for _, key := range v.pairs {
		given, ok := braintreeDigest(list, key.public)
		if !ok {
			continue
		}
		known = true
		if !key.secret.live(r.Now) {
			continue
		}
		live = true
		m := message{prefix: []byte(payload)}
		withBreak := message{prefix: []byte(payload), suffix: []byte("\n")}
		if key.matches(&m, lowerHex, []string{given}) || key.matches(&withBreak, lowerHex, []string{given}) {
			return ""
		}
	}
	switch {
	case !known:
		return UnknownKey
	case !live:
		return SecretExpired
	}
	return SignatureMismatch
}

// braintreeDigest finds the entry of a public key in "key|digest&key|digest".
func braintreeDigest(list, public string) (string, bool) {
	for rest, more := list, true; more; {
		var pair string
		pair, rest, more = strings.Cut(rest, "&")
		if key, digest, ok := strings.Cut(pair, "|"); ok && key == public {
			return digest, true
		}
	}
	return "", false
}

// challenge signs only what the documentation says a challenge is, 20 to 32
// lower-case hex digits, so that nobody can have a payload signed here.
func (v *braintreeVerifier) challenge(r *Request, challenge string) Verdict {
	if len(challenge) < 20 || len(challenge) > 32 || strings.Trim(challenge, "0123456789abcdef") != "" {
		return refuse(BadChallenge)
	}
	for _, key := range v.pairs {
		if key.secret.live(r.Now) {
			digest := key.hexDigest(&message{prefix: []byte(challenge)})
			return unsignedHandshake(answer(200, "text/plain", key.public+"|"+digest))
		}
	}
	return refuse(SecretExpired)
}

// braintreeKind reads notification > kind of the payload's XML.
func braintreeKind(payload string) string {
	decoded, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(payload, "\n", ""))
	if err != nil {
		return ""
	}
	decoder := xml.NewDecoder(bytes.NewReader(decoded))
	depth, inKind := 0, false
	for {
		token, err := decoder.Token()
		if err != nil {
			return ""
		}
		switch t := token.(type) {
		case xml.StartElement:
			depth++
			inKind = depth == 2 && t.Name.Local == "kind"
		case xml.EndElement:
			depth--
			inKind = false
		case xml.CharData:
			if inKind {
				return strings.TrimSpace(string(t))
			}
		}
	}
}
