package provider

import (
	"net/url"
	"strings"
)

// twilioURLs lists the spellings of a URL that may have been signed: as
// received and as a browser would normalise it, each with and without port,
// the normalised one also with its query re-encoded. Each is listed once, the
// likeliest first.
func twilioURLs(address string) []string {
	bare, ported := withoutPort(address), withPort(address)
	normal := normalizedURL(address)
	candidates := []string{
		bare, ported,
		withoutPort(normal), withPort(normal),
		legacyQuery(withoutPort(normal)), legacyQuery(withPort(normal)),
	}
	unique := candidates[:0]
	for _, candidate := range candidates {
		known := false
		for _, earlier := range unique {
			known = known || earlier == candidate
		}
		if !known {
			unique = append(unique, candidate)
		}
	}
	return unique
}

// urlParts is a URL cut where a port can stand, nothing decoded.
type urlParts struct {
	scheme, user, host, port, rest string
}

func splitURL(address string) (urlParts, bool) {
	end := strings.Index(address, "://")
	if end <= 0 {
		return urlParts{}, false
	}
	p := urlParts{scheme: address[:end+3]}
	authority := address[end+3:]
	if cut := strings.IndexAny(authority, "/?#"); cut >= 0 {
		authority, p.rest = authority[:cut], authority[cut:]
	}
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		p.user, authority = authority[:at+1], authority[at+1:]
	}
	// Only a colon after the bracket of an IPv6 address starts a port.
	bracket := strings.LastIndexByte(authority, ']') + 1
	p.host = authority
	if colon := strings.IndexByte(authority[bracket:], ':'); colon >= 0 {
		p.host, p.port = authority[:bracket+colon], authority[bracket+colon:]
	}
	return p, true
}

func withoutPort(address string) string {
	p, ok := splitURL(address)
	if !ok {
		return address
	}
	return p.scheme + p.user + p.host + p.rest
}

func withPort(address string) string {
	p, ok := splitURL(address)
	if !ok || p.port != "" {
		return address
	}
	port := ":80"
	if strings.EqualFold(p.scheme, "https://") {
		port = ":443"
	}
	return p.scheme + p.user + p.host + port + p.rest
}

// normalizedURL writes a URL as the WHATWG standard serialises it: scheme and
// host in lower case, the default port gone, a path, and certain characters
// percent-encoded.
func normalizedURL(address string) string {
	p, ok := splitURL(address)
	if !ok {
		return address
	}
	scheme := strings.ToLower(p.scheme)
	port := p.port
	if scheme == "https://" && port == ":443" || scheme == "http://" && port == ":80" || port == ":" {
		port = ""
	}
	path, query, hasQuery := strings.Cut(p.rest, "?")
	path = removeDotSegments(percentEncode(path, " \"#<>?`{}"))
	if path == "" {
		path = "/"
	}
	if hasQuery {
		path += "?" + percentEncode(query, " \"#<>'")
	}
	return scheme + p.user + strings.ToLower(p.host) + port + path
}

// percentEncode encodes control and non-ASCII bytes and those listed.
func percentEncode(text, set string) string {
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c > ' ' && c < 0x7f && !strings.ContainsRune(set, rune(c)) {
			out.WriteByte(c)
			continue
		}
		out.WriteByte('%')
		out.WriteByte("0123456789ABCDEF"[c>>4])
		out.WriteByte("0123456789ABCDEF"[c&15])
	}
	return out.String()
}

func removeDotSegments(path string) string {
	if !strings.Contains(path, "/.") {
		return path
	}
	var kept []string
	segments := strings.Split(path, "/")
	for i, segment := range segments {
		last := i == len(segments)-1
		switch segment {
		case "..":
			if len(kept) > 1 {
				kept = kept[:len(kept)-1]
			}
		case ".":
		default:
			kept = append(kept, segment)
			continue
		}
		if last {
			kept = append(kept, "")
		}
	}
	return strings.Join(kept, "/")
}

// legacyQuery decodes the query and writes it again as Node's querystring
// module does, which some of Twilio's back ends sign.
func legacyQuery(address string) string {
	base, query, ok := strings.Cut(address, "?")
	if !ok || query == "" {
		return address
	}
	var order []string
	values := map[string][]string{}
	for _, pair := range strings.Split(query, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, value = legacyEncode(name), legacyEncode(value)
		if values[name] == nil {
			order = append(order, name)
		}
		values[name] = append(values[name], name+"="+value)
	}
	for i, name := range order {
		order[i] = strings.Join(values[name], "&")
	}
	return base + "?" + strings.Join(order, "&")
}

func legacyEncode(encoded string) string {
	decoded, err := url.QueryUnescape(encoded)
	if err != nil {
		decoded = encoded
	}
	var out strings.Builder
	for i := 0; i < len(decoded); i++ {
		c := decoded[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-_.!~*'()", c) >= 0 {
			out.WriteByte(c)
			continue
		}
		out.WriteByte('%')
		out.WriteByte("0123456789ABCDEF"[c>>4])
		out.WriteByte("0123456789ABCDEF"[c&15])
	}
	return out.String()
}
