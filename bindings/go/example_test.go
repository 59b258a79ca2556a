package knockersqlite_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	knockersqlite "github.com/knocker-dev/knocker/bindings/go"
)

// exampleFile is a file in a directory of its own, which lasts for the example.
func exampleFile() (path string, remove func()) {
	dir, err := os.MkdirTemp("", "knocker")
	if err != nil {
		log.Fatal(err)
	}
	return filepath.Join(dir, "app.db"), func() { _ = os.RemoveAll(dir) }
}

// shop is an inbox with an endpoint "shop".
func exampleShop() (inbox *knockersqlite.Inbox, done func()) {
	path, remove := exampleFile()
	inbox, err := knockersqlite.Open(path)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := inbox.AddEndpoint(knockersqlite.AddEndpointParams{Name: "shop", Provider: "token-header", Secrets: "s3cret"}); err != nil {
		log.Fatal(err)
	}
	return inbox, func() { _ = inbox.Close(); remove() }
}

func exampleReceive(inbox *knockersqlite.Inbox, body string) knockersqlite.Result {
	result, err := inbox.Receive(knockersqlite.ReceiveParams{
		Endpoint: "shop", Headers: map[string]any{"x-knocker-token": "s3cret"}, Body: []byte(body),
	})
	if err != nil {
		log.Fatal(err)
	}
	return result
}

// Store first, answer, work later: the whole way of one webhook.
func Example() {
	path, remove := exampleFile()
	defer remove()
	webhooks, err := knockersqlite.Open(path)
	if err != nil {
		log.Fatal(err)
	}
	defer webhooks.Close()
	_, err = webhooks.AddEndpoint(knockersqlite.AddEndpointParams{Name: "shop", Provider: "token-header", Secrets: "s3cret"})
	if err != nil {
		log.Fatal(err)
	}
	err = webhooks.RegisterEventHandler("shop", "order.paid", func(event knockersqlite.Event, tx *knockersqlite.Tx) error {
		var order struct{ Number, Cents int64 }
		if err := event.JSON(&order); err != nil {
			return err
		}
		if _, err := tx.Exec("CREATE TABLE IF NOT EXISTS payments (number INTEGER PRIMARY KEY, cents INTEGER)"); err != nil {
			return err
		}
		_, err := tx.Exec("INSERT INTO payments VALUES (?, ?)", order.Number, order.Cents)
		fmt.Println("order", order.Number, "is paid")
		return err
	})
	if err != nil {
		log.Fatal(err)
	}

	// In the route:
	result, err := webhooks.Receive(knockersqlite.ReceiveParams{
		Endpoint: "shop",
		Headers:  map[string]any{"X-Knocker-Token": "s3cret"},
		Body:     []byte(`{"type": "order.paid", "number": 7, "cents": 1250}`),
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("answer", result.StatusCode)

	// In the same process or another: RunWorker until the process ends, or
	// RunWorkerOnce for what is due now.
	n, err := webhooks.RunWorkerOnce(context.Background(), knockersqlite.WorkerOptions{})
	fmt.Println(n, err)
	// Output:
	// answer 204
	// order 7 is paid
	// 1 <nil>
}

// A refused request is stored too, with the reason; it is no error.
func ExampleInbox_Receive_refused() {
	webhooks, done := exampleShop()
	defer done()
	result, err := webhooks.Receive(knockersqlite.ReceiveParams{
		Endpoint: "shop", Headers: map[string]any{"x-knocker-token": "guessed"}, Body: []byte("{}"),
	})
	fmt.Println(result.StatusCode, result.Reason, err)

	_, err = webhooks.Receive(knockersqlite.ReceiveParams{Endpoint: "no such endpoint"})
	var problem *knockersqlite.Error
	if errors.As(err, &problem) {
		fmt.Println(problem.HTTPStatus(), errors.Is(err, knockersqlite.ErrUnknownEndpoint))
	}
	// Output:
	// 401 bad_credentials <nil>
	// 404 true
}

// A handler chooses what becomes of its event by the error that it returns.
func ExampleInbox_RegisterHandler_outcomes() {
	webhooks, done := exampleShop()
	defer done()
	_ = webhooks.RegisterHandler("shop", func(event knockersqlite.Event, tx *knockersqlite.Tx) error {
		switch string(event.Body) {
		case "later":
			return &knockersqlite.RetryAfter{After: time.Minute, Cause: errors.New("their API asks for a pause")}
		case "never":
			return &knockersqlite.Discard{Reason: "the order does not exist"}
		case "test":
			return &knockersqlite.IgnoreEvent{Reason: "a test of the sender"}
		case "oops":
			return errors.New("something failed, so it runs again later")
		}
		return nil
	})
	for _, body := range []string{"fine", "later", "never", "test", "oops"} {
		exampleReceive(webhooks, body)
	}
	_, _ = webhooks.RunWorkerOnce(context.Background(), knockersqlite.WorkerOptions{})
	for event, err := range webhooks.Events(context.Background(), knockersqlite.EventFilter{Bodies: true}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%-6s %s\n", event.Body, event.Status)
	}
	// Unordered output:
	// oops   failed
	// test   ignored
	// never  dead
	// later  failed
	// fine   handled
}

// A Tx has the methods of database/sql, so rows are scanned as ever.
func ExampleTx() {
	webhooks, done := exampleShop()
	defer done()
	_ = webhooks.RegisterHandler("shop", func(event knockersqlite.Event, tx *knockersqlite.Tx) error {
		if _, err := tx.Exec("CREATE TABLE IF NOT EXISTS seen (event INTEGER PRIMARY KEY, body TEXT)"); err != nil {
			return err
		}
		if _, err := tx.Exec("INSERT INTO seen VALUES (?, ?)", event.ID, string(event.Body)); err != nil {
			return err
		}
		var total int
		if err := tx.QueryRow("SELECT count(*) FROM seen").Scan(&total); err != nil {
			return err
		}
		fmt.Println(total, "seen")
		return nil
	})
	exampleReceive(webhooks, "a")
	exampleReceive(webhooks, "b")
	_, _ = webhooks.RunWorkerOnce(context.Background(), knockersqlite.WorkerOptions{})
	// Output:
	// 1 seen
	// 2 seen
}

// An operator finds a dead event and runs it again, once its cause is gone.
func ExampleInbox_Replay() {
	ctx := context.Background()
	webhooks, done := exampleShop()
	defer done()
	exampleReceive(webhooks, "{}")
	_, _ = webhooks.RunWorkerOnce(ctx, knockersqlite.WorkerOptions{}) // no handler yet: dead

	_ = webhooks.RegisterHandler("shop", func(knockersqlite.Event, *knockersqlite.Tx) error { return nil })
	for event, err := range webhooks.Events(ctx, knockersqlite.EventFilter{}) {
		if err != nil {
			log.Fatal(err)
		}
		reason, _, _ := strings.Cut(event.LastError, ":")
		fmt.Println(event.Status, reason)
		if err := webhooks.Replay(ctx, event.ID); err != nil {
			log.Fatal(err)
		}
	}
	n, _ := webhooks.RunWorkerOnce(ctx, knockersqlite.WorkerOptions{})
	fmt.Println("ran", n)
	// Output:
	// dead no_handler
	// ran 1
}

// The logger hears what failed: failures as warnings, dead events as errors.
func ExampleOptions_logger() {
	path, remove := exampleFile()
	defer remove()
	plain := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == "duration" {
			return slog.Attr{}
		}
		return a
	}
	webhooks, err := knockersqlite.OpenWith(path, knockersqlite.Options{
		Logger: slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: plain})),
	})
	if err != nil {
		log.Fatal(err)
	}
	defer webhooks.Close()
	_, _ = webhooks.AddEndpoint(knockersqlite.AddEndpointParams{Name: "shop", Provider: "token-header", Secrets: "s3cret"})
	_, _ = webhooks.Receive(knockersqlite.ReceiveParams{Endpoint: "shop", Body: []byte("{}")})
	// Output:
	// level=WARN msg="knocker rejected" endpoint=shop event_id=0 count=0 code=missing_header
}
