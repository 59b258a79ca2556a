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
	f, err := b.selects(a)
	if err != nil {
		return err
	}
	p := knockersqlite.ExpungeParams{Filter: f, All: b.all, Reason: reason, DryRun: true, Limit: 1}
	counted, err := inbox.Expunge(ctx, p)
	if err != nil {
		return err
	}
	erased := true
	err = a.bulk(b, "expunge", "expunged", counted.Matched, func(progress func(changed, skipped int64)) (did bulkShape, err error) {
		p.DryRun = false
		for {
			p.Limit = expungeAtOnce
			if b.limit > 0 {
				p.Limit = int(min(expungeAtOnce, b.limit-did.Changed))
			}
			step, err := inbox.Expunge(ctx, p)
			if err != nil {
				return did, err
			}
			did.Matched += step.Matched
			did.Changed += step.Changed
			did.Skipped += step.Skipped
			erased = step.ErasedFromFile || step.Changed == 0 && erased
			progress(did.Changed, did.Skipped)
			if p.Cursor = step.Cursor; p.Cursor == "" || b.limit > 0 && did.Changed >= b.limit {
				return did, nil
			}
			if ctx.Err() != nil {
				return did, ctx.Err()
			}
		}
	})
	if err == nil && !erased {
		a.messages.line("a reader of the file kept its WAL from being emptied: the bytes are gone from the file after the next checkpoint")
		_ = a.messages.flush()
	}
	return err
}

// expungeAtOnce is how many events a transaction erases.
const expungeAtOnce = 100
