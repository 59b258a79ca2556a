package main

import (
	"context"

	"github.com/spf13/cobra"

	knockersqlite "github.com/knocker-dev/knocker/bindings/go"
)

// action is what a command does to events.
type action struct {
	name  string // replay
	past  string // is queued again
	done  string // of several: queued again
	short string
	one   func(inbox *knockersqlite.Inbox, ctx context.Context, id int64) error
	all   func(inbox *knockersqlite.Inbox, ctx context.Context, f knockersqlite.EventFilter, o knockersqlite.BulkOptions) (knockersqlite.BulkResult, error)
}

func (a *app) replayCommand() *cobra.Command {
	var delivery, event int64
	cmd := a.actionCommand(action{
		name: "replay", past: "is queued again", done: "queued again",
		short: "Run events again that were handled, failed, dead or ignored",
		one:   (*knockersqlite.Inbox).Replay, all: (*knockersqlite.Inbox).ReplayEvents,
	})
	cmd.Flags().Int64Var(&delivery, "delivery", 0, "replay the event of the delivery with this `ID`: the handler sees that delivery's body")
	cmd.Flags().Int64Var(&event, "event", 0, "with --delivery of a batch: which of its events, by `ID`")
	a.addAttempts(cmd)
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

// addAttempts: the endpoints' own retry policies live in the application.
func (a *app) addAttempts(cmd *cobra.Command) {
	cmd.Flags().IntVar(&a.attempts, "max-attempts", 0, "how often an event may run, unless its handler has a limit of its own (default 12)")
}

func (a *app) requeueCommand() *cobra.Command {
	cmd := a.actionCommand(action{
		name: "requeue", past: "is queued again", done: "queued again",
		short: "Run events again that were not handled, or whose job is gone",
		one:   (*knockersqlite.Inbox).Requeue, all: (*knockersqlite.Inbox).RequeueEvents,
	})
	a.addAttempts(cmd)
	return cmd
}

func (a *app) ignoreCommand() *cobra.Command {
	return a.actionCommand(action{
		name: "ignore", past: "is ignored", done: "ignored",
		short: "Take events out of processing that were received, failed or are dead",
		one:   (*knockersqlite.Inbox).Ignore, all: (*knockersqlite.Inbox).IgnoreEvents,
	})
}

func (a *app) actionCommand(act action) *cobra.Command {
	var b bulkFlags
	cmd := &cobra.Command{
		Use:   act.name + " [ID...]",
		Short: act.short,
		Long: act.short + `.

Give the events' ids, or a filter for all that it matches. A filter counts
first and asks; it works in short transactions, so that receiving goes on.`,
		Example: "  knocker --db app.db " + act.name + " 42 43\n  knocker --db app.db " + act.name + " --status dead --type 'invoice.*' --since 1d",
		RunE: func(cmd *cobra.Command, args []string) error {
			ids, err := parseIDs(args)
			if err != nil {
				return err
			}
			return a.with(cmd.Context(), func(ctx context.Context, inbox *knockersqlite.Inbox) error {
				if len(ids) == 0 {
					return a.bulkEvents(ctx, inbox, &b, act)
				}
				if b.given() {
					return usage("give ids or a filter, not both")
				}
				return a.each(ctx, inbox, act, ids)
			})
		},
	}
	b.add(a, cmd)
	return cmd
}

// each does the action to one event after the other.
func (a *app) each(ctx context.Context, inbox *knockersqlite.Inbox, act action, ids []int64) error {
	done := make([]doneShape, 0, len(ids))
	for _, id := range ids {
		if ctx.Err() != nil {
			break
		}
		done = append(done, doneWith(id, act.one(inbox, ctx, id)))
	}
	if err := a.printDone(act.past, done); err != nil {
		return err
	}
	return ctx.Err()
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
