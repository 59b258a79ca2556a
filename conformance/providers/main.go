// Command providers writes what the registry knows:
//
//	go run ./conformance/providers write
//	go run ./conformance/providers docs
//	go run ./conformance/providers json
//	go run ./conformance/providers check
//
// write writes the documentation page docs/providers.md, docs prints it, json is
// the table from which bindings make
// their lists, check fails if the page is not current.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"

	"github.com/knocker-dev/knocker/core/provider"
)

const page = "docs/providers.md"

func main() {
	if len(os.Args) != 2 {
		fail("usage: providers write | docs | json | check")
	}
	switch os.Args[1] {
	case "write":
		if err := os.WriteFile(page, document(), 0o644); err != nil {
			fail(err.Error())
		}
	case "docs":
		os.Stdout.Write(document())
	case "json":
		encoder := json.NewEncoder(os.Stdout)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(map[string]any{"providers": provider.Table(), "reasons": reasons()}); err != nil {
			fail(err.Error())
		}
	case "check":
		written, err := os.ReadFile(page)
		if err != nil {
			fail(err.Error())
		}
		if !bytes.Equal(written, document()) {
			fail(page + " is not current: go run ./conformance/providers write")
		}
	default:
		fail("usage: providers write | docs | json | check")
	}
}

type reasonRow struct {
	Code     provider.Reason `json:"code"`
	Sentence string          `json:"sentence"`
}

func reasons() []reasonRow {
	var rows []reasonRow
	for _, reason := range provider.Reasons() {
		rows = append(rows, reasonRow{reason, reason.Sentence()})
	}
	return rows
}

func fail(message string) {
	fmt.Fprintln(os.Stderr, message)
	os.Exit(1)
}
