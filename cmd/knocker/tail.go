package main

import (
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"

	knockersqlite "github.com/knocker-dev/knocker/bindings/go"
)

func (a *app) tailCommand() *cobra.Command {
	var filter eventFlags
	var lines int
	var interval time.Duration
	var deliveries, noFollow bool
	cmd := &cobra.Command{
		Use:   "tail",
		Short: "Show the newest events, and each new one as it arrives",
		Long:  "Show the newest events, and each new one as it arrives, until it is interrupted.\nWith --json each is one line.",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if lines < 0 || lines > largestPage {
				return usage("--lines must be between 0 and %d", largestPage)
			}
			if interval < 10*time.Millisecond {
				return usage("--interval must be at least 10ms")
			}
			return a.with(cmd.Context(), func(ctx context.Context, inbox *knockersqlite.Inbox) error {
				f, err := filter.filter(a)
				if err != nil {
					return err
				}
				if deliveries {
					if len(f.Statuses) > 0 || f.ErrorCode != "" || f.Stuck {
						return usage("--status, --error-code and --stuck are of events: not with --deliveries")
					}
					d := knockersqlite.DeliveryFilter{Endpoints: f.Endpoints, EventType: f.EventType, DedupeKey: f.DedupeKey,
						ProviderEventID: f.ProviderEventID, ProviderDeliveryID: f.ProviderDeliveryID, Since: f.Since, Until: f.Until}
					list := func(limit int, cursor string) ([]knockersqlite.Delivery, string, error) {
						d.Limit, d.Cursor = limit, cursor
						return inbox.ListDeliveries(ctx, d)
					}
					return follow(ctx, interval, lines, !noFollow, list, func(d knockersqlite.Delivery) int64 { return d.ID }, a.tailDelivery)
				}
				list := func(limit int, cursor string) ([]knockersqlite.Event, string, error) {
					f.Limit, f.Cursor = limit, cursor
					return inbox.ListEvents(ctx, f)
				}
				return follow(ctx, interval, lines, !noFollow, list, func(e knockersqlite.Event) int64 { return e.ID }, a.tailEvent)
			})
		},
	}
	filter.add(a, cmd)
	cmd.Flags().IntVarP(&lines, "lines", "n", 10, "begin with this `NUMBER` of the newest")
	cmd.Flags().DurationVar(&interval, "interval", 500*time.Millisecond, "how often to look")
	cmd.Flags().BoolVar(&deliveries, "deliveries", false, "show deliveries instead: refused requests and duplicates too")
	cmd.Flags().BoolVar(&noFollow, "no-follow", false, "show the newest and end")
	return cmd
}

// follow shows the newest of a list, oldest of them first, and then what is new
// each time it looks. Ids only grow, so what is above the highest one is new.
func follow[T any](ctx context.Context, interval time.Duration, lines int, on bool, list func(limit int, cursor string) ([]T, string, error),
	idOf func(T) int64, show func([]T) error,
) error {
	newest, _, err := list(max(lines, 1), "")
	if err != nil {
		return err
	}
	last := int64(0)
	for _, item := range newest {
		last = max(last, idOf(item))
	}
	newest = newest[:min(lines, len(newest))]
	for {
		slices.Reverse(newest)
		if err := show(newest); err != nil {
			return err
		}
		if !on {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil // the ordinary end
		case <-time.After(interval):
		}
		if newest, err = above(last, list, idOf); err != nil {
			return err
		}
		for _, item := range newest {
			last = max(last, idOf(item))
		}
	}
}

// above reads a list from its newest end down to an id.
func above[T any](last int64, list func(limit int, cursor string) ([]T, string, error), idOf func(T) int64) (found []T, err error) {
	for limit, cursor := 50, ""; ; limit = largestPage {
		page, next, err := list(limit, cursor)
		if err != nil {
			return nil, err
		}
		fresh := 0
		for _, item := range page {
			if idOf(item) > last {
				found = append(found, item)
				fresh++
			}
		}
		if fresh < len(page) || next == "" {
			return found, nil
		}
		cursor = next
	}
}

// The columns of tail are wide enough for most, because what comes is not known.
func (a *app) tailEvent(list []knockersqlite.Event) error {
	for _, e := range list {
		if a.json {
			a.out.jsonLine(eventOf(e))
			continue
		}
		st := status(e.Status)
		a.out.line("%s  %8d  %-16s  %-24s  %s", a.at(e.ReceivedAt), e.ID, escape(e.Endpoint), escape(orDash(e.EventType)), a.out.paint(st.style, st.text))
	}
	return a.out.flush()
}

func (a *app) tailDelivery(list []knockersqlite.Delivery) error {
	for _, d := range list {
		if a.json {
			a.out.jsonLine(deliveryOf(d))
			continue
		}
		st := status(d.Kind)
		what := escape(reasonOf(d))
		if d.EventID != 0 {
			what = "event " + id(d.EventID)
		}
		a.out.line("%s  %8d  %-16s  %-12s  %s", a.at(d.ReceivedAt), d.ID, escape(d.Endpoint), a.out.paint(st.style, st.text), what)
	}
	return a.out.flush()
}
