package main

import (
	"sync/atomic"
	"unsafe"

	"github.com/knocker-dev/knocker/core"
	"github.com/knocker-dev/knocker/core/extension"
	"github.com/knocker-dev/knocker/core/sqlite"
)

// The SQL function knocker_call answers the methods of the table, and some of
// its own, on the connection that calls it. A reply is that of the C interface,
// also where it is an error: so bindings read both in one way.
func init() {
	extension.Add(extension.Function{Name: "knocker_call", Least: 2, Most: 3, Writes: true, Prepare: prepareCall, Closed: core.ForgetConnection})
}

func prepareCall(a *extension.Arguments) extension.Call {
	method, request, body := a.Text("method"), a.OptionalText("request_json"), a.Body()
	return func(c *sqlite.Conn) (any, error) {
		out, err := callOnConnection([]byte(`{"ok":`), c, method, inputOf([]byte(request)), inputOf(body))
		if err != nil {
			return string(appendError(nil, err)), nil
		}
		return string(append(out, '}')), nil
	}
}

// inputOf is memory of Go's as an input.
func inputOf(memory []byte) input {
	return input{unsafe.Pointer(unsafe.SliceData(memory)), uint64(len(memory))}
}

// connection is what a call works with.
type connection struct {
	*core.HostInbox
	clock *hostClock
	body  input
}

// hostClock is the settable clock of a file, used only where it was attached
// with one.
type hostClock struct {
	clock
	used atomic.Bool
}

func callOnConnection(out []byte, c *sqlite.Conn, name string, request, body input) ([]byte, error) {
	h, err := core.OnConnection(c)
	if err != nil {
		return nil, err
	}
	on := &connection{HostInbox: h, body: body}
	on.clock = h.Keep(func() any { return &hostClock{} }).(*hostClock)
	reply, err := on.call(name, request)
	if err != nil {
		return nil, err
	}
	return appendJSON(out, reply), nil
}

func (on *connection) call(name string, request input) (any, error) {
	if m, own := connectionMethods[name]; own {
		return m.call(on, request)
	}
	m, known := methods[name]
	switch {
	case !known:
		return nil, unknownMethod(name)
	case m.ownFile:
		return nil, core.NotOnConnection(name)
	}
	return m.call(on.inbox(), request)
}

// inbox is what the methods of an opened inbox work with.
func (on *connection) inbox() *inbox {
	i := &inbox{core: on.Inbox, scope: on.Scope()}
	if on.clock.used.Load() {
		i.clock = &on.clock.clock
	}
	return i
}
