// Package provider knows how each webhook sender signs, identifies and types
// its requests. It is pure: it reads bytes and a clock value, touches no
// database, and knows nothing of the queue.
//
// A provider is one file. Its Definition says, declaratively where it can,
// what is signed, where the identity is and where the event type is, and
// init() adds it to the registry.
package provider

import "time"

// Field is one name/value pair of a header list or a query string. Names of
// headers are lower case here; repeated names are repeated fields, in order.
type Field struct {
	Name, Value string
}

// Request is one HTTP request as the sender signed it.
type Request struct {
	Method  string
	URL     string // public URL the sender was given; empty when unknown
	Headers []Field
	Query   []Field
	Body    []byte
	Now     time.Time // time of receipt: tolerances are checked against it
}

// Secret is one shared secret or public key, with the time after which it no
// longer verifies (zero: never).
type Secret struct {
	Value     []byte
	ExpiresAt time.Time
}

// Verdict is what a provider says about one request.
type Verdict struct {
	Valid  bool
	Reason Reason // why not; empty when valid
	Detail string // one sentence for an operator; never a secret or an expected signature

	EventType          string
	Identity           string // the dedupe key; empty: none, never deduplicate
	IdentitySource     string // "body:id", "header:x-github-delivery", "body_hash", "none", …
	IdentitySigned     bool   // the identity is covered by the signature
	ProviderEventID    string
	ProviderDeliveryID string

	// Events is non-nil when the request is a batch; an empty non-nil slice is
	// an empty batch (a probe), stored as a delivery without event.
	Events []Item

	// Response is what the sender expects back; nil means the provider's
	// ordinary success status (or 401 when not valid) with an empty body.
	Response *Response
	// Handshake marks a request that is answered and stored, but is no event.
	Handshake bool
	// HandshakeSecret is a secret that the sender handed over in this
	// handshake. It goes to the caller and is never stored.
	HandshakeSecret string
	// SuccessStatus is the status for a valid request, 204 unless the
	// provider's documentation asks for another. Zero means 204.
	SuccessStatus int
	// Discard asks to answer and store nothing at all (Slack's ssl_check).
	Discard bool

	// Mask names byte ranges of the body that hold the sender's secret.
	Mask []Span
}

// Item is one event of a batch: its exact slice of the body.
type Item struct {
	Span
	EventType       string
	Identity        string
	IdentitySource  string
	ProviderEventID string
}

// Span is a range of bytes in the body.
type Span struct {
	Offset, Length int
}

// Response is an HTTP answer that the sender expects.
type Response struct {
	StatusCode int
	Headers    []Field
	Body       string
	HasBody    bool
}

// Verifier is one provider configured with an endpoint's secrets and options.
// It is safe for concurrent use.
type Verifier interface {
	// Verify never panics on a stranger's input by design; the caller still
	// recovers and stores reason verifier_error.
	Verify(req *Request) Verdict
	// Redact reports the headers (lower case) and query parameters that carry
	// a credential compared by equality; they are stored as "[redacted]".
	Redact() (headers, query []string)
}
