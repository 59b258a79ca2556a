// Knocker is the command line for operators of an inbox: what arrived, was it
// valid, did it run, why not, run it again.
//
//	knocker --db app.db list --status dead
//
// docs/cli.md has the commands, the shapes of --json and the exit codes. It
// opens files that other processes are using, and changes nothing of how they
// are set up; only migrate migrates.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	go func() {
		<-ctx.Done()
		stop() // a second signal ends the process at once
	}()
	os.Exit(run(ctx, os.Args[1:]))
}
