package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	knockersqlite "github.com/knocker-dev/knocker/bindings/go"
)

var (
	statuses = []string{"received", "processing", "handled", "failed", "dead", "ignored"}
	kinds    = []string{"event", "rejected", "handshake", "empty_batch", "too_large"}
)

// eventFlags are the flags that select events.
type eventFlags struct {
	f            knockersqlite.EventFilter
	since, until string
}

func (e *eventFlags) add(a *app, cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVarP(&e.f.Endpoints, "endpoint", "e", nil, "only of the endpoint `NAME`; may be repeated")
	flags.StringArrayVarP(&e.f.Statuses, "status", "s", nil, "only with this `STATUS`: received, processing, handled, failed, dead or ignored; may be repeated")
	flags.StringVarP(&e.f.EventType, "type", "t", "", "only of the event `TYPE`: exact, or a prefix such as 'invoice.*'")
	flags.StringVar(&e.f.ErrorCode, "error-code", "", "only with this `CODE`, or type of error, before the colon of the last error")
	flags.StringVar(&e.f.DedupeKey, "dedupe-key", "", "only with this `KEY` as identity")
	flags.StringVar(&e.f.ProviderEventID, "provider-event-id", "", "only with this `ID` of the sender's")
	flags.StringVar(&e.f.ProviderDeliveryID, "provider-delivery-id", "", "only with a delivery of this `ID` of the sender's")
	flags.BoolVar(&e.f.Stuck, "stuck", false, "only received events whose job is gone")
	flags.StringVar(&e.since, "since", "", "only received at this `TIME` or later")
	flags.StringVar(&e.until, "until", "", "only received before this `TIME`")
	a.completeFlags(cmd)
}

func (e *eventFlags) filter(a *app) (out knockersqlite.EventFilter, err error) {
	out = e.f
	out.Since, out.Until, err = a.parseRange(e.since, e.until)
	return out, err
}

// deliveryFlags are the flags that select deliveries.
type deliveryFlags struct {
	f                 knockersqlite.DeliveryFilter
	orphaned, invalid bool
	since, until      string
}

func (d *deliveryFlags) add(a *app, cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVarP(&d.f.Endpoints, "endpoint", "e", nil, "only of the endpoint `NAME`; may be repeated")
	flags.StringVarP(&d.f.EventType, "type", "t", "", "only of the event `TYPE`: exact, or a prefix such as 'invoice.*'")
	flags.Int64SliceVar(&d.f.EventIDs, "event", nil, "only of the event with this `ID`; may be repeated")
	flags.StringVar(&d.f.Kind, "kind", "", "only of this `KIND`: event, rejected, handshake, empty_batch or too_large")
	flags.StringArrayVar(&d.f.Reasons, "reason", nil, "only refused for this `REASON`, such as signature_mismatch; may be repeated")
	flags.StringVar(&d.f.DedupeKey, "dedupe-key", "", "only with this `KEY` as identity")
	flags.StringVar(&d.f.ProviderEventID, "provider-event-id", "", "only with this `ID` of the sender's")
	flags.StringVar(&d.f.ProviderDeliveryID, "provider-delivery-id", "", "only with this `ID` of the sender's")
	flags.BoolVar(&d.orphaned, "orphaned", false, "only those that belong to no event")
	flags.BoolVar(&d.invalid, "invalid", false, "only those whose signature is not known to be valid")
	flags.StringVar(&d.since, "since", "", "only received at this `TIME` or later")
	flags.StringVar(&d.until, "until", "", "only received before this `TIME`")
	a.completeFlags(cmd)
}

func (d *deliveryFlags) filter(a *app) (out knockersqlite.DeliveryFilter, err error) {
	out = d.f
	if d.orphaned {
		out.Orphaned = &d.orphaned
	}
	if d.invalid {
		out.SignatureValid = new(bool)
	}
	out.Since, out.Until, err = a.parseRange(d.since, d.until)
	return out, err
}

func (a *app) parseRange(since, until string) (from, to int64, err error) {
	now := time.Now()
	if from, err = a.parseTime(since, now); err != nil {
		return 0, 0, err
	}
	to, err = a.parseTime(until, now)
	return from, to, err
}

// completeFlags tells the shells what the flags of a filter may be.
func (a *app) completeFlags(cmd *cobra.Command) {
	must(cmd.RegisterFlagCompletionFunc("endpoint", a.completeEndpoints))
	for flag, values := range map[string][]string{"status": statuses, "kind": kinds} {
		if cmd.Flags().Lookup(flag) != nil {
			must(cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)))
		}
	}
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
