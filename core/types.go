package core

import (
	"encoding/json"

	"github.com/knocker-dev/knocker/core/provider"
)

// The statuses of an event.
const (
	StatusReceived   = "received"
	StatusProcessing = "processing"
	StatusHandled    = "handled"
	StatusFailed     = "failed"
	StatusDead       = "dead"
	StatusIgnored    = "ignored"
)

// Endpoint is a named place that receives webhooks of one provider.
type Endpoint struct {
	ID        int64  `json:"id"`
	Name      string `json:"name"`
	Path      string `json:"path"`     // a label for people
	Provider  string `json:"provider"` // empty: none stored
	Enabled   bool   `json:"enabled"`
	Paused    bool   `json:"paused"`     // received and queued as ever, but no worker claims
	CreatedAt int64  `json:"created_at"` // Unix seconds
}

// EndpointParams is what AddEndpoint takes. Secrets and options stay in this
// process's memory; only name, path, provider and enabled are stored.
type EndpointParams struct {
	Name            string
	Path            string // Defaults to "/webhooks/<name>".
	Provider        string
	Secrets         any            // text, []string, [][]byte, or JSON; see core/input
	ProviderOptions map[string]any // the provider's own options
	// Verifier is an application's own way to verify (provider.Custom), for a
	// sender that no built-in provider knows; Provider then only names it and
	// may not be a built-in's name.
	Verifier     provider.Verifier
	URL          string // public URL, for providers that sign it
	Disabled     bool
	Unhandled    string // "dead" (default), "ignore" or "leave"
	SplitBatches *bool  // Defaults to true.
	EventKey     string // where the identity is: "header:<name>" or "body:<json path>"
	MaxBodyBytes int64  // Defaults to the inbox's.
	Retry        RetryPolicy
}

// RetryPolicy says how often and when a failed event runs again. Zero fields
// take the next wider policy: handler, then endpoint, then inbox.
type RetryPolicy struct {
	MaxAttempts           int     // Defaults to 12.
	BackoffInitialSeconds float64 // Defaults to 1.
	BackoffFactor         float64 // Defaults to 3.
	BackoffMaxSeconds     float64 // Defaults to 3600.
	BackoffJitter         *bool   // Defaults to true.
}

// ReceiveParams is one HTTP request for Receive.
type ReceiveParams struct {
	Endpoint string
	Method   string // Defaults to "POST".
	URL      string // public URL of this request; overrides the endpoint's
	Headers  any    // http.Header, map[string]any, pairs or JSON; see core/input
	Query    any    // raw query text, url.Values, map[string]any, pairs or JSON
	Body     []byte // the raw bytes as they arrived; not changed, not kept
	// BodyConsumed says that the framework has already parsed the body.
	BodyConsumed bool

	// Per call these win over the endpoint's.
	Provider        string
	Secrets         any
	ProviderOptions map[string]any

	ProviderEventID    string
	ProviderDeliveryID string
	EventType          string
	DedupeKey          string // wins over event_key and the provider's identity
	QueueName          string
	MaxAttempts        int

	// TimeoutMilliseconds bounds the wait for the writer. Defaults to the
	// inbox's receive_timeout_ms.
	TimeoutMilliseconds int64
	// Home names the thread or event loop that must not wait for itself; 0: none.
	Home uint64

	// Ingest marks a request from a trusted layer: nothing verifies it, and
	// SignatureValid (nil: unknown) and SignatureError are stored as given.
	Ingest         bool
	SignatureValid *bool
	SignatureError string
}

// Result is what Receive answers once the receipt is on disk.
type Result struct {
	DeliveryID      int64    `json:"delivery_id"`
	EventID         int64    `json:"event_id"` // 0: no event (null in JSON)
	EventIDs        []int64  `json:"event_ids"`
	Duplicate       bool     `json:"duplicate"`
	StatusCode      int      `json:"status_code"`
	Response        Response `json:"response"`
	Reason          string   `json:"reason"`           // empty: none (null in JSON)
	HandshakeSecret string   `json:"handshake_secret"` // empty: none (null in JSON)
}

// Response is the HTTP answer for the sender.
type Response struct {
	StatusCode int               `json:"status_code"`
	Headers    map[string]string `json:"headers"`
	Body       *string           `json:"body"` // nil: no body
}

// Event is the unit that an application processes.
type Event struct {
	ID                 int64
	Endpoint           string
	EventType          string
	ProviderEventID    string
	ProviderDeliveryID string
	DedupeKey          string // empty: none
	DeliveryID         int64  // the delivery whose body, headers and query are shown
	Status             string
	AttemptCount       int // counts the running attempt
	Method             string
	HeadersJSON        json.RawMessage // object: lower-case name -> text or list of texts
	QueryJSON          json.RawMessage
	ReceivedAt         int64
	HandledAt          int64 // 0: not yet
	LastError          string
	ExpungedAt         int64  // 0: not; else body, headers and query were erased then
	Body               []byte // nil where a list leaves bodies out
}

// Delivery is one HTTP receipt, valid or not.
type Delivery struct {
	ID                 int64
	Endpoint           string
	EventID            int64  // 0: orphan
	Kind               string // "event", "rejected", "handshake", "empty_batch", "too_large"
	Reason             string
	ReceivedAt         int64
	ProviderEventID    string
	ProviderDeliveryID string
	EventType          string
	Method             string
	HeadersJSON        json.RawMessage
	QueryJSON          json.RawMessage
	SignatureValid     *bool
	SignatureError     string
	DedupeKey          string
	BodyBytes          int64 // as received; a stored body may be cut
	BodyDigest         string
	// A refused delivery that was taken in later keeps the verdict of its
	// arrival above.
	AcceptedAt     int64  // 0: not
	AcceptedBy     string // "reverify" or "accept_delivery"
	AcceptedReason string
	ExpungedAt     int64 // 0: not; else body, headers and query were erased then
	Body           []byte
}

// Attempt is one run of a handler.
type Attempt struct {
	ID          int64  `json:"id"`
	EventID     int64  `json:"event_id"`
	AttemptedAt int64  `json:"attempted_at"`
	Outcome     string `json:"outcome"` // handled, failed, dead, ignored
	Error       string `json:"error"`
	DurationMS  int64  `json:"duration_ms"`
}

// Stats counts what is in the file and what this process did.
type Stats struct {
	Deliveries int64            `json:"deliveries"`
	Events     map[string]int64 `json:"events"`  // by status
	Orphans    map[string]int64 `json:"orphans"` // by kind
	Duplicates int64            `json:"duplicates"`
	JobsReady  int64            `json:"jobs_ready"`
	JobsLater  int64            `json:"jobs_later"`
	JobsHeld   int64            `json:"jobs_held"`
	JobsDead   int64            `json:"jobs_dead"`
	JobsPaused int64            `json:"jobs_paused"` // of paused endpoints; neither ready nor later
	Stuck      int64            `json:"stuck"`       // received events whose job is gone, among the oldest 50,000: requeue them
	// UnhandledLeft is how many jobs workers have given back just now, because
	// nobody handles them (the endpoint's unhandled is "leave").
	UnhandledLeft int64            `json:"unhandled_left"`
	Process       map[string]int64 `json:"process"` // counters of this process
}

// EndpointStats counts what is in the file of one endpoint.
type EndpointStats struct {
	Name           string
	Provider       string
	Enabled        bool
	Paused         bool
	Events         map[string]int64 // by status
	Orphans        int64
	LastReceivedAt int64 // of the latest delivery; 0: none
}

// HandlerParams registers a handler's place; the function stays with the caller.
type HandlerParams struct {
	Endpoint       string
	EventType      string // exact, prefix ("invoice.*"), or empty: the endpoint's default
	Scope          string // handler_scope of the open; "" in Go
	TimeoutSeconds float64
	Retry          RetryPolicy
}

// HandlerRegistration is what RegisterHandler answers.
type HandlerRegistration struct {
	ID       int64 // unique in the process
	Replaced int64 // id of the handler that was there before, or 0
}

// WorkerOptions configures a worker.
type WorkerOptions struct {
	Concurrency           int      // handlers at once. Defaults to 1.
	LeaseSeconds          float64  // Defaults to 60.
	WorkerID              string   // Defaults to host:pid:random. A given one gets a random suffix too.
	Endpoints             []string // Defaults to all.
	StopTimeoutSeconds    float64  // Defaults to 30.
	HandlerSynchronous    string   // "normal" (default) or "full"
	HandlerTimeoutSeconds float64  // Defaults to 900.
	Scope                 string   // handler scope
}

// Outcome is how a run of a handler ended.
type Outcome struct {
	Kind      string  // handled, failed, retry_after, discard, ignore, give_back
	ErrorType string  // failed, retry_after: class of the error
	Message   string  // failed: message; discard, ignore: the reason
	Code      string  // failed: the library's own code, if it was one
	Seconds   float64 // retry_after
	// More says that the caller asks for its next event at once: then handled
	// events may share a commit, which follows within a few milliseconds. If
	// that commit fails, the events run again.
	More bool
}

// Finished says what the file says about a step that has ended.
type Finished struct {
	EventID int64
	Status  string // handled, failed, dead, ignored, given_back, lost
	Err     *Error // why an outcome could not be committed; nil otherwise
}

// StopReport is what stopping a worker left over.
type StopReport struct {
	RolledBack []int64 // events whose handlers were cut off
	GivenBack  int     // jobs that were claimed and never started
}

// Rows is the answer of a query.
type Rows struct {
	Columns []string
	Rows    [][]any // nil, int64, float64, string or []byte
}

// ExecResult is the answer of a statement.
type ExecResult struct {
	Changes      int64
	LastInsertID int64
}

// ProviderResponse turns a provider's answer into the public shape.
func providerResponse(r *provider.Response) Response {
	headers := make(map[string]string, len(r.Headers)+1)
	for _, h := range r.Headers {
		headers[h.Name] = h.Value
	}
	out := Response{StatusCode: r.StatusCode, Headers: headers}
	if r.HasBody {
		body := r.Body
		out.Body = &body
	}
	return out
}
