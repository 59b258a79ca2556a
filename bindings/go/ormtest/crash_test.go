package ormtest

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mattn/go-sqlite3"

	knockersqlite "github.com/knocker-dev/knocker/bindings/go"
)

// The environment of a child: the file, who writes, and where it dies.
const (
	crashFile  = "KNOCKER_CRASH_FILE"
	crashWrite = "KNOCKER_CRASH_WRITER"
	crashPlace = "KNOCKER_CRASH_PLACE"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(crashFile); path != "" {
		err := crash(path, os.Getenv(crashWrite), os.Getenv(crashPlace))
		fmt.Fprintln(os.Stderr, "still alive:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func die() { _ = syscall.Kill(os.Getpid(), syscall.SIGKILL) }

// crash handles the file's event and dies before the commit: in the handler
// after its write, or in SQLite's commit itself, when "handled" is written too.
func crash(path, writer, place string) error {
	armed := false
	sql.Register("dying", &knockersqlite.Driver{SQLiteDriver: sqlite3.SQLiteDriver{ConnectHook: func(c *sqlite3.SQLiteConn) error {
		c.RegisterCommitHook(func() int {
			if armed && place == "commit" {
				die()
			}
			return 0
		})
		return nil
	}}})
	db, err := sql.Open("dying", source(path))
	if err != nil {
		return err
	}
	inbox, err := open(db)
	if err != nil {
		return err
	}
	err = inbox.RegisterHandler("shop", func(event knockersqlite.Event, tx *knockersqlite.Tx) error {
		if err := writers[writer](tx.Context(), tx, event.ID); err != nil {
			return err
		}
		armed = true
		if place == "handler" {
			die()
		}
		return nil
	})
	if err == nil {
		_, err = inbox.RunWorkerOnce(context.Background(), knockersqlite.WorkerOptions{Lease: time.Second})
	}
	return err
}

// A process that is killed between a handler's write and its commit leaves
// neither the write nor "handled", and the next worker handles the event once.
func TestKilledBeforeTheCommit(t *testing.T) {
	self, err := os.Executable()
	check(t, err)
	for name, write := range writers {
		for _, place := range []string{"handler", "commit"} {
			t.Run(strings.ReplaceAll(name, "/", " ")+" in the "+place, func(t *testing.T) {
				t.Parallel()
				path := filepath.Join(t.TempDir(), "app.db")
				db, err := sql.Open(knockersqlite.DriverName, source(path))
				check(t, err)
				defer func() { check(t, db.Close()) }()
				inbox, err := open(db)
				check(t, err)
				event, err := receive(inbox, "a")
				check(t, err)

				ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
				defer cancel()
				child := exec.CommandContext(ctx, self)
				child.Env = append(os.Environ(), crashFile+"="+path, crashWrite+"="+name, crashPlace+"="+place)
				output, err := child.CombinedOutput()
				if status, ok := child.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
					t.Fatalf("%v\n%s", err, output)
				}
				if status, notes := state(t, db, event); status == "handled" || len(notes) != 0 {
					t.Fatal("after the crash:", status, notes)
				}
				check(t, inbox.RegisterHandler("shop", func(event knockersqlite.Event, tx *knockersqlite.Tx) error {
					return write(tx.Context(), tx, event.ID)
				}))
				for ran := 0; ran == 0; time.Sleep(100 * time.Millisecond) { // until the lease of the dead is over
					if ran, err = inbox.RunWorkerOnce(ctx, knockersqlite.WorkerOptions{}); err != nil || ctx.Err() != nil {
						t.Fatal(ran, err, ctx.Err())
					}
				}
				if status, notes := state(t, db, event); status != "handled" || len(notes) != 1 {
					t.Error("in the end:", status, notes)
				}
				attempts, err := inbox.ListAttempts(ctx, event)
				if err != nil || len(attempts) != 1 || attempts[0].Outcome != "handled" {
					t.Error(attempts, err)
				}
			})
		}
	}
}
