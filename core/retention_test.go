package core_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/knocker-dev/knocker/core"
)

// number reads a number through another process: a handler's transaction would
// leave an event of its own.
func number(t *testing.T, inbox *core.Inbox, sql string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(strings.TrimSpace(shell(t, inbox.Path(), sql)), 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return n
}

// seed writes events as they look after processing, and their deliveries. The
// ages are in days before the clock's time.
func seed(t *testing.T, inbox *core.Inbox, c *clock, status string, days, count, bodyBytes int) {
	t.Helper()
	at := c.now().Add(-time.Duration(days) * 24 * time.Hour).Unix()
	shell(t, inbox.Path(), fmt.Sprintf(`PRAGMA busy_timeout = 20000;
		BEGIN IMMEDIATE;
		CREATE TEMP TABLE n AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) SELECT i FROM n;
		INSERT INTO knocker_events (endpoint_id, received_at, method, status, delivery_id, job_id)
			SELECT 1, %d, 'POST', '%s', coalesce((SELECT max(id) FROM knocker_deliveries), 0) + i, 1000000 + coalesce((SELECT max(id) FROM knocker_events), 0) + i FROM n;
		INSERT INTO knocker_deliveries (id, endpoint_id, event_id, received_at, method, headers_json, body_blob, query_json, signature_valid, kind, body_bytes)
			SELECT delivery_id, 1, id, received_at, 'POST', '{}', randomblob(%d), '{}', 1, 'event', %d FROM knocker_events WHERE delivery_id NOT IN (SELECT id FROM knocker_deliveries);
		INSERT INTO knocker_attempts (event_id, attempted_at, outcome) SELECT id, received_at, status FROM knocker_events e
			WHERE status <> 'received' AND NOT EXISTS (SELECT 1 FROM knocker_attempts a WHERE a.event_id = e.id);
		COMMIT`, count, at, status, bodyBytes, bodyBytes))
}

func pass(t *testing.T, inbox *core.Inbox, p core.RetentionPolicy) core.RetentionResult {
	t.Helper()
	r, err := inbox.RunRetentionPass(background, p)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Each kind goes by its own age, and what is younger or still needed stays.
func TestRetentionAges(t *testing.T) {
	c := newClock()
	for name, p := range map[string]struct {
		policy core.RetentionPolicy
		want   map[string]int64 // what is left, by status
	}{
		"the defaults": {core.RetentionPolicy{}, map[string]int64{"handled": 3, "ignored": 3, "dead": 6, "failed": 6, "received": 6}},
		"ages of their own": {core.RetentionPolicy{Handled: 10 * 24 * time.Hour, Ignored: core.Never, Dead: 30 * 24 * time.Hour},
			map[string]int64{"handled": 1, "ignored": 6, "dead": 3, "failed": 6, "received": 6}},
		"small batches": {core.RetentionPolicy{Batch: 1}, map[string]int64{"handled": 5, "ignored": 5, "dead": 6, "failed": 6, "received": 6}},
	} {
		t.Run(name, func(t *testing.T) {
			inbox := withEndpoint(t, core.Options{Source: core.Source{Now: c.now}})
			for _, status := range []string{"handled", "ignored", "dead", "failed", "received"} {
				seed(t, inbox, c, status, 1, 1, 100)
				seed(t, inbox, c, status, 20, 2, 100)
				seed(t, inbox, c, status, 31, 3, 100)
			}
			r := pass(t, inbox, p.policy)
			removed := int64(30)
			for status, want := range p.want {
				removed -= want
				if got := number(t, inbox, "SELECT count(*) FROM knocker_events WHERE status = '"+status+"'"); got != want {
					t.Errorf("%s: %d are left, want %d", status, got, want)
				}
			}
			if r.EventsPruned != removed || r.DeliveriesPruned != removed || r.More != (p.policy.Batch == 1) {
				t.Errorf("%+v, want %d", r, removed)
			}
			if n := number(t, inbox, "SELECT count(*) FROM knocker_deliveries"); n != 30-removed {
				t.Errorf("%d deliveries", n)
			}
			audits, _, err := inbox.ListPruneAudits(background, 0, "")
			if err != nil || len(audits) != 1 || audits[0].Kind != core.AuditRetention || audits[0].EventsPruned != removed {
				t.Errorf("%+v %v", audits, err)
			}
		})
	}
}

func TestRetentionRefuses(t *testing.T) {
	inbox := withEndpoint(t, core.Options{})
	for name, p := range map[string]core.RetentionPolicy{
		"an age within the retries":          {Handled: time.Hour},
		"the same of dead events":            {Dead: 7 * 24 * time.Hour},
		"a negative age":                     {Orphans: -2},
		"a batch that is too large":          {Batch: 1001},
		"a negative interval":                {Interval: -1},
		"a lease that ends before it begins": {Lease: time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := inbox.RunRetentionPass(background, p)
			wantCode(t, err, core.CodeInvalidArgument)
			wantCode(t, inbox.StartRetention(p), core.CodeInvalidArgument)
		})
	}
	if r := pass(t, inbox, core.RetentionPolicy{Handled: time.Hour, Force: true}); r.More {
		t.Errorf("%+v", r)
	}
}

// The dead table belongs to others too: of other queues, and of ours what is
// about no event, nothing may go, whatever stands in it.
func TestRetentionOfDeadJobs(t *testing.T) {
	c := newClock()
	inbox := withEndpoint(t, core.Options{Source: core.Source{Now: c.now}})
	seed(t, inbox, c, "dead", 40, 2, 10)
	old, young := c.now().Add(-40*24*time.Hour).Unix(), c.now().Unix()
	shell(t, inbox.Path(), fmt.Sprintf(`INSERT INTO _honker_dead (id, queue, payload, died_at) VALUES
		(1, 'knocker.events', '{"event_id":77}', %[1]d), (2, 'knocker.events', '{"event_id":78}', %[2]d),
		(3, 'mail', '{"event_id":77}', %[1]d), (4, 'knocker.events', 'no json', %[1]d), (5, 'knocker.events', '{"to":"a"}', %[1]d),
		(6, 'knocker.events', '{"event_id":"77"}', %[1]d), (1000001, 'mine', '{"event_id":1}', %[1]d), (1000002, 'mine', '{"event_id":1}', %[1]d)`, old, young))
	if r := pass(t, inbox, core.RetentionPolicy{}); r.DeadJobsPruned != 0 {
		t.Fatalf("by default dead jobs stay: %+v", r)
	}
	if r := pass(t, inbox, core.RetentionPolicy{DeadJobs: 30 * 24 * time.Hour}); r.DeadJobsPruned != 2 {
		t.Errorf("%+v", r)
	}
	if left := strings.Fields(shell(t, inbox.Path(), "SELECT id FROM _honker_dead ORDER BY id")); strings.Join(left, " ") != "2 3 4 5 6 1000002" {
		t.Errorf("left: %v", left)
	}
	// A dead event takes its row along.
	shell(t, inbox.Path(), fmt.Sprintf(`INSERT INTO _honker_dead (id, queue, payload, died_at) VALUES (1000001, 'mine', '{"event_id":1}', %d)`, young))
	if r := pass(t, inbox, core.RetentionPolicy{Dead: 30 * 24 * time.Hour}); r.EventsPruned != 2 || r.DeadJobsPruned != 1 {
		t.Errorf("%+v", r)
	}
}

// One event that a sender has repeated endlessly does not hold the writer for
// all its deliveries at once, and its own goes last.
func TestRetentionOfManyDeliveries(t *testing.T) {
	c := newClock()
	inbox := withEndpoint(t, core.Options{Source: core.Source{Now: c.now}})
	seed(t, inbox, c, "handled", 40, 2, 10)
	shell(t, inbox.Path(), `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60)
		INSERT INTO knocker_deliveries (endpoint_id, event_id, received_at, method, headers_json, body_blob, query_json, kind, body_bytes)
		SELECT 1, 1, d.received_at + 1, 'POST', '{}', x'00', '{}', 'event', 1 FROM n, knocker_deliveries d WHERE d.id = 1`)
	if r := pass(t, inbox, core.RetentionPolicy{Batch: 20}); r.EventsPruned != 0 || r.DeliveriesPruned != 20 {
		t.Errorf("%+v", r)
	}
	for n := 0; pass(t, inbox, core.RetentionPolicy{Batch: 20}).More; n++ {
		if n == 10 {
			t.Fatal("no end")
		}
	}
	if n := number(t, inbox, "SELECT (SELECT count(*) FROM knocker_events) + (SELECT count(*) FROM knocker_deliveries)"); n != 0 {
		t.Errorf("%d rows are left", n)
	}
}

// Audits are listed newest first, page by page, and go by their own age.
func TestPruneAudits(t *testing.T) {
	c := newClock()
	inbox := withEndpoint(t, core.Options{Source: core.Source{Now: c.now}})
	for range 5 {
		if _, err := inbox.PruneOrphanDeliveries(background, c.now().Unix(), 0); err != nil {
			t.Fatal(err)
		}
		c.advance(100 * 24 * time.Hour)
	}
	var seen []int64
	for cursor := ""; ; {
		page, next, err := inbox.ListPruneAudits(background, 2, cursor)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range page {
			seen = append(seen, a.ID)
		}
		if cursor = next; cursor == "" {
			break
		}
	}
	if fmt.Sprint(seen) != "[5 4 3 2 1]" {
		t.Error(seen)
	}
	_, _, err := inbox.ListPruneAudits(background, 2, "nonsense")
	wantCode(t, err, core.CodeInvalidArgument)
	if r := pass(t, inbox, core.RetentionPolicy{}); r.AuditsPruned != 2 {
		t.Errorf("%+v", r)
	}
}

func retentionState(t *testing.T, inbox *core.Inbox) core.RetentionState {
	t.Helper()
	s, err := inbox.RetentionState(background)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The automation follows the inbox's clock, in its own time, and stops.
func TestRetentionRunsByItself(t *testing.T) {
	c := newClock()
	inbox := withEndpoint(t, core.Options{Source: core.Source{Now: c.now}})
	hooks := inbox.SubscribeQueue(100)
	defer hooks.Close()
	left := func() int64 { return number(t, inbox, "SELECT count(*) FROM knocker_events") }
	seed(t, inbox, c, "handled", 29, 3, 10)
	seed(t, inbox, c, "handled", 31, 900, 10)
	if s := retentionState(t, inbox); s != (core.RetentionState{}) {
		t.Errorf("before the start: %+v", s)
	}
	if err := inbox.StartRetention(core.RetentionPolicy{Batch: 100}); err != nil {
		t.Fatal(err)
	}
	until(t, "the first pass", func() bool {
		s := retentionState(t, inbox)
		return left() == 3 && s.LastPass != nil && s.LastPass.EventsPruned == 900
	})
	if s := retentionState(t, inbox); !s.Running || !s.Leader || s.LeaderID == "" || s.LeaseUntil <= c.now().Unix() || s.LastError != nil {
		t.Errorf("%+v", s)
	}
	c.advance(59 * time.Minute)
	seed(t, inbox, c, "handled", 31, 1, 10)
	time.Sleep(100 * time.Millisecond)
	if n := left(); n != 4 {
		t.Errorf("%d are left: it runs before its time", n)
	}
	c.advance(8 * time.Minute)
	until(t, "the second pass", func() bool { return left() == 3 })
	c.advance(24 * time.Hour)
	until(t, "the third pass, when the rest is old", func() bool { return left() == 0 })
	if err := inbox.StartRetention(core.RetentionPolicy{Handled: core.Never}); err != nil {
		t.Fatal("another policy: ", err)
	}
	wantCode(t, inbox.RunRetention(background, core.RetentionPolicy{}), core.CodeInvalidState)
	if !inbox.StopRetention() || inbox.StopRetention() {
		t.Error("it stops once")
	}
	if s := retentionState(t, inbox); s.Running || s.LeaderID != "" {
		t.Errorf("after the stop: %+v", s)
	}
	heard := map[string]int{}
	events, _ := hooks.Poll(100)
	for _, ev := range events {
		heard[ev.Kind]++
	}
	if heard[core.HookRetentionPass] < 3 || heard[core.HookRetentionLeader] == 0 || heard[core.HookRetentionFailed] != 0 {
		t.Error(heard)
	}
}

// RunRetention is the blocking form: it ends with its context, and with the
// inbox.
func TestRunRetentionEnds(t *testing.T) {
	inbox := withEndpoint(t, core.Options{})
	ctx, cancel := context.WithCancel(background)
	ended := make(chan error, 1)
	run := func(ctx context.Context) { ended <- inbox.RunRetention(ctx, core.RetentionPolicy{}) }
	go run(ctx)
	until(t, "it leads", func() bool { return retentionState(t, inbox).Leader })
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	go run(background)
	until(t, "it leads again", func() bool { return retentionState(t, inbox).Leader })
	_ = inbox.Close()
	select {
	case err := <-ended:
		wantCode(t, err, core.CodeClosed)
	case <-time.After(5 * time.Second):
		t.Error("it outlives its inbox")
	}
	again := openAt(t, inbox.Path(), core.Options{})
	if s := retentionState(t, again); s.LeaderID != "" {
		t.Errorf("closing keeps the lease: %+v", s)
	}
}

// What goes wrong is told, not printed, and tried again.
func TestRetentionTellsErrors(t *testing.T) {
	c := newClock()
	inbox := withEndpoint(t, core.Options{Source: core.Source{Now: c.now}})
	seed(t, inbox, c, "handled", 40, 1, 10)
	shell(t, inbox.Path(), "CREATE TRIGGER mine BEFORE DELETE ON knocker_events BEGIN SELECT RAISE(ABORT, 'not this one'); END")
	if err := inbox.StartRetention(core.RetentionPolicy{}); err != nil {
		t.Fatal(err)
	}
	until(t, "the error", func() bool { return retentionState(t, inbox).LastError != nil })
	if e := retentionState(t, inbox).LastError; !strings.Contains(e.Message, "not this one") {
		t.Errorf("%+v", e)
	}
	shell(t, inbox.Path(), "DROP TRIGGER mine")
	c.advance(10 * time.Second)
	until(t, "another try", func() bool { return number(t, inbox, "SELECT count(*) FROM knocker_events") == 0 })
}

// childRetains runs the automation until it is killed.
func childRetains(path string) {
	inbox := childInbox(path)
	err := inbox.RunRetention(background, core.RetentionPolicy{Lease: 2 * time.Second, Interval: time.Second})
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// A leader that is killed is followed by exactly one other process, once its
// lease is over, and the work goes on.
func TestRetentionLeaderIsKilled(t *testing.T) {
	inbox := withEndpoint(t, core.Options{})
	c := newClock()
	c.ns.Store(time.Now().UnixNano())
	leaders := map[string]bool{}
	processes := map[string]func(){}
	for range 3 {
		p, _ := child(t, "retain", inbox.Path())
		kill := func() { _ = p.Process.Kill(); _ = p.Wait() }
		defer kill()
		processes[strconv.Itoa(p.Process.Pid)] = kill
	}
	for round := range 3 {
		var leader string
		until(t, "a leader", func() bool {
			leader = retentionState(t, inbox).LeaderID
			return leader != "" && !leaders[leader]
		})
		leaders[leader] = true
		seed(t, inbox, c, "handled", 40, 50, 10)
		until(t, "the leader prunes", func() bool { return number(t, inbox, "SELECT count(*) FROM knocker_events") == 0 })
		if now := retentionState(t, inbox); now.LeaderID != leader || now.Leader {
			t.Fatalf("round %d: %s led and %+v leads", round, leader, now)
		}
		processes[strings.Split(leader, ":")[1]]()
	}
	if len(leaders) != 3 {
		t.Errorf("leaders: %v", leaders)
	}
}
