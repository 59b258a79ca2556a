package extension

import (
	"bytes"
	"encoding/json"

	"github.com/knocker-dev/knocker/core"
)

// event is an event as the C interface shows it.
type event struct {
	ID                 int64           `json:"id"`
	Endpoint           string          `json:"endpoint"`
	EventType          *string         `json:"event_type"`
	ProviderEventID    *string         `json:"provider_event_id"`
	ProviderDeliveryID *string         `json:"provider_delivery_id"`
	DedupeKey          *string         `json:"dedupe_key"`
	DeliveryID         *int64          `json:"delivery_id"`
	Status             string          `json:"status"`
	AttemptCount       int             `json:"attempt_count"`
	Method             string          `json:"method"`
	Headers            json.RawMessage `json:"headers"`
	Query              json.RawMessage `json:"query"`
	ReceivedAt         int64           `json:"received_at"`
	HandledAt          *int64          `json:"handled_at"`
	LastError          *string         `json:"last_error"`
	ExpungedAt         *int64          `json:"expunged_at"`
	Body               *[]byte         `json:"body,omitempty"`
}

// EventRecord is an event's JSON: the reply of get_event.
func EventRecord(e core.Event, withBody bool) any {
	return event{e.ID, e.Endpoint, orNull(e.EventType), orNull(e.ProviderEventID), orNull(e.ProviderDeliveryID), orNull(e.DedupeKey),
		orNull(e.DeliveryID), e.Status, e.AttemptCount, e.Method, object(e.HeadersJSON), object(e.QueryJSON), e.ReceivedAt, orNull(e.HandledAt),
		orNull(e.LastError), orNull(e.ExpungedAt), body(e.Body, withBody)}
}

// delivery is a delivery as the C interface shows it.
type delivery struct {
	ID                 int64           `json:"id"`
	Endpoint           string          `json:"endpoint"`
	EventID            *int64          `json:"event_id"`
	Kind               string          `json:"kind"`
	Reason             *string         `json:"reason"`
	ReceivedAt         int64           `json:"received_at"`
	ProviderEventID    *string         `json:"provider_event_id"`
	ProviderDeliveryID *string         `json:"provider_delivery_id"`
	EventType          *string         `json:"event_type"`
	Method             string          `json:"method"`
	Headers            json.RawMessage `json:"headers"`
	Query              json.RawMessage `json:"query"`
	SignatureValid     *bool           `json:"signature_valid"`
	SignatureError     *string         `json:"signature_error"`
	DedupeKey          *string         `json:"dedupe_key"`
	BodyBytes          int64           `json:"body_bytes"`
	BodyDigest         *string         `json:"body_digest"`
	AcceptedAt         *int64          `json:"accepted_at"`
	AcceptedBy         *string         `json:"accepted_by"`
	AcceptedReason     *string         `json:"accepted_reason"`
	ExpungedAt         *int64          `json:"expunged_at"`
	Body               *[]byte         `json:"body,omitempty"`
}

// DeliveryRecord is a delivery's JSON: the reply of get_delivery.
func DeliveryRecord(d core.Delivery, withBody bool) any {
	return delivery{d.ID, d.Endpoint, orNull(d.EventID), d.Kind, orNull(d.Reason), d.ReceivedAt, orNull(d.ProviderEventID), orNull(d.ProviderDeliveryID),
		orNull(d.EventType), d.Method, object(d.HeadersJSON), object(d.QueryJSON), d.SignatureValid, orNull(d.SignatureError), orNull(d.DedupeKey),
		d.BodyBytes, orNull(d.BodyDigest), orNull(d.AcceptedAt), orNull(d.AcceptedBy), orNull(d.AcceptedReason), orNull(d.ExpungedAt), body(d.Body, withBody)}
}

// object is stored JSON; what is not an object in valid JSON is shown as {}.
func object(stored []byte) json.RawMessage {
	if !bytes.HasPrefix(bytes.TrimSpace(stored), []byte("{")) || !json.Valid(stored) {
		return json.RawMessage("{}")
	}
	return stored
}

func body(bytes []byte, with bool) *[]byte {
	if !with {
		return nil
	}
	kept := append([]byte{}, bytes...)
	return &kept
}

// page is one page of a list, and where the next one begins.
type page struct {
	Events     *[]any  `json:"events,omitempty"`
	Deliveries *[]any  `json:"deliveries,omitempty"`
	Cursor     *string `json:"cursor"`
}

func records[T any](list []T, record func(T, bool) any, withBody bool) *[]any {
	out := make([]any, len(list))
	for n, item := range list {
		out[n] = record(item, withBody)
	}
	return &out
}
