package main_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	knockersqlite "github.com/knocker-dev/knocker/bindings/go"
)

// The tests run the real program on real files, which the test's own process
// has open meanwhile, as an application would.

const tags = "sqlite_fts5 sqlite_math_functions sqlite_dbstat"

var (
	update = flag.Bool("update", false, "write the golden files anew")
	binary string
)

func TestMain(m *testing.M) {
	flag.Parse()
	dir, err := os.MkdirTemp("", "knocker-cli")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "knocker")
	build := exec.Command("go", "build", "-tags", tags, "-o", binary, ".")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%s%v\n", out, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// limit bounds every run of the program.
const limit = 60 * time.Second

// command is the program in a fixed time zone, without the caller's variables.
func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env = []string{"TZ=UTC", "HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH")}
	return cmd
}

type outcome struct {
	out, err string
	code     int
}

func knocker(t *testing.T, args ...string) outcome {
	t.Helper()
	return runCommand(t, command(t, args...))
}

func runCommand(t *testing.T, cmd *exec.Cmd) outcome {
	t.Helper()
	var out, messages bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &messages
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return outcome{out.String(), messages.String(), cmd.ProcessState.ExitCode()}
}

// fails checks that a call ends with an exit code and says something.
func fails(t *testing.T, code int, message string, args ...string) {
	t.Helper()
	got := knocker(t, args...)
	if got.code != code || !strings.Contains(got.err, message) || got.out != "" {
		t.Errorf("knocker %s: code %d, %q and %q; want %d and %q", strings.Join(args, " "), got.code, got.out, got.err, code, message)
	}
}

// works checks that a call succeeds, and answers what it printed.
func works(t *testing.T, args ...string) string {
	t.Helper()
	got := knocker(t, args...)
	if got.code != 0 {
		t.Fatalf("knocker %s: code %d, %q and %q", strings.Join(args, " "), got.code, got.out, got.err)
	}
	return got.out
}

// What differs from run to run: how long ago, and how long a handler took.
var passing = []struct {
	found *regexp.Regexp
	shown string
}{
	{regexp.MustCompile(`\(\d+ \w+ ago\)`), "(… ago)"},
	{regexp.MustCompile(`"duration_ms":\d+`), `"duration_ms":"…"`},
	{regexp.MustCompile(`(failed|dead) +\d+m?s `), "$1 … "},
}

// golden compares with testdata/NAME.golden; go test -update writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	for _, p := range passing {
		got = p.found.ReplaceAllString(got, p.shown)
	}
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is not what it was; go test -update if that is meant.\n--- got\n%s--- want\n%s", name, got, want)
	}
}

// begin is when the tests' webhooks began to arrive.
const begin = 1767225600 // 2026-01-01 00:00:00 UTC

// shop is an inbox with something of everything, and its clock.
type shop struct {
	*knockersqlite.Inbox
	file string
	now  atomic.Int64
}

func newShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{file: filepath.Join(t.TempDir(), "app.db")}
	s.now.Store(begin)
	var err error
	s.Inbox, err = knockersqlite.OpenWith(s.file, knockersqlite.Options{
		Now:   func() time.Time { return time.Unix(s.now.Load(), 0) },
		Retry: knockersqlite.RetryPolicy{MaxAttempts: 2, BackoffInitial: time.Minute, NoBackoffJitter: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	for _, name := range []string{"orders", "invoices"} {
		params := knockersqlite.AddEndpointParams{Name: name, Provider: "token-header", Secrets: "s3cret", EventKey: "header:x-event"}
		if _, err := s.AddEndpoint(params); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// receive takes one request in; each comes a second after the one before.
func (s *shop) receive(t *testing.T, endpoint, token, event, body string) knockersqlite.Result {
	t.Helper()
	s.now.Add(1)
	result, err := s.Receive(knockersqlite.ReceiveParams{Endpoint: endpoint, Body: []byte(body), RawQuery: "source=test",
		Headers: map[string]any{"x-knocker-token": token, "x-event": event, "content-type": "application/json"}})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// nasty is what a sender could try to do to a terminal.
const nasty = "\x1b]0;owned\x07\x1b[2Jgone\u202etxt\u009b31m"

// filled has a handled event with a duplicate, a dead one, one of a hostile
// sender, and a refused request.
func filled(t *testing.T) *shop {
	t.Helper()
	s := newShop(t)
	err := s.RegisterHandler("orders", func(event knockersqlite.Event, tx *knockersqlite.Tx) error {
		if event.EventType == "order.refunded" {
			return errors.New("no such table: refunds")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	s.receive(t, "orders", "s3cret", "evt_1", `{"type":"order.paid","total":4200}`)
	s.receive(t, "orders", "s3cret", "evt_2", `{"type":"order.refunded","total":-4200}`)
	s.receive(t, "orders", "s3cret", "evt_1", `{"type":"order.paid","total":4200}`)
	s.receive(t, "orders", "guessed", "evt_3", `{"type":"order.paid"}`)
	for range 2 {
		if _, err := s.RunWorkerOnce(context.Background(), knockersqlite.WorkerOptions{}); err != nil {
			t.Fatal(err)
		}
		s.now.Add(61)
	}
	result, err := s.Ingest(context.Background(), knockersqlite.IngestParams{Endpoint: "invoices", EventType: nasty, DedupeKey: nasty, Body: []byte(nasty)})
	if err != nil || result.EventID != 4 {
		t.Fatal(result, err)
	}
	return s
}
