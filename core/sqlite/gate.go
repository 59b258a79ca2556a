package sqlite

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/knocker-dev/knocker/core/safe"
)

// Lane is one of the two queues in front of the writer.
type Lane int

// The lanes, served in turn and first come first served in each: a turn of
// Receives takes all receipts that are queued, one of Transactions takes one.
const (
	Receives Lane = iota
	Transactions
)

// Errors of the gate.
var (
	ErrBusy          = errors.New("the writer stayed busy")
	ErrWouldDeadlock = errors.New("the call would wait for a transaction of its own thread or loop")
	ErrClosed        = errors.New("the writer is closed")
	ErrAbandoned     = errors.New("nobody needs the turn any more")
)

// Gate is the one writer lock of a file in this process. It stands before both
// write connections, so nothing inside the process ever meets "locked".
type Gate struct {
	mu     sync.Mutex
	held   bool
	home   uint64 // of the holder
	served Lane   // whose turn was last
	lanes  [2][]*Waiter
	closed error
	idle   chan struct{} // made by Drain, closed when the holder is done
	onWait func()        // called when somebody begins to wait
}

// Waiter is one that waits for its turn. Item travels with receipts: the
// holder of a receive turn takes the other waiters' items along.
type Waiter struct {
	Item any
	Size int64
	// Abandon, if it is not nil, ends the waiting with ErrAbandoned when closed.
	Abandon <-chan struct{}
	// Then, if it is not nil, gets the answer instead of Wait's caller; see
	// WaitThen. It must not block, nor use the gate.
	Then func(error)

	lane    Lane
	home    uint64 // holder's home, once it has the turn
	blocks  uint64 // the home that cannot move while this one waits; 0: none
	joins   bool   // can go on in the holder's open transaction
	ready   chan error
	waiting bool // still in its lane
	timer   *time.Timer
}

// tell gives the waiter its answer, once.
func (w *Waiter) tell(err error) {
	if w.Then == nil {
		w.ready <- err
		return
	}
	if w.timer != nil {
		w.timer.Stop()
	}
	w.Then(err)
}

// ErrServed is not an error: a holder has done this waiter's work for it.
var ErrServed = errors.New("served by another")

// NewWaiter makes a waiter. home is the holder's home if it gets the turn,
// blocks the home that stands still while it waits; 0 for none.
func NewWaiter(lane Lane, home, blocks uint64) *Waiter {
	return &Waiter{lane: lane, home: home, blocks: blocks, ready: make(chan error, 1)}
}

// NewJoiner is a waiter of Transactions that can go on in an open transaction.
func NewJoiner(home, blocks uint64) *Waiter {
	w := NewWaiter(Transactions, home, blocks)
	w.joins = true
	return w
}

// OnWait sets what is called, outside all locks, when somebody begins to wait
// while the gate is held. It is set once, before the gate is used.
func (g *Gate) OnWait(f func()) { g.onWait = f }

// Wait waits for the turn of w. A nil answer means that w holds the gate and
// must Release it; ErrServed that another turn has done its work. When ctx or
// the timeout ends first, w leaves the queue, unless its item has been taken:
// then Wait goes on until that turn is over, so the answer is always true.
func (g *Gate) Wait(ctx context.Context, w *Waiter, timeout time.Duration) error {
	g.mu.Lock()
	switch {
	case g.closed != nil:
		g.mu.Unlock()
		return g.closed
	case g.held && w.blocks != 0 && g.home == w.blocks:
		g.mu.Unlock()
		return ErrWouldDeadlock
	case !g.held:
		g.grant(w)
		g.mu.Unlock()
		return <-w.ready
	}
	w.waiting = true
	g.lanes[w.lane] = append(g.lanes[w.lane], w)
	g.mu.Unlock()
	if g.onWait != nil {
		g.onWait()
	}
	return g.await(ctx, w, timeout)
}

// WaitThen waits without a goroutine. True: w holds the gate and must Release
// it. False without an error: w.Then will get the answer, under the gate's lock
// where the turn is w's.
func (g *Gate) WaitThen(w *Waiter, timeout time.Duration) (granted bool, err error) {
	g.mu.Lock()
	switch {
	case g.closed != nil:
		err = g.closed
	case g.held && w.blocks != 0 && g.home == w.blocks:
		err = ErrWouldDeadlock
	case !g.held:
		granted = true
		g.held, g.home, g.served = true, w.home, w.lane
	default:
		w.waiting = true
		w.timer = safe.AfterFunc("receive timeout", timeout, func() { g.giveUp(w) })
		g.lanes[w.lane] = append(g.lanes[w.lane], w)
	}
	g.mu.Unlock()
	if !granted && err == nil && g.onWait != nil {
		g.onWait()
	}
	return granted, err
}

// giveUp ends the waiting of a w.Then that nobody has taken in time.
func (g *Gate) giveUp(w *Waiter) {
	g.mu.Lock()
	left := w.waiting
	g.remove(w)
	g.mu.Unlock()
	if left {
		w.tell(ErrBusy)
	}
}

func (g *Gate) await(ctx context.Context, w *Waiter, timeout time.Duration) error {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	var cause error
	select {
	case err := <-w.ready:
		return err
	case <-timer.C:
		cause = ErrBusy
	case <-ctx.Done():
		cause = context.Cause(ctx)
	case <-w.Abandon:
		cause = ErrAbandoned
	}
	g.mu.Lock()
	left := w.waiting
	g.remove(w)
	g.mu.Unlock()
	if left {
		return cause
	}
	err := <-w.ready
	if err == nil && !w.joins { // granted in the same moment: hand the turn on
		g.Release()
		return cause
	}
	return err
}

func (g *Gate) remove(w *Waiter) {
	if !w.waiting {
		return
	}
	w.waiting = false
	lane := g.lanes[w.lane]
	for i, other := range lane {
		if other == w {
			g.lanes[w.lane] = append(lane[:i:i], lane[i+1:]...)
			return
		}
	}
}

// grant gives w the turn. Whoever stands still for w's home while w holds the
// gate would wait for ever, so it learns at once.
func (g *Gate) grant(w *Waiter) {
	g.held, g.home, g.served = true, w.home, w.lane
	w.tell(nil)
	if w.home != 0 {
		g.expel(w.home)
	}
}

func (g *Gate) expel(home uint64) {
	for i := range g.lanes {
		kept := g.lanes[i][:0:0]
		for _, w := range g.lanes[i] {
			if w.blocks == home {
				w.waiting = false
				w.tell(ErrWouldDeadlock)
			} else {
				kept = append(kept, w)
			}
		}
		g.lanes[i] = kept
	}
}

// Waiting reports whether the receive lane holds an item that the test accepts.
func (g *Gate) Waiting(accept func(item any) bool) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, w := range g.lanes[Receives] {
		if accept(w.Item) {
			return true
		}
	}
	return false
}

// Take removes further waiters of the receive lane in order, up to a count, a
// sum of sizes and the first that is not accepted. The holder does their work
// and calls Served for each.
func (g *Gate) Take(count int, size int64, accept func(item any) bool) []*Waiter {
	g.mu.Lock()
	defer g.mu.Unlock()
	lane := g.lanes[Receives]
	n := 0
	for n < len(lane) && n < count && accept(lane[n].Item) {
		if size -= lane[n].Size; size < 0 {
			break
		}
		lane[n].waiting = false
		n++
	}
	taken := lane[:n:n]
	g.lanes[Receives] = lane[n:]
	return taken
}

// Served tells a taken waiter that its work is done; its Item says how.
func (g *Gate) Served(w *Waiter) { w.tell(ErrServed) }

// Adopt changes the holder's home, when the turn goes from one user to another
// without a release.
func (g *Gate) Adopt(home uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.home = home
	if home != 0 {
		g.expel(home)
	}
}

// Contended reports whether anybody waits.
func (g *Gate) Contended() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.lanes[Receives])+len(g.lanes[Transactions]) > 0
}

// Pass gives the turn, with the open transaction, to the next waiter if that
// is one who can join it and no receipt waits; else it does nothing.
func (g *Gate) Pass() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	lane := g.lanes[Transactions]
	if len(g.lanes[Receives]) > 0 || len(lane) == 0 || !lane[0].joins {
		return false
	}
	w := lane[0]
	g.lanes[Transactions] = lane[1:]
	w.waiting = false
	g.grant(w)
	return true
}

// Release ends the turn and gives the next one.
func (g *Gate) Release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.held, g.home = false, 0
	lane := 1 - g.served
	if len(g.lanes[lane]) == 0 {
		lane = g.served
	}
	if len(g.lanes[lane]) == 0 {
		if g.idle != nil {
			close(g.idle)
			g.idle = nil
		}
		return
	}
	w := g.lanes[lane][0]
	g.lanes[lane] = g.lanes[lane][1:]
	w.waiting = false
	g.grant(w)
}

// HeldBy reports whether a transaction of this home holds the gate.
func (g *Gate) HeldBy(home uint64) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.held && g.home == home
}

// Close fails all who wait and all who come.
func (g *Gate) Close(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed != nil {
		return
	}
	g.closed = err
	for i := range g.lanes {
		for _, w := range g.lanes[i] {
			w.waiting = false
			w.tell(err)
		}
		g.lanes[i] = nil
	}
}

// Drain waits, after Close, until the last holder has released the gate.
func (g *Gate) Drain() {
	g.mu.Lock()
	if !g.held {
		g.mu.Unlock()
		return
	}
	if g.idle == nil {
		g.idle = make(chan struct{})
	}
	idle := g.idle
	g.mu.Unlock()
	<-idle
}
