package extension

import (
	"context"

	"github.com/knocker-dev/knocker/core"
)

// older reads a cutoff and a limit. Whoever writes the cutoff into SQL decides
// how young it may be.
func (a *Arguments) older(of string) (cutoff int64, limit int) {
	cutoff = a.Integer(of + "older_than")
	return cutoff, a.limit(of + "limit")
}

func (a *Arguments) limit(name string) int {
	n := a.Integer(name)
	if n < 1 || n > 1000 {
		a.refuse(name, "1 to 1000")
	}
	return int(n)
}

func pruneEvents(a *Arguments) Call {
	p := core.PruneParams{Statuses: a.texts("statuses_json"), Force: true}
	p.OlderThan, p.Limit = a.older("")
	a.queueName()
	return a.shown(func(ctx context.Context, i *core.Inbox) (any, error) { return i.PruneEvents(ctx, p) })
}

// orphansPruned counts the removed orphans.
type orphansPruned struct {
	DeliveriesPruned int64 `json:"deliveries_pruned"`
}

func pruneOrphans(a *Arguments) Call {
	cutoff, limit := a.older("")
	a.queueName()
	return a.shown(func(ctx context.Context, i *core.Inbox) (any, error) {
		r, err := i.PruneOrphanDeliveries(ctx, cutoff, limit)
		return orphansPruned{r.DeliveriesPruned}, err
	})
}

func runRetentionPass(a *Arguments) Call {
	var p core.RetentionPassParams
	statuses := a.texts("statuses_json")
	if cutoff, limit := a.optionalOlder("event_"); cutoff != nil {
		p.Events = &core.PruneParams{Statuses: statuses, OlderThan: *cutoff, Limit: limit, Force: true}
	}
	p.OrphanOlderThan, p.OrphanLimit = a.optionalOlder("orphan_")
	a.queueName()
	return a.hosted(func(h *core.Hosted) (any, error) {
		events, orphans, err := h.RunRetentionPass(p)
		if err != nil {
			return nil, err
		}
		out := struct {
			Events  *core.PruneResult `json:"event_result"`
			Orphans *orphansPruned    `json:"orphan_result"`
		}{Events: events}
		if orphans != nil {
			out.Orphans = &orphansPruned{orphans.DeliveriesPruned}
		}
		return textOf(out)
	})
}

// optionalOlder reads a cutoff or NULL; without one the limit has no meaning.
func (a *Arguments) optionalOlder(of string) (cutoff *int64, limit int) {
	if cutoff = a.OptionalInteger(of + "older_than"); cutoff == nil {
		a.value()
		return nil, 0
	}
	return cutoff, a.limit(of + "limit")
}
