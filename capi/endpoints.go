package main

import (
	"github.com/knocker-dev/knocker/capi/abi"
	"github.com/knocker-dev/knocker/core"
)

func addEndpoint(i *inbox, r *abi.AddEndpointRequest) (abi.Endpoint, error) {
	e, err := i.core.AddEndpoint(calledFrom(r.Caller), core.EndpointParams{
		Name: r.Name, Path: r.Path, Provider: r.Provider, Secrets: present(r.Secrets), ProviderOptions: r.ProviderOptions,
		URL: r.URL, Disabled: r.Enabled != nil && !*r.Enabled, Unhandled: r.Unhandled, SplitBatches: r.SplitBatches,
		EventKey: r.EventKey, MaxBodyBytes: r.MaxBodyBytes, Retry: retryPolicy(r.RetryFields),
	})
	return endpointReply(e), err
}

func endpointReply(e core.Endpoint) abi.Endpoint {
	return abi.Endpoint{
		ID: e.ID, Name: e.Name, Path: e.Path, Provider: abi.NullText(e.Provider), Enabled: e.Enabled, Paused: e.Paused, CreatedAt: e.CreatedAt,
	}
}

func getEndpoint(i *inbox, r *abi.NameRequest) (abi.Endpoint, error) {
	e, err := i.core.GetEndpoint(background(), r.Name)
	return endpointReply(e), err
}

func listEndpoints(i *inbox, r *abi.PageRequest) (abi.EndpointsReply, error) {
	list, cursor, err := i.core.ListEndpoints(background(), r.Limit, r.Cursor)
	return abi.EndpointsReply{Endpoints: each(list, endpointReply), Cursor: abi.NullText(cursor)}, err
}

func enableEndpoint(i *inbox, r *abi.EnableRequest) (abi.Endpoint, error) {
	e, err := i.core.SetEndpointEnabled(calledFrom(r.Caller), r.Name, true)
	return endpointReply(e), err
}

func disableEndpoint(i *inbox, r *abi.EnableRequest) (abi.Endpoint, error) {
	e, err := i.core.SetEndpointEnabled(calledFrom(r.Caller), r.Name, false)
	return endpointReply(e), err
}

func pauseEndpoint(i *inbox, r *abi.EnableRequest) (abi.Endpoint, error) {
	e, err := i.core.SetEndpointPaused(calledFrom(r.Caller), r.Name, true)
	return endpointReply(e), err
}

func resumeEndpoint(i *inbox, r *abi.EnableRequest) (abi.Endpoint, error) {
	e, err := i.core.SetEndpointPaused(calledFrom(r.Caller), r.Name, false)
	return endpointReply(e), err
}

func removeEndpoint(i *inbox, r *abi.RemoveEndpointRequest) (abi.RemovedReply, error) {
	err := i.core.RemoveEndpoint(calledFrom(r.Caller), r.Name, r.Prune)
	return abi.RemovedReply{Removed: err == nil}, err
}

func registerHandler(i *inbox, r *abi.RegisterHandlerRequest) (abi.RegisterHandlerReply, error) {
	h, err := i.core.RegisterHandler(core.HandlerParams{
		Endpoint: r.Endpoint, EventType: r.EventType, Scope: scopeOf(r.HandlerScope, i.scope), TimeoutSeconds: r.TimeoutS, Retry: retryPolicy(r.RetryFields),
	})
	return abi.RegisterHandlerReply{Handler: h.ID, Replaced: abi.NullInteger(h.Replaced)}, err
}

// scopeOf is the handlers' scope that a request names, else its inbox's.
func scopeOf(named *string, inboxs string) string {
	if named != nil {
		return *named
	}
	return inboxs
}

func unregisterHandler(i *inbox, r *abi.UnregisterHandlerRequest) (abi.RemovedReply, error) {
	return abi.RemovedReply{Removed: i.core.UnregisterHandler(r.Handler)}, nil
}

// each maps a list; the result is never nil, so that JSON shows [].
func each[From, To any](list []From, f func(From) To) []To {
	out := make([]To, len(list))
	for i, item := range list {
		out[i] = f(item)
	}
	return out
}
