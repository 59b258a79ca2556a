package main_test

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	knockersqlite "github.com/knocker-dev/knocker/bindings/go"
	"github.com/knocker-dev/knocker/bindings/go/knockertest"
)

// refused is an inbox with a delivery of Stripe's that arrived long ago and was
// signed with another secret than the endpoint had.
func refused(t *testing.T, body string) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "app.db")
	at := time.Unix(begin, 0)
	inbox, err := knockersqlite.OpenWith(file, knockersqlite.Options{Now: func() time.Time { return at }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = inbox.Close() })
	if _, err := inbox.AddEndpoint(knockersqlite.AddEndpointParams{Name: "billing", Provider: "stripe", Secrets: "whsec_old"}); err != nil {
		t.Fatal(err)
	}
	header, err := knockertest.Sign("stripe", "whsec_new", []byte(body), at)
	if err != nil {
		t.Fatal(err)
	}
	result, err := inbox.Receive(knockersqlite.ReceiveParams{Endpoint: "billing", Header: header, Body: []byte(body)})
	if err != nil || result.StatusCode != http.StatusUnauthorized {
		t.Fatal(result, err)
	}
	return file
}

// Each step of the check is shown, at the clock of the receipt, and never the
// secret: with the right secret it verifies, with another it does not.
func TestVerify(t *testing.T) {
	file := refused(t, `{"id":"evt_1"}`)
	got := knocker(t, "--db", file, "verify", "1", "--secret-file", written(t, "whsec_old"))
	if got.code != 6 || strings.Contains(got.out+got.err, "whsec_old") {
		t.Error(got)
	}
	golden(t, "verify-refused", got.out)
	golden(t, "verify", works(t, "--db", file, "verify", "1", "--secret-file", written(t, "whsec_new\n")))
	got = knocker(t, "--db", file, "--json", "verify", "1", "--secret-file", written(t, "whsec_new"), "--at", "2026-01-02")
	var shape struct {
		Valid  bool
		Reason string
		Clock  int64
		Steps  []struct{ Name string }
	}
	if err := json.Unmarshal([]byte(got.out), &shape); err != nil || got.code != 6 || shape.Valid || shape.Reason != "timestamp_too_old" || len(shape.Steps) == 0 {
		t.Error(got, err)
	}
	fails(t, 4, "no_verifier", "--db", file, "verify", "1")
	fails(t, 3, "not_found", "--db", file, "verify", "9", "--secret-file", written(t, "whsec_new"))
	fails(t, 2, "one id", "--db", file, "verify")
}

// A wrong secret was configured: with the right one the refused delivery
// becomes an event, and its verdict at arrival stays.
func TestReverify(t *testing.T) {
	file := refused(t, `{"id":"evt_1","type":"invoice.paid"}`)
	fails(t, 2, "one --endpoint", "--db", file, "reverify", "--secret-file", written(t, "whsec_new"))
	fails(t, 2, "--secret-env", "--db", file, "reverify", "--endpoint", "billing")
	out := works(t, "--db", file, "reverify", "--endpoint", "billing", "--secret-file", written(t, "whsec_other"), "--yes")
	if out != "0 deliveries taken in\n1 delivery refused again\n" {
		t.Error(out)
	}
	out = works(t, "--db", file, "reverify", "--endpoint", "billing", "--secret-file", written(t, "whsec_new"), "--yes")
	if out != "1 delivery taken in\n" {
		t.Error(out)
	}
	out = works(t, "--db", file, "show", "--delivery", "1")
	if !strings.Contains(out, "by reverify") || !strings.Contains(out, "signature_mismatch") {
		t.Error(out)
	}
	if out := works(t, "--db", file, "list"); !strings.Contains(out, "invoice.paid") {
		t.Error(out)
	}
}

// A delivery is taken in by decision only with a reason, which is kept.
func TestAccept(t *testing.T) {
	file := refused(t, `{"id":"evt_1","type":"invoice.paid"}`)
	secret := written(t, "whsec_old")
	fails(t, 2, "reason", "--db", file, "accept", "1", "--secret-file", secret)
	fails(t, 3, "not_found", "--db", file, "accept", "9", "--reason", "x", "--secret-file", secret)
	out := works(t, "--db", file, "accept", "1", "--reason", "confirmed by telephone", "--secret-file", secret)
	if out != "delivery 1 is event 1 now\n" {
		t.Error(out)
	}
	if out := works(t, "--db", file, "show", "--delivery", "1"); !strings.Contains(out, "confirmed by telephone") {
		t.Error(out)
	}
	fails(t, 4, "invalid_state", "--db", file, "accept", "1", "--reason", "again", "--secret-file", secret)
}

// A body that was cut when it was stored, and a header that was redacted, are
// told of: such a check can't succeed.
func TestVerifyWhatWasNotStored(t *testing.T) {
	file := refused(t, `{"id":"`+strings.Repeat("x", 70_000)+`"}`)
	got := knocker(t, "--db", file, "verify", "1", "--secret-file", written(t, "whsec_new"))
	if got.code != 6 || !strings.Contains(got.out, "not the whole one that was signed") {
		t.Error(got)
	}
	s := filled(t)
	got = knocker(t, "--db", s.file, "verify", "4", "--secret-file", written(t, "s3cret"))
	if got.code != 6 || !strings.Contains(got.out, "Stored without their values: x-knocker-token") || strings.Contains(got.out, "s3cret") {
		t.Error(got)
	}
}

// A sound file passes; a damaged one, and one with a stuck event, do not.
func TestCheck(t *testing.T) {
	s := filled(t)
	golden(t, "check", works(t, "--db", s.file, "check"))
	works(t, "--db", s.file, "check", "--quick")
	copied := filepath.Join(t.TempDir(), "copy.db")
	works(t, "--db", s.file, "backup", copied)
	if out, err := exec.Command("sqlite3", copied, "DELETE FROM _honker_live").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	got := knocker(t, "--db", copied, "check")
	if got.code != 6 || !strings.Contains(got.out, "1 received without a job: requeue --stuck runs them") {
		t.Error(got)
	}
	if out := works(t, "--db", copied, "requeue", "--stuck", "--yes"); out != "1 event queued again\n" {
		t.Error(out)
	}
	works(t, "--db", copied, "check")
	damage(t, copied)
	if got := knocker(t, "--db", copied, "--json", "check"); got.code != 6 && got.code != 1 || strings.Contains(got.out, `"integrity":[],`) {
		t.Error("the damage was not found", got)
	}
}

// damage overwrites a page in the middle of a file.
func damage(t *testing.T, path string) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteAt([]byte(strings.Repeat("x", 8192)), size/8192/2*8192); err != nil {
		t.Fatal(err)
	}
}
