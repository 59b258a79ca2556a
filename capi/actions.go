package main

import (
	"context"

	"github.com/knocker-dev/knocker/capi/abi"
	"github.com/knocker-dev/knocker/core"
)

// calledFrom is the context of a call that writes: one that would wait for a
// handler of its own thread or loop fails instead.
func calledFrom(c abi.Caller) context.Context { return core.WithHome(background(), c.Home) }

// eventAction makes a method of an operation on one event.
func eventAction(act func(*core.Inbox, context.Context, int64) error) func(*inbox, *abi.EventActionRequest) (any, error) {
	return func(i *inbox, r *abi.EventActionRequest) (any, error) {
		return abi.EventIDReply{EventID: r.EventID}, act(i.core, calledFrom(r.Caller), r.EventID)
	}
}

func replayDelivery(i *inbox, r *abi.DeliveryActionRequest) (any, error) {
	id, err := i.core.ReplayDelivery(calledFrom(r.Caller), r.DeliveryID, r.EventID)
	return abi.EventIDReply{EventID: id}, err
}

// bulkEvents makes a method of an action on all events of a filter.
func bulkEvents(action core.BulkAction) func(*inbox, *abi.BulkEventsRequest) (any, error) {
	return func(i *inbox, r *abi.BulkEventsRequest) (any, error) {
		return bulkReply(i.core.StepEvents(calledFrom(r.Caller), action, eventFilter(r.Filter.EventFilter), bulkOptions(r.BulkFields, r.Filter.All), r.Cursor))
	}
}

func replayDeliveries(i *inbox, r *abi.BulkDeliveriesRequest) (any, error) {
	return bulkReply(i.core.StepReplayDeliveries(calledFrom(r.Caller), deliveryFilter(r.Filter.DeliveryFilter), bulkOptions(r.BulkFields, r.Filter.All), r.Cursor))
}

func bulkOptions(f abi.BulkFields, all bool) core.BulkOptions {
	return core.BulkOptions{All: all, Limit: f.Limit, DryRun: f.DryRun}
}

func bulkReply(out core.BulkResult, cursor string, err error) (any, error) {
	return abi.BulkReply{Matched: out.Matched, Changed: out.Changed, Skipped: out.Skipped, Cursor: abi.NullText(cursor)}, err
}

func pruneEvents(i *inbox, r *abi.PruneEventsRequest) (any, error) {
	return i.core.PruneEvents(calledFrom(r.Caller), core.PruneParams{Statuses: r.Statuses, OlderThan: r.OlderThan, Limit: r.Limit, Force: r.Force})
}

func pruneOrphanDeliveries(i *inbox, r *abi.PruneOrphansRequest) (any, error) {
	out, err := i.core.PruneOrphanDeliveries(calledFrom(r.Caller), r.OlderThan, r.Limit)
	return abi.PruneOrphansReply{DeliveriesPruned: out.DeliveriesPruned}, err
}
