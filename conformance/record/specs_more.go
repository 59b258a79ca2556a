package main

// hmacSpecs are the senders with one digest of the body in a header.
func hmacSpecs() []spec {
	one := func(provider, header, source string, events ...event) spec {
		return spec{provider: provider, secret: provider + "-recorded", wrong: provider + "-other", source: source, header: header, events: events}
	}
	notion := one("notion", "X-Notion-Signature", "body:id",
		event{body: `{"id":"n-1","type":"page.created","entity":{"id":"p-1"},"attempt_number":1}`, want: expectation{kind: "page.created", identity: "n-1"}},
		event{body: `{"id":"n-2","type":"page.content_updated","entity":{"id":"p-1"},"attempt_number":1}`, want: expectation{kind: "page.content_updated", identity: "n-2"}},
		event{body: `{"id":"n-3","type":"page.content_updated","entity":{"id":"p-1"},"attempt_number":1}`, want: expectation{kind: "page.content_updated", identity: "n-3"}})
	notion.retry = count(`"attempt_number":1`, digit(`"attempt_number":`, 0, ""))
	coinbase := one("coinbase-commerce", "X-CC-Webhook-Signature", "body:event.id",
		event{body: `{"id":"d-1","attempt_number":1,"event":{"id":"c-1","type":"charge:created","data":{"id":"ch-1"}}}`, want: expectation{kind: "charge:created", identity: "c-1"}},
		event{body: `{"id":"d-2","attempt_number":1,"event":{"id":"c-2","type":"charge:confirmed","data":{"id":"ch-1"}}}`, want: expectation{kind: "charge:confirmed", identity: "c-2"}},
		event{body: `{"id":"d-3","attempt_number":1,"event":{"id":"c-3","type":"charge:confirmed","data":{"id":"ch-1"}}}`, want: expectation{kind: "charge:confirmed", identity: "c-3"}})
	coinbase.retry = count(`"id":"d-1","attempt_number":1`, digit(`"id":"d-r","attempt_number":`, 0, ""))
	docusign := one("docusign", "X-DocuSign-Signature-1", "composite data.envelopeId + event + generatedDateTime",
		event{body: `{"event":"envelope-sent","retryCount":0,"generatedDateTime":"2026-01-01T00:00:00Z","data":{"envelopeId":"e-1"}}`, want: expectation{kind: "envelope-sent", identity: "e-1:envelope-sent:2026-01-01T00:00:00Z"}},
		event{body: `{"event":"envelope-completed","retryCount":0,"generatedDateTime":"2026-01-01T00:00:00Z","data":{"envelopeId":"e-1"}}`, want: expectation{kind: "envelope-completed", identity: "e-1:envelope-completed:2026-01-01T00:00:00Z"}},
		event{body: `{"event":"envelope-completed","retryCount":0,"generatedDateTime":"2026-01-01T00:00:09Z","data":{"envelopeId":"e-1"}}`, want: expectation{kind: "envelope-completed", identity: "e-1:envelope-completed:2026-01-01T00:00:09Z"}})
	docusign.retry = count(`"retryCount":0`, digit(`"retryCount":`, -1, ""))
	airtable := one("airtable", "X-Airtable-Content-MAC", "none",
		event{body: `{"base":{"id":"app1"},"webhook":{"id":"ach1"},"timestamp":"2026-01-01T00:00:00Z"}`},
		event{body: `{"base":{"id":"app1"},"webhook":{"id":"ach1"},"timestamp":"2026-01-01T00:00:01Z"}`},
		event{body: `{"base":{"id":"app1"},"webhook":{"id":"ach1"},"timestamp":"2026-01-01T00:00:02Z"}`})
	airtable.secret, airtable.wrong = "cmVjb3JkZWQ=", "b3RoZXI="
	square := one("square", "x-square-hmacsha256-signature", "body:event_id",
		event{body: `{"type":"payment.created","event_id":"s-1","data":{"id":"pay-1"}}`, want: expectation{kind: "payment.created", identity: "s-1"}},
		event{body: `{"type":"payment.updated","event_id":"s-2","data":{"id":"pay-1"}}`, want: expectation{kind: "payment.updated", identity: "s-2"}},
		event{body: `{"type":"payment.updated","event_id":"s-3","data":{"id":"pay-1"}}`, want: expectation{kind: "payment.updated", identity: "s-3"}})
	square.url = "https://hooks.example.test/in/square"
	return []spec{notion, coinbase, docusign, airtable, square,
		one("bitbucket", "X-Hub-Signature", "header:X-Request-UUID",
			event{id: "bb-1", kind: "repo:push", body: `{"push":{}}`, want: expectation{kind: "repo:push", identity: "bb-1"}},
			event{id: "bb-2", kind: "repo:push", body: `{"push":{}}`, want: expectation{kind: "repo:push", identity: "bb-2"}},
			event{id: "bb-3", kind: "pullrequest:created", body: `{"pullrequest":{"id":1}}`, want: expectation{kind: "pullrequest:created", identity: "bb-3"}}),
		one("dropbox", "X-Dropbox-Signature", "none",
			event{body: `{"list_folder":{"accounts":["dbid:1"]}}`, want: expectation{kind: "list_folder"}},
			event{body: `{"list_folder":{"accounts":["dbid:1"]}}`, want: expectation{kind: "list_folder"}},
			event{body: `{"list_folder":{"accounts":["dbid:2"]}}`, want: expectation{kind: "list_folder"}}),
		one("typeform", "Typeform-Signature", "body:event_id",
			event{body: `{"event_id":"t-1","event_type":"form_response","form_response":{"token":"r-1"}}`, want: expectation{kind: "form_response", identity: "t-1"}},
			event{body: `{"event_id":"t-2","event_type":"form_response_partial","form_response":{"token":"r-1"}}`, want: expectation{kind: "form_response_partial", identity: "t-2"}},
			event{body: `{"event_id":"t-3","event_type":"form_response","form_response":{"token":"r-1"}}`, want: expectation{kind: "form_response", identity: "t-3"}}),
		one("jira", "X-Hub-Signature", "header:X-Atlassian-Webhook-Identifier",
			event{id: "j-1", body: `{"webhookEvent":"jira:issue_created","issue":{"id":"1"}}`, want: expectation{kind: "jira:issue_created", identity: "j-1"}},
			event{id: "j-2", body: `{"webhookEvent":"jira:issue_updated","issue":{"id":"1"}}`, want: expectation{kind: "jira:issue_updated", identity: "j-2"}},
			event{id: "j-3", body: `{"webhookEvent":"jira:issue_updated","issue":{"id":"1"}}`, want: expectation{kind: "jira:issue_updated", identity: "j-3"}}),
		one("pagerduty", "X-PagerDuty-Signature", "body:event.id",
			event{body: `{"event":{"id":"pd-1","event_type":"incident.triggered","data":{"id":"P1"}}}`, want: expectation{kind: "incident.triggered", identity: "pd-1"}},
			event{body: `{"event":{"id":"pd-2","event_type":"incident.resolved","data":{"id":"P1"}}}`, want: expectation{kind: "incident.resolved", identity: "pd-2"}},
			event{body: `{"event":{"id":"pd-3","event_type":"incident.reopened","data":{"id":"P1"}}}`, want: expectation{kind: "incident.reopened", identity: "pd-3"}}),
		one("vercel", "x-vercel-signature", "body:id",
			event{body: `{"id":"v-1","type":"deployment.created","payload":{"deployment":{"id":"d"}}}`, want: expectation{kind: "deployment.created", identity: "v-1"}},
			event{body: `{"id":"v-2","type":"deployment.succeeded","payload":{"deployment":{"id":"d"}}}`, want: expectation{kind: "deployment.succeeded", identity: "v-2"}},
			event{body: `{"id":"v-3","type":"deployment.succeeded","payload":{"deployment":{"id":"d"}}}`, want: expectation{kind: "deployment.succeeded", identity: "v-3"}}),
		one("sentry", "Sentry-Hook-Signature", "header:Request-ID",
			event{id: "se-1", kind: "issue", body: `{"action":"created","data":{"issue":{"id":"1"}}}`, want: expectation{kind: "issue.created", identity: "se-1"}},
			event{id: "se-2", kind: "issue", body: `{"action":"resolved","data":{"issue":{"id":"1"}}}`, want: expectation{kind: "issue.resolved", identity: "se-2"}},
			event{id: "se-3", kind: "installation", body: `{"action":"created","data":{}}`, want: expectation{kind: "installation.created", identity: "se-3"}}),
		one("circleci", "circleci-signature", "body:id",
			event{kind: "workflow-completed", body: `{"id":"ci-1","type":"workflow-completed","webhook":{"id":"w"}}`, want: expectation{kind: "workflow-completed", identity: "ci-1"}},
			event{kind: "job-completed", body: `{"id":"ci-2","type":"job-completed","webhook":{"id":"w"}}`, want: expectation{kind: "job-completed", identity: "ci-2"}},
			event{kind: "job-completed", body: `{"id":"ci-3","type":"job-completed","webhook":{"id":"w"}}`, want: expectation{kind: "job-completed", identity: "ci-3"}}),
		one("x", "x-twitter-webhooks-signature", "none",
			event{body: `{"for_user_id":"1","tweet_create_events":[{"id_str":"9"}]}`, want: expectation{kind: "tweet_create_events"}},
			event{body: `{"for_user_id":"1","user_has_blocked":"false","favorite_events":[{"id":"f"}]}`, want: expectation{kind: "favorite_events"}},
			event{body: `{"for_user_id":"1","direct_message_events":[{"id":"d"}],"users":{}}`, want: expectation{kind: "direct_message_events"}}),
	}
}

// timedSpecs sign a time beside the body.
func timedSpecs() []spec {
	one := func(provider, header, source string, past, future int, events ...event) spec {
		return spec{provider: provider, secret: provider + "-recorded", wrong: provider + "-other", source: source, header: header, fresh: true, past: past, future: future, events: events}
	}
	box := one("box", "Box-Signature-Primary", "body:id", 600, -1,
		event{id: "bd-1", body: `{"id":"bx-1","trigger":"FILE.UPLOADED","source":{"id":"f"}}`, want: expectation{kind: "FILE.UPLOADED", identity: "bx-1"}},
		event{id: "bd-2", body: `{"id":"bx-2","trigger":"FILE.DOWNLOADED","source":{"id":"f"}}`, want: expectation{kind: "FILE.DOWNLOADED", identity: "bx-2"}},
		event{id: "bd-3", body: `{"id":"bx-3","trigger":"FILE.DOWNLOADED","source":{"id":"f"}}`, want: expectation{kind: "FILE.DOWNLOADED", identity: "bx-3"}})
	box.signed, box.options = "Box-Delivery-Timestamp", map[string]any{"tolerance_s": 600, "future_tolerance_s": 0}
	zoom := one("zoom", "x-zm-signature", "body_hash", 0, 0,
		event{body: `{"event":"meeting.started","event_ts":1,"payload":{"object":{"id":"m"}}}`, want: expectation{kind: "meeting.started", identity: hash}},
		event{body: `{"event":"meeting.ended","event_ts":2,"payload":{"object":{"id":"m"}}}`, want: expectation{kind: "meeting.ended", identity: hash}},
		event{body: `{"event":"meeting.started","event_ts":3,"payload":{"object":{"id":"m"}}}`, want: expectation{kind: "meeting.started", identity: hash}})
	zoom.signed = "x-zm-request-timestamp"
	twitch := one("twitch", "Twitch-Eventsub-Message-Signature", "header:Twitch-Eventsub-Message-Id", 600, 0,
		event{id: "tw-1", kind: "channel.follow", body: `{"subscription":{"id":"s","type":"channel.follow"},"event":{"user_id":"1"}}`, want: expectation{kind: "channel.follow", identity: "tw-1"}},
		event{id: "tw-2", kind: "channel.follow", body: `{"subscription":{"id":"s","type":"channel.follow"},"event":{"user_id":"1"}}`, want: expectation{kind: "channel.follow", identity: "tw-2"}},
		event{id: "tw-3", kind: "stream.online", body: `{"subscription":{"id":"t","type":"stream.online"},"event":{"id":"1"}}`, want: expectation{kind: "stream.online", identity: "tw-3"}})
	twitch.signed = "Twitch-Eventsub-Message-Id"
	contentful := one("contentful", "X-Contentful-Signature", "header:X-Contentful-Idempotency-Key", 29, 0,
		event{id: "cf-1", kind: "ContentManagement.Entry.publish", body: `{"sys":{"id":"e1"}}`, want: expectation{kind: "ContentManagement.Entry.publish", identity: "cf-1"}},
		event{id: "cf-2", kind: "ContentManagement.Entry.unpublish", body: `{"sys":{"id":"e1"}}`, want: expectation{kind: "ContentManagement.Entry.unpublish", identity: "cf-2"}},
		event{id: "cf-3", kind: "ContentManagement.Entry.publish", body: `{"sys":{"id":"e1"}}`, want: expectation{kind: "ContentManagement.Entry.publish", identity: "cf-3"}})
	contentful.secret, contentful.wrong = "r123456789012345678901234567890123456789012345678901234567890123", "w123456789012345678901234567890123456789012345678901234567890123"
	contentful.options, contentful.signed = map[string]any{"path": "/in/contentful", "tolerance_s": 30}, "X-Contentful-Topic"
	mux := one("mux", "Mux-Signature", "body:id", 300, 0,
		event{body: `{"type":"video.asset.created","id":"mx-1","data":{"id":"a"},"attempts":[]}`, want: expectation{kind: "video.asset.created", identity: "mx-1"}},
		event{body: `{"type":"video.asset.ready","id":"mx-2","data":{"id":"a"},"attempts":[]}`, want: expectation{kind: "video.asset.ready", identity: "mx-2"}},
		event{body: `{"type":"video.asset.ready","id":"mx-3","data":{"id":"a"},"attempts":[]}`, want: expectation{kind: "video.asset.ready", identity: "mx-3"}})
	mux.retry = count(`"attempts":[]`, digit(`"attempts":[`, 0, "]"))
	return []spec{box, zoom, twitch, contentful, mux,
		one("calendly", "Calendly-Webhook-Signature", "body_hash", 300, 0,
			event{body: `{"event":"invitee.created","created_at":"2026-01-01T00:00:00Z","payload":{"uri":"i"}}`, want: expectation{kind: "invitee.created", identity: hash}},
			event{body: `{"event":"invitee.canceled","created_at":"2026-01-01T00:00:09Z","payload":{"uri":"i"}}`, want: expectation{kind: "invitee.canceled", identity: hash}},
			event{body: `{"event":"invitee.created","created_at":"2026-01-01T00:00:10Z","payload":{"uri":"i"}}`, want: expectation{kind: "invitee.created", identity: hash}}),
		one("workos", "WorkOS-Signature", "body:id", 180, 0,
			event{body: `{"id":"wo-1","event":"dsync.user.created","data":{"id":"u"}}`, want: expectation{kind: "dsync.user.created", identity: "wo-1"}},
			event{body: `{"id":"wo-2","event":"dsync.user.updated","data":{"id":"u"}}`, want: expectation{kind: "dsync.user.updated", identity: "wo-2"}},
			event{body: `{"id":"wo-3","event":"dsync.user.updated","data":{"id":"u"}}`, want: expectation{kind: "dsync.user.updated", identity: "wo-3"}}),
	}
}

// listSpecs are the remaining senders of batches.
func listSpecs() []spec {
	return []spec{
		{provider: "line", secret: "line-recorded", wrong: "line-other", source: "body:events[].webhookEventId", header: "x-line-signature",
			regrouped: []string{`{"destination":"U","events":[{"type":"unsend","webhookEventId":"l-2","deliveryContext":{"isRedelivery":true}}]}`, `{"destination":"U","events":[{"type":"message","webhookEventId":"l-1","deliveryContext":{"isRedelivery":true}}]}`},
			events: []event{
				{body: `{"destination":"U","events":[{"type":"message","webhookEventId":"l-1","deliveryContext":{"isRedelivery":false},"message":{"id":"m"}},{"type":"unsend","webhookEventId":"l-2","deliveryContext":{"isRedelivery":false},"unsend":{"messageId":"m"}}]}`, want: expectation{items: [][2]string{{"message", "l-1"}, {"unsend", "l-2"}}}},
				{body: `{"destination":"U","events":[{"type":"message","webhookEventId":"l-3","message":{"id":"m"}}]}`, want: expectation{items: [][2]string{{"message", "l-3"}}}},
				{body: `{"destination":"U","events":[{"type":"follow","webhookEventId":"l-4"}]}`, want: expectation{items: [][2]string{{"follow", "l-4"}}}},
			}, retry: count(`"isRedelivery":false`, func(int) string { return `"isRedelivery":true` })},
		{provider: "xero", secret: "xero-recorded", wrong: "xero-other", source: "none", header: "x-xero-signature",
			regrouped: []string{`{"events":[{"resourceId":"r","tenantId":"t","eventCategory":"CONTACT","eventType":"UPDATE","eventDateUtc":"2"}],"entropy":"z"}`},
			events: []event{
				{body: `{"events":[{"resourceId":"r","tenantId":"t","eventCategory":"CONTACT","eventType":"UPDATE","eventDateUtc":"1"},{"resourceId":"r","tenantId":"t","eventCategory":"CONTACT","eventType":"UPDATE","eventDateUtc":"2"}],"entropy":"a"}`,
					want: expectation{items: [][2]string{{"CONTACT.UPDATE", "t:CONTACT:UPDATE:r:1"}, {"CONTACT.UPDATE", "t:CONTACT:UPDATE:r:2"}}}},
				{body: `{"events":[{"resourceId":"r","tenantId":"t","eventCategory":"INVOICE","eventType":"CREATE","eventDateUtc":"1"}],"entropy":"b"}`,
					want: expectation{items: [][2]string{{"INVOICE.CREATE", "t:INVOICE:CREATE:r:1"}}}},
				{body: `{"events":[{"resourceId":"r","tenantId":"t","eventCategory":"CONTACT","eventType":"UPDATE","eventDateUtc":"3"}],"entropy":"c"}`,
					want: expectation{items: [][2]string{{"CONTACT.UPDATE", "t:CONTACT:UPDATE:r:3"}}}},
			}, retry: count(`"entropy":"a"`, digit(`"entropy":"r`, 0, `"`))},
		{provider: "asana", secret: "asana-recorded", wrong: "asana-other", source: "none", header: "X-Hook-Signature",
			events: []event{
				{body: `{"events":[{"action":"changed","resource":{"gid":"1","resource_type":"task"}},{"action":"added","resource":{"gid":"1","resource_type":"task"}}]}`, want: expectation{items: [][2]string{{"task.changed", ""}, {"task.added", ""}}}},
				{body: `{"events":[{"action":"changed","resource":{"gid":"1","resource_type":"task"}}]}`, want: expectation{items: [][2]string{{"task.changed", ""}}}},
				{body: `{"events":[{"action":"deleted","resource":{"gid":"1","resource_type":"task"}}]}`, want: expectation{items: [][2]string{{"task.deleted", ""}}}},
			}},
		{provider: "mandrill", secret: "mandrill-recorded", wrong: "mandrill-other", url: "https://hooks.example.test/in/mandrill", source: "composite _id + event + ts", header: "X-Mandrill-Signature",
			regrouped: []string{"mandrill_events=%5B%7B%22event%22%3A%22open%22%2C%22_id%22%3A%22m%22%2C%22ts%22%3A2%7D%5D"},
			events: []event{
				{body: "mandrill_events=%5B%7B%22event%22%3A%22send%22%2C%22_id%22%3A%22m%22%2C%22ts%22%3A1%7D%2C+%7B%22event%22%3A%22open%22%2C%22_id%22%3A%22m%22%2C%22ts%22%3A2%7D%5D", want: expectation{items: [][2]string{{"send", "m:send:1"}, {"open", "m:open:2"}}}},
				{body: "mandrill_events=%5B%7B%22event%22%3A%22open%22%2C%22_id%22%3A%22m%22%2C%22ts%22%3A3%7D%5D", want: expectation{items: [][2]string{{"open", "m:open:3"}}}},
				{body: "mandrill_events=%5B%7B%22event%22%3A%22click%22%2C%22_id%22%3A%22m%22%2C%22ts%22%3A3%7D%5D", want: expectation{items: [][2]string{{"click", "m:click:3"}}}},
			}},
	}
}
