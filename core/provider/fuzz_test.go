package provider

import (
	"strings"
	"testing"
	"time"
)

// FuzzVerify gives any provider any request. Nothing may panic, and nothing
// may be accepted, because the fuzzer does not know the secrets.
func FuzzVerify(f *testing.F) {
	all := All()
	verifiers := make([]Verifier, len(all))
	for i, d := range all {
		verifiers[i] = anyConfiguration(f, d)
		f.Add(i, "POST", "t=1767225600,v1=00", "1767225600", "a=b", []byte(`{"type":"x","events":[{"id":"1"}]}`))
	}
	f.Add(0, "GET", "v1,AAAA v1a,BBBB", "2026-01-01T00:00:00Z", "hub.mode=subscribe&hub.challenge=1", []byte("payload=%7B%7D"))
	f.Fuzz(func(t *testing.T, which int, method, signature, stamp, query string, body []byte) {
		which = (which%len(all) + len(all)) % len(all)
		d := all[which]
		r := &Request{Method: method, Body: body, Now: time.Unix(1767225600, 0)}
		for i, name := range d.Headers {
			value := stamp
			if i == 0 {
				value = signature
			}
			r.Headers = append(r.Headers, Field{strings.ToLower(name), value})
		}
		for _, pair := range strings.Split(query, "&") {
			name, value, _ := strings.Cut(pair, "=")
			r.Query = append(r.Query, Field{name, value})
		}
		before := string(body)
		verdict := verifiers[which].Verify(r)
		if verdict.Valid {
			t.Fatalf("%s accepted a request that nobody signed", d.Name)
		}
		if !verdict.Handshake && verdict.Reason.Sentence() == "" {
			t.Fatalf("%s refused with the unlisted reason %q", d.Name, verdict.Reason)
		}
		for _, span := range verdict.Mask {
			if span.Offset < 0 || span.Length < 0 || span.Offset+span.Length > len(body) {
				t.Fatalf("%s masks %d+%d of %d bytes", d.Name, span.Offset, span.Length, len(body))
			}
		}
		if string(body) != before {
			t.Fatalf("%s changed the body", d.Name)
		}
	})
}

// FuzzDescribe reads types, identities and items out of any body, as after a
// signature that fits.
func FuzzDescribe(f *testing.F) {
	for _, seed := range []string{
		`[{"event":"open","sg_event_id":"1"}]`, `{"events":[{"type":"a","webhookEventId":"b"}]}`,
		`{"object":"page","entry":[{"messaging":[{"message":{"mid":"m"}}],"changes":[{"field":"f","value":{"statuses":[{"id":"1","status":"s"}]}}]}]}`,
		"mandrill_events=%5B%7B%22event%22%3A%22send%22%7D%5D&x=1", "{\"log_id\":\"1\"}\n{\"log_id\":\"2\"}", `payload={"type":"x"}`,
		`{"type":"event_callback","event_id":"E","event":{"type":"t"}}`,
	} {
		f.Add([]byte(seed))
	}
	describers := []func(*Request, *Verdict){
		describeSlack, describeMeta, describeHubSpot, describeAsana, describeXero, describeAuth0, describeMandrill,
		describePostmark, describeTelegram, describeZendesk, splitList("events", "type", "webhookEventId", "x"),
		splitList("", "event", "sg_event_id", "x"), describeAs("body:type", "body:id"), describeAs("body:a.b", bodyHash),
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, describe := range describers {
			verdict := accept()
			describe(&Request{Method: "POST", Body: body}, &verdict)
			end := 0
			for _, item := range verdict.Events {
				if item.Offset < end || item.Length <= 0 || item.Offset+item.Length > len(body) {
					t.Fatalf("item at %d+%d after %d in %d bytes", item.Offset, item.Length, end, len(body))
				}
				if len(item.Identity) > maxIdentity {
					t.Fatalf("identity of %d bytes", len(item.Identity))
				}
			}
		}
		xEventKey(body)
		braintreeKind(string(body))
	})
}

// FuzzHeaderParsers gives every parser of a header any text.
func FuzzHeaderParsers(f *testing.F) {
	for _, seed := range []string{"t=1,v1=a,v1=b", "v1,AAAA v1a,BBBB v2,CCCC", "ts=1;h1=a", "Basic dXNlcjpw", "Bearer x", "a|b&c|d", "key|digest", "=,=;=", "t=1767225600000, v1=aa"} {
		f.Add(seed)
	}
	standard := &standardVerifier{bare: true}
	f.Fuzz(func(t *testing.T, header string) {
		for _, list := range []pairList{{",", "t", "v1", false}, {";", "ts", "h1", false}, {",", "", "v1", true}} {
			digests, _, reason := list.parse(header, "", nil)
			if len(digests) > maxDigests || reason == "" && len(digests) == 0 {
				t.Fatalf("%d digests, reason %q", len(digests), reason)
			}
		}
		if list := standard.parseList(header); len(list.symmetric)+len(list.asymmetric) > maxDigests {
			t.Fatal("too many signatures")
		}
		for _, unit := range []timeUnit{seconds, milliseconds, timeText} {
			parseTime(header, unit)
		}
		if credential, reason := basicCredential(header); reason == "" && !strings.Contains(credential, ":") {
			t.Fatalf("credential %q", credential)
		}
		bearerCredential(header)
		braintreeDigest(header, "key")
		httpsHost(header)
		isDER([]byte(header))
		contentfulPath(header)
		hubSpotURI(header)
		for _, candidate := range twilioURLs(header) {
			if len(candidate) > 3*len(header)+16 {
				t.Fatalf("%q grows to %q", header, candidate)
			}
		}
	})
}

// FuzzForm checks the form parser against what must hold of any form.
func FuzzForm(f *testing.F) {
	f.Add([]byte("a=b&c=%20&d=+&&e"))
	f.Add([]byte("%zz=1"))
	f.Fuzz(func(t *testing.T, body []byte) {
		pairs, ok := parseForm(body)
		if len(pairs) > maxFormPairs || !ok && pairs != nil {
			t.Fatal("the parser's bounds do not hold")
		}
		sortedParameters(pairs)
		looksLikeForm(body)
		decoded, offsets, ok := formDecodeMapped(body)
		if ok && (len(offsets) != len(decoded)+1 || offsets[len(decoded)] != len(body)) {
			t.Fatal("the map of the decoded form does not fit")
		}
		if plain, fine := formDecode(body); fine != ok || fine && plain != string(decoded) {
			t.Fatalf("two ways of decoding differ: %q %q", plain, decoded)
		}
		if start, length, ok := formFieldSpan(body, "a"); ok && (start < 0 || start+length > len(body)) {
			t.Fatal("a field leaves the body")
		}
	})
}
