package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/knocker-dev/knocker/core"
)

const errorsPage = "../../../docs/errors.md"

// The documented list of errors is the one that the library answers with.
func TestErrorsPageIsCurrent(t *testing.T) {
	page, err := os.ReadFile(errorsPage)
	if err != nil {
		t.Fatal(err)
	}
	current, err := withTable(string(page))
	if err != nil {
		t.Fatal(err)
	}
	if current != string(page) {
		t.Error("docs/errors.md is old: go run ./core/cmd/errortable -update docs/errors.md")
	}
}

// Bindings generate their exceptions from the JSON.
func TestJSONHoldsEveryCode(t *testing.T) {
	var out bytes.Buffer
	if err := run(&out, "json", ""); err != nil {
		t.Fatal(err)
	}
	var rows []core.CodeInfo
	if err := json.Unmarshal(out.Bytes(), &rows); err != nil {
		t.Fatal(err)
	}
	seen := map[core.Code]bool{}
	for _, row := range rows {
		if seen[row.Code] || row.Message == "" || row.HTTPStatus < 400 || row.HTTPStatus > 599 {
			t.Errorf("bad or doubled row: %+v", row)
		}
		seen[row.Code] = true
	}
	if len(seen) != len(core.Codes) {
		t.Errorf("%d rows, want %d", len(seen), len(core.Codes))
	}
}

func TestWrongUseIsAnError(t *testing.T) {
	if err := run(&bytes.Buffer{}, "yaml", ""); err == nil || !strings.Contains(err.Error(), "yaml") {
		t.Errorf("got %v", err)
	}
	if _, err := withTable("no markers"); err == nil {
		t.Error("a page without markers is accepted")
	}
}
