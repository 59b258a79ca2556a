package extension

import (
	"fmt"
	"testing"
	"time"
)

// The queue's functions answer what Honker's do: an application may use both.
func TestJobs(t *testing.T) {
	h := newHost(t)
	now := time.Now().Unix()
	first := h.one("SELECT honker_enqueue('q', 'not json', NULL, NULL, 0, 3, NULL)").(int64)
	if h.one("SELECT honker_enqueue('q', '', 1000, 50, 7, 2, 60)") != first+1 {
		t.Error("ids")
	}
	if late := h.one("SELECT run_at FROM _honker_live WHERE id = ?", first+1).(int64); late < now+50 || late > now+60 {
		t.Error("a delay wins over a time:", late-now)
	}
	job := h.object("SELECT honker_get_job(?)", first)
	if job["payload"] != "not json" || job["state"] != "pending" || job["worker_id"] != nil || job["expires_at"] != nil || len(job) != 12 {
		t.Error(job)
	}
	h.want("", "SELECT honker_get_job(99)")
	h.one("SELECT honker_claim_batch('q', 'w', 10, 60)")
	if job := h.object("SELECT honker_get_job(?)", first); job["state"] != "processing" || job["worker_id"] != "w" || job["claim_expires_at"] == nil {
		t.Error(job)
	}
	h.want(0, "SELECT honker_ack_batch(?, 'other')", fmt.Sprintf("[%d]", first))
	h.want(0, "SELECT honker_ack_batch('[]', 'w')")
	h.want(0, "SELECT honker_ack_batch(?, 'w')", fmt.Sprintf("[%d]", first+1)) // pending
	h.want(1, "SELECT honker_ack_batch(?, 'w')", fmt.Sprintf("[%d, 99]", first))
	h.want(1, "SELECT honker_cancel(?)", first+1)
	h.want(0, "SELECT honker_cancel(?)", first+1)

	h.one("SELECT honker_enqueue('q', '{}', NULL, NULL, 0, 3, -1)")
	h.want("[]", "SELECT honker_claim_batch('q', 'w', 10, 60)")
	h.want(1, "SELECT honker_sweep_expired('q')")
	h.want(0, "SELECT honker_sweep_expired('q')")
	h.want("expired", "SELECT last_error FROM _honker_dead")
}

// A job that expires, or whose attempts are used up, takes its event with it; an
// application's own job about the same number does not.
func TestJobsOfEvents(t *testing.T) {
	h := newHost(t)
	event := h.receive("a")
	payload := fmt.Sprintf(`{"event_id":%d}`, event)
	h.one("SELECT honker_cancel((SELECT job_id FROM knocker_events))")
	own := h.one("SELECT honker_enqueue('emails', ?, NULL, NULL, 0, 0, NULL)", fmt.Sprintf(`{"event_id":%d,"to":"a"}`, event))
	h.want("[]", "SELECT honker_claim_batch('emails', 'w', 10, 60)")
	h.want(own, "SELECT id FROM _honker_dead")
	h.want("received", "SELECT status FROM knocker_events")

	job := h.one("SELECT honker_enqueue('knocker.events', ?, NULL, NULL, 0, 3, -1)", payload)
	h.want(job, "SELECT job_id FROM knocker_events")
	h.refused("invalid_state", "SELECT knocker_requeue(?, NULL, NULL)", event) // it has a job again
	h.want(1, "SELECT honker_sweep_expired('knocker.events')")
	h.want("dead: expired", "SELECT status||': '||last_error FROM knocker_events")

	h.want(1, "SELECT knocker_requeue(?, 'own', 1)", event)
	h.one("SELECT honker_claim_batch('own', 'w', 1, 1)")
	h.exec("UPDATE _honker_live SET claim_expires_at = 1")
	h.want("[]", "SELECT honker_claim_batch('own', 'w', 1, 60)")
	h.want("dead", "SELECT status FROM knocker_events")
}

// An event that is done, and whose job nobody has removed yet, still knows it:
// whoever runs or prunes the event removes the job, and no second one is left.
func TestJobOfMarkedEvent(t *testing.T) {
	for _, c := range []struct{ mark, then string }{
		{"SELECT knocker_mark_handled(?, 5)", "SELECT knocker_replay(?, 'other', NULL)"},
		{"SELECT knocker_mark_ignored(?, 5)", "SELECT knocker_replay(?, 'other', NULL)"},
		{"SELECT knocker_mark_failed(?, 1, 'no', 1, 5)", "SELECT knocker_replay(?, 'other', NULL)"},
		{"SELECT knocker_mark_failed(?, 1, 'no', 1, 5)", "SELECT knocker_requeue(?, 'other', NULL)"},
	} {
		h := newHost(t)
		event := h.receive("a")
		job := h.claim()
		h.want(1, c.mark, event)
		h.want(1, c.then, event)
		h.want("other", "SELECT group_concat(queue) FROM _honker_live")
		h.want(0, "SELECT honker_ack(?, 'w')", job)
	}
	h := newHost(t)
	event := h.receive("a")
	h.claim()
	h.one("SELECT knocker_mark_handled(?, 5)", event)
	h.want(`{"events_pruned":1,"attempts_pruned":1,"deliveries_pruned":1,"live_jobs_pruned":1}`, "SELECT knocker_prune_events(NULL, 9999999999, 10, NULL)")
	h.want(0, "SELECT count(*) FROM _honker_live")
}

// Failing a job looks for its event by the event's id: it does not read through
// all events. A job that another event remembers, or whose payload is no event's,
// is none of theirs.
func TestFailFindsTheEvent(t *testing.T) {
	h := newHost(t)
	event, other := h.receive("a"), h.receive("b")
	job := h.claim()
	h.exec("UPDATE knocker_events SET job_id = ? WHERE id = ?", job, other)
	h.want(1, "SELECT honker_fail(?, 'w', 'no')", job)
	h.want("dead", "SELECT status FROM knocker_events WHERE id = ?", event)
	h.want("received", "SELECT status FROM knocker_events WHERE id = ?", other)
	h.one("SELECT honker_enqueue('mine', 'no json', NULL, NULL, 0, 3, NULL)")
	h.one("SELECT honker_claim_batch('mine', 'w', 1, 60)")
	h.want(1, "SELECT honker_fail((SELECT id FROM _honker_live WHERE queue = 'mine'), 'w', 'no')")
}

// Events that were ignored meanwhile are drained by the next claim.
func TestClaimDrains(t *testing.T) {
	h := newHost(t)
	ignored, next := h.receive("a"), h.receive("b")
	h.one("SELECT knocker_ignore(?)", ignored)
	jobs := h.claims(1)
	if len(jobs) != 1 || jobs[0]["payload"] != fmt.Sprintf(`{"event_id":%d}`, next) {
		t.Error(jobs)
	}
	h.want(1, "SELECT count(*) FROM _honker_live")
}

// A paused endpoint's events are not handed out, cost the claims after the first
// nothing, and come back in order when it is resumed.
func TestClaimLeavesPausedEndpoints(t *testing.T) {
	h := newHost(t)
	h.one("SELECT knocker_endpoint_upsert('other', NULL, 'token-header', 1)")
	const backlog = parkedAtOnce + 300
	h.exec("BEGIN")
	for n := range backlog {
		h.one("SELECT knocker_ingest('provider', 'POST', NULL, x'', NULL, 1, NULL, NULL, NULL, NULL, ?)", fmt.Sprint(n))
	}
	h.one("SELECT knocker_ingest('other', 'POST', NULL, x'', NULL, 1, NULL, NULL, NULL, NULL, 'o')")
	h.exec("UPDATE knocker_endpoints SET paused = 1 WHERE name = 'provider'")
	h.exec("COMMIT")
	jobs := h.claims(1)
	if len(jobs) != 1 || jobs[0]["payload"] != fmt.Sprintf(`{"event_id":%d}`, backlog+1) {
		t.Fatal(jobs)
	}
	h.want(1, "SELECT honker_ack(?, 'w')", jobs[0]["id"])
	if jobs := h.claims(1000); len(jobs) != 0 {
		t.Errorf("%d jobs of a paused endpoint", len(jobs))
	}
	h.want(0, "SELECT honker_queue_next_claim_at('knocker.events')")
	h.want(0, "SELECT sum(attempts) FROM _honker_live")
	h.exec("UPDATE knocker_endpoints SET paused = 0")
	seen := 0
	for seen < backlog {
		jobs := h.claims(1000)
		if len(jobs) == 0 {
			t.Fatalf("only %d came back", seen)
		}
		for _, job := range jobs {
			seen++
			if job["payload"] != fmt.Sprintf(`{"event_id":%d}`, seen) {
				t.Fatal("out of order:", job)
			}
		}
	}
}

// parkedAtOnce is a little more than a claim puts aside in one go.
const parkedAtOnce = 1100
