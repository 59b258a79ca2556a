package main_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	knockersqlite "github.com/knocker-dev/knocker/bindings/go"
)

// routeOf is a real server with a route for one endpoint.
func routeOf(t *testing.T, endpoint knockersqlite.AddEndpointParams) (*knockersqlite.Inbox, string) {
	t.Helper()
	inbox, err := knockersqlite.Open(filepath.Join(t.TempDir(), "app.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = inbox.Close() })
	if _, err := inbox.AddEndpoint(endpoint); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		result, err := inbox.Receive(knockersqlite.ReceiveParams{Endpoint: endpoint.Name, Header: r.Header, RawQuery: r.URL.RawQuery, Body: body})
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.WriteHeader(result.StatusCode)
	}))
	t.Cleanup(server.Close)
	return inbox, server.URL
}

func written(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// What send signs is taken by a route, with the secret from a file or from a
// variable, and never appears in what is printed.
func TestSend(t *testing.T) {
	inbox, address := routeOf(t, knockersqlite.AddEndpointParams{Name: "billing", Provider: "stripe", Secrets: "whsec_hidden"})
	body := written(t, `{"id":"evt_1","type":"invoice.paid"}`)
	cmd := command(t, "send", address, body, "--provider", "stripe", "--secret-env", "THE_SECRET")
	cmd.Env = append(cmd.Env, "THE_SECRET=whsec_hidden")
	got := runCommand(t, cmd)
	if got.code != 0 || !strings.HasPrefix(got.out, "20") || strings.Contains(got.out+got.err, "hidden") {
		t.Error(got)
	}
	out := works(t, "--json", "send", address, body, "--provider", "stripe", "--secret-file", written(t, "whsec_hidden\n"))
	var answer struct{ Status int }
	if err := json.Unmarshal([]byte(out), &answer); err != nil || answer.Status/100 != 2 {
		t.Error(out, err)
	}
	got = knocker(t, "send", address, body, "--provider", "stripe", "--secret-file", written(t, "whsec_wrong"))
	if got.code != 6 || !strings.Contains(got.out, "401") {
		t.Error(got)
	}
	got = knocker(t, "send", address, body, "--provider", "stripe", "--secret-file", written(t, "whsec_hidden"), "--at", "1d")
	if got.code != 6 {
		t.Error("an old signature was taken", got)
	}
	event, err := inbox.GetEvent(t.Context(), 1)
	if err != nil || event.DedupeKey != "evt_1" {
		t.Error(event, err)
	}
}

// A GitHub event's type and id are headers; the id is a new one each time.
func TestSendHeaders(t *testing.T) {
	inbox, address := routeOf(t, knockersqlite.AddEndpointParams{Name: "code", Provider: "github", Secrets: "s"})
	secret := written(t, "s")
	for range 2 {
		works(t, "send", address, written(t, "{}"), "--provider", "github", "--secret-file", secret, "--event-type", "push", "-H", "X-Own: value")
	}
	events, _, err := inbox.ListEvents(t.Context(), knockersqlite.EventFilter{EventType: "push"})
	if err != nil || len(events) != 2 || events[0].Header().Get("X-Own") != "value" {
		t.Error(events, err)
	}
}

// Mistakes are told before anything is sent.
func TestSendMistakes(t *testing.T) {
	body := written(t, "{}")
	fails(t, 2, "not an http", "send", "ftp://example.com", body)
	fails(t, 3, "does not exist", "send", "http://127.0.0.1:1", filepath.Join(t.TempDir(), "none"))
	fails(t, 2, "did you mean stripe", "send", "http://127.0.0.1:1", body, "-p", "strpe")
	fails(t, 2, "give it by --secret-env", "send", "http://127.0.0.1:1", body, "-p", "stripe")
	fails(t, 2, "not set", "send", "http://127.0.0.1:1", body, "-p", "stripe", "--secret-env", "NO_SUCH_VARIABLE")
	fails(t, 2, "holds no secret", "send", "http://127.0.0.1:1", body, "-p", "stripe", "--secret-file", written(t, "\n"))
	fails(t, 2, "without --provider", "send", "http://127.0.0.1:1", body, "--secret-file", body)
	fails(t, 1, "could not be sent", "send", "http://127.0.0.1:1", body)
}
