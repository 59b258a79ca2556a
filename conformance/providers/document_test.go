package main

import (
	"bytes"
	"os"
	"testing"
)

// The page is what users configure by; it must say what the registry says.
func TestPageIsCurrent(t *testing.T) {
	written, err := os.ReadFile("../../" + page)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(written, document()) {
		t.Errorf("%s is not current: go run ./conformance/providers write", page)
	}
}
