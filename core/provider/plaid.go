package provider

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"math/big"
	"strings"
	"time"

	"github.com/tidwall/gjson"
)

// Plaid signs a JWT with ES256; a claim holds the digest of the raw body. Its
// keys come from an API call, which verification does not make: the caller
// supplies them. Only ES256 is accepted, whatever the token says. Source:
// Plaid's "Webhook verification".
func init() {
	register(Definition{
		Name: "plaid", Title: "Plaid",
		Options: []Option{{Name: "jwks", Type: Object,
			Doc: "Keys from /webhook_verification_key/get: an object of key id to JWK, or {\"keys\": […]}. Fetch a key when one is unknown, and set the option anew."}},
		Headers:       []string{"Plaid-Verification"},
		Signature:     "ES256 (JWT) over a claim with the SHA-256 of the body",
		Secret:        "none; the keys are the option jwks",
		Tolerance:     &Tolerance{PastS: 300, FutureS: 300},
		Identity:      "none",
		EventType:     "body:webhook_type + \".\" + webhook_code",
		SuccessStatus: 200,
		Docs:          "https://plaid.com/docs/api/webhooks/webhook-verification/",
		Notes:         []string{"No id of an event; equal bodies are distinct notifications.", "No outbound call is made: an unknown key is refused with unknown_key."},
		secrets:       secretUnused,
		build:         buildPlaid,
	})
}

type plaidVerifier struct {
	keys  map[string]plaidKey
	clock clock
}

type plaidKey struct {
	key     *ecdsa.PublicKey
	expired time.Time
}

func buildPlaid(s *Settings) (Verifier, error) {
	v := &plaidVerifier{keys: map[string]plaidKey{}, clock: s.clock()}
	jwks := s.Object("jwks")
	if list, ok := jwks["keys"].([]any); ok {
		for _, item := range list {
			jwk, _ := item.(map[string]any)
			id, _ := jwk["kid"].(string)
			if err := v.add(id, jwk); err != nil {
				return nil, err
			}
		}
	} else {
		for id, item := range jwks {
			jwk, _ := item.(map[string]any)
			if err := v.add(id, jwk); err != nil {
				return nil, err
			}
		}
	}
	if len(v.keys) == 0 {
		return nil, invalidArgument("provider plaid needs its keys: set jwks to what /webhook_verification_key/get returned")
	}
	return v, nil
}

func (v *plaidVerifier) add(id string, jwk map[string]any) error {
	wrong := invalidArgument("option jwks of provider plaid holds a key that is not an EC P-256 JWK with kid, x and y")
	if id == "" || jwk["kty"] != "EC" || jwk["crv"] != "P-256" {
		return wrong
	}
	x, fineX := jwkNumber(jwk["x"])
	y, fineY := jwkNumber(jwk["y"])
	if !fineX || !fineY {
		return wrong
	}
	der, _ := hex.DecodeString(p256Prefix + hex.EncodeToString(append(x, y...)))
	parsed, err := x509.ParsePKIXPublicKey(der) // also checks that the point is on the curve
	key, ok := parsed.(*ecdsa.PublicKey)
	if err != nil || !ok {
		return wrong
	}
	entry := plaidKey{key: key}
	if seconds, ok := integerOf(jwk["expired_at"]); ok && seconds > 0 {
		entry.expired = time.Unix(seconds, 0)
	}
	v.keys[id] = entry
	return nil
}

// p256Prefix is the DER of a P-256 public key up to its coordinates.
const p256Prefix = "3059301306072a8648ce3d020106082a8648ce3d03010703420004"

func jwkNumber(value any) ([]byte, bool) {
	encoded, _ := value.(string)
	decoded, err := base64.RawURLEncoding.DecodeString(encoded)
	return decoded, err == nil && len(decoded) == 32
}

func (v *plaidVerifier) Redact() (headers, query []string) { return nil, nil }

func (v *plaidVerifier) Verify(r *Request) Verdict {
	const header = "plaid-verification"
	token, reason := r.header(header)
	if reason != "" {
		return refuseHeader(reason, header)
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 || len(token) > 8192 {
		return refuseHeader(MalformedHeader, header)
	}
	head, fineHead := base64.RawURLEncoding.Strict().DecodeString(parts[0])
	claims, fineClaims := base64.RawURLEncoding.Strict().DecodeString(parts[1])
	signature, fineSignature := base64.RawURLEncoding.Strict().DecodeString(parts[2])
	if fineHead != nil || fineClaims != nil || fineSignature != nil || text(get(head, "alg")) != "ES256" || len(signature) != 64 {
		return refuseHeader(MalformedHeader, header)
	}
	key, ok := v.keys[text(get(head, "kid"))]
	if !ok || !key.expired.IsZero() && r.Now.After(key.expired) {
		return refuse(UnknownKey)
	}
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if !ecdsa.Verify(key.key, digest[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])) {
		return refuse(SignatureMismatch)
	}
	return v.claims(r, claims)
}

func (v *plaidVerifier) claims(r *Request, claims []byte) Verdict {
	issued := get(claims, "iat")
	if issued.Type != gjson.Number {
		return refuse(MissingTimestamp)
	}
	if reason := v.clock.check(time.Unix(issued.Int(), 0), r.Now, seconds); reason != "" {
		return refuse(reason)
	}
	if !equalText([]byte(bodyDigest(r.Body)), text(get(claims, "request_body_sha256"))) {
		return refuse(BodyHashMismatch)
	}
	verdict := accept()
	verdict.EventType = dotted(text(get(r.Body, "webhook_type")), text(get(r.Body, "webhook_code")))
	return verdict
}
