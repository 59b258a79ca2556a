package main

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"
)

// handshakes are the cases about challenges and probes, which no library
// signs. Their answers are computed here, apart from the code under test.
func handshakes() map[string][]recorded {
	made := map[string][]recorded{}
	add := func(provider string, c recorded) {
		if c.Request.Headers == nil {
			c.Request.Headers = map[string]any{}
		}
		if c.Request.ProviderOptions == nil {
			c.Request.ProviderOptions = map[string]any{}
		}
		if c.Request.Secrets == nil {
			c.Request.Secrets = []string{}
		}
		c.Request.NowS = start.Unix()
		made[provider] = append(made[provider], c)
	}
	secret := []string{"recorded-secret"}
	plain := map[string]any{"Content-Type": "text/plain", "X-Content-Type-Options": "nosniff"}

	verify := map[string]any{"verify_token": "recorded-token"}
	add("meta", recorded{"handshake: subscription challenge", request{Method: "GET", Secrets: secret, ProviderOptions: verify,
		Query: "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=recorded-token"}, answered(false, 200, plain, "1158201444")})
	for _, wrong := range [][2]string{
		{"another verify token", "hub.mode=subscribe&hub.challenge=1&hub.verify_token=other"},
		{"no verify token", "hub.mode=subscribe&hub.challenge=1"},
		{"another mode", "hub.mode=unsubscribe&hub.challenge=1&hub.verify_token=recorded-token"},
	} {
		expected := refused("bad_verify_token")
		expected["handshake"] = map[string]any{"status": 403, "store_as_event": false}
		add("meta", recorded{"handshake refused: " + wrong[0], request{Method: "GET", Secrets: secret, ProviderOptions: verify, Query: wrong[1]}, expected})
	}
	add("x", recorded{"handshake: CRC", request{Method: "GET", Secrets: secret, Query: "crc_token=abcDEF123&nonce=n"},
		answered(false, 200, map[string]any{"Content-Type": "application/json"}, `{"response_token":"sha256=`+base64.StdEncoding.EncodeToString(digest(secret[0], "abcDEF123"))+`"}`)})
	add("x", recorded{"handshake refused: the token is a request body, whose signature the answer would be",
		request{Method: "GET", Secrets: secret, Query: "crc_token=%7B%22for_user_id%22%3A%221%22%7D"}, refused("bad_challenge")})
	add("dropbox", recorded{"handshake: challenge", request{Method: "GET", Secrets: secret, Query: "challenge=a%2Bb%3Cc%3E"}, answered(false, 200, plain, "a+b<c>")})
	add("microsoft-graph", recorded{"handshake: validation token, decoded", request{Method: "POST", Secrets: secret, Query: "validationToken=a+b%3Cc%3E"}, answered(false, 200, plain, "a b<c>")})
	add("okta", recorded{"handshake: verification challenge", request{Method: "GET", Secrets: secret, Headers: map[string]any{"X-Okta-Verification-Challenge": "ch\"1"}},
		answered(false, 200, map[string]any{"Content-Type": "application/json"}, `{"verification":"ch\"1"}`)})
	add("intercom", recorded{"handshake: HEAD probe", request{Method: "HEAD", Secrets: secret}, answered(false, 200, nil, "")})
	add("mandrill", recorded{"handshake: HEAD probe", request{Method: "HEAD", Secrets: secret, ProviderOptions: map[string]any{"url": "https://hooks.example.test/"}}, answered(false, 200, nil, "")})
	asanaHandshakes(add)
	notionHandshakes(add)
	signedHandshakes(add)
	braintreeHandshakes(add)
	emptyBatches(add)
	return made
}

func digest(secret, text string) []byte {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

func answered(valid bool, status int, headers map[string]any, body string) map[string]any {
	handshake := map[string]any{"status": status, "body": body, "store_as_event": false}
	if headers != nil {
		handshake["headers"] = headers
	}
	return map[string]any{"signature_valid": valid, "event_type": nil, "dedupe_identity": nil, "handshake": handshake}
}

type adder func(provider string, c recorded)

func asanaHandshakes(add adder) {
	offer := map[string]any{"X-Hook-Secret": "b537207f20cbfa02357cf448134da559"}
	add("asana", recorded{"handshake: the secret is offered and echoed", request{Method: "POST", Headers: offer}, answered(false, 200, offer, "")})
	add("asana", recorded{"handshake: expected again, although a secret is configured", request{Method: "POST", Headers: offer, Secrets: []string{"old"},
		ProviderOptions: map[string]any{"accept_handshake": true}}, answered(false, 200, offer, "")})
	add("asana", recorded{"handshake refused: a secret is configured", request{Method: "POST", Headers: offer, Secrets: []string{"old"}}, refused("handshake_not_expected")})
	add("asana", recorded{"refused: no secret yet, and no handshake", request{Method: "POST", Headers: map[string]any{"X-Hook-Signature": strings.Repeat("0", 64)}, Body: `{"events":[]}`}, refused("no_secret")})
}

func notionHandshakes(add adder) {
	body := `{"verification_token":"secret_recorded"}`
	add("notion", recorded{"handshake: verification token", request{Method: "POST", Body: body}, answered(false, 200, nil, "")})
	add("notion", recorded{"handshake: expected again, although a secret is configured", request{Method: "POST", Body: body, Secrets: []string{"old"},
		ProviderOptions: map[string]any{"accept_handshake": true}}, answered(false, 200, nil, "")})
	add("notion", recorded{"handshake refused: a secret is configured", request{Method: "POST", Body: body, Secrets: []string{"old"}}, refused("handshake_not_expected")})
	add("notion", recorded{"refused: no secret yet, and no handshake", request{Method: "POST", Body: `{"id":"1","type":"page.created"}`}, refused("no_secret")})
}

// signedHandshakes carry an ordinary signature.
func signedHandshakes(add adder) {
	sign := func(provider, secret string, options map[string]any, id, body string) request {
		s := spec{provider: provider, secret: secret, options: options}
		return s.request(s.sign(event{id: id}, body, secret, start), start)
	}
	json := map[string]any{"Content-Type": "application/json"}
	typed := func(kind string, expected map[string]any) map[string]any {
		expected["event_type"] = kind
		return expected
	}
	add("slack", recorded{"handshake: url_verification with characters that JSON escapes", sign("slack", "s", nil, "", `{"type":"url_verification","challenge":"a\"b"}`),
		typed("url_verification", answered(true, 200, json, `{"challenge":"a\"b"}`))})
	forged := sign("slack", "s", nil, "", `{"type":"url_verification","challenge":"a"}`)
	forged.Secrets = []string{"other"}
	add("slack", recorded{"refused: url_verification signed by someone else", forged, refused("signature_mismatch")})
	add("slack", recorded{"handshake: ssl_check is answered unverified", request{Method: "POST", Secrets: []string{"s"}, Body: "ssl_check=1&token=t"}, answered(false, 200, nil, "")})
	seed := strings.Repeat("1f", 32)
	add("discord", recorded{"handshake: PING of interactions", sign("discord", seed, map[string]any{"mode": "interactions"}, "", `{"id":"1","type":1}`),
		typed("PING", answered(true, 200, json, `{"type":1}`))})
	add("discord", recorded{"handshake: PING of webhook events", sign("discord", seed, map[string]any{"mode": "webhook_events"}, "", `{"version":1,"type":0}`),
		typed("PING", answered(true, 204, json, ""))})
	add("zoom", recorded{"handshake: url validation", sign("zoom", "z", nil, "", `{"event":"endpoint.url_validation","payload":{"plainToken":"qgg8vlvZRS6UYooatFL8Aw"}}`),
		typed("endpoint.url_validation", answered(true, 200, json, `{"plainToken":"qgg8vlvZRS6UYooatFL8Aw","encryptedToken":"`+hex.EncodeToString(digest("z", "qgg8vlvZRS6UYooatFL8Aw"))+`"}`))})
	add("zoom", recorded{"refused: an unsigned url validation, whose answer would sign what a stranger chose",
		request{Method: "POST", Secrets: []string{"z"}, Body: `{"event":"endpoint.url_validation","payload":{"plainToken":"v0:1:{}"}}`}, refused("missing_header")})
	challenge := sign("twitch", "twitch-secret", nil, "m-1", `{"challenge":"pogchamp-kappa-360noscope-vohiyo"}`)
	challenge.Headers["Twitch-Eventsub-Message-Type"] = "webhook_callback_verification"
	add("twitch", recorded{"handshake: callback verification", challenge,
		typed("webhook_callback_verification", answered(true, 200, map[string]any{"Content-Type": "text/plain"}, "pogchamp-kappa-360noscope-vohiyo"))})
}

func braintreeHandshakes(add adder) {
	key := sha1.Sum([]byte("private"))
	mac := hmac.New(sha1.New, key[:])
	mac.Write([]byte("20f9f8ed05f77439fe955c977e4c8a53"))
	add("braintree", recorded{"handshake: challenge", request{Method: "GET", Secrets: []string{"public:private"}, Query: "bt_challenge=20f9f8ed05f77439fe955c977e4c8a53"},
		answered(false, 200, nil, "public|"+hex.EncodeToString(mac.Sum(nil)))})
	add("braintree", recorded{"handshake refused: the challenge could be a payload", request{Method: "GET", Secrets: []string{"public:private"}, Query: "bt_challenge=PG5vdGlmaWNhdGlvbj4"}, refused("bad_challenge")})
}

// emptyBatches are probes and heartbeats: valid, and no event.
func emptyBatches(add adder) {
	for provider, body := range map[string]string{
		"line": `{"destination":"U","events":[]}`, "xero": `{"events":[],"firstEventSequence":0,"lastEventSequence":0,"entropy":"e"}`, "asana": `{"events":[]}`,
	} {
		s := spec{provider: provider, secret: "s"}
		add(provider, recorded{"valid: an empty list is a probe", s.request(s.sign(event{}, body, "s", start), start),
			map[string]any{"signature_valid": true, "event_type": nil, "dedupe_identity": nil, "events": []any{}}})
	}
}
