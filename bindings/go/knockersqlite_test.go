package knockersqlite_test

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"testing"

	knockersqlite "github.com/knocker-dev/knocker/bindings/go"
)

func open(t *testing.T) *knockersqlite.Inbox {
	t.Helper()
	inbox, err := knockersqlite.Open(filepath.Join(t.TempDir(), "app.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = inbox.Close() })
	_, err = inbox.AddEndpoint(knockersqlite.AddEndpointParams{Name: "orders", Provider: "token-header", Secrets: "token"})
	if err != nil {
		t.Fatal(err)
	}
	return inbox
}

var header = http.Header{"X-Knocker-Token": {"token"}}

// The whole way through this package's names: received, then handled.
func TestReceiveAndHandle(t *testing.T) {
	inbox := open(t)
	var got []string
	handler := func(name string) knockersqlite.EventHandler {
		return func(event knockersqlite.Event, tx *knockersqlite.Tx) error {
			got = append(got, name+" "+string(event.Body))
			_, err := tx.Exec("CREATE TABLE IF NOT EXISTS orders (id INTEGER)")
			return err
		}
	}
	if err := inbox.RegisterHandler("orders", handler("default")); err != nil {
		t.Fatal(err)
	}
	if err := inbox.RegisterEventHandler("orders", "order.*", handler("prefix")); err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{`{"type":"order.paid"}`, `{"type":"ping"}`} {
		result, err := inbox.Receive(knockersqlite.ReceiveParams{Endpoint: "orders", Header: header, Body: []byte(body)})
		if err != nil || result.StatusCode != http.StatusNoContent || result.EventID == 0 {
			t.Fatalf("%+v %v", result, err)
		}
	}
	if n, err := inbox.RunWorkerOnce(context.Background(), knockersqlite.WorkerOptions{}); n != 2 || err != nil {
		t.Fatal(n, err)
	}
	if len(got) != 2 || got[0] != `prefix {"type":"order.paid"}` || got[1] != `default {"type":"ping"}` {
		t.Fatal(got)
	}
}

// Two forms of the same thing would contradict each other: refused.
func TestBothForms(t *testing.T) {
	inbox := open(t)
	for _, params := range []knockersqlite.ReceiveParams{
		{Endpoint: "orders", Header: header, Headers: map[string]any{}},
		{Endpoint: "orders", Header: header, RawQuery: "a=1", Query: map[string]any{}},
	} {
		_, err := inbox.Receive(params)
		if !errors.Is(err, knockersqlite.ErrInvalidArgument) {
			t.Errorf("%+v: %v", params, err)
		}
	}
}

// A cancelled caller gets the code, and nothing is stored.
func TestReceiveContext(t *testing.T) {
	inbox := open(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := inbox.ReceiveContext(ctx, knockersqlite.ReceiveParams{Endpoint: "orders", Header: header})
	if !errors.Is(err, knockersqlite.ErrCancelled) {
		t.Fatal(err)
	}
}

// A nil handler and a second close are the engine's errors, not panics.
func TestErrors(t *testing.T) {
	inbox := open(t)
	if err := inbox.RegisterHandler("orders", nil); !errors.Is(err, knockersqlite.ErrInvalidArgument) {
		t.Error(err)
	}
	if err := inbox.Close(); err != nil {
		t.Fatal(err)
	}
	if err := inbox.Close(); !errors.Is(err, knockersqlite.ErrClosed) {
		t.Error(err)
	}
}
