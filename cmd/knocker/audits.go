package main

import (
	"context"
	"encoding/json"

	"github.com/spf13/cobra"

	knockersqlite "github.com/knocker-dev/knocker/bindings/go"
)

type auditShape struct {
	ID               int64           `json:"id"`
	Kind             string          `json:"kind"`
	QueueName        *string         `json:"queue_name"`
	ExecutedAt       int64           `json:"executed_at"`
	EventsPruned     int64           `json:"events_pruned"`
	DeliveriesPruned int64           `json:"deliveries_pruned"`
	AttemptsPruned   int64           `json:"attempts_pruned"`
	LiveJobsPruned   int64           `json:"live_jobs_pruned"`
	Summary          json.RawMessage `json:"summary"`
}

func auditOf(p knockersqlite.PruneAudit) auditShape {
	return auditShape{ID: p.ID, Kind: p.Kind, QueueName: orNull(p.QueueName), ExecutedAt: p.ExecutedAt, EventsPruned: p.EventsPruned,
		DeliveriesPruned: p.DeliveriesPruned, AttemptsPruned: p.AttemptsPruned, LiveJobsPruned: p.LiveJobsPruned, Summary: object(p.Summary)}
}

func (a *app) listAuditsCommand() *cobra.Command {
	var page pageFlags
	cmd := &cobra.Command{
		Use:   "audits",
		Short: "List what was removed, erased or accepted, newest first",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd.Context(), func(ctx context.Context, inbox *knockersqlite.Inbox) error {
				list, next, err := take(page.limit, func(limit int, cursor string) ([]knockersqlite.PruneAudit, string, error) {
					return inbox.ListPruneAudits(ctx, limit, cursor)
				}, page.cursor)
				if err != nil {
					return err
				}
				if a.json {
					a.out.json(map[string]any{"audits": shapes(list, auditOf), "cursor": orNull(next)})
					return nil
				}
				a.printAudits(list)
				a.footer(len(list), "audit", next)
				return nil
			})
		},
	}
	page.add(cmd, false)
	return cmd
}

func (a *app) printAudits(list []knockersqlite.PruneAudit) {
	if len(list) == 0 {
		return
	}
	t := table{columns: []column{{"ID", true}, {"AT", false}, {"KIND", false}, {"EVENTS", true}, {"DELIVERIES", true}, {"ATTEMPTS", true}, {"WHAT WAS ASKED", false}}}
	for _, p := range list {
		t.add(text(id(p.ID)), text(a.at(p.ExecutedAt)), text(p.Kind), text(count(p.EventsPruned)), text(count(p.DeliveriesPruned)),
			text(count(p.AttemptsPruned)), cell{string(p.Summary), dim})
	}
	t.print(a.out, "")
}
