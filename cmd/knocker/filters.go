package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	knockersqlite "github.com/knocker-dev/knocker/bindings/go"
)

var statuses = []string{"received", "processing", "handled", "failed", "dead", "ignored"}

// eventFlags are the flags that select events.
type eventFlags struct {
	endpoints, statuses  []string
	eventType, dedupeKey string
	since, until         string
}

func (f *eventFlags) add(a *app, cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVarP(&f.endpoints, "endpoint", "e", nil, "only of the endpoint `NAME`; may be repeated")
	flags.StringArrayVarP(&f.statuses, "status", "s", nil, "only with this `STATUS`: received, processing, handled, failed, dead or ignored; may be repeated")
	flags.StringVarP(&f.eventType, "type", "t", "", "only of the event `TYPE`: exact, or a prefix such as 'invoice.*'")
	flags.StringVar(&f.dedupeKey, "dedupe-key", "", "only with this `KEY` as identity")
	flags.StringVar(&f.since, "since", "", "only received at this `TIME` or later")
	flags.StringVar(&f.until, "until", "", "only received before this `TIME`")
	must(cmd.RegisterFlagCompletionFunc("status", cobra.FixedCompletions(statuses, cobra.ShellCompDirectiveNoFileComp)))
	must(cmd.RegisterFlagCompletionFunc("endpoint", a.completeEndpoints))
}

func (f *eventFlags) filter(a *app) (out knockersqlite.EventFilter, err error) {
	now := time.Now()
	out = knockersqlite.EventFilter{EventType: f.eventType, DedupeKey: f.dedupeKey}
	out.Endpoints, out.Statuses = f.endpoints, f.statuses
	if out.Since, err = a.parseTime(f.since, now); err != nil {
		return out, err
	}
	out.Until, err = a.parseTime(f.until, now)
	return out, err
}

// deliveryFlags are the flags that select deliveries.
type deliveryFlags struct {
	endpoints         []string
	event             int64
	orphaned, invalid bool
	since, until      string
}

func (f *deliveryFlags) add(a *app, cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVarP(&f.endpoints, "endpoint", "e", nil, "only of the endpoint `NAME`; may be repeated")
	flags.Int64Var(&f.event, "event", 0, "only of the event with this `ID`")
	flags.BoolVar(&f.orphaned, "orphaned", false, "only those that belong to no event")
	flags.BoolVar(&f.invalid, "invalid", false, "only those whose signature is not known to be valid")
	flags.StringVar(&f.since, "since", "", "only received at this `TIME` or later")
	flags.StringVar(&f.until, "until", "", "only received before this `TIME`")
	must(cmd.RegisterFlagCompletionFunc("endpoint", a.completeEndpoints))
}

func (f *deliveryFlags) filter(a *app) (out knockersqlite.DeliveryFilter, err error) {
	now := time.Now()
	out.Endpoints = f.endpoints
	if f.event != 0 {
		out.EventIDs = []int64{f.event}
	}
	if f.orphaned {
		out.Orphaned = &f.orphaned
	}
	if f.invalid {
		out.SignatureValid = new(bool)
	}
	if out.Since, err = a.parseTime(f.since, now); err != nil {
		return out, err
	}
	out.Until, err = a.parseTime(f.until, now)
	return out, err
}

// completeEndpoints gives the shell the endpoints' names, if the file is known
// by then.
func (a *app) completeEndpoints(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	var names []string
	_ = a.with(cmd.Context(), func(ctx context.Context, inbox *knockersqlite.Inbox) error {
		page, _, err := inbox.ListEndpoints(ctx, largestPage, "")
		for _, endpoint := range page {
			names = append(names, escape(endpoint.Name))
		}
		return err
	})
	return names, cobra.ShellCompDirectiveNoFileComp
}
