package provider

import (
	"bytes"

	"github.com/tidwall/gjson"
)

// Auth0 sends log entries with a configured header. Source: Auth0's "Custom log
// streams using webhooks".
func init() {
	register(Definition{
		Name: "auth0", Title: "Auth0 log streams",
		Options:           []Option{credentialHeaderOption},
		Headers:           []string{"Authorization"},
		Signature:         "none; the header equals the token",
		Secret:            "the whole value of the header, with \"Bearer\" where one is sent",
		Identity:          "body:[].log_id",
		EventType:         "body:[].data.type",
		Batch:             true,
		CredentialHeaders: []string{"Authorization"},
		Docs:              "https://auth0.com/docs/customize/log-streams/custom-log-streams",
		Notes:             []string{"The body is an array, JSON lines or an object, as the stream is set."},
		build:             buildCredentialList(describeAuth0),
	})
}

var credentialHeaderOption = Option{Name: "header", Type: Text, Default: "Authorization",
	Doc: "Header that carries the credential."}

func buildCredentialList(describe func(*Request, *Verdict)) func(*Settings) (Verifier, error) {
	return func(s *Settings) (Verifier, error) {
		header, err := headerOption(s, "header")
		if err != nil {
			return nil, err
		}
		return &tokenVerifier{header, s.Secrets, describe}, nil
	}
}

func describeAuth0(r *Request, v *Verdict) {
	b := newBatch(r.Body)
	add := func(entry gjson.Result) {
		if entry.IsObject() {
			b.add(entry, text(entry.Get("data.type")), text(entry.Get("log_id")), "body:[].log_id")
		}
	}
	switch jsonKind(r.Body) {
	case '[':
		b.each(b.root(r.Body), add)
	case '{':
		b.eachLine(r.Body, add)
	default:
		if len(bytes.TrimSpace(r.Body)) > 0 {
			return
		}
	}
	b.into(v)
}

// eachLine calls add for every line of JSON lines; one object that spans
// several lines is one entry.
func (b *batch) eachLine(body []byte, add func(gjson.Result)) {
	if whole := b.root(body); strictJSON(body) {
		add(whole)
		return
	}
	for rest := b.whole; rest != "" && !b.full; {
		line := rest
		if end := bytes.IndexByte(body[len(b.whole)-len(rest):], '\n'); end >= 0 {
			line, rest = rest[:end], rest[end+1:]
		} else {
			rest = ""
		}
		add(gjson.Parse(line))
	}
}
