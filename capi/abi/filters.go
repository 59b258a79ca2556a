package abi

import "encoding/json"

// Texts is one text or a list of texts.
type Texts []string

// Integers is one whole number or a list of them.
type Integers []int64

// EventFilter selects events; all fields that are given must fit.
type EventFilter struct {
	Endpoint           Texts    `json:"endpoint"`
	Status             Texts    `json:"status"`
	EventType          string   `json:"event_type"`
	DedupeKey          string   `json:"dedupe_key"`
	ProviderEventID    string   `json:"provider_event_id"`
	ProviderDeliveryID string   `json:"provider_delivery_id"`
	EventID            Integers `json:"event_id"`
	ErrorCode          string   `json:"error_code"`
	Stuck              bool     `json:"stuck"`
	Since              int64    `json:"since"`
	Until              int64    `json:"until"`
}

// DeliveryFilter selects deliveries; all fields that are given must fit.
type DeliveryFilter struct {
	Endpoint           Texts    `json:"endpoint"`
	EventID            Integers `json:"event_id"`
	DeliveryID         Integers `json:"delivery_id"`
	EventType          string   `json:"event_type"`
	DedupeKey          string   `json:"dedupe_key"`
	ProviderEventID    string   `json:"provider_event_id"`
	ProviderDeliveryID string   `json:"provider_delivery_id"`
	Orphaned           *bool    `json:"orphaned"`
	Kind               string   `json:"kind"`
	Reason             Texts    `json:"reason"`
	SignatureValid     *bool    `json:"signature_valid"`
	Since              int64    `json:"since"`
	Until              int64    `json:"until"`
}

// ListEventsRequest asks for one page of events.
type ListEventsRequest struct {
	EventFilter
	Bodies bool `json:"bodies"`
	PageRequest
}

// ListDeliveriesRequest asks for one page of deliveries.
type ListDeliveriesRequest struct {
	DeliveryFilter
	Bodies bool `json:"bodies"`
	PageRequest
}

// StatsRequest narrows what is counted.
type StatsRequest struct {
	Endpoint Texts `json:"endpoint"`
}

// EndpointStats counts what is in the file of one endpoint.
type EndpointStats struct {
	Name           string           `json:"name"`
	Provider       NullText         `json:"provider"`
	Enabled        bool             `json:"enabled"`
	Paused         bool             `json:"paused"`
	Events         map[string]int64 `json:"events"`
	Orphans        int64            `json:"orphans"`
	LastReceivedAt NullInteger      `json:"last_received_at"`
}

// EndpointStatsReply is one page of endpoints' counts, by name.
type EndpointStatsReply struct {
	Endpoints []EndpointStats `json:"endpoints"`
	Cursor    NullText        `json:"cursor"`
}

// ListRunningRequest asks for the jobs that workers hold.
type ListRunningRequest struct {
	Endpoint string `json:"endpoint"`
	PageRequest
}

// Running is a job that a worker holds.
type Running struct {
	JobID      int64       `json:"job_id"`
	EventID    int64       `json:"event_id"`
	Endpoint   string      `json:"endpoint"`
	EventType  NullText    `json:"event_type"`
	WorkerID   string      `json:"worker_id"`
	Attempt    int         `json:"attempt"`
	Since      NullInteger `json:"since"`
	LeaseLeftS int64       `json:"lease_left_s"`
}

// RunningReply is one page of running jobs, by job id.
type RunningReply struct {
	Running []Running `json:"running"`
	Cursor  NullText  `json:"cursor"`
}

// BulkFields are what every action on a filter takes.
type BulkFields struct {
	Limit  int64  `json:"limit" min:"1"` // of all calls together; left out, all that match
	DryRun bool   `json:"dry_run"`
	Cursor string `json:"cursor"`
	Caller
}

// BulkEventFilter is an event filter; an empty one needs All.
type BulkEventFilter struct {
	EventFilter
	All bool `json:"all"`
}

// BulkDeliveryFilter is a delivery filter; an empty one needs All.
type BulkDeliveryFilter struct {
	DeliveryFilter
	All bool `json:"all"`
}

// BulkEventsRequest is one transaction of an action on all events of a filter.
type BulkEventsRequest struct {
	Filter BulkEventFilter `json:"filter" required:"true"`
	BulkFields
}

// BulkDeliveriesRequest is the same on deliveries.
type BulkDeliveriesRequest struct {
	Filter BulkDeliveryFilter `json:"filter" required:"true"`
	BulkFields
}

// BulkReply counts what one transaction did; the numbers of all add up.
type BulkReply struct {
	Matched int64    `json:"matched"`
	Changed int64    `json:"changed"`
	Skipped int64    `json:"skipped"`
	Cursor  NullText `json:"cursor"`
}

// AcceptDeliveryRequest takes a refused delivery in by decision.
type AcceptDeliveryRequest struct {
	DeliveryID      int64  `json:"delivery_id" required:"true"`
	Reason          string `json:"reason" required:"true"`
	EventType       string `json:"event_type"`
	DedupeKey       string `json:"dedupe_key"`
	ProviderEventID string `json:"provider_event_id"`
	Caller
}

// AcceptDeliveryReply says which events it has become.
type AcceptDeliveryReply struct {
	EventID   NullInteger `json:"event_id"`
	EventIDs  []int64     `json:"event_ids"`
	Duplicate bool        `json:"duplicate"`
}

// ExplainDeliveryRequest asks why a delivery is valid or not.
type ExplainDeliveryRequest struct {
	DeliveryID      int64           `json:"delivery_id" required:"true"`
	Provider        string          `json:"provider"`
	Secrets         json.RawMessage `json:"secrets"`
	ProviderOptions map[string]any  `json:"provider_options"`
	URL             string          `json:"url"`
	NowS            int64           `json:"now_s"` // left out, the time of receipt
}

// ExplainDeliveryReply says why, step by step.
type ExplainDeliveryReply struct {
	Valid    bool          `json:"valid"`
	Reason   NullText      `json:"reason"`
	Clock    int64         `json:"clock"`
	BodyCut  bool          `json:"body_cut"`
	Redacted []string      `json:"redacted"`
	Steps    []ExplainStep `json:"steps"`
}

// ExplainStep is one step of a verification; OK is null where it was not
// reached or can't be known.
type ExplainStep struct {
	Name   string `json:"name"`
	OK     *bool  `json:"ok"`
	Detail string `json:"detail"`
}
