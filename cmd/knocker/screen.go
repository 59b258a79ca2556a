package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"

	"golang.org/x/term"
)

// screen writes to a terminal, or to whatever stands in its place.
type screen struct {
	file     *os.File
	w        *bufio.Writer
	terminal bool
	colors   bool
}

func newScreen(file *os.File) *screen {
	return &screen{file: file, w: bufio.NewWriter(file), terminal: term.IsTerminal(int(file.Fd()))}
}

// setColors: colours are for terminals, unless NO_COLOR (no-color.org) or a
// dumb terminal speaks against it.
func (a *app) setColors() error {
	for _, s := range []*screen{a.out, a.messages} {
		switch a.color {
		case "always":
			s.colors = true
		case "never":
		case "auto":
			s.colors = s.terminal && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
		default:
			return usage("--color is %q: it must be auto, always or never", a.color)
		}
	}
	return nil
}

// width is how many columns a line has; 0 where there is no end.
func (s *screen) width() int {
	if !s.terminal {
		return 0
	}
	width, _, err := term.GetSize(int(s.file.Fd()))
	if err != nil {
		return 0
	}
	return width
}

func (s *screen) flush() error { return s.w.Flush() }

// line writes a line. What comes from the file must have gone through escape.
func (s *screen) line(format string, args ...any) {
	fmt.Fprintf(s.w, format+"\n", args...)
}

// style is an SGR code of the terminal.
type style string

const (
	plain  style = ""
	bold   style = "1"
	dim    style = "2"
	red    style = "31"
	green  style = "32"
	yellow style = "33"
	blue   style = "34"
	cyan   style = "36"
)

func (s *screen) paint(st style, text string) string {
	if !s.colors || st == plain || text == "" {
		return text
	}
	return "\x1b[" + string(st) + "m" + text + "\x1b[0m"
}

// json writes a document: indented for a person's eyes, one line for programs.
func (s *screen) json(v any) { s.document(v, s.terminal) }

// jsonLine writes a document that is one line always.
func (s *screen) jsonLine(v any) { s.document(v, false) }

func (s *screen) document(v any, indent bool) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if indent {
		encoder.SetIndent("", "  ")
	}
	must(encoder.Encode(v)) // the shapes are this program's own
	_, _ = s.w.WriteString(escapeJSON(b.String()))
}
