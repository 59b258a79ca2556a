package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"reflect"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	knockersqlite "github.com/knocker-dev/knocker/bindings/go"
)

// bulkFlags say how an action goes about all that a filter matches.
type bulkFlags struct {
	filter      eventFlags
	all, dryRun bool
	yes         bool
	limit       int64
}

func (b *bulkFlags) add(a *app, cmd *cobra.Command) {
	b.filter.add(a, cmd)
	cmd.Flags().BoolVar(&b.all, "all", false, "without any other filter: every event")
	b.addRun(cmd)
}

// addRun adds the flags that are not about which events.
func (b *bulkFlags) addRun(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&b.dryRun, "dry-run", false, "only count what matches")
	cmd.Flags().BoolVarP(&b.yes, "yes", "y", false, "don't ask")
	cmd.Flags().Int64Var(&b.limit, "limit", 0, "at most this `NUMBER`, the oldest first (default: all)")
}

// given reports whether any filter was given.
func (b *bulkFlags) given() bool {
	return b.all || b.filter.since != "" || b.filter.until != "" || !reflect.DeepEqual(b.filter.f, knockersqlite.EventFilter{})
}

// selects reads the filter, and refuses one that selects everything by mistake.
func (b *bulkFlags) selects(a *app) (knockersqlite.EventFilter, error) {
	f, err := b.filter.filter(a)
	if err != nil {
		return f, err
	}
	if empty := reflect.DeepEqual(f, knockersqlite.EventFilter{}); empty != b.all {
		if empty {
			return f, usage("which events? Give their ids, a filter such as --status dead, or --all")
		}
		return f, usage("--all goes without a filter")
	}
	if b.limit < 0 {
		return f, usage("--limit must be at least 1")
	}
	return f, nil
}

// bulkShape is what a bulk action did.
type bulkShape struct {
	Matched int64 `json:"matched"`
	Changed int64 `json:"changed"`
	Skipped int64 `json:"skipped"`
	DryRun  bool  `json:"dry_run"`
}

// bulkEvents runs one of the actions on all events that the flags select.
func (a *app) bulkEvents(ctx context.Context, inbox *knockersqlite.Inbox, b *bulkFlags, act action) error {
	f, err := b.selects(a)
	if err != nil {
		return err
	}
	return a.bulkRun(ctx, b, act.name, "event", act.done, "left alone: their state does not allow it", func(o knockersqlite.BulkOptions) (knockersqlite.BulkResult, error) {
		return act.all(inbox, ctx, f, o)
	})
}

// bulkRun counts what matches, asks, and goes through it. one is what is gone
// through, done and skipped what is said of those that were changed and not.
func (a *app) bulkRun(ctx context.Context, b *bulkFlags, verb, one, done, skipped string, run func(o knockersqlite.BulkOptions) (knockersqlite.BulkResult, error)) error {
	o := knockersqlite.BulkOptions{All: b.all, Limit: b.limit, DryRun: true}
	counted, err := run(o)
	if err != nil {
		return err
	}
	words := bulkWords{one, done, skipped}
	if b.dryRun || counted.Matched == 0 {
		return a.printBulk(bulkShape{Matched: counted.Matched, DryRun: b.dryRun}, words)
	}
	todo := counted.Matched
	if b.limit > 0 {
		todo = min(todo, b.limit)
	}
	if err := a.confirm(ctx, b.yes, verb+" "+plural(todo, one)); err != nil {
		return err
	}
	bar := a.progress(verb, todo)
	o.DryRun = false
	o.Progress = func(r knockersqlite.BulkResult) { bar.at(r.Changed + r.Skipped) }
	did, err := run(o)
	bar.end()
	if err != nil && did.Changed == 0 {
		return err
	}
	// What is done is done, also where it was interrupted.
	if printed := a.printBulk(bulkShape{Matched: did.Matched, Changed: did.Changed, Skipped: did.Skipped}, words); printed != nil {
		return printed
	}
	return err
}

// bulkWords tell people what a bulk action did.
type bulkWords struct{ one, done, skipped string }

func (a *app) printBulk(did bulkShape, words bulkWords) error {
	switch {
	case a.json:
		a.out.json(did)
	case did.Matched == 0:
		a.messages.line("no %s match", plural(0, words.one)[2:])
	case did.DryRun:
		a.out.line("%s match", plural(did.Matched, words.one))
	default:
		a.out.line("%s %s", plural(did.Changed, words.one), words.done)
		if did.Skipped > 0 {
			a.out.line("%s %s", plural(did.Skipped, words.one), words.skipped)
		}
	}
	_ = a.out.flush()
	return a.messages.flush()
}

// confirm asks the person at the terminal; a script says --yes.
func (a *app) confirm(ctx context.Context, yes bool, what string) error {
	if yes {
		return nil
	}
	if !a.messages.terminal || !term.IsTerminal(int(os.Stdin.Fd())) {
		return usage("this would %s: say --yes", what)
	}
	fmt.Fprintf(a.messages.w, "%s? [y/N] ", what)
	_ = a.messages.flush()
	answer, err := unlessInterrupted(ctx, func() (string, error) { return bufio.NewReader(os.Stdin).ReadString('\n') })
	if ctx.Err() != nil {
		return err
	}
	if answer = strings.ToLower(strings.TrimSpace(answer)); answer != "y" && answer != "yes" {
		return &problem{exitFailed, "not_confirmed", "nothing was done"}
	}
	return nil
}

// unlessInterrupted waits for something that knows no context, such as a person.
func unlessInterrupted[T any](ctx context.Context, wait func() (T, error)) (T, error) {
	type outcome struct {
		value T
		err   error
	}
	done := make(chan outcome, 1)
	go func() {
		value, err := wait()
		done <- outcome{value, err}
	}()
	select {
	case o := <-done:
		return o.value, o.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}
