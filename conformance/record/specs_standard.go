package main

// standardSpecs are the senders that follow Standard Webhooks.
func standardSpecs() []spec {
	make3 := func(provider, secret, wrong, prefix string, options map[string]any, bodies [3][2]string) spec {
		s := spec{provider: provider, secret: secret, wrong: wrong, options: options, source: "header:" + prefix + "id",
			header: prefix + "signature", signed: prefix + "id", fresh: true, past: 300, future: 300}
		for i, body := range bodies {
			id := "msg_" + string(rune('1'+i))
			s.events = append(s.events, event{id: id, body: body[0], want: expectation{kind: body[1], identity: id}})
		}
		return s
	}
	const key, other = "whsec_cmVjb3JkZWQgc2VjcmV0IG9mIHRoaXJ0eSB0d28gYiE=", "whsec_YW5vdGhlciBzZWNyZXQgb2YgdGhpcnR5IHR3byBiISE="
	users := [3][2]string{
		{`{"type":"user.created","data":{"id":"user_1","first_name":"Zoë"}}`, "user.created"},
		{`{"type":"user.updated","data":{"id":"user_1","first_name":"Zoë"}}`, "user.updated"},
		{`{"type":"user.updated","data":{"id":"user_1","first_name":"Zoë"}}`, "user.updated"},
	}
	mails := [3][2]string{
		{`{"type":"email.sent","data":{"email_id":"e-1"}}`, "email.sent"},
		{`{"type":"email.delivered","data":{"email_id":"e-1"}}`, "email.delivered"},
		{`{"type":"email.opened","data":{"email_id":"e-1"}}`, "email.opened"},
	}
	responses := [3][2]string{
		{`{"id":"evt_1","type":"response.completed","data":{"id":"resp_1"}}`, "response.completed"},
		{`{"id":"evt_2","type":"response.failed","data":{"id":"resp_1"}}`, "response.failed"},
		{`{"id":"evt_3","type":"response.completed","data":{"id":"resp_1"}}`, "response.completed"},
	}
	hooks := [3][2]string{
		{`{"user":{"id":"1"},"email_data":{"token":"1"}}`, ""},
		{`{"user":{"id":"1"},"email_data":{"token":"2"}}`, ""},
		{`{"user":{"id":"1"},"email_data":{"token":"2"}}`, ""},
	}
	gitlab := make3("gitlab", key, other, "webhook-", map[string]any{"mode": "signing_token"}, [3][2]string{
		{`{"object_kind":"issue","object_attributes":{"id":1}}`, "Issue Hook"},
		{`{"object_kind":"issue","object_attributes":{"id":1,"state":"closed"}}`, "Issue Hook"},
		{`{"object_kind":"note","object_attributes":{"id":1}}`, "Note Hook"},
	})
	for i := range gitlab.events {
		gitlab.events[i].kind = gitlab.events[i].want.kind
	}
	return []spec{
		make3("standard-webhooks", key, other, "webhook-", nil, users),
		make3("svix", key, other, "svix-", nil, users),
		make3("clerk", key, other, "svix-", nil, users),
		make3("resend", key, other, "svix-", nil, mails),
		make3("openai", key, other, "webhook-", nil, responses),
		make3("supabase", "v1,"+key, "v1,"+other, "webhook-", nil, hooks),
		make3("render", key, other, "webhook-", nil, [3][2]string{
			{`{"type":"deploy_started","data":{"id":"dep_1"}}`, "deploy_started"},
			{`{"type":"deploy_ended","data":{"id":"dep_1"}}`, "deploy_ended"},
			{`{"type":"deploy_ended","data":{"id":"dep_2"}}`, "deploy_ended"},
		}),
		gitlab,
	}
}

// credentialSpecs are the senders that send the secret itself.
func credentialSpecs() []spec {
	bodies := func(source string, events ...event) spec {
		return spec{source: source, credential: true, events: events}
	}
	plain := func(provider, secret, wrong, header string, options map[string]any) spec {
		s := bodies("none",
			event{body: `{"type":"made","id":"obj"}`, want: expectation{kind: "made"}},
			event{body: `{"type":"changed","id":"obj"}`, want: expectation{kind: "changed"}},
			event{body: `{"type":7,"id":"obj"}`})
		s.provider, s.secret, s.wrong, s.header, s.options = provider, secret, wrong, header, options
		return s
	}
	postmark := bodies("body:RecordType+ID",
		event{body: `{"RecordType":"Bounce","ID":9223372036854775807,"MessageID":"m-1"}`, want: expectation{kind: "Bounce", identity: "Bounce:9223372036854775807"}},
		event{body: `{"RecordType":"Bounce","ID":9223372036854775806,"MessageID":"m-1"}`, want: expectation{kind: "Bounce", identity: "Bounce:9223372036854775806"}},
		event{body: `{"RecordType":"SpamComplaint","ID":9223372036854775807,"MessageID":"m-1"}`, want: expectation{kind: "SpamComplaint", identity: "SpamComplaint:9223372036854775807"}})
	postmark.provider, postmark.secret, postmark.wrong, postmark.header = "postmark", "postmark:pä:ss", "postmark:no", "Authorization"
	telegram := bodies("body:update_id",
		event{body: `{"update_id":10001,"message":{"message_id":1,"chat":{"id":5}}}`, want: expectation{kind: "message", identity: "10001"}},
		event{body: `{"update_id":10002,"edited_message":{"message_id":1,"chat":{"id":5}}}`, want: expectation{kind: "edited_message", identity: "10002"}},
		event{body: `{"callback_query":{"id":"1"},"update_id":10003}`, want: expectation{kind: "callback_query", identity: "10003"}})
	telegram.provider, telegram.secret, telegram.wrong, telegram.header = "telegram", "tg_Recorded-1", "tg_Recorded-2", "X-Telegram-Bot-Api-Secret-Token"
	okta := bodies("body:data.events[].uuid",
		event{body: `{"eventType":"com.okta.event_hook","eventId":"x","data":{"events":[{"uuid":"u-1","eventType":"user.session.start"},{"uuid":"u-2","eventType":"user.session.end"}]}}`,
			want: expectation{kind: "com.okta.event_hook", items: [][2]string{{"user.session.start", "u-1"}, {"user.session.end", "u-2"}}}},
		event{body: `{"eventType":"com.okta.event_hook","eventId":"y","data":{"events":[{"uuid":"u-3","eventType":"user.session.end"}]}}`,
			want: expectation{kind: "com.okta.event_hook", items: [][2]string{{"user.session.end", "u-3"}}}},
		event{body: `{"eventType":"com.okta.event_hook","eventId":"z","data":{"events":[{"uuid":"u-4","eventType":"user.session.end"}]}}`,
			want: expectation{kind: "com.okta.event_hook", items: [][2]string{{"user.session.end", "u-4"}}}})
	okta.regrouped = []string{`{"eventType":"com.okta.event_hook","eventId":"w","data":{"events":[{"uuid":"u-2","eventType":"user.session.end"}]}}`}
	okta.provider, okta.secret, okta.wrong, okta.header, okta.options = "okta", "okta-recorded", "okta-other", "X-Okta-Key", map[string]any{"header": "X-Okta-Key"}
	auth0 := bodies("body:[].log_id",
		event{body: "{\"log_id\":\"1\",\"data\":{\"type\":\"s\"}}\n{\"log_id\":\"2\",\"data\":{\"type\":\"f\"}}\n", want: expectation{items: [][2]string{{"s", "1"}, {"f", "2"}}}},
		event{body: `[{"log_id":"3","data":{"type":"s"}}]`, want: expectation{items: [][2]string{{"s", "3"}}}},
		event{body: `{"log_id":"4","data":{"type":"s"}}`, want: expectation{items: [][2]string{{"s", "4"}}}})
	auth0.regrouped = []string{`[{"log_id":"2","data":{"type":"f"}},{"log_id":"1","data":{"type":"s"}}]`}
	auth0.provider, auth0.secret, auth0.wrong, auth0.header = "auth0", "Bearer recorded", "Bearer other", "Authorization"
	gitlab := bodies("header:Idempotency-Key",
		event{id: "gl-1", kind: "Push Hook", body: `{"object_kind":"push"}`, want: expectation{kind: "Push Hook", identity: "gl-1"}},
		event{id: "gl-2", kind: "Push Hook", body: `{"object_kind":"push"}`, want: expectation{kind: "Push Hook", identity: "gl-2"}},
		event{id: "gl-3", kind: "Tag Push Hook", body: `{"object_kind":"tag_push"}`, want: expectation{kind: "Tag Push Hook", identity: "gl-3"}})
	gitlab.provider, gitlab.secret, gitlab.wrong, gitlab.header = "gitlab", "gl-recorded", "gl-other", "X-Gitlab-Token"
	return []spec{
		plain("token-header", "recorded-token", "recorded-other", "X-Knocker-Token", nil),
		plain("basic-auth", "hook:re:corded", "hook:other", "Authorization", nil),
		plain("bearer-token", "tok_recorded", "tok_other", "Authorization", nil),
		postmark, telegram, okta, auth0, gitlab,
	}
}
