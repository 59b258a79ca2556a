package knockersqlite_test

import (
	"context"
	"testing"
	"time"

	knockersqlite "github.com/knocker-dev/knocker/bindings/go"
	"github.com/knocker-dev/knocker/bindings/go/knockertest"
)

// The file keeps itself small for as long as the context lives; what it removed
// is on record.
func TestRetention(t *testing.T) {
	ctx := context.Background()
	inbox := knockertest.NewInbox(t)
	if _, err := inbox.AddEndpoint(knockersqlite.AddEndpointParams{Name: "orders", Provider: "token-header", Secrets: "token"}); err != nil {
		t.Fatal(err)
	}
	if err := inbox.Ignore(ctx, receive(t, inbox.Inbox, "{}").EventID); err != nil {
		t.Fatal(err)
	}
	inbox.Advance(31 * 24 * time.Hour)
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- inbox.RunRetention(running, knockersqlite.RetentionPolicy{}) }()
	for deadline := time.Now().Add(30 * time.Second); len(inbox.Received()) > 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the event is still there")
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	pruned := int64(0)
	for audit, err := range inbox.PruneAudits(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		pruned += audit.EventsPruned
	}
	if pruned != 1 {
		t.Error(pruned)
	}
	if inbox.StopRetention() {
		t.Error("it still runs")
	}
	state, err := inbox.RetentionState(ctx)
	if err != nil || state.Running || state.LastError != nil {
		t.Error(state, err)
	}
	if again, err := inbox.RunRetentionPass(ctx, knockersqlite.RetentionPolicy{Handled: knockersqlite.Never}); err != nil || again.EventsPruned != 0 {
		t.Error(again, err)
	}
}
