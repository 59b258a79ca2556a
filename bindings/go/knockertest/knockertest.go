// Package knockertest helps to test an application that receives webhooks: an
// inbox on a temporary file whose clock the test sets, and requests signed as
// their senders sign them.
package knockertest

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	knockersqlite "github.com/knocker-dev/knocker/bindings/go"
	"github.com/knocker-dev/knocker/core/provider"
	"github.com/knocker-dev/knocker/core/providertest"
)

// Option changes how a request is signed: providertest.WithID, WithEventType,
// WithURL, WithMethod, WithProviderOptions.
type Option = providertest.Option

// Sign returns the headers that the provider would send with this body at this
// time. secret is what the endpoint is configured with; for a provider with an
// asymmetric key it is the private key. Errors: unknown_provider, and
// invalid_argument for one that signs inside the body: use SignRequest.
func Sign(provider, secret string, body []byte, at time.Time, options ...Option) (http.Header, error) {
	signed, err := SignRequest(provider, secret, body, at, options...)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(signed.Body, body) {
		return nil, &knockersqlite.Error{Code: "invalid_argument", Message: "provider " + provider + " signs inside the body: use SignRequest"}
	}
	header := make(http.Header, len(signed.Headers))
	for name, value := range signed.Headers {
		header.Set(name, value)
	}
	return header, nil
}

// SignRequest is Sign for every provider: send the method, URL, headers and body
// that it answers. Errors: unknown_provider, invalid_argument.
func SignRequest(name, secret string, body []byte, at time.Time, options ...Option) (providertest.Request, error) {
	if _, known := provider.Lookup(name); !known {
		problem := &knockersqlite.Error{Code: "unknown_provider", Message: fmt.Sprintf("No provider is named %q.", name)}
		if near := provider.Suggest(name); near != "" {
			problem.Message += fmt.Sprintf(" Did you mean %q?", near)
			problem.Details = map[string]any{"suggestion": near}
		}
		return providertest.Request{}, problem
	}
	signed, err := providertest.SignRequest(name, secret, body, at, options...)
	if err != nil {
		return signed, &knockersqlite.Error{Code: "invalid_argument", Message: "The request can't be signed: " + err.Error(), Cause: err}
	}
	return signed, nil
}

// Inbox is an inbox for one test. Its clock stands still until the test moves it.
type Inbox struct {
	*knockersqlite.Inbox
	t   testing.TB
	mu  sync.Mutex
	now time.Time
}

// NewInbox opens an inbox on a new file in a temporary directory; it is closed
// when the test ends. The clock begins at the time of day. At most one Options
// may be given; its Now is replaced.
func NewInbox(t testing.TB, options ...knockersqlite.Options) *Inbox {
	t.Helper()
	if len(options) > 1 {
		t.Fatal("knockertest.NewInbox takes at most one Options")
	}
	var o knockersqlite.Options
	if len(options) == 1 {
		o = options[0]
	}
	// Whole seconds, as senders sign them.
	inbox := &Inbox{t: t, now: time.Now().Truncate(time.Second)}
	o.Now = inbox.Now
	var err error
	if inbox.Inbox, err = knockersqlite.OpenWith(filepath.Join(t.TempDir(), "inbox.db"), o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = inbox.Close() })
	return inbox
}

// Now is the inbox's time.
func (i *Inbox) Now() time.Time {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.now
}

// SetNow sets the inbox's time.
func (i *Inbox) SetNow(now time.Time) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.now = now
}

// Advance moves the inbox's time, for example to when a failed event is due.
func (i *Inbox) Advance(d time.Duration) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.now = i.now.Add(d)
}

// Drain runs the handlers of all events that are due by the inbox's clock, and
// returns how many it ran. A handler that fails does not fail the test: its
// event tells.
func (i *Inbox) Drain() int {
	i.t.Helper()
	n, err := i.RunWorkerOnce(context.Background(), knockersqlite.WorkerOptions{})
	if err != nil {
		i.t.Fatal(err)
	}
	return n
}

// Received returns all events with their bodies, oldest first.
func (i *Inbox) Received() []knockersqlite.Event {
	i.t.Helper()
	var events []knockersqlite.Event
	for event, err := range i.Events(context.Background(), knockersqlite.EventFilter{Bodies: true}) {
		if err != nil {
			i.t.Fatal(err)
		}
		events = append(events, event)
	}
	slices.Reverse(events)
	return events
}
