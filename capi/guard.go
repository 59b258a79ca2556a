package main

import "C"

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/knocker-dev/knocker/capi/abi"
	"github.com/knocker-dev/knocker/core"
	"github.com/knocker-dev/knocker/core/safe"
)

// The first panic poisons the library: whatever it left half done, nothing
// runs on it any more. Every call, also one that waits, answers "internal".
var (
	poison atomic.Pointer[safe.PanicError]
	// alive ends with the first panic; every context in here comes from it.
	alive, endAll = context.WithCancel(context.Background())
)

func init() { safe.SetPanicHandler(poisonLibrary) }

func poisonLibrary(p *safe.PanicError) {
	if !poison.CompareAndSwap(nil, p) {
		return
	}
	endAll()
	safe.Go("poison", releaseEverything)
}

// guarded runs one exported call and makes its reply. f appends the value of
// "ok" to out; what it appends before an error is dropped.
func guarded(where string, f func(out []byte) ([]byte, error)) *C.char {
	if p := poison.Load(); p != nil {
		return toC(appendError(nil, internalError(p)))
	}
	buffer := buffers.Get().(*[]byte)
	start := append((*buffer)[:0], `{"ok":`...)
	var out []byte
	var err error
	if p := safe.Call(where, func() { out, err = f(start) }); p != nil {
		err = internalError(p)
	}
	if err != nil {
		out = appendError(start[:0], err)
	} else {
		out = append(out, '}')
	}
	reply := toC(out)
	if cap(out) <= maxKeptBuffer {
		*buffer = out
		buffers.Put(buffer)
	}
	return reply
}

// silently runs an exported function that has no reply.
func silently(where string, f func()) {
	if poison.Load() == nil {
		safe.Call(where, f)
	}
}

const maxKeptBuffer = 64 << 10

var buffers = sync.Pool{New: func() any {
	buffer := make([]byte, 0, 4096)
	return &buffer
}}

// appendError appends {"error": ...}. After a panic every error is that panic:
// what a call met on its way out is only a consequence.
func appendError(out []byte, err error) []byte {
	if p := poison.Load(); p != nil {
		err = internalError(p)
	}
	out = append(out, `{"error":`...)
	return append(appendErrorValue(out, err), '}')
}

func appendErrorValue(out []byte, err error) []byte {
	e := asError(err)
	out = append(out, `{"code":`...)
	out = abi.AppendText(out, string(e.Code))
	out = append(out, `,"message":`...)
	out = abi.AppendText(out, e.Message)
	out = append(out, `,"http_status":`...)
	out = abi.AppendInteger(out, int64(e.HTTPStatus()))
	out = append(out, `,"retryable":`...)
	out = abi.AppendBool(out, e.Retryable())
	if details, err := json.Marshal(e.Details); err == nil && len(e.Details) > 0 {
		out = append(out, `,"details":`...)
		out = append(out, details...)
	}
	return append(out, '}')
}

func asError(err error) *core.Error {
	if problem, ok := err.(*abi.Problem); ok {
		return problemError(problem)
	}
	return core.AsError(err)
}

func problemError(p *abi.Problem) *core.Error {
	e := failure(core.CodeInvalidArgument, "%s", p.Message)
	if p.Field != "" {
		e.Details = map[string]any{"field": p.Field}
	}
	if p.Suggestion != "" {
		e.Details["suggestion"] = p.Suggestion
	}
	return e
}

// maxStack bounds the stack in a reply.
const maxStack = 8 << 10

func internalError(p *safe.PanicError) *core.Error {
	stack := p.Stack[:min(len(p.Stack), maxStack)]
	e := failure(core.CodeInternal, "A fault inside the library (%s: %v). It refuses further calls; restart the process and report this.", p.Where, p.Value)
	e.Details = map[string]any{"where": p.Where, "stack": string(stack)}
	return e
}

func failure(code core.Code, format string, args ...any) *core.Error {
	return &core.Error{Code: code, Message: fmt.Sprintf(format, args...)}
}
