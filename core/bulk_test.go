package core_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/knocker-dev/knocker/core"
)

// deadEvents holds n events that nobody handles.
func deadEvents(t *testing.T, n int) *core.Inbox {
	t.Helper()
	c := newClock()
	inbox := open(t, core.Options{Source: core.Source{Now: c.now}})
	addHooks(t, inbox, core.EndpointParams{})
	for i := range n {
		receive(t, inbox, fmt.Sprint("id", i))
	}
	for runOnce(t, inbox) > 0 {
	}
	if s := counted(t, inbox); s.Events["dead"] != int64(n) {
		t.Fatalf("%+v", s)
	}
	return inbox
}

func counted(t *testing.T, inbox *core.Inbox) core.Stats {
	t.Helper()
	s, err := inbox.Stats(background)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A replay of a filter takes all that it matches, in transactions of at most
// 200, oldest first, and leaves what arrives meanwhile alone.
func TestReplayEventsGoesThroughAll(t *testing.T) {
	inbox := deadEvents(t, 450)
	dead := core.EventFilter{Statuses: []string{"dead"}}
	dry, err := inbox.ReplayEvents(background, dead, core.BulkOptions{DryRun: true})
	if err != nil || dry != (core.BulkResult{Matched: 450}) || counted(t, inbox).Events["dead"] != 450 {
		t.Fatal(dry, err)
	}
	some, err := inbox.ReplayEvents(background, dead, core.BulkOptions{Limit: 3})
	if err != nil || some != (core.BulkResult{Matched: 450, Changed: 3}) {
		t.Fatal(some, err)
	}
	if e, err := inbox.GetEvent(background, 3); err != nil || e.Status != "received" || e.AttemptCount != 0 || e.LastError != "" {
		t.Fatal("the oldest three are not those that ran:", e, err)
	}
	var steps []core.BulkResult
	out, err := inbox.ReplayEvents(background, dead, core.BulkOptions{Progress: func(r core.BulkResult) {
		steps = append(steps, r)
		if len(steps) > 5 {
			return
		}
		for n := range 100 { // new ones of the same kind, dead at once
			receive(t, inbox, fmt.Sprint("new", len(steps), "-", n))
		}
		if n := runOnce(t, inbox); n > 0 {
			t.Error("handled without a handler:", n)
		}
	}})
	if err != nil || out != (core.BulkResult{Matched: 447, Changed: 447}) || len(steps) < 3 {
		t.Fatal(out, err, steps)
	}
	last := core.BulkResult{}
	for _, s := range steps {
		if s.Matched != 447 || s.Changed <= last.Changed && s != out || s.Changed-last.Changed > 200 {
			t.Fatal(steps)
		}
		last = s
	}
}

// What a worker changes between the look and the transaction is not touched,
// and what the rules forbid is counted.
func TestBulkActionsKeepTheRules(t *testing.T) {
	inbox := deadEvents(t, 5)
	if err := inbox.Ignore(background, 2); err != nil {
		t.Fatal(err)
	}
	if err := inbox.Replay(background, 4); err != nil {
		t.Fatal(err)
	}
	all := core.EventFilter{Endpoints: []string{"hooks"}}
	for _, step := range []struct {
		act  func(context.Context, core.EventFilter, core.BulkOptions) (core.BulkResult, error)
		want core.BulkResult
	}{
		{inbox.ReplayEvents, core.BulkResult{Matched: 5, Changed: 4, Skipped: 1}},
		{inbox.RequeueEvents, core.BulkResult{Matched: 5, Skipped: 5}},
		{inbox.IgnoreEvents, core.BulkResult{Matched: 5, Changed: 5}},
		{inbox.IgnoreEvents, core.BulkResult{Matched: 5, Skipped: 5}},
		{inbox.RequeueEvents, core.BulkResult{Matched: 5, Changed: 5}},
	} {
		if got, err := step.act(background, all, core.BulkOptions{}); err != nil || got != step.want {
			t.Fatal(got, err, "want", step.want)
		}
	}
}

func TestBulkActionsCanBeCancelled(t *testing.T) {
	inbox := deadEvents(t, 420)
	ctx, cancel := context.WithCancel(background)
	out, err := inbox.ReplayEvents(ctx, core.EventFilter{Statuses: []string{"dead"}}, core.BulkOptions{Progress: func(core.BulkResult) { cancel() }})
	if core.CodeOf(err) != core.CodeCancelled || out.Changed == 0 || out.Changed > 200 {
		t.Fatal(out, err)
	}
	if s := counted(t, inbox); s.Events["received"] != out.Changed || s.Events["dead"] != 420-out.Changed {
		t.Fatalf("%+v after %+v", s, out)
	}
}

// A filter that selects everything has to be meant, and a cursor goes on with
// what it began.
func TestBulkMistakes(t *testing.T) {
	inbox := deadEvents(t, 250)
	_, err := inbox.ReplayEvents(background, core.EventFilter{}, core.BulkOptions{})
	wantCode(t, err, core.CodeInvalidArgument)
	if out, err := inbox.ReplayEvents(background, core.EventFilter{}, core.BulkOptions{All: true, DryRun: true}); err != nil || out.Matched != 250 {
		t.Fatal(out, err)
	}
	dead := core.EventFilter{Statuses: []string{"dead"}}
	out, cursor, err := inbox.StepEvents(background, core.BulkReplay, dead, core.BulkOptions{}, "")
	if err != nil || cursor == "" || out.Changed == 0 {
		t.Fatal(out, cursor, err)
	}
	for want, try := range map[string]func() error{
		"belongs to another filter": func() error {
			_, _, err := inbox.StepEvents(background, core.BulkIgnore, dead, core.BulkOptions{}, cursor)
			return err
		},
		"is not one that": func() error {
			_, _, err := inbox.StepEvents(background, core.BulkReplay, dead, core.BulkOptions{}, cursor+"A")
			return err
		},
		"limit is -1": func() error {
			_, err := inbox.IgnoreEvents(background, dead, core.BulkOptions{Limit: -1})
			return err
		},
		"belong to lists": func() error {
			_, err := inbox.IgnoreEvents(background, core.EventFilter{Stuck: true, Limit: 5}, core.BulkOptions{})
			return err
		},
		"unknown_endpoint": func() error {
			_, err := inbox.ReplayDeliveries(background, core.DeliveryFilter{Endpoints: []string{"none"}}, core.BulkOptions{})
			return err
		},
	} {
		if err := try(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	_, _, err = inbox.StepEvents(background, "explode", dead, core.BulkOptions{}, "")
	if !errors.Is(err, &core.Error{Code: core.CodeInvalidArgument}) {
		t.Error(err)
	}
}

// Deliveries are replayed with their own bodies, of a batch every event.
func TestReplayDeliveries(t *testing.T) {
	inbox := deadEvents(t, 3)
	forged(t, inbox)
	receive(t, inbox, "id1") // again
	out, err := inbox.ReplayDeliveries(background, core.DeliveryFilter{Endpoints: []string{"hooks"}}, core.BulkOptions{})
	if err != nil || out != (core.BulkResult{Matched: 5, Changed: 3, Skipped: 2}) {
		t.Fatal(out, err)
	}
}
