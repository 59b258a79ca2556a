package provider

import "bytes"

// formPair is one name and value of a form body, decoded.
type formPair struct {
	name, value string
}

// maxFormPairs bounds what a stranger's form can make us sort.
const maxFormPairs = 10000

// parseForm decodes an application/x-www-form-urlencoded body. It reports
// false for what is no form: a bad escape or too many pairs.
func parseForm(body []byte) ([]formPair, bool) {
	pairs := make([]formPair, 0, 1+min(bytes.Count(body, []byte("&")), maxFormPairs))
	for rest, more := body, true; more; {
		var pair []byte
		pair, rest, more = bytes.Cut(rest, []byte("&"))
		if len(pair) == 0 {
			continue
		}
		key, value, _ := bytes.Cut(pair, []byte("="))
		name, ok := formDecode(key)
		decoded, fine := formDecode(value)
		if !ok || !fine || len(pairs) == maxFormPairs {
			return nil, false
		}
		pairs = append(pairs, formPair{name, decoded})
	}
	return pairs, true
}

// formDecode undoes form encoding: + is a space, %XX a byte.
func formDecode(encoded []byte) (string, bool) {
	if bytes.IndexByte(encoded, '%') < 0 && bytes.IndexByte(encoded, '+') < 0 {
		return string(encoded), true
	}
	decoded := make([]byte, 0, len(encoded))
	for i := 0; i < len(encoded); i++ {
		switch c := encoded[i]; c {
		case '+':
			decoded = append(decoded, ' ')
		case '%':
			if i+2 >= len(encoded) || !isHex(encoded[i+1]) || !isHex(encoded[i+2]) {
				return "", false
			}
			decoded = append(decoded, unhex(encoded[i+1])<<4|unhex(encoded[i+2]))
			i += 2
		default:
			decoded = append(decoded, c)
		}
	}
	return string(decoded), true
}

func unhex(c byte) byte {
	switch {
	case c >= 'a':
		return c - 'a' + 10
	case c >= 'A':
		return c - 'A' + 10
	}
	return c - '0'
}

// looksLikeForm recognises a form by its bytes: a name, "=", and no control
// bytes or JSON before it. No provider needs Content-Type to verify.
func looksLikeForm(body []byte) bool {
	if len(body) == 0 || jsonKind(body) != 0 {
		return false
	}
	name, _, found := bytes.Cut(body, []byte("="))
	if !found || len(name) == 0 {
		return false
	}
	for _, c := range name {
		if c <= ' ' || c == '<' || c == '{' || c == '"' || c >= 0x7f {
			return false
		}
	}
	return true
}

// formField reads the first value of a form field without parsing the rest.
func formField(body []byte, name string) (string, bool) {
	for rest, more := body, true; more; {
		var pair []byte
		pair, rest, more = bytes.Cut(rest, []byte("&"))
		key, value, _ := bytes.Cut(pair, []byte("="))
		if decoded, ok := formDecode(key); ok && decoded == name {
			return formDecode(value)
		}
	}
	return "", false
}
