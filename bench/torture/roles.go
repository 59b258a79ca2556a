package main

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/knocker-dev/knocker/core/sqlite/filelock"
	_ "github.com/mattn/go-sqlite3" // registers "sqlite3": the embedded copy
	_ "modernc.org/sqlite"          // registers "sqlite": the host's copy
)

// Whose connections a thread writes through.
const (
	knocker  = "knocker"  // an inbox
	embedded = "embedded" // go-sqlite3, on the copy that Knocker uses
	host     = "host"     // modernc.org/sqlite
)

var roles = map[string]func([]string){
	"prepare":  func(a []string) { check(prepare(a[0], a[1])) },
	"main":     func(a []string) { write(a, knocker, embedded, host, host) },
	"embedded": func(a []string) { write(a, knocker) },
	"host":     func(a []string) { write(a, host) },
	"verify":   func(a []string) { check(verify(a[0])) },
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func connect(driver, path, mode string) (*sql.DB, error) {
	name, dsn := "sqlite", "file:"+path
	synchronous := "NORMAL"
	if mode == "delete" {
		synchronous = "OFF" // only the power could take what is lost by this
	}
	if driver == embedded {
		name = "sqlite3"
		dsn += "?_txlock=immediate&_busy_timeout=20000&_synchronous=" + synchronous
	} else {
		dsn += "?_txlock=immediate&_pragma=busy_timeout(20000)&_pragma=synchronous(" + synchronous + ")"
	}
	db, err := sql.Open(name, dsn)
	if err == nil {
		db.SetMaxOpenConns(1)
	}
	return db, err
}

func prepare(path, mode string) error {
	db, err := connect(host, path, mode)
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.Exec(`PRAGMA journal_mode=` + mode + `;
		CREATE TABLE entry(writer TEXT, n INTEGER, filler BLOB, PRIMARY KEY(writer, n));
		CREATE TABLE total(n INTEGER NOT NULL);
		CREATE TABLE handled(event_id INTEGER NOT NULL);
		INSERT INTO total VALUES(0)`)
	return err
}

// write runs a thread for each kind of connection named until the standard input
// ends, and reports each commit after SQLite has acknowledged it. Every other
// thread opens again and again; a lone one does too.
func write(args []string, drivers ...string) {
	path, mode, name := args[0], args[1], args[2]
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer cancel()
		_, _ = io.Copy(io.Discard, os.Stdin)
	}()
	var output sync.Mutex
	say := func(format string, values ...any) {
		output.Lock()
		defer output.Unlock()
		fmt.Printf(format+"\n", values...)
	}
	var wg sync.WaitGroup
	for i, driver := range drivers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			w := writer{driver: driver, path: path, mode: mode, name: fmt.Sprintf("%s.%s%d", name, driver, i), say: say}
			w.reopen = i%2 == 1 || len(drivers) == 1
			if driver == knocker {
				w.runKnocker(ctx)
			} else {
				w.run(ctx)
			}
		}()
	}
	if len(drivers) > 1 {
		go countDescriptors(ctx, say)
	}
	wg.Wait()
}

// countDescriptors samples the process that holds both copies.
func countDescriptors(ctx context.Context, say func(string, ...any)) {
	for ctx.Err() == nil {
		if entries, err := os.ReadDir("/proc/self/fd"); err == nil {
			say("fds %d", len(entries))
		}
		time.Sleep(50 * time.Millisecond)
	}
}

type writer struct {
	driver, path, mode, name string
	reopen                   bool
	say                      func(string, ...any)
}

func (w writer) run(ctx context.Context) {
	if w.driver == embedded {
		if _, err := filelock.Prepare(w.path, filelock.Options{}); err != nil {
			w.say("error %s: %v", w.name, err)
			return
		}
	}
	db, err := connect(w.driver, w.path, w.mode)
	if err != nil {
		w.say("error %s: %v", w.name, err)
		return
	}
	defer func() { db.Close() }()
	filler := make([]byte, 300)
	for n := 1; ctx.Err() == nil; {
		err := w.transaction(db, n, filler)
		switch {
		case err == nil:
			w.say("commit %s %d", w.name, n)
			n++
		case busy(err): // a wait that ran out, not a broken promise
		default:
			w.say("error %s %s: %v", w.driver, w.name, err)
			time.Sleep(time.Millisecond)
		}
		if w.reopen && n%5 == 0 {
			db.Close()
			if db, err = connect(w.driver, w.path, w.mode); err != nil {
				w.say("error %s: %v", w.name, err)
				return
			}
		}
	}
}

func (w writer) transaction(db *sql.DB, n int, filler []byte) error {
	tx, err := db.BeginTx(context.Background(), nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if _, err = tx.Exec("INSERT INTO entry VALUES(?,?,?)", w.name, n, filler); err != nil {
		return err
	}
	if _, err = tx.Exec("UPDATE total SET n = n + 1"); err != nil {
		return err
	}
	var seen int
	const back = 10
	if err = tx.QueryRow("SELECT count(*) FROM entry WHERE writer = ? AND n > ?", w.name, n-back).Scan(&seen); err != nil {
		return err
	}
	if seen != min(n, back) {
		return fmt.Errorf("%d of the last %d rows are there before commit", seen, min(n, back))
	}
	return tx.Commit()
}

// busy recognises SQLITE_BUSY of both drivers by its text; "locking protocol"
// (SQLITE_PROTOCOL) is an error.
func busy(err error) bool {
	return strings.Contains(err.Error(), "database is locked")
}
