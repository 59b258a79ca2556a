package core_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/knocker-dev/knocker/core"
)

// An endpoint that is paused goes on receiving, no worker runs its events while
// others' are run, and after a resume all of them run once, in their order.
func TestPausedEndpointsWait(t *testing.T) {
	inbox := withEndpoint(t, core.Options{})
	if _, err := inbox.AddEndpoint(background, core.EndpointParams{Name: "other"}); err != nil {
		t.Fatal(err)
	}
	var ran []string
	for _, name := range []string{"hooks", "other"} {
		err := inbox.Handle(core.HandlerParams{Endpoint: name}, func(_ context.Context, e *core.Event, _ *core.Tx) error {
			ran = append(ran, e.Endpoint+e.DedupeKey)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	receive(t, inbox, "0")
	if e, err := inbox.SetEndpointPaused(background, "hooks", true); err != nil || !e.Paused || !e.Enabled {
		t.Fatal(e, err)
	}
	var want []string
	for n := range 700 { // more than come back at once
		if n > 0 {
			receive(t, inbox, fmt.Sprint(n))
		}
		want = append(want, fmt.Sprint("hooks", n))
	}
	if _, err := inbox.Receive(background, core.ReceiveParams{Endpoint: "other", Ingest: true, Body: []byte("x")}); err != nil {
		t.Fatal(err)
	}
	paused := func(when string, ready int64) {
		t.Helper()
		s, err := inbox.Stats(background)
		if err != nil || s.JobsPaused != 700 || s.JobsReady != ready || s.Stuck != 0 {
			t.Errorf("%s: %+v %v", when, s, err)
		}
	}
	paused("before any worker has looked", 1)
	runOnce(t, inbox)
	if !slices.Equal(ran, []string{"other"}) {
		t.Fatal("while paused ran", ran)
	}
	paused("after", 0)
	wantCode(t, inbox.Replay(background, 1), core.CodeInvalidState) // it waits, it is not stuck
	addHooks(t, inbox, core.EndpointParams{})
	if e, err := inbox.GetEndpoint(background, "hooks"); err != nil || !e.Paused {
		t.Fatal("adding the endpoint again has resumed it:", e, err)
	}
	if _, err := inbox.SetEndpointPaused(background, "hooks", false); err != nil {
		t.Fatal(err)
	}
	// What was parked counts again at once, before a worker brings it back.
	if s, err := inbox.Stats(background); err != nil || s.JobsPaused != 0 || s.JobsReady != 700 {
		t.Errorf("after the resume: %+v %v", s, err)
	}
	if s, err := inbox.Stats(background, "hooks"); err != nil || s.JobsPaused != 0 || s.JobsReady != 700 {
		t.Errorf("after the resume, of the endpoint: %+v %v", s, err)
	}
	ran = nil
	for runOnce(t, inbox) > 0 {
	}
	if !slices.Equal(ran, want) {
		t.Fatal(len(ran), "ran after the resume, out of order or not all:", ran)
	}
	e, err := inbox.GetEvent(background, 1)
	if err != nil || e.AttemptCount != 1 {
		t.Fatal("waiting has counted as an attempt:", e.AttemptCount, err)
	}
	_, err = inbox.SetEndpointPaused(background, "hoks", true)
	wantCode(t, err, core.CodeUnknownEndpoint)
}

// A resume reaches a worker that waits.
func TestResumeWakesWorkers(t *testing.T) {
	inbox := withEndpoint(t, core.Options{})
	handle(t, inbox, "", func(context.Context, *core.Event, *core.Tx) error { return nil })
	if _, err := inbox.SetEndpointPaused(background, "hooks", true); err != nil {
		t.Fatal(err)
	}
	receive(t, inbox, "a")
	w, err := inbox.OpenWorker(core.WorkerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if s, err := w.Next(background, 50*time.Millisecond, 0); s != nil || err != nil {
		t.Fatal("a paused endpoint's event was handed out:", s, err)
	}
	go func() {
		time.Sleep(20 * time.Millisecond)
		if _, err := inbox.SetEndpointPaused(background, "hooks", false); err != nil {
			t.Error(err)
		}
	}()
	start := time.Now()
	s, err := w.Next(background, 20*time.Second, 0)
	if err != nil || s == nil || time.Since(start) > 10*time.Second {
		t.Fatal(s, err, time.Since(start))
	}
	running, next, err := inbox.ListRunning(background, "hooks", 0, "")
	if err != nil || next != "" || len(running) != 1 {
		t.Fatal(running, next, err)
	}
	r := running[0]
	if r.EventID != 1 || r.Endpoint != "hooks" || r.EventType != "thing.made" || r.WorkerID != w.ID() || r.Attempt != 1 ||
		time.Since(time.Unix(r.Since, 0)) > time.Minute || r.LeaseLeft < 50 || r.LeaseLeft > 61 {
		t.Errorf("%+v", r)
	}
	if f := s.Finish(background, core.Outcome{Kind: "handled"}); f.Status != core.StatusHandled {
		t.Fatal(f)
	}
	if running, _, err := inbox.ListRunning(background, "", 0, ""); err != nil || len(running) != 0 {
		t.Fatal(running, err)
	}
	_, _, err = inbox.ListRunning(background, "", 0, "x")
	wantCode(t, err, core.CodeInvalidArgument)
	_, _, err = inbox.ListRunning(background, "none", 0, "")
	wantCode(t, err, core.CodeUnknownEndpoint)
}

// What a worker has left for others shows in the stats while it waits.
func TestStatsShowWhatNobodyHandles(t *testing.T) {
	c := newClock()
	inbox := open(t, core.Options{Source: core.Source{Now: c.now}})
	addHooks(t, inbox, core.EndpointParams{Unhandled: "leave"})
	receive(t, inbox, "a")
	runOnce(t, inbox)
	for _, endpoints := range [][]string{nil, {"hooks"}} {
		s, err := inbox.Stats(background, endpoints...)
		if err != nil || s.UnhandledLeft != 1 || s.JobsLater != 1 || s.Process["left"] != 1 {
			t.Fatalf("%+v %v", s, err)
		}
	}
	receive(t, inbox, "b")
	c.advance(time.Minute)
	if s, err := inbox.Stats(background); err != nil || s.UnhandledLeft != 0 || s.JobsReady != 2 {
		t.Fatalf("%+v %v", s, err)
	}
}
