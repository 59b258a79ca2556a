package main

import (
	"github.com/knocker-dev/knocker/capi/abi"
	"github.com/knocker-dev/knocker/core"
)

func getEvent(i *inbox, r *abi.IDRequest) (*abi.Event, error) {
	e, err := i.core.GetEvent(background(), r.ID)
	reply := eventReply(&e, true)
	return &reply, err
}

func eventReply(e *core.Event, withBody bool) abi.Event {
	return abi.Event{
		ID: e.ID, Endpoint: e.Endpoint, EventType: abi.NullText(e.EventType),
		ProviderEventID: abi.NullText(e.ProviderEventID), ProviderDeliveryID: abi.NullText(e.ProviderDeliveryID),
		DedupeKey: abi.NullText(e.DedupeKey), DeliveryID: abi.NullInteger(e.DeliveryID),
		Status: e.Status, AttemptCount: e.AttemptCount, Method: e.Method,
		Headers: abi.Object(e.HeadersJSON), Query: abi.Object(e.QueryJSON),
		ReceivedAt: e.ReceivedAt, HandledAt: abi.NullInteger(e.HandledAt), LastError: abi.NullText(e.LastError),
		ExpungedAt: abi.NullInteger(e.ExpungedAt),
		Body:       bodyReply(e.Body, withBody),
	}
}

// bodyReply shows a body, also an empty one, or leaves the field out.
func bodyReply(body []byte, with bool) *abi.Base64 {
	if !with {
		return nil
	}
	b := abi.Base64(body)
	return &b
}

func getDelivery(i *inbox, r *abi.IDRequest) (abi.Delivery, error) {
	d, err := i.core.GetDelivery(background(), r.ID)
	return deliveryReply(&d, true), err
}

func deliveryReply(d *core.Delivery, withBody bool) abi.Delivery {
	return abi.Delivery{
		ID: d.ID, Endpoint: d.Endpoint, EventID: abi.NullInteger(d.EventID), Kind: d.Kind, Reason: abi.NullText(d.Reason),
		ReceivedAt: d.ReceivedAt, ProviderEventID: abi.NullText(d.ProviderEventID),
		ProviderDeliveryID: abi.NullText(d.ProviderDeliveryID), EventType: abi.NullText(d.EventType), Method: d.Method,
		Headers: abi.Object(d.HeadersJSON), Query: abi.Object(d.QueryJSON),
		SignatureValid: d.SignatureValid, SignatureError: abi.NullText(d.SignatureError), DedupeKey: abi.NullText(d.DedupeKey),
		BodyBytes: d.BodyBytes, BodyDigest: abi.NullText(d.BodyDigest),
		AcceptedAt: abi.NullInteger(d.AcceptedAt), AcceptedBy: abi.NullText(d.AcceptedBy), AcceptedReason: abi.NullText(d.AcceptedReason), Body: bodyReply(d.Body, withBody),
		ExpungedAt: abi.NullInteger(d.ExpungedAt),
	}
}

func eventFilter(f abi.EventFilter) core.EventFilter {
	return core.EventFilter{
		Endpoints: f.Endpoint, Statuses: f.Status, EventType: f.EventType, DedupeKey: f.DedupeKey,
		ProviderEventID: f.ProviderEventID, ProviderDeliveryID: f.ProviderDeliveryID, EventIDs: f.EventID,
		ErrorCode: f.ErrorCode, Stuck: f.Stuck, Since: f.Since, Until: f.Until,
	}
}

func deliveryFilter(f abi.DeliveryFilter) core.DeliveryFilter {
	return core.DeliveryFilter{
		Endpoints: f.Endpoint, EventIDs: f.EventID, DeliveryIDs: f.DeliveryID, EventType: f.EventType, DedupeKey: f.DedupeKey,
		ProviderEventID: f.ProviderEventID, ProviderDeliveryID: f.ProviderDeliveryID, Orphaned: f.Orphaned, Kind: f.Kind,
		Reasons: f.Reason, SignatureValid: f.SignatureValid, Since: f.Since, Until: f.Until,
	}
}

func listEvents(i *inbox, r *abi.ListEventsRequest) (*abi.EventsReply, error) {
	f := eventFilter(r.EventFilter)
	f.Limit, f.Cursor, f.Bodies = r.Limit, r.Cursor, r.Bodies
	list, cursor, err := i.core.ListEvents(background(), f)
	events := each(list, func(e core.Event) abi.Event { return eventReply(&e, r.Bodies) })
	return &abi.EventsReply{Events: events, Cursor: abi.NullText(cursor)}, err
}

func listDeliveries(i *inbox, r *abi.ListDeliveriesRequest) (abi.DeliveriesReply, error) {
	f := deliveryFilter(r.DeliveryFilter)
	f.Limit, f.Cursor, f.Bodies = r.Limit, r.Cursor, r.Bodies
	list, cursor, err := i.core.ListDeliveries(background(), f)
	deliveries := each(list, func(d core.Delivery) abi.Delivery { return deliveryReply(&d, r.Bodies) })
	return abi.DeliveriesReply{Deliveries: deliveries, Cursor: abi.NullText(cursor)}, err
}

func listAttempts(i *inbox, r *abi.EventIDRequest) (abi.AttemptsReply, error) {
	list, err := i.core.ListAttempts(background(), r.EventID)
	return abi.AttemptsReply{Attempts: each(list, func(a core.Attempt) abi.Attempt {
		return abi.Attempt{
			ID: a.ID, EventID: a.EventID, AttemptedAt: a.AttemptedAt, Outcome: a.Outcome,
			Error: abi.NullText(a.Error), DurationMS: a.DurationMS,
		}
	})}, err
}

func stats(i *inbox, r *abi.StatsRequest) (core.Stats, error) {
	return i.core.Stats(background(), r.Endpoint...)
}

func statsByEndpoint(i *inbox, r *abi.PageRequest) (abi.EndpointStatsReply, error) {
	list, cursor, err := i.core.StatsByEndpoint(background(), r.Limit, r.Cursor)
	return abi.EndpointStatsReply{Endpoints: each(list, func(s core.EndpointStats) abi.EndpointStats {
		return abi.EndpointStats{
			Name: s.Name, Provider: abi.NullText(s.Provider), Enabled: s.Enabled, Paused: s.Paused, Events: s.Events, Orphans: s.Orphans,
			LastReceivedAt: abi.NullInteger(s.LastReceivedAt),
		}
	}), Cursor: abi.NullText(cursor)}, err
}

func listRunning(i *inbox, r *abi.ListRunningRequest) (abi.RunningReply, error) {
	list, cursor, err := i.core.ListRunning(background(), r.Endpoint, r.Limit, r.Cursor)
	return abi.RunningReply{Running: each(list, func(j core.Running) abi.Running {
		return abi.Running{
			JobID: j.JobID, EventID: j.EventID, Endpoint: j.Endpoint, EventType: abi.NullText(j.EventType), WorkerID: j.WorkerID,
			Attempt: j.Attempt, Since: abi.NullInteger(j.Since), LeaseLeftS: j.LeaseLeft,
		}
	}), Cursor: abi.NullText(cursor)}, err
}
