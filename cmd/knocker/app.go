package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	knockersqlite "github.com/knocker-dev/knocker/bindings/go"
)

// app is one call of the command: its global flags and where it writes.
type app struct {
	db      string
	queue   string
	json    bool
	utc     bool
	color   string
	timeout time.Duration

	out      *screen // what was asked for
	messages *screen // everything else: notes, progress, errors
	attempts int     // of jobs that are queued again
	started  bool    // the arguments were understood
}

// run runs one command and answers the exit code.
func run(ctx context.Context, args []string) int {
	a := &app{out: newScreen(os.Stdout), messages: newScreen(os.Stderr)}
	root := a.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if flushed := a.out.flush(); err == nil {
		err = flushed
	}
	if err == nil {
		return exitDone
	}
	a.report(err)
	return a.exitCode(ctx, err)
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "knocker",
		Short: "Look into a webhook inbox, and run its events again",
		Long: `Look into a webhook inbox, and run its events again.

The inbox is a SQLite file, which other processes may be using meanwhile.
Times are given as 90s, 15m, 2h or 7d (that long ago), as 2026-01-31,
"2026-01-31 15:04:05", RFC 3339, or Unix seconds.`,
		Version:       knockersqlite.Version,
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			a.started = true
			if a.db == "" {
				a.db = os.Getenv("KNOCKER_DB")
			}
			return a.setColors()
		},
	}
	flags := root.PersistentFlags()
	flags.StringVar(&a.db, "db", "", "the inbox's `FILE` (default: the variable KNOCKER_DB)")
	flags.StringVar(&a.queue, "queue", "", "the queue's `NAME`, if the application has set one (default \"knocker.events\")")
	flags.BoolVar(&a.json, "json", false, "print JSON, in the shape that docs/cli.md promises")
	flags.BoolVar(&a.utc, "utc", false, "show times in UTC instead of local time")
	flags.StringVar(&a.color, "color", "auto", "`WHEN` to use colours: auto, always or never")
	flags.DurationVar(&a.timeout, "busy-timeout", 5*time.Second, "how long to wait for other writers of the file")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage("%s", err) })
	root.AddCommand(a.listCommand(), a.showCommand(), a.replayCommand(), a.requeueCommand(), a.ignoreCommand(), a.expungeCommand(), a.pruneCommand(),
		a.statsCommand(), a.tailCommand(), a.backupCommand(), a.exportCommand(), a.migrateCommand(), a.sendCommand(), a.verifyCommand(), a.reverifyCommand(), a.acceptCommand(), a.checkCommand(), a.psCommand(), a.pauseCommand(), a.resumeCommand())
	must(root.RegisterFlagCompletionFunc("color", cobra.FixedCompletions([]string{"auto", "always", "never"}, cobra.ShellCompDirectiveNoFileComp)))
	return root
}

// must is for mistakes in this program's own setup.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// open opens the file as it is: never made, never migrated, its journal mode
// and its other settings left to the application.
func (a *app) open() (*knockersqlite.Inbox, error) {
	return a.openWith(knockersqlite.Options{Migrate: "never"})
}

func (a *app) openWith(o knockersqlite.Options) (*knockersqlite.Inbox, error) {
	if err := a.findFile(); err != nil {
		return nil, err
	}
	o.JournalMode, o.QueueName, o.BusyTimeout = "keep", a.queue, a.timeout
	o.Retry.MaxAttempts = a.attempts
	inbox, err := knockersqlite.OpenWith(a.db, o)
	switch {
	case errors.Is(err, knockersqlite.ErrMigrationNeeded):
		return nil, fmt.Errorf("%w; knocker migrate does it", err)
	case errors.Is(err, knockersqlite.ErrSchemaMissing):
		return nil, fmt.Errorf("%w; is this the right file?", err)
	}
	return inbox, err
}

func (a *app) findFile() error {
	if a.db == "" {
		return usage("which inbox? Give its file with --db FILE or in the variable KNOCKER_DB")
	}
	info, err := os.Stat(a.db)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &problem{exitMissing, "cannot_open", a.db + " does not exist"}
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return &problem{exitMissing, "cannot_open", a.db + " is not a file"}
	}
	return nil
}

// with opens the inbox for one command.
func (a *app) with(ctx context.Context, f func(ctx context.Context, inbox *knockersqlite.Inbox) error) error {
	inbox, err := a.open()
	if err != nil {
		return err
	}
	err = f(ctx, inbox)
	if closed := inbox.Close(); err == nil {
		err = closed
	}
	return err
}
