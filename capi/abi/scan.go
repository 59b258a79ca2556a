package abi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// maxDepth bounds nesting. The scanner recurses, and a stack that overflows
// can't be recovered from, so the bound is far below any stack.
const maxDepth = 256

// scanObject checks that text is exactly one JSON object in valid UTF-8 and
// calls field for each member in order. The values are slices of text. An
// empty text stands for {}.
func scanObject(text []byte, field func(name string, value []byte) error) error {
	if len(text) == 0 {
		return nil
	}
	if !utf8.Valid(text) {
		return &Problem{Message: "The request is not valid UTF-8."}
	}
	start := skipSpace(text, 0)
	if start == len(text) || text[start] != '{' {
		return &Problem{Message: "The request must be a JSON object."}
	}
	end, err := scanMembers(text, start, 0, field)
	if err != nil {
		return err
	}
	if rest := skipSpace(text, end); rest != len(text) {
		return syntaxError(text, rest, "something follows the object")
	}
	return nil
}

// scanMembers reads the object at text[at] and returns where it ends. A nil
// field only checks.
func scanMembers(text []byte, at, depth int, field func(string, []byte) error) (int, error) {
	i := skipSpace(text, at+1)
	if i < len(text) && text[i] == '}' {
		return i + 1, nil
	}
	for {
		if i >= len(text) || text[i] != '"' {
			return 0, syntaxError(text, i, "a member's name is missing")
		}
		nameEnd, err := skipString(text, i)
		if err != nil {
			return 0, err
		}
		colon := skipSpace(text, nameEnd)
		if colon >= len(text) || text[colon] != ':' {
			return 0, syntaxError(text, colon, "a colon is missing")
		}
		valueStart := skipSpace(text, colon+1)
		valueEnd, err := skipValue(text, valueStart, depth+1)
		if err != nil {
			return 0, err
		}
		if field != nil {
			if err := field(unquote(text[i:nameEnd]), text[valueStart:valueEnd]); err != nil {
				return 0, err
			}
		}
		i = skipSpace(text, valueEnd)
		switch {
		case i < len(text) && text[i] == '}':
			return i + 1, nil
		case i < len(text) && text[i] == ',':
			i = skipSpace(text, i+1)
		default:
			return 0, syntaxError(text, i, "an object does not end")
		}
	}
}

// scanElements reads the array at text[at] and returns where it ends. A nil
// element only checks.
func scanElements(text []byte, at, depth int, element func([]byte) error) (int, error) {
	i := skipSpace(text, at+1)
	if i < len(text) && text[i] == ']' {
		return i + 1, nil
	}
	for {
		end, err := skipValue(text, i, depth+1)
		if err != nil {
			return 0, err
		}
		if element != nil {
			if err := element(text[i:end]); err != nil {
				return 0, err
			}
		}
		i = skipSpace(text, end)
		switch {
		case i < len(text) && text[i] == ']':
			return i + 1, nil
		case i < len(text) && text[i] == ',':
			i = skipSpace(text, i+1)
		default:
			return 0, syntaxError(text, i, "an array does not end")
		}
	}
}

func skipValue(text []byte, i, depth int) (int, error) {
	if i >= len(text) {
		return 0, syntaxError(text, i, "a value is missing")
	}
	if depth > maxDepth {
		return 0, &Problem{Message: fmt.Sprintf("The request is nested deeper than %d levels.", maxDepth)}
	}
	switch c := text[i]; {
	case c == '"':
		return skipString(text, i)
	case c == '{':
		return scanMembers(text, i, depth, nil)
	case c == '[':
		return scanElements(text, i, depth, nil)
	case c == '-' || isDigit(c):
		return skipNumber(text, i)
	}
	for _, word := range [...]string{"null", "true", "false"} {
		if len(text)-i >= len(word) && string(text[i:i+len(word)]) == word {
			return i + len(word), nil
		}
	}
	return 0, syntaxError(text, i, "a value is missing")
}

// skipString returns where the string at text[i] ends.
func skipString(text []byte, i int) (int, error) {
	for i++; i < len(text); i++ {
		if plain[text[i]] {
			continue
		}
		switch c := text[i]; {
		case c == '"':
			return i + 1, nil
		case c < ' ':
			return 0, syntaxError(text, i, "a control character stands in a string")
		case c == '\\':
			length := escapeLength(text[i:])
			if length == 0 {
				return 0, syntaxError(text, i, "an escape is wrong")
			}
			i += length - 1
		}
	}
	return 0, syntaxError(text, i, "a string does not end")
}

// plain marks the bytes that need no look inside a string.
var plain = func() (table [256]bool) {
	for c := range table {
		table[c] = c >= ' ' && c != '"' && c != '\\'
	}
	return
}()

// escapeLength returns the length of the escape that text begins with, 0 when
// it is none.
func escapeLength(text []byte) int {
	if len(text) < 2 {
		return 0
	}
	switch text[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if len(text) >= 6 && isHex(text[2]) && isHex(text[3]) && isHex(text[4]) && isHex(text[5]) {
			return 6
		}
	}
	return 0
}

// skipNumber returns where the number at text[i] ends.
func skipNumber(text []byte, i int) (int, error) {
	start := i
	if text[i] == '-' {
		i++
	}
	digits := skipDigits(text, i)
	if digits == i || text[i] == '0' && digits > i+1 {
		return 0, syntaxError(text, start, "a number is wrong")
	}
	i = digits
	if i < len(text) && text[i] == '.' {
		if digits = skipDigits(text, i+1); digits == i+1 {
			return 0, syntaxError(text, start, "a number is wrong")
		}
		i = digits
	}
	if i < len(text) && (text[i] == 'e' || text[i] == 'E') {
		i++
		if i < len(text) && (text[i] == '+' || text[i] == '-') {
			i++
		}
		if digits = skipDigits(text, i); digits == i {
			return 0, syntaxError(text, start, "a number is wrong")
		}
		i = digits
	}
	return i, nil
}

func skipDigits(text []byte, i int) int {
	for i < len(text) && isDigit(text[i]) {
		i++
	}
	return i
}

func skipSpace(text []byte, i int) int {
	for i < len(text) && (text[i] == ' ' || text[i] == '\n' || text[i] == '\t' || text[i] == '\r') {
		i++
	}
	return i
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isHex(c byte) bool {
	return isDigit(c) || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// unquote decodes a string that skipString has accepted.
func unquote(quoted []byte) string {
	inner := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return string(inner)
	}
	var decoded string
	// Can't fail: the string has been checked.
	_ = json.Unmarshal(quoted, &decoded)
	return decoded
}

func syntaxError(text []byte, at int, what string) error {
	if at > len(text) {
		at = len(text)
	}
	return &Problem{Message: fmt.Sprintf("The request is not valid JSON: %s (byte %d of %d).", what, at, len(text))}
}

// ValidObject reports whether text is exactly one JSON object.
func ValidObject(text []byte) bool {
	return len(text) > 0 && scanObject(text, nil) == nil
}
