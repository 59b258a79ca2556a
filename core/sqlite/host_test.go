package sqlite

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/knocker-dev/knocker/core/internal/testhost"
)

// forgetHosts lets a test begin, and the others go on, without a host.
func forgetHosts(t *testing.T) {
	t.Helper()
	hosts.latest.Store(nil)
	t.Cleanup(func() { hosts.latest.Store(nil) })
}

func findHost(t *testing.T) Routines {
	t.Helper()
	forgetHosts(t)
	library, err := testhost.Load()
	if err != nil {
		t.Fatal(err)
	}
	r, err := FindHost(library)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func refused(t *testing.T, err error, words ...string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || !e.Unavailable {
		t.Fatalf("not refused as unavailable: %v", err)
	}
	for _, word := range words {
		if !strings.Contains(e.Message, word) {
			t.Errorf("%q does not say %q", e.Message, word)
		}
	}
}

// A host's SQLite carries connections of ours, beside the embedded one.
func TestFindHost(t *testing.T) {
	r := findHost(t)
	own, err := Embedded()
	if err != nil || !r.IsHost() || own.IsHost() || r.table == own.table || !HasHost() {
		t.Fatal("this is not another SQLite", err)
	}
	c, err := Open(r, filepath.Join(t.TempDir(), "a.db"), OpenReadWrite|OpenCreate, "")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	rows, err := c.Query("SELECT sqlite_version()")
	if err != nil || !rows.Next() || rows.Text(0) != r.Version() {
		t.Fatalf("%v, not %s: %v", rows, r.Version(), err)
	}
	// What was handed over stays, whatever is asked for then.
	if again, err := FindHost("/nowhere.so"); err != nil || again.table != r.table {
		t.Fatal(again, err)
	}
}

// Whoever asks for a host's SQLite where there is none learns what to do.
func TestNoHost(t *testing.T) {
	forgetHosts(t)
	if HasHost() {
		t.Fatal("there is one")
	}
	_, err := Host()
	refused(t, err, "load this library as an extension", `engine "embedded"`)
	_, err = FindHost("/nowhere.so")
	refused(t, err, "/nowhere.so", "has not loaded")
	_, err = FindHost("libc.so.6")
	refused(t, err, "libc.so.6", "does not show its functions")
	_, err = FindHost("")
	refused(t, err, "the program")
}

// A host's SQLite that can't carry the inbox is refused by name of what is
// missing, and does not get as far as a file.
func TestUnfitHosts(t *testing.T) {
	real := unsafe.Pointer(findHost(t).table)
	for wrong, words := range map[int][]string{
		testhost.Old:          {"3.37.2", "3.38"},
		testhost.LacksRoutine: {"set_authorizer", `engine "embedded"`},
		testhost.NoThreads:    {"SQLITE_THREADSAFE=0", `engine "embedded"`},
		testhost.SingleThread: {"SQLITE_CONFIG_SINGLETHREAD"},
		testhost.NoJSON:       {"without JSON"},
	} {
		table := testhost.Spoil(real, wrong)
		for range 2 { // remembered, too
			_, _ = HandOver(table)
			_, err := Host()
			refused(t, err, words...)
		}
		if HasHost() {
			t.Errorf("%v: there is a host", words)
		}
	}
}

// better-sqlite3 has no progress handler: a statement that runs on past its
// transaction's limit must end there, too, and the next ones only till it is over.
func TestExpiryWithoutProgressHandler(t *testing.T) {
	real := unsafe.Pointer(findHost(t).table)
	if _, err := HandOver(testhost.Spoil(real, testhost.NoProgress)); err != nil {
		t.Fatal(err)
	}
	r, err := Host()
	if err != nil {
		t.Fatal(err)
	}
	c, err := Open(r, filepath.Join(t.TempDir(), "a.db"), OpenReadWrite|OpenCreate, "")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Guard(); err != nil {
		t.Fatal(err)
	}
	for n := range 20 {
		told := make(chan struct{})
		time.AfterFunc(time.Duration(n)*100*time.Microsecond, func() { c.SetExpired(true); close(told) })
		if _, err := c.QueryUntrusted("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT count(*) FROM n", nil, nil); CodeOf(err) != CodeInterrupt {
			t.Fatal(err)
		}
		if _, err := c.QueryUntrusted("SELECT 1", nil, nil); CodeOf(err) != CodeInterrupt {
			t.Error("a later statement ran:", err)
		}
		if _, err := c.Query("SELECT 1"); err != nil {
			t.Fatal("the library's own statements must go on:", err)
		}
		<-told
		c.SetExpired(false)
		if _, err := c.QueryUntrusted("SELECT 1", nil, nil); err != nil {
			t.Fatal("the next transaction's statement:", err)
		}
	}
}

// In a Go program that uses the embedded SQLite for itself there is only one:
// it keeps the locks that the embedded one has.
func TestEmbeddedAsHost(t *testing.T) {
	forgetHosts(t)
	own, err := Embedded()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := HandOver(unsafe.Pointer(own.table)); err != nil {
		t.Fatal(err)
	}
	if r, err := Host(); err != nil || r.IsHost() {
		t.Fatal("the embedded SQLite counts as another one", err)
	}
}
