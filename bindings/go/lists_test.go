package knockersqlite_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	knockersqlite "github.com/knocker-dev/knocker/bindings/go"
	"github.com/knocker-dev/knocker/core"
)

// The lists follow the cursors to the end, end when the loop does, and yield an
// error once.
func TestLists(t *testing.T) {
	ctx := context.Background()
	inbox := open(t)
	var want []int64
	for n := range 7 {
		want = append([]int64{receive(t, inbox, fmt.Sprint(n)).EventID}, want...)
	}
	var got []int64
	for event, err := range inbox.Events(ctx, knockersqlite.EventFilter{Limit: 2}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, event.ID)
	}
	if !reflect.DeepEqual(got, want) {
		t.Error(got, want)
	}
	count := 0
	for delivery, err := range inbox.Deliveries(ctx, knockersqlite.DeliveryFilter{Limit: 3, Bodies: true}) {
		if err != nil || len(delivery.Body) != 1 {
			t.Fatal(delivery, err)
		}
		if count++; count == 5 {
			break
		}
	}
	if count != 5 {
		t.Error(count)
	}
	count = 0
	for endpoint, err := range inbox.Endpoints(ctx) {
		if count++; err != nil || endpoint.Name != "orders" {
			t.Error(endpoint, err)
		}
	}
	if count != 1 {
		t.Error(count)
	}
	count = 0
	for _, err := range inbox.Events(ctx, knockersqlite.EventFilter{Limit: -1}) {
		if count++; !errors.Is(err, knockersqlite.ErrInvalidArgument) {
			t.Error(err)
		}
	}
	if count != 1 {
		t.Error("an error is yielded", count, "times")
	}
}

// What operators do, through this package's names.
func TestOperating(t *testing.T) {
	ctx := context.Background()
	inbox := open(t)
	id := receive(t, inbox, `{"a":1}`).EventID
	if err := inbox.Ignore(ctx, id); err != nil {
		t.Fatal(err)
	}
	if err := inbox.Replay(ctx, id); err != nil {
		t.Fatal(err)
	}
	if err := inbox.Requeue(ctx, id); !errors.Is(err, knockersqlite.ErrInvalidState) {
		t.Error(err)
	}
	if err := inbox.Replay(ctx, 999); !errors.Is(err, knockersqlite.ErrNotFound) {
		t.Error(err)
	}
	if _, err := inbox.RunWorkerOnce(ctx, knockersqlite.WorkerOptions{}); err != nil {
		t.Fatal(err)
	}
	event, err := inbox.GetEvent(ctx, id)
	var body struct{ A int }
	if err != nil || event.Status != "dead" || event.JSON(&body) != nil || body.A != 1 {
		t.Error(event, err, body) // no handler is registered
	}
	if replayed, err := inbox.ReplayDelivery(ctx, event.DeliveryID, 0); err != nil || replayed != id {
		t.Error(replayed, err)
	}
	stats, err := inbox.Stats(ctx)
	if err != nil || stats.Events["received"] != 1 || stats.Deliveries != 1 {
		t.Error(stats, err)
	}
	if endpoint, err := inbox.DisableEndpoint(ctx, "orders"); err != nil || endpoint.Enabled {
		t.Error(endpoint, err)
	}
	if _, err := inbox.Receive(knockersqlite.ReceiveParams{Endpoint: "orders"}); !errors.Is(err, knockersqlite.ErrEndpointDisabled) {
		t.Error(err)
	}
	if endpoint, err := inbox.EnableEndpoint(ctx, "orders"); err != nil || !endpoint.Enabled {
		t.Error(endpoint, err)
	}
	if err := inbox.RemoveEndpoint(ctx, "orders", false); !errors.Is(err, knockersqlite.ErrNotEmpty) {
		t.Error(err)
	}
	if err := inbox.Ignore(ctx, id); err != nil {
		t.Fatal(err)
	}
	pruned, err := inbox.PruneEvents(ctx, knockersqlite.PruneParams{OlderThan: time.Now().Unix() + 1, Force: true})
	if err != nil || pruned.EventsPruned != 1 {
		t.Error(pruned, err)
	}
	copied := filepath.Join(t.TempDir(), "copy.db")
	if err := inbox.Backup(ctx, copied); err != nil {
		t.Error(err)
	}
	if err := inbox.RemoveEndpoint(ctx, "orders", false); err != nil {
		t.Error(err)
	}
}

// The trusted door stores what another layer has found.
func TestIngest(t *testing.T) {
	ctx := context.Background()
	inbox := open(t)
	no := false
	refused, err := inbox.Ingest(ctx, knockersqlite.IngestParams{Endpoint: "orders", Body: []byte("x"), SignatureValid: &no, SignatureError: "their word"})
	if err != nil || refused.EventID != 0 || refused.StatusCode != 401 {
		t.Error(refused, err)
	}
	taken, err := inbox.Ingest(ctx, knockersqlite.IngestParams{Endpoint: "orders", RawQuery: "a=1&a=2", Body: []byte("x"), DedupeKey: "one", EventType: "kind"})
	if err != nil || taken.EventID == 0 {
		t.Fatal(taken, err)
	}
	event, err := inbox.GetEvent(ctx, taken.EventID)
	if err != nil || event.DedupeKey != "one" || event.EventType != "kind" || len(event.Query()["a"]) != 2 {
		t.Error(event, err)
	}
}

// Every option of the engine can be set here: one that is added there and
// forgotten here fails this test.
func TestOptionsAreComplete(t *testing.T) {
	check := func(converted any, leftOut ...string) {
		t.Helper()
		value := reflect.ValueOf(converted)
		for n := range value.NumField() {
			name := value.Type().Field(n).Name
			if value.Field(n).IsZero() && !strings.Contains(strings.Join(leftOut, " ")+" ", name+" ") {
				t.Errorf("%T has no way to set %s", converted, name)
			}
		}
	}
	retry := knockersqlite.RetryPolicy{MaxAttempts: 1, BackoffInitial: time.Second, BackoffFactor: 1, BackoffMax: time.Second, NoBackoffJitter: true}
	check(knockersqlite.CoreOptions(knockersqlite.Options{QueueName: "q", BusyTimeout: 1, ReceiveTimeout: 1, MaxBodyBytes: 1, MaxOrphans: 1, MaxOrphanBytes: 1,
		MaxOrphanBodyBytes: 1, MaxOrphansPerSecond: 1, RedactHeaders: []string{"x"}, FileMode: 1, Migrate: "never", JournalMode: "keep", NoForeignKeys: true,
		MaxTransaction: 1, Retry: retry, AllowNetworkFileSystem: true, Now: time.Now}), "VFS", "Engine") // a Go program has one SQLite anyway
	check(knockersqlite.CoreWorkerOptions(knockersqlite.WorkerOptions{Concurrency: 1, Lease: 1, WorkerID: "w", Endpoints: []string{"x"}, StopTimeout: 1,
		HandlerSynchronous: "full", HandlerTimeout: 1}), "Scope")
	check(knockersqlite.CoreEndpoint(knockersqlite.AddEndpointParams{Name: "n", Path: "p", Provider: "p", Secrets: "s", ProviderOptions: map[string]any{"a": 1},
		URL: "u", Disabled: true, Unhandled: "leave", NoSplitBatches: true, EventKey: "k", MaxBodyBytes: 1, Retry: retry}), "Verifier")
	check(knockersqlite.CoreRetry(retry))
}

// The logger hears of what fails, without a body or a secret.
func TestLogger(t *testing.T) {
	var log bytes.Buffer
	inbox, err := knockersqlite.OpenWith(filepath.Join(t.TempDir(), "app.db"), knockersqlite.Options{
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := inbox.AddEndpoint(knockersqlite.AddEndpointParams{Name: "orders", Provider: "token-header", Secrets: "token"}); err != nil {
		t.Fatal(err)
	}
	if _, err := inbox.Receive(knockersqlite.ReceiveParams{Endpoint: "orders", Body: []byte("private")}); err != nil {
		t.Fatal(err)
	}
	if err := inbox.Close(); err != nil {
		t.Fatal(err)
	}
	text := log.String()
	if !strings.Contains(text, "knocker rejected") || !strings.Contains(text, "level=WARN") || strings.Contains(text, "private") {
		t.Error(text)
	}
}

// Each code of the table has its variable.
func TestErrorsAreComplete(t *testing.T) {
	for _, row := range core.Codes {
		if !strings.Contains(knockersqlite.GeneratedErrors, `"`+string(row.Code)+`"`) {
			t.Errorf("no variable for %s: run make generate", row.Code)
		}
	}
	if knockersqlite.CodeOf(fmt.Errorf("wrapped: %w", knockersqlite.ErrBusy)) != "busy" {
		t.Error("CodeOf does not look through wrapping")
	}
}
