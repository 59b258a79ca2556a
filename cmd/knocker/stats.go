package main

import (
	"context"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	knockersqlite "github.com/knocker-dev/knocker/bindings/go"
)

func (a *app) statsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "stats",
		Short: "Count events, deliveries and jobs",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd.Context(), func(ctx context.Context, inbox *knockersqlite.Inbox) error {
				stats, err := inbox.Stats(ctx)
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
}

type statsShape struct {
	Deliveries int64            `json:"deliveries"`
	Duplicates int64            `json:"duplicates"`
	Events     map[string]int64 `json:"events"`
	Orphans    map[string]int64 `json:"orphans"`
	JobsReady  int64            `json:"jobs_ready"`
	JobsLater  int64            `json:"jobs_later"`
	JobsHeld   int64            `json:"jobs_held"`
	JobsDead   int64            `json:"jobs_dead"`
}

func statsOf(s knockersqlite.Stats) statsShape {
	return statsShape{Deliveries: s.Deliveries, Duplicates: s.Duplicates, Events: s.Events, Orphans: s.Orphans,
		JobsReady: s.JobsReady, JobsLater: s.JobsLater, JobsHeld: s.JobsHeld, JobsDead: s.JobsDead}
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
	t.add(text("dead"), text(count(s.JobsDead)))
	t.print(a.out, "")
}
