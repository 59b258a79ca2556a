package core_test

import (
	"context"
	"testing"
	"time"

	"github.com/knocker-dev/knocker/core"
	"github.com/knocker-dev/knocker/core/internal/testvfs"
	"github.com/knocker-dev/knocker/core/provider"
)

func forged(t *testing.T, inbox *core.Inbox) core.Result {
	t.Helper()
	p := request("", "x")
	p.Headers = map[string]any{"X-Knocker-Token": "guess"}
	r, err := inbox.Receive(background, p)
	if err != nil || r.StatusCode != 401 {
		t.Fatal(r, err)
	}
	return r
}

// A flood of forged requests: the first 1,000 are stored, then 20 a second,
// and the oldest after those give way to the limit; valid ones are untouched.
func TestFloodOfForgeries(t *testing.T) {
	c := newClock()
	inbox := open(t, core.Options{Source: core.Source{Now: c.now}, MaxOrphans: 1200})
	addHooks(t, inbox, core.EndpointParams{})
	for range 1000 {
		if forged(t, inbox).DeliveryID == 0 {
			t.Fatal("one of the first 1,000 was not stored")
		}
	}
	c.advance(time.Second)
	stored := 0
	for range 100 {
		if forged(t, inbox).DeliveryID != 0 {
			stored++
		}
	}
	if stored != 20 {
		t.Fatal("stored in a second above the first 1,000:", stored)
	}
	for range 60 { // 20 a second for a minute: past the limit and its chunk
		c.advance(time.Second)
		for range 25 {
			forged(t, inbox)
		}
	}
	until(t, "the oldest give way", func() bool {
		s, err := inbox.Stats(background)
		if err != nil {
			t.Fatal(err)
		}
		return s.Orphans["rejected"] <= 1200+500
	})
	first, err := inbox.GetDelivery(background, 1)
	if err != nil || first.Kind != "rejected" {
		t.Fatal("the first evidence is gone:", err)
	}
	receive(t, inbox, "valid")
}

// A refusal needs no fsync: a flood must not cost the disk's time.
func TestRefusalsAreNotSynced(t *testing.T) {
	if err := testvfs.Register(); err != nil {
		t.Fatal(err)
	}
	inbox := withEndpoint(t, core.Options{VFS: testvfs.Name})
	forged(t, inbox)
	before := testvfs.Count().WALSyncs
	for range 20 {
		forged(t, inbox)
	}
	if after := testvfs.Count().WALSyncs; after != before {
		t.Fatalf("%d syncs for refusals", after-before)
	}
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("timed out: " + what)
		}
	}
}

// A worker in another process is woken by a commit here.
func TestWakeAcrossProcesses(t *testing.T) {
	inbox := withEndpoint(t, core.Options{})
	execute(t, inbox, "CREATE TABLE orders(event INTEGER)")
	c, _ := child(t, "work", inbox.Path())
	defer func() { _ = c.Process.Kill(); _ = c.Wait() }()
	for range 5 {
		id := receive(t, inbox, "").EventID
		until(t, "handled by the other process", func() bool { return event(t, inbox, id).Status == "handled" })
	}
}

// Hooks hear of everything, without bodies.
func TestHooks(t *testing.T) {
	inbox := withEndpoint(t, core.Options{})
	q := inbox.SubscribeQueue(100)
	defer q.Close()
	receive(t, inbox, "a")
	receive(t, inbox, "a")
	forged(t, inbox)
	handle(t, inbox, "", func(context.Context, *core.Event, *core.Tx) error { return nil })
	runOnce(t, inbox)
	heard := map[string]int{}
	events, dropped := q.Poll(100)
	for _, ev := range events {
		heard[ev.Kind]++
	}
	for _, kind := range []string{core.HookReceived, core.HookDuplicate, core.HookRejected, core.HookBatchCommitted, core.HookClaimed, core.HookHandled} {
		if heard[kind] == 0 {
			t.Error("nothing heard of", kind)
		}
	}
	if dropped != 0 {
		t.Error("dropped", dropped)
	}
}

// What no signature vouches for is bounded, whatever it calls itself.
func TestFloodOfLargeBodies(t *testing.T) {
	inbox := withEndpoint(t, core.Options{MaxBodyBytes: 4, Source: core.Source{Now: newClock().now}})
	stored := 0
	for range 1100 {
		if r := receive(t, inbox, ""); r.StatusCode != 413 {
			t.Fatalf("%+v", r)
		} else if r.DeliveryID != 0 {
			stored++
		}
	}
	if stored != 1000 {
		t.Fatal("stored", stored)
	}
}

// An application's own verifier decides like a built-in provider does.
func TestOwnVerifier(t *testing.T) {
	inbox := open(t, core.Options{})
	own := provider.Custom(func(r *provider.Request) provider.Verdict {
		if string(r.Body) != "signed" {
			return provider.Verdict{Reason: provider.SignatureMismatch}
		}
		return provider.Verdict{Valid: true, EventType: "own", Identity: "1", IdentitySigned: true}
	})
	if _, err := inbox.AddEndpoint(background, core.EndpointParams{Name: "own", Verifier: own}); err != nil {
		t.Fatal(err)
	}
	for body, want := range map[string]int{"signed": 204, "forged": 401} {
		if r, err := inbox.Receive(background, core.ReceiveParams{Endpoint: "own", Body: []byte(body)}); err != nil || r.StatusCode != want {
			t.Errorf("%s: %+v %v", body, r, err)
		}
	}
	_, err := inbox.AddEndpoint(background, core.EndpointParams{Name: "x", Provider: "stripe", Verifier: own})
	wantCode(t, err, core.CodeInvalidArgument)
}
