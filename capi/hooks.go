package main

import (
	"github.com/knocker-dev/knocker/capi/abi"
	"github.com/knocker-dev/knocker/core"
)

// defaultHookLimit is how many hook events are kept between two polls.
const defaultHookLimit = 1024

// watchHooks starts to collect what happens, for a runtime that can't be called
// back. Asked again, it starts over with the new limit.
func watchHooks(i *inbox, r *abi.WatchHooksRequest) (abi.Nothing, error) {
	limit := r.Limit
	if limit == 0 {
		limit = defaultHookLimit
	}
	queue := i.core.SubscribeQueue(limit)
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.hooks != nil {
		i.hooks.Close()
	}
	i.hooks = queue
	return abi.Nothing{}, nil
}

// pollHooks takes what was collected; it never waits.
func pollHooks(i *inbox, r *abi.PollRequest) (*abi.HooksReply, error) {
	i.mu.Lock()
	queue := i.hooks
	i.mu.Unlock()
	if queue == nil {
		return nil, failure(core.CodeInvalidState, `Nothing is collected yet: call "watch_hooks" first.`)
	}
	limit := r.Max
	if limit == 0 {
		limit = defaultHookLimit
	}
	events, dropped := queue.Poll(limit)
	reply := &abi.HooksReply{Events: make([]abi.HookEvent, len(events)), Dropped: dropped}
	for n, ev := range events {
		reply.Events[n] = abi.HookEvent{
			Kind: ev.Kind, AtMS: ev.At.UnixMilli(), Endpoint: abi.NullText(ev.Endpoint), EventID: abi.NullInteger(ev.EventID),
			Count: int64(ev.Count), DurationMS: float64(ev.Duration.Microseconds()) / 1000, Code: abi.NullText(ev.Code),
		}
	}
	return reply, nil
}

func backup(i *inbox, r *abi.BackupRequest) (abi.Nothing, error) {
	return abi.Nothing{}, i.core.Backup(background(), r.Path)
}
