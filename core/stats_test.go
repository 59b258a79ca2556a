package core

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/knocker-dev/knocker/core/sqlite"
)

// Stats count by the same rules as the lists, and from indexes alone.
func TestStatsCountWhatListsShow(t *testing.T) {
	inbox := filledInbox(t)
	for _, names := range [][]string{nil, {"shop"}, {"shop", "bank"}} {
		var s Stats
		boundedStats(t, inbox, fmt.Sprint("stats ", names), func() (err error) { s, err = inbox.Stats(context.Background(), names...); return err })
		for _, status := range statuses {
			if n := countEvents(t, inbox, EventFilter{Endpoints: names, Statuses: []string{status}}); n != s.Events[status] {
				t.Errorf("%v %s: %d, listed are %d", names, status, s.Events[status], n)
			}
		}
		if n := countEvents(t, inbox, EventFilter{Endpoints: names, Stuck: true}); n != s.Stuck || n == 0 {
			t.Errorf("%v stuck: %d, listed are %d", names, s.Stuck, n)
		}
	}
	var page []EndpointStats
	boundedStats(t, inbox, "by endpoint", func() (err error) { page, _, err = inbox.StatsByEndpoint(context.Background(), 0, ""); return err })
	for _, p := range page {
		s, err := inbox.Stats(context.Background(), p.Name)
		if err != nil || !maps.Equal(s.Events, p.Events) || p.Orphans != sum(s.Orphans) || p.Orphans == 0 || p.LastReceivedAt < 1099 {
			t.Errorf("%+v: %+v %v", p, s, err)
		}
	}
}

func countEvents(t *testing.T, inbox *Inbox, f EventFilter) int64 {
	t.Helper()
	f.Limit = 1000
	list, _, err := inbox.ListEvents(context.Background(), f)
	if err != nil {
		t.Fatal(err)
	}
	return int64(len(list))
}

// boundedStats is boundedPlans for counts, which go through whole indexes but
// never through the table of events or deliveries. "SCAN x" is of a subquery with
// a limit.
func boundedStats(t *testing.T, inbox *Inbox, name string, call func() error) {
	t.Helper()
	inbox.e.readers.close()
	inbox.e.readers.closed = false
	if err := call(); err != nil {
		t.Fatal(name, err)
	}
	for _, c := range slices.Clone(inbox.e.readers.idle) {
		for _, sql := range c.Statements() {
			if strings.HasPrefix(sql, "SELECT") {
				for _, step := range planOf(t, c, sql) {
					if scans(step) && step != "SCAN x" && !strings.Contains(step, "COVERING INDEX") && !strings.Contains(step, "_honker_dead") && !strings.Contains(step, "SCAN l") {
						t.Errorf("%s: %s\nin %s", name, step, sql)
					}
				}
			}
		}
	}
}

// Events whose job is gone are found and queued again, by the same filter.
func TestStuckEventsAreRequeued(t *testing.T) {
	inbox := filledInbox(t)
	before, err := inbox.Stats(context.Background())
	if err != nil || before.Stuck == 0 {
		t.Fatal(before, err)
	}
	out, err := inbox.RequeueEvents(context.Background(), EventFilter{Stuck: true}, BulkOptions{})
	if err != nil || out.Changed != before.Stuck || out.Matched != before.Stuck || out.Skipped != 0 {
		t.Fatal(out, err)
	}
	after, err := inbox.Stats(context.Background())
	if err != nil || after.Stuck != 0 || after.JobsReady != before.JobsReady+before.Stuck {
		t.Fatal(after, err)
	}
}

// A long paused backlog is counted by its events, with the same result.
func TestPausedBacklog(t *testing.T) {
	inbox := filledInbox(t)
	if _, err := inbox.SetEndpointPaused(context.Background(), "shop", true); err != nil {
		t.Fatal(err)
	}
	exact, err := inbox.Stats(context.Background())
	if err != nil || exact.JobsPaused == 0 {
		t.Fatal(exact, err)
	}
	shop, err := inbox.Stats(context.Background(), "shop")
	if err != nil || shop.JobsPaused != exact.JobsPaused || shop.JobsReady != 0 {
		t.Fatal(shop, err)
	}
	err = inbox.e.snapshot(func(c *sqlite.Conn) error {
		tally := tally{e: inbox.e, c: c, out: &Stats{JobsReady: exact.JobsReady + exact.JobsPaused}, now: 2000}
		if err := tally.pausedBacklog([]int64{1}, exact.JobsPaused); err != nil {
			return err
		}
		if tally.out.JobsPaused != exact.JobsPaused || tally.out.JobsReady != exact.JobsReady {
			t.Errorf("%+v, want %+v", tally.out, exact)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
