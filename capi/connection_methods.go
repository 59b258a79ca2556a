package main

import (
	"reflect"
	"time"

	"github.com/knocker-dev/knocker/capi/abi"
	"github.com/knocker-dev/knocker/core"
)

// connectionMethod is a name of knocker_call alone.
type connectionMethod struct {
	request, reply reflect.Type
	call           func(on *connection, in input) (any, error)
}

func onConnection[Request, Reply any](f func(*connection, *Request) (Reply, error)) connectionMethod {
	return connectionMethod{reflect.TypeFor[Request](), reflect.TypeFor[Reply](), func(on *connection, in input) (any, error) {
		request := new(Request)
		if err := in.decode(request); err != nil {
			return nil, err
		}
		return f(on, request)
	}}
}

// connectionMethods is the table of what knocker_call answers beside methods.
var connectionMethods = map[string]connectionMethod{
	"attach":       onConnection(attach),
	"receive":      {reflect.TypeFor[abi.ReceiveRequest](), reflect.TypeFor[abi.ConnectionReceiveReply](), receiveOnConnection},
	"worker_open":  onConnection(openConnectionWorker),
	"worker_next":  onConnection(nextStep),
	"worker_stop":  onConnection(stopConnectionWorker),
	"worker_close": onConnection(closeConnectionWorker),
	"step_begin":   onConnection(beginStep),
	"step_finish":  onConnection(finishStep),
}

func attach(on *connection, r *abi.AttachRequest) (*abi.AttachReply, error) {
	options := core.Options{
		QueueName:          r.Options.QueueName,
		MaxBodyBytes:       r.Options.MaxBodyBytes,
		MaxOrphans:         r.Options.MaxOrphans,
		MaxOrphanBytes:     r.Options.MaxOrphanBytes,
		MaxOrphanBodyBytes: r.Options.MaxOrphanBodyBytes,
		MaxOrphansPerSec:   r.Options.MaxOrphansPerS,
		RedactHeaders:      r.Options.RedactHeaders,
		Migrate:            r.Options.Migrate,
		Retry:              retryPolicy(r.Options.RetryFields),
	}
	if err := on.attachWithClock(options, r); err != nil {
		return nil, err
	}
	return &abi.AttachReply{
		Path: abi.NullText(on.Path()), Version: core.Version, SQLiteVersion: on.SQLiteVersion(), SchemaVersion: on.SchemaVersion(),
	}, nil
}

// attachWithClock sets the file's clock where one is asked for; the first attach
// decides whether there is one.
func (on *connection) attachWithClock(options core.Options, r *abi.AttachRequest) error {
	asked := r.Options.Clock
	if asked == nil {
		return on.Attach(options, r.HandlerScope)
	}
	if on.Attached() && !on.clock.used.Load() {
		return failure(core.CodeOpenOptionsConflict, "The file is already attached in this process with the real clock.")
	}
	before := on.clock.nanoseconds.Load()
	on.clock.set(asked.NowS)
	options.Source.Now = func() time.Time { return readClock(&on.clock.clock) }
	if err := on.Attach(options, r.HandlerScope); err != nil {
		on.clock.nanoseconds.Store(before)
		return err
	}
	on.clock.used.Store(true)
	return nil
}

func receiveOnConnection(on *connection, request input) (any, error) {
	params, err := receiveParams(request, on.body)
	if err != nil {
		return nil, err
	}
	result, durable, err := on.Receive(background(), params)
	if err != nil {
		return nil, err
	}
	return &abi.ConnectionReceiveReply{ReceiveReply: resultReply(&result), Durable: durable}, nil
}

func openConnectionWorker(on *connection, r *abi.WorkerOpenRequest) (abi.WorkerOpenReply, error) {
	options := workerOptions(r, on.Scope())
	number, id, err := on.OpenWorker(options)
	return abi.WorkerOpenReply{Worker: uint64(number), WorkerID: id, Concurrency: max(r.Concurrency, 1)}, err
}

func nextStep(on *connection, r *abi.WorkerRequest) (*abi.WorkerNextReply, error) {
	next, err := on.NextStep(r.Worker)
	if err != nil {
		return nil, err
	}
	reply := &abi.WorkerNextReply{WaitMS: next.Wait.Milliseconds(), Stopping: next.Stopping}
	if next.Step != nil {
		reply.Step = stepReply(uint64(next.Step.Number()), next.Step)
	}
	return reply, nil
}

func stopConnectionWorker(on *connection, r *abi.WorkerRequest) (abi.Nothing, error) {
	return abi.Nothing{}, on.StopWorker(r.Worker)
}

func closeConnectionWorker(on *connection, r *abi.WorkerRequest) (abi.Nothing, error) {
	return abi.Nothing{}, on.CloseWorker(r.Worker)
}

func beginStep(on *connection, r *abi.StepRequest) (abi.Nothing, error) {
	return abi.Nothing{}, on.BeginStep(r.Step)
}

func finishStep(on *connection, r *abi.StepFinishRequest) (*abi.Finished, error) {
	outcome, err := coreOutcome(r.Outcome)
	if err != nil {
		return nil, err
	}
	finished, err := on.FinishStep(r.Step, outcome)
	if err != nil {
		return nil, err
	}
	return finishedReply(finished), nil
}
