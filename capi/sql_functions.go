package main

import (
	"encoding/json"

	"github.com/knocker-dev/knocker/core"
)

// sqlCall runs on the host's connection and answers an int64 or a text.
type sqlCall func(h *core.Hosted) (any, error)

// sqlFunction is a function of the extension: how many arguments it takes, and
// how they become a call.
type sqlFunction struct {
	name        string
	least, most int
	writes      bool // then it may not run from views and triggers
	prepare     func(a *sqlArguments) sqlCall
}

var sqlFunctions = []sqlFunction{
	{"knocker_version", 0, 0, false, func(*sqlArguments) sqlCall {
		return func(*core.Hosted) (any, error) { return core.Version, nil }
	}},
	{"knocker_bootstrap", 0, 0, true, sqlBootstrap},
	{"honker_bootstrap", 0, 0, true, sqlBootstrap},
	{"knocker_endpoint_upsert", 4, 4, true, sqlAddEndpoint},
	{"knocker_receive", 12, 14, true, sqlReceive},
	{"knocker_ingest", 11, 13, true, sqlIngest},
	{"knocker_mark_processing", 2, 2, true, func(a *sqlArguments) sqlCall {
		event, attempt := a.integer("event_id"), a.small("attempt_count")
		return done(func(h *core.Hosted) error { return h.MarkProcessing(event, attempt) })
	}},
	{"knocker_mark_handled", 2, 2, true, sqlMarkDone(core.StatusHandled)},
	{"knocker_mark_ignored", 2, 2, true, sqlMarkDone(core.StatusIgnored)},
	{"knocker_mark_failed", 5, 5, true, func(a *sqlArguments) sqlCall {
		event, attempt, message := a.integer("event_id"), a.small("attempt_count"), a.optional("error")
		terminal, duration := a.flag("terminal"), a.integer("duration_ms")
		return done(func(h *core.Hosted) error { return h.MarkFailed(event, attempt, message, terminal, duration) })
	}},
	{"knocker_ignore", 1, 1, true, func(a *sqlArguments) sqlCall {
		event := a.integer("event_id")
		return done(func(h *core.Hosted) error { return h.Ignore(event) })
	}},
	{"knocker_replay", 3, 3, true, sqlRunAgain((*core.Hosted).Replay)},
	{"knocker_requeue", 3, 3, true, sqlRunAgain((*core.Hosted).Requeue)},
	{"honker_claim_batch", 4, 4, true, sqlClaim},
	{"honker_ack", 2, 2, true, func(a *sqlArguments) sqlCall {
		job, worker := a.integer("job_id"), a.text("worker_id")
		return held(func(h *core.Hosted) (bool, error) { return h.Acknowledge(job, worker) })
	}},
	{"honker_retry", 4, 4, true, func(a *sqlArguments) sqlCall {
		job, worker, delay, message := a.integer("job_id"), a.text("worker_id"), a.integer("delay_s"), a.optional("error")
		return held(func(h *core.Hosted) (bool, error) { return h.Retry(job, worker, delay, message) })
	}},
	{"honker_fail", 3, 3, true, func(a *sqlArguments) sqlCall {
		job, worker, message := a.integer("job_id"), a.text("worker_id"), a.optional("error")
		return held(func(h *core.Hosted) (bool, error) { return h.Fail(job, worker, message) })
	}},
	{"honker_heartbeat", 3, 3, true, func(a *sqlArguments) sqlCall {
		job, worker, extend := a.integer("job_id"), a.text("worker_id"), a.integer("extend_s")
		return held(func(h *core.Hosted) (bool, error) { return h.Renew(job, worker, extend) })
	}},
	{"honker_queue_next_claim_at", 1, 1, false, func(a *sqlArguments) sqlCall {
		queue := a.text("queue")
		return func(h *core.Hosted) (any, error) { return h.NextClaimAt(queue) }
	}},
}

// done answers 1 where there was no error.
func done(f func(h *core.Hosted) error) sqlCall {
	return func(h *core.Hosted) (any, error) { return int64(1), f(h) }
}

// held answers 1, or 0 where the worker does not hold the job.
func held(f func(h *core.Hosted) (bool, error)) sqlCall {
	return func(h *core.Hosted) (any, error) {
		ok, err := f(h)
		if ok {
			return int64(1), err
		}
		return int64(0), err
	}
}

func sqlBootstrap(*sqlArguments) sqlCall { return done((*core.Hosted).Bootstrap) }

func sqlMarkDone(status string) func(a *sqlArguments) sqlCall {
	return func(a *sqlArguments) sqlCall {
		event, duration := a.integer("event_id"), a.integer("duration_ms")
		return done(func(h *core.Hosted) error { return h.MarkDone(event, status, duration) })
	}
}

func sqlRunAgain(action func(h *core.Hosted, event int64) error) func(a *sqlArguments) sqlCall {
	return func(a *sqlArguments) sqlCall {
		event := a.integer("event_id")
		a.queueSettings()
		return done(func(h *core.Hosted) error { return action(h, event) })
	}
}

func sqlAddEndpoint(a *sqlArguments) sqlCall {
	name, path, provider, enabled := a.text("name"), a.optional("path"), a.optional("provider"), a.flag("enabled")
	return func(h *core.Hosted) (any, error) { return h.AddEndpoint(name, path, provider, enabled) }
}

func sqlClaim(a *sqlArguments) sqlCall {
	queue, worker, limit, timeout := a.text("queue"), a.text("worker_id"), a.integer("n"), a.integer("timeout_s")
	return func(h *core.Hosted) (any, error) {
		jobs, err := h.Claim(queue, worker, limit, timeout)
		if err != nil {
			return nil, err
		}
		out, err := json.Marshal(jobs)
		return string(out), err
	}
}

func sqlReceive(a *sqlArguments) sqlCall {
	p := core.ReceiveParams{Endpoint: a.text("endpoint"), Provider: a.text("provider"), Secrets: a.json("secrets_json"),
		ProviderOptions: a.object("options_json"), Method: a.optional("method"), Headers: a.json("headers_json"), Body: a.body(), Query: a.json("query_json")}
	a.identity(&p)
	return receiveCall(p)
}

func sqlIngest(a *sqlArguments) sqlCall {
	p := core.ReceiveParams{Ingest: true, Endpoint: a.text("endpoint"), Method: a.optional("method"), Headers: a.json("headers_json"),
		Body: a.body(), Query: a.json("query_json"), SignatureValid: a.optionalFlag("signature_valid"), SignatureError: a.optional("signature_error")}
	a.identity(&p)
	return receiveCall(p)
}

func (a *sqlArguments) identity(p *core.ReceiveParams) {
	p.ProviderEventID, p.ProviderDeliveryID = a.optional("provider_event_id"), a.optional("provider_delivery_id")
	p.EventType, p.DedupeKey = a.optional("event_type"), a.optional("dedupe_key")
	a.queueSettings()
}

func receiveCall(p core.ReceiveParams) sqlCall {
	return func(h *core.Hosted) (any, error) {
		result, durable, err := h.Receive(p)
		if err != nil {
			return nil, err
		}
		return resultForSQL(&result, durable)
	}
}

// resultForSQL is a receipt's answer with 0 and 1 for its flags.
func resultForSQL(r *core.Result, durable bool) (any, error) {
	var out map[string]any
	if err := json.Unmarshal(appendResult(nil, r), &out); err != nil {
		return nil, err
	}
	out["duplicate"], out["durable"] = bit(r.Duplicate), bit(durable)
	text, err := json.Marshal(out)
	return string(text), err
}

func bit(set bool) int {
	if set {
		return 1
	}
	return 0
}
