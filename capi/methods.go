package main

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/knocker-dev/knocker/capi/abi"
	"github.com/knocker-dev/knocker/core"
)

// method is one name of knocker_call_json.
type method struct {
	name    string
	request reflect.Type
	reply   reflect.Type // what the schema describes
	alone   bool         // needs no inbox
	ownFile bool         // needs an inbox with connections of its own, not a host's
	call    func(i *inbox, in input) (any, error)
}

// of makes a method of a function that takes its decoded request.
func of[Request, Reply any](name string, f func(*inbox, *Request) (Reply, error)) method {
	return method{name: name, request: reflect.TypeFor[Request](), reply: reflect.TypeFor[Reply](),
		call: func(i *inbox, in input) (any, error) {
			request := new(Request)
			if err := in.decode(request); err != nil {
				return nil, err
			}
			return f(i, request)
		}}
}

// alone makes a method that needs no inbox: its db may be 0.
func alone[Request, Reply any](name string, f func(*Request) (Reply, error)) method {
	m := of(name, func(_ *inbox, r *Request) (Reply, error) { return f(r) })
	m.alone = true
	return m
}

// ownFile makes a method one that a host's connection can't do.
func ownFile(m method) method {
	m.ownFile = true
	return m
}

// methods is the table of knocker_call_json.
var methods = byName(
	of("add_endpoint", addEndpoint),
	of("get_endpoint", getEndpoint),
	of("list_endpoints", listEndpoints),
	of("enable_endpoint", enableEndpoint),
	of("disable_endpoint", disableEndpoint),
	of("pause_endpoint", pauseEndpoint),
	of("resume_endpoint", resumeEndpoint),
	of("remove_endpoint", removeEndpoint),
	of("register_handler", registerHandler),
	of("unregister_handler", unregisterHandler),
	of("get_event", getEvent),
	of("get_delivery", getDelivery),
	of("list_events", listEvents),
	of("list_deliveries", listDeliveries),
	of("list_attempts", listAttempts),
	of("list_running", listRunning),
	of("stats", stats),
	of("stats_by_endpoint", statsByEndpoint),
	of("ignore", eventAction((*core.Inbox).Ignore)),
	of("replay", eventAction((*core.Inbox).Replay)),
	of("requeue", eventAction((*core.Inbox).Requeue)),
	of("replay_delivery", replayDelivery),
	of("ignore_events", bulkEvents(core.BulkIgnore)),
	of("replay_events", bulkEvents(core.BulkReplay)),
	of("requeue_events", bulkEvents(core.BulkRequeue)),
	of("replay_deliveries", replayDeliveries),
	of("reverify", reverify),
	of("accept_delivery", acceptDelivery),
	of("explain_delivery", explainDelivery),
	of("prune_events", pruneEvents),
	of("prune_orphan_deliveries", pruneOrphanDeliveries),
	ownFile(of("expunge", expunge)),
	of("list_prune_audits", listPruneAudits),
	of("run_retention_pass", runRetentionPass),
	ownFile(of("start_retention", startRetention)),
	ownFile(of("stop_retention", stopRetention)),
	of("retention_state", retentionState),
	of("check", check),
	ownFile(of("backup", backup)),
	ownFile(of("watch_hooks", watchHooks)),
	ownFile(of("poll_hooks", pollHooks)),
	ownFile(of("completion_descriptor", completionDescriptor)),
	of("set_clock", setClock),
	of("info", info),
	alone("sign", sign),
	alone("providers", providers),
)

func byName(list ...method) map[string]method {
	table := make(map[string]method, len(list))
	for _, m := range list {
		table[m.name] = m
	}
	return table
}

func callMethod(out []byte, db uint64, name string, in input) ([]byte, error) {
	m, known := methods[name]
	var i *inbox
	if db != 0 || known && !m.alone {
		var err error
		if i, err = find[*inbox](db); err != nil {
			return nil, err
		}
	}
	if !known {
		return nil, unknownMethod(name)
	}
	reply, err := m.call(i, in)
	if err != nil {
		return nil, err
	}
	return appendJSON(out, reply), nil
}

func unknownMethod(name string) error {
	names := make([]string, 0, len(methods))
	for known := range methods {
		names = append(names, known)
	}
	slices.Sort(names)
	e := failure(core.CodeUnknownMethod, "No method is named %q.", name)
	if guess := abi.Closest(name, names); guess != "" {
		e.Message += fmt.Sprintf(" Did you mean %q?", guess)
		e.Details = map[string]any{"suggestion": guess}
	}
	return e
}

func completionDescriptor(i *inbox, _ *abi.Nothing) (abi.DescriptorReply, error) {
	n, err := i.tickets.descriptor()
	return abi.DescriptorReply{Descriptor: n}, err
}

// info is what open has answered.
func info(i *inbox, _ *abi.Nothing) (abi.OpenReply, error) {
	return i.info(), nil
}
