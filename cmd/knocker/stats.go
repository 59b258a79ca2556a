package main

import (
	"context"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	knockersqlite "github.com/knocker-dev/knocker/bindings/go"
)

func (a *app) statsCommand() *cobra.Command {
	var endpoints []string
	var byEndpoint bool
	var page pageFlags
	cmd := &cobra.Command{
		Use:   "stats",
		Short: "Count events, deliveries and jobs",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if byEndpoint && len(endpoints) > 0 {
				return usage("give --endpoint or --by-endpoint, not both")
			}
			return a.with(cmd.Context(), func(ctx context.Context, inbox *knockersqlite.Inbox) error {
				if byEndpoint {
					return a.statsByEndpoint(ctx, inbox, page)
				}
				stats, err := inbox.Stats(ctx, endpoints...)
				if err != nil {
					return err
				}
				if a.json {
					a.out.json(statsOf(stats))
					return nil
				}
				a.printStats(stats)
				return nil
			})
		},
	}
	cmd.Flags().StringArrayVarP(&endpoints, "endpoint", "e", nil, "only of the endpoint `NAME`; may be repeated")
	cmd.Flags().BoolVar(&byEndpoint, "by-endpoint", false, "a line for each endpoint")
	page.add(cmd, false)
	a.completeFlags(cmd)
	return cmd
}

type statsShape struct {
	Deliveries    int64            `json:"deliveries"`
	Duplicates    int64            `json:"duplicates"`
	Events        map[string]int64 `json:"events"`
	Orphans       map[string]int64 `json:"orphans"`
	JobsReady     int64            `json:"jobs_ready"`
	JobsLater     int64            `json:"jobs_later"`
	JobsHeld      int64            `json:"jobs_held"`
	JobsDead      int64            `json:"jobs_dead"`
	JobsPaused    int64            `json:"jobs_paused"`
	Stuck         int64            `json:"stuck"`
	UnhandledLeft int64            `json:"unhandled_left"`
}

func statsOf(s knockersqlite.Stats) statsShape {
	return statsShape{Deliveries: s.Deliveries, Duplicates: s.Duplicates, Events: s.Events, Orphans: s.Orphans,
		JobsReady: s.JobsReady, JobsLater: s.JobsLater, JobsHeld: s.JobsHeld, JobsDead: s.JobsDead,
		JobsPaused: s.JobsPaused, Stuck: s.Stuck, UnhandledLeft: s.UnhandledLeft}
}

func (a *app) printStats(s knockersqlite.Stats) {
	t := table{columns: []column{{"EVENTS", false}, {"", true}}}
	total := int64(0)
	for _, name := range statuses {
		t.add(status(name), text(count(s.Events[name])))
		total += s.Events[name]
	}
	t.add(cell{"all", bold}, text(count(total)))
	t.print(a.out, "")
	a.out.line("")
	t = table{columns: []column{{"DELIVERIES", false}, {"", true}}}
	for _, kind := range slices.Sorted(maps.Keys(s.Orphans)) {
		t.add(status(kind), text(count(s.Orphans[kind])))
	}
	t.add(text("duplicates"), text(count(s.Duplicates)))
	t.add(cell{"all", bold}, text(count(s.Deliveries)))
	t.print(a.out, "")
	a.out.line("")
	t = table{columns: []column{{"JOBS", false}, {"", true}}}
	t.add(text("ready to run"), text(count(s.JobsReady)))
	t.add(text("waiting for their time"), text(count(s.JobsLater)))
	t.add(text("held by a worker"), text(count(s.JobsHeld)))
	t.add(text("of paused endpoints"), text(count(s.JobsPaused)))
	t.add(text("left by workers without a handler"), text(count(s.UnhandledLeft)))
	t.add(text("dead"), text(count(s.JobsDead)))
	t.print(a.out, "")
	if s.Stuck > 0 {
		a.out.line("\n%s", a.out.paint(red, plural(s.Stuck, "event")+" without a job: list --stuck shows them, requeue --stuck runs them"))
	}
}

type endpointStatsShape struct {
	Name           string           `json:"name"`
	Provider       *string          `json:"provider"`
	Enabled        bool             `json:"enabled"`
	Paused         bool             `json:"paused"`
	Events         map[string]int64 `json:"events"`
	Orphans        int64            `json:"orphans"`
	LastReceivedAt *int64           `json:"last_received_at"`
}

func endpointStatsOf(s knockersqlite.EndpointStats) endpointStatsShape {
	return endpointStatsShape{Name: s.Name, Provider: orNull(s.Provider), Enabled: s.Enabled, Paused: s.Paused, Events: s.Events,
		Orphans: s.Orphans, LastReceivedAt: orNull(s.LastReceivedAt)}
}

func (a *app) statsByEndpoint(ctx context.Context, inbox *knockersqlite.Inbox, page pageFlags) error {
	list, next, err := take(page.limit, func(limit int, cursor string) ([]knockersqlite.EndpointStats, string, error) {
		return inbox.ListStatsByEndpoint(ctx, limit, cursor)
	}, page.cursor)
	if err != nil {
		return err
	}
	if a.json {
		a.out.json(map[string]any{"endpoints": shapes(list, endpointStatsOf), "cursor": orNull(next)})
		return nil
	}
	t := table{columns: []column{{"ENDPOINT", false}, {"STATE", false}, {"RECEIVED", true}, {"HANDLED", true}, {"FAILED", true}, {"DEAD", true},
		{"IGNORED", true}, {"ORPHANS", true}, {"LAST RECEIVED", false}}}
	for _, s := range list {
		t.add(text(s.Name), state(s.Enabled, s.Paused), text(count(s.Events["received"]+s.Events["processing"])), text(count(s.Events["handled"])),
			text(count(s.Events["failed"])), text(count(s.Events["dead"])), text(count(s.Events["ignored"])), text(count(s.Orphans)), text(a.at(s.LastReceivedAt)))
	}
	if len(list) > 0 {
		t.print(a.out, "")
	}
	a.footer(len(list), "endpoint", next)
	return nil
}
