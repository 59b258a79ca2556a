package provider

import (
	"encoding/json"

	"github.com/tidwall/gjson"
)

// Slack signs "v0:time:body". Events carry event_id; slash commands and
// interactions have no identity and are not retried. url_verification is
// signed and answered; ssl_check is a probe that Slack's own framework answers
// without verifying. Source: @slack/bolt 5.1.0 (verify-request.js, receivers);
// the window is two-sided as in Slack's documentation.
func init() {
	register(Definition{
		Name:           "slack",
		Title:          "Slack",
		Headers:        []string{"X-Slack-Signature", "X-Slack-Request-Timestamp"},
		Signature:      "HMAC-SHA256, hex after \"v0=\", over \"v0:\" + time + \":\" + body",
		Secret:         "signing secret of the app, as text",
		Tolerance:      &Tolerance{PastS: 300, FutureS: 300},
		Identity:       "body:event_id",
		IdentitySigned: true,
		EventType:      "body:event.type, or the type of an interaction, or slash_command",
		Handshake:      "url_verification (signed) and ssl_check (unsigned, not stored)",
		SuccessStatus:  200,
		Docs:           "https://api.slack.com/authentication/verifying-requests-from-slack",
		Notes: []string{
			"A first delivery can carry X-Slack-Retry-Num: never drop by that header.",
			"Slash commands and interactions have no event id: trigger_id is fresh each time.",
		},
		build: buildSlack,
	})
}

type slackVerifier struct{ *hmacVerifier }

func buildSlack(s *Settings) (Verifier, error) {
	inner, err := hmacScheme{
		header:     "x-slack-signature",
		algo:       useSHA256,
		prefix:     "v0=",
		timeHeader: "x-slack-request-timestamp",
		sign: func(r *Request, stamp string) message {
			return message{prefix: []byte("v0:" + stamp + ":"), body: r.Body}
		},
	}.configure(s, describeSlack)
	if err != nil {
		return nil, err
	}
	return slackVerifier{inner}, nil
}

func (v slackVerifier) Verify(r *Request) Verdict {
	verdict := v.hmacVerifier.Verify(r)
	if value, ok := slackForm(r, "ssl_check"); ok && value == "1" {
		// Nothing of the probe but its being one is used, whoever sent it.
		return Verdict{Valid: verdict.Valid, Handshake: true, Discard: true, EventType: "ssl_check",
			IdentitySource: "none", Response: answer(200, "text/plain", "")}
	}
	return verdict
}

func slackForm(r *Request, name string) (string, bool) {
	if !looksLikeForm(r.Body) {
		return "", false
	}
	return formField(r.Body, name)
}

func describeSlack(r *Request, v *Verdict) {
	if payload, ok := slackForm(r, "payload"); ok {
		v.EventType = text(gjson.Get(payload, "type"))
		return
	}
	if _, ok := slackForm(r, "command"); ok {
		v.EventType = "slash_command"
		return
	}
	outer := text(get(r.Body, "type"))
	switch outer {
	case "event_callback":
		v.EventType = text(get(r.Body, "event.type"))
		v.ProviderEventID = text(get(r.Body, "event_id"))
		v.setIdentity(v.ProviderEventID, "body:event_id", true)
	case "url_verification":
		v.EventType, v.Handshake = outer, true
		v.Response = answer(200, "application/json", jsonObject("challenge", text(get(r.Body, "challenge"))))
	default:
		v.EventType = outer
	}
}

// jsonObject is {"name":"value",…} as JSON, with nothing escaped but what must be.
func jsonObject(pairs ...string) string {
	out := []byte{'{'}
	for i := 0; i+1 < len(pairs); i += 2 {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, jsonText(pairs[i])...)
		out = append(out, ':')
		out = append(out, jsonText(pairs[i+1])...)
	}
	return string(append(out, '}'))
}

func jsonText(value string) []byte {
	encoded, err := json.Marshal(value)
	if err != nil {
		return []byte(`""`)
	}
	return encoded
}
