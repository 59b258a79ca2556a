package main

import (
	"encoding/json"
	"time"

	"github.com/knocker-dev/knocker/capi/abi"
	"github.com/knocker-dev/knocker/core"
)

// verify is the part of a receive that needs no writer.
func verify(db uint64, request, body input, waited time.Duration) (*core.Verified, error) {
	i, err := find[*inbox](db)
	if err != nil {
		return nil, err
	}
	params, err := receiveParams(request, body)
	if err != nil {
		return nil, err
	}
	return i.core.Verify(background(), params, waited)
}

func receiveParams(in, body input) (core.ReceiveParams, error) {
	var r abi.ReceiveRequest
	if err := in.decode(&r); err != nil {
		return core.ReceiveParams{}, err
	}
	if !r.Ingest && (r.SignatureValid != nil || r.SignatureError != "") {
		return core.ReceiveParams{}, failure(core.CodeInvalidArgument, `Fields "signature_valid" and "signature_error" need "ingest": true.`)
	}
	bytes, err := body.copied("body")
	if err != nil {
		return core.ReceiveParams{}, err
	}
	return core.ReceiveParams{
		Endpoint: r.Endpoint, Method: r.Method, URL: r.URL,
		Headers: present(r.Headers), Query: present(r.Query),
		Body: bytes, BodyConsumed: r.BodyConsumed,
		Provider: r.Provider, Secrets: present(r.Secrets), ProviderOptions: r.ProviderOptions,
		ProviderEventID: r.ProviderEventID, ProviderDeliveryID: r.ProviderDeliveryID,
		EventType: r.EventType, DedupeKey: r.DedupeKey, QueueName: r.QueueName, MaxAttempts: r.MaxAttempts,
		TimeoutMilliseconds: r.TimeoutMS, Home: r.Home,
		Ingest: r.Ingest, SignatureValid: r.SignatureValid, SignatureError: r.SignatureError,
	}, nil
}

// present keeps a field that was left out a plain nil.
func present(raw json.RawMessage) any {
	if raw == nil {
		return nil
	}
	return raw
}

func appendResult(out []byte, r *core.Result) []byte {
	reply := resultReply(r)
	return reply.AppendJSON(out)
}

func resultReply(r *core.Result) abi.ReceiveReply {
	return abi.ReceiveReply{
		DeliveryID: abi.NullInteger(r.DeliveryID), EventID: abi.NullInteger(r.EventID), EventIDs: r.EventIDs,
		Duplicate: r.Duplicate, StatusCode: r.StatusCode,
		Response: abi.HTTPResponse(r.Response),
		Reason:   abi.NullText(r.Reason), HandshakeSecret: abi.NullText(r.HandshakeSecret),
	}
}
