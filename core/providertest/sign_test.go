package providertest

import (
	"strings"
	"testing"
	"time"
)

// A signer that is used wrongly must say so, not sign something else.
func TestSignRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		provider, secret, body string
		says                   string
	}{
		"unknown":     {"nobody", "s", "{}", "no signer"},
		"in the body": {"mailgun", "s", "{}", "use SignRequest"},
		"no URL":      {"twilio", "s", "a=b", "WithURL"},
		"not base64":  {"svix", "whsec_!", "{}", "base64"},
		"not a seed":  {"discord", "zz", "{}", "seed"},
		"not a key":   {"sendgrid", "AAAA", "[]", "private key"},
		"not PEM":     {"paypal", "x", "{}", "PEM"},
		"no object":   {"figma", "s", "[]", "not a JSON object"},
		"no pair":     {"braintree", "s", "<x/>", "publicKey:privateKey"},
	} {
		_, err := Sign(test.provider, test.secret, []byte(test.body), time.Unix(1767225600, 0))
		if err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
