package main

import (
	"context"

	"github.com/spf13/cobra"

	knockersqlite "github.com/knocker-dev/knocker/bindings/go"
)

func (a *app) expungeCommand() *cobra.Command {
	var b bulkFlags
	var reason string
	cmd := &cobra.Command{
		Use:   "expunge [ID...]",
		Short: "Erase bodies, headers and query of events, but keep what happened",
		Long: `Erase bodies, headers and query of all deliveries of events, and the texts of
their errors, for erasure requests. What happened stays: identity, type, times
and status. An expunged event can't be replayed. It is audited.

Events that may still run (received, processing, failed) are left alone: ignore
them first. Backups made before still hold what is erased here.`,
		Example: "  knocker --db app.db expunge 42 --reason 'request of 3 May'\n  knocker --db app.db expunge --endpoint orders --until 2025-01-01",
		RunE: func(cmd *cobra.Command, args []string) error {
			ids, err := parseIDs(args)
			if err != nil {
				return err
			}
			if len(ids) > 0 && b.given() {
				return usage("give ids or a filter, not both")
			}
			b.filter.f.EventIDs = ids
			return a.with(cmd.Context(), func(ctx context.Context, inbox *knockersqlite.Inbox) error {
				return a.expunge(ctx, inbox, &b, reason)
			})
		},
	}
	b.add(a, cmd)
	cmd.Flags().StringVar(&reason, "reason", "", "a `TEXT` for the audit: who asked for it, and when")
	return cmd
}

func (a *app) expunge(ctx context.Context, inbox *knockersqlite.Inbox, b *bulkFlags, reason string) error {
	erased := true
	err := a.bulkEvents(ctx, inbox, b, action{name: "expunge", done: "expunged",
		all: func(inbox *knockersqlite.Inbox, ctx context.Context, f knockersqlite.EventFilter, o knockersqlite.BulkOptions) (knockersqlite.BulkResult, error) {
			did, err := inbox.Expunge(ctx, f, reason, o)
			erased = o.DryRun || did.ErasedFromFile
			return did.BulkResult, err
		}})
	if err == nil && !erased {
		a.messages.line("a reader of the file kept its WAL from being emptied: the bytes are gone from there after the next checkpoint")
		_ = a.messages.flush()
	}
	return err
}
