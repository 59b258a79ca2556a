package core_test

import (
	"context"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/knocker-dev/knocker/core"
)

// A commit of another process starts a waiting worker's handler: at once by the
// notification, and by polling where there is none, which a hook tells once. The
// looks that happen anyway, every half second and every second, are far slower.
func TestWakeOfOtherProcesses(t *testing.T) {
	for name, c := range map[string]struct {
		watch  bool
		within time.Duration
	}{"notified": {true, 100 * time.Millisecond}, "polling": {false, 150 * time.Millisecond}} {
		t.Run(name, func(t *testing.T) {
			if c.watch && runtime.GOOS != "linux" {
				t.Skip("no notification here")
			}
			if !c.watch {
				t.Cleanup(core.WithoutWatch())
			}
			inbox := withEndpoint(t, core.Options{})
			q := inbox.SubscribeQueue(1000)
			started := make(chan time.Time, 1)
			handle(t, inbox, "", func(context.Context, *core.Event, *core.Tx) error {
				started <- time.Now()
				return nil
			})
			var took []time.Duration
			for range 7 {
				receive(t, inbox, "")
				shell(t, inbox.Path(), "UPDATE _honker_live SET run_at = run_at + 1000")
				ctx, stop := context.WithCancel(background)
				done := make(chan error, 2)
				for range 2 { // both are told of the missing notification by one hook
					go func() { done <- inbox.RunWorker(ctx, core.WorkerOptions{}) }()
				}
				time.Sleep(1200 * time.Millisecond) // until the polls are slow ones
				shell(t, inbox.Path(), "UPDATE _honker_live SET run_at = 0")
				committed := time.Now()
				select {
				case at := <-started:
					took = append(took, at.Sub(committed))
				case <-time.After(10 * time.Second):
					t.Fatal("never handled")
				}
				stop()
				for range 2 {
					if err := <-done; err != nil {
						t.Fatal(err)
					}
				}
			}
			slices.Sort(took)
			if took[len(took)/2] > c.within {
				t.Error("from the commit to the handler:", took)
			}
			told := 0
			events, _ := q.Poll(1000)
			for _, ev := range events {
				if ev.Kind == core.HookWatchUnavailable {
					told++
				}
			}
			if want := map[bool]int{true: 0, false: 1}[c.watch]; told != want {
				t.Errorf("watch_unavailable was told %d times", told)
			}
		})
	}
}

// watches counts this process's watchers of directories.
func watches(t *testing.T) (n int) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip(err)
	}
	for _, entry := range entries {
		if to, _ := os.Readlink("/proc/self/fd/" + entry.Name()); strings.Contains(to, "inotify") {
			n++
		}
	}
	return n
}

// A process that only receives starts no watcher; one that works has one.
func TestOnlyWorkersWatch(t *testing.T) {
	inbox := withEndpoint(t, core.Options{})
	before := watches(t)
	for range 20 {
		receive(t, inbox, "")
	}
	if n := watches(t); n != before {
		t.Fatal("a watcher for receiving alone:", n-before)
	}
	w := openWorker(t, inbox, core.WorkerOptions{Endpoints: []string{"hooks"}})
	register(t, inbox)
	for range 20 {
		next(t, w, 0).Finish(background, core.Outcome{Kind: "handled"})
	}
	until(t, "the worker watches", func() bool {
		_, _ = w.Next(background, 10*time.Millisecond, 0)
		return watches(t) > before
	})
}
