package provider

import (
	"strings"
)

// hmacScheme describes the providers that put an HMAC of the request into a
// header. Most provider files are one of these plus where id and type are.
type hmacScheme struct {
	header string // lower case
	algo   algorithm
	enc    encoding
	prefix string // text before the digest, such as "sha256="
	// anyCase accepts hex in upper case, where the provider's own library does.
	anyCase bool
	// list: the header is key=value pairs (t=…,v1=…) instead of one digest.
	list *pairList
	// timeHeader is the header that carries the signed time, if it has its own.
	timeHeader string
	unit       timeUnit
	// more headers that take part in the signature and must be present.
	require []string
	// sign builds what is signed; nil means the raw body alone.
	sign func(r *Request, stamp string) message
	// derive turns the configured secret into the key; nil means as is.
	derive func([]byte) ([]byte, error)
}

// pairList is the form of a header such as "t=1,v1=a,v1=b".
type pairList struct {
	separator  string
	timeKey    string // "" when the list carries no time
	digestKey  string
	trimSpaces bool
}

// hmacVerifier is a configured hmacScheme.
type hmacVerifier struct {
	hmacScheme
	keys     []*macKey
	clock    clock
	describe func(*Request, *Verdict)
}

// buildHMAC makes the build function of a provider from its scheme.
func buildHMAC(scheme hmacScheme, describe func(*Request, *Verdict)) func(*Settings) (Verifier, error) {
	return func(s *Settings) (Verifier, error) { return scheme.configure(s, describe) }
}

func (scheme hmacScheme) configure(s *Settings, describe func(*Request, *Verdict)) (*hmacVerifier, error) {
	keys, err := macKeys(s.Secrets, scheme.algo, scheme.derive)
	if err != nil {
		return nil, err
	}
	return &hmacVerifier{scheme, keys, s.clock(), describe}, nil
}

// Redact: nothing; a signature is evidence, not a credential.
func (v *hmacVerifier) Redact() (headers, query []string) { return nil, nil }

// Verify checks the signature, then the time, then reads type and identity.
func (v *hmacVerifier) Verify(r *Request) Verdict {
	if refusal := v.authenticate(r); refusal.Reason != "" {
		return refusal
	}
	verdict := accept()
	v.describe(r, &verdict)
	return verdict
}

// authenticate returns a verdict with a reason when the request is refused.
func (v *hmacVerifier) authenticate(r *Request) Verdict {
	given, reason := r.header(v.header)
	if reason != "" {
		return refuseHeader(reason, v.header)
	}
	stamp := ""
	if v.timeHeader != "" {
		if stamp, reason = r.header(v.timeHeader); reason != "" {
			return refuseHeader(reason, v.timeHeader)
		}
	}
	for _, name := range v.require {
		if _, reason := r.header(name); reason != "" {
			return refuseHeader(reason, name)
		}
	}
	var room [4]string
	digests := room[:0]
	if v.list != nil {
		digests, stamp, reason = v.list.parse(given, stamp, digests)
		if reason != "" {
			return refuseHeader(reason, v.header)
		}
	} else {
		if !strings.HasPrefix(given, v.prefix) {
			return refuseHeader(MalformedHeader, v.header)
		}
		digests = append(digests, given[len(v.prefix):])
	}
	return v.check(r, digests, stamp)
}

// check compares the digests found in the header, then the signed time.
func (v *hmacVerifier) check(r *Request, digests []string, stamp string) Verdict {
	formed := digests[:0]
	for _, digest := range digests {
		if v.enc.wellFormed(digest, v.algo.size) {
			if v.anyCase {
				digest = strings.ToLower(digest)
			}
			formed = append(formed, digest)
		}
	}
	if len(formed) == 0 {
		return refuseHeader(MalformedHeader, v.header)
	}
	timed := v.timeHeader != "" || v.list != nil && v.list.timeKey != ""
	signedAt, ok := parseTime(stamp, v.unit)
	if timed && !ok {
		return refuseWith(MalformedHeader, "the signed time has not the documented form")
	}
	m := message{body: r.Body}
	if v.sign != nil {
		m = v.sign(r, stamp)
	}
	if !anyMatches(v.keys, r.Now, &m, v.enc, formed...) {
		if !liveKeys(v.keys, r.Now) {
			return refuse(SecretExpired)
		}
		return refuse(SignatureMismatch)
	}
	if timed {
		if reason := v.clock.check(signedAt, r.Now, v.unit); reason != "" {
			return refuse(reason)
		}
	}
	return Verdict{}
}

// maxDigests bounds the work one header can ask for; senders put one digest a
// secret, and nobody rotates sixteen at once.
const maxDigests = 16

// parse reads the pairs. Unknown keys are ignored; a repeated time, a missing
// time and a missing digest are malformed.
func (p *pairList) parse(given, stamp string, digests []string) ([]string, string, Reason) {
	timeSeen := false
	for rest, more := given, true; more; {
		var pair string
		pair, rest, more = strings.Cut(rest, p.separator)
		if p.trimSpaces {
			pair = strings.Trim(pair, " \t")
		}
		key, value, ok := strings.Cut(pair, "=")
		switch {
		case !ok:
			continue
		case p.timeKey != "" && key == p.timeKey:
			if timeSeen && value != stamp {
				return nil, "", MalformedHeader
			}
			stamp, timeSeen = value, true
		case key == p.digestKey && len(digests) < maxDigests:
			digests = append(digests, value)
		}
	}
	if len(digests) == 0 || p.timeKey != "" && !timeSeen {
		return nil, "", MalformedHeader
	}
	return digests, stamp, ""
}

// stampThen signs time + separator + body.
func stampThen(separator string) func(*Request, string) message {
	return func(r *Request, stamp string) message {
		return message{prefix: append(append(make([]byte, 0, len(stamp)+1), stamp...), separator...), body: r.Body}
	}
}
