// Package engine runs the conformance fixtures and sequences through a whole
// inbox: what is stored and answered, not only what a verifier says.
package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/knocker-dev/knocker/conformance/fixture"
	"github.com/knocker-dev/knocker/core"
)

// bench is one inbox whose clock a case sets.
type bench struct {
	inbox *core.Inbox
	now   time.Time
	count int
}

func open(t *testing.T) *bench {
	b := &bench{now: time.Unix(1767225600, 0)}
	inbox, err := core.Open(filepath.Join(t.TempDir(), "inbox.db"), core.Options{Source: core.Source{Now: func() time.Time { return b.now }}})
	if err != nil {
		t.Fatal(err)
	}
	b.inbox = inbox
	t.Cleanup(func() {
		if err := inbox.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// endpoint adds an endpoint as the request's configuration says.
func (b *bench) endpoint(provider string, r *fixture.Request) (string, error) {
	b.count++
	name := fmt.Sprintf("%s-%d", provider, b.count)
	var secrets any = r.Secrets
	if string(r.Secrets) == "[]" {
		secrets = nil
	}
	_, err := b.inbox.AddEndpoint(context.Background(), core.EndpointParams{Name: name, Provider: provider, Secrets: secrets, ProviderOptions: r.ProviderOptions})
	return name, err
}

func (b *bench) receive(endpoint string, r *fixture.Request) (core.Result, error) {
	body, err := r.Bytes()
	if err != nil {
		return core.Result{}, err
	}
	b.now = r.Now()
	return b.inbox.Receive(context.Background(), core.ReceiveParams{Endpoint: endpoint, Method: r.Method, Headers: r.Headers, Query: r.Query, Body: body})
}

// Every fixture must be stored and answered as it says.
func TestFixturesThroughAnInbox(t *testing.T) {
	cases, err := fixture.Load(filepath.Join("..", "fixtures"))
	if err != nil {
		t.Fatal(err)
	}
	b := open(t)
	for i := range cases {
		c := &cases[i]
		t.Run(c.Provider+"/"+c.Description, func(t *testing.T) { b.check(t, c) })
	}
}

func (b *bench) check(t *testing.T, c *fixture.Case) {
	endpoint, err := b.endpoint(c.Provider, &c.Request)
	if err != nil {
		var refused *core.Error
		if !c.Expected.SignatureValid && errors.As(err, &refused) && refused.Code == core.CodeInvalidSecret {
			return // an empty secret is refused before anything can match it
		}
		t.Fatal(err)
	}
	result, err := b.receive(endpoint, &c.Request)
	if err != nil {
		t.Fatal(err)
	}
	want := &c.Expected
	switch {
	case want.Handshake != nil && !want.SignatureValid, want.Handshake != nil && want.Handshake.StoreAsEvent != nil:
		if len(result.EventIDs) != 0 {
			t.Errorf("a handshake made the events %v", result.EventIDs)
		}
		if result.Response.StatusCode != want.Handshake.Status {
			t.Errorf("answered %d, expected %d", result.Response.StatusCode, want.Handshake.Status)
		}
	case !want.SignatureValid:
		if result.StatusCode != 401 || len(result.EventIDs) != 0 || result.Reason == "" {
			t.Errorf("a refused request got %d, events %v, reason %q", result.StatusCode, result.EventIDs, result.Reason)
		}
	default:
		b.checkEvents(t, c, result)
	}
}

func (b *bench) checkEvents(t *testing.T, c *fixture.Case, result core.Result) {
	if result.StatusCode < 200 || result.StatusCode > 299 {
		t.Fatalf("answered %d: %s", result.StatusCode, result.Reason)
	}
	want := c.Expected.Events
	if want == nil {
		want = []fixture.EventItem{{EventType: c.Expected.EventType, DedupeIdentity: c.Expected.DedupeIdentity}}
	}
	if len(result.EventIDs) != len(want) {
		t.Fatalf("%d events, expected %d", len(result.EventIDs), len(want))
	}
	body, err := c.Request.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	for i, id := range result.EventIDs {
		event, err := b.inbox.GetEvent(context.Background(), id)
		if err != nil {
			t.Fatal(err)
		}
		if got, expected := event.EventType, text(want[i].EventType); got != expected {
			t.Errorf("event %d has type %q, expected %q", i+1, got, expected)
		}
		if got, expected := event.DedupeKey, text(want[i].DedupeIdentity); got != expected {
			t.Errorf("event %d has identity %q, expected %q", i+1, got, expected)
		}
		if c.Expected.Events != nil && !strings.Contains(masked(string(body), string(event.Body)), string(event.Body)) {
			t.Errorf("event %d shows %q, which is no slice of the body", i+1, event.Body)
		}
	}
}

// masked lets a masked slice count as part of the body.
func masked(body, slice string) string {
	if strings.Contains(slice, "***") {
		return slice
	}
	return body
}

func text(value *string) string {
	if value == nil {
		return ""
	}
	return *value
}

// A retried event is one event with three deliveries; different events about
// one object stay different.
func TestSequencesThroughAnInbox(t *testing.T) {
	sequences, err := fixture.LoadSequences(filepath.Join("..", "sequences"))
	if err != nil || len(sequences) == 0 {
		t.Fatalf("%d sequences: %v", len(sequences), err)
	}
	b := open(t)
	for i := range sequences {
		s := &sequences[i]
		t.Run(s.Provider+"/"+s.Description, func(t *testing.T) {
			endpoint, err := b.endpoint(s.Provider, &s.Requests[0])
			if err != nil {
				t.Fatal(err)
			}
			events, deliveries := map[int64]bool{}, map[int64]bool{}
			for i := range s.Requests {
				result, err := b.receive(endpoint, &s.Requests[i])
				if err != nil {
					t.Fatal(err)
				}
				deliveries[result.DeliveryID] = true
				for _, id := range result.EventIDs {
					events[id] = true
				}
			}
			if len(deliveries) != s.Expected.Deliveries || len(events) != s.Expected.Events {
				t.Errorf("%d deliveries and %d events, expected %d and %d", len(deliveries), len(events), s.Expected.Deliveries, s.Expected.Events)
			}
		})
	}
}

// A secret that a sender hands over, sends as credential or puts into the body
// must not be in what the inbox shows again.
func TestSecretsAreNotStored(t *testing.T) {
	b := open(t)
	for _, file := range []string{"token-header", "basic-auth", "bearer-token", "postmark", "telegram", "okta", "auth0", "gitlab", "figma", "microsoft-graph", "notion", "asana", "meta"} {
		cases, err := fixture.Load(filepath.Join("..", "fixtures", file))
		if err != nil {
			t.Fatal(err)
		}
		for i := range cases {
			c := &cases[i]
			endpoint, err := b.endpoint(c.Provider, &c.Request)
			if err != nil {
				continue
			}
			result, err := b.receive(endpoint, &c.Request)
			if err != nil {
				t.Fatal(err)
			}
			delivery, err := b.inbox.GetDelivery(context.Background(), result.DeliveryID)
			if err != nil {
				t.Fatal(err)
			}
			shown, err := json.Marshal(delivery)
			if err != nil {
				t.Fatal(err)
			}
			stored := string(shown) + string(delivery.Body)
			for _, secret := range append(secretsOf(c), result.HandshakeSecret) {
				if len(secret) > 3 && strings.Contains(stored, secret) {
					t.Errorf("%s: %s: the secret is in what is stored: %s", c.Provider, c.Description, stored)
				}
			}
		}
	}
}

func secretsOf(c *fixture.Case) []string {
	var secrets []string
	if json.Unmarshal(c.Request.Secrets, &secrets) != nil {
		return nil
	}
	if token, ok := c.Request.ProviderOptions["verify_token"].(string); ok {
		secrets = append(secrets, token)
	}
	return secrets
}
