package core

import (
	"context"
	"time"

	"github.com/knocker-dev/knocker/core/sqlite"
)

// How long one transaction of a pass holds the writer. A receipt that comes
// meanwhile waits for it, so the number of rows follows the time they take.
const (
	holdTarget    = 20 * time.Millisecond
	smallestBatch = 32
	firstBatch    = 64
	shortestRest  = 2 * time.Millisecond
	longestRest   = 50 * time.Millisecond
)

// retentionPass removes what a policy calls old, batch by batch.
type retentionPass struct {
	e       *engine
	policy  RetentionPolicy
	guard   func(c *sqlite.Conn) error // runs in each transaction; nil: none
	now     time.Time                  // of the start: a pass has one idea of old
	audit   int64                      // id of its row
	total   RetentionResult
	batch   int           // rows of the next batch
	pages   int           // pages of the next step of the vacuum
	longest time.Duration // that the writer was held
	deadJob int64         // the last row of the dead table that was looked at
}

func newRetentionPass(e *engine, p RetentionPolicy, guard func(c *sqlite.Conn) error) *retentionPass {
	return &retentionPass{e: e, policy: p, guard: guard, now: e.now(), batch: min(firstBatch, p.Batch), pages: firstPages}
}

// pruner removes one batch of a kind. It reports how many rows of its kind
// went, and whether there may be more.
type pruner struct {
	age time.Duration
	run func(p *retentionPass, ctx context.Context, cutoff int64, limit int) (removed int, more bool, err error)
}

func (p *retentionPass) pruners() []pruner {
	list := []pruner{
		{p.policy.Handled, pruneStatus(StatusHandled)},
		{p.policy.Ignored, pruneStatus(StatusIgnored)},
		{p.policy.Dead, pruneStatus(StatusDead)},
		{p.policy.Orphans, (*retentionPass).pruneOrphans},
		{p.policy.DeadJobs, (*retentionPass).pruneDeadJobs},
		{p.policy.Audits, (*retentionPass).pruneAudits},
	}
	kept := list[:0]
	for _, kind := range list {
		if kind.age != Never {
			kept = append(kept, kind)
		}
	}
	return kept
}

// once removes up to a batch of each kind.
func (p *retentionPass) once(ctx context.Context) (RetentionResult, error) {
	err := p.begin(ctx)
	for _, kind := range p.pruners() {
		more := true
		for left := p.policy.Batch; err == nil && more && left > 0; {
			var removed int
			removed, more, err = kind.run(p, ctx, p.cutoff(kind), min(p.batch, left))
			left -= max(removed, 1)
		}
		p.total.More = p.total.More || more
	}
	if err == nil {
		var more bool
		more, err = p.shrink(ctx)
		p.total.More = p.total.More || more
	}
	return p.total, err
}

// all goes on until nothing is old any more.
func (p *retentionPass) all(ctx context.Context) error {
	if err := p.begin(ctx); err != nil {
		return err
	}
	for _, kind := range p.pruners() {
		for more := true; more; {
			var err error
			if _, more, err = kind.run(p, ctx, p.cutoff(kind), p.batch); err != nil {
				return err
			}
		}
	}
	for {
		if more, err := p.shrink(ctx); err != nil || !more {
			return err
		}
	}
}

func (p *retentionPass) cutoff(kind pruner) int64 { return p.now.Add(-kind.age).Unix() }

// begin writes the audit, so that nothing goes without one.
func (p *retentionPass) begin(ctx context.Context) error {
	_, err := p.write(ctx, func(*sqlite.Conn, *RetentionResult) error { return nil })
	return err
}

// write runs one transaction of the pass, keeps the audit true, and reports how
// long the writer was held. f adds to the pass's result. The connection is the
// handlers': a power cut may undo a batch, whole, and the next pass repeats it.
func (p *retentionPass) write(ctx context.Context, f func(c *sqlite.Conn, out *RetentionResult) error) (time.Duration, error) {
	total, audit := p.total, p.audit
	var start time.Time
	err := p.e.transact(ctx, (*engine).handlersConn, func(c *sqlite.Conn) (err error) {
		start = time.Now()
		if p.guard != nil {
			if err := p.guard(c); err != nil {
				return err
			}
		}
		if err := f(c, &total); err != nil {
			return err
		}
		audit, err = p.e.audit(c, p.audit, AuditRetention, total.PruneResult, p.summary(&total))
		return err
	})
	if err != nil {
		return 0, err
	}
	p.total, p.audit = total, audit
	held := time.Since(start)
	p.longest = max(p.longest, held)
	return held, p.rest(ctx, held)
}

func (p *retentionPass) summary(total *RetentionResult) map[string]any {
	return map[string]any{"policy": p.policy.asked(), "dead_jobs_pruned": total.DeadJobsPruned, "audits_pruned": total.AuditsPruned,
		"pages_released": total.PagesReleased, "longest_ms": float64(p.longest.Microseconds()) / 1000}
}

// writeBatch is write for rows: the next batch is larger or smaller by how long
// this one took.
func (p *retentionPass) writeBatch(ctx context.Context, f func(c *sqlite.Conn, out *RetentionResult) error) error {
	held, err := p.write(ctx, f)
	if err == nil {
		p.batch = adapted(p.batch, held, smallestBatch, p.policy.Batch)
	}
	return err
}

func adapted(size int, held time.Duration, smallest, largest int) int {
	switch {
	case held > holdTarget:
		size = max(size/2, smallest)
	case held < holdTarget/2:
		size *= 2
	}
	return min(size, largest)
}

// rest leaves the writer to others, also those of other processes, for as long
// as the pass has held it.
func (p *retentionPass) rest(ctx context.Context, held time.Duration) error {
	if p.e.host != nil && p.e.host.InTransaction() {
		return nil // it is not ours to leave
	}
	timer := time.NewTimer(min(max(held, shortestRest), longestRest))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fromGate(context.Cause(ctx))
	case <-p.e.closing:
		return fail(CodeClosed, "")
	}
}
