package provider

// Reason is why a request was refused: one of a closed list. A reason never
// carries a secret or an expected signature.
type Reason string

// The reasons. Their sentences are in Sentence.
const (
	SignatureMismatch   Reason = "signature_mismatch"
	TimestampTooOld     Reason = "timestamp_too_old"
	TimestampTooNew     Reason = "timestamp_too_new"
	MissingHeader       Reason = "missing_header"
	MalformedHeader     Reason = "malformed_header"
	MissingSignature    Reason = "missing_signature"
	MissingTimestamp    Reason = "missing_timestamp"
	BadCredentials      Reason = "bad_credentials"
	BadVerifyToken      Reason = "bad_verify_token"
	BodyHashMismatch    Reason = "body_hash_mismatch"
	UnsignedBody        Reason = "unsigned_body"
	MalformedBody       Reason = "malformed_body"
	UnknownKey          Reason = "unknown_key"
	UntrustedCertURL    Reason = "untrusted_certificate_url"
	UnknownTopic        Reason = "unknown_topic"
	SecretExpired       Reason = "secret_expired"
	NoSecret            Reason = "no_secret"
	HandshakeUnexpected Reason = "handshake_not_expected"
	BadChallenge        Reason = "bad_challenge"
	VerifierError       Reason = "verifier_error"
)

var sentences = map[Reason]string{
	SignatureMismatch:   "the signature was not made with one of the configured secrets over exactly these bytes",
	TimestampTooOld:     "the signed time is further in the past than the tolerance allows",
	TimestampTooNew:     "the signed time is further in the future than the tolerance allows",
	MissingHeader:       "a header that the provider always sends is missing or empty",
	MalformedHeader:     "a header does not have the form that the provider documents",
	MissingSignature:    "the body carries no signature",
	MissingTimestamp:    "the signed body carries no time of sending",
	BadCredentials:      "the credential sent is not one of those configured",
	BadVerifyToken:      "the verify token of the subscription challenge is not the configured one",
	BodyHashMismatch:    "the signed digest is not the digest of this body",
	UnsignedBody:        "the signature does not cover this body",
	MalformedBody:       "the body does not have the form that the provider signs",
	UnknownKey:          "the request names a key that is not configured",
	UntrustedCertURL:    "the certificate address is not one of the provider's own",
	UnknownTopic:        "the message belongs to a topic that is not configured",
	SecretExpired:       "every configured secret has passed its expiry time",
	NoSecret:            "the endpoint has no secret yet, so only the provider's handshake is answered",
	HandshakeUnexpected: "a handshake arrived while none was expected",
	BadChallenge:        "the challenge does not have the form that the provider sends",
	VerifierError:       "the verification itself failed",
}

// Sentence explains the reason in one sentence without a full stop. It is
// empty for a value outside the closed list.
func (r Reason) Sentence() string { return sentences[r] }

// Reasons returns the closed list in a fixed order.
func Reasons() []Reason {
	return []Reason{
		SignatureMismatch, TimestampTooOld, TimestampTooNew, MissingHeader, MalformedHeader,
		MissingSignature, MissingTimestamp, BadCredentials, BadVerifyToken, BodyHashMismatch,
		UnsignedBody, MalformedBody, UnknownKey, UntrustedCertURL, UnknownTopic, SecretExpired,
		NoSecret, HandshakeUnexpected, BadChallenge, VerifierError,
	}
}
