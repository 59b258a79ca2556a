package abi

// AttachRequest sets up the inbox of a host's connection.
type AttachRequest struct {
	Options      AttachOptions `json:"options"`
	HandlerScope string        `json:"handler_scope"`
}

// AttachOptions are those options of open that are not about opening a file.
type AttachOptions struct {
	QueueName          string   `json:"queue_name"`
	MaxBodyBytes       int64    `json:"max_body_bytes" min:"1"`
	MaxOrphans         int64    `json:"max_orphans" min:"1"`
	MaxOrphanBytes     int64    `json:"max_orphan_bytes" min:"1"`
	MaxOrphanBodyBytes int64    `json:"max_orphan_body_bytes" min:"1"`
	MaxOrphansPerS     int64    `json:"max_orphans_per_s" min:"1"`
	RedactHeaders      []string `json:"redact_headers"`
	Migrate            string   `json:"migrate"`
	Clock              *Clock   `json:"clock"`
	RetryFields
}

// AttachReply says what the connection works on.
type AttachReply struct {
	Path          NullText `json:"path"` // null: in memory, or temporary
	Version       string   `json:"version"`
	SQLiteVersion string   `json:"sqlite_version"`
	SchemaVersion int      `json:"schema_version"` // 0: the tables can't be made or read now
}

// ConnectionReceiveReply is the answer of a receive on a host's connection.
type ConnectionReceiveReply struct {
	ReceiveReply
	Durable bool `json:"durable"` // it is on disk; false within a transaction of the host's
}

// AppendJSON appends the reply.
func (r *ConnectionReceiveReply) AppendJSON(out []byte) []byte {
	out = r.ReceiveReply.AppendJSON(out)
	out = append(out[:len(out)-1], `,"durable":`...)
	return append(AppendBool(out, r.Durable), '}')
}

// WorkerRequest names a worker of a host's connections.
type WorkerRequest struct {
	Worker int64 `json:"worker" required:"true" min:"1"`
}

// WorkerNextReply is the next event to handle, or when to ask again.
type WorkerNextReply struct {
	Step     *Step `json:"step"`
	WaitMS   int64 `json:"wait_ms"` // 0 with a step, else at most 100
	Stopping bool  `json:"stopping"`
}

// AppendJSON appends the reply.
func (r *WorkerNextReply) AppendJSON(out []byte) []byte {
	out = append(out, `{"step":`...)
	if r.Step == nil {
		out = append(out, "null"...)
	} else {
		out = r.Step.AppendJSON(out)
	}
	out = append(out, `,"wait_ms":`...)
	out = AppendInteger(out, r.WaitMS)
	out = append(out, `,"stopping":`...)
	return append(AppendBool(out, r.Stopping), '}')
}

// StepRequest names a step of a host's connections.
type StepRequest struct {
	Step int64 `json:"step" required:"true" min:"1"`
}

// StepFinishRequest ends a step of a host's connections.
type StepFinishRequest struct {
	Step    int64    `json:"step" required:"true" min:"1"`
	Outcome *Outcome `json:"outcome" required:"true"`
}
