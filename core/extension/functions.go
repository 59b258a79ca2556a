package extension

import (
	"github.com/knocker-dev/knocker/core"
	"github.com/knocker-dev/knocker/core/sqlite"
)

// Function is a function of the extension: how many arguments it takes, and how
// they become a call.
type Function struct {
	Name        string
	Least, Most int
	Writes      bool // then it may not run from views and triggers
	Prepare     func(a *Arguments) Call
	// Closed, if set, is told when a connection that had the function is closed,
	// with what sqlite.Conn.Handle answered for it. It may not use it.
	Closed func(handle uintptr)
}

// Call runs on the caller's connection and answers an int64 or a string.
type Call func(c *sqlite.Conn) (any, error)

// Add adds a function to the table. To be called from an init.
func Add(f Function) { functions = append(functions, f) }

// sentinel is the function by which a connection is known to have all of them:
// one that loads twice keeps them, for while a statement runs, such as SELECT
// load_extension(…), SQLite replaces none.
const sentinel = 0

var functions = []Function{
	sentinel: {Name: "knocker_version", Closed: func(uintptr) {}, Prepare: func(*Arguments) Call {
		return func(*sqlite.Conn) (any, error) { return core.Version, nil }
	}},
	{"knocker_bootstrap", 0, 0, true, bootstrap, nil},
	{"knocker_endpoint_upsert", 4, 4, true, addEndpoint, nil},
	{"knocker_receive", 12, 14, true, receive, nil},
	{"knocker_ingest", 11, 13, true, ingest, nil},

	{"knocker_mark_processing", 2, 2, true, markProcessing, nil},
	{"knocker_mark_handled", 2, 2, true, markDone(core.StatusHandled), nil},
	{"knocker_mark_ignored", 2, 2, true, markDone(core.StatusIgnored), nil},
	{"knocker_mark_failed", 5, 5, true, markFailed, nil},

	{"knocker_ignore", 1, 1, true, act((*core.Hosted).Ignore), nil},
	{"knocker_replay", 3, 3, true, runAgain((*core.Hosted).Replay), nil},
	{"knocker_requeue", 3, 3, true, runAgain((*core.Hosted).Requeue), nil},

	{"knocker_replay_delivery", 3, 3, true, replayDelivery, nil},
	{"knocker_reset_event", 1, 1, true, act((*core.Hosted).Reset), nil},

	{"knocker_prune_events", 4, 4, true, pruneEvents, nil},
	{"knocker_prune_orphan_deliveries", 3, 3, true, pruneOrphans, nil},
	{"knocker_run_retention_pass", 6, 6, true, runRetentionPass, nil},

	{"knocker_get_event", 1, 1, false, getEvent, nil},
	{"knocker_get_delivery", 1, 1, false, getDelivery, nil},
	{"knocker_list_events", 1, 1, false, listEvents, nil},
	{"knocker_list_deliveries", 1, 1, false, listDeliveries, nil},
	{"knocker_stats", 0, 0, false, stats, nil},

	{"honker_bootstrap", 0, 0, true, bootstrap, nil},
	{"honker_enqueue", 7, 7, true, enqueue, nil},
	{"honker_claim_batch", 4, 4, true, claim, nil},
	{"honker_ack", 2, 2, true, acknowledge, nil},
	{"honker_ack_batch", 2, 2, true, acknowledgeAll, nil},
	{"honker_retry", 4, 4, true, retry, nil},
	{"honker_fail", 3, 3, true, failJob, nil},
	{"honker_heartbeat", 3, 3, true, heartbeat, nil},
	{"honker_sweep_expired", 1, 1, true, sweepExpired, nil},
	{"honker_cancel", 1, 1, true, cancel, nil},
	{"honker_get_job", 1, 1, false, getJob, nil},
	{"honker_queue_next_claim_at", 1, 1, false, nextClaimAt, nil},
}

// hosted is a call with the inbox's rules, and the settings that were read.
func (a *Arguments) hosted(f func(h *core.Hosted) (any, error)) Call {
	return func(c *sqlite.Conn) (any, error) {
		h, err := core.Attach(c, a.queue, int(a.maxAttempts))
		if err != nil {
			return nil, err
		}
		return f(h)
	}
}

// done answers 1 where there was no error.
func (a *Arguments) done(f func(h *core.Hosted) error) Call {
	return a.hosted(func(h *core.Hosted) (any, error) { return int64(1), f(h) })
}

// held answers 1, or 0 where the worker does not hold the job.
func (a *Arguments) held(f func(h *core.Hosted) (bool, error)) Call {
	return a.hosted(func(h *core.Hosted) (any, error) {
		ok, err := f(h)
		return bit(ok), err
	})
}

func bit(set bool) int64 {
	if set {
		return 1
	}
	return 0
}
