package core

import (
	"context"
	"time"
)

// Never as an age of a RetentionPolicy keeps that kind for ever.
const Never time.Duration = -1

// RetentionPolicy says how long each kind of row is kept. The age of events and
// orphans counts from their receipt, that of dead jobs from their death. Zero
// fields take their defaults.
type RetentionPolicy struct {
	Handled  time.Duration // events. Defaults to 30 days.
	Ignored  time.Duration // events. Defaults to 30 days.
	Dead     time.Duration // events. Defaults to Never: somebody should look at them.
	Orphans  time.Duration // deliveries without an event. Defaults to 30 days.
	DeadJobs time.Duration // the queue's rows of dead events. Defaults to Never.
	Audits   time.Duration // Defaults to 365 days.

	Batch    int           // most rows that one transaction removes, 1..1000. Defaults to 500.
	Interval time.Duration // between two passes; up to a tenth is added. Defaults to 1 hour.
	// Lease is how long a leader that has vanished keeps others waiting.
	// Defaults to 60 s; at least 1 s.
	Lease time.Duration
	// Force allows ages of events below 8 days, within which senders still
	// retry: a retry of a pruned event runs again.
	Force bool
}

const day = 24 * time.Hour

func (p RetentionPolicy) withDefaults() (RetentionPolicy, error) {
	orDefault(&p.Handled, 30*day)
	orDefault(&p.Ignored, 30*day)
	orDefault(&p.Dead, Never)
	orDefault(&p.Orphans, 30*day)
	orDefault(&p.DeadJobs, Never)
	orDefault(&p.Audits, 365*day)
	orDefault(&p.Batch, 500)
	orDefault(&p.Interval, time.Hour)
	orDefault(&p.Lease, time.Minute)
	for _, age := range []struct {
		name   string
		value  time.Duration
		events bool
	}{{"handled", p.Handled, true}, {"ignored", p.Ignored, true}, {"dead", p.Dead, true}, {"orphans", p.Orphans, false}, {"dead_jobs", p.DeadJobs, false}, {"audits", p.Audits, false}} {
		switch {
		case age.value == Never:
		case age.value < 0:
			return p, fail(CodeInvalidArgument, "the age of %s is %s: it must be above 0, or Never", age.name, age.value)
		case age.events && age.value < retrySeconds*time.Second && !p.Force:
			return p, fail(CodeInvalidArgument, "the age of %s is less than 8 days: a sender's retry of a pruned event would run again. Use force if that can't happen", age.name)
		}
	}
	switch {
	case p.Batch < 1 || p.Batch > 1000:
		return p, fail(CodeInvalidArgument, "batch is %d: it must be 1 to 1000", p.Batch)
	case p.Interval < 0:
		return p, fail(CodeInvalidArgument, "interval is %s: it must be above 0", p.Interval)
	case p.Lease < time.Second:
		return p, fail(CodeInvalidArgument, "lease is %s: it must be at least 1 s", p.Lease)
	}
	return p, nil
}

// asked is the policy as the audit shows it, by the names of the C interface.
func (p RetentionPolicy) asked() map[string]any {
	ages := map[string]any{"batch": p.Batch}
	for name, age := range map[string]time.Duration{"handled_s": p.Handled, "ignored_s": p.Ignored, "dead_s": p.Dead, "orphans_s": p.Orphans,
		"dead_jobs_s": p.DeadJobs, "audits_s": p.Audits} {
		if age != Never {
			ages[name] = age.Seconds()
		}
	}
	return ages
}

// RetentionResult counts the rows that were really removed.
type RetentionResult struct {
	PruneResult
	DeadJobsPruned int64 `json:"dead_jobs_pruned"`
	AuditsPruned   int64 `json:"audits_pruned"`
	PagesReleased  int64 `json:"pages_released"` // given back to the file system, where the file allows it
	More           bool  `json:"more"`           // another pass would find more
}

func (r *RetentionResult) add(other RetentionResult) {
	r.EventsPruned += other.EventsPruned
	r.DeliveriesPruned += other.DeliveriesPruned
	r.AttemptsPruned += other.AttemptsPruned
	r.LiveJobsPruned += other.LiveJobsPruned
	r.DeadJobsPruned += other.DeadJobsPruned
	r.AuditsPruned += other.AuditsPruned
	r.PagesReleased += other.PagesReleased
}

func (r *RetentionResult) rows() int64 {
	return r.EventsPruned + r.DeliveriesPruned + r.AttemptsPruned + r.LiveJobsPruned + r.DeadJobsPruned + r.AuditsPruned
}

// RunRetentionPass removes what the policy says is old, up to one batch of each
// kind, each in a transaction of its own, and asks for no leader. The pass is
// audited. Interval and Lease play no part. Errors: invalid_argument, busy.
func (i *Inbox) RunRetentionPass(ctx context.Context, p RetentionPolicy) (RetentionResult, error) {
	if err := i.usable(); err != nil {
		return RetentionResult{}, err
	}
	p, err := p.withDefaults()
	if err != nil {
		return RetentionResult{}, err
	}
	pass := newRetentionPass(i.e, p, nil)
	return pass.once(ctx)
}

// RunRetention keeps the file small until ctx ends: a pass each interval, by
// whichever process of the file is the leader. It returns nil then, and where
// StopRetention or StartRetention ends it. One automation runs in a process for
// each file; RunRetention of a second one is invalid_state. Errors: invalid_argument, invalid_state, closed.
func (i *Inbox) RunRetention(ctx context.Context, p RetentionPolicy) error {
	task, err := i.startRetention(p, false)
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		i.e.retention.end(task)
		return nil
	case <-task.done:
		return i.usable()
	}
}

// StartRetention is RunRetention in the background. It goes on until
// StopRetention, or until the last inbox on the file is closed in this process.
// Called again, the new policy replaces the old one. What goes wrong is told to
// hooks and by RetentionState. Errors: invalid_argument, closed.
func (i *Inbox) StartRetention(p RetentionPolicy) error {
	_, err := i.startRetention(p, true)
	return err
}

func (i *Inbox) startRetention(p RetentionPolicy, replace bool) (*retentionTask, error) {
	if err := i.ownFile("start_retention"); err != nil {
		return nil, err
	}
	p, err := p.withDefaults()
	if err != nil {
		return nil, err
	}
	return i.e.retention.begin(i.e, p, replace)
}

// StopRetention ends the automation of this process and waits for its running
// transaction. Another process may lead at once. It reports whether one ran.
func (i *Inbox) StopRetention() bool { return i.e.retention.end(nil) }
