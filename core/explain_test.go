package core_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/knocker-dev/knocker/core"
)

// stepOf finds one step and says how it went: true, false or null.
func stepOf(x core.Explanation, name string) string {
	for _, s := range x.Steps {
		if s.Name == name && s.OK == nil {
			return "null " + s.Detail
		} else if s.Name == name {
			return fmt.Sprint(*s.OK, " ", s.Detail)
		}
	}
	return "absent"
}

// Each way in which a verification fails is shown at its step, and neither a
// secret nor the signature that would be right is told.
func TestExplainDelivery(t *testing.T) {
	c := newClock()
	inbox := open(t, core.Options{Source: core.Source{Now: c.now}, MaxOrphanBodyBytes: 1000})
	for name, p := range map[string]core.EndpointParams{
		"pay":    {Provider: "stripe", Secrets: "whsec_right"},
		"hooks":  {Provider: "token-header", Secrets: "tokensecret"},
		"design": {Provider: "figma", Secrets: "figmasecret"},
	} {
		p.Name = name
		if _, err := inbox.AddEndpoint(background, p); err != nil {
			t.Fatal(err)
		}
	}
	at := c.now().Unix()
	send := func(endpoint, body string, headers map[string]any) int64 {
		t.Helper()
		r, err := inbox.Receive(background, core.ReceiveParams{Endpoint: endpoint, Body: []byte(body), Headers: headers})
		if err != nil || r.DeliveryID == 0 {
			t.Fatal(r, err)
		}
		return r.DeliveryID
	}
	stripe := func(secret, body string, at int64) map[string]any {
		return map[string]any{"Stripe-Signature": fmt.Sprintf("t=%d,v1=%s", at, hmacHex(secret, fmt.Sprintf("%d.%s", at, body)))}
	}
	const body = `{"id":"evt_1","type":"x"}`
	long := `{"x":"` + strings.Repeat("y", 2000) + `"}`
	for name, test := range map[string]struct {
		delivery int64
		params   core.ExplainParams
		valid    bool
		reason   string
		cut      bool
		redacted []string
		steps    map[string]string // each begins with
	}{
		"valid": {delivery: send("pay", body, stripe("whsec_right", body, at)), valid: true,
			steps: map[string]string{"arrival": "true", "body": "true all 25 bytes", "header stripe-signature": "true present", "signature": "true", "timestamp": "true", "form": "true"}},
		"forged": {delivery: send("pay", body, stripe("whsec_other", body, at)), reason: "signature_mismatch",
			steps: map[string]string{"arrival": "false refused when it arrived: signature_mismatch", "form": "true", "signature": "false the signature was not made", "timestamp": "null not reached"}},
		"with the other secret": {delivery: 2, params: core.ExplainParams{Secrets: []string{"whsec_old", "whsec_other"}, Provider: "stripe"}, valid: true,
			steps: map[string]string{"arrival": "false", "configuration": "true provider stripe, with 2 given secrets", "signature": "true"}},
		"too late": {delivery: 1, params: core.ExplainParams{NowS: at + 86400}, reason: "timestamp_too_old",
			steps: map[string]string{"signature": "true", "timestamp": "false the signed time is further in the past"}},
		"without its header": {delivery: send("pay", body, nil), reason: "missing_header",
			steps: map[string]string{"header stripe-signature": "false missing", "form": "false", "signature": "null not reached"}},
		"malformed": {delivery: send("pay", body, map[string]any{"Stripe-Signature": "nonsense"}), reason: "malformed_header",
			steps: map[string]string{"header stripe-signature": "false present, but", "form": "false"}},
		"cut": {delivery: send("pay", long, stripe("whsec_other", long, at)), reason: "signature_mismatch", cut: true,
			steps: map[string]string{"body": "false the body had 2008 bytes, of which 1000 were stored"}},
		"redacted": {delivery: send("hooks", body, map[string]any{"X-Knocker-Token": "tokensecret"}), reason: "bad_credentials", redacted: []string{"x-knocker-token"},
			steps: map[string]string{"arrival": "true", "header x-knocker-token": "null present, but stored as [redacted]", "signature": "false the credential sent"}},
		"masked": {delivery: send("design", `{"event_type":"PING","passcode":"guessed1"}`, nil), reason: "bad_credentials", cut: true,
			steps: map[string]string{"body": "false bytes that held the sender's secret were masked"}},
	} {
		test.params.DeliveryID = test.delivery
		x, err := inbox.ExplainDelivery(background, test.params)
		if err != nil {
			t.Fatal(name, err)
		}
		if x.Valid != test.valid || x.Reason != test.reason || x.BodyCut != test.cut || !slices.Equal(x.Redacted, test.redacted) ||
			test.params.NowS == 0 && x.Clock != at {
			t.Errorf("%s: %+v", name, x)
		}
		for step, want := range test.steps {
			if got := stepOf(x, step); !strings.HasPrefix(got, want) {
				t.Errorf("%s: step %s is %q, want %q", name, step, got, want)
			}
		}
		for _, secret := range []string{"whsec_right", "whsec_o", "tokensecret", "figmasecret", hmacHex("whsec_right", fmt.Sprintf("%d.%s", at, body))} {
			if strings.Contains(fmt.Sprint(x), secret) {
				t.Errorf("%s tells %s: %+v", name, secret, x)
			}
		}
	}
	_, err := inbox.ExplainDelivery(background, core.ExplainParams{DeliveryID: 99})
	wantCode(t, err, core.CodeNotFound)
	_, err = inbox.ExplainDelivery(background, core.ExplainParams{DeliveryID: 1, Secrets: ""})
	wantCode(t, err, core.CodeInvalidSecret)
	_, err = inbox.ExplainDelivery(background, core.ExplainParams{DeliveryID: 1, Provider: "github", Secrets: "x"})
	wantCode(t, err, core.CodeProviderMismatch)
	c.advance(time.Hour)
	if s := counted(t, inbox); s.Deliveries != 7 || s.Events["received"] != 2 {
		t.Errorf("explaining has written: %+v", s)
	}
}
