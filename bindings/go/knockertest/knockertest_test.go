package knockertest_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	knockersqlite "github.com/knocker-dev/knocker/bindings/go"
	"github.com/knocker-dev/knocker/bindings/go/knockertest"
)

// A test of an application, as the README shows it: a signed request is taken,
// fails, and succeeds when its time has come.
func TestInbox(t *testing.T) {
	inbox := knockertest.NewInbox(t)
	if _, err := inbox.AddEndpoint(knockersqlite.AddEndpointParams{Name: "billing", Provider: "stripe", Secrets: "whsec_test"}); err != nil {
		t.Fatal(err)
	}
	runs := 0
	err := inbox.RegisterEventHandler("billing", "invoice.paid", func(knockersqlite.Event, *knockersqlite.Tx) error {
		if runs++; runs == 1 {
			return errors.New("not yet")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	body := []byte(`{"id":"evt_1","type":"invoice.paid"}`)
	header, err := knockertest.Sign("stripe", "whsec_test", body, inbox.Now())
	if err != nil {
		t.Fatal(err)
	}
	result, err := inbox.Receive(knockersqlite.ReceiveParams{Endpoint: "billing", Header: header, Body: body})
	if err != nil || result.StatusCode != http.StatusOK && result.StatusCode != http.StatusNoContent {
		t.Fatal(result, err)
	}
	if inbox.Drain() != 1 || inbox.Drain() != 0 {
		t.Error("the event ran again before its time")
	}
	inbox.Advance(time.Minute)
	if inbox.Drain() != 1 {
		t.Error("the event did not run again")
	}
	events := inbox.Received()
	if len(events) != 1 || events[0].Status != "handled" || string(events[0].Body) != string(body) || events[0].DedupeKey != "evt_1" {
		t.Error(events)
	}
}

// A signature is as old as the test says.
func TestClock(t *testing.T) {
	inbox := knockertest.NewInbox(t)
	if _, err := inbox.AddEndpoint(knockersqlite.AddEndpointParams{Name: "billing", Provider: "stripe", Secrets: "whsec_test"}); err != nil {
		t.Fatal(err)
	}
	inbox.SetNow(time.Unix(1_700_000_000, 0))
	header, err := knockertest.Sign("stripe", "whsec_test", []byte("{}"), inbox.Now())
	if err != nil {
		t.Fatal(err)
	}
	inbox.Advance(time.Hour)
	result, err := inbox.Receive(knockersqlite.ReceiveParams{Endpoint: "billing", Header: header, Body: []byte("{}")})
	if err != nil || result.StatusCode != http.StatusUnauthorized || result.Reason != "timestamp_too_old" {
		t.Error(result, err)
	}
}

// What can't be signed says so.
func TestSignErrors(t *testing.T) {
	if _, err := knockertest.Sign("strpe", "s", nil, time.Now()); !errors.Is(err, knockersqlite.ErrUnknownProvider) || !strings.Contains(err.Error(), "stripe") {
		t.Error(err)
	}
	if _, err := knockertest.Sign("mailgun", "s", []byte(`{}`), time.Now()); !errors.Is(err, knockersqlite.ErrInvalidArgument) {
		t.Error(err)
	}
	if signed, err := knockertest.SignRequest("mailgun", "s", []byte(`{}`), time.Now()); err != nil || string(signed.Body) == "{}" {
		t.Error(signed, err)
	}
}
