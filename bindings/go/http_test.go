package knockersqlite_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	knockersqlite "github.com/knocker-dev/knocker/bindings/go"
	"github.com/knocker-dev/knocker/bindings/go/knockertest"
	"github.com/knocker-dev/knocker/core/providertest"
)

// serve is a real server with the example's route for one endpoint.
func serve(t *testing.T, options knockersqlite.Options, endpoint knockersqlite.AddEndpointParams) (*knockertest.Inbox, *httptest.Server) {
	t.Helper()
	inbox := knockertest.NewInbox(t, options)
	if _, err := inbox.AddEndpoint(endpoint); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(route(inbox.Inbox, endpoint.Name))
	t.Cleanup(server.Close)
	return inbox, server
}

func send(t *testing.T, method, address string, header http.Header, body []byte) (int, http.Header, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range header {
		request.Header[name] = values
	}
	if host := header.Get("Host"); host != "" {
		request.Host = host
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header, string(text)
}

// Requests signed as the senders sign them are taken over real HTTP, and a
// single changed byte is refused.
func TestSignedOverHTTP(t *testing.T) {
	for _, name := range []string{"stripe", "github", "shopify", "slack", "zendesk", "paddle"} {
		t.Run(name, func(t *testing.T) {
			inbox, server := serve(t, knockersqlite.Options{}, knockersqlite.AddEndpointParams{Name: "hook", Provider: name, Secrets: "secret"})
			body := []byte(`{"id":"evt_1","event_id":"evt_1","type":"order.paid","name":"Zoë"}`)
			header, err := knockertest.Sign(name, "secret", body, inbox.Now())
			if err != nil {
				t.Fatal(err)
			}
			if code, _, text := send(t, "POST", server.URL+"/?a=1&a=2", header, body); code/100 != 2 {
				t.Fatal(code, text)
			}
			if code, _, _ := send(t, "POST", server.URL, header, bytes.Replace(body, []byte("paid"), []byte("Paid"), 1)); code != http.StatusUnauthorized {
				t.Error(code)
			}
			events := inbox.Received()
			if len(events) != 1 || !bytes.Equal(events[0].Body, body) || len(events[0].Query()["a"]) != 2 {
				t.Error(events)
			}
		})
	}
}

// A sender that signs the public URL is verified by the Host header.
func TestSignedURLOverHTTP(t *testing.T) {
	inbox, server := serve(t, knockersqlite.Options{}, knockersqlite.AddEndpointParams{Name: "calls", Provider: "twilio", Secrets: "token",
		URL: "https://hooks.example.com/calls"})
	body := []byte(url.Values{"CallSid": {"CA1"}, "Body": {"hello & bye"}}.Encode())
	signed, err := providertest.SignRequest("twilio", "token", body, inbox.Now(), providertest.WithURL("https://hooks.example.com/calls?x=1"))
	if err != nil {
		t.Fatal(err)
	}
	header := http.Header{"Host": {"hooks.example.com"}, "Content-Type": {"application/x-www-form-urlencoded"}}
	for name, value := range signed.Headers {
		header.Set(name, value)
	}
	public, err := url.Parse(signed.URL)
	if err != nil {
		t.Fatal(err)
	}
	if code, _, text := send(t, "POST", server.URL+public.RequestURI(), header, signed.Body); code/100 != 2 {
		t.Error(code, text)
	}
	header.Set("Host", "elsewhere.example.com")
	if code, _, _ := send(t, "POST", server.URL+public.RequestURI(), header, signed.Body); code != http.StatusUnauthorized {
		t.Error(code)
	}
}

// The senders' handshakes are answered as they expect it.
func TestHandshakeOverHTTP(t *testing.T) {
	_, server := serve(t, knockersqlite.Options{}, knockersqlite.AddEndpointParams{Name: "meta", Provider: "meta", Secrets: "secret",
		ProviderOptions: map[string]any{"verify_token": "mine"}})
	code, header, text := send(t, "GET", server.URL+"/?hub.mode=subscribe&hub.verify_token=mine&hub.challenge=1158201444", nil, nil)
	if code != http.StatusOK || text != "1158201444" || header.Get("X-Content-Type-Options") != "nosniff" {
		t.Error(code, header, text)
	}
	if code, _, text := send(t, "GET", server.URL+"/?hub.mode=subscribe&hub.verify_token=theirs&hub.challenge=1", nil, nil); code/100 == 2 || text == "1" {
		t.Error(code, text)
	}
}

// A body above the inbox's limit is answered 413 and noted; one far above it
// does not reach the inbox.
func TestTooLargeOverHTTP(t *testing.T) {
	inbox, server := serve(t, knockersqlite.Options{MaxBodyBytes: 1000}, knockersqlite.AddEndpointParams{Name: "orders", Provider: "token-header", Secrets: "token"})
	if code, _, _ := send(t, "POST", server.URL, header, make([]byte, 1001)); code != http.StatusRequestEntityTooLarge {
		t.Error(code)
	}
	if code, _, _ := send(t, "POST", server.URL, header, make([]byte, maxBody+1)); code != http.StatusRequestEntityTooLarge {
		t.Error(code)
	}
	deliveries, _, err := inbox.ListDeliveries(context.Background(), knockersqlite.DeliveryFilter{})
	if err != nil || len(deliveries) != 1 || deliveries[0].Kind != "too_large" {
		t.Error(deliveries, err)
	}
}

// Problems on our side are the statuses of the table, so that senders retry.
func TestProblemsOverHTTP(t *testing.T) {
	inbox, server := serve(t, knockersqlite.Options{}, knockersqlite.AddEndpointParams{Name: "orders", Provider: "token-header", Secrets: "token"})
	if _, err := inbox.DisableEndpoint(context.Background(), "orders"); err != nil {
		t.Fatal(err)
	}
	if code, _, text := send(t, "POST", server.URL, header, []byte("{}")); code != http.StatusNotFound || !strings.Contains(text, "endpoint_disabled") {
		t.Error(code, text)
	}
	if err := inbox.Close(); err != nil {
		t.Fatal(err)
	}
	if code, _, text := send(t, "POST", server.URL, header, []byte("{}")); code != http.StatusServiceUnavailable || !strings.Contains(text, "closed") {
		t.Error(code, text)
	}
}

// Many requests at once, with a worker beside them: each event is handled once.
func TestManyOverHTTP(t *testing.T) {
	inbox, server := serve(t, knockersqlite.Options{}, knockersqlite.AddEndpointParams{Name: "orders", Provider: "token-header", Secrets: "token", EventKey: "header:x-id"})
	const clients, each = 8, 20
	var handled sync.Map
	if err := inbox.RegisterHandler("orders", func(event knockersqlite.Event, tx *knockersqlite.Tx) error {
		if _, twice := handled.LoadOrStore(event.DedupeKey, true); twice {
			t.Error("twice: ", event.DedupeKey)
		}
		_, err := tx.Exec("CREATE TABLE IF NOT EXISTS seen (key TEXT PRIMARY KEY)")
		if err == nil {
			_, err = tx.Exec("INSERT INTO seen VALUES (?)", event.DedupeKey)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	worker := make(chan error, 1)
	go func() { worker <- inbox.RunWorker(ctx, knockersqlite.WorkerOptions{Concurrency: 2}) }()
	var all sync.WaitGroup
	for client := range clients {
		all.Add(1)
		go func() {
			defer all.Done()
			for n := range each {
				// Every other one comes twice.
				for range 1 + n%2 {
					h := http.Header{"X-Knocker-Token": {"token"}, "X-Id": {fmt.Sprintf("%d-%d", client, n)}}
					if code, _, text := send(t, "POST", server.URL, h, []byte("{}")); code != http.StatusNoContent {
						t.Error(code, text)
					}
				}
			}
		}()
	}
	all.Wait()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		stats, err := inbox.Stats(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if stats.Events["handled"] == clients*each {
			if stats.Duplicates != clients*each/2 {
				t.Error(stats)
			}
			break
		}
		if time.Now().After(end) {
			t.Fatal(stats)
		}
	}
	stop()
	if err := <-worker; err != nil {
		t.Error(err)
	}
}
