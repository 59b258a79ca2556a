package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/knocker-dev/knocker/bench/internal/load"
	"github.com/knocker-dev/knocker/core/sqlite"
)

// memory is the growth of a process that receives and drains, after a warm-up.
func memory(b *bench) (outcome, error) {
	n := 200_000
	if b.quick {
		n = 20_000
	}
	path := b.file()
	defer remove(path)
	p, err := startChild("memory", path, strconv.Itoa(n))
	if err != nil {
		return outcome{}, err
	}
	fields, err := p.line(10 * time.Minute)
	if err = firstError(err, p.stop()); err != nil {
		return outcome{}, err
	}
	warm, _ := strconv.ParseFloat(fields[0], 64)
	end, _ := strconv.ParseFloat(fields[1], 64)
	if err := checkDrained(path, n+warmUp); err != nil {
		return outcome{}, err
	}
	return outcome{ratio: (end - warm) / (1 << 20), detail: fmt.Sprintf("warm_mb=%.1f end_mb=%.1f events=%d", warm/(1<<20), end/(1<<20), n)}, nil
}

const (
	warmUp      = 5000
	memoryChunk = 1000
)

// childMemory receives and drains in chunks, so that both are always warm.
func childMemory(path string, n int) error {
	inbox, err := load.Open(path)
	if err != nil {
		return err
	}
	defer inbox.Close()
	var warm int64
	for done := 0; done < n+warmUp; done += memoryChunk {
		if done == warmUp {
			if warm, err = residentBytes(); err != nil {
				return err
			}
		}
		if _, err := load.Closed(inbox, 32, load.Requests(memoryChunk), time.Minute); err != nil {
			return err
		}
		if err := load.DrainAll(inbox, memoryChunk, 4); err != nil {
			return err
		}
	}
	end, err := residentBytes()
	fmt.Println(warm, end)
	return err
}

// residentBytes is the process's RSS once garbage is collected; what the heap
// keeps for itself counts.
func residentBytes() (int64, error) {
	runtime.GC()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, err
	}
	pages, err := strconv.ParseInt(strings.Fields(string(text))[1], 10, 64)
	return pages * int64(os.Getpagesize()), err
}

// storedBytes is what there is to store: bodies, headers, queries and ids.
const storedBytes = `SELECT (SELECT sum(length(body_blob) + length(headers_json) + length(query_json) + coalesce(length(dedupe_key), 0)
	+ coalesce(length(provider_event_id), 0) + coalesce(length(provider_delivery_id), 0)) FROM knocker_deliveries)
	+ (SELECT sum(coalesce(length(dedupe_key), 0) + coalesce(length(provider_event_id), 0) + coalesce(length(provider_delivery_id), 0)) FROM knocker_events)`

// disk is the size of the file and its WAL, once all is received and once all
// is handled, against what was to be stored.
func disk(b *bench) (outcome, error) {
	n := 20_000
	if b.quick {
		n = 3000
	}
	path := b.file()
	defer remove(path)
	inbox, err := load.Open(path)
	if err != nil {
		return outcome{}, err
	}
	defer inbox.Close()
	run, err := load.Closed(inbox, 64, load.Requests(n), time.Minute)
	if err == nil && run.Rows != n {
		err = fmt.Errorf("%d of %d were received", run.Rows, n)
	}
	if err != nil {
		return outcome{}, err
	}
	received, size, err := diskRatio(path)
	if err != nil {
		return outcome{}, err
	}
	if err := load.DrainAll(inbox, n, 4); err != nil {
		return outcome{}, err
	}
	if err := checkDrained(path, n); err != nil {
		return outcome{}, err
	}
	handled, _, err := diskRatio(path)
	return outcome{ratio: max(received, handled), detail: fmt.Sprintf("received=%.3f handled=%.3f bytes_a_receipt=%.0f receipts=%d", received, handled,
		float64(size)/float64(n), n)}, err
}

func diskRatio(path string) (ratio float64, size int64, err error) {
	c, err := direct(path)
	if err != nil {
		return 0, 0, err
	}
	defer c.Close()
	if frames, _, err := c.Checkpoint(sqlite.CheckpointTruncate); err != nil || frames != 0 {
		return 0, 0, fmt.Errorf("the WAL still has %d frames after a truncating checkpoint: %w", frames, err)
	}
	for _, name := range []string{path, path + "-wal"} {
		if info, err := os.Stat(name); err == nil {
			size += info.Size()
		}
	}
	rows, err := c.Query(storedBytes)
	if err != nil || !rows.Next() {
		return 0, 0, err
	}
	return float64(size) / float64(rows.Int(0)), size, nil
}
