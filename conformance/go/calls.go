package main

import (
	"context"
	"database/sql"
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"time"

	knockersqlite "github.com/knocker-dev/knocker/bindings/go"
	"github.com/knocker-dev/knocker/bindings/go/knockertest"
	"github.com/knocker-dev/knocker/core/providertest"
)

var ctx = context.Background()

// call is one operation through the package's own method.
type call func(i *inbox, request map[string]any) (any, error)

// with decodes the request into a struct of the method's arguments.
func with[P any](f func(i *inbox, p P) (any, error)) call {
	return func(i *inbox, request map[string]any) (any, error) {
		var p P
		if err := fill(&p, request); err != nil {
			return nil, err
		}
		return f(i, p)
	}
}

type (
	none     struct{}
	named    struct{ Name string }
	numbered struct{ ID int64 }
	ofEvent  struct{ EventID int64 }
	page     struct {
		Limit  int
		Cursor string
	}
)

var calls = map[string]call{
	"add_endpoint": with(func(i *inbox, p knockersqlite.AddEndpointParams) (any, error) { return answer(i.AddEndpoint(p)) }),
	"get_endpoint": with(func(i *inbox, p named) (any, error) { return answer(i.GetEndpoint(ctx, p.Name)) }),
	"list_endpoints": with(func(i *inbox, p page) (any, error) {
		list, cursor, err := i.ListEndpoints(ctx, p.Limit, p.Cursor)
		return listed("endpoints", list, cursor, err)
	}),
	"enable_endpoint":  with(func(i *inbox, p named) (any, error) { return answer(i.EnableEndpoint(ctx, p.Name)) }),
	"disable_endpoint": with(func(i *inbox, p named) (any, error) { return answer(i.DisableEndpoint(ctx, p.Name)) }),
	"remove_endpoint": with(func(i *inbox, p struct {
		Name  string
		Prune bool
	}) (any, error) {
		return map[string]any{}, i.RemoveEndpoint(ctx, p.Name, p.Prune)
	}),
	"get_event":    with(func(i *inbox, p numbered) (any, error) { return answer(i.GetEvent(ctx, p.ID)) }),
	"get_delivery": with(func(i *inbox, p numbered) (any, error) { return answer(i.GetDelivery(ctx, p.ID)) }),
	"list_events": with(func(i *inbox, p knockersqlite.EventFilter) (any, error) {
		list, cursor, err := i.ListEvents(ctx, p)
		return listed("events", list, cursor, err)
	}),
	"list_deliveries": with(func(i *inbox, p knockersqlite.DeliveryFilter) (any, error) {
		list, cursor, err := i.ListDeliveries(ctx, p)
		return listed("deliveries", list, cursor, err)
	}),
	"list_attempts": with(func(i *inbox, p ofEvent) (any, error) {
		list, err := i.ListAttempts(ctx, p.EventID)
		return listed("attempts", list, "", err)
	}),
	"pause_endpoint":  with(func(i *inbox, p named) (any, error) { return answer(i.PauseEndpoint(ctx, p.Name)) }),
	"resume_endpoint": with(func(i *inbox, p named) (any, error) { return answer(i.ResumeEndpoint(ctx, p.Name)) }),
	"list_running": with(func(i *inbox, p struct {
		Endpoint string
		Limit    int
		Cursor   string
	}) (any, error) {
		list, cursor, err := i.ListRunning(ctx, p.Endpoint, p.Limit, p.Cursor)
		return listed("running", list, cursor, err)
	}),
	"stats": with(func(i *inbox, p struct{ Endpoints []string }) (any, error) {
		return answer(i.Stats(ctx, p.Endpoints...))
	}),
	"stats_by_endpoint": with(func(i *inbox, p page) (any, error) {
		list, cursor, err := i.ListStatsByEndpoint(ctx, p.Limit, p.Cursor)
		return listed("endpoints", list, cursor, err)
	}),
	"ignore":  with(func(i *inbox, p ofEvent) (any, error) { return acted(p.EventID, i.Ignore(ctx, p.EventID)) }),
	"replay":  with(func(i *inbox, p ofEvent) (any, error) { return acted(p.EventID, i.Replay(ctx, p.EventID)) }),
	"requeue": with(func(i *inbox, p ofEvent) (any, error) { return acted(p.EventID, i.Requeue(ctx, p.EventID)) }),
	"replay_delivery": with(func(i *inbox, p struct{ DeliveryID, EventID int64 }) (any, error) {
		event, err := i.ReplayDelivery(ctx, p.DeliveryID, p.EventID)
		return acted(event, err)
	}),
	"prune_events": with(func(i *inbox, p knockersqlite.PruneParams) (any, error) { return answer(i.PruneEvents(ctx, p)) }),
	"prune_orphan_deliveries": with(func(i *inbox, p struct {
		OlderThan time.Time
		Limit     int
	}) (any, error) {
		return answer(i.PruneOrphanDeliveries(ctx, p.OlderThan, p.Limit))
	}),
	"list_prune_audits": with(func(i *inbox, p page) (any, error) {
		list, cursor, err := i.ListPruneAudits(ctx, p.Limit, p.Cursor)
		return listed("audits", list, cursor, err)
	}),
	"run_retention_pass": with(func(i *inbox, p retention) (any, error) { return answer(i.RunRetentionPass(ctx, p.Policy)) }),
	"start_retention":    with(func(i *inbox, p retention) (any, error) { return map[string]any{}, i.StartRetention(p.Policy) }),
	"stop_retention":     with(func(i *inbox, _ none) (any, error) { return map[string]any{"stopped": i.StopRetention()}, nil }),
	"retention_state":    with(func(i *inbox, _ none) (any, error) { return answer(i.RetentionState(ctx)) }),
	"backup": with(func(i *inbox, p struct{ Path string }) (any, error) {
		return map[string]any{}, i.Backup(ctx, p.Path)
	}),
	"info": with(func(i *inbox, _ none) (any, error) {
		return map[string]any{"path": i.Path(), "version": knockersqlite.Version}, nil
	}),
	"ignore_events":     bulk((*knockersqlite.Inbox).IgnoreEvents),
	"replay_events":     bulk((*knockersqlite.Inbox).ReplayEvents),
	"requeue_events":    bulk((*knockersqlite.Inbox).RequeueEvents),
	"replay_deliveries": bulk((*knockersqlite.Inbox).ReplayDeliveries),
	"reverify":          bulk((*knockersqlite.Inbox).Reverify),
	"accept_delivery":   with(func(i *inbox, p knockersqlite.AcceptParams) (any, error) { return answer(i.AcceptDelivery(ctx, p)) }),
	"explain_delivery":  with(func(i *inbox, p knockersqlite.ExplainParams) (any, error) { return answer(i.ExplainDelivery(ctx, p)) }),
	"check":             with(func(i *inbox, p struct{ Quick bool }) (any, error) { return answer(i.Check(ctx, p.Quick)) }),
	"expunge":           expunge,
	"set_clock":         (*inbox).setClock,
	"watch_hooks":       with((*inbox).watchHooks),
	"poll_hooks":        with((*inbox).pollHooks),
}

type retention struct{ Policy knockersqlite.RetentionPolicy }

func (i *inbox) Call(method string, request map[string]any) (any, error) {
	run, ok := calls[method]
	if !ok {
		return nil, &knockersqlite.Error{Code: "unknown_method", Message: "the Go package has no operation " + method}
	}
	if policy, ok := request["policy"].(map[string]any); ok {
		// A struct within the request.
		var p retention
		if err := fill(&p.Policy, policy); err != nil {
			return nil, err
		}
		return retentionCalls[method](i, p.Policy)
	}
	return run(i, request)
}

var retentionCalls = map[string]func(i *inbox, p knockersqlite.RetentionPolicy) (any, error){
	"run_retention_pass": func(i *inbox, p knockersqlite.RetentionPolicy) (any, error) {
		return answer(i.RunRetentionPass(ctx, p))
	},
	"start_retention": func(i *inbox, p knockersqlite.RetentionPolicy) (any, error) {
		return map[string]any{}, i.StartRetention(p)
	},
}

// bulkRequest takes the filter, a struct within the request, and the options.
func bulkRequest[F any](request map[string]any) (f F, o knockersqlite.BulkOptions, err error) {
	filter, _ := request["filter"].(map[string]any)
	if err = fill(&f, without(filter, "all")); err != nil {
		return f, o, err
	}
	o.All, _ = filter["all"].(bool)
	return f, o, fill(&o, without(request, "filter", "reason"))
}

// bulk makes a call of a bulk action.
func bulk[F any](method func(*knockersqlite.Inbox, context.Context, F, knockersqlite.BulkOptions) (knockersqlite.BulkResult, error)) call {
	return func(i *inbox, request map[string]any) (any, error) {
		f, o, err := bulkRequest[F](request)
		if err != nil {
			return nil, err
		}
		return answer(method(i.Inbox, ctx, f, o))
	}
}

func expunge(i *inbox, request map[string]any) (any, error) {
	f, o, err := bulkRequest[knockersqlite.EventFilter](request)
	if err != nil {
		return nil, err
	}
	reason, _ := request["reason"].(string)
	return answer(i.Expunge(ctx, f, reason, o))
}

func listed[T any](name string, list []T, cursor string, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return map[string]any{name: plain(list), "cursor": plainValueOf(cursor)}, nil
}

func plainValueOf(text string) any {
	if text == "" {
		return nil
	}
	return text
}

func acted(event int64, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return map[string]any{"event_id": plain(event)}, nil
}

func (i *inbox) setClock(request map[string]any) (any, error) {
	if i.clock == nil {
		return nil, &knockersqlite.Error{Code: "invalid_state", Message: "the inbox was opened without a settable clock"}
	}
	return map[string]any{"now_s": request["now_s"]}, i.clock.set(request["now_s"])
}

// watchHooks collects what Subscribe tells, as the interface of the C library does.
func (i *inbox) watchHooks(p struct{ Limit int }) (any, error) {
	if i.limit = p.Limit; i.limit == 0 {
		i.limit = 1024
	}
	i.Subscribe(func(ev knockersqlite.HookEvent) {
		i.mu.Lock()
		defer i.mu.Unlock()
		if len(i.hooks) == i.limit {
			i.hooks, i.lost = i.hooks[1:], i.lost+1
		}
		i.hooks = append(i.hooks, map[string]any{"kind": ev.Kind, "endpoint": plainValueOf(ev.Endpoint), "event_id": plain(ofEvent{ev.EventID}).(map[string]any)["event_id"],
			"count": plain(ev.Count), "code": plainValueOf(ev.Code), "at_ms": plain(ev.At.UnixMilli()), "duration_ms": plain(ev.Duration.Milliseconds())})
	})
	return map[string]any{}, nil
}

func (i *inbox) pollHooks(p struct{ Max int }) (any, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.limit == 0 {
		return nil, &knockersqlite.Error{Code: "invalid_state", Message: "watch_hooks comes first"}
	}
	n := len(i.hooks)
	if p.Max > 0 {
		n = min(n, p.Max)
	}
	taken := slices.Clone(i.hooks[:n])
	i.hooks = i.hooks[n:]
	if taken == nil {
		taken = []any{}
	}
	return map[string]any{"events": taken, "dropped": plain(i.lost)}, nil
}

// Call makes the calls that need no inbox: in Go they are those of the core.
func (binding) Call(method string, request map[string]any) (any, error) {
	if method == "providers" {
		return map[string]any{"providers": plain(knockersqlite.Providers())}, nil
	}
	var p struct {
		Provider, Body, BodyBase64, EventID, EventType, URL, Method string
		Secret, Secrets                                             any
		At                                                          *float64
		ProviderOptions                                             map[string]any
	}
	if err := fill(&p, request); err != nil {
		return nil, err
	}
	body := []byte(p.Body)
	if p.BodyBase64 != "" {
		body, _ = base64.StdEncoding.DecodeString(p.BodyBase64)
	}
	at := time.Now()
	if p.At != nil {
		at = time.Unix(0, int64(*p.At*1e9))
	}
	options := []knockertest.Option{providertest.WithID(p.EventID), providertest.WithEventType(p.EventType), providertest.WithURL(p.URL),
		providertest.WithProviderOptions(p.ProviderOptions)}
	if p.Method != "" {
		options = append(options, providertest.WithMethod(p.Method))
	}
	signed, err := knockertest.SignRequest(p.Provider, firstSecret(p.Secret, p.Secrets), body, at, options...)
	if err != nil {
		return nil, err
	}
	reply := map[string]any{"method": signed.Method, "url": plainValueOf(signed.URL), "headers": plain(signed.Headers),
		"body_base64": base64.StdEncoding.EncodeToString(signed.Body), "query": nil}
	if parsed, err := url.Parse(signed.URL); err == nil {
		reply["query"] = plainValueOf(parsed.RawQuery)
	}
	return reply, nil
}

func firstSecret(one, several any) string {
	if list, ok := several.([]any); ok && len(list) > 0 {
		one = list[0]
	}
	switch one := one.(type) {
	case []byte:
		return string(one)
	case string:
		return one
	}
	return ""
}

// transaction is a handler's, with cells as docs/abi.md writes them.
type transaction struct{ tx *knockersqlite.Tx }

func arguments(params any) []any {
	switch params := params.(type) {
	case []any:
		out := make([]any, len(params))
		for n, value := range params {
			out[n] = parameter(value)
		}
		return out
	case map[string]any:
		out := make([]any, 0, len(params))
		for name, value := range params {
			out = append(out, sql.Named(name, parameter(value)))
		}
		return out
	}
	return nil
}

func (t transaction) Execute(statement string, params any) (any, error) {
	done, err := t.tx.Exec(statement, arguments(params)...)
	if err != nil {
		return nil, err
	}
	changes, _ := done.RowsAffected()
	id, _ := done.LastInsertId()
	return map[string]any{"changes": plain(changes), "last_insert_rowid": cell(id)}, nil
}

func (t transaction) Query(statement string, params any) (any, error) {
	rows, err := t.tx.Query(statement, arguments(params)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	list := []any{}
	for rows.Next() {
		cells, into := make([]any, len(names)), make([]any, len(names))
		for n := range cells {
			into[n] = &cells[n]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, fmt.Errorf("scanning: %w", err)
		}
		for n := range cells {
			cells[n] = cell(cells[n])
		}
		list = append(list, cells)
	}
	return map[string]any{"columns": plain(names), "rows": list}, rows.Err()
}
