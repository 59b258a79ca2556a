package provider

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/tidwall/gjson"
)

// header returns the single value of a header. Two lines with different values
// are refused: which of them was meant cannot be known. name is lower case.
func (r *Request) header(name string) (string, Reason) {
	value, found := "", false
	for i := range r.Headers {
		if r.Headers[i].Name != name {
			continue
		}
		if found && r.Headers[i].Value != value {
			return "", MalformedHeader
		}
		value, found = r.Headers[i].Value, true
	}
	if value == "" {
		return "", MissingHeader
	}
	return value, ""
}

// anyHeader returns the first non-empty value of a header that no decision of
// trust depends on.
func (r *Request) anyHeader(name string) string {
	for i := range r.Headers {
		if r.Headers[i].Name == name && r.Headers[i].Value != "" {
			return r.Headers[i].Value
		}
	}
	return ""
}

// queryValue returns the first value of a query parameter.
func (r *Request) queryValue(name string) (string, bool) {
	for i := range r.Query {
		if r.Query[i].Name == name {
			return r.Query[i].Value, true
		}
	}
	return "", false
}

// isRead reports a GET or HEAD request.
func (r *Request) isRead() bool {
	return strings.EqualFold(r.Method, "GET") || strings.EqualFold(r.Method, "HEAD")
}

// jsonKind returns '{' or '[' when the body starts as a JSON object or array.
// gjson itself would search for the first bracket anywhere, also in a form.
func jsonKind(body []byte) byte {
	trimmed := bytes.TrimLeft(body, " \t\r\n")
	trimmed = bytes.TrimPrefix(trimmed, []byte("\xef\xbb\xbf"))
	if len(trimmed) > 0 && (trimmed[0] == '{' || trimmed[0] == '[') {
		return trimmed[0]
	}
	return 0
}

// get reads one path of a JSON body without rewriting it.
func get(body []byte, path string) gjson.Result {
	if jsonKind(body) == 0 {
		return gjson.Result{}
	}
	return gjson.GetBytes(body, path)
}

// text is a JSON text; other types give "". It is a copy: what a verdict holds
// must not point into the caller's body.
func text(value gjson.Result) string {
	if value.Type == gjson.String {
		return strings.Clone(value.Str)
	}
	return ""
}

// scalar is a JSON text, or a number exactly as it was written: ids pass 2^53,
// where a float would make two of them equal.
func scalar(value gjson.Result) string {
	switch value.Type {
	case gjson.String:
		return strings.Clone(value.Str)
	case gjson.Number:
		return strings.Clone(value.Raw)
	}
	return ""
}

// maxIdentity bounds what a sender can make us put into an index.
const maxIdentity = 512

// setIdentity records the dedupe key; an empty one is no identity.
func (v *Verdict) setIdentity(identity, source string, signed bool) {
	if identity == "" {
		v.Identity, v.IdentitySource, v.IdentitySigned = "", "none", false
		return
	}
	v.Identity, v.IdentitySource, v.IdentitySigned = boundIdentity(identity), source, signed
}

func boundIdentity(identity string) string {
	if len(identity) <= maxIdentity {
		return identity
	}
	return hashIdentity([]byte(identity))
}

func hashIdentity(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// refuse is the verdict for a reason.
func refuse(reason Reason) Verdict {
	return Verdict{Reason: reason, Detail: reason.Sentence(), IdentitySource: "none"}
}

// refuseHeader is refuse with the header's name in the sentence.
func refuseHeader(reason Reason, header string) Verdict {
	return refuseWith(reason, header+": "+reason.Sentence())
}

func refuseWith(reason Reason, detail string) Verdict {
	return Verdict{Reason: reason, Detail: detail, IdentitySource: "none"}
}

// accept is the verdict for a verified request without identity yet.
func accept() Verdict { return Verdict{Valid: true, IdentitySource: "none"} }
