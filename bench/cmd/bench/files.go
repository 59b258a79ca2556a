package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"syscall"
	"time"

	"github.com/knocker-dev/knocker/bench/internal/load"
	"github.com/knocker-dev/knocker/core"
	"github.com/knocker-dev/knocker/core/sqlite"
)

// file names a new database of this run.
func (b *bench) file() string {
	b.files++
	return filepath.Join(b.dir, strconv.Itoa(b.files)+".db")
}

// fresh makes a file with the schema and the endpoint.
func (b *bench) fresh() (string, error) {
	path := b.file()
	inbox, err := load.Open(path)
	if err != nil {
		return "", err
	}
	return path, inbox.Close()
}

// fill makes a file with n received events, waiting to be drained.
func (b *bench) fill(n int) (string, error) {
	path, err := b.fresh()
	if err == nil {
		err = script(path, load.AppTable)
	}
	if err == nil {
		_, err = b.limitReceive(path, "OFF", min(n, 256), time.Minute, n-n%256, 0)
	}
	if err == nil && n%256 != 0 {
		_, err = b.limitReceive(path, "OFF", n%256, time.Minute, 1, 0)
	}
	return path, err
}

func (b *bench) copyOf(path string) (string, error) {
	from, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer from.Close()
	name := b.file()
	to, err := os.Create(name)
	if err != nil {
		return "", err
	}
	defer to.Close()
	if _, err := io.Copy(to, from); err != nil {
		return "", err
	}
	// Or the next fsync of a measured run would pay for these pages.
	return name, to.Sync()
}

func remove(path string) {
	for _, suffix := range []string{"", "-wal", "-shm"} {
		_ = os.Remove(path + suffix)
	}
}

// direct opens a plain connection, for filling and counting.
func direct(path string) (*sqlite.Conn, error) {
	routines, err := sqlite.Embedded()
	if err != nil {
		return nil, err
	}
	c, err := sqlite.Open(routines, path, sqlite.OpenReadWrite, "")
	if err != nil {
		return nil, err
	}
	c.SetBusyTimeout(10 * time.Second)
	// A connection that has read nothing does not know of the WAL: its
	// checkpoint would do nothing and say so to nobody.
	if _, err := c.Query("SELECT count(*) FROM main.sqlite_schema"); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func script(path, sql string) error {
	c, err := direct(path)
	if err != nil {
		return err
	}
	defer c.Close()
	return c.Script(sql)
}

func count(path, sql string) (int, error) {
	c, err := direct(path)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	rows, err := c.Query(sql)
	if err != nil || !rows.Next() {
		return 0, err
	}
	return int(rows.Int(0)), nil
}

// checkCounts fails unless every query answers n.
func checkCounts(path string, n int, queries map[string]string) error {
	for what, sql := range queries {
		found, err := count(path, sql)
		if err != nil {
			return err
		}
		if found != n {
			return fmt.Errorf("the file holds %d %s, %d were claimed", found, what, n)
		}
	}
	return nil
}

func checkReceived(path string, n int) error {
	return checkCounts(path, n, map[string]string{
		"valid deliveries": "SELECT count(*) FROM knocker_deliveries WHERE signature_valid = 1 AND length(body_blob) = 2048",
		"events":           "SELECT count(DISTINCT dedupe_key) FROM knocker_events WHERE status IN ('received', 'processing', 'handled')",
		"jobs and handled": "SELECT (SELECT count(*) FROM _honker_live) + (SELECT count(*) FROM knocker_events WHERE status = 'handled')",
	})
}

func checkDrained(path string, n int) error {
	return checkCounts(path, n, map[string]string{
		"handled events":         "SELECT count(*) FROM knocker_events WHERE status = 'handled' AND attempt_count = 1",
		"handled attempts":       "SELECT count(DISTINCT event_id) FROM knocker_attempts WHERE outcome = 'handled'",
		"jobs gone":              "SELECT (SELECT count(*) FROM knocker_events) - (SELECT count(*) FROM _honker_live)",
		"handled events' bodies": "SELECT count(*) FROM knocker_events e JOIN knocker_deliveries d ON d.id = e.delivery_id WHERE e.status = 'handled' AND length(d.body_blob) = 2048",
	})
}

// receive opens a fresh inbox, warms it up, runs a closed loop on it and checks
// the file.
func (b *bench) receive(callers int, requests []load.Request, length time.Duration) (run load.Run, batch float64, err error) {
	path := b.file()
	defer remove(path)
	inbox, err := load.Open(path)
	if err != nil {
		return run, 0, err
	}
	commits := 0.0
	if err = load.Warm(inbox); err == nil {
		commits, err = commitsOf(inbox)
	}
	if err == nil {
		run, err = load.Closed(inbox, callers, requests, length)
	}
	if err == nil {
		var all float64
		all, err = commitsOf(inbox)
		batch = float64(run.Rows) / (all - commits)
	}
	if closing := inbox.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = checkReceived(path, load.Warmup+run.Rows)
	}
	return run, batch, err
}

func commitsOf(inbox *core.Inbox) (float64, error) {
	stats, err := inbox.Stats(context.Background())
	return float64(stats.Process["commits"]), err
}

// measureFsync is the median time in which this disk makes two pages durable.
func measureFsync(dir string) (time.Duration, error) {
	f, err := os.CreateTemp(dir, "fsync-")
	if err != nil {
		return 0, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	pages := make([]byte, 8192)
	var took []time.Duration
	for i := range 150 {
		start := time.Now()
		if _, err := f.WriteAt(pages, int64(i%50)*8192); err != nil {
			return 0, err
		}
		if err := syscall.Fdatasync(int(f.Fd())); err != nil {
			return 0, err
		}
		if i >= 50 { // in place, as a WAL is written once it has its length
			took = append(took, time.Since(start))
		}
	}
	sort.Slice(took, func(a, b int) bool { return took[a] < took[b] })
	return took[len(took)/2], nil
}
