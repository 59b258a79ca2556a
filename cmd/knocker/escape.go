package main

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Whoever sends a webhook chooses what is stored, so nothing of it may reach a
// terminal as it is: an escape sequence there can rewrite the screen, the title
// or the clipboard, and a bidirectional mark can turn text around.

// escape makes stored text fit for one line of a terminal.
func escape(s string) string { return escapeText(s, "") }

// escapeBlock is escape for text of several lines.
func escapeBlock(s string) string { return escapeText(s, "\n\t") }

func escapeText(s, keep string) string {
	if harmless(s) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case !hidden(r) || strings.ContainsRune(keep, r):
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			fmt.Fprintf(&b, `\u{%x}`, r)
		}
		s = s[size:]
	}
	return b.String()
}

// hidden reports whether a rune acts on the terminal instead of being shown.
func hidden(r rune) bool {
	return unicode.Is(unicode.Cc, r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029'
}

func harmless(s string) bool {
	for n := range len(s) {
		if s[n] < 0x20 || s[n] >= 0x7f {
			return false
		}
	}
	return true
}

// escapeJSON does the same for a finished JSON document, as JSON allows it: what
// a program reads is not changed.
func escapeJSON(document string) string {
	if !strings.ContainsFunc(document, func(r rune) bool { return r >= 0x7f && hidden(r) }) {
		return document
	}
	var b strings.Builder
	for _, r := range document {
		switch {
		case r < 0x7f || !hidden(r):
			b.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}
