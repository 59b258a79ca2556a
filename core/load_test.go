package core_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"github.com/knocker-dev/knocker/core"
)

// Events are read with their claim. One that an operator ignores before its
// handler starts must not reach it all the same.
func TestIgnoredAfterItsClaim(t *testing.T) {
	inbox, ids := ingested(t, 3, nil)
	var ran []int64
	err := inbox.Handle(core.HandlerParams{Endpoint: "hooks"}, func(ctx context.Context, event *core.Event, _ *core.Tx) error {
		ran = append(ran, event.ID)
		if event.ID == ids[0] {
			return inbox.Ignore(ctx, ids[1])
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := inbox.RunWorkerOnce(background, core.WorkerOptions{}); err != nil {
		t.Fatal(err)
	}
	if len(ran) != 2 || ran[0] != ids[0] || ran[1] != ids[2] {
		t.Errorf("handlers ran for %v of %v; the second was ignored", ran, ids)
	}
}

// Bodies of every size reach their handlers whole, read with the claim or alone.
func TestBodiesOfAllSizes(t *testing.T) {
	sizes := []int{0, 1, 32 << 10, 32<<10 + 1, 1 << 20}
	inbox, ids := ingested(t, len(sizes), func(n int) []byte { return bytes.Repeat([]byte{byte('a' + n)}, sizes[n]) })
	seen := map[int64]bool{}
	err := inbox.Handle(core.HandlerParams{Endpoint: "hooks"}, func(_ context.Context, event *core.Event, _ *core.Tx) error {
		if event.ExpungedAt != 0 || event.ReceivedAt == 0 {
			t.Errorf("a handler sees an event erased at %d and received at %d", event.ExpungedAt, event.ReceivedAt)
		}
		for n, id := range ids {
			if id == event.ID && event.Body != nil && bytes.Equal(event.Body, bytes.Repeat([]byte{byte('a' + n)}, sizes[n])) {
				seen[id] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := inbox.RunWorkerOnce(background, core.WorkerOptions{}); err != nil {
		t.Fatal(err)
	}
	if len(seen) != len(sizes) {
		t.Errorf("%d of %d bodies arrived whole", len(seen), len(sizes))
	}
}

// ingested is an inbox with n events.
func ingested(t *testing.T, n int, body func(n int) []byte) (*core.Inbox, []int64) {
	t.Helper()
	inbox := open(t, core.Options{})
	if _, err := inbox.AddEndpoint(background, core.EndpointParams{Name: "hooks"}); err != nil {
		t.Fatal(err)
	}
	var ids []int64
	for i := range n {
		content := []byte(fmt.Sprint(i))
		if body != nil {
			content = body(i)
		}
		r, err := inbox.Receive(background, core.ReceiveParams{Endpoint: "hooks", Body: content, Ingest: true})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, r.EventID)
	}
	return inbox, ids
}
