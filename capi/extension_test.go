package main

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/knocker-dev/knocker/core"
	"github.com/knocker-dev/knocker/core/extension"
)

// The SQL functions and the C interface show a record in the same form.
func TestRecordsHaveOneForm(t *testing.T) {
	valid := true
	full := core.Event{ID: 1, Endpoint: "e", EventType: "t", ProviderEventID: "p", ProviderDeliveryID: "d", DedupeKey: "k", DeliveryID: 2, Status: "dead",
		AttemptCount: 3, Method: "PUT", HeadersJSON: []byte(`{"a":["b","<"]}`), QueryJSON: []byte(`{}`), ReceivedAt: 4, HandledAt: 5, LastError: "e: <no>",
		ExpungedAt: 6, Body: []byte{0, 255}}
	delivery := core.Delivery{ID: 1, Endpoint: "e", EventID: 2, Kind: "event", Reason: "r", ReceivedAt: 3, ProviderEventID: "p", ProviderDeliveryID: "d",
		EventType: "t", Method: "POST", HeadersJSON: []byte(`[]`), QueryJSON: []byte(`broken`), SignatureValid: &valid, SignatureError: "s", DedupeKey: "k",
		BodyBytes: 4, BodyDigest: "00", AcceptedAt: 5, AcceptedBy: "reverify", AcceptedReason: "why", ExpungedAt: 6, Body: []byte{}}
	for _, withBody := range []bool{true, false} {
		for _, e := range []core.Event{full, {}} {
			reply := eventReply(&e, withBody)
			sameForm(t, extension.EventRecord(e, withBody), &reply)
		}
		for _, d := range []core.Delivery{delivery, {}} {
			sameForm(t, extension.DeliveryRecord(d, withBody), deliveryReply(&d, withBody))
		}
	}
}

func sameForm(t *testing.T, sql, reply any) {
	t.Helper()
	var a, b any
	text, err := json.Marshal(sql)
	if err == nil {
		err = json.Unmarshal(text, &a)
	}
	if err == nil {
		err = json.Unmarshal(appendJSON(nil, reply), &b)
	}
	if err != nil || !reflect.DeepEqual(a, b) {
		t.Errorf("%v\nin SQL %s\nin C   %s", err, text, appendJSON(nil, reply))
	}
}
