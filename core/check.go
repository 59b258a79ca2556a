package core

import (
	"context"
	"fmt"

	"github.com/knocker-dev/knocker/core/sqlite"
	"github.com/knocker-dev/knocker/core/store"
)

// mostProblems bounds each list of a CheckReport.
const mostProblems = 100

// CheckReport is what Check found. Nothing is wrong where the lists are empty
// and the counts 0.
type CheckReport struct {
	Integrity     []string     // SQLite's sentences on damage of the file; at most 100
	ForeignKeys   []BrokenLink // rows that point at nothing, the application's too; at most 100
	SchemaVersion int          // of the inbox's tables
	Stuck         int64        // received events whose job is gone: requeue them
	OrphanJobs    int64        // jobs of the inbox's queue that are about no event
}

// BrokenLink is a row whose foreign key has no row to point at.
type BrokenLink struct {
	Table  string
	RowID  int64 // 0 in a table without rowids
	Parent string
}

// Sound reports whether the file itself is undamaged.
func (r CheckReport) Sound() bool { return len(r.Integrity) == 0 && len(r.ForeignKeys) == 0 }

// Check reads the whole file and reports damage and what is stuck. It writes
// nothing and holds nobody up, but takes as long as reading the file does, and
// meanwhile the WAL can't start over. quick leaves the comparison of indexes
// with their tables out, which takes most of the time.
func (i *Inbox) Check(_ context.Context, quick bool) (out CheckReport, err error) {
	if err := i.usable(); err != nil {
		return out, err
	}
	name := "integrity_check"
	if quick {
		name = "quick_check"
	}
	out.Integrity, out.ForeignKeys = []string{}, []BrokenLink{}
	err = i.e.read(func(c *sqlite.Conn) error {
		if out.Integrity, err = problemsOf(c, fmt.Sprintf("PRAGMA main.%s(%d)", name, mostProblems)); err != nil || len(out.Integrity) > 0 {
			return err // in a damaged file nothing else can be trusted
		}
		if out.ForeignKeys, err = brokenLinks(c); err != nil {
			return err
		}
		if _, out.SchemaVersion, err = store.Inspect(c); err != nil {
			return err
		}
		if out.Stuck, err = number(c, "SELECT count(*) FROM main.knocker_events x WHERE x.status = 'received' AND "+stuckEvent); err != nil {
			return err
		}
		out.OrphanJobs, err = number(c, "SELECT count(*) FROM main._honker_live WHERE queue = ? AND NOT EXISTS (SELECT 1 FROM main.knocker_events e WHERE e.id = "+jobsEvent+")",
			i.e.options.QueueName)
		return err
	})
	return out, err
}

// problemsOf reads a check of SQLite's, which says "ok" where there is none.
// Damage that stops the check itself is a problem too.
func problemsOf(c *sqlite.Conn, pragma string) ([]string, error) {
	problems := []string{}
	rows, err := c.Query(pragma)
	if sqlite.CodeOf(err) == sqlite.CodeCorrupt {
		return []string{err.Error()}, nil
	}
	if err != nil {
		return problems, err
	}
	for rows.Next() {
		if text := rows.Text(0); text != "ok" {
			problems = append(problems, text)
		}
	}
	return problems, nil
}

func brokenLinks(c *sqlite.Conn) ([]BrokenLink, error) {
	links := []BrokenLink{}
	rows, err := c.Query(`SELECT "table", coalesce(rowid, 0), parent FROM pragma_foreign_key_check(NULL, 'main') LIMIT ?`, mostProblems)
	if err != nil {
		return links, err
	}
	for rows.Next() {
		links = append(links, BrokenLink{Table: rows.Text(0), RowID: rows.Int(1), Parent: rows.Text(2)})
	}
	return links, nil
}
