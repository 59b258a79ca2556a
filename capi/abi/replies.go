package abi

import "slices"

// AppendJSON appends the reply. It says the same as json.Marshal; a test
// compares the two.
func (r *ReceiveReply) AppendJSON(out []byte) []byte {
	out = append(out, `{"delivery_id":`...)
	out = appendNullInteger(out, r.DeliveryID)
	out = append(out, `,"event_id":`...)
	out = appendNullInteger(out, r.EventID)
	out = append(out, `,"event_ids":[`...)
	for i, id := range r.EventIDs {
		if i > 0 {
			out = append(out, ',')
		}
		out = AppendInteger(out, id)
	}
	out = append(out, `],"duplicate":`...)
	out = AppendBool(out, r.Duplicate)
	out = append(out, `,"status_code":`...)
	out = AppendInteger(out, int64(r.StatusCode))
	out = append(out, `,"response":`...)
	out = r.Response.AppendJSON(out)
	out = append(out, `,"reason":`...)
	out = appendNullText(out, r.Reason)
	out = append(out, `,"handshake_secret":`...)
	out = appendNullText(out, r.HandshakeSecret)
	return append(out, '}')
}

// AppendJSON appends the response.
func (r *HTTPResponse) AppendJSON(out []byte) []byte {
	out = append(out, `{"status_code":`...)
	out = AppendInteger(out, int64(r.StatusCode))
	out = append(out, `,"headers":{`...)
	names := make([]string, 0, len(r.Headers))
	for name := range r.Headers {
		names = append(names, name)
	}
	slices.Sort(names)
	for i, name := range names {
		if i > 0 {
			out = append(out, ',')
		}
		out = AppendText(out, name)
		out = append(out, ':')
		out = AppendText(out, r.Headers[name])
	}
	out = append(out, `},"body":`...)
	if r.Body == nil {
		return append(out, "null}"...)
	}
	return append(AppendText(out, *r.Body), '}')
}

// AppendJSON appends the event.
func (e *Event) AppendJSON(out []byte) []byte {
	out = append(out, `{"id":`...)
	out = AppendInteger(out, e.ID)
	out = append(out, `,"endpoint":`...)
	out = AppendText(out, e.Endpoint)
	out = append(out, `,"event_type":`...)
	out = appendNullText(out, e.EventType)
	out = append(out, `,"provider_event_id":`...)
	out = appendNullText(out, e.ProviderEventID)
	out = append(out, `,"provider_delivery_id":`...)
	out = appendNullText(out, e.ProviderDeliveryID)
	out = append(out, `,"dedupe_key":`...)
	out = appendNullText(out, e.DedupeKey)
	out = append(out, `,"delivery_id":`...)
	out = appendNullInteger(out, e.DeliveryID)
	out = append(out, `,"status":`...)
	out = AppendText(out, e.Status)
	out = append(out, `,"attempt_count":`...)
	out = AppendInteger(out, int64(e.AttemptCount))
	out = append(out, `,"method":`...)
	out = AppendText(out, e.Method)
	out = append(out, `,"headers":`...)
	out = appendObject(out, e.Headers)
	out = append(out, `,"query":`...)
	out = appendObject(out, e.Query)
	out = append(out, `,"received_at":`...)
	out = AppendInteger(out, e.ReceivedAt)
	out = append(out, `,"handled_at":`...)
	out = appendNullInteger(out, e.HandledAt)
	out = append(out, `,"last_error":`...)
	out = appendNullText(out, e.LastError)
	out = append(out, `,"expunged_at":`...)
	out = appendNullInteger(out, e.ExpungedAt)
	if e.Body != nil {
		out = append(out, `,"body":`...)
		out = AppendBase64(out, *e.Body)
	}
	return append(out, '}')
}

// AppendJSON appends the page.
func (r *EventsReply) AppendJSON(out []byte) []byte {
	out = append(out, `{"events":[`...)
	for i := range r.Events {
		if i > 0 {
			out = append(out, ',')
		}
		out = r.Events[i].AppendJSON(out)
	}
	out = append(out, `],"cursor":`...)
	return append(appendNullText(out, r.Cursor), '}')
}

// AppendJSON appends the reply.
func (r *WorkerStepReply) AppendJSON(out []byte) []byte {
	out = append(out, `{"finished":`...)
	if r.Finished == nil {
		out = append(out, "null"...)
	} else {
		out = r.Finished.AppendJSON(out)
	}
	out = append(out, `,"step":`...)
	if r.Step == nil {
		out = append(out, "null"...)
	} else {
		out = r.Step.AppendJSON(out)
	}
	out = append(out, `,"stopping":`...)
	out = AppendBool(out, r.Stopping)
	return append(out, '}')
}

// AppendJSON appends what became of a step.
func (f *Finished) AppendJSON(out []byte) []byte {
	out = append(out, `{"event_id":`...)
	out = AppendInteger(out, f.EventID)
	out = append(out, `,"status":`...)
	out = AppendText(out, f.Status)
	if f.Error == nil {
		return append(out, `,"error":null}`...)
	}
	out = append(out, `,"error":{"code":`...)
	out = AppendText(out, f.Error.Code)
	out = append(out, `,"message":`...)
	out = AppendText(out, f.Error.Message)
	return append(out, "}}"...)
}

// AppendJSON appends the step.
func (s *Step) AppendJSON(out []byte) []byte {
	out = append(out, `{"step":`...)
	out = AppendInteger(out, int64(s.Step))
	out = append(out, `,"handler":`...)
	out = AppendInteger(out, s.Handler)
	out = append(out, `,"attempt":`...)
	out = AppendInteger(out, int64(s.Attempt))
	out = append(out, `,"max_attempts":`...)
	out = AppendInteger(out, int64(s.MaxAttempts))
	out = append(out, `,"timeout_s":`...)
	out = appendFloat(out, s.TimeoutS)
	out = append(out, `,"event":`...)
	return append(s.Event.AppendJSON(out), '}')
}

// AppendExecReply appends the answer of op "execute".
func AppendExecReply(out []byte, changes, lastInsertID int64) []byte {
	out = append(out, `{"changes":`...)
	out = AppendInteger(out, changes)
	out = append(out, `,"last_insert_rowid":`...)
	return append(AppendCell(out, lastInsertID), '}')
}

// AppendQueryReply appends the answer of op "query".
func AppendQueryReply(out []byte, columns []string, rows [][]any) []byte {
	out = append(out, `{"columns":[`...)
	for i, column := range columns {
		if i > 0 {
			out = append(out, ',')
		}
		out = AppendText(out, column)
	}
	out = append(out, `],"rows":[`...)
	for i, row := range rows {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, '[')
		for j, cell := range row {
			if j > 0 {
				out = append(out, ',')
			}
			out = AppendCell(out, cell)
		}
		out = append(out, ']')
	}
	return append(out, "]}"...)
}
