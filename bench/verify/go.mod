module github.com/knocker-dev/knocker/bench/verify

go 1.24

require (
	github.com/PagerDuty/go-pagerduty v1.8.0
	github.com/google/go-github/v74 v74.0.0
	github.com/knocker-dev/knocker/core v0.0.0
	github.com/line/line-bot-sdk-go/v8 v8.14.0
	github.com/sendgrid/sendgrid-go v3.16.1+incompatible
	github.com/slack-go/slack v0.17.3
	github.com/standard-webhooks/standard-webhooks/libraries v0.0.1
	github.com/stripe/stripe-go/v83 v83.2.1
	github.com/svix/svix-webhooks v1.44.0
	github.com/twilio/twilio-go v1.28.8
)

require (
	github.com/golang/mock v1.6.0 // indirect
	github.com/google/go-querystring v1.1.0 // indirect
	github.com/gorilla/websocket v1.5.3 // indirect
	github.com/pkg/errors v0.9.1 // indirect
	github.com/tidwall/gjson v1.20.1 // indirect
	github.com/tidwall/match v1.1.1 // indirect
	github.com/tidwall/pretty v1.2.0 // indirect
	gopkg.in/validator.v2 v2.0.1 // indirect
)

replace github.com/knocker-dev/knocker/core => ../../core
