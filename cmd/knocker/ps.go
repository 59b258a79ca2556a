package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	knockersqlite "github.com/knocker-dev/knocker/bindings/go"
)

type runningShape struct {
	JobID      int64   `json:"job_id"`
	EventID    int64   `json:"event_id"`
	Endpoint   string  `json:"endpoint"`
	EventType  *string `json:"event_type"`
	WorkerID   string  `json:"worker_id"`
	Attempt    int     `json:"attempt"`
	LeaseLeftS int64   `json:"lease_left_s"`
}

// runningOf leaves Since out: only the worker's own process knows it.
func runningOf(r knockersqlite.Running) runningShape {
	return runningShape{JobID: r.JobID, EventID: r.EventID, Endpoint: r.Endpoint, EventType: orNull(r.EventType), WorkerID: r.WorkerID,
		Attempt: r.Attempt, LeaseLeftS: r.LeaseLeft}
}

func (a *app) psCommand() *cobra.Command {
	var endpoint string
	var page pageFlags
	cmd := &cobra.Command{
		Use:   "ps",
		Short: "List what workers of all processes hold now",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd.Context(), func(ctx context.Context, inbox *knockersqlite.Inbox) error {
				list, next, err := take(page.limit, func(limit int, cursor string) ([]knockersqlite.Running, string, error) {
					return inbox.ListRunning(ctx, endpoint, limit, cursor)
				}, page.cursor)
				if err != nil {
					return err
				}
				if a.json {
					a.out.json(map[string]any{"running": shapes(list, runningOf), "cursor": orNull(next)})
					return nil
				}
				a.printRunning(list)
				a.footer(len(list), "job", next)
				return nil
			})
		},
	}
	cmd.Flags().StringVarP(&endpoint, "endpoint", "e", "", "only of the endpoint `NAME`")
	page.add(cmd, false)
	a.completeFlags(cmd)
	return cmd
}

func (a *app) printRunning(list []knockersqlite.Running) {
	if len(list) == 0 {
		return
	}
	t := table{columns: []column{{"EVENT", true}, {"ENDPOINT", false}, {"TYPE", false}, {"RUN", true}, {"LEASE LEFT", true}, {"WORKER", false}}}
	for _, r := range list {
		left := text(time.Duration(r.LeaseLeft * int64(time.Second)).String())
		if r.LeaseLeft < 0 {
			left = cell{"over", red}
		}
		t.add(text(id(r.EventID)), text(r.Endpoint), text(orDash(r.EventType)), text(count(int64(r.Attempt))), left, text(r.WorkerID))
	}
	t.print(a.out, "")
}

func (a *app) pauseCommand() *cobra.Command {
	return a.endpointCommand("pause", "Stop the processing of endpoints' events; they are received as ever", (*knockersqlite.Inbox).PauseEndpoint)
}

func (a *app) resumeCommand() *cobra.Command {
	return a.endpointCommand("resume", "Process the events of paused endpoints again", (*knockersqlite.Inbox).ResumeEndpoint)
}

func (a *app) endpointCommand(name, short string, act func(*knockersqlite.Inbox, context.Context, string) (knockersqlite.Endpoint, error)) *cobra.Command {
	return &cobra.Command{
		Use:               name + " ENDPOINT",
		Short:             short,
		ValidArgsFunction: a.completeEndpoints,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("give the name of one endpoint")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd.Context(), func(ctx context.Context, inbox *knockersqlite.Inbox) error {
				endpoint, err := act(inbox, ctx, args[0])
				if err != nil {
					return err
				}
				if a.json {
					a.out.json(endpointOf(endpoint))
					return nil
				}
				now := state(endpoint.Enabled, endpoint.Paused)
				a.out.line("endpoint %s is %s", escape(endpoint.Name), a.out.paint(now.style, now.text))
				return nil
			})
		},
	}
}
