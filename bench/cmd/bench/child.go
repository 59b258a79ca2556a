package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/knocker-dev/knocker/bench/internal/load"
	"github.com/knocker-dev/knocker/core"
)

// child is what this program does in a process of its own, for the figures that
// need a second one: a worker, a reader of a pipe, an idle worker, or a measured
// process. A child ends when its standard input does.
func child(role string, args []string) error {
	switch role {
	case "worker":
		return childWorker(args[0])
	case "pipe":
		return childPipe()
	case "idle":
		length, err := time.ParseDuration(args[1])
		if err != nil {
			return err
		}
		return childIdle(args[0], length)
	case "memory":
		n, err := strconv.Atoi(args[1])
		if err != nil {
			return err
		}
		return childMemory(args[0], n)
	}
	return fmt.Errorf("no child is named %q", role)
}

// untilInputEnds returns a context that ends with standard input.
func untilInputEnds() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer cancel()
		var b [64]byte
		for {
			if _, err := os.Stdin.Read(b[:]); err != nil {
				return
			}
		}
	}()
	return ctx
}

// childWorker prints the id and the time in ns of every event that starts.
func childWorker(path string) error {
	inbox, err := load.Open(path)
	if err != nil {
		return err
	}
	defer inbox.Close()
	err = inbox.Handle(core.HandlerParams{Endpoint: load.Endpoint}, func(_ context.Context, event *core.Event, _ *core.Tx) error {
		at := time.Now().UnixNano()
		_, err := fmt.Printf("%d %d\n", event.ID, at)
		return err
	})
	if err != nil {
		return err
	}
	fmt.Println("ready")
	return inbox.RunWorker(untilInputEnds(), core.WorkerOptions{})
}

// childPipe prints the time in ns at which each byte arrives.
func childPipe() error {
	fmt.Println("ready")
	var b [1]byte
	for n := 1; ; n++ {
		if count, err := syscall.Read(0, b[:]); err != nil || count == 0 {
			return err
		}
		at := time.Now().UnixNano()
		if _, err := fmt.Printf("%d %d\n", n, at); err != nil {
			return err
		}
	}
}

// childIdle runs a worker with nothing to do and prints the seconds of CPU that
// it took over the length.
func childIdle(path string, length time.Duration) error {
	inbox, err := load.Open(path)
	if err != nil {
		return err
	}
	defer inbox.Close()
	err = inbox.Handle(core.HandlerParams{Endpoint: load.Endpoint}, func(context.Context, *core.Event, *core.Tx) error { return nil })
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- inbox.RunWorker(ctx, core.WorkerOptions{}) }()
	time.Sleep(1500 * time.Millisecond) // past what follows the start
	before, start := cpuTime(), time.Now()
	time.Sleep(length)
	fmt.Println((cpuTime() - before).Seconds(), time.Since(start).Seconds())
	cancel()
	return <-ended
}

func cpuTime() time.Duration {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// process is a child and its lines.
type process struct {
	command *exec.Cmd
	input   *os.File
	lines   chan string
}

func startChild(args ...string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	// A file of our own, because os/exec's pipe would be written by Go's poller.
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer read.Close()
	p := &process{command: exec.Command(self, append([]string{"child"}, args...)...), input: write, lines: make(chan string, 1024)}
	p.command.Stdin, p.command.Stderr = read, os.Stderr
	out, err := p.command.StdoutPipe()
	if err == nil {
		err = p.command.Start()
	}
	if err != nil {
		write.Close()
		return nil, err
	}
	go func() {
		defer close(p.lines)
		for scanner := bufio.NewScanner(out); scanner.Scan(); {
			p.lines <- scanner.Text()
		}
	}()
	return p, nil
}

// line waits for the child's next line.
func (p *process) line(within time.Duration) ([]string, error) {
	select {
	case text, ok := <-p.lines:
		if !ok {
			return nil, fmt.Errorf("the child has ended")
		}
		return strings.Fields(text), nil
	case <-time.After(within):
		return nil, fmt.Errorf("the child said nothing within %s", within)
	}
}

// stop ends the child's input and waits for it.
func (p *process) stop() error {
	p.input.Close()
	kill := time.AfterFunc(10*time.Second, func() { _ = p.command.Process.Kill() })
	defer kill.Stop()
	for range p.lines {
	}
	return p.command.Wait()
}
