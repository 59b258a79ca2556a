package main

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/knocker-dev/knocker/capi/abi"
	"github.com/knocker-dev/knocker/core"
)

// What sign makes is what receive accepts, without an inbox for the signing.
func TestSignedRequestsAreAccepted(t *testing.T) {
	db := openShop(t)
	for _, c := range []struct{ name, provider, secret, more string }{
		{"a header", "stripe", "whsec_test", ``},
		{"an id and a type in headers", "github", "s", `"event_id":"d-1","event_type":"push"`},
		{"a base64 key", "standard-webhooks", "whsec_" + base64.StdEncoding.EncodeToString([]byte("0123456789abcdef01234567")), ``},
		{"a signature in the body", "mailgun", "key", ``},
		{"the URL, which gains a parameter", "twilio", "token", `"url":"https://example.com/hooks?a=1"`},
		{"options", "token-header", "secret", `"provider_options":{"header":"X-Own"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			request := `{"provider":"` + c.provider + `","secret":"` + c.secret + `","body":"{\"id\":\"evt_1\"}"`
			if c.more != "" {
				request += "," + c.more
			}
			signed := answer[struct {
				Method, URL, Query string
				Headers            map[string]string
				Body               string `json:"body_base64"`
			}](t, mustCall(t, 0, "sign", request+"}"), nil)
			var same struct {
				URL             string         `json:"url"`
				ProviderOptions map[string]any `json:"provider_options"`
			}
			if err := json.Unmarshal([]byte("{"+c.more+"}"), &same); err != nil {
				t.Fatal(err)
			}
			endpoint, _ := json.Marshal(map[string]any{"name": c.provider, "provider": c.provider, "secrets": []string{c.secret},
				"provider_options": same.ProviderOptions, "url": same.URL})
			mustCall(t, db, "add_endpoint", string(endpoint))
			body, err := base64.StdEncoding.DecodeString(signed.Body)
			if err != nil {
				t.Fatal(err)
			}
			incoming, _ := json.Marshal(map[string]any{"endpoint": c.provider, "method": signed.Method, "headers": signed.Headers,
				"url": signed.URL, "query": signed.Query, "timeout_ms": 60000})
			reply, err := received(nil, db, text(string(incoming)), text(string(body)))
			if got := answer[abi.ReceiveReply](t, reply, err); got.StatusCode/100 != 2 || got.EventID == 0 {
				t.Errorf("%s of %s", reply, incoming)
			}
		})
	}
}

// The same request is signed for the moment that is asked for.
func TestSignTakesItsTime(t *testing.T) {
	reply := string(mustCall(t, 0, "sign", `{"provider":"stripe","secret":"s","body_base64":"e30=","at":1700000000}`))
	if !strings.Contains(reply, "t=1700000000,") {
		t.Error(reply)
	}
}

func TestSignRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		request string
		code    core.Code
	}{
		"an unknown provider":   {`{"provider":"strpe","secret":"s"}`, core.CodeUnknownProvider},
		"two secrets":           {`{"provider":"stripe","secret":"s","secrets":["s"]}`, core.CodeInvalidArgument},
		"an empty secret":       {`{"provider":"stripe","secret":""}`, core.CodeInvalidSecret},
		"two bodies":            {`{"provider":"stripe","secret":"s","body":"","body_base64":""}`, core.CodeInvalidArgument},
		"a body not in base64":  {`{"provider":"stripe","secret":"s","body_base64":"?"}`, core.CodeInvalidArgument},
		"a URL that is missing": {`{"provider":"twilio","secret":"s"}`, core.CodeInvalidArgument},
		"an unknown field":      {`{"provider":"stripe","secert":"s"}`, core.CodeInvalidArgument},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := callMethod(nil, 0, "sign", text(c.request))
			if code := asError(err).Code; code != c.code {
				t.Errorf("%s: %v", code, err)
			}
		})
	}
}

// Every provider can be listed and signed for without an inbox.
func TestProvidersAreListed(t *testing.T) {
	list := answer[abi.ProvidersReply](t, mustCall(t, 0, "providers", ""), nil).Providers
	if len(list) < 60 {
		t.Errorf("%d providers", len(list))
	}
	for _, p := range list {
		if !p.Signs {
			t.Errorf("sign does not know %s", p.Name)
		}
	}
	if _, err := callMethod(nil, 0, "stats", text("")); core.CodeOf(err) != core.CodeClosed {
		t.Errorf("stats without an inbox: %v", err)
	}
}
