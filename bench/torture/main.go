// Command torture writes one database file from two copies of SQLite in one
// process, and from two further processes, and then counts what is left.
//
//	torture -seconds 30
//	KNOCKER_CURE=off torture -expect-failure
//	torture -program "python3 bench/torture/hosts/python.py"
//
// One copy is Knocker's; the other is the host's. Without -program this is a Go
// process and the host's copy is modernc.org/sqlite. A program in another
// language is called as
//
//	program ROLE path journal_mode writer
//
// with ROLE main (both copies in one process), embedded (Knocker's alone) or
// host (its own alone). It writes as roles.go and knocker.go do until its
// standard input ends, and prints a line after each commit: see tally.
//
// For each run one line is printed:
//
//	torture: commits=N lost=0 corrupt=0 errors=0 fds=a..b
//
// The exit status is 1 if any of lost, corrupt and errors is not 0, or if the
// number of descriptors grew.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"time"
)

func main() {
	if len(os.Args) > 1 && roles[os.Args[1]] != nil {
		roles[os.Args[1]](os.Args[2:])
		return
	}
	seconds := flag.Float64("seconds", 30, "seconds of all runs together")
	journal := flag.String("journal", "wal delete", "journal modes, a run each")
	kill := flag.Bool("kill", true, "in the second half of each run, kill the further processes at random moments")
	program := flag.String("program", "", "the writing program, words separated by spaces")
	expectFailure := flag.Bool("expect-failure", false, "succeed only if a run of at most three tries fails")
	directory := flag.String("dir", "", "where the scratch file goes (default: the system's directory for such files)")
	flag.Parse()

	modes := strings.Fields(*journal)
	limit := time.Duration(*seconds * float64(time.Second) / float64(len(modes)))
	tries := 1
	if *expectFailure {
		tries = 3
	}
	failed := false
	for try := 0; try < tries && !failed; try++ {
		for _, mode := range modes {
			result := supervise(strings.Fields(*program), *directory, mode, limit, *kill)
			fmt.Println(result)
			failed = failed || !result.ok()
			if failed && *expectFailure {
				fmt.Println("torture: failed, as it must without the cure")
				return
			}
		}
	}
	if *expectFailure {
		fmt.Fprintln(os.Stderr, "torture: nothing failed without the cure: this test sees nothing")
	}
	if failed != *expectFailure {
		os.Exit(1)
	}
}
