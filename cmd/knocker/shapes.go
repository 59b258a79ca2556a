package main

import (
	"encoding/base64"
	"encoding/json"
	"unicode/utf8"

	knockersqlite "github.com/knocker-dev/knocker/bindings/go"
)

// The shapes of --json. docs/cli.md promises them: fields are only added.

// body is at the end of an event or delivery: as text where it is UTF-8, else as
// base64; both null where it is left out.
type bodyShape struct {
	Body       *string `json:"body"`
	BodyBase64 *string `json:"body_base64"`
}

func bodyOf(body []byte) bodyShape {
	switch {
	case body == nil:
		return bodyShape{}
	case utf8.Valid(body):
		s := string(body)
		return bodyShape{Body: &s}
	}
	s := base64.StdEncoding.EncodeToString(body)
	return bodyShape{BodyBase64: &s}
}

type eventShape struct {
	ID                 int64           `json:"id"`
	Endpoint           string          `json:"endpoint"`
	EventType          *string         `json:"event_type"`
	Status             string          `json:"status"`
	AttemptCount       int             `json:"attempt_count"`
	ReceivedAt         int64           `json:"received_at"`
	HandledAt          *int64          `json:"handled_at"`
	LastError          *string         `json:"last_error"`
	DedupeKey          *string         `json:"dedupe_key"`
	ProviderEventID    *string         `json:"provider_event_id"`
	ProviderDeliveryID *string         `json:"provider_delivery_id"`
	DeliveryID         *int64          `json:"delivery_id"`
	ExpungedAt         *int64          `json:"expunged_at"`
	Method             string          `json:"method"`
	Headers            json.RawMessage `json:"headers"`
	Query              json.RawMessage `json:"query"`
	bodyShape
}

func eventOf(e knockersqlite.Event) eventShape {
	return eventShape{ID: e.ID, Endpoint: e.Endpoint, EventType: orNull(e.EventType), Status: e.Status, AttemptCount: e.AttemptCount,
		ReceivedAt: e.ReceivedAt, HandledAt: orNull(e.HandledAt), LastError: orNull(e.LastError), DedupeKey: orNull(e.DedupeKey),
		ProviderEventID: orNull(e.ProviderEventID), ProviderDeliveryID: orNull(e.ProviderDeliveryID), DeliveryID: orNull(e.DeliveryID),
		ExpungedAt: orNull(e.ExpungedAt),
		Method:     e.Method, Headers: object(e.HeadersJSON), Query: object(e.QueryJSON), bodyShape: bodyOf(e.Body)}
}

type deliveryShape struct {
	ID                 int64           `json:"id"`
	Endpoint           string          `json:"endpoint"`
	EventID            *int64          `json:"event_id"`
	Kind               string          `json:"kind"`
	Reason             *string         `json:"reason"`
	ReceivedAt         int64           `json:"received_at"`
	EventType          *string         `json:"event_type"`
	SignatureValid     *bool           `json:"signature_valid"`
	SignatureError     *string         `json:"signature_error"`
	DedupeKey          *string         `json:"dedupe_key"`
	ProviderEventID    *string         `json:"provider_event_id"`
	ProviderDeliveryID *string         `json:"provider_delivery_id"`
	BodyBytes          int64           `json:"body_bytes"`
	BodyDigest         *string         `json:"body_digest"`
	AcceptedAt         *int64          `json:"accepted_at"`
	AcceptedBy         *string         `json:"accepted_by"`
	AcceptedReason     *string         `json:"accepted_reason"`
	ExpungedAt         *int64          `json:"expunged_at"`
	Method             string          `json:"method"`
	Headers            json.RawMessage `json:"headers"`
	Query              json.RawMessage `json:"query"`
	bodyShape
}

func deliveryOf(d knockersqlite.Delivery) deliveryShape {
	return deliveryShape{ID: d.ID, Endpoint: d.Endpoint, EventID: orNull(d.EventID), Kind: d.Kind, Reason: orNull(d.Reason), ReceivedAt: d.ReceivedAt,
		EventType: orNull(d.EventType), SignatureValid: d.SignatureValid, SignatureError: orNull(d.SignatureError), DedupeKey: orNull(d.DedupeKey),
		ProviderEventID: orNull(d.ProviderEventID), ProviderDeliveryID: orNull(d.ProviderDeliveryID), BodyBytes: d.BodyBytes,
		BodyDigest: orNull(d.BodyDigest), AcceptedAt: orNull(d.AcceptedAt), AcceptedBy: orNull(d.AcceptedBy),
		AcceptedReason: orNull(d.AcceptedReason), ExpungedAt: orNull(d.ExpungedAt), Method: d.Method, Headers: object(d.HeadersJSON), Query: object(d.QueryJSON), bodyShape: bodyOf(d.Body)}
}

type attemptShape struct {
	ID          int64   `json:"id"`
	EventID     int64   `json:"event_id"`
	AttemptedAt int64   `json:"attempted_at"`
	Outcome     string  `json:"outcome"`
	Error       *string `json:"error"`
	DurationMS  int64   `json:"duration_ms"`
}

func attemptOf(t knockersqlite.Attempt) attemptShape {
	return attemptShape{ID: t.ID, EventID: t.EventID, AttemptedAt: t.AttemptedAt, Outcome: t.Outcome, Error: orNull(t.Error), DurationMS: t.DurationMS}
}

type endpointShape struct {
	ID        int64   `json:"id"`
	Name      string  `json:"name"`
	Path      string  `json:"path"`
	Provider  *string `json:"provider"`
	Enabled   bool    `json:"enabled"`
	Paused    bool    `json:"paused"`
	CreatedAt int64   `json:"created_at"`
}

func endpointOf(e knockersqlite.Endpoint) endpointShape {
	return endpointShape{ID: e.ID, Name: e.Name, Path: e.Path, Provider: orNull(e.Provider), Enabled: e.Enabled, Paused: e.Paused, CreatedAt: e.CreatedAt}
}

// orNull is null for the zero value, which stands for "none".
func orNull[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

// object passes stored JSON on; a file that something else has written into may
// hold anything.
func object(stored json.RawMessage) json.RawMessage {
	if !json.Valid(stored) {
		return json.RawMessage("{}")
	}
	return stored
}

// shapes turns a page into its JSON.
func shapes[T, S any](list []T, shape func(T) S) []S {
	out := make([]S, len(list))
	for n, item := range list {
		out[n] = shape(item)
	}
	return out
}
