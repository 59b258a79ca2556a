package provider

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"hash/crc32"
	"strconv"
	"strings"
)

// PayPal signs id, time, webhook id and the CRC32 of the body. CRC32 is no
// cryptographic digest: someone with one genuine request can make other bodies
// with the same CRC, so an event should be fetched before it is trusted. The
// certificate is supplied by the caller. Source: PayPal's "Integrate webhooks".
func init() {
	register(Definition{
		Name: "paypal", Title: "PayPal",
		Options: []Option{
			{Name: "webhook_id", Type: Text, Doc: "Id of the webhook in the app's settings; it is part of what is signed."},
			certificateOption,
		},
		Headers:       []string{"PAYPAL-TRANSMISSION-SIG", "PAYPAL-TRANSMISSION-ID", "PAYPAL-TRANSMISSION-TIME", "PAYPAL-CERT-URL", "PAYPAL-AUTH-ALGO"},
		Signature:     "RSA-SHA256, base64, over id|time|webhook id|CRC32 of the body",
		Secret:        "none; the certificate is the option cert_pem",
		Tolerance:     &noTolerance,
		Identity:      "body:id",
		EventType:     "body:event_type",
		SuccessStatus: 200,
		Docs:          "https://developer.paypal.com/api/rest/webhooks/rest/",
		Notes:         []string{"The body is bound by a CRC32 only: fetch the event from the API before acting on it.", "resource.id names the object. No outbound call is made for the certificate."},
		secrets:       secretUnused,
		build:         buildPayPal,
	})
}

type payPalVerifier struct {
	webhookID string
	keys      []*rsa.PublicKey
	clock     clock
}

func buildPayPal(s *Settings) (Verifier, error) {
	if s.Text("webhook_id") == "" {
		return nil, invalidArgument("provider paypal needs webhook_id: it is part of what is signed")
	}
	keys, err := certificateKeys(s)
	if err != nil {
		return nil, err
	}
	return &payPalVerifier{s.Text("webhook_id"), keys, s.clock()}, nil
}

func (v *payPalVerifier) Redact() (headers, query []string) { return nil, nil }

func (v *payPalVerifier) Verify(r *Request) Verdict {
	values := map[string]string{}
	for _, name := range []string{"paypal-transmission-id", "paypal-transmission-time", "paypal-transmission-sig", "paypal-cert-url", "paypal-auth-algo"} {
		value, reason := r.header(name)
		if reason != "" {
			return refuseHeader(reason, name)
		}
		values[name] = value
	}
	if values["paypal-auth-algo"] != "SHA256withRSA" {
		return refuseHeader(MalformedHeader, "paypal-auth-algo")
	}
	if host, _, ok := httpsHost(values["paypal-cert-url"]); !ok || host != "paypal.com" && !strings.HasSuffix(host, ".paypal.com") {
		return refuse(UntrustedCertURL)
	}
	signature, err := base64.StdEncoding.Strict().DecodeString(values["paypal-transmission-sig"])
	if err != nil {
		return refuseHeader(MalformedHeader, "paypal-transmission-sig")
	}
	signedAt, ok := parseTime(values["paypal-transmission-time"], timeText)
	if !ok {
		return refuseHeader(MalformedHeader, "paypal-transmission-time")
	}
	signed := strings.Join([]string{values["paypal-transmission-id"], values["paypal-transmission-time"], v.webhookID,
		strconv.FormatUint(uint64(crc32.ChecksumIEEE(r.Body)), 10)}, "|")
	digest := sha256.Sum256([]byte(signed))
	if !matchRSA(v.keys, crypto.SHA256, digest[:], signature) {
		return refuse(SignatureMismatch)
	}
	if reason := v.clock.check(signedAt, r.Now, seconds); reason != "" {
		return refuse(reason)
	}
	verdict := accept()
	verdict.EventType = text(get(r.Body, "event_type"))
	verdict.ProviderEventID = text(get(r.Body, "id"))
	verdict.ProviderDeliveryID = values["paypal-transmission-id"]
	verdict.setIdentity(verdict.ProviderEventID, "body:id", false)
	return verdict
}

func matchRSA(keys []*rsa.PublicKey, hash crypto.Hash, digest, signature []byte) bool {
	for _, key := range keys {
		if rsa.VerifyPKCS1v15(key, hash, digest, signature) == nil {
			return true
		}
	}
	return false
}
