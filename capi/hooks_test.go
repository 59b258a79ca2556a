package main

import (
	"path/filepath"
	"testing"

	"github.com/knocker-dev/knocker/capi/abi"
	"github.com/knocker-dev/knocker/core"
)

// A runtime that can't be called back learns by polling what happened.
func TestHooksArePolled(t *testing.T) {
	db := openShop(t)
	if _, err := callMethod(nil, db, "poll_hooks", text(`{}`)); core.CodeOf(err) != core.CodeInvalidState {
		t.Fatal(err)
	}
	mustCall(t, db, "watch_hooks", `{"limit":10}`)
	mustCall(t, db, "add_endpoint", `{"name":"bare"}`)
	i, err := find[*inbox](db)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := i.core.Receive(background(), core.ReceiveParams{Endpoint: "bare", Ingest: true, Body: []byte("x")}); err != nil {
		t.Fatal(err)
	}
	reply, err := callMethod(nil, db, "poll_hooks", text(`{"max":10}`))
	heard := answer[struct {
		Events []struct {
			Kind     string
			Endpoint string
		}
	}](t, reply, err)
	if len(heard.Events) != 2 || heard.Events[0].Kind != core.HookReceived || heard.Events[0].Endpoint != "bare" || heard.Events[1].Kind != core.HookBatchCommitted {
		t.Fatalf("%+v", heard)
	}
}

// A backup can be opened like any inbox.
func TestBackupOverTheInterface(t *testing.T) {
	db := openShop(t)
	path := filepath.Join(t.TempDir(), "copy.db")
	mustCall(t, db, "backup", `{"path":`+string(abi.AppendText(nil, path))+`}`)
	copied, err := core.Open(path, core.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := copied.Close(); err != nil {
		t.Fatal(err)
	}
}
