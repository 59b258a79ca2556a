package provider

import "github.com/tidwall/gjson"

// Microsoft Graph repeats the subscription's clientState in every item and
// signs nothing. A POST with validationToken in the query is echoed. Source:
// Microsoft's "Receive change notifications through webhooks".
func init() {
	register(Definition{
		Name: "microsoft-graph", Title: "Microsoft Graph", Aliases: []string{"msgraph", "ms-graph"},
		Signature:      "none; clientState of every item",
		Secret:         "clientState of the subscription",
		Identity:       "none",
		EventType:      "body:value[].changeType, or lifecycleEvent",
		Batch:          true,
		Handshake:      "POST with validationToken in the query",
		SuccessStatus:  202,
		CredentialBody: []string{"value[].clientState"},
		Docs:           "https://learn.microsoft.com/graph/change-notifications-delivery-webhooks",
		Notes:          []string{"No id of an event: resource names the object. Encrypted resource data is passed on as it is."},
		build:          func(s *Settings) (Verifier, error) { return &graphVerifier{s.Secrets}, nil },
	})
}

type graphVerifier struct{ secrets []Secret }

func (v *graphVerifier) Redact() (headers, query []string) { return nil, nil }

func (v *graphVerifier) Verify(r *Request) Verdict {
	if token, ok := r.queryValue("validationToken"); ok && len(r.Body) == 0 {
		return unsignedHandshake(answer(200, "text/plain", token))
	}
	b := newBatch(r.Body)
	list := b.root(r.Body).Get("value")
	mask := secretSpans(r.Body, v.secrets)
	var reason Reason
	if list.Exists() && (!strictJSON(r.Body) || !distinctKeys(b.root(r.Body))) {
		reason = MalformedBody
	}
	b.each(list, func(item gjson.Result) {
		state := item.Get("clientState")
		if state.Exists() {
			mask = append(mask, b.inner(state.Raw))
		}
		if reason == "" && !distinctKeys(item) {
			reason = MalformedBody
		}
		if reason == "" {
			reason = matchCredential(v.secrets, text(state), r)
		}
		kind := text(item.Get("changeType"))
		if kind == "" {
			kind = text(item.Get("lifecycleEvent"))
		}
		b.add(item, kind, "", "none")
	})
	if reason == "" && len(b.items) == 0 {
		reason = BadCredentials // nothing in an empty list says who sent it
	}
	if reason != "" {
		refusal := refuse(reason)
		refusal.Mask = mask
		return refusal
	}
	verdict := accept()
	b.into(&verdict)
	verdict.Mask = mask
	return verdict
}
