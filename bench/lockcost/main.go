// Command lockcost measures what the file locks of core/sqlite/filelock cost a
// program that has no other SQLite: the embedded copy alone, with the hooks and
// without, with 1 and with 4 threads.
//
//	go run -tags knocker_torture ./lockcost
//
// Runs with and without alternate in processes of their own, and the best of
// each counts, so that other work on the machine does not. For each number of
// threads it prints one line, and exits with status 1 if a ratio is below
// -least:
//
//	lockcost: threads=1 with=N/s without=N/s ratio=1.00
package main

import (
	"database/sql"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/knocker-dev/knocker/core/sqlite/filelock"
	_ "github.com/mattn/go-sqlite3"
)

func main() {
	if len(os.Args) == 4 && os.Args[1] == "measure" {
		rate, err := measure(os.Args[2], os.Args[3])
		check(err)
		fmt.Println(rate)
		return
	}
	rounds := flag.Int("rounds", 5, "runs with and runs without, each")
	length := flag.Duration("length", time.Second, "length of a run")
	least := flag.Float64("least", 0.95, "the smallest ratio that is accepted")
	flag.Parse()

	failed := false
	for _, threads := range []string{"1", "4"} {
		best := map[string]float64{}
		for range *rounds {
			for _, cure := range []string{"on", "off"} {
				command := exec.Command(os.Args[0], "measure", threads, length.String())
				command.Env = append(os.Environ(), "KNOCKER_CURE="+cure)
				command.Stderr = os.Stderr
				out, err := command.Output()
				check(err)
				rate, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
				check(err)
				best[cure] = max(best[cure], rate)
			}
		}
		ratio := best["on"] / best["off"]
		fmt.Printf("lockcost: threads=%s with=%.0f/s without=%.0f/s ratio=%.2f\n", threads, best["on"], best["off"], ratio)
		failed = failed || ratio < *least
	}
	if failed {
		os.Exit(1)
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "lockcost:", err)
		os.Exit(2)
	}
}

// measure runs write transactions, each followed by a read, without waiting for
// the disk: what is left is where locks weigh most. Writers queue up in the
// process, as they do in Knocker.
func measure(threads, length string) (float64, error) {
	count, err := strconv.Atoi(threads)
	if err != nil {
		return 0, err
	}
	limit, err := time.ParseDuration(length)
	if err != nil {
		return 0, err
	}
	dir, err := os.MkdirTemp("", "lockcost")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "cost.db")
	if _, err := filelock.Prepare(path, filelock.Options{}); err != nil {
		return 0, err
	}
	if filelock.Installed() == (os.Getenv("KNOCKER_CURE") == "off") {
		return 0, fmt.Errorf("the hooks are not as KNOCKER_CURE=%s says: build with -tags knocker_torture", os.Getenv("KNOCKER_CURE"))
	}
	var writer sync.Mutex
	var wg sync.WaitGroup
	done := make([]int, count)
	failures := make([]error, count)
	deadline := time.Now().Add(limit)
	for i := range count {
		db, err := sql.Open("sqlite3", "file:"+path+"?_journal_mode=WAL&_synchronous=NORMAL&_busy_timeout=5000")
		if err != nil {
			return 0, err
		}
		defer db.Close()
		db.SetMaxOpenConns(1)
		if _, err := db.Exec("CREATE TABLE IF NOT EXISTS t(id INTEGER PRIMARY KEY, body BLOB)"); err != nil {
			return 0, err
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			done[i], failures[i] = work(db, &writer, deadline)
		}()
	}
	wg.Wait()
	total := 0
	for i := range done {
		total += done[i]
		if failures[i] != nil {
			return 0, failures[i]
		}
	}
	return float64(total) / limit.Seconds(), nil
}

func work(db *sql.DB, writer *sync.Mutex, deadline time.Time) (done int, err error) {
	insert, err := db.Prepare("INSERT INTO t(body) VALUES(?)")
	if err != nil {
		return 0, err
	}
	read, err := db.Prepare("SELECT length(body) FROM t ORDER BY id DESC LIMIT 1")
	if err != nil {
		return 0, err
	}
	body := make([]byte, 500)
	for ; time.Now().Before(deadline); done++ {
		writer.Lock()
		_, err = insert.Exec(body)
		writer.Unlock()
		if err != nil {
			return done, err
		}
		var length int
		if err := read.QueryRow().Scan(&length); err != nil {
			return done, err
		}
	}
	return done, nil
}
