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
func eventAction(act func(*core.Inbox, context.Context, int64) error) func(*inbox, *abi.EventActionRequest) (abi.EventIDReply, error) {
	return func(i *inbox, r *abi.EventActionRequest) (abi.EventIDReply, error) {
		return abi.EventIDReply{EventID: r.EventID}, act(i.core, calledFrom(r.Caller), r.EventID)
	}
}

func replayDelivery(i *inbox, r *abi.DeliveryActionRequest) (abi.EventIDReply, error) {
	id, err := i.core.ReplayDelivery(calledFrom(r.Caller), r.DeliveryID, r.EventID)
	return abi.EventIDReply{EventID: id}, err
}

// bulkEvents makes a method of an action on all events of a filter.
func bulkEvents(action core.BulkAction) func(*inbox, *abi.BulkEventsRequest) (abi.BulkReply, error) {
	return func(i *inbox, r *abi.BulkEventsRequest) (abi.BulkReply, error) {
		return bulkReply(i.core.StepEvents(calledFrom(r.Caller), action, eventFilter(r.Filter.EventFilter), bulkOptions(r.BulkFields, r.Filter.All), r.Cursor))
	}
}

func replayDeliveries(i *inbox, r *abi.BulkDeliveriesRequest) (abi.BulkReply, error) {
	return bulkReply(i.core.StepReplayDeliveries(calledFrom(r.Caller), deliveryFilter(r.Filter.DeliveryFilter), bulkOptions(r.BulkFields, r.Filter.All), r.Cursor))
}

func reverify(i *inbox, r *abi.BulkDeliveriesRequest) (abi.BulkReply, error) {
	return bulkReply(i.core.StepReverify(calledFrom(r.Caller), deliveryFilter(r.Filter.DeliveryFilter), bulkOptions(r.BulkFields, r.Filter.All), r.Cursor))
}

func acceptDelivery(i *inbox, r *abi.AcceptDeliveryRequest) (abi.AcceptDeliveryReply, error) {
	out, err := i.core.AcceptDelivery(calledFrom(r.Caller), core.AcceptParams{
		DeliveryID: r.DeliveryID, Reason: r.Reason, EventType: r.EventType, DedupeKey: r.DedupeKey, ProviderEventID: r.ProviderEventID,
	})
	return abi.AcceptDeliveryReply{EventID: abi.NullInteger(out.EventID), EventIDs: out.EventIDs, Duplicate: out.Duplicate}, err
}

func explainDelivery(i *inbox, r *abi.ExplainDeliveryRequest) (abi.ExplainDeliveryReply, error) {
	out, err := i.core.ExplainDelivery(background(), core.ExplainParams{
		DeliveryID: r.DeliveryID, Provider: r.Provider, Secrets: present(r.Secrets), ProviderOptions: r.ProviderOptions, URL: r.URL, NowS: r.NowS,
	})
	return abi.ExplainDeliveryReply{
		Valid: out.Valid, Reason: abi.NullText(out.Reason), Clock: out.Clock, BodyCut: out.BodyCut, Redacted: out.Redacted,
		Steps: each(out.Steps, func(s core.ExplainStep) abi.ExplainStep {
			return abi.ExplainStep{Name: s.Name, OK: s.OK, Detail: s.Detail}
		}),
	}, err
}

func bulkOptions(f abi.BulkFields, all bool) core.BulkOptions {
	return core.BulkOptions{All: all, Limit: f.Limit, DryRun: f.DryRun}
}

func bulkReply(out core.BulkResult, cursor string, err error) (abi.BulkReply, error) {
	return abi.BulkReply{Matched: out.Matched, Changed: out.Changed, Skipped: out.Skipped, Cursor: abi.NullText(cursor)}, err
}

func pruneEvents(i *inbox, r *abi.PruneEventsRequest) (core.PruneResult, error) {
	return i.core.PruneEvents(calledFrom(r.Caller), core.PruneParams{Statuses: r.Statuses, OlderThan: r.OlderThan, Limit: r.Limit, Force: r.Force})
}

func pruneOrphanDeliveries(i *inbox, r *abi.PruneOrphansRequest) (abi.PruneOrphansReply, error) {
	out, err := i.core.PruneOrphanDeliveries(calledFrom(r.Caller), r.OlderThan, r.Limit)
	return abi.PruneOrphansReply{DeliveriesPruned: out.DeliveriesPruned}, err
}
