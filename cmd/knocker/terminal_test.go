//go:build unix

package main_test

import (
	"errors"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"
)

// onTerminal runs the program on a pseudo-terminal and answers what it wrote.
func onTerminal(t *testing.T, columns uint16, cmd *exec.Cmd) string {
	t.Helper()
	terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 40, Cols: columns})
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	out, err := io.ReadAll(terminal)
	if err != nil && !errors.Is(err, syscall.EIO) { // Linux says so at the end
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return strings.ReplaceAll(string(out), "\r\n", "\n")
}

// Nothing that a sender chose acts on the terminal, wherever it is shown.
func TestTerminalEscapes(t *testing.T) {
	s := filled(t)
	for _, args := range [][]string{
		{"list"}, {"show", "4"}, {"show", "4", "--body"}, {"tail", "--no-follow"}, {"list", "deliveries"}, {"show", "--delivery", "5"},
		{"--json", "list"}, {"--json", "show", "4"}, {"export"}, {"--color", "always", "list"},
	} {
		out := onTerminal(t, 200, command(t, append([]string{"--db", s.file}, args...)...))
		for _, bad := range []string{"\x1b]0;", "\x07", "\x1b[2J", "\u202e", "\u009b"} {
			if strings.Contains(out, bad) {
				t.Errorf("%v lets %q through: %q", args, bad, out)
			}
		}
		if !strings.Contains(out, "owned") && strings.Contains(strings.Join(args, " "), "show 4") {
			t.Errorf("%v does not show the text at all: %q", args, out)
		}
	}
}

// Colours are there on a terminal, unless a variable speaks against it.
func TestTerminalColors(t *testing.T) {
	s := filled(t)
	if out := onTerminal(t, 120, command(t, "--db", s.file, "list")); !strings.Contains(out, "\x1b[31mdead\x1b[0m") {
		t.Errorf("no colours: %q", out)
	}
	for _, variable := range []string{"NO_COLOR=1", "TERM=dumb"} {
		cmd := command(t, "--db", s.file, "list")
		cmd.Env = append(cmd.Env, variable)
		if out := onTerminal(t, 120, cmd); strings.Contains(out, "\x1b") {
			t.Errorf("%s: %q", variable, out)
		}
	}
	if out := works(t, "--db", s.file, "list"); strings.Contains(out, "\x1b") {
		t.Errorf("colours in a file: %q", out)
	}
	if out := works(t, "--db", s.file, "--color", "always", "list"); !strings.Contains(out, "\x1b[31mdead") {
		t.Errorf("--color always: %q", out)
	}
}

// At a terminal a bulk action asks, and does nothing unless the answer is yes.
func TestTerminalConfirm(t *testing.T) {
	s := filled(t)
	for answer, want := range map[string]string{"y\n": "1 event queued again", "\n": "nothing was done", "no\n": "nothing was done"} {
		terminal, err := pty.Start(command(t, "--db", s.file, "replay", "--status", "dead", "--status", "ignored"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := terminal.WriteString(answer); err != nil {
			t.Fatal(err)
		}
		out, _ := io.ReadAll(terminal)
		_ = terminal.Close()
		if !strings.Contains(string(out), "replay 1 event? [y/N]") || !strings.Contains(string(out), want) {
			t.Errorf("%q: %q", answer, out)
		}
		if want == "1 event queued again" {
			works(t, "--db", s.file, "ignore", "2")
		}
	}
}

// Ctrl-C at the question ends the command and does nothing.
func TestTerminalInterrupt(t *testing.T) {
	s := filled(t)
	cmd := command(t, "--db", s.file, "replay", "--status", "dead")
	terminal, err := pty.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	var shown []byte
	for part := make([]byte, 256); !strings.Contains(string(shown), "[y/N]"); {
		n, err := terminal.Read(part)
		if err != nil {
			t.Fatal(err, string(shown))
		}
		shown = append(shown, part[:n]...)
	}
	if _, err := terminal.WriteString("\x03"); err != nil {
		t.Fatal(err)
	}
	_, _ = io.ReadAll(terminal)
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 130 || s.statusOf(t, 2) != "dead" {
		t.Error(code, s.statusOf(t, 2))
	}
}

// A table fits the terminal: its last column gives way.
func TestTerminalWidth(t *testing.T) {
	s := filled(t)
	cmd := command(t, "--db", s.file, "list", "--status", "dead")
	cmd.Env = append(cmd.Env, "NO_COLOR=1")
	out := onTerminal(t, 82, cmd)
	if !strings.Contains(out, "…") {
		t.Errorf("nothing was cut: %q", out)
	}
	for _, line := range strings.Split(out, "\n") {
		if len([]rune(line)) > 82 {
			t.Errorf("%d columns: %s", len([]rune(line)), line)
		}
	}
}
