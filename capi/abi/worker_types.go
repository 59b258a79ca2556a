package abi

import "encoding/json"

// WorkerOpenRequest opens a worker.
type WorkerOpenRequest struct {
	Concurrency        int      `json:"concurrency" min:"1" max:"10000"`
	LeaseS             float64  `json:"lease_s" above:"0" max:"1e9"`
	WorkerID           string   `json:"worker_id"`
	Endpoints          []string `json:"endpoints"`
	StopTimeoutS       float64  `json:"stop_timeout_s" above:"0" max:"1e9"`
	HandlerSynchronous string   `json:"handler_synchronous"`
	HandlerTimeoutS    float64  `json:"handler_timeout_s" above:"0" max:"1e9"`
	HandlerScope       *string  `json:"handler_scope"`
}

// WorkerOpenReply holds a worker's handle.
type WorkerOpenReply struct {
	Worker      uint64 `json:"worker"`
	WorkerID    string `json:"worker_id"`
	Concurrency int    `json:"concurrency"`
}

// WorkerStepRequest ends a step, waits for the next one, or both.
type WorkerStepRequest struct {
	Step    uint64   `json:"step" min:"1"`
	Outcome *Outcome `json:"outcome"`
	WaitMS  *int64   `json:"wait_ms" min:"0" max:"86400000"`
	Caller
}

// Outcome is how a run of a handler ended.
type Outcome struct {
	Kind    string        `json:"kind" required:"true"`
	Error   *OutcomeError `json:"error"`
	Seconds *float64      `json:"seconds" min:"0" max:"1e9"`
	Reason  string        `json:"reason"`
}

// OutcomeError is the error that a handler ended with.
type OutcomeError struct {
	Type    string `json:"type"`
	Message string `json:"message"`
	Code    string `json:"code"`
}

// WorkerStepReply holds what became of the ended step and the next one.
type WorkerStepReply struct {
	Finished *Finished `json:"finished"`
	Step     *Step     `json:"step"`
	Stopping bool      `json:"stopping"`
}

// Finished says what the file says about a step that has ended.
type Finished struct {
	EventID int64       `json:"event_id"`
	Status  string      `json:"status"`
	Error   *ErrorBrief `json:"error"`
}

// ErrorBrief says why an outcome could not be committed.
type ErrorBrief struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Step is one event in the hands of one handler.
type Step struct {
	Step        uint64  `json:"step"`
	Handler     int64   `json:"handler"`
	Attempt     int     `json:"attempt"`
	MaxAttempts int     `json:"max_attempts"`
	TimeoutS    float64 `json:"timeout_s"`
	Event       Event   `json:"event"`
}

// WorkerStopRequest stops a worker.
type WorkerStopRequest struct {
	DeadlineMS *int64 `json:"deadline_ms" min:"0" max:"86400000"`
}

// WorkerStopReply says what stopping left over.
type WorkerStopReply struct {
	Stopped    bool    `json:"stopped"`
	RolledBack []int64 `json:"rolled_back"`
	GivenBack  int     `json:"given_back"`
}

// TxRequest is one call on a step's transaction.
type TxRequest struct {
	Op     string          `json:"op" required:"true"`
	SQL    string          `json:"sql"`
	Params json.RawMessage `json:"params"`
	Caller
}

// TxStateReply is the answer of op "state".
type TxStateReply struct {
	Open        bool     `json:"open"`
	Ended       NullText `json:"ended"`
	RemainingMS int64    `json:"remaining_ms"`
}

// ErrorReply is the value of "error" in a reply.
type ErrorReply struct {
	Code       string         `json:"code"`
	Message    string         `json:"message"`
	HTTPStatus int            `json:"http_status"`
	Retryable  bool           `json:"retryable"`
	Details    map[string]any `json:"details,omitempty"`
}

// WatchHooksRequest starts collecting hook events.
type WatchHooksRequest struct {
	Limit int `json:"limit" min:"1" max:"100000"`
}

// HooksReply is what poll_hooks answers.
type HooksReply struct {
	Events  []HookEvent `json:"events"`
	Dropped int64       `json:"dropped"` // given way because nobody polled, since watch_hooks
}

// HookEvent is one thing that happened, without bodies or secrets.
type HookEvent struct {
	Kind       string      `json:"kind"`
	AtMS       int64       `json:"at_ms"` // Unix milliseconds
	Endpoint   NullText    `json:"endpoint"`
	EventID    NullInteger `json:"event_id"`
	Count      int64       `json:"count"`       // of a batch, else 0
	DurationMS float64     `json:"duration_ms"` // of a handler or a commit, else 0
	Code       NullText    `json:"code"`
}

// BackupRequest names the file to make.
type BackupRequest struct {
	Path string `json:"path" required:"true"`
}
