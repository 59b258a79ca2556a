package provider

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"math/big"
)

// SendGrid signs time + body with ECDSA P-256; the line break that ends the
// body is signed too. One request holds an array of events, which a retry may
// group otherwise, so each has its own identity. Source:
// @sendgrid/eventwebhook 8.0.0.
func init() {
	register(Definition{
		Name:           "sendgrid",
		Title:          "SendGrid Event Webhook",
		Headers:        []string{sendGridSignature, sendGridTime},
		Signature:      "ECDSA P-256 with SHA-256, DER in base64, over time + body",
		Secret:         "verification key: base64 of the DER public key, without PEM lines",
		Tolerance:      &noTolerance,
		Identity:       "body:[].sg_event_id",
		IdentitySigned: true,
		EventType:      "body:[].event",
		Batch:          true,
		Docs:           "https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features",
		Notes:          []string{"sg_message_id and smtp-id name the email: its events share them."},
		key:            func(secret []byte) error { _, err := ecdsaKey(secret); return err },
		build:          buildSendGrid,
	})
}

const (
	sendGridSignature = "X-Twilio-Email-Event-Webhook-Signature"
	sendGridTime      = "X-Twilio-Email-Event-Webhook-Timestamp"
)

type sendGridVerifier struct {
	keys     []ecdsaSecret
	clock    clock
	describe func(*Request, *Verdict)
}

type ecdsaSecret struct {
	key    *ecdsa.PublicKey
	secret Secret
}

func ecdsaKey(secret []byte) (*ecdsa.PublicKey, error) {
	der, err := base64.StdEncoding.DecodeString(string(secret))
	if err != nil {
		return nil, errors.New("is not the base64 of a public key")
	}
	parsed, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, errors.New("is not a DER public key in base64")
	}
	key, ok := parsed.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, errors.New("is not an ECDSA P-256 public key")
	}
	return key, nil
}

func buildSendGrid(s *Settings) (Verifier, error) {
	v := &sendGridVerifier{clock: s.clock(), describe: splitList("", "event", "sg_event_id", "body:[].sg_event_id")}
	for _, secret := range s.Secrets {
		key, err := ecdsaKey(secret.Value)
		if err != nil {
			return nil, err
		}
		v.keys = append(v.keys, ecdsaSecret{key, secret})
	}
	return v, nil
}

func (v *sendGridVerifier) Redact() (headers, query []string) { return nil, nil }

func (v *sendGridVerifier) Verify(r *Request) Verdict {
	given, reason := r.header("x-twilio-email-event-webhook-signature")
	if reason != "" {
		return refuseHeader(reason, sendGridSignature)
	}
	stamp, reason := r.header("x-twilio-email-event-webhook-timestamp")
	if reason != "" {
		return refuseHeader(reason, sendGridTime)
	}
	signature, err := base64.StdEncoding.Strict().DecodeString(given)
	if err != nil {
		return refuseHeader(MalformedHeader, sendGridSignature)
	}
	signedAt, ok := parseTime(stamp, seconds)
	if !ok {
		return refuseHeader(MalformedHeader, sendGridTime)
	}
	digest := sha256.New()
	digest.Write([]byte(stamp))
	digest.Write(r.Body)
	if reason := matchECDSA(v.keys, digest.Sum(nil), signature, r); reason != "" {
		if !isDER(signature) {
			reason = MalformedHeader
		}
		return refuse(reason)
	}
	if reason := v.clock.check(signedAt, r.Now, seconds); reason != "" {
		return refuse(reason)
	}
	verdict := accept()
	v.describe(r, &verdict)
	verdict.collapse(true)
	return verdict
}

func matchECDSA(keys []ecdsaSecret, digest, signature []byte, r *Request) Reason {
	live := false
	for _, candidate := range keys {
		if !candidate.secret.live(r.Now) {
			continue
		}
		live = true
		if ecdsa.VerifyASN1(candidate.key, digest, signature) {
			return ""
		}
	}
	if !live {
		return SecretExpired
	}
	return SignatureMismatch
}

// isDER reports whether a signature has the form of one, to name the reason of
// a refusal. Verification itself takes nothing else.
func isDER(signature []byte) bool {
	var parts struct{ R, S *big.Int }
	rest, err := asn1.Unmarshal(signature, &parts)
	return err == nil && len(rest) == 0
}
