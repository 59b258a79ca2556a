package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/PagerDuty/go-pagerduty/webhookv3"
	"github.com/google/go-github/v74/github"
	"github.com/line/line-bot-sdk-go/v8/linebot/webhook"
	"github.com/sendgrid/sendgrid-go/helpers/eventwebhook"
	"github.com/slack-go/slack"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	stripe "github.com/stripe/stripe-go/v83/webhook"
	svix "github.com/svix/svix-webhooks/go"
	twilio "github.com/twilio/twilio-go/client"

	"github.com/knocker-dev/knocker/core/providertest"
)

const (
	standardSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	// sendGridKey is made for this benchmark and protects nothing.
	sendGridKey = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgUrmyZsMnG1sAfa7w1yGnetDmuU+DQ9gwF5VbJAobGvyhRANCAASnm3X4Ex0CFxpgwROFQO9JHwPad6jgmchGAH5iT3d+HhKy95A4jpChLMQAL/teEvv567l30eW7XNjHSN5e8CKS"
)

var errRefused = fmt.Errorf("refused")

func pairs() []pair {
	return []pair{
		{"stripe", "stripe-go v83 ValidatePayload", "whsec_benchmark", payload(), "", func(p pair, signed providertest.Request) func() error {
			return func() error {
				return stripe.ValidatePayload(signed.Body, signed.Headers["Stripe-Signature"], p.secret)
			}
		}},
		{"github", "go-github v74 ValidateSignature", "gh-benchmark", payload(), "", func(p pair, signed providertest.Request) func() error {
			secret := []byte(p.secret)
			return func() error {
				return github.ValidateSignature(signed.Headers["X-Hub-Signature-256"], signed.Body, secret)
			}
		}},
		{"slack", "slack-go SecretsVerifier", "slack-benchmark", payload(), "", func(p pair, signed providertest.Request) func() error {
			h := header(signed)
			return func() error {
				verifier, err := slack.NewSecretsVerifier(h, p.secret)
				if err != nil {
					return err
				}
				if _, err := verifier.Write(signed.Body); err != nil {
					return err
				}
				return verifier.Ensure()
			}
		}},
		{"twilio", "twilio-go RequestValidator", "0123456789abcdef0123456789abcdef", twilioForm, "https://hooks.example.test/in/twilio", officialTwilio},
		{"svix", "svix Webhook.Verify", standardSecret, payload(), "", func(p pair, signed providertest.Request) func() error {
			w, err := svix.NewWebhook(p.secret)
			check(err)
			h := header(signed)
			return func() error { return w.Verify(signed.Body, h) }
		}},
		{"standard-webhooks", "standard-webhooks Webhook.Verify", standardSecret, payload(), "", func(p pair, signed providertest.Request) func() error {
			w, err := standardwebhooks.NewWebhook(p.secret)
			check(err)
			h := header(signed)
			return func() error { return w.Verify(signed.Body, h) }
		}},
		{"sendgrid", "sendgrid-go eventwebhook", sendGridKey, "[" + payload() + "]\r\n", "", officialSendGrid},
		{"pagerduty", "go-pagerduty webhookv3", "pd-benchmark", payload(), "", func(p pair, signed providertest.Request) func() error {
			h := header(signed)
			return func() error {
				return webhookv3.VerifySignature(&http.Request{Header: h, Body: io.NopCloser(bytes.NewReader(signed.Body))}, p.secret)
			}
		}},
		{"line", "line-bot-sdk-go v8 ParseRequest", "line-benchmark", lineBody(), "", func(p pair, signed providertest.Request) func() error {
			h := header(signed)
			return func() error {
				_, err := webhook.ParseRequest(p.secret, &http.Request{Header: h, Body: io.NopCloser(bytes.NewReader(signed.Body))})
				return err
			}
		}},
	}
}

// lineBody is a list of events, which both sides take apart.
func lineBody() string {
	event := `{"type":"message","mode":"active","timestamp":1767225600000,"source":{"type":"user","userId":"U1"},"webhookEventId":"01FZ74A0TDDPYRVKNK77XKC3ZR","deliveryContext":{"isRedelivery":false},"replyToken":"r","message":{"type":"text","id":"1","quoteToken":"q","text":"lorem ipsum dolor sit amet"}}`
	return `{"destination":"U8e742f61d673b39c7fff3cecb7536ef0","events":[` + event + "," + event + "," + event + "," + event + `]}`
}

const twilioForm = "AccountSid=AC0123456789&ApiVersion=2010-04-01&CallSid=CA0123456789&CallStatus=ringing&Called=%2B18005551212&Caller=%2B14158675309&Direction=inbound&From=%2B14158675309&FromCity=SAN+FRANCISCO&FromState=CA&To=%2B18005551212"

// officialTwilio parses the form for each request, as a receiver has to.
func officialTwilio(p pair, signed providertest.Request) func() error {
	validator := twilio.NewRequestValidator(p.secret)
	return func() error {
		values, err := url.ParseQuery(string(signed.Body))
		if err != nil {
			return err
		}
		parameters := make(map[string]string, len(values))
		for name := range values {
			parameters[name] = values.Get(name)
		}
		if !validator.Validate(p.url, parameters, signed.Headers["X-Twilio-Signature"]) {
			return errRefused
		}
		return nil
	}
}

func officialSendGrid(p pair, signed providertest.Request) func() error {
	public, err := providertest.PublicSecret("sendgrid", p.secret)
	check(err)
	key, err := eventwebhook.ConvertPublicKeyBase64ToECDSA(public)
	check(err)
	return func() error {
		ok, err := eventwebhook.VerifySignature(key, signed.Body,
			signed.Headers["X-Twilio-Email-Event-Webhook-Signature"], signed.Headers["X-Twilio-Email-Event-Webhook-Timestamp"])
		if err == nil && !ok {
			err = errRefused
		}
		return err
	}
}
