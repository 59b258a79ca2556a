package core

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// HandlerFunc handles one event. What it writes through tx is committed
// together with "handled"; an error or a panic rolls it back.
type HandlerFunc func(ctx context.Context, event *Event, tx *Tx) error

// handler is a registered place for events; fn is nil when another runtime
// keeps the function.
type handler struct {
	id      int64
	params  HandlerParams
	timeout time.Duration
	fn      HandlerFunc
}

// lastHandler makes ids that are unique in the process, so that a binding can
// keep one map from id to function whatever inbox a step comes from.
var lastHandler atomic.Int64

// registry holds the handlers of an engine by scope, endpoint and event type.
type registry struct {
	mu     sync.RWMutex
	places map[string]*handler // scope \x00 endpoint \x00 type
	byID   map[int64]string
}

func (r *registry) init() {
	r.places, r.byID = map[string]*handler{}, map[int64]string{}
}

func place(scope, endpoint, eventType string) string {
	return scope + "\x00" + endpoint + "\x00" + eventType
}

// RegisterHandler reserves a place for a handler whose function the caller
// keeps; steps name it by its id. Registering a place again replaces it.
func (i *Inbox) RegisterHandler(p HandlerParams) (HandlerRegistration, error) {
	return i.register(p, nil)
}

// Handle registers a Go function for an endpoint's events of a type: exact, a
// prefix such as "invoice.*", or "" for all that no other handler takes.
func (i *Inbox) Handle(p HandlerParams, fn HandlerFunc) error {
	if fn == nil {
		return fail(CodeInvalidArgument, "the handler is nil")
	}
	_, err := i.register(p, fn)
	return err
}

func (i *Inbox) register(p HandlerParams, fn HandlerFunc) (HandlerRegistration, error) {
	if err := i.usable(); err != nil {
		return HandlerRegistration{}, err
	}
	if p.Endpoint == "" {
		return HandlerRegistration{}, fail(CodeInvalidArgument, "a handler needs an endpoint")
	}
	if star := strings.IndexByte(p.EventType, '*'); star >= 0 && star != len(p.EventType)-1 {
		return HandlerRegistration{}, fail(CodeInvalidArgument, "event_type is %q: a * may only stand at its end", p.EventType)
	}
	if p.TimeoutSeconds < 0 {
		return HandlerRegistration{}, fail(CodeInvalidArgument, "timeout_s must be above 0")
	}
	if err := p.Retry.check(); err != nil {
		return HandlerRegistration{}, err
	}
	if _, err := i.e.endpoint(p.Endpoint); err != nil {
		return HandlerRegistration{}, err
	}
	r := &i.e.registry
	r.mu.Lock()
	defer r.mu.Unlock()
	h := &handler{id: lastHandler.Add(1), params: p, fn: fn, timeout: seconds(p.TimeoutSeconds)}
	key := place(p.Scope, p.Endpoint, p.EventType)
	out := HandlerRegistration{ID: h.id}
	if old := r.places[key]; old != nil {
		out.Replaced = old.id
		delete(r.byID, old.id)
	}
	r.places[key], r.byID[h.id] = h, key
	return out, nil
}

// UnregisterHandler removes a handler by id.
func (i *Inbox) UnregisterHandler(id int64) bool {
	r := &i.e.registry
	r.mu.Lock()
	defer r.mu.Unlock()
	key, ok := r.byID[id]
	if ok {
		delete(r.places, key)
		delete(r.byID, id)
	}
	return ok
}

// find looks up the exact type, then the longest prefix, then the default.
func (r *registry) find(scope, endpoint, eventType string) *handler {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if h := r.places[place(scope, endpoint, eventType)]; h != nil {
		return h
	}
	for n := len(eventType); n >= 0; n-- {
		if h := r.places[place(scope, endpoint, eventType[:n]+"*")]; h != nil {
			return h
		}
	}
	return r.places[place(scope, endpoint, "")]
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
