package abi

import "encoding/json"

// SignRequest asks for a request as a provider would send it, for tests.
type SignRequest struct {
	Provider        string          `json:"provider" required:"true"`
	Secret          json.RawMessage `json:"secret"`           // text or {"blob": base64}: what the endpoint is configured with; for an asymmetric key the private one
	Secrets         json.RawMessage `json:"secrets"`          // instead of secret, what add_endpoint takes; the first one signs
	ProviderOptions map[string]any  `json:"provider_options"` // as for the endpoint
	Body            *string         `json:"body"`             // as text
	BodyBase64      *string         `json:"body_base64"`      // as bytes, instead of body
	At              *float64        `json:"at" min:"0" max:"9000000000"`
	EventID         string          `json:"event_id"`   // id of the delivery or event in a header. Defaults to one made of provider, time and body.
	EventType       string          `json:"event_type"` // for providers that send it in a header
	URL             string          `json:"url"`        // public URL, for providers that sign it
	Method          string          `json:"method"`     // Defaults to "POST".
}

// SignReply is a signed request. The body differs from the given one where the
// provider puts its signature there.
type SignReply struct {
	Method     string            `json:"method"`
	URL        NullText          `json:"url"` // as given, with what the provider adds to it
	Headers    map[string]string `json:"headers"`
	Query      NullText          `json:"query"` // the raw query of the URL
	BodyBase64 Base64            `json:"body_base64"`
}

// ProvidersReply lists all providers by name.
type ProvidersReply struct {
	Providers []Provider `json:"providers"`
}

// Provider says how one sender signs, identifies and types its requests.
type Provider struct {
	Name           string           `json:"name"`
	Title          string           `json:"title"`
	Aliases        []string         `json:"aliases"`
	NeedsSecret    bool             `json:"needs_secret"` // an endpoint can't be used without one
	SecretUse      string           `json:"secret_use"`   // "required", "optional" or "unused"
	Secret         string           `json:"secret"`       // what the secret is, for people
	NeedsURL       bool             `json:"needs_url"`
	Signature      string           `json:"signature"`
	Headers        []string         `json:"headers"` // that verification reads
	Identity       string           `json:"identity"`
	IdentitySigned bool             `json:"identity_signed"`
	EventType      string           `json:"event_type"`
	Batch          bool             `json:"batch"` // one request can hold several events
	Handshake      NullText         `json:"handshake"`
	SuccessStatus  int              `json:"success_status"`
	Tolerance      *TimeTolerance   `json:"tolerance"` // null: no time is signed
	Options        []ProviderOption `json:"options"`
	Signs          bool             `json:"signs"` // sign knows this provider
	Docs           string           `json:"docs"`  // the sender's own page
	Notes          []string         `json:"notes"` // traps and limits
}

// TimeTolerance bounds the distance between the signed time and that of
// receipt, in seconds; -1: unbounded.
type TimeTolerance struct {
	PastS   int `json:"past_s"`
	FutureS int `json:"future_s"`
}

// ProviderOption is one entry of provider_options.
type ProviderOption struct {
	Name    string   `json:"name"`
	Type    string   `json:"type"`    // "text", "integer", "boolean", "list of texts" or "object"
	Default any      `json:"default"` // null: none
	Allowed []string `json:"allowed"` // empty: anything of the type
	Doc     string   `json:"doc"`
}
