package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/knocker-dev/knocker/core"
)

// runKnocker receives on several goroutines and handles what was received on
// one more; every so often it closes the inbox and opens it again.
func (w writer) runKnocker(ctx context.Context) {
	for generation := 0; ctx.Err() == nil; generation++ {
		part := w
		part.name = fmt.Sprintf("%s.g%d", w.name, generation)
		limit, cancel := ctx, context.CancelFunc(func() {})
		if w.reopen {
			limit, cancel = context.WithTimeout(ctx, 700*time.Millisecond)
		}
		if err := part.useInbox(limit); err != nil {
			w.say("error %s: %v", part.name, err)
			time.Sleep(5 * time.Millisecond)
		}
		cancel()
	}
}

// useInbox works until limit ends; the calls themselves are not cut off by it.
func (w writer) useInbox(limit context.Context) error {
	options := core.Options{BusyTimeout: 20 * time.Second, ReceiveTimeout: 20 * time.Second, MaxTransaction: 20 * time.Second}
	if w.mode == "delete" {
		options.JournalMode = "keep"
	}
	inbox, err := core.Open(w.path, options)
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	defer inbox.Close()
	ctx := context.Background()
	_, err = inbox.AddEndpoint(ctx, core.EndpointParams{Name: "torture", Provider: "token-header", Secrets: "token"})
	if err != nil {
		return fmt.Errorf("add endpoint: %w", err)
	}
	if _, err := inbox.RegisterHandler(core.HandlerParams{Endpoint: "torture"}); err != nil {
		return fmt.Errorf("register: %w", err)
	}
	var wg sync.WaitGroup
	for i := range 3 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			w.receive(ctx, limit, inbox, fmt.Sprintf("%s.%d", w.name, i))
		}()
	}
	err = w.handle(ctx, limit, inbox)
	wg.Wait()
	return err
}

func (w writer) receive(ctx, limit context.Context, inbox *core.Inbox, name string) {
	for n := 1; limit.Err() == nil; {
		result, err := inbox.Receive(ctx, core.ReceiveParams{
			Endpoint: "torture", Headers: map[string]any{"X-Knocker-Token": "token"},
			Body: []byte(`{"type":"torture"}`), DedupeKey: fmt.Sprintf("%s %d", name, n),
		})
		switch {
		case core.CodeOf(err) == core.CodeBusy:
		case err != nil:
			w.say("error receive %s: %v", name, err)
			time.Sleep(time.Millisecond)
		case result.StatusCode != 204:
			w.say("error receive %s: status %d, %s", name, result.StatusCode, result.Reason)
			return
		case result.Duplicate: // stored by a call that answered "busy": fine too
			n++
		default:
			w.say("commit %s %d", name, n)
			n++
		}
	}
}

// handle writes the application's row of each event in the transaction that
// makes it "handled", and reports the event afterwards.
func (w writer) handle(ctx, limit context.Context, inbox *core.Inbox) error {
	worker, err := inbox.OpenWorker(core.WorkerOptions{})
	if err != nil {
		return fmt.Errorf("open worker: %w", err)
	}
	defer worker.Close()
	for limit.Err() == nil {
		step, err := worker.Next(ctx, 50*time.Millisecond, 0)
		if err != nil {
			return fmt.Errorf("next: %w", err)
		}
		if step == nil {
			continue
		}
		outcome := core.Outcome{Kind: "handled"}
		for _, query := range []string{
			"INSERT INTO handled VALUES(?1)",
			"UPDATE total SET n = n + (?1 > 0)",
		} {
			if _, err = step.Exec(ctx, 0, query, []any{step.Event().ID}, nil); err != nil {
				outcome = core.Outcome{Kind: "failed", Message: err.Error()}
				if core.CodeOf(err) != core.CodeBusy {
					w.say("error handler: %v", err)
				}
				break
			}
		}
		switch done := step.Finish(ctx, outcome); {
		case done.Status == "handled":
			w.say("handled %d", done.EventID)
		case done.Err != nil && done.Err.Code != core.CodeBusy:
			w.say("error finish: %s: %v", done.Status, done.Err)
		}
	}
	return nil
}
