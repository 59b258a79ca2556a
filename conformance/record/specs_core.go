package main

import "strings"

func coreSpecs() []spec {
	return []spec{
		{provider: "stripe", secret: "whsec_recordedSecret01", wrong: "whsec_recordedSecret02", source: "body:id", header: "Stripe-Signature", fresh: true, past: 300,
			events: []event{
				{body: `{"id":"evt_1","object":"event","type":"invoice.paid","data":{"object":{"id":"in_7","customer":"cus_1"}},"request":{"idempotency_key":"k1"}}`, want: expectation{kind: "invoice.paid", identity: "evt_1"}},
				{body: `{"id":"evt_2","object":"event","type":"invoice.updated","data":{"object":{"id":"in_7","customer":"cus_1"}},"request":{"idempotency_key":"k1"}}`, want: expectation{kind: "invoice.updated", identity: "evt_2"}},
				{body: `{"id":"evt_3","object":"v2.core.event","type":"v1.invoice.updated","snapshot_event":"evt_2","related_object":{"id":"in_7"}}`, want: expectation{kind: "v1.invoice.updated", identity: "evt_3"}},
			}},
		{provider: "github", secret: "gh secret with spaces", wrong: "gh-other", source: "header:X-GitHub-Delivery", header: "X-Hub-Signature-256",
			events: []event{
				{id: "0a1b-1", kind: "issues", body: `{"action":"opened","issue":{"id":1,"title":"naïve"}}`, want: expectation{kind: "issues", identity: "0a1b-1"}},
				{id: "0a1b-2", kind: "issues", body: `{"action":"closed","issue":{"id":1,"title":"naïve"}}`, want: expectation{kind: "issues", identity: "0a1b-2"}},
				{id: "0a1b-3", kind: "issue_comment", body: `payload=%7B%22action%22%3A%22created%22%2C%22issue%22%3A%7B%22id%22%3A1%7D%7D`, want: expectation{kind: "issue_comment", identity: "0a1b-3"}},
			}},
		{provider: "shopify", secret: "shpss_recorded", wrong: "shpss_other", source: "header:X-Shopify-Webhook-Id", header: "X-Shopify-Hmac-Sha256",
			events: []event{
				{id: "wh-1", kind: "orders/create", body: `{"id":820982911946154508,"note":"ü\/❤"}`, want: expectation{kind: "orders/create", identity: "wh-1"}},
				{id: "wh-2", kind: "orders/paid", body: `{"id":820982911946154508,"note":"ü\/❤"}`, want: expectation{kind: "orders/paid", identity: "wh-2"}},
				{id: "wh-3", kind: "orders/updated", body: `{"id":820982911946154508,"note":""}`, want: expectation{kind: "orders/updated", identity: "wh-3"}},
			}},
		{provider: "slack", secret: "8f742231b10e8888abcd99yyyzzz85a5", wrong: "0f742231b10e8888abcd99yyyzzz85a5", source: "body:event_id", header: "X-Slack-Signature", signed: "X-Slack-Request-Timestamp", fresh: true, past: 300, future: 300,
			events: []event{
				{body: `{"type":"event_callback","team_id":"T1","event_id":"Ev1","event":{"type":"message","client_msg_id":"m-1","ts":"1.1"}}`, want: expectation{kind: "message", identity: "Ev1"}},
				{body: `{"type":"event_callback","team_id":"T1","event_id":"Ev2","event":{"type":"message","subtype":"message_changed","client_msg_id":"m-1","ts":"1.1"}}`, want: expectation{kind: "message", identity: "Ev2"}},
				{body: `{"type":"event_callback","team_id":"T1","event_id":"Ev3","event":{"type":"reaction_added","item":{"ts":"1.1"}}}`, want: expectation{kind: "reaction_added", identity: "Ev3"}},
			}},
		{provider: "paddle", secret: "pdl_ntfset_recorded_1", wrong: "pdl_ntfset_recorded_2", options: map[string]any{"tolerance_s": 5}, source: "body:event_id", header: "Paddle-Signature", fresh: true, past: 5,
			events: []event{
				{body: `{"event_id":"evt_01a","event_type":"transaction.billed","notification_id":"ntf_01a","data":{"id":"txn_1"}}`, want: expectation{kind: "transaction.billed", identity: "evt_01a"}},
				{body: `{"event_id":"evt_01b","event_type":"transaction.paid","notification_id":"ntf_01b","data":{"id":"txn_1"}}`, want: expectation{kind: "transaction.paid", identity: "evt_01b"}},
				{body: `{"event_id":"evt_01c","event_type":"transaction.completed","notification_id":"ntf_01c","data":{"id":"txn_1"}}`, want: expectation{kind: "transaction.completed", identity: "evt_01c"}},
			}, retry: count("ntf_01a", digit("ntf_01r", 0, ""))},
		{provider: "lemon-squeezy", secret: "lemon-recorded", wrong: "lemon-other", source: "body_hash", header: "X-Signature",
			events: []event{
				{kind: "order_created", body: `{"meta":{"event_name":"order_created"},"data":{"type":"orders","id":"1","attributes":{"updated_at":"2026-01-01T00:00:00Z"}}}`, want: expectation{kind: "order_created", identity: hash}},
				{kind: "order_refunded", body: `{"meta":{"event_name":"order_refunded"},"data":{"type":"orders","id":"1","attributes":{"updated_at":"2026-01-01T00:00:05Z"}}}`, want: expectation{kind: "order_refunded", identity: hash}},
				{kind: "order_created", body: `{"meta":{"event_name":"order_created"},"data":{"type":"orders","id":"2","attributes":{"updated_at":"2026-01-01T00:00:05Z"}}}`, want: expectation{kind: "order_created", identity: hash}},
			}},
		{provider: "twilio", secret: "0123456789abcdef0123456789abcdef", wrong: "1123456789abcdef0123456789abcdef", url: "https://hooks.example.test/in/twilio?a=1", source: "header:I-Twilio-Idempotency-Token", header: "X-Twilio-Signature",
			events: []event{
				{id: "tok-1", body: "CallSid=CA1&CallStatus=ringing&From=%2B1415&To=%2B1800&Tag=b&Tag=a&Tag=b", want: expectation{kind: "ringing", identity: "tok-1"}},
				{id: "tok-2", body: "CallSid=CA1&CallStatus=completed&From=%2B1415&To=%2B1800&SequenceNumber=2", want: expectation{kind: "completed", identity: "tok-2"}},
				{id: "tok-3", body: "MessageSid=SM1&MessageStatus=delivered&Body=", want: expectation{kind: "delivered", identity: "tok-3"}},
			}},
		{provider: "sendgrid", secret: sendGridKey, wrong: sendGridOther, source: "body:[].sg_event_id", header: "X-Twilio-Email-Event-Webhook-Signature", signed: "X-Twilio-Email-Event-Webhook-Timestamp",
			regrouped: []string{`[{"event":"open","sg_event_id":"sg-2","sg_message_id":"m-1"}]`, `[{"event":"open","sg_event_id":"sg-2","sg_message_id":"m-1"},{"event":"delivered","sg_event_id":"sg-1","sg_message_id":"m-1"}]`},
			events: []event{
				{body: "[{\"event\":\"delivered\",\"sg_event_id\":\"sg-1\",\"sg_message_id\":\"m-1\"},\r\n{\"event\":\"open\",\"sg_event_id\":\"sg-2\",\"sg_message_id\":\"m-1\"}]\r\n", want: expectation{items: [][2]string{{"delivered", "sg-1"}, {"open", "sg-2"}}}},
				{body: "[{\"event\":\"click\",\"sg_event_id\":\"sg-3\",\"sg_message_id\":\"m-1\"}]\r\n", want: expectation{kind: "click", identity: "sg-3", items: [][2]string{{"click", "sg-3"}}}},
				{body: "[{\"event\":\"open\",\"sg_event_id\":\"sg-4\",\"sg_message_id\":\"m-1\"}]\r\n", want: expectation{kind: "open", identity: "sg-4", items: [][2]string{{"open", "sg-4"}}}},
			}},
		{provider: "linear", secret: "lin_wh_recorded0000000001", wrong: "lin_wh_recorded0000000002", source: "header:Linear-Delivery", header: "Linear-Signature", fresh: true, past: 60, future: 60,
			events: []event{
				{id: "lin-1", kind: "Issue", body: `{"action":"create","type":"Issue","data":{"id":"i-1"},"webhookTimestamp":1767225600000,"webhookId":"w-1"}`, want: expectation{kind: "Issue", identity: "lin-1"}},
				{id: "lin-2", kind: "Issue", body: `{"action":"update","type":"Issue","data":{"id":"i-1"},"webhookTimestamp":1767225600000,"webhookId":"w-1"}`, want: expectation{kind: "Issue", identity: "lin-2"}},
				{id: "lin-3", kind: "Comment", body: `{"action":"create","type":"Comment","data":{"id":"c-1","issueId":"i-1"},"webhookTimestamp":1767225600000,"webhookId":"w-1"}`, want: expectation{kind: "Comment", identity: "lin-3"}},
			}, retry: func(body string, attempt int) string {
				return strings.Replace(body, "1767225600000", map[int]string{2: "1767225660000", 3: "1767229200000"}[attempt], 1)
			}},
		{provider: "meta", secret: "0123456789abcdef0123456789abcdef", wrong: "1123456789abcdef0123456789abcdef", source: "per item", header: "X-Hub-Signature-256",
			regrouped: []string{`{"object":"whatsapp_business_account","entry":[{"id":"acc","changes":[{"field":"messages","value":{"statuses":[{"id":"wamid.2","status":"sent"}]}}]}]}`,
				`{"object":"whatsapp_business_account","entry":[{"id":"acc2","changes":[{"field":"messages","value":{"messages":[{"id":"wamid.9","type":"text"}],"statuses":[{"id":"wamid.1","status":"sent"}]}}]}]}`},
			events: []event{
				{body: `{"object":"whatsapp_business_account","entry":[{"id":"acc","changes":[{"field":"messages","value":{"statuses":[{"id":"wamid.1","status":"sent"},{"id":"wamid.2","status":"sent"}]}}]},{"id":"acc2","changes":[{"field":"messages","value":{"messages":[{"id":"wamid.9","type":"text","text":{"body":"caf\u00e9"}}]}}]}]}`,
					want: expectation{kind: "whatsapp_business_account.messages", items: [][2]string{{"statuses.sent", "wamid.1:sent"}, {"statuses.sent", "wamid.2:sent"}, {"messages.text", "wamid.9"}}}},
				{body: `{"object":"whatsapp_business_account","entry":[{"id":"acc","changes":[{"field":"messages","value":{"statuses":[{"id":"wamid.1","status":"delivered"}]}}]}]}`,
					want: expectation{kind: "whatsapp_business_account.messages", items: [][2]string{{"statuses.delivered", "wamid.1:delivered"}}}},
				{body: `{"object":"page","entry":[{"id":"acc","time":1,"changes":[{"field":"feed","value":{"item":"status"}}]}]}`,
					want: expectation{kind: "page.feed", items: [][2]string{{"feed", ""}}}},
			}},
		{provider: "discord", secret: strings.Repeat("1f", 32), wrong: strings.Repeat("2e", 32), options: map[string]any{"mode": "webhook_events"}, source: "body_hash", header: "X-Signature-Ed25519", signed: "X-Signature-Timestamp", fresh: true,
			events: []event{
				{body: `{"version":1,"application_id":"1","type":1,"event":{"type":"ENTITLEMENT_CREATE","timestamp":"2026-01-01T00:00:00","data":{"id":"9"}}}`, want: expectation{kind: "ENTITLEMENT_CREATE", identity: hash}},
				{body: `{"version":1,"application_id":"1","type":1,"event":{"type":"ENTITLEMENT_CREATE","timestamp":"2026-01-01T00:00:01","data":{"id":"9"}}}`, want: expectation{kind: "ENTITLEMENT_CREATE", identity: hash}},
				{body: `{"version":1,"application_id":"1","type":1,"event":{"type":"ENTITLEMENT_DELETE","timestamp":"2026-01-01T00:00:01","data":{"id":"9"}}}`, want: expectation{kind: "ENTITLEMENT_DELETE", identity: hash}},
			}},
		{provider: "zendesk", secret: "cmVjb3JkZWQ=", wrong: "b3RoZXI=", source: "header:X-Zendesk-Webhook-Invocation-Id", header: "X-Zendesk-Webhook-Signature", signed: "X-Zendesk-Webhook-Signature-Timestamp", fresh: true,
			events: []event{
				{id: "inv-1", body: `{"id":"u-1","type":"zen:event-type:ticket.created","subject":"zen:ticket:5","detail":{"id":"5"}}`, want: expectation{kind: "zen:event-type:ticket.created", identity: "inv-1"}},
				{id: "inv-2", body: `{"id":"u-2","type":"zen:event-type:ticket.status_changed","subject":"zen:ticket:5","detail":{"id":"5"}}`, want: expectation{kind: "zen:event-type:ticket.status_changed", identity: "inv-2"}},
				{id: "inv-3", body: `{"ticket_id":"5"}`, want: expectation{identity: "inv-3"}},
			}},
		{provider: "intercom", secret: "intercom-recorded", wrong: "intercom-other", source: "body:id", header: "X-Hub-Signature",
			events: []event{
				{body: `{"type":"notification_event","id":"notif_1","topic":"conversation.user.created","delivery_attempts":1,"data":{"item":{"id":"7"}}}`, want: expectation{kind: "conversation.user.created", identity: "notif_1"}},
				{body: `{"type":"notification_event","id":"notif_2","topic":"conversation.user.replied","delivery_attempts":1,"data":{"item":{"id":"7"}}}`, want: expectation{kind: "conversation.user.replied", identity: "notif_2"}},
				{body: `{"type":"notification_event","id":"notif_3","topic":"conversation.user.replied","delivery_attempts":1,"data":{"item":{"id":"7"}}}`, want: expectation{kind: "conversation.user.replied", identity: "notif_3"}},
			}, retry: count(`"delivery_attempts":1`, digit(`"delivery_attempts":`, 0, ""))},
		{provider: "hubspot", secret: "hubspot-client-secret", wrong: "hubspot-other-secret", options: map[string]any{"version": "v3"}, url: "https://hooks.example.test/in/hubspot?a=%2Fb%20c", source: "composite of body fields", header: "X-HubSpot-Signature-v3", signed: "X-HubSpot-Request-Timestamp", fresh: true, past: 300,
			events: []event{
				{body: `[{"eventId":1,"subscriptionId":2,"portalId":3,"occurredAt":4,"subscriptionType":"contact.creation","attemptNumber":0,"objectId":5,"appId":6},{"eventId":1,"subscriptionId":2,"portalId":3,"occurredAt":5,"subscriptionType":"contact.creation","attemptNumber":0,"objectId":7,"appId":6}]`,
					want: expectation{items: [][2]string{{"contact.creation", "3:6:2:1:5:4"}, {"contact.creation", "3:6:2:1:7:5"}}}},
				{body: `[{"eventId":9,"subscriptionId":2,"portalId":3,"occurredAt":8,"subscriptionType":"contact.deletion","attemptNumber":0,"objectId":5,"appId":6}]`,
					want: expectation{kind: "contact.deletion", identity: "3:6:2:9:5:8", items: [][2]string{{"contact.deletion", "3:6:2:9:5:8"}}}},
				{body: `[{"eventId":9,"subscriptionId":4,"portalId":3,"occurredAt":8,"subscriptionType":"contact.propertyChange","propertyName":"email","attemptNumber":0,"objectId":5,"appId":6}]`,
					want: expectation{kind: "contact.propertyChange", identity: "3:6:4:9:5:8:email", items: [][2]string{{"contact.propertyChange", "3:6:4:9:5:8:email"}}}},
			}, regrouped: []string{`[{"eventId":1,"subscriptionId":2,"portalId":3,"occurredAt":5,"subscriptionType":"contact.creation","attemptNumber":1,"objectId":7,"appId":6}]`,
				`[{"appId":6,"eventId":1,"subscriptionId":2,"portalId":3,"occurredAt":4,"subscriptionType":"contact.creation","attemptNumber":2,"objectId":5}]`},
			retry: func(body string, attempt int) string {
				return strings.ReplaceAll(body, `"attemptNumber":0`, digit(`"attemptNumber":`, -1, "")(attempt))
			}},
		{provider: "hmac-sha256", secret: "generic-recorded", wrong: "generic-other", options: map[string]any{"header": "X-Acme-Signature", "signed_content": "{id}.{timestamp}.{body}", "signature_key": "v1", "timestamp_key": "t", "id_header": "X-Acme-Id", "event_id_header": "X-Acme-Id", "event_type_path": "kind"},
			source: "header:X-Acme-Id", header: "X-Acme-Signature", signed: "X-Acme-Id", fresh: true, past: 300, future: 300,
			events: []event{
				{id: "a-1", body: `{"id":"obj","kind":"made"}`, want: expectation{kind: "made", identity: "a-1"}},
				{id: "a-2", body: `{"id":"obj","kind":"changed"}`, want: expectation{kind: "changed", identity: "a-2"}},
				{id: "a-3", body: `{"id":"obj","kind":"changed"}`, want: expectation{kind: "changed", identity: "a-3"}},
			}},
	}
}
