package provider

import (
	"errors"
	"net/url"
	"slices"
	"sort"
	"strings"
	"time"
)

// Contentful signs a canonical request: method, path, the headers that it
// lists, and body. The library refuses at an age of 30 s or more, which leaves
// no room for a slow link and a clock that is off, so 300 s are the default
// here. Source: @contentful/node-apps-toolkit 3.16.1, verify-request.
func init() {
	register(Definition{
		Name: "contentful", Title: "Contentful",
		Options: []Option{{Name: "path", Type: Text,
			Doc: "Path (and query) of the route as Contentful requests it. Defaults to that of url."}},
		Headers:           []string{"X-Contentful-Signature", "X-Contentful-Signed-Headers", "X-Contentful-Timestamp", "X-Contentful-Topic", "X-Contentful-Idempotency-Key"},
		Signature:         "HMAC-SHA256, hex, over method, path, signed headers and body joined by line breaks",
		Secret:            "signing secret, exactly 64 characters",
		Tolerance:         &Tolerance{PastS: 300, FutureS: Unchecked},
		ProviderTolerance: &Tolerance{PastS: 30, FutureS: Unchecked},
		Identity:          "header:X-Contentful-Idempotency-Key",
		EventType:         "header:X-Contentful-Topic",
		NeedsURL:          true,
		Docs:              "https://www.contentful.com/developers/docs/webhooks/request-verification/",
		Notes:             []string{"Only the listed headers are signed; the idempotency key may not be among them. sys.id names the entry."},
		key: func(secret []byte) error {
			if len(secret) != 64 {
				return errors.New("has not exactly 64 characters")
			}
			return nil
		},
		build: buildContentful,
	})
}

const (
	contentfulSigned = "x-contentful-signed-headers"
	contentfulTime   = "x-contentful-timestamp"
	contentfulID     = "x-contentful-idempotency-key"
)

func buildContentful(s *Settings) (Verifier, error) {
	path := s.Text("path")
	if path == "" && s.Text("url") == "" {
		return nil, invalidArgument("provider contentful signs the path of the route: set path or url")
	}
	if path != "" && !strings.HasPrefix(path, "/") {
		return nil, invalidArgument("option path of provider contentful must begin with /")
	}
	configured := s.Text("url")
	inner, err := hmacScheme{
		header: "x-contentful-signature", algo: useSHA256, timeHeader: contentfulTime, unit: milliseconds,
		require: []string{contentfulSigned},
		sign: func(r *Request, _ string) message {
			target := path
			if target == "" || r.URL != "" && r.URL != configured {
				target = pathOf(publicURL(r, configured))
			}
			return message{prefix: contentfulCanonical(r, target), body: r.Body}
		},
	}.configure(s, describeContentful)
	if err != nil {
		return nil, err
	}
	if inner.clock.past > 0 {
		inner.clock.past -= time.Millisecond // exactly the tolerance is too old, as in the library
	}
	return inner, nil
}

// pathOf is path and query of a URL, undecoded.
func pathOf(address string) string {
	p, ok := splitURL(address)
	if !ok || !strings.HasPrefix(p.rest, "/") {
		return "/" + p.rest
	}
	return p.rest
}

func contentfulList(r *Request) []string {
	names := strings.Split(r.anyHeader(contentfulSigned), ",")
	for i := range names {
		names[i] = strings.ToLower(strings.TrimSpace(names[i]))
	}
	for _, always := range []string{contentfulSigned, contentfulTime} {
		if !slices.Contains(names, always) {
			names = append(names, always)
		}
	}
	sort.Strings(names)
	return slices.Compact(names)
}

// contentfulCanonical is everything before the body. A listed header that is
// not there is left out, so that its removal changes the list and is noticed.
func contentfulCanonical(r *Request, path string) []byte {
	var present []string
	for _, name := range contentfulList(r) {
		if r.anyHeader(name) != "" {
			present = append(present, name)
		}
	}
	var out strings.Builder
	out.WriteString(strings.ToUpper(r.Method) + "\n" + contentfulPath(path) + "\n")
	for i, name := range present {
		if i > 0 {
			out.WriteByte(';')
		}
		value := strings.TrimSpace(r.anyHeader(name))
		if name == contentfulSigned {
			value = strings.Join(present, ",")
		}
		out.WriteString(name + ":" + value)
	}
	out.WriteByte('\n')
	return []byte(out.String())
}

// contentfulPath encodes the path as the library does: the query is escaped as
// one component and then, with the path, a second time.
func contentfulPath(path string) string {
	path, query, _ := strings.Cut(path, "?")
	if before, _, more := strings.Cut(query, "?"); more {
		query = before
	}
	if query != "" {
		path += "?" + strings.NewReplacer("+", "%20", "%21", "!", "%27", "'", "%28", "(", "%29", ")", "%2A", "*").Replace(url.QueryEscape(query))
	}
	return percentEncode(path, "\"%<>[\\]^`{|}")
}

func describeContentful(r *Request, v *Verdict) {
	v.EventType = r.anyHeader("x-contentful-topic")
	v.ProviderDeliveryID = r.anyHeader(contentfulID)
	v.setIdentity(v.ProviderDeliveryID, "header:X-Contentful-Idempotency-Key", slices.Contains(contentfulList(r), contentfulID))
}
