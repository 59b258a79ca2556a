package abi

import (
	"encoding/json"
	"strconv"
)

// Caller is part of every request that writes: a number that names the thread
// or event loop which stands still during the call.
type Caller struct {
	Home uint64 `json:"home" min:"1"`
}

// NullText is text that is null when empty.
type NullText string

// MarshalJSON implements json.Marshaler.
func (t NullText) MarshalJSON() ([]byte, error) { return appendNullText(nil, t), nil }

// NullInteger is a number that is null when 0; ids and times begin at 1.
type NullInteger int64

// MarshalJSON implements json.Marshaler.
func (n NullInteger) MarshalJSON() ([]byte, error) { return appendNullInteger(nil, n), nil }

// Nothing is a request or a reply without fields.
type Nothing struct{}

// FileMode is a permission of a new file: an integer, or octal text such as "0640".
type FileMode uint32

// ParseFileMode reads a file mode; ok is false when raw is neither form.
func ParseFileMode(raw json.RawMessage) (mode FileMode, ok bool) {
	text, base := string(raw), 10
	if len(raw) > 0 && raw[0] == '"' {
		text, base = unquote(raw), 8
	}
	n, err := strconv.ParseUint(text, base, 32)
	return FileMode(n), err == nil && n <= 0o777
}

// RetryFields are the retry options of open, endpoint and handler.
type RetryFields struct {
	MaxAttempts     int     `json:"max_attempts" min:"1" max:"1000000"`
	BackoffInitialS float64 `json:"backoff_initial_s" above:"0" max:"1e9"`
	BackoffFactor   float64 `json:"backoff_factor" min:"1" max:"1e6"`
	BackoffMaxS     float64 `json:"backoff_max_s" above:"0" max:"1e9"`
	BackoffJitter   *bool   `json:"backoff_jitter"`
}

// OpenRequest opens an inbox.
type OpenRequest struct {
	Path         string      `json:"path" required:"true"`
	HandlerScope string      `json:"handler_scope"`
	Options      OpenOptions `json:"options"`
}

// OpenOptions are the options of open.
type OpenOptions struct {
	QueueName              string          `json:"queue_name"`
	BusyTimeoutMS          int64           `json:"busy_timeout_ms" min:"1" max:"86400000"`
	ReceiveTimeoutMS       int64           `json:"receive_timeout_ms" min:"1" max:"86400000"`
	MaxBodyBytes           int64           `json:"max_body_bytes" min:"1"`
	MaxOrphans             int64           `json:"max_orphans" min:"1"`
	MaxOrphanBytes         int64           `json:"max_orphan_bytes" min:"1"`
	MaxOrphanBodyBytes     int64           `json:"max_orphan_body_bytes" min:"1"`
	MaxOrphansPerS         int64           `json:"max_orphans_per_s" min:"1"`
	RedactHeaders          []string        `json:"redact_headers"`
	FileMode               json.RawMessage `json:"file_mode"`
	Migrate                string          `json:"migrate"`
	Engine                 string          `json:"engine"`
	JournalMode            string          `json:"journal_mode"`
	ForeignKeys            *bool           `json:"foreign_keys"`
	MaxTransactionS        float64         `json:"max_transaction_s" above:"0" max:"86400"`
	AllowNetworkFileSystem bool            `json:"allow_network_file_system"`
	Clock                  *Clock          `json:"clock"`
	RetryFields
}

// Clock is the settable clock of an inbox under test. Its end is that of 64-bit
// nanoseconds, in the year 2262.
type Clock struct {
	NowS float64 `json:"now_s" required:"true" min:"0" max:"9000000000"`
}

// OpenReply is what open and info answer.
type OpenReply struct {
	DB            uint64 `json:"db"`
	Path          string `json:"path"`
	Version       string `json:"version"`
	SQLiteVersion string `json:"sqlite_version"`
	SchemaVersion int    `json:"schema_version"`
	Engine        string `json:"engine"` // "embedded" or "host": whose SQLite works on the file
}

// HostSQLiteRequest says where the host's SQLite is.
type HostSQLiteRequest struct {
	Library string `json:"library"` // the path of a shared library that the process has loaded; left out, the program itself
}

// HostSQLiteReply is the host's SQLite.
type HostSQLiteReply struct {
	SQLiteVersion string `json:"sqlite_version"`
}

// ReceiveRequest is one HTTP request; the body travels beside it.
type ReceiveRequest struct {
	Endpoint           string          `json:"endpoint" required:"true"`
	Method             string          `json:"method"`
	Headers            json.RawMessage `json:"headers"`
	Query              json.RawMessage `json:"query"`
	URL                string          `json:"url"`
	Provider           string          `json:"provider"`
	Secrets            json.RawMessage `json:"secrets"`
	ProviderOptions    map[string]any  `json:"provider_options"`
	ProviderEventID    string          `json:"provider_event_id"`
	ProviderDeliveryID string          `json:"provider_delivery_id"`
	EventType          string          `json:"event_type"`
	DedupeKey          string          `json:"dedupe_key"`
	QueueName          string          `json:"queue_name"`
	MaxAttempts        int             `json:"max_attempts" min:"1" max:"1000000"`
	TimeoutMS          int64           `json:"timeout_ms" min:"1" max:"86400000"`
	BodyConsumed       bool            `json:"body_consumed"`
	Ingest             bool            `json:"ingest"`
	SignatureValid     *bool           `json:"signature_valid"`
	SignatureError     string          `json:"signature_error"`
	Caller
}

// ReceiveReply says what became of a request.
type ReceiveReply struct {
	DeliveryID      NullInteger  `json:"delivery_id"`
	EventID         NullInteger  `json:"event_id"`
	EventIDs        []int64      `json:"event_ids"`
	Duplicate       bool         `json:"duplicate"`
	StatusCode      int          `json:"status_code"`
	Response        HTTPResponse `json:"response"`
	Reason          NullText     `json:"reason"`
	HandshakeSecret NullText     `json:"handshake_secret"`
}

// HTTPResponse is the answer for the sender.
type HTTPResponse struct {
	StatusCode int               `json:"status_code"`
	Headers    map[string]string `json:"headers"`
	Body       *string           `json:"body"`
}

// TicketReply is what starting an asynchronous receive answers.
type TicketReply struct {
	Ticket uint64 `json:"ticket"`
}

// PollRequest asks for completed tickets.
type PollRequest struct {
	Max int `json:"max" min:"1" max:"4096"`
}

// CancelRequest gives one ticket up.
type CancelRequest struct {
	Ticket uint64 `json:"ticket" required:"true" min:"1"`
}

// CancelReply says whether the ticket was dropped before it was stored.
type CancelReply struct {
	Cancelled bool `json:"cancelled"`
}

// DescriptorReply holds the completion descriptor.
type DescriptorReply struct {
	Descriptor int `json:"descriptor"`
}

// AddEndpointRequest adds or updates an endpoint.
type AddEndpointRequest struct {
	Name            string          `json:"name" required:"true"`
	Path            string          `json:"path"`
	Provider        string          `json:"provider"`
	Secrets         json.RawMessage `json:"secrets"`
	ProviderOptions map[string]any  `json:"provider_options"`
	URL             string          `json:"url"`
	Enabled         *bool           `json:"enabled"`
	Unhandled       string          `json:"unhandled"`
	SplitBatches    *bool           `json:"split_batches"`
	EventKey        string          `json:"event_key"`
	MaxBodyBytes    int64           `json:"max_body_bytes" min:"1"`
	RetryFields
	Caller
}

// NameRequest names an endpoint to read.
type NameRequest struct {
	Name string `json:"name" required:"true"`
}

// EnableRequest names an endpoint to enable, disable, pause or resume.
type EnableRequest struct {
	Name string `json:"name" required:"true"`
	Caller
}

// RemoveEndpointRequest removes an endpoint.
type RemoveEndpointRequest struct {
	Name  string `json:"name" required:"true"`
	Prune bool   `json:"prune"`
	Caller
}

// RemovedReply says whether something was removed.
type RemovedReply struct {
	Removed bool `json:"removed"`
}

// PageRequest asks for one page of a list.
type PageRequest struct {
	Limit  int    `json:"limit" min:"1" max:"1000"`
	Cursor string `json:"cursor"`
}

// Endpoint is one endpoint as stored.
type Endpoint struct {
	ID        int64    `json:"id"`
	Name      string   `json:"name"`
	Path      string   `json:"path"`
	Provider  NullText `json:"provider"`
	Enabled   bool     `json:"enabled"`
	Paused    bool     `json:"paused"`
	CreatedAt int64    `json:"created_at"`
}

// EndpointsReply is one page of endpoints.
type EndpointsReply struct {
	Endpoints []Endpoint `json:"endpoints"`
	Cursor    NullText   `json:"cursor"`
}

// RegisterHandlerRequest registers a handler's place.
type RegisterHandlerRequest struct {
	Endpoint     string  `json:"endpoint" required:"true"`
	EventType    string  `json:"event_type"`
	TimeoutS     float64 `json:"timeout_s" above:"0" max:"1e9"`
	HandlerScope *string `json:"handler_scope"` // nil: the inbox's
	RetryFields
}

// RegisterHandlerReply holds the handler's id and the one it replaces.
type RegisterHandlerReply struct {
	Handler  int64       `json:"handler"`
	Replaced NullInteger `json:"replaced"`
}

// UnregisterHandlerRequest names a handler.
type UnregisterHandlerRequest struct {
	Handler int64 `json:"handler" required:"true"`
}

// IDRequest names an event or a delivery to read.
type IDRequest struct {
	ID int64 `json:"id" required:"true"`
}

// EventIDRequest names the event of a list.
type EventIDRequest struct {
	EventID int64 `json:"event_id" required:"true"`
}

// EventActionRequest names the event of an action.
type EventActionRequest struct {
	EventID int64 `json:"event_id" required:"true"`
	Caller
}

// DeliveryActionRequest names the delivery of an action.
type DeliveryActionRequest struct {
	DeliveryID int64 `json:"delivery_id" required:"true"`
	EventID    int64 `json:"event_id" min:"1"` // of a batch: which of its events; left out, the first
	Caller
}

// PruneEventsRequest removes old events that need no more processing.
type PruneEventsRequest struct {
	Statuses  []string `json:"statuses"`                   // "handled", "ignored"; left out, both
	OlderThan int64    `json:"older_than" required:"true"` // Unix seconds, strictly
	Limit     int      `json:"limit" min:"1" max:"1000"`   // left out, 1000
	Force     bool     `json:"force"`                      // allows a cutoff younger than 8 days
	Caller
}

// PruneOrphansRequest removes old deliveries without an event.
type PruneOrphansRequest struct {
	OlderThan int64 `json:"older_than" required:"true"`
	Limit     int   `json:"limit" min:"1" max:"1000"`
	Caller
}

// PruneOrphansReply counts what was removed.
type PruneOrphansReply struct {
	DeliveriesPruned int64 `json:"deliveries_pruned"`
}

// EventIDReply names the event that an action changed.
type EventIDReply struct {
	EventID int64 `json:"event_id"`
}

// Event is one event. A nil Body is left out.
type Event struct {
	ID                 int64       `json:"id"`
	Endpoint           string      `json:"endpoint"`
	EventType          NullText    `json:"event_type"`
	ProviderEventID    NullText    `json:"provider_event_id"`
	ProviderDeliveryID NullText    `json:"provider_delivery_id"`
	DedupeKey          NullText    `json:"dedupe_key"`
	DeliveryID         NullInteger `json:"delivery_id"`
	Status             string      `json:"status"`
	AttemptCount       int         `json:"attempt_count"`
	Method             string      `json:"method"`
	Headers            Object      `json:"headers"`
	Query              Object      `json:"query"`
	ReceivedAt         int64       `json:"received_at"`
	HandledAt          NullInteger `json:"handled_at"`
	LastError          NullText    `json:"last_error"`
	ExpungedAt         NullInteger `json:"expunged_at"` // body, headers and query were erased then
	Body               *Base64     `json:"body,omitempty"`
}

// Object is stored JSON. What is not an object in valid JSON is shown as {}.
type Object json.RawMessage

// MarshalJSON implements json.Marshaler.
func (o Object) MarshalJSON() ([]byte, error) { return appendObject(nil, o), nil }

// Base64 is a body.
type Base64 []byte

// MarshalJSON implements json.Marshaler.
func (b Base64) MarshalJSON() ([]byte, error) { return AppendBase64(nil, b), nil }

// EventsReply is one page of events.
type EventsReply struct {
	Events []Event  `json:"events"`
	Cursor NullText `json:"cursor"`
}

// Delivery is one HTTP receipt. A nil Body is left out.
type Delivery struct {
	ID                 int64       `json:"id"`
	Endpoint           string      `json:"endpoint"`
	EventID            NullInteger `json:"event_id"`
	Kind               string      `json:"kind"`
	Reason             NullText    `json:"reason"`
	ReceivedAt         int64       `json:"received_at"`
	ProviderEventID    NullText    `json:"provider_event_id"`
	ProviderDeliveryID NullText    `json:"provider_delivery_id"`
	EventType          NullText    `json:"event_type"`
	Method             string      `json:"method"`
	Headers            Object      `json:"headers"`
	Query              Object      `json:"query"`
	SignatureValid     *bool       `json:"signature_valid"`
	SignatureError     NullText    `json:"signature_error"`
	DedupeKey          NullText    `json:"dedupe_key"`
	BodyBytes          int64       `json:"body_bytes"`
	BodyDigest         NullText    `json:"body_digest"`
	AcceptedAt         NullInteger `json:"accepted_at"`
	AcceptedBy         NullText    `json:"accepted_by"`
	AcceptedReason     NullText    `json:"accepted_reason"`
	ExpungedAt         NullInteger `json:"expunged_at"` // body, headers and query were erased then
	Body               *Base64     `json:"body,omitempty"`
}

// DeliveriesReply is one page of deliveries.
type DeliveriesReply struct {
	Deliveries []Delivery `json:"deliveries"`
	Cursor     NullText   `json:"cursor"`
}

// Attempt is one run of a handler.
type Attempt struct {
	ID          int64    `json:"id"`
	EventID     int64    `json:"event_id"`
	AttemptedAt int64    `json:"attempted_at"`
	Outcome     string   `json:"outcome"`
	Error       NullText `json:"error"`
	DurationMS  int64    `json:"duration_ms"`
}

// AttemptsReply lists the attempts of one event, oldest first.
type AttemptsReply struct {
	Attempts []Attempt `json:"attempts"`
}
