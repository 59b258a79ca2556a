package main

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/spf13/cobra"

	knockersqlite "github.com/knocker-dev/knocker/bindings/go"
)

func (a *app) backupCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "backup FILE",
		Short: "Copy the inbox's file as it is at one moment, while it is in use",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("give the file to write")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd.Context(), func(ctx context.Context, inbox *knockersqlite.Inbox) error {
				start := time.Now()
				if err := inbox.Backup(ctx, args[0]); err != nil {
					return err
				}
				info, err := os.Stat(args[0])
				if err != nil {
					return err
				}
				if a.json {
					a.out.json(map[string]any{"path": args[0], "bytes": info.Size()})
					return nil
				}
				a.out.line("%s, %s, in %s", escape(args[0]), size(info.Size()), time.Since(start).Round(time.Millisecond))
				return nil
			})
		},
	}
}

func (a *app) migrateCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "migrate",
		Short: "Bring the file's tables to this version: the only command that does",
		Long:  "Bring the file's tables to this version, or make them in a database that has none.\nNo other command does. Processes of the neighbouring version go on working.\n\nA file that the package knockerlite has made is migrated in one transaction and\nkeeps every row. End that package's processes first, make a copy, and give\n--queue if they did: docs/migrating.md.",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			before, err := a.schemaVersion("never")
			if err != nil && !errors.Is(err, knockersqlite.ErrMigrationNeeded) && !errors.Is(err, knockersqlite.ErrSchemaMissing) {
				return err
			}
			after, err := a.schemaVersion("auto")
			if err != nil {
				return err
			}
			switch {
			case a.json:
				a.out.json(map[string]any{"from": orNull(before), "to": after, "migrated": before != after})
			case before == after:
				a.out.line("the tables are at version %d already", after)
			default:
				a.out.line("the tables are at version %d now", after)
			}
			return nil
		},
	}
}

// schemaVersion opens the file for a moment.
func (a *app) schemaVersion(migrate string) (int, error) {
	inbox, err := a.openWith(knockersqlite.Options{Migrate: migrate})
	if err != nil {
		return 0, err
	}
	version := inbox.Core().SchemaVersion()
	return version, inbox.Close()
}

func (a *app) pruneCommand() *cobra.Command {
	var olderThan string
	var selected []string
	var orphans, force bool
	var batch int
	cmd := &cobra.Command{
		Use:   "prune --older-than TIME",
		Short: "Remove old handled and ignored events, or deliveries without an event",
		Long: `Remove handled and ignored events that were received before a time, with what belongs to them, oldest first.

It works in short transactions, so that receiving goes on. Pruning forgets
identities: a sender's retry of a pruned event is a new event. So a time less
than 8 days ago needs --force.`,
		Example: "  knocker --db app.db prune --older-than 30d\n  knocker --db app.db prune --older-than 30d --orphans",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if olderThan == "" {
				return usage("--older-than is missing: how old must an event be to be removed?")
			}
			if orphans && (force || len(selected) > 0) {
				return usage("--orphans goes without --status and --force")
			}
			cutoff, err := a.parseTime(olderThan, time.Now())
			if err != nil {
				return err
			}
			return a.with(cmd.Context(), func(ctx context.Context, inbox *knockersqlite.Inbox) error {
				return a.prune(ctx, func(ctx context.Context) (knockersqlite.PruneResult, error) {
					if orphans {
						return inbox.PruneOrphanDeliveries(ctx, time.Unix(cutoff, 0), batch)
					}
					return inbox.PruneEvents(ctx, knockersqlite.PruneParams{Statuses: selected, OlderThan: cutoff, Limit: batch, Force: force})
				})
			})
		},
	}
	cmd.Flags().StringVar(&olderThan, "older-than", "", "the `TIME` before which an event was received")
	cmd.Flags().StringArrayVarP(&selected, "status", "s", nil, "only with this `STATUS`: handled or ignored (default: both)")
	cmd.Flags().BoolVar(&orphans, "orphans", false, "remove deliveries without an event instead")
	cmd.Flags().BoolVar(&force, "force", false, "allow a time less than 8 days ago")
	cmd.Flags().IntVar(&batch, "batch", 500, "the `NUMBER` of events a transaction, at most 1000")
	must(cmd.RegisterFlagCompletionFunc("status", cobra.FixedCompletions([]string{"handled", "ignored"}, cobra.ShellCompDirectiveNoFileComp)))
	return cmd
}

// prune repeats a bounded step until it finds nothing more.
func (a *app) prune(ctx context.Context, step func(ctx context.Context) (knockersqlite.PruneResult, error)) error {
	var total knockersqlite.PruneResult
	bar := a.progress("pruning", 0)
	defer bar.end()
	for {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		pruned, err := step(ctx)
		if err != nil {
			return err
		}
		total.EventsPruned += pruned.EventsPruned
		total.AttemptsPruned += pruned.AttemptsPruned
		total.DeliveriesPruned += pruned.DeliveriesPruned
		total.LiveJobsPruned += pruned.LiveJobsPruned
		bar.at(total.EventsPruned + total.DeliveriesPruned)
		if pruned.EventsPruned+pruned.DeliveriesPruned == 0 {
			break
		}
	}
	bar.end()
	if a.json {
		a.out.json(total)
		return nil
	}
	a.out.line("removed %s, %s, %s", plural(total.EventsPruned, "event"), plural(total.DeliveriesPruned, "delivery"), plural(total.AttemptsPruned, "attempt"))
	return nil
}
