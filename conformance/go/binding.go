package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	knockersqlite "github.com/knocker-dev/knocker/bindings/go"
	"github.com/knocker-dev/knocker/conformance/runner"
)

type binding struct{}

// inbox is an open inbox and what a scenario watches of it.
type inbox struct {
	*knockersqlite.Inbox
	clock *clock
	mu    sync.Mutex
	hooks []any // since watch_hooks
	limit int
	lost  int
}

// clock is settable; inboxes on one file share it, as they share their engine.
type clock struct{ now atomic.Int64 }

var clocks = map[string]*clock{}

func (c *clock) set(at any) error {
	seconds, err := at.(json.Number).Float64()
	c.now.Store(int64(seconds * float64(time.Second)))
	return err
}

func (binding) Open(path string, asked map[string]any) (runner.Inbox, error) {
	i := &inbox{}
	var o knockersqlite.Options
	if settable, ok := asked["clock"].(map[string]any); ok {
		if i.clock = clocks[path]; i.clock == nil {
			i.clock = &clock{}
			clocks[path] = i.clock
		}
		if err := i.clock.set(settable["now_s"]); err != nil {
			return nil, err
		}
		o.Now = func() time.Time { return time.Unix(0, i.clock.now.Load()) }
	}
	if asked["engine"] == "embedded" { // Go has no other, and no option for it
		asked = without(asked, "engine")
	}
	err := fill(&o, without(asked, "clock"))
	if err == nil {
		i.Inbox, err = knockersqlite.OpenWith(path, o)
	}
	return i, err
}

func (binding) PlainError(err error) map[string]any {
	var known *knockersqlite.Error
	if !errors.As(err, &known) {
		return map[string]any{"code": "internal", "message": err.Error(), "details": map[string]any{}}
	}
	details := map[string]any{}
	for name, value := range known.Details {
		details[name] = plain(value)
	}
	return map[string]any{"code": string(known.Code), "message": known.Message, "http_status": plain(known.HTTPStatus()),
		"retryable": known.Retryable(), "details": details}
}

func (i *inbox) Receive(request map[string]any, body []byte) (any, error) {
	if ingest, _ := request["ingest"].(bool); ingest {
		p := knockersqlite.IngestParams{Body: body}
		if err := fill(&p, shaped(without(request, "ingest"))); err != nil {
			return nil, err
		}
		return answer(i.Ingest(context.Background(), p))
	}
	p := knockersqlite.ReceiveParams{Body: body}
	if err := fill(&p, shaped(request)); err != nil {
		return nil, err
	}
	return answer(i.Inbox.Receive(p))
}

// shaped turns headers and query of any shape into those that Go has for it: a
// mapping is a map, pairs are http.Header, which keeps their order, and text is
// the raw query.
func shaped(request map[string]any) map[string]any {
	out := without(request)
	for _, name := range []string{"headers", "query"} {
		switch value := request[name].(type) {
		case string:
			delete(out, name)
			out["raw_query"] = value
		case map[string]any:
			out[name] = native(value)
		case []any:
			delete(out, name)
			if header, ok := headerOf(value); ok && name == "headers" {
				out["header"] = header
			} else {
				out[name] = mapOf(value)
			}
		}
	}
	return out
}

func headerOf(pairs []any) (http.Header, bool) {
	header := http.Header{}
	for _, item := range pairs {
		pair, _ := item.([]any)
		if len(pair) != 2 {
			return nil, false
		}
		name, isText := native(pair[0]).(string)
		value, valueIsText := native(pair[1]).(string)
		if !isText || !valueIsText {
			return nil, false
		}
		header.Add(name, value) // by its canonical name, as net/http does
	}
	return header, true
}

func mapOf(pairs []any) map[string]any {
	out := map[string]any{}
	for _, item := range pairs {
		pair := item.([]any)
		name, value := native(pair[0]).(string), native(pair[1])
		switch before := out[name].(type) {
		case nil:
			out[name] = value
		case []any:
			out[name] = append(before, value)
		default:
			out[name] = []any{before, value}
		}
	}
	return out
}

// native turns a value of the suite into Go's own.
func native(value any) any {
	switch value := value.(type) {
	case map[string]any:
		if encoded, ok := value["$bytes"].(string); ok {
			raw, _ := base64.StdEncoding.DecodeString(encoded)
			return string(raw)
		}
		if value["$object"] != nil {
			return make(chan int) // has no JSON form
		}
		out := make(map[string]any, len(value))
		for name, item := range value {
			out[name] = native(item)
		}
		return out
	case []any:
		out := make([]any, len(value))
		for n, item := range value {
			out[n] = native(item)
		}
		return out
	case json.Number:
		if n, err := value.Int64(); err == nil {
			return n
		}
		f, _ := value.Float64()
		return f
	}
	return value
}

func (i *inbox) Handle(endpoint string, eventType any, options map[string]any, handle runner.HandlerFunc) error {
	var o knockersqlite.HandlerOptions
	if err := fill(&o, options); err != nil {
		return err
	}
	of, _ := eventType.(string)
	return i.RegisterHandlerWith(endpoint, of, o, func(event knockersqlite.Event, tx *knockersqlite.Tx) error {
		return outcome(handle(plain(event), transaction{tx}))
	})
}

// outcome is this package's way to say what a scenario's handler has chosen.
func outcome(err error) error {
	switch err := err.(type) {
	case *runner.RetryAfter:
		return &knockersqlite.RetryAfter{After: time.Duration(err.Seconds * float64(time.Second)), Cause: err}
	case *runner.Discard:
		return &knockersqlite.Discard{Reason: err.Reason}
	case *runner.Ignore:
		return &knockersqlite.IgnoreEvent{Reason: err.Reason}
	}
	return err
}

func (i *inbox) WorkOnce(options map[string]any) error {
	var o knockersqlite.WorkerOptions
	if err := fill(&o, options); err != nil {
		return err
	}
	_, err := i.RunWorkerOnce(context.Background(), o)
	return err
}

// answer is the plain form of what a call answers.
func answer[T any](value T, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return plain(value), nil
}

func without(request map[string]any, names ...string) map[string]any {
	out := make(map[string]any, len(request))
	for name, value := range request {
		out[name] = value
	}
	for _, name := range names {
		delete(out, name)
	}
	return out
}
