package abi

// RetentionPolicy says how long each kind of row is kept, in seconds; -1 keeps
// it for ever. The age of events and orphans counts from their receipt.
type RetentionPolicy struct {
	HandledS  *float64 `json:"handled_s" min:"-1" max:"9e9"`   // events. Defaults to 30 days.
	IgnoredS  *float64 `json:"ignored_s" min:"-1" max:"9e9"`   // events. Defaults to 30 days.
	DeadS     *float64 `json:"dead_s" min:"-1" max:"9e9"`      // events. Defaults to -1: for ever.
	OrphansS  *float64 `json:"orphans_s" min:"-1" max:"9e9"`   // deliveries without an event. Defaults to 30 days.
	DeadJobsS *float64 `json:"dead_jobs_s" min:"-1" max:"9e9"` // the queue's rows of dead events, since their death. Defaults to -1: for ever.
	AuditsS   *float64 `json:"audits_s" min:"-1" max:"9e9"`    // Defaults to 365 days.
	Batch     int      `json:"batch" min:"1" max:"1000"`       // most rows that one transaction removes. Defaults to 500.
	IntervalS float64  `json:"interval_s" above:"0" max:"9e9"` // between two passes; up to a tenth is added. Defaults to 3600.
	LeaseS    float64  `json:"lease_s" min:"1" max:"86400"`    // how long a leader that has vanished keeps others waiting. Defaults to 60.
	Force     bool     `json:"force"`                          // allows ages of events below 8 days, within which senders still retry
}

// RetentionRequest starts the retention of a file.
type RetentionRequest struct {
	Policy *RetentionPolicy `json:"policy"`
}

// RetentionPassRequest asks for one bounded pass.
type RetentionPassRequest struct {
	Policy *RetentionPolicy `json:"policy"`
	Caller
}

// RetentionPassReply counts the rows that were really removed.
type RetentionPassReply struct {
	EventsPruned     int64 `json:"events_pruned"`
	DeliveriesPruned int64 `json:"deliveries_pruned"`
	AttemptsPruned   int64 `json:"attempts_pruned"`
	LiveJobsPruned   int64 `json:"live_jobs_pruned"`
	DeadJobsPruned   int64 `json:"dead_jobs_pruned"`
	AuditsPruned     int64 `json:"audits_pruned"`
	PagesReleased    int64 `json:"pages_released"` // given back to the file system
	More             bool  `json:"more"`           // another pass would find more
}

// StoppedReply says whether something ran that was stopped.
type StoppedReply struct {
	Stopped bool `json:"stopped"`
}

// RetentionStateReply says what the retention of a file does.
type RetentionStateReply struct {
	Running    bool           `json:"running"`     // in this process
	Leader     bool           `json:"leader"`      // this process leads
	LeaderID   NullText       `json:"leader_id"`   // host:pid:random of the process that leads
	LeaseUntil NullInteger    `json:"lease_until"` // Unix seconds
	LastPass   *PruneAudit    `json:"last_pass"`   // of any process
	LastError  *LastErrorInfo `json:"last_error"`  // of this process since it started
}

// LastErrorInfo is an error that nobody waited for.
type LastErrorInfo struct {
	At      int64  `json:"at"` // Unix seconds
	Code    string `json:"code"`
	Message string `json:"message"`
}

// PruneAudit records one operation that removed or erased something.
type PruneAudit struct {
	ID               int64    `json:"id"`
	Kind             string   `json:"kind"` // "events", "orphan_deliveries", "retention", "expunge" or "accept_delivery"
	QueueName        NullText `json:"queue_name"`
	ExecutedAt       int64    `json:"executed_at"`   // Unix seconds
	EventsPruned     int64    `json:"events_pruned"` // of "expunge": erased
	DeliveriesPruned int64    `json:"deliveries_pruned"`
	AttemptsPruned   int64    `json:"attempts_pruned"`
	LiveJobsPruned   int64    `json:"live_jobs_pruned"`
	Summary          Object   `json:"summary"` // what was asked for, and further counts
}

// PruneAuditsReply is one page of audits, newest first.
type PruneAuditsReply struct {
	Audits []PruneAudit `json:"audits"`
	Cursor NullText     `json:"cursor"`
}

// ExpungeRequest erases the bodies, headers and queries of events.
type ExpungeRequest struct {
	BulkEventsRequest
	Reason string `json:"reason"` // for the audit
}

// ExpungeReply says what one transaction did.
type ExpungeReply struct {
	BulkReply
	ErasedFromFile bool `json:"erased_from_file"` // neither the database nor its WAL holds the bytes any more
}

// CheckRequest asks whether the file is sound.
type CheckRequest struct {
	Quick bool `json:"quick"` // without comparing indexes with their tables
}

// CheckReply says what is wrong with a file: empty lists and zeros, nothing.
type CheckReply struct {
	Integrity     []string     `json:"integrity"`    // SQLite's sentences on damage, at most 100
	ForeignKeys   []BrokenLink `json:"foreign_keys"` // at most 100
	SchemaVersion int          `json:"schema_version"`
	Stuck         int64        `json:"stuck"`       // received events whose job is gone
	OrphanJobs    int64        `json:"orphan_jobs"` // jobs of the inbox's queue that are about no event
}

// BrokenLink is a row whose foreign key has no row to point at.
type BrokenLink struct {
	Table  string      `json:"table"`
	RowID  NullInteger `json:"rowid"`
	Parent string      `json:"parent"`
}
