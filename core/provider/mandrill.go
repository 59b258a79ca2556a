package provider

import (
	"bytes"
	"unsafe"

	"github.com/tidwall/gjson"
)

// Mandrill signs the URL, exactly as configured, followed by the sorted form
// parameters. The events are a JSON list inside a form field, so an item's
// slice of the body is form-encoded JSON. A HEAD request probes the URL.
// Source: Mandrill's "Authenticating webhook requests".
func init() {
	register(Definition{
		Name: "mandrill", Title: "Mandrill (Mailchimp Transactional)",
		Headers:        []string{"X-Mandrill-Signature"},
		Signature:      "HMAC-SHA1, base64, over URL + sorted form parameters",
		Secret:         "authentication key of the webhook, as text",
		Identity:       "body:mandrill_events[]._id+event+ts",
		IdentitySigned: true,
		EventType:      "body:mandrill_events[].event",
		Batch:          true,
		Handshake:      "HEAD request",
		NeedsURL:       true,
		SuccessStatus:  200,
		Docs:           "https://mailchimp.com/developer/transactional/guides/track-respond-activity-webhooks/",
		Notes: []string{
			"_id names the message. An event's body is form-encoded JSON, exactly as it was sent: decode + and %XX first.",
			"The dashboard's test request is signed with the key test-webhook, which is never accepted.",
		},
		build: buildMandrill,
	})
}

type mandrillVerifier struct {
	keys []*macKey
	url  string
}

func buildMandrill(s *Settings) (Verifier, error) {
	if s.Text("url") == "" {
		return nil, errMissingURL(s)
	}
	keys, err := macKeys(s.Secrets, useSHA1, nil)
	if err != nil {
		return nil, err
	}
	return probedVerifier{&mandrillVerifier{keys, s.Text("url")}}, nil
}

func (v *mandrillVerifier) Redact() (headers, query []string) { return nil, nil }

func (v *mandrillVerifier) Verify(r *Request) Verdict {
	const header = "x-mandrill-signature"
	given, reason := r.header(header)
	if reason != "" {
		return refuseHeader(reason, header)
	}
	if !stdBase64.wellFormed(given, useSHA1.size) {
		return refuseHeader(MalformedHeader, header)
	}
	form, ok := parseForm(r.Body)
	if !ok {
		return refuse(MalformedBody)
	}
	address := r.URL
	if address == "" {
		address = v.url
	}
	m := message{prefix: []byte(address), body: sortedParameters(form)}
	if !anyMatches(v.keys, r.Now, &m, stdBase64, given) {
		if !liveKeys(v.keys, r.Now) {
			return refuse(SecretExpired)
		}
		return refuse(SignatureMismatch)
	}
	verdict := accept()
	describeMandrill(r, &verdict)
	return verdict
}

func describeMandrill(r *Request, v *Verdict) {
	start, length, ok := formFieldSpan(r.Body, "mandrill_events")
	if !ok {
		return
	}
	decoded, offsets, ok := formDecodeMapped(r.Body[start : start+length])
	if !ok {
		return
	}
	b := newBatch(decoded)
	list := b.root(decoded)
	if !list.IsArray() {
		return
	}
	b.each(list, func(event gjson.Result) {
		kind := text(event.Get("event"))
		b.add(event, kind, joined(text(event.Get("_id")), kind, scalar(event.Get("ts"))), "body:mandrill_events[]._id+event+ts")
	})
	for i := range b.items {
		from, to := b.items[i].Offset, b.items[i].Offset+b.items[i].Length
		b.items[i].Span = Span{start + offsets[from], offsets[to] - offsets[from]}
	}
	b.into(v)
}

// formFieldSpan finds the encoded value of a form field.
func formFieldSpan(body []byte, name string) (start, length int, ok bool) {
	for rest, more := body, true; more; {
		var pair []byte
		pair, rest, more = bytes.Cut(rest, []byte("&"))
		key, value, found := bytes.Cut(pair, []byte("="))
		if decoded, fine := formDecode(key); found && fine && decoded == name {
			at := int(uintptr(unsafe.Pointer(unsafe.SliceData(value))) - uintptr(unsafe.Pointer(unsafe.SliceData(body))))
			return at, len(value), true
		}
	}
	return 0, 0, false
}

// formDecodeMapped decodes and tells for every decoded byte (and the end)
// where it came from.
func formDecodeMapped(encoded []byte) (decoded []byte, offsets []int, ok bool) {
	decoded = make([]byte, 0, len(encoded))
	offsets = make([]int, 0, len(encoded)+1)
	for i := 0; i < len(encoded); i++ {
		offsets = append(offsets, i)
		switch c := encoded[i]; c {
		case '+':
			decoded = append(decoded, ' ')
		case '%':
			if i+2 >= len(encoded) || !isHex(encoded[i+1]) || !isHex(encoded[i+2]) {
				return nil, nil, false
			}
			decoded = append(decoded, unhex(encoded[i+1])<<4|unhex(encoded[i+2]))
			i += 2
		default:
			decoded = append(decoded, c)
		}
	}
	return decoded, append(offsets, len(encoded)), true
}
