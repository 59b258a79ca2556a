package input

import (
	"unicode/utf8"

	"github.com/knocker-dev/knocker/core/provider"
)

// HeadersJSON writes headers for the store: one object, each name once in the
// order of its first appearance, with a text or, where a header was repeated,
// the list of its texts.
func HeadersJSON(list []provider.Field) string { return fieldsJSON(list) }

// QueryJSON writes query parameters in the same form as HeadersJSON.
func QueryJSON(list []provider.Field) string { return fieldsJSON(list) }

// manyFields is where an index of names becomes cheaper than looking back.
const manyFields = 48

func fieldsJSON(list []provider.Field) string {
	size := 2
	for i := range list {
		size += len(list[i].Name) + len(list[i].Value) + 6
	}
	out := make([]byte, 0, size+size/8)
	if len(list) > manyFields {
		return string(appendIndexed(out, list))
	}
	out = append(out, '{')
	for i := range list {
		if seenBefore(list, i) {
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = appendName(out, list[i].Name)
		if !repeatedAfter(list, i) {
			out = appendText(out, list[i].Value)
			continue
		}
		open := byte('[')
		for j := i; j < len(list); j++ {
			if list[j].Name == list[i].Name {
				out = appendText(append(out, open), list[j].Value)
				open = ','
			}
		}
		out = append(out, ']')
	}
	return string(append(out, '}'))
}

func seenBefore(list []provider.Field, i int) bool {
	for j := 0; j < i; j++ {
		if list[j].Name == list[i].Name {
			return true
		}
	}
	return false
}

func repeatedAfter(list []provider.Field, i int) bool {
	for j := i + 1; j < len(list); j++ {
		if list[j].Name == list[i].Name {
			return true
		}
	}
	return false
}

// appendIndexed is the same for long lists, in linear time.
func appendIndexed(out []byte, list []provider.Field) []byte {
	values := make(map[string][]string, len(list))
	order := make([]string, 0, len(list))
	for i := range list {
		name := list[i].Name
		if values[name] == nil {
			order = append(order, name)
		}
		values[name] = append(values[name], list[i].Value)
	}
	out = append(out, '{')
	for i, name := range order {
		if i > 0 {
			out = append(out, ',')
		}
		out = appendName(out, name)
		if texts := values[name]; len(texts) == 1 {
			out = appendText(out, texts[0])
		} else {
			open := byte('[')
			for _, text := range texts {
				out = appendText(append(out, open), text)
				open = ','
			}
			out = append(out, ']')
		}
	}
	return append(out, '}')
}

func appendName(out []byte, name string) []byte {
	return append(appendText(out, name), ':')
}

const hexDigits = "0123456789abcdef"

// appendText writes a JSON text. Only what JSON demands is escaped.
func appendText(out []byte, text string) []byte {
	out = append(out, '"')
	from := 0
	for i := 0; i < len(text); {
		c := text[i]
		if c >= 0x20 && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, width := utf8.DecodeRuneInString(text[i:])
			if r != utf8.RuneError || width > 1 {
				i += width
				continue
			}
		}
		out = append(out, text[from:i]...)
		switch {
		case c >= utf8.RuneSelf:
			out = append(out, "\ufffd"...)
		case c == '"' || c == '\\':
			out = append(out, '\\', c)
		default:
			out = append(out, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		from = i
	}
	return append(append(out, text[from:]...), '"')
}
