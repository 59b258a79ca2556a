//go:build unix

package main

import (
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
)

// A bar is drawn on a terminal once work is long, and is gone at the end;
// elsewhere nothing is drawn at all.
func TestProgress(t *testing.T) {
	master, terminal, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	long := func(file *os.File) {
		bar := (&app{messages: newScreen(file)}).progress("replaying", 2000)
		bar.at(1) // at once: too early
		bar.shown = time.Now().Add(-time.Hour)
		bar.at(1500)
		bar.end()
		bar.end()
		_ = file.Close()
	}
	long(terminal)
	drawn, _ := io.ReadAll(master)
	const want = "\r\x1b[Kreplaying  [######################........] 1,500 of 2,000\r\x1b[K"
	if string(drawn) != want {
		t.Errorf("%q", drawn)
	}
	path := t.TempDir() + "/log"
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	long(file)
	if written, _ := os.ReadFile(path); strings.TrimSpace(string(written)) != "" {
		t.Errorf("%q", written)
	}
}
