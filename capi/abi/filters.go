package abi

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
