package providertest

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"sort"
	"strings"
	"time"
)

// signers holds one function a provider. Those with the signature in the body
// or with asymmetric keys are in the neighbouring files.
var signers = map[string]func(*signing) error{}

func init() {
	for name, sign := range map[string]func(s *signing){
		"stripe": func(s *signing) {
			s.header("Stripe-Signature", "t="+s.seconds()+",v1="+s.hex256(s.seconds(), ".", string(s.Body)))
		},
		"github": func(s *signing) {
			s.header("X-Hub-Signature-256", "sha256="+s.hex256(string(s.Body)))
			s.header("X-GitHub-Delivery", s.id)
			s.typeHeader("X-GitHub-Event")
		},
		"shopify": func(s *signing) {
			s.header("X-Shopify-Hmac-Sha256", s.base64256(string(s.Body)))
			s.header("X-Shopify-Webhook-Id", s.id)
			s.header("X-Shopify-API-Version", "2025-10")
			s.header("X-Shopify-Shop-Domain", "knocker-test.myshopify.com")
			s.typeHeader("X-Shopify-Topic")
		},
		"slack": func(s *signing) {
			s.header("X-Slack-Request-Timestamp", s.seconds())
			s.header("X-Slack-Signature", "v0="+s.hex256("v0:", s.seconds(), ":", string(s.Body)))
		},
		"paddle": func(s *signing) {
			s.header("Paddle-Signature", "ts="+s.seconds()+";h1="+s.hex256(s.seconds(), ":", string(s.Body)))
		},
		"lemon-squeezy": func(s *signing) {
			s.header("X-Signature", s.hex256(string(s.Body)))
			s.typeHeader("X-Event-Name")
		},
		"linear": func(s *signing) {
			s.header("Linear-Signature", s.hex256(string(s.Body)))
			s.header("Linear-Delivery", s.id)
			s.typeHeader("Linear-Event")
		},
		"meta": func(s *signing) { s.header("X-Hub-Signature-256", "sha256="+s.hex256(string(s.Body))) },
		"zendesk": func(s *signing) {
			stamp := s.at.UTC().Format(time.RFC3339)
			s.header("X-Zendesk-Webhook-Signature-Timestamp", stamp)
			s.header("X-Zendesk-Webhook-Signature", s.base64256(stamp, string(s.Body)))
			s.header("X-Zendesk-Webhook-Invocation-Id", s.id)
		},
		"intercom": func(s *signing) { s.header("X-Hub-Signature", "sha1="+s.hex1(string(s.Body))) },
		"bitbucket": func(s *signing) {
			s.header("X-Hub-Signature", "sha256="+s.hex256(string(s.Body)))
			s.header("X-Request-UUID", s.id)
			s.typeHeader("X-Event-Key")
		},
		"dropbox": func(s *signing) { s.header("X-Dropbox-Signature", s.hex256(string(s.Body))) },
		"box": func(s *signing) {
			stamp := s.at.UTC().Format(time.RFC3339)
			s.header("Box-Signature-Version", "1")
			s.header("Box-Signature-Algorithm", "HmacSHA256")
			s.header("Box-Delivery-Timestamp", stamp)
			s.header("Box-Delivery-Id", s.id)
			s.header("Box-Signature-Primary", s.base64256(string(s.Body), stamp))
		},
		"zoom": func(s *signing) {
			s.header("x-zm-request-timestamp", s.seconds())
			s.header("x-zm-signature", "v0="+s.hex256("v0:", s.seconds(), ":", string(s.Body)))
		},
		"typeform": func(s *signing) { s.header("Typeform-Signature", "sha256="+s.base64256(string(s.Body))) },
		"calendly": func(s *signing) {
			s.header("Calendly-Webhook-Signature", "t="+s.seconds()+",v1="+s.hex256(s.seconds(), ".", string(s.Body)))
		},
		"mux": func(s *signing) {
			s.header("Mux-Signature", "t="+s.seconds()+",v1="+s.hex256(s.seconds(), ".", string(s.Body)))
		},
		"workos": func(s *signing) {
			s.header("WorkOS-Signature", "t="+s.millis()+", v1="+s.hex256(s.millis(), ".", string(s.Body)))
		},
		"docusign": func(s *signing) { s.header("X-DocuSign-Signature-1", s.base64256(string(s.Body))) },
		"asana":    func(s *signing) { s.header("X-Hook-Signature", s.hex256(string(s.Body))) },
		"jira": func(s *signing) {
			s.header("X-Hub-Signature", "sha256="+s.hex256(string(s.Body)))
			s.header("X-Atlassian-Webhook-Identifier", s.id)
		},
		"pagerduty":         func(s *signing) { s.header("X-PagerDuty-Signature", "v1="+s.hex256(string(s.Body))) },
		"coinbase-commerce": func(s *signing) { s.header("X-CC-Webhook-Signature", s.hex256(string(s.Body))) },
		"vercel":            func(s *signing) { s.header("x-vercel-signature", s.hex1(string(s.Body))) },
		"sentry": func(s *signing) {
			s.header("Sentry-Hook-Signature", s.hex256(string(s.Body)))
			s.header("Sentry-Hook-Timestamp", s.seconds())
			s.header("Request-ID", s.id)
			s.typeHeader("Sentry-Hook-Resource")
		},
		"circleci": func(s *signing) {
			s.header("circleci-signature", "v1="+s.hex256(string(s.Body)))
			s.typeHeader("circleci-event-type")
		},
		"twitch": func(s *signing) {
			stamp := s.at.UTC().Format(time.RFC3339Nano)
			s.header("Twitch-Eventsub-Message-Id", s.id)
			s.header("Twitch-Eventsub-Message-Timestamp", stamp)
			s.header("Twitch-Eventsub-Message-Type", "notification")
			s.header("Twitch-Eventsub-Message-Signature", "sha256="+s.hex256(s.id, stamp, string(s.Body)))
			s.typeHeader("Twitch-Eventsub-Subscription-Type")
		},
		"x":        func(s *signing) { s.header("x-twitter-webhooks-signature", "sha256="+s.base64256(string(s.Body))) },
		"line":     func(s *signing) { s.header("x-line-signature", s.base64256(string(s.Body))) },
		"xero":     func(s *signing) { s.header("x-xero-signature", s.base64256(string(s.Body))) },
		"notion":   func(s *signing) { s.header("X-Notion-Signature", "sha256="+s.hex256(string(s.Body))) },
		"telegram": func(s *signing) { s.header("X-Telegram-Bot-Api-Secret-Token", s.secret) },
		"token-header": func(s *signing) {
			s.header(s.option("header", "X-Knocker-Token"), s.secret)
		},
		"bearer-token": func(s *signing) { s.header("Authorization", "Bearer "+s.secret) },
		"basic-auth":   basic,
		"postmark":     basic,
		"okta":         func(s *signing) { s.header(s.option("header", "Authorization"), s.secret) },
		"auth0":        func(s *signing) { s.header(s.option("header", "Authorization"), s.secret) },
	} {
		signers[name] = func(s *signing) error { sign(s); return nil }
	}
	signers["airtable"] = func(s *signing) error {
		key, err := base64.StdEncoding.DecodeString(s.secret)
		s.header("X-Airtable-Content-MAC", "hmac-sha256="+hex.EncodeToString(mac(sha256.New, key, string(s.Body))))
		return err
	}
	signers["hmac-sha256"] = signTemplate
	signers["square"] = needsURL(func(s *signing) { s.header("x-square-hmacsha256-signature", s.base64256(s.url, string(s.Body))) })
	signers["hubspot"] = needsURL(signHubSpot)
	signers["twilio"] = needsURL(signTwilio)
	signers["mandrill"] = needsURL(signMandrill)
	signers["contentful"] = signContentful
}

func basic(s *signing) {
	s.header("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(s.secret)))
}

func needsURL(sign func(*signing)) func(*signing) error {
	return func(s *signing) error {
		if s.url == "" {
			if s.url = s.option("url", ""); s.url == "" && s.option("version", "") != "v1" {
				return errors.New("the URL is signed: pass WithURL")
			}
			s.URL = s.url
		}
		sign(s)
		return nil
	}
}

// signTemplate signs as the options of hmac-sha256 say, for the templates of
// plain text, {timestamp}, {id} and {body}.
func signTemplate(s *signing) error {
	content := s.option("signed_content", "{body}")
	stamp := s.seconds()
	switch s.option("timestamp_unit", "s") {
	case "ms":
		stamp = s.millis()
	case "rfc3339":
		stamp = s.at.UTC().Format(time.RFC3339)
	}
	content = strings.NewReplacer("{timestamp}", stamp, "{id}", s.id, "{method}", s.method, "{url}", s.url, "{body}", string(s.Body)).Replace(content)
	digest := s.hex256(content)
	if s.option("encoding", "hex") == "base64" {
		digest = s.base64256(content)
	}
	value := s.option("prefix", "") + digest
	if key := s.option("signature_key", ""); key != "" {
		value = key + "=" + digest
		if timeKey := s.option("timestamp_key", ""); timeKey != "" {
			value = timeKey + "=" + stamp + s.option("separator", ",") + value
		}
	}
	s.header(s.option("header", "X-Signature"), value)
	for name, text := range map[string]string{"timestamp_header": stamp, "id_header": s.id, "event_id_header": s.id, "event_type_header": s.eventType} {
		if header := s.option(name, ""); header != "" {
			s.header(header, text)
		}
	}
	return nil
}

func signHubSpot(s *signing) {
	version := s.option("version", "v3")
	plain := func(parts ...string) string {
		sum := sha256.Sum256([]byte(strings.Join(parts, "")))
		return hex.EncodeToString(sum[:])
	}
	switch version {
	case "v1":
		s.header("X-HubSpot-Signature", plain(s.secret, string(s.Body)))
		s.header("X-HubSpot-Signature-Version", "v1")
	case "v2":
		s.header("X-HubSpot-Signature", plain(s.secret, s.method, s.url, string(s.Body)))
		s.header("X-HubSpot-Signature-Version", "v2")
	default:
		decoded := s.url
		for code, plain := range map[string]string{"%3A": ":", "%2F": "/", "%3F": "?", "%40": "@", "%21": "!", "%24": "$", "%27": "'", "%28": "(", "%29": ")", "%2A": "*", "%2C": ",", "%3B": ";"} {
			decoded = strings.ReplaceAll(decoded, code, plain)
		}
		s.header("X-HubSpot-Request-Timestamp", s.millis())
		s.header("X-HubSpot-Signature-v3", s.base64256(s.method, decoded, string(s.Body), s.millis()))
	}
}

// sortedForm is the concatenation of a form's names and values by name.
func sortedForm(body string) string {
	values, err := url.ParseQuery(body)
	if err != nil {
		return ""
	}
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	sort.Strings(names)
	var out strings.Builder
	for _, name := range names {
		distinct := map[string]bool{}
		sort.Strings(values[name])
		for _, value := range values[name] {
			if !distinct[value] {
				out.WriteString(name + value)
			}
			distinct[value] = true
		}
	}
	return out.String()
}

func signTwilio(s *signing) {
	s.header("I-Twilio-Idempotency-Token", s.id)
	form := len(s.Body) > 0 && s.Body[0] != '{' && s.Body[0] != '['
	if !form && len(s.Body) > 0 {
		sum := sha256.Sum256(s.Body)
		joint := "?"
		if strings.Contains(s.url, "?") {
			joint = "&"
		}
		s.URL = s.url + joint + "bodySHA256=" + hex.EncodeToString(sum[:])
		s.header("X-Twilio-Signature", s.base641(s.URL))
		return
	}
	s.header("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
	s.header("X-Twilio-Signature", s.base641(s.url, sortedForm(string(s.Body))))
}

func signMandrill(s *signing) {
	s.header("Content-Type", "application/x-www-form-urlencoded")
	s.header("X-Mandrill-Signature", s.base641(s.url, sortedForm(string(s.Body))))
}

func signContentful(s *signing) error {
	path := s.option("path", "")
	if path == "" {
		parsed, err := url.Parse(s.url)
		if err != nil || parsed.Path == "" || parsed.RawQuery != "" {
			return fmt.Errorf("the path is signed: pass the option path, or WithURL without a query")
		}
		path = parsed.Path
	}
	s.typeHeader("X-Contentful-Topic")
	s.header("X-Contentful-Idempotency-Key", s.id)
	s.header("X-Contentful-Timestamp", s.millis())
	names := "x-contentful-signed-headers,x-contentful-timestamp"
	lines := []string{"x-contentful-signed-headers:" + names, "x-contentful-timestamp:" + s.millis()}
	if s.eventType != "" {
		names += ",x-contentful-topic"
		lines = []string{"x-contentful-signed-headers:" + names, lines[1], "x-contentful-topic:" + s.eventType}
	}
	s.header("X-Contentful-Signed-Headers", names)
	s.header("X-Contentful-Signature", s.hex256(s.method, "\n", path, "\n", strings.Join(lines, ";"), "\n", string(s.Body)))
	return nil
}
