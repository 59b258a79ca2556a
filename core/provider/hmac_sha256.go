package provider

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
)

// hmac-sha256 is the declarative provider for senders that are not built in:
// the operator says what is signed, how the header is written, and where time,
// identity and type are.
func init() {
	register(Definition{
		Name: "hmac-sha256", Title: "HMAC-SHA256 (declarative)",
		Options: append([]Option{
			{Name: "header", Type: Text, Default: "X-Signature", Doc: "Header that carries the signature."},
			{Name: "encoding", Type: Text, Default: "hex", Allowed: []string{"hex", "base64"}, Doc: "How the digest is written. Hex is lower case."},
			{Name: "prefix", Type: Text, Default: "", Doc: "Text before the digest, such as sha256=."},
			{Name: "signed_content", Type: Text, Default: "{body}", Doc: "What is signed: a template of {body}, {timestamp}, {id}, {method}, {url}, {header:Name} and plain text. It must hold {body} exactly once."},
			{Name: "secret_encoding", Type: Text, Default: "text", Allowed: []string{"text", "hex", "base64"}, Doc: "How the key is made of the secret."},
			{Name: "signature_key", Type: Text, Doc: "For a header that is a list such as t=1,v1=abc: the key of the digests, here v1."},
			{Name: "timestamp_key", Type: Text, Doc: "For such a list: the key of the time, here t."},
			{Name: "separator", Type: Text, Default: ",", Doc: "For such a list: what separates its pairs."},
			{Name: "timestamp_header", Type: Text, Doc: "Header that carries the signed time."},
			{Name: "timestamp_unit", Type: Text, Default: "s", Allowed: []string{"s", "ms", "rfc3339"}, Doc: "How the time is written."},
			{Name: "id_header", Type: Text, Doc: "Header that {id} stands for."},
		}, genericOptions...),
		Headers:   []string{"X-Signature"},
		Signature: "HMAC-SHA256, as configured",
		Secret:    "the key, as secret_encoding says",
		Tolerance: &Tolerance{PastS: 300, FutureS: 300},
		Identity:  "none unless configured",
		EventType: "body:type unless configured",
		Docs:      "https://www.rfc-editor.org/rfc/rfc2104",
		Notes:     []string{"The tolerance applies only where a time is configured."},
		build:     buildTemplate,
	})
}

func buildTemplate(s *Settings) (Verifier, error) {
	scheme, err := templateScheme(s)
	if err != nil {
		return nil, err
	}
	describe, err := genericDescribe(s, true)
	if err != nil {
		return nil, err
	}
	return scheme.configure(s, describe)
}

func templateScheme(s *Settings) (hmacScheme, error) {
	header, err := headerOption(s, "header")
	if err != nil {
		return hmacScheme{}, err
	}
	scheme := hmacScheme{
		header: header, algo: useSHA256, prefix: s.Text("prefix"),
		timeHeader: strings.ToLower(s.Text("timestamp_header")),
		unit:       map[string]timeUnit{"s": seconds, "ms": milliseconds, "rfc3339": timeText}[s.Text("timestamp_unit")],
		derive:     map[string]func([]byte) ([]byte, error){"hex": hexKey, "base64": base64Key}[s.Text("secret_encoding")],
	}
	if s.Text("encoding") == "base64" {
		scheme.enc = stdBase64
	}
	if key := s.Text("signature_key"); key != "" {
		scheme.list = &pairList{separator: s.Text("separator"), timeKey: s.Text("timestamp_key"), digestKey: key, trimSpaces: true}
		if scheme.list.separator == "" {
			return scheme, invalidArgument("option separator of provider hmac-sha256 is empty")
		}
	} else if s.Given("timestamp_key") {
		return scheme, invalidArgument("option timestamp_key of provider hmac-sha256 needs signature_key: both name entries of the same list")
	}
	return scheme, compileTemplate(s, &scheme)
}

func hexKey(secret []byte) ([]byte, error) {
	key, err := hex.DecodeString(string(secret))
	if err != nil || len(key) == 0 {
		return nil, errors.New("is not hex")
	}
	return key, nil
}

func base64Key(secret []byte) ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(string(secret))
	if err != nil || len(key) == 0 {
		return nil, errors.New("is not base64")
	}
	return key, nil
}

// part writes one piece of what is signed.
type part func(out []byte, r *Request, stamp string) []byte

// compileTemplate turns signed_content into the scheme's sign function.
func compileTemplate(s *Settings, scheme *hmacScheme) error {
	template := s.Text("signed_content")
	if strings.Count(template, "{body}") != 1 {
		return invalidArgument("option signed_content of provider hmac-sha256 must hold {body} exactly once")
	}
	if template == "{body}" && scheme.timeHeader == "" && (scheme.list == nil || scheme.list.timeKey == "") {
		return nil
	}
	before, after, _ := strings.Cut(template, "{body}")
	prefix, err := compileParts(s, scheme, before)
	if err != nil {
		return err
	}
	suffix, err := compileParts(s, scheme, after)
	if err != nil {
		return err
	}
	scheme.sign = func(r *Request, stamp string) message {
		m := message{body: r.Body}
		for _, write := range prefix {
			m.prefix = write(m.prefix, r, stamp)
		}
		for _, write := range suffix {
			m.suffix = write(m.suffix, r, stamp)
		}
		return m
	}
	timed := scheme.timeHeader != "" || scheme.list != nil && scheme.list.timeKey != ""
	if timed != strings.Contains(template, "{timestamp}") {
		return invalidArgument("provider hmac-sha256: {timestamp} in signed_content and timestamp_header or timestamp_key go together: an unsigned time proves nothing")
	}
	return nil
}

func compileParts(s *Settings, scheme *hmacScheme, template string) ([]part, error) {
	var parts []part
	for template != "" {
		literal, rest, open := strings.Cut(template, "{")
		if literal != "" {
			parts = append(parts, func(out []byte, _ *Request, _ string) []byte { return append(out, literal...) })
		}
		if !open {
			break
		}
		name, remaining, closed := strings.Cut(rest, "}")
		write, err := namedPart(s, scheme, name)
		if err != nil || !closed {
			return nil, invalidArgument("option signed_content of provider hmac-sha256 has an unknown part {%s}", clip(name))
		}
		parts, template = append(parts, write), remaining
	}
	return parts, nil
}

func namedPart(s *Settings, scheme *hmacScheme, name string) (part, error) {
	configured := s.Text("url")
	switch name {
	case "timestamp":
		return func(out []byte, _ *Request, stamp string) []byte { return append(out, stamp...) }, nil
	case "method":
		return func(out []byte, r *Request, _ string) []byte { return append(out, strings.ToUpper(r.Method)...) }, nil
	case "url":
		if configured == "" {
			return nil, errMissingURL(s)
		}
		return func(out []byte, r *Request, _ string) []byte { return append(out, publicURL(r, configured)...) }, nil
	case "id":
		name = "header:" + s.Text("id_header")
	}
	header, ok := strings.CutPrefix(name, "header:")
	if !ok || header == "" {
		return nil, errors.New("unknown part")
	}
	header = strings.ToLower(header)
	scheme.require = append(scheme.require, header)
	return func(out []byte, r *Request, _ string) []byte { return append(out, r.anyHeader(header)...) }, nil
}
