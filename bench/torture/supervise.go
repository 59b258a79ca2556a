package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

type result struct {
	program, mode                  string
	commits, lost, corrupt, errors int
	fdLow, fdHigh                  int
	kills                          int
	notes                          []string
}

// ok allows the descriptors as much growth as there are threads that can each
// be between two opens.
func (r result) ok() bool {
	return r.commits > 0 && r.lost == 0 && r.corrupt == 0 && r.errors == 0 && r.fdHigh-r.fdLow <= 16
}

func (r result) String() string {
	line := fmt.Sprintf("torture: commits=%d lost=%d corrupt=%d errors=%d fds=%d..%d",
		r.commits, r.lost, r.corrupt, r.errors, r.fdLow, r.fdHigh)
	head := fmt.Sprintf("%s, journal_mode=%s, %d kills", r.program, r.mode, r.kills)
	return strings.Join(append(append([]string{head}, r.notes...), line), "\n")
}

// supervise runs one torture in child processes, so that a SIGBUS is counted
// and does not end the count.
func supervise(program []string, directory, mode string, limit time.Duration, kill bool) result {
	r := result{mode: mode, program: "go and modernc.org/sqlite"}
	if len(program) > 0 {
		r.program = filepath.Base(program[len(program)-1])
	}
	dir, err := os.MkdirTemp(directory, "torture")
	if err != nil {
		return failure(r, err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "torture.db")
	if out, err := self("prepare", path, mode).CombinedOutput(); err != nil {
		return failure(r, fmt.Errorf("prepare: %w: %s", err, out))
	}

	t := &tally{program: program, acknowledged: map[string]int{}}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for _, role := range []string{"main", "embedded", "host"} {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for generation := 0; !ended(stop); generation++ {
				t.run([]string{role, path, mode, fmt.Sprintf("%s.%d", role, generation)}, role != "main", stop)
			}
		}()
	}
	// The time begins when both copies are at work in one process.
	for wait := 0; wait < 600 && !t.broken() && !(t.committed("main.", ".knocker") && t.committed("main.", ".host")); wait++ {
		time.Sleep(50 * time.Millisecond)
	}
	time.Sleep(limit / 4)
	t.sampling.Store(true)
	time.Sleep(limit / 4)
	t.killing.Store(kill)
	time.Sleep(limit - limit/2)
	t.sampling.Store(false)
	close(stop)
	wg.Wait()

	// A run in which one of the copies wrote nothing shows nothing.
	for _, kind := range []string{"knocker", "host"} {
		if !t.committed("main.", "."+kind) {
			t.fail("  no commit of " + kind + " in the process with both copies")
		}
	}
	r.kills, r.errors, r.notes, r.fdLow, r.fdHigh = t.kills, t.errors, t.notes, t.fdLow, t.fdHigh
	var seen verdict
	out, err := self("verify", path).Output()
	if err == nil {
		err = json.Unmarshal(out, &seen)
	}
	if err != nil {
		r.corrupt++
		r.notes = append(r.notes, "verify: "+err.Error())
	}
	for writer, n := range t.acknowledged {
		r.commits += n
		r.lost += n - min(n, seen.Present(writer, n))
	}
	for _, id := range t.handled {
		r.commits++
		if seen.Handled[id] != 1 {
			r.lost++
		}
	}
	if torn := seen.Torn(); torn > 0 {
		r.lost += torn
		r.notes = append(r.notes, fmt.Sprintf("%d events were handled by halves", torn))
	}
	if seen.Integrity != "ok" {
		r.corrupt++
		r.notes = append(r.notes, "integrity_check: "+seen.Integrity)
	}
	if seen.Total != seen.Rows {
		r.lost += max(seen.Total-seen.Rows, seen.Rows-seen.Total)
		r.notes = append(r.notes, fmt.Sprintf("the shared counter is %d, rows are %d", seen.Total, seen.Rows))
	}
	return r
}

func ended(stop chan struct{}) bool {
	select {
	case <-stop:
		return true
	default:
		return false
	}
}

func failure(r result, err error) result {
	r.errors++
	r.notes = append(r.notes, err.Error())
	return r
}

func self(args ...string) *exec.Cmd {
	program, err := os.Executable()
	if err != nil {
		program = os.Args[0]
	}
	return exec.Command(program, args...)
}

// tally collects what the children report on their standard output:
//
//	commit WRITER N   row N of WRITER is committed, and all before it
//	handled EVENT     this event is handled
//	fds N             so many descriptors are open in the main process
//
// Every other line is an error. WRITER is the given name with a dot and the kind
// of its connection, "knocker" or "host" or "embedded", after it.
type tally struct {
	sync.Mutex
	program       []string
	acknowledged  map[string]int
	handled       []string // event ids
	errors, kills int
	fdLow, fdHigh int
	notes         []string

	sampling, killing atomic.Bool
}

// run runs one child until stop is closed, or kills it before if it may.
func (t *tally) run(args []string, mayKill bool, stop chan struct{}) {
	command := self(args...)
	if len(t.program) > 0 {
		command = exec.Command(t.program[0], append(t.program[1:len(t.program):len(t.program)], args...)...)
	}
	var stderr strings.Builder
	command.Stderr = &stderr
	in, inErr := command.StdinPipe()
	out, err := command.StdoutPipe()
	if err = errors.Join(inErr, err); err == nil {
		err = command.Start()
	}
	if err != nil {
		t.fail("start: " + err.Error())
		return
	}
	done := make(chan struct{})
	var killed atomic.Bool
	go func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(time.Duration(100+rand.IntN(600)) * time.Millisecond):
				if mayKill && t.killing.Load() {
					killed.Store(true)
					command.Process.Kill()
					return
				}
			case <-stop:
				in.Close()
				select {
				case <-done:
				case <-time.After(40 * time.Second): // hangs: Wait reports the signal
					command.Process.Kill()
				}
				return
			}
		}
	}()
	t.read(out)
	err = command.Wait()
	close(done)
	if killed.Load() {
		t.Lock()
		t.kills++
		t.Unlock()
	} else if err != nil {
		t.fail(fmt.Sprintf("%s: %v: %s", args[0], err, firstLines(stderr.String(), 3)))
		time.Sleep(20 * time.Millisecond)
	}
}

func (t *tally) read(out io.Reader) {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var writer, text string
		var n int
		line := lines.Text()
		t.Lock()
		switch {
		case scan(line, "commit %s %d", &writer, &n):
			t.acknowledged[writer] = max(n, t.acknowledged[writer])
		case scan(line, "handled %d", &n):
			t.handled = append(t.handled, fmt.Sprint(n))
		case scan(line, "fds %d", &n):
			if !t.sampling.Load() {
				break
			}
			if t.fdLow == 0 || n < t.fdLow {
				t.fdLow = n
			}
			t.fdHigh = max(n, t.fdHigh)
		default:
			text = line
		}
		t.Unlock()
		if text != "" {
			t.fail(text)
		}
	}
}

func (t *tally) committed(prefix, part string) bool {
	t.Lock()
	defer t.Unlock()
	for writer := range t.acknowledged {
		if strings.HasPrefix(writer, prefix) && strings.Contains(writer, part) {
			return true
		}
	}
	return false
}

func scan(line, format string, into ...any) bool {
	n, err := fmt.Sscanf(line, format, into...)
	return err == nil && n == len(into)
}

func (t *tally) fail(text string) {
	t.Lock()
	defer t.Unlock()
	t.errors++
	if len(t.notes) < 8 {
		t.notes = append(t.notes, "  "+text)
	}
}

// broken tells of a run that has failed already.
func (t *tally) broken() bool {
	t.Lock()
	defer t.Unlock()
	return t.errors > 0
}

func firstLines(text string, n int) string {
	lines := strings.SplitN(text, "\n", n+1)
	return strings.Join(lines[:min(n, len(lines))], " | ")
}
