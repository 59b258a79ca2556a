package core

import (
	"context"
	"hash/fnv"
	"math"
	"slices"
	"time"

	"github.com/knocker-dev/knocker/core/sqlite"
)

// A bulk action goes through what its filter matches, oldest first, in
// transactions that are small enough for receipts to go between them.
const (
	bulkRows = 200                   // rows a transaction
	bulkTime = 50 * time.Millisecond // after which a transaction ends early
)

// BulkAction is what a bulk action does to each event.
type BulkAction string

// The bulk actions on events.
const (
	BulkIgnore  BulkAction = "ignore_events"
	BulkReplay  BulkAction = "replay_events"
	BulkRequeue BulkAction = "requeue_events"
)

// BulkOptions says how a bulk action goes about it.
type BulkOptions struct {
	// All allows a filter that selects everything.
	All bool
	// Limit is how many are changed at most, the oldest first. Defaults to all.
	Limit int64
	// DryRun only counts what matches.
	DryRun bool
	// Progress is called after each transaction with the sums so far. It may
	// take its time: nothing is held meanwhile.
	Progress func(BulkResult)
}

// BulkResult counts what a bulk action did.
type BulkResult struct {
	Matched int64 // what the filter selected when the action began
	Changed int64
	Skipped int64 // whose state forbids the action, or has changed meanwhile
}

// IgnoreEvents is Ignore for all events that the filter matches. Events that
// arrive meanwhile are left alone. It can be cancelled between transactions:
// then, as after any error, the result says what was done. Errors:
// invalid_argument, unknown_endpoint, and those of writing.
func (i *Inbox) IgnoreEvents(ctx context.Context, f EventFilter, o BulkOptions) (BulkResult, error) {
	return i.bulkEvents(ctx, BulkIgnore, f, o)
}

// ReplayEvents is Replay for all events that the filter matches, as
// IgnoreEvents goes through them.
func (i *Inbox) ReplayEvents(ctx context.Context, f EventFilter, o BulkOptions) (BulkResult, error) {
	return i.bulkEvents(ctx, BulkReplay, f, o)
}

// RequeueEvents is Requeue for all events that the filter matches, as
// IgnoreEvents goes through them.
func (i *Inbox) RequeueEvents(ctx context.Context, f EventFilter, o BulkOptions) (BulkResult, error) {
	return i.bulkEvents(ctx, BulkRequeue, f, o)
}

func (i *Inbox) bulkEvents(ctx context.Context, action BulkAction, f EventFilter, o BulkOptions) (BulkResult, error) {
	return throughout(ctx, o, func(cursor string) (BulkResult, string, error) { return i.StepEvents(ctx, action, f, o, cursor) })
}

// ReplayDeliveries is ReplayDelivery for all deliveries that the filter
// matches, as IgnoreEvents goes through events. Of a batch it replays each event.
func (i *Inbox) ReplayDeliveries(ctx context.Context, f DeliveryFilter, o BulkOptions) (BulkResult, error) {
	return throughout(ctx, o, func(cursor string) (BulkResult, string, error) { return i.StepReplayDeliveries(ctx, f, o, cursor) })
}

// throughout takes step after step until none is left.
func throughout(ctx context.Context, o BulkOptions, step func(cursor string) (BulkResult, string, error)) (total BulkResult, err error) {
	for cursor := ""; ; {
		done, next, err := step(cursor)
		total.Matched += done.Matched
		total.Changed += done.Changed
		total.Skipped += done.Skipped
		if err != nil {
			return total, err
		}
		if o.Progress != nil {
			o.Progress(total)
		}
		if cursor = next; cursor == "" {
			return total, nil
		}
		if err := ctx.Err(); err != nil {
			return total, fromGate(err)
		}
	}
}

// StepEvents is one transaction of a bulk action, for callers that go through
// it themselves: again with the cursor that it answers, until that is "". The
// numbers are those of the step; Matched is counted by the first one.
func (i *Inbox) StepEvents(ctx context.Context, action BulkAction, f EventFilter, o BulkOptions, cursor string) (BulkResult, string, error) {
	apply, ok := map[BulkAction]func(c *sqlite.Conn, id int64) (bool, error){
		BulkIgnore: i.e.ignore, BulkReplay: i.e.replay, BulkRequeue: i.e.requeue}[action]
	if !ok {
		return BulkResult{}, "", fail(CodeInvalidArgument, "no bulk action on events is named %q", action)
	}
	if f.Limit != 0 || f.Cursor != "" || f.Bodies {
		return BulkResult{}, "", listFieldsInFilter()
	}
	return i.step(ctx, bulk{name: string(action), filter: &f, selects: f.selects(), key: f, apply: apply}, o, cursor)
}

// StepReplayDeliveries is StepEvents for ReplayDeliveries.
func (i *Inbox) StepReplayDeliveries(ctx context.Context, f DeliveryFilter, o BulkOptions, cursor string) (BulkResult, string, error) {
	if f.Limit != 0 || f.Cursor != "" || f.Bodies {
		return BulkResult{}, "", listFieldsInFilter()
	}
	return i.step(ctx, bulk{name: "replay_deliveries", filter: &f, selects: f.selects(), key: f, apply: i.e.replayDelivery}, o, cursor)
}

func listFieldsInFilter() error {
	return fail(CodeInvalidArgument, "limit, cursor and bodies of a filter belong to lists: a bulk action has its own limit")
}

// bulk is a bulk action on one filter.
type bulk struct {
	name   string
	filter interface {
		check() error
		search(c *sqlite.Conn) (*search, error)
	}
	selects bool
	key     any // the filter's values
	// prepare does what needs no writer for the rows of the next transaction;
	// it may be nil.
	prepare func(c *sqlite.Conn, rows []int64) error
	// apply reports whether it has changed the row.
	apply func(c *sqlite.Conn, id int64) (bool, error)
	// write runs a step's transaction; nil is the way of all actions.
	write func(ctx context.Context, f func(c *sqlite.Conn) error) error
}

// progress is what a bulk action's cursor remembers.
type progress struct {
	bulk  int64 // the action and its filter
	upper int64 // ids above it came later
	left  int64 // how many may still be changed; below 0: no limit
	last  spot  // where the last step ended
}

func (b *bulk) begin(o BulkOptions) progress {
	p := progress{bulk: b.digest(), left: -1, last: spot{math.MinInt64, 0}}
	if o.Limit > 0 {
		p.left = o.Limit
	}
	return p
}

// digest tells one action and filter from others, so that a cursor is not used
// for something else by mistake.
func (b *bulk) digest() int64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(b.name + jsonOf(b.key)))
	return int64(h.Sum64() >> 1)
}

func (b *bulk) resume(cursor string) (progress, error) {
	n, ok := cursorNumbers(cursor, 5)
	if !ok {
		return progress{}, badCursor()
	}
	p := progress{n[0], n[1], n[2], spot{n[3], n[4]}}
	if p.bulk != b.digest() {
		return p, fail(CodeInvalidArgument, "the cursor belongs to another filter or action")
	}
	return p, nil
}

func (p progress) cursor() string { return cursorOf(p.bulk, p.upper, p.left, p.last.at, p.last.id) }

func (i *Inbox) step(ctx context.Context, b bulk, o BulkOptions, cursor string) (out BulkResult, next string, err error) {
	if err := i.usable(); err != nil {
		return out, "", err
	}
	if err := b.filter.check(); err != nil {
		return out, "", err
	}
	if !b.selects && !o.All {
		return out, "", fail(CodeInvalidArgument, "the filter is empty: %s would go through everything. Say all to mean that", b.name)
	}
	if o.Limit < 0 {
		return out, "", fail(CodeInvalidArgument, "limit is %d: it must be at least 1", o.Limit)
	}
	p := b.begin(o)
	if cursor != "" {
		if p, err = b.resume(cursor); err != nil {
			return out, "", err
		}
	}
	var found []spot
	err = i.e.snapshot(func(c *sqlite.Conn) error {
		if cursor == "" {
			if err := b.count(c, &p, &out); err != nil || o.DryRun {
				return err
			}
		}
		found, err = b.find(c, p)
		if err == nil && b.prepare != nil {
			err = b.prepare(c, spotIDs(found))
		}
		return err
	})
	if err != nil || len(found) == 0 {
		return out, "", err
	}
	done, write := p, b.write
	if write == nil {
		write = i.act
	}
	err = write(ctx, func(c *sqlite.Conn) error {
		done, out.Changed, out.Skipped = p, 0, 0
		return b.change(c, &done, found, &out)
	})
	if err != nil {
		out.Changed, out.Skipped = 0, 0
		return out, "", err
	}
	if done.left != 0 && (len(found) == bulkRows || done.last != found[len(found)-1]) {
		next = done.cursor()
	}
	return out, next, nil
}

// count says how much there is, and where what comes later begins.
func (b *bulk) count(c *sqlite.Conn, p *progress, out *BulkResult) error {
	s, err := b.filter.search(c)
	if err != nil {
		return err
	}
	if p.upper, err = number(c, "SELECT coalesce(max(id), 0) FROM main."+s.table); err != nil {
		return err
	}
	out.Matched, err = s.count(c)
	return err
}

// find looks up what the next transaction is about.
func (b *bulk) find(c *sqlite.Conn, p progress) ([]spot, error) {
	s, err := b.filter.search(c)
	if err != nil {
		return nil, err
	}
	s.add("+x.id <= ?", p.upper)
	return s.page(c, oldestFirst, &p.last, bulkRows)
}

// change applies the action to what was found and still matches: since it was
// looked up a worker may have handled it.
func (b *bulk) change(c *sqlite.Conn, p *progress, found []spot, out *BulkResult) error {
	s, err := b.filter.search(c)
	if err != nil {
		return err
	}
	s.ways = byID(spotIDs(found))
	matching, err := s.page(c, oldestFirst, nil, bulkRows)
	if err != nil {
		return err
	}
	start := time.Now()
	for n, at := range found {
		if p.left == 0 || n > 0 && time.Since(start) > bulkTime {
			return nil
		}
		p.last = at
		changed := false
		if slices.Contains(matching, at) {
			if changed, err = b.apply(c, at.id); err != nil && !refused(err) {
				return err
			}
		}
		if !changed {
			out.Skipped++
			continue
		}
		out.Changed++
		if p.left > 0 {
			p.left--
		}
	}
	return nil
}

// refused tells what belongs to one row from what belongs to the file.
func refused(err error) bool {
	switch CodeOf(err) {
	case CodeInvalidState, CodeNotFound, CodeNotLinked, CodeBodyCut:
		return true
	}
	return false
}
