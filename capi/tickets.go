package main

import (
	"context"
	"sync"
	"time"

	"github.com/knocker-dev/knocker/capi/abi"
	"github.com/knocker-dev/knocker/core"
	"github.com/knocker-dev/knocker/core/safe"
)

const (
	// maxTickets bounds the tickets of an inbox that poll has not handed out
	// yet, and maxTicketBytes their bodies. Above either: "busy".
	maxTickets     = 4096
	maxTicketBytes = 256 << 20

	// cancelPatience is how long cancel waits for the engine to say whether a
	// receipt was dropped. It drops one at once; only one that is being stored
	// takes longer, and that can't be dropped.
	cancelPatience = 10 * time.Millisecond
)

// tickets are the asynchronous receives of one inbox.
type tickets struct {
	ctx       context.Context
	cancelAll context.CancelFunc
	running   sync.WaitGroup // Add only under mu and before closed

	mu     sync.Mutex
	closed bool
	last   uint64
	bytes  int
	open   map[uint64]*ticket // not handed out by poll yet
	done   []*ticket          // completed, in order
	signal signal
}

type ticket struct {
	number uint64
	size   int
	cancel context.CancelFunc
	ended  chan struct{} // closed with the outcome
	reply  []byte        // `"ok":…` or `"error":…`
	// dropped tells that the engine gave it up before storing anything.
	dropped bool
}

func newTickets() *tickets {
	t := &tickets{open: map[uint64]*ticket{}}
	t.ctx, t.cancelAll = context.WithCancel(background())
	return t
}

func receiveStart(out []byte, db uint64, request, body input) ([]byte, error) {
	i, err := find[*inbox](db)
	if err != nil {
		return nil, err
	}
	params, err := receiveParams(request, body)
	if err != nil {
		return nil, err
	}
	t, ctx, err := i.tickets.add(len(params.Body))
	if err != nil {
		return nil, err
	}
	safe.Go("receive ticket", func() {
		defer i.tickets.running.Done()
		result, err := i.core.Receive(ctx, params)
		i.tickets.complete(t, &result, err)
	})
	return appendJSON(out, abi.TicketReply{Ticket: t.number}), nil
}

func (t *tickets) add(size int) (*ticket, context.Context, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, nil, failure(core.CodeClosed, "The inbox is closed.")
	}
	if len(t.open) >= maxTickets || t.bytes > 0 && t.bytes+size > maxTicketBytes {
		return nil, nil, failure(core.CodeBusy, "%d receives are under way or not polled yet; nothing was written. The sender will retry.", len(t.open))
	}
	t.last++
	ctx, cancel := context.WithCancel(t.ctx)
	n := &ticket{number: t.last, size: size, cancel: cancel, ended: make(chan struct{})}
	t.open[n.number] = n
	t.bytes += size
	t.running.Add(1)
	return n, ctx, nil
}

func (t *tickets) complete(n *ticket, result *core.Result, err error) {
	n.cancel()
	if err != nil {
		n.reply = appendErrorValue([]byte(`"error":`), err)
		n.dropped = core.CodeOf(err) == core.CodeCancelled
	} else {
		n.reply = appendResult([]byte(`"ok":`), result)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	close(n.ended)
	t.done = append(t.done, n)
	t.signal.set()
}

func receivePoll(out []byte, db uint64, in input) ([]byte, error) {
	i, err := find[*inbox](db)
	if err != nil {
		return nil, err
	}
	request := abi.PollRequest{Max: 256}
	if err := in.decode(&request); err != nil {
		return nil, err
	}
	out = append(out, `{"completed":[`...)
	for k, n := range i.tickets.take(request.Max) {
		if k > 0 {
			out = append(out, ',')
		}
		out = append(out, `{"ticket":`...)
		out = abi.AppendInteger(out, int64(n.number))
		out = append(out, ',')
		out = append(out, n.reply...)
		out = append(out, '}')
	}
	return append(out, "]}"...), nil
}

// take hands out completed tickets. The descriptor stays readable while some
// are left.
func (t *tickets) take(most int) []*ticket {
	t.mu.Lock()
	defer t.mu.Unlock()
	taken := t.done[:min(most, len(t.done))]
	t.done = t.done[len(taken):]
	if len(t.done) == 0 {
		t.done = nil
		t.signal.clear()
	}
	for _, n := range taken {
		t.forget(n)
	}
	return taken
}

// forget makes room for another ticket. t.mu is held.
func (t *tickets) forget(n *ticket) {
	delete(t.open, n.number)
	t.bytes -= n.size
}

func receiveCancel(out []byte, db uint64, in input) ([]byte, error) {
	i, err := find[*inbox](db)
	if err != nil {
		return nil, err
	}
	var request abi.CancelRequest
	if err := in.decode(&request); err != nil {
		return nil, err
	}
	return appendJSON(out, abi.CancelReply{Cancelled: i.tickets.drop(request.Ticket)}), nil
}

// drop cancels a ticket; true when nothing was stored and no outcome will come.
func (t *tickets) drop(number uint64) bool {
	t.mu.Lock()
	n := t.open[number]
	t.mu.Unlock()
	if n == nil {
		return false
	}
	n.cancel()
	patience := time.NewTimer(cancelPatience)
	defer patience.Stop()
	select {
	case <-n.ended:
	case <-patience.C:
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !n.dropped || t.open[number] != n {
		return false
	}
	for k, other := range t.done {
		if other == n {
			t.done = append(t.done[:k:k], t.done[k+1:]...)
			break
		}
	}
	if len(t.done) == 0 {
		t.signal.clear()
	}
	t.forget(n)
	return true
}

// descriptor returns the completion descriptor; the first call makes it.
func (t *tickets) descriptor() (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return 0, failure(core.CodeClosed, "The inbox is closed.")
	}
	if err := t.signal.open(); err != nil {
		return 0, err
	}
	if len(t.done) > 0 {
		t.signal.set()
	}
	return t.signal.descriptor(), nil
}

// refuse ends the taking in and drops what is not being stored yet. After a
// panic it makes the descriptor readable for good, so that an event loop comes
// and meets the failure.
func (t *tickets) refuse() {
	t.mu.Lock()
	t.closed = true
	if poison.Load() != nil {
		t.signal.set()
	}
	t.mu.Unlock()
	t.cancelAll()
}

// shut waits for the running tickets, then closes the descriptor. refuse has
// to come first.
func (t *tickets) shut() {
	t.running.Wait()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.done, t.open = nil, nil
	if poison.Load() == nil {
		t.signal.close()
	}
}
