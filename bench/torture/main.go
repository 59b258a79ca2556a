// Command torture writes one database file from two copies of SQLite in one
// process, and from two further processes, and then counts what is left.
//
//	go run ./torture -seconds 30              # WAL and rollback journal, in turn
//	go run ./torture -seconds 10 -kill        # the further processes are killed at random
//	KNOCKER_CURE=off go run -tags knocker_torture ./torture -expect-failure
//
// The embedded copy is the amalgamation inside go-sqlite3, with the hooks of
// core/sqlite/filelock: an inbox receives and handles on it, and plain
// connections write beside it. The host's copy is modernc.org/sqlite.
// For each run it prints one line:
//
//	torture: commits=N lost=0 corrupt=0 errors=0 fds=a..b
//
// and it exits with status 1 if any of lost, corrupt and errors is not 0, or if
// the number of descriptors grew.
package main

import (
	"flag"
	"fmt"
	"os"
	"time"
)

func main() {
	if len(os.Args) > 1 && roles[os.Args[1]] != nil {
		roles[os.Args[1]](os.Args[2:])
		return
	}
	seconds := flag.Int("seconds", 30, "seconds of all runs together")
	journal := flag.String("journal", "wal,delete", "journal modes, one run each")
	kill := flag.Bool("kill", false, "kill the further processes at random moments")
	expectFailure := flag.Bool("expect-failure", false, "succeed only if one of three tries fails")
	directory := flag.String("dir", "", "where the scratch file goes (default: the system's directory for such files)")
	flag.Parse()

	modes := splitModes(*journal)
	limit := time.Duration(*seconds) * time.Second / time.Duration(len(modes))
	tries := 1
	if *expectFailure {
		tries = 3
	}
	failed := false
	for try := 0; try < tries && !(failed && *expectFailure); try++ {
		for _, mode := range modes {
			result := supervise(*directory, mode, limit, *kill)
			fmt.Println(result)
			failed = failed || !result.ok()
		}
	}
	if failed != *expectFailure {
		if *expectFailure {
			fmt.Fprintln(os.Stderr, "torture: nothing failed without the cure: this test sees nothing")
		}
		os.Exit(1)
	}
}
