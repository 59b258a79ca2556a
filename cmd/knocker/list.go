package main

import (
	"context"

	"github.com/spf13/cobra"

	knockersqlite "github.com/knocker-dev/knocker/bindings/go"
)

const largestPage = 1000

// pageFlags say how much of a list is shown.
type pageFlags struct {
	limit  int
	cursor string
	bodies bool
}

func (f *pageFlags) add(cmd *cobra.Command, bodies bool) {
	cmd.Flags().IntVarP(&f.limit, "limit", "n", 100, "show at most this `NUMBER`")
	cmd.Flags().StringVar(&f.cursor, "cursor", "", "go on at the `CURSOR` that the page before has answered")
	if bodies {
		cmd.Flags().BoolVar(&f.bodies, "bodies", false, "with --json: with the bodies")
	}
}

func (a *app) listCommand() *cobra.Command {
	var filter eventFlags
	var page pageFlags
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List events, newest first; or deliveries, endpoints, audits",
		Example: "  knocker --db app.db list --status dead --since 1d\n  knocker --db app.db list deliveries --invalid",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd.Context(), func(ctx context.Context, inbox *knockersqlite.Inbox) error {
				f, err := filter.filter(a)
				if err != nil {
					return err
				}
				f.Cursor, f.Bodies = page.cursor, page.bodies
				list, next, err := take(page.limit, func(limit int, cursor string) ([]knockersqlite.Event, string, error) {
					f.Limit, f.Cursor = limit, cursor
					return inbox.ListEvents(ctx, f)
				}, page.cursor)
				if err != nil {
					return err
				}
				if a.json {
					a.out.json(map[string]any{"events": shapes(list, eventOf), "cursor": orNull(next)})
					return nil
				}
				a.printEvents(list)
				a.footer(len(list), "event", next)
				return nil
			})
		},
	}
	filter.add(a, cmd)
	page.add(cmd, true)
	cmd.AddCommand(a.listEventsCommand(cmd), a.listDeliveriesCommand(), a.listEndpointsCommand(), a.listAuditsCommand())
	return cmd
}

// listEventsCommand is list by its whole name.
func (a *app) listEventsCommand(list *cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: "events", Short: "List events, newest first (the same as list)", Args: noArguments, RunE: list.RunE}
	cmd.Flags().AddFlagSet(list.Flags())
	return cmd
}

func (a *app) listDeliveriesCommand() *cobra.Command {
	var filter deliveryFlags
	var page pageFlags
	cmd := &cobra.Command{
		Use:   "deliveries",
		Short: "List deliveries (every request, valid or not), newest first",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd.Context(), func(ctx context.Context, inbox *knockersqlite.Inbox) error {
				f, err := filter.filter(a)
				if err != nil {
					return err
				}
				f.Bodies = page.bodies
				list, next, err := take(page.limit, func(limit int, cursor string) ([]knockersqlite.Delivery, string, error) {
					f.Limit, f.Cursor = limit, cursor
					return inbox.ListDeliveries(ctx, f)
				}, page.cursor)
				if err != nil {
					return err
				}
				if a.json {
					a.out.json(map[string]any{"deliveries": shapes(list, deliveryOf), "cursor": orNull(next)})
					return nil
				}
				a.printDeliveries(list, "")
				a.footer(len(list), "delivery", next)
				return nil
			})
		},
	}
	filter.add(a, cmd)
	page.add(cmd, true)
	return cmd
}

func (a *app) listEndpointsCommand() *cobra.Command {
	var page pageFlags
	cmd := &cobra.Command{
		Use:   "endpoints",
		Short: "List endpoints",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd.Context(), func(ctx context.Context, inbox *knockersqlite.Inbox) error {
				list, next, err := take(page.limit, func(limit int, cursor string) ([]knockersqlite.Endpoint, string, error) {
					return inbox.ListEndpoints(ctx, limit, cursor)
				}, page.cursor)
				if err != nil {
					return err
				}
				if a.json {
					a.out.json(map[string]any{"endpoints": shapes(list, endpointOf), "cursor": orNull(next)})
					return nil
				}
				a.printEndpoints(list)
				a.footer(len(list), "endpoint", next)
				return nil
			})
		},
	}
	page.add(cmd, false)
	return cmd
}

// take reads as many pages as a limit needs.
func take[T any](limit int, page func(limit int, cursor string) ([]T, string, error), cursor string) (list []T, next string, err error) {
	if limit < 1 {
		return nil, "", usage("--limit must be at least 1")
	}
	list, next = []T{}, cursor
	for len(list) < limit {
		items, more, err := page(min(limit-len(list), largestPage), next)
		if err != nil {
			return nil, "", err
		}
		list, next = append(list, items...), more
		if next == "" {
			break
		}
	}
	return list, next, nil
}

// footer says what a person can't see in the table.
func (a *app) footer(n int, what, next string) {
	switch {
	case n == 0:
		a.messages.line("no %s", plural(0, what)[2:])
	case next != "":
		a.messages.line("%s, and there are more: --limit N, or --cursor %s", plural(int64(n), what), next)
	}
	_ = a.out.flush() // before it, where both are one terminal
	_ = a.messages.flush()
}

var eventColumns = []column{{"ID", true}, {"RECEIVED", false}, {"ENDPOINT", false}, {"TYPE", false}, {"STATUS", false}, {"RUNS", true}, {"LAST ERROR", false}}

func (a *app) eventRow(e knockersqlite.Event) []cell {
	return []cell{text(id(e.ID)), text(a.at(e.ReceivedAt)), text(e.Endpoint), text(orDash(e.EventType)), status(e.Status),
		text(count(int64(e.AttemptCount))), {firstLine(e.LastError), dim}}
}

func (a *app) printEvents(list []knockersqlite.Event) {
	if len(list) == 0 {
		return
	}
	t := table{columns: eventColumns}
	for _, e := range list {
		t.add(a.eventRow(e)...)
	}
	t.print(a.out, "")
}

var deliveryColumns = []column{{"ID", true}, {"RECEIVED", false}, {"ENDPOINT", false}, {"KIND", false}, {"EVENT", true}, {"SIGNATURE", false}, {"BODY", true}, {"REASON", false}}

func (a *app) deliveryRow(d knockersqlite.Delivery) []cell {
	event := "-"
	if d.EventID != 0 {
		event = id(d.EventID)
	}
	return []cell{text(id(d.ID)), text(a.at(d.ReceivedAt)), text(d.Endpoint), status(d.Kind), text(event), signature(d.SignatureValid),
		text(size(d.BodyBytes)), {orDash(reasonOf(d)), dim}}
}

// reasonOf is why a delivery was refused: the code, and what was found.
func reasonOf(d knockersqlite.Delivery) string {
	switch {
	case d.SignatureError == "" || d.SignatureError == d.Reason:
		return d.Reason
	case d.Reason == "":
		return firstLine(d.SignatureError)
	}
	return d.Reason + ": " + firstLine(d.SignatureError)
}

func signature(valid *bool) cell {
	switch {
	case valid == nil:
		return cell{"not checked", dim}
	case *valid:
		return cell{"valid", green}
	}
	return cell{"invalid", red}
}

func (a *app) printDeliveries(list []knockersqlite.Delivery, indent string) {
	if len(list) == 0 {
		return
	}
	t := table{columns: deliveryColumns}
	for _, d := range list {
		t.add(a.deliveryRow(d)...)
	}
	t.print(a.out, indent)
}

func (a *app) printEndpoints(list []knockersqlite.Endpoint) {
	if len(list) == 0 {
		return
	}
	t := table{columns: []column{{"NAME", false}, {"PROVIDER", false}, {"STATE", false}, {"ADDED", false}, {"PATH", false}}}
	for _, e := range list {
		t.add(text(e.Name), text(orDash(e.Provider)), state(e.Enabled, e.Paused), text(a.at(e.CreatedAt)), text(e.Path))
	}
	t.print(a.out, "")
}

// state is what an endpoint does at present.
func state(enabled, paused bool) cell {
	switch {
	case !enabled && paused:
		return cell{"disabled, paused", red}
	case !enabled:
		return cell{"disabled", red}
	case paused:
		return cell{"paused", yellow}
	}
	return cell{"enabled", green}
}

func noArguments(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage("%q is one argument too many", args[0])
	}
	return nil
}
