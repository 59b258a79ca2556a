package abi

import (
	"encoding/base64"
	"strconv"
	"unicode/utf8"
)

const hexDigits = "0123456789abcdef"

// AppendText appends s as a JSON string. Bytes that are not UTF-8 become
// U+FFFD: a reply is always valid JSON.
func AppendText(out []byte, s string) []byte {
	out = append(out, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r != utf8.RuneError || size != 1 {
				i += size
				continue
			}
		}
		out = append(out, s[start:i]...)
		out = appendEscaped(out, c)
		i++
		start = i
	}
	out = append(out, s[start:]...)
	return append(out, '"')
}

func appendEscaped(out []byte, c byte) []byte {
	switch {
	case c == '"' || c == '\\':
		return append(out, '\\', c)
	case c == '\n':
		return append(out, '\\', 'n')
	case c == '\r':
		return append(out, '\\', 'r')
	case c == '\t':
		return append(out, '\\', 't')
	case c < ' ':
		return append(out, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
	}
	return append(out, "\ufffd"...)
}

// AppendBase64 appends data as a JSON string in standard base64 with padding.
func AppendBase64(out, data []byte) []byte {
	out = append(out, '"')
	out = base64.StdEncoding.AppendEncode(out, data)
	return append(out, '"')
}

// AppendInteger appends n as a plain JSON number.
func AppendInteger(out []byte, n int64) []byte { return strconv.AppendInt(out, n, 10) }

// AppendBool appends true or false.
func AppendBool(out []byte, b bool) []byte { return strconv.AppendBool(out, b) }

// appendObject appends text when it is a JSON object, else {}: a row that
// another program wrote must not be able to break a reply.
func appendObject(out, text []byte) []byte {
	if !ValidObject(text) {
		return append(out, "{}"...)
	}
	return append(out, text...)
}

func appendNullText(out []byte, s NullText) []byte {
	if s == "" {
		return append(out, "null"...)
	}
	return AppendText(out, string(s))
}

func appendNullInteger(out []byte, n NullInteger) []byte {
	if n == 0 {
		return append(out, "null"...)
	}
	return AppendInteger(out, int64(n))
}

func appendFloat(out []byte, f float64) []byte { return strconv.AppendFloat(out, f, 'f', -1, 64) }
