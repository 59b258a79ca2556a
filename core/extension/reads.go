package extension

import (
	"bytes"
	"context"
	"encoding/json"

	"github.com/knocker-dev/knocker/core"
)

// inbox is a call of what needs nothing but the file.
func (a *Arguments) inbox(f func(i *core.Inbox) (any, error)) Call {
	return a.hosted(func(h *core.Hosted) (any, error) {
		i, err := h.Inbox()
		if err != nil {
			return nil, err
		}
		return f(i)
	})
}

// shown is a call whose value is answered as JSON.
func (a *Arguments) shown(f func(ctx context.Context, i *core.Inbox) (any, error)) Call {
	return a.inbox(func(i *core.Inbox) (any, error) {
		value, err := f(context.Background(), i)
		if err != nil {
			return nil, err
		}
		return textOf(value)
	})
}

func getEvent(a *Arguments) Call {
	id := a.Integer("id")
	return a.shown(func(ctx context.Context, i *core.Inbox) (any, error) {
		e, err := i.GetEvent(ctx, id)
		return EventRecord(e, true), err
	})
}

func getDelivery(a *Arguments) Call {
	id := a.Integer("id")
	return a.shown(func(ctx context.Context, i *core.Inbox) (any, error) {
		d, err := i.GetDelivery(ctx, id)
		return DeliveryRecord(d, true), err
	})
}

func stats(a *Arguments) Call {
	return a.shown(func(ctx context.Context, i *core.Inbox) (any, error) { return i.Stats(ctx) })
}

// common are the fields that both filters have.
type common struct {
	Endpoint           list[string] `json:"endpoint"`
	EventID            list[int64]  `json:"event_id"`
	EventType          string       `json:"event_type"`
	DedupeKey          string       `json:"dedupe_key"`
	ProviderEventID    string       `json:"provider_event_id"`
	ProviderDeliveryID string       `json:"provider_delivery_id"`
	Since              int64        `json:"since"`
	Until              int64        `json:"until"`
	Limit              *int         `json:"limit"`
	Cursor             string       `json:"cursor"`
	Bodies             bool         `json:"bodies"`
}

type eventFilter struct {
	common
	Status    list[string] `json:"status"`
	ErrorCode string       `json:"error_code"`
	Stuck     bool         `json:"stuck"`
}

type deliveryFilter struct {
	common
	DeliveryID     list[int64]  `json:"delivery_id"`
	Orphaned       *bool        `json:"orphaned"`
	Kind           string       `json:"kind"`
	Reason         list[string] `json:"reason"`
	SignatureValid *bool        `json:"signature_valid"`
}

// filter reads a filter and answers its limit; 0 is the default one, which only
// a filter without a limit asks for.
func (a *Arguments) filter(into any, c *common) int {
	a.fields("filter_json", into)
	if c.Limit == nil {
		return 0
	}
	if *c.Limit == 0 {
		a.refuse("filter_json", "valid: its limit is 1 to 1000")
	}
	return *c.Limit
}

// list is a list, or one value of it.
type list[T any] []T

// UnmarshalJSON implements json.Unmarshaler.
func (l *list[T]) UnmarshalJSON(text []byte) error {
	if bytes.HasPrefix(text, []byte("[")) {
		*l = list[T]{}
		return json.Unmarshal(text, (*[]T)(l))
	}
	if bytes.Equal(text, []byte("null")) {
		return nil
	}
	var one T
	err := json.Unmarshal(text, &one)
	*l = list[T]{one}
	return err
}

func listEvents(a *Arguments) Call {
	var f eventFilter
	limit := a.filter(&f, &f.common)
	return a.shown(func(ctx context.Context, i *core.Inbox) (any, error) {
		list, cursor, err := i.ListEvents(ctx, core.EventFilter{Endpoints: f.Endpoint, Statuses: f.Status, EventType: f.EventType, DedupeKey: f.DedupeKey,
			ProviderEventID: f.ProviderEventID, ProviderDeliveryID: f.ProviderDeliveryID, EventIDs: f.EventID, ErrorCode: f.ErrorCode, Stuck: f.Stuck,
			Since: f.Since, Until: f.Until, Limit: limit, Cursor: f.Cursor, Bodies: f.Bodies})
		return page{Events: records(list, EventRecord, f.Bodies), Cursor: orNull(cursor)}, err
	})
}

func listDeliveries(a *Arguments) Call {
	var f deliveryFilter
	limit := a.filter(&f, &f.common)
	return a.shown(func(ctx context.Context, i *core.Inbox) (any, error) {
		list, cursor, err := i.ListDeliveries(ctx, core.DeliveryFilter{Endpoints: f.Endpoint, EventIDs: f.EventID, DeliveryIDs: f.DeliveryID,
			EventType: f.EventType, DedupeKey: f.DedupeKey, ProviderEventID: f.ProviderEventID, ProviderDeliveryID: f.ProviderDeliveryID,
			Orphaned: f.Orphaned, Kind: f.Kind, Reasons: f.Reason, SignatureValid: f.SignatureValid, Since: f.Since, Until: f.Until,
			Limit: limit, Cursor: f.Cursor, Bodies: f.Bodies})
		return page{Deliveries: records(list, DeliveryRecord, f.Bodies), Cursor: orNull(cursor)}, err
	})
}
