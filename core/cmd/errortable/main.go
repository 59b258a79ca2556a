// Errortable prints the table of error codes, from which docs/errors.md and the
// bindings' exceptions are made.
//
//	go run ./core/cmd/errortable -format json
//	go run ./core/cmd/errortable -format markdown
//	go run ./core/cmd/errortable -update docs/errors.md
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/knocker-dev/knocker/core"
)

func main() {
	format := flag.String("format", "markdown", "json or markdown")
	update := flag.String("update", "", "a Markdown file whose table is to be replaced")
	flag.Parse()
	if err := run(os.Stdout, *format, *update); err != nil {
		fmt.Fprintln(os.Stderr, "errortable:", err)
		os.Exit(1)
	}
}

func run(out io.Writer, format, update string) error {
	switch {
	case update != "":
		return updateFile(update)
	case format == "json":
		encoder := json.NewEncoder(out)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		return encoder.Encode(core.Codes)
	case format == "markdown":
		_, err := io.WriteString(out, markdown())
		return err
	}
	return fmt.Errorf("format is %q: it must be json or markdown", format)
}

func markdown() string {
	var b strings.Builder
	b.WriteString("| code | HTTP | retry | what happened, and what to do |\n| --- | --- | --- | --- |\n")
	for _, c := range core.Codes {
		retry := "no"
		if c.Retryable {
			retry = "yes"
		}
		fmt.Fprintf(&b, "| `%s` | %d | %s | %s |\n", c.Code, c.HTTPStatus, retry, strings.ReplaceAll(c.Message, "|", `\|`))
	}
	return b.String()
}

// The table stands between these lines; the rest of the page is written by hand.
const (
	begin = "<!-- errors: begin. Made by core/cmd/errortable; don't edit. -->\n"
	end   = "<!-- errors: end -->\n"
)

func updateFile(path string) error {
	page, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	updated, err := withTable(string(page))
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.WriteFile(path, []byte(updated), 0o644)
}

// withTable returns the page with the present table.
func withTable(page string) (string, error) {
	before, rest, ok := strings.Cut(page, begin)
	_, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		return "", fmt.Errorf("the lines %q and %q are missing", strings.TrimSpace(begin), strings.TrimSpace(end))
	}
	return before + begin + "\n" + markdown() + "\n" + end + after, nil
}
