package main

import (
	"context"
	"iter"

	"github.com/spf13/cobra"

	knockersqlite "github.com/knocker-dev/knocker/bindings/go"
)

func (a *app) exportCommand() *cobra.Command {
	var filter eventFlags
	var noBodies bool
	cmd := &cobra.Command{
		Use:     "export",
		Short:   "Write events as JSON lines, newest first; or deliveries",
		Long:    "Write events, or deliveries, as JSON lines, newest first: one object a line, in the shape that docs/cli.md promises.",
		Example: "  knocker --db app.db export --status dead > dead.jsonl",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd.Context(), func(ctx context.Context, inbox *knockersqlite.Inbox) error {
				f, err := filter.filter(a)
				if err != nil {
					return err
				}
				f.Limit, f.Bodies = exportPage, !noBodies
				return export(ctx, a, inbox.Events(ctx, f), eventOf)
			})
		},
	}
	filter.add(a, cmd)
	cmd.Flags().BoolVar(&noBodies, "no-bodies", false, "leave the bodies out")
	cmd.AddCommand(a.exportDeliveriesCommand())
	return cmd
}

// exportPage keeps what is in memory at once small: bodies may be large.
const exportPage = 100

func (a *app) exportDeliveriesCommand() *cobra.Command {
	var filter deliveryFlags
	var noBodies bool
	cmd := &cobra.Command{
		Use:   "deliveries",
		Short: "Write deliveries as JSON lines, newest first",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd.Context(), func(ctx context.Context, inbox *knockersqlite.Inbox) error {
				f, err := filter.filter(a)
				if err != nil {
					return err
				}
				f.Limit, f.Bodies = exportPage, !noBodies
				return export(ctx, a, inbox.Deliveries(ctx, f), deliveryOf)
			})
		},
	}
	filter.add(a, cmd)
	cmd.Flags().BoolVar(&noBodies, "no-bodies", false, "leave the bodies out")
	return cmd
}

func export[T, S any](ctx context.Context, a *app, list iter.Seq2[T, error], shape func(T) S) error {
	bar := a.progress("exporting", 0)
	defer bar.end()
	done := int64(0)
	for item, err := range list {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		a.out.jsonLine(shape(item))
		done++
		bar.at(done)
	}
	return a.out.flush()
}
