package core_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/knocker-dev/knocker/core"
	"github.com/knocker-dev/knocker/core/provider"
)

func hmacHex(secret, text string) string {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte(text))
	return hex.EncodeToString(m.Sum(nil))
}

// signed is a GitHub request, refused or not by the secret it is signed with.
func signed(t *testing.T, inbox *core.Inbox, secret, id, body string) core.Result {
	t.Helper()
	r, err := inbox.Receive(background, core.ReceiveParams{Endpoint: "code", Body: []byte(body), Headers: map[string]any{
		"X-Hub-Signature-256": "sha256=" + hmacHex(secret, body), "X-GitHub-Delivery": id, "X-GitHub-Event": "push", "Authorization": "Basic x"}})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func withCode(t *testing.T, c *clock, secret string) *core.Inbox {
	t.Helper()
	inbox := open(t, core.Options{Source: core.Source{Now: c.now}, MaxOrphanBodyBytes: 1000})
	addCode(t, inbox, secret)
	return inbox
}

func addCode(t *testing.T, inbox *core.Inbox, secret string) {
	t.Helper()
	if _, err := inbox.AddEndpoint(background, core.EndpointParams{Name: "code", Provider: "github", Secrets: secret}); err != nil {
		t.Fatal(err)
	}
}

var code = core.DeliveryFilter{Endpoints: []string{"code"}}

// After a wrong secret was put right, what it had refused becomes events: once,
// by the ordinary rules, and both verdicts stay to be seen.
func TestReverify(t *testing.T) {
	c := newClock()
	inbox := withCode(t, c, "mistyped")
	for n := range 3 {
		if r := signed(t, inbox, "secret", fmt.Sprint("id", n), `{"ref":"main"}`); r.StatusCode != 401 {
			t.Fatal(r)
		}
	}
	signed(t, inbox, "secret", "id1", `{"ref":"main"}`)                                        // the sender's retry
	signed(t, inbox, "forged", "id8", `{"ref":"main"}`)                                        // stays refused
	signed(t, inbox, "secret", "id9", `{"long":"`+strings.Repeat("x", 2000)+`","ref":"main"}`) // cut
	c.advance(time.Hour)
	addCode(t, inbox, "secret")
	signed(t, inbox, "secret", "id2", `{"ref":"main"}`) // came through by itself

	dry, err := inbox.Reverify(background, code, core.BulkOptions{DryRun: true})
	if err != nil || dry != (core.BulkResult{Matched: 6}) {
		t.Fatal(dry, err)
	}
	out, err := inbox.Reverify(background, code, core.BulkOptions{})
	if err != nil || out != (core.BulkResult{Matched: 6, Changed: 4, Skipped: 2}) {
		t.Fatal(out, err)
	}
	list, _, err := inbox.ListEvents(background, core.EventFilter{})
	if err != nil || len(list) != 3 {
		t.Fatal(list, err)
	}
	first := event(t, inbox, 2)
	if first.DedupeKey != "id0" || first.EventType != "push" || first.ReceivedAt != 1767225600 || first.Status != "received" || string(first.Body) != `{"ref":"main"}` {
		t.Errorf("%+v", first)
	}
	d, err := inbox.GetDelivery(background, 1)
	if err != nil || d.EventID != 2 || d.Kind != "event" || *d.SignatureValid || d.Reason != "signature_mismatch" ||
		d.AcceptedBy != "reverify" || d.AcceptedAt != 1767225600+3600 || d.DedupeKey != "id0" {
		t.Errorf("%+v %v", d, err)
	}
	linked, _, err := inbox.ListDeliveries(background, core.DeliveryFilter{Orphaned: new(bool), Reasons: []string{"signature_mismatch"}})
	if err != nil || len(linked) != 4 {
		t.Errorf("refused deliveries that have an event now: %d %v", len(linked), err)
	}
	if again, err := inbox.Reverify(background, code, core.BulkOptions{}); err != nil || again.Changed != 0 || again.Matched != 2 {
		t.Fatal("a second time:", again, err)
	}
	if s := counted(t, inbox); s.JobsReady != 3 || s.Duplicates != 2 || s.Stuck != 0 || s.Orphans["rejected"] != 2 {
		t.Errorf("%+v", s)
	}
}

// The clock of the check is that of the receipt, not of the repair.
func TestReverifyGoesByTheTimeOfReceipt(t *testing.T) {
	c := newClock()
	inbox := open(t, core.Options{Source: core.Source{Now: c.now}})
	add := func(secret string) {
		if _, err := inbox.AddEndpoint(background, core.EndpointParams{Name: "pay", Provider: "stripe", Secrets: secret}); err != nil {
			t.Fatal(err)
		}
	}
	add("wrong")
	body, at := `{"id":"evt_1","type":"charge.made"}`, c.now().Unix()
	r, err := inbox.Receive(background, core.ReceiveParams{Endpoint: "pay", Body: []byte(body),
		Headers: map[string]any{"Stripe-Signature": fmt.Sprintf("t=%d,v1=%s", at, hmacHex("right", fmt.Sprintf("%d.%s", at, body)))}})
	if err != nil || r.StatusCode != 401 {
		t.Fatal(r, err)
	}
	c.advance(48 * time.Hour)
	add("right")
	if out, err := inbox.Reverify(background, core.DeliveryFilter{DeliveryIDs: []int64{r.DeliveryID}}, core.BulkOptions{}); err != nil || out.Changed != 1 {
		t.Fatal(out, err)
	}
}

func TestReverifyMistakes(t *testing.T) {
	c := newClock()
	inbox := withCode(t, c, "wrong")
	signed(t, inbox, "secret", "id", "{}")
	valid := true
	for _, f := range []core.DeliveryFilter{{}, {Kind: "handshake"}, {Orphaned: new(bool)}, {Endpoints: []string{"code"}, Limit: 5}} {
		_, err := inbox.Reverify(background, f, core.BulkOptions{})
		wantCode(t, err, core.CodeInvalidArgument)
	}
	if out, err := inbox.Reverify(background, core.DeliveryFilter{Orphaned: &valid, Kind: "rejected"}, core.BulkOptions{}); err != nil || out.Matched != 1 {
		t.Fatal(out, err)
	}
	path := inbox.Path()
	if err := inbox.Close(); err != nil {
		t.Fatal(err)
	}
	other := openAt(t, path, core.Options{}) // a process without the secrets
	_, err := other.Reverify(background, code, core.BulkOptions{})
	wantCode(t, err, core.CodeNoVerifier)
	_, err = other.AcceptDelivery(background, core.AcceptParams{DeliveryID: 1, Reason: "known"})
	wantCode(t, err, core.CodeNoVerifier)
}

// A decision overrules a signature: with a reason, which is kept, and with the
// identity that the request has, so that the sender's retry makes no second event.
func TestAcceptDelivery(t *testing.T) {
	c := newClock()
	inbox := withCode(t, c, "secret")
	r := signed(t, inbox, "forged", "id1", `{"ref":"main"}`)
	_, err := inbox.AcceptDelivery(background, core.AcceptParams{DeliveryID: r.DeliveryID, Reason: " "})
	wantCode(t, err, core.CodeInvalidArgument)
	out, err := inbox.AcceptDelivery(background, core.AcceptParams{DeliveryID: r.DeliveryID, Reason: "asked the sender by phone"})
	if err != nil || out.EventID != 1 || out.Duplicate || !slices.Equal(out.EventIDs, []int64{1}) {
		t.Fatal(out, err)
	}
	e := event(t, inbox, 1)
	if e.DedupeKey != "id1" || e.EventType != "push" || e.Status != "received" {
		t.Errorf("%+v", e)
	}
	d, err := inbox.GetDelivery(background, r.DeliveryID)
	if err != nil || d.AcceptedBy != "accept_delivery" || d.AcceptedReason != "asked the sender by phone" || *d.SignatureValid || d.Reason != "signature_mismatch" {
		t.Errorf("%+v %v", d, err)
	}
	if again := signed(t, inbox, "secret", "id1", `{"ref":"main"}`); !again.Duplicate || again.EventID != 1 {
		t.Fatalf("the sender's retry: %+v", again)
	}
	audits, _, err := inbox.ListPruneAudits(background, 0, "")
	if err != nil || len(audits) != 1 || audits[0].Kind != "accept_delivery" || !strings.Contains(string(audits[0].Summary), "by phone") {
		t.Errorf("%+v %v", audits, err)
	}
	_, err = inbox.AcceptDelivery(background, core.AcceptParams{DeliveryID: r.DeliveryID, Reason: "again"})
	wantCode(t, err, core.CodeInvalidState)
	_, err = inbox.AcceptDelivery(background, core.AcceptParams{DeliveryID: 99, Reason: "x"})
	wantCode(t, err, core.CodeNotFound)
	cut := signed(t, inbox, "forged", "id2", strings.Repeat("x", 2000))
	_, err = inbox.AcceptDelivery(background, core.AcceptParams{DeliveryID: cut.DeliveryID, Reason: "x"})
	wantCode(t, err, core.CodeBodyCut)
	named := signed(t, inbox, "forged", "id3", `{}`)
	if out, err := inbox.AcceptDelivery(background, core.AcceptParams{DeliveryID: named.DeliveryID, Reason: "x", DedupeKey: "id1", EventType: "pull"}); err != nil || !out.Duplicate || out.EventID != 1 {
		t.Fatal(out, err)
	}
}

// A secret in the body was masked when it was stored: what is left is not what
// the sender sent.
func TestAcceptRefusesMaskedBodies(t *testing.T) {
	inbox := open(t, core.Options{})
	if _, err := inbox.AddEndpoint(background, core.EndpointParams{Name: "design", Provider: "figma", Secrets: "passcode"}); err != nil {
		t.Fatal(err)
	}
	r, err := inbox.Receive(background, core.ReceiveParams{Endpoint: "design", Body: []byte(`{"event_type":"PING","passcode":"guessed1"}`)})
	if err != nil || r.StatusCode != 401 {
		t.Fatal(r, err)
	}
	_, err = inbox.AcceptDelivery(background, core.AcceptParams{DeliveryID: r.DeliveryID, Reason: "x"})
	wantCode(t, err, core.CodeBodyCut)
	if out, err := inbox.Reverify(background, core.DeliveryFilter{DeliveryIDs: []int64{r.DeliveryID}}, core.BulkOptions{}); err != nil || out.Skipped != 1 {
		t.Fatal(out, err)
	}
}

// What a provider says of a request without trusting it is what it says of the
// same request once it is verified.
func TestDescribeIsNeverValid(t *testing.T) {
	v, err := provider.Configure("github", []provider.Secret{{Value: []byte("secret")}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, ok := provider.Describe(v, &provider.Request{Method: "POST", Headers: []provider.Field{{Name: "x-github-delivery", Value: "id"}}, Body: []byte("{}")})
	if !ok || got.Valid || got.Identity != "id" {
		t.Fatal(got, ok)
	}
	if _, ok := provider.Describe(provider.Custom(nil), &provider.Request{}); ok {
		t.Fatal("a verifier of the application's own can't be asked")
	}
}
