package extension

import (
	"bytes"
	"encoding/json"

	"github.com/knocker-dev/knocker/core"
)

func bootstrap(a *Arguments) Call { return a.done((*core.Hosted).Bootstrap) }

func addEndpoint(a *Arguments) Call {
	name, path, provider, enabled := a.Text("name"), a.OptionalText("path"), a.OptionalText("provider"), a.Flag("enabled")
	return a.hosted(func(h *core.Hosted) (any, error) { return h.AddEndpoint(name, path, provider, enabled) })
}

func receive(a *Arguments) Call {
	p := core.ReceiveParams{Endpoint: a.Text("endpoint"), Provider: a.Text("provider"), Secrets: a.JSON("secrets_json"),
		ProviderOptions: a.Object("options_json"), Method: a.OptionalText("method"), Headers: a.JSON("headers_json"), Body: a.Body(), Query: a.JSON("query_json")}
	return a.store(p)
}

func ingest(a *Arguments) Call {
	return a.store(core.ReceiveParams{Ingest: true, Endpoint: a.Text("endpoint"), Method: a.OptionalText("method"), Headers: a.JSON("headers_json"),
		Body: a.Body(), Query: a.JSON("query_json"), SignatureValid: a.OptionalFlag("signature_valid"), SignatureError: a.OptionalText("signature_error")})
}

// store reads what both receipts end with.
func (a *Arguments) store(p core.ReceiveParams) Call {
	p.ProviderEventID, p.ProviderDeliveryID = a.OptionalText("provider_event_id"), a.OptionalText("provider_delivery_id")
	p.EventType, p.DedupeKey = a.OptionalText("event_type"), a.OptionalText("dedupe_key")
	a.queueSettings()
	return a.hosted(func(h *core.Hosted) (any, error) {
		r, durable, err := h.Receive(p)
		if err != nil {
			return nil, err
		}
		return textOf(receipt{orNull(r.DeliveryID), orNull(r.EventID), append([]int64{}, r.EventIDs...), bit(r.Duplicate), r.StatusCode, r.Response,
			orNull(r.Reason), orNull(r.HandshakeSecret), bit(durable)})
	})
}

// receipt is the answer of a receipt, with 0 and 1 for its flags.
type receipt struct {
	DeliveryID      *int64        `json:"delivery_id"`
	EventID         *int64        `json:"event_id"`
	EventIDs        []int64       `json:"event_ids"`
	Duplicate       int64         `json:"duplicate"`
	StatusCode      int           `json:"status_code"`
	Response        core.Response `json:"response"`
	Reason          *string       `json:"reason"`
	HandshakeSecret *string       `json:"handshake_secret"`
	Durable         int64         `json:"durable"`
}

// orNull is a value that JSON shows as null where it is none.
func orNull[T comparable](value T) *T {
	var none T
	if value == none {
		return nil
	}
	return &value
}

// textOf is a result as JSON.
func textOf(value any) (any, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	return string(bytes.TrimSuffix(text.Bytes(), []byte("\n"))), nil
}
