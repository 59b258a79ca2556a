package core_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/knocker-dev/knocker/core"
)

// seeded is how many old events the test under load prunes: the figures in the
// runbook are those of 100,000.
func seeded(t *testing.T) int {
	n, err := strconv.Atoi(os.Getenv("KNOCKER_TEST_OLD_EVENTS"))
	if err != nil {
		return 4000
	}
	if n < 1 {
		t.Fatal("KNOCKER_TEST_OLD_EVENTS must be a number above 0")
	}
	return n
}

// While old events are pruned, receipts go between: the writer is never held
// for long, and a file of ours becomes small again.
func TestRetentionGivesWay(t *testing.T) {
	c := newClock()
	c.ns.Store(time.Now().UnixNano())
	inbox := withEndpoint(t, core.Options{})
	old := seeded(t)
	seed(t, inbox, c, "handled", 40, old, 2048)
	quiet := loadOf(t, inbox, time.Second, nil)
	begun := time.Now()
	if err := inbox.StartRetention(core.RetentionPolicy{}); err != nil {
		t.Fatal(err)
	}
	pruned := func() bool {
		s := retentionState(t, inbox)
		return s.LastPass != nil && s.LastPass.EventsPruned == int64(old)
	}
	var took time.Duration
	busy := loadOf(t, inbox, 5*time.Minute, func() bool {
		if !pruned() {
			return false
		}
		took = time.Since(begun)
		return true
	})
	last := retentionState(t, inbox).LastPass
	var summary struct {
		Longest  float64 `json:"longest_ms"`
		Released int64   `json:"pages_released"`
	}
	if err := json.Unmarshal(last.Summary, &summary); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d events in %s, %.0f a second; the writer was held for %.1f ms at most; pages given back: %d", old, took.Round(time.Millisecond),
		float64(old)/took.Seconds(), summary.Longest, summary.Released)
	t.Logf("receipts without it: %s; meanwhile: %s", quiet, busy)
	if summary.Longest > 1000 || summary.Released == 0 {
		t.Errorf("%s", last.Summary)
	}
	if free, pages := number(t, inbox, "PRAGMA freelist_count"), number(t, inbox, "PRAGMA page_count"); free > pages/8+600 {
		t.Errorf("%d of %d pages are still free", free, pages)
	}
}

// latencies of receipts.
type latencies []time.Duration

func (l latencies) String() string {
	slices.Sort(l)
	at := func(part float64) time.Duration { return l[int(part*float64(len(l)-1))].Round(10 * time.Microsecond) }
	return fmt.Sprintf("%d, median %s, 99 %% %s, longest %s", len(l), at(0.5), at(0.99), at(1))
}

// loadOf receives with four callers for a time, or until done.
func loadOf(t *testing.T, inbox *core.Inbox, life time.Duration, done func() bool) (all latencies) {
	t.Helper()
	var callers sync.WaitGroup
	var mu sync.Mutex
	var stop atomic.Bool
	for range 4 {
		callers.Add(1)
		go func() {
			defer callers.Done()
			var own latencies
			for !stop.Load() {
				start := time.Now()
				if _, err := inbox.Receive(background, request("", "x")); err != nil {
					t.Error(err)
					return
				}
				own = append(own, time.Since(start))
				time.Sleep(time.Millisecond)
			}
			mu.Lock()
			all = append(all, own...)
			mu.Unlock()
		}()
	}
	for end := time.Now().Add(life); time.Now().Before(end) && (done == nil || !done()); {
		time.Sleep(20 * time.Millisecond)
	}
	stop.Store(true)
	callers.Wait()
	return all
}

// What auto_vacuum costs a receipt: the two files differ in nothing else.
func BenchmarkReceiveByAutoVacuum(b *testing.B) {
	body := []byte(`{"type":"x","pad":"` + string(slices.Repeat([]byte("p"), 2000)) + `"}`)
	for _, mode := range []string{"NONE", "INCREMENTAL"} {
		b.Run(mode, func(b *testing.B) {
			path := filepath.Join(b.TempDir(), "app.db")
			if out, err := exec.Command("sqlite3", path, "PRAGMA page_size = 8192; PRAGMA auto_vacuum = "+mode+"; CREATE TABLE own (a)").CombinedOutput(); err != nil {
				b.Fatalf("%v: %s", err, out)
			}
			inbox, err := core.Open(path, core.Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = inbox.Close() }()
			if _, err := inbox.AddEndpoint(background, core.EndpointParams{Name: "hooks", Provider: "token-header", Secrets: "secret", EventKey: "header:x-id"}); err != nil {
				b.Fatal(err)
			}
			cpu := processorTime()
			b.ResetTimer()
			b.SetParallelism(16)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					r := request("", "x")
					r.Body = body
					if _, err := inbox.Receive(background, r); err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.ReportMetric(float64((processorTime()-cpu).Microseconds())/float64(b.N), "cpu-µs/op")
		})
	}
}

func processorTime() time.Duration {
	var used syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &used) != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
