package main

import (
	"context"

	"github.com/spf13/cobra"

	knockersqlite "github.com/knocker-dev/knocker/bindings/go"
)

// action is what a command does to events.
type action struct {
	name  string // replay
	past  string // "is queued again"
	short string
	long  string
	one   func(ctx context.Context, inbox *knockersqlite.Inbox, id int64) error
}

func (a *app) replayCommand() *cobra.Command {
	var delivery, event int64
	cmd := a.actionCommand(action{
		name: "replay", past: "is queued again",
		short: "Run events again that were handled, failed, dead or ignored",
		one: func(ctx context.Context, inbox *knockersqlite.Inbox, id int64) error {
			return inbox.Replay(ctx, id)
		},
	})
	cmd.Flags().Int64Var(&delivery, "delivery", 0, "replay the event of the delivery with this `ID`: the handler sees that delivery's body")
	cmd.Flags().Int64Var(&event, "event", 0, "with --delivery of a batch: which of its events, by `ID`")
	byID := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if delivery == 0 {
			return byID(cmd, args)
		}
		if len(args) > 0 {
			return usage("give events or --delivery, not both")
		}
		return a.with(cmd.Context(), func(ctx context.Context, inbox *knockersqlite.Inbox) error {
			replayed, err := inbox.ReplayDelivery(ctx, delivery, event)
			if err != nil {
				return err
			}
			return a.printDone("is queued again, with delivery "+id(delivery), []doneShape{{EventID: replayed}})
		})
	}
	return cmd
}

func (a *app) requeueCommand() *cobra.Command {
	return a.actionCommand(action{
		name: "requeue", past: "is queued again",
		short: "Run events again that were not handled, or whose job is gone",
		one: func(ctx context.Context, inbox *knockersqlite.Inbox, id int64) error {
			return inbox.Requeue(ctx, id)
		},
	})
}

func (a *app) ignoreCommand() *cobra.Command {
	return a.actionCommand(action{
		name: "ignore", past: "is ignored",
		short: "Take events out of processing that were received, failed or are dead",
		one: func(ctx context.Context, inbox *knockersqlite.Inbox, id int64) error {
			return inbox.Ignore(ctx, id)
		},
	})
}

func (a *app) actionCommand(act action) *cobra.Command {
	return &cobra.Command{
		Use:     act.name + " ID...",
		Short:   act.short,
		Long:    act.long,
		Example: "  knocker --db app.db " + act.name + " 42 43",
		RunE: func(cmd *cobra.Command, args []string) error {
			ids, err := parseIDs(args)
			if err != nil {
				return err
			}
			if len(ids) == 0 {
				return usage("which events? Give their ids")
			}
			return a.with(cmd.Context(), func(ctx context.Context, inbox *knockersqlite.Inbox) error {
				done := make([]doneShape, 0, len(ids))
				for _, id := range ids {
					if ctx.Err() != nil {
						return ctx.Err()
					}
					done = append(done, doneWith(id, act.one(ctx, inbox, id)))
				}
				return a.printDone(act.past, done)
			})
		},
	}
}

// doneShape is what became of one event.
type doneShape struct {
	EventID int64       `json:"event_id"`
	Error   *errorShape `json:"error"`
	err     error
}

func doneWith(id int64, err error) doneShape {
	done := doneShape{EventID: id, err: err}
	if err != nil {
		shape := describe(err)
		done.Error = &shape
	}
	return done
}

// printDone tells of each event, and answers the first error as the command's.
func (a *app) printDone(past string, done []doneShape) error {
	var first error
	for _, d := range done {
		switch {
		case d.err == nil && !a.json:
			a.out.line("event %d %s", d.EventID, past)
		case d.err != nil && len(done) == 1:
			return d.err
		case d.err != nil && !a.json:
			a.out.line("event %d: %s", d.EventID, a.out.paint(red, escape(d.Error.Message)))
		}
		if first == nil && d.err != nil {
			first = d.err
		}
	}
	if a.json {
		a.out.json(map[string]any{"events": done})
	}
	return first
}
