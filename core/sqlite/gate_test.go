package sqlite

import (
	"context"
	"sync"
	"testing"
	"time"
)

func all(any) bool { return true }

const long = 10 * time.Second

func acquire(t *testing.T, g *Gate, lane Lane, home, blocks uint64) {
	t.Helper()
	if err := g.Wait(context.Background(), NewWaiter(lane, home, blocks), long); err != nil {
		t.Fatal(err)
	}
}

func waiters(g *Gate, lane Lane) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.lanes[lane])
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(long); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("timed out: " + what)
		}
	}
}

// The lanes are served in turn, so a stream of one kind can't starve the other.
func TestLanesTakeTurns(t *testing.T) {
	g := &Gate{}
	acquire(t, g, Transactions, 0, 0)
	var mu sync.Mutex
	var order []Lane
	var done sync.WaitGroup
	for _, lane := range []Lane{Transactions, Transactions, Receives, Receives} {
		before := waiters(g, lane)
		done.Add(1)
		go func() {
			defer done.Done()
			if g.Wait(context.Background(), NewWaiter(lane, 0, 0), long) == nil {
				mu.Lock()
				order = append(order, lane)
				mu.Unlock()
				g.Release()
			}
		}()
		until(t, "queued", func() bool { return waiters(g, lane) == before+1 })
	}
	g.Release()
	done.Wait()
	want := []Lane{Receives, Transactions, Receives, Transactions}
	for i := range want {
		if order[i] != want[i] {
			t.Fatalf("order %v, want %v", order, want)
		}
	}
}

// A thread that would wait for its own transaction must learn it at once,
// whether the transaction is open already or only gets its turn later.
func TestWouldDeadlock(t *testing.T) {
	g := &Gate{}
	acquire(t, g, Transactions, 7, 0)
	if err := g.Wait(context.Background(), NewWaiter(Receives, 0, 7), long); err != ErrWouldDeadlock {
		t.Fatal(err)
	}
	g.Release()
	acquire(t, g, Receives, 0, 0)
	holder, blocked := make(chan error, 1), make(chan error, 1)
	go func() { holder <- g.Wait(context.Background(), NewWaiter(Transactions, 7, 0), long) }()
	until(t, "holder queued", func() bool { return waiters(g, Transactions) == 1 })
	go func() { blocked <- g.Wait(context.Background(), NewWaiter(Receives, 0, 7), long) }()
	until(t, "blocked queued", func() bool { return waiters(g, Receives) == 1 })
	g.Release()
	if err := <-holder; err != nil {
		t.Fatal(err)
	}
	if err := <-blocked; err != ErrWouldDeadlock {
		t.Fatal(err)
	}
}

// A waiter that gives up leaves the queue; one whose item was taken waits for
// the outcome, because it may be on disk.
func TestGivingUp(t *testing.T) {
	g := &Gate{}
	acquire(t, g, Transactions, 0, 0)
	if err := g.Wait(context.Background(), NewWaiter(Receives, 0, 0), time.Millisecond); err != ErrBusy {
		t.Fatal(err)
	}
	if waiters(g, Receives) != 0 {
		t.Fatal("the waiter is still queued")
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- g.Wait(ctx, NewWaiter(Receives, 0, 0), long) }()
	until(t, "queued", func() bool { return waiters(g, Receives) == 1 })
	taken := g.Take(10, 1<<20, all)
	if len(taken) != 1 {
		t.Fatal("nothing taken")
	}
	cancel()
	select {
	case err := <-done:
		t.Fatal("answered before the outcome was known:", err)
	case <-time.After(20 * time.Millisecond):
	}
	g.Served(taken[0])
	if err := <-done; err != ErrServed {
		t.Fatal(err)
	}
}

func TestTakeIsBounded(t *testing.T) {
	g := &Gate{}
	for range 5 {
		g.lanes[Receives] = append(g.lanes[Receives], &Waiter{Size: 10, ready: make(chan error, 1)})
	}
	if n := len(g.Take(2, 100, all)); n != 2 {
		t.Error("count", n)
	}
	if n := len(g.Take(9, 25, all)); n != 2 {
		t.Error("size", n)
	}
	g.Close(ErrClosed)
	if err := g.Wait(context.Background(), NewWaiter(Receives, 0, 0), long); err != ErrClosed {
		t.Error(err)
	}
}
