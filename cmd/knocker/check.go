package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	knockersqlite "github.com/knocker-dev/knocker/bindings/go"
)

type brokenLinkShape struct {
	Table  string `json:"table"`
	RowID  *int64 `json:"rowid"`
	Parent string `json:"parent"`
}

type checkShape struct {
	Integrity     []string          `json:"integrity"`
	ForeignKeys   []brokenLinkShape `json:"foreign_keys"`
	SchemaVersion int               `json:"schema_version"`
	Stuck         int64             `json:"stuck"`
	OrphanJobs    int64             `json:"orphan_jobs"`
}

func (a *app) checkCommand() *cobra.Command {
	var quick bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check the file: integrity, foreign keys, schema version, stuck jobs",
		Long: `Check the file: SQLite's integrity check, foreign keys, the version of the
tables, events without a job and jobs without an event. Nothing is written.

It reads the whole file: a large one takes its time. The exit code is 6 where
anything is wrong.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd.Context(), func(ctx context.Context, inbox *knockersqlite.Inbox) error {
				report, err := inbox.Check(ctx, quick)
				if err != nil {
					return err
				}
				if a.json {
					shape := checkShape{Integrity: append([]string{}, report.Integrity...), ForeignKeys: []brokenLinkShape{},
						SchemaVersion: report.SchemaVersion, Stuck: report.Stuck, OrphanJobs: report.OrphanJobs}
					for _, link := range report.ForeignKeys {
						shape.ForeignKeys = append(shape.ForeignKeys, brokenLinkShape{link.Table, orNull(link.RowID), link.Parent})
					}
					a.out.json(shape)
				} else {
					a.printCheck(report)
				}
				if !report.Sound() || report.Stuck > 0 || report.OrphanJobs > 0 {
					return errNegative
				}
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&quick, "quick", false, "leave out the comparison of indexes with their tables, which takes most of the time")
	return cmd
}

func (a *app) printCheck(r knockersqlite.CheckReport) {
	line := func(name string, wrong bool, found string) {
		verdict := cell{"ok", green}
		if wrong {
			verdict = cell{"WRONG", red}
		}
		a.out.line("%s", strings.TrimRight(fmt.Sprintf("%-15s %s  %s", name, a.out.paint(verdict.style, verdict.text), found), " "))
	}
	line("integrity", len(r.Integrity) > 0, "")
	for _, problem := range r.Integrity {
		a.out.line("  %s", escape(problem))
	}
	line("foreign keys", len(r.ForeignKeys) > 0, "")
	for _, link := range r.ForeignKeys {
		a.out.line("  row %d of %s points at nothing in %s", link.RowID, escape(link.Table), escape(link.Parent))
	}
	if len(r.Integrity) > 0 {
		a.out.line("\nRestore a backup, or recover the file with the sqlite3 shell (.recover).")
		return
	}
	line("tables", false, "version "+id(int64(r.SchemaVersion)))
	line("stuck events", r.Stuck > 0, count(r.Stuck)+" received without a job"+hint(r.Stuck, ": requeue --stuck runs them"))
	line("orphan jobs", r.OrphanJobs > 0, count(r.OrphanJobs)+" about no event"+hint(r.OrphanJobs, ": a worker drops them when it meets them"))
}

func hint(n int64, text string) string {
	if n == 0 {
		return ""
	}
	return text
}
