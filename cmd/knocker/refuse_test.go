package main_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A file that is not there is an error, and is not made; nor is anything else
// but an inbox taken for one.
func TestFiles(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "missing.db")
	for _, args := range [][]string{{"list"}, {"stats"}, {"migrate"}, {"tail"}, {"replay", "1"}, {"backup", filepath.Join(dir, "copy.db")}} {
		fails(t, 3, "does not exist", append([]string{"--db", missing}, args...)...)
	}
	fails(t, 2, "KNOCKER_DB", "list")
	fails(t, 3, "is not a file", "--db", dir, "list")
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte(strings.Repeat("not a database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	fails(t, 1, "not_a_database", "--db", text, "list")
	empty := filepath.Join(dir, "empty.db")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	fails(t, 1, "is this the right file?", "--db", empty, "list")
	if info, err := os.Stat(empty); err != nil || info.Size() != 0 {
		t.Error("the refused file was written to", info.Size(), err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 2 {
		t.Error("files were made:", left)
	}
}

// Only migrate makes tables; then the other commands work.
func TestMigrate(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.db")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if out := works(t, "--db", empty, "migrate"); !strings.Contains(out, "at version") {
		t.Error(out)
	}
	if out := works(t, "--db", empty, "migrate"); !strings.Contains(out, "already") {
		t.Error(out)
	}
	works(t, "--db", empty, "stats")
}

// A file of the package knockerlite is told from others, and migrate alone
// migrates it.
func TestMigrateKnockerlite(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", "core", "testdata", "existing", "knockerlite.db"))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "old.db")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	fails(t, 1, "knocker migrate does it", "--db", file, "list")
	fails(t, 1, "knockerlite", "--db", file, "stats")
	if out := works(t, "--db", file, "migrate", "--json"); !strings.Contains(out, `"from":null,"migrated":true`) {
		t.Error(out)
	}
	if out := works(t, "--db", file, "list", "--status", "received"); !strings.Contains(out, "evt_4") && !strings.Contains(out, "invoice.paid") {
		t.Error(out)
	}
	works(t, "--db", file, "check")
}

// Each kind of failure has its exit code.
func TestExitCodes(t *testing.T) {
	s := filled(t)
	db := []string{"--db", s.file}
	with := func(args ...string) []string { return append(db, args...) }
	fails(t, 3, "not_found", with("show", "99")...)
	fails(t, 3, "not_found", with("replay", "99")...)
	fails(t, 4, "invalid_state", with("requeue", "4")...)
	fails(t, 2, "is not an id", with("show", "one")...)
	fails(t, 2, "give one id", with("show")...)
	fails(t, 2, "which events?", with("replay")...)
	fails(t, 2, "unknown flag", with("list", "--no-such-flag")...)
	fails(t, 2, "unknown command \"lsit\" for \"knocker\"\n\nDid you mean this?\n\tlist\n", with("lsit")...)
	fails(t, 2, "too many", with("stats", "x")...)
	fails(t, 2, "status", with("list", "--status", "broken")...)
	fails(t, 2, "--limit", with("list", "--limit", "0")...)
	fails(t, 2, "cursor", with("list", "--cursor", "x")...)
	fails(t, 2, "--color", with("--color", "sometimes", "list")...)
	fails(t, 2, "8 days", with("prune", "--older-than", "1d")...)
}

// With --json an error is an object too.
func TestErrorJSON(t *testing.T) {
	s := filled(t)
	got := knocker(t, "--db", s.file, "--json", "show", "99")
	var shape struct {
		Error struct {
			Code, Message string
			Retryable     bool
		}
	}
	if err := json.Unmarshal([]byte(got.err), &shape); err != nil || got.code != 3 || shape.Error.Code != "not_found" {
		t.Error(got, err)
	}
}

// The variable stands in for the flag.
func TestVariable(t *testing.T) {
	s := filled(t)
	cmd := command(t, "list")
	cmd.Env = append(cmd.Env, "KNOCKER_DB="+s.file)
	if got := runCommand(t, cmd); got.code != 0 || !strings.Contains(got.out, "order.paid") {
		t.Error(got)
	}
}

// No command takes a secret as an argument: arguments are in the process list
// and in the shell's history.
func TestNoSecretFlags(t *testing.T) {
	help := works(t, "help")
	for _, line := range strings.Split(help, "\n") {
		words := strings.Fields(line)
		if !strings.HasPrefix(line, "  ") || len(words) == 0 || strings.HasPrefix(words[0], "-") {
			continue
		}
		for _, flag := range strings.Split(works(t, "help", words[0]), "\n") {
			if strings.Contains(flag, "--secret ") || strings.Contains(flag, "--secrets ") || strings.Contains(flag, "--token ") {
				t.Errorf("knocker %s: %s", words[0], flag)
			}
		}
	}
}

// The shells complete commands, and the names that are in the file.
func TestCompletion(t *testing.T) {
	s := filled(t)
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if out := works(t, "completion", shell); !strings.Contains(out, "knocker") {
			t.Error(shell, out)
		}
	}
	if out := works(t, "__complete", "--db", s.file, "list", "--endpoint", ""); !strings.Contains(out, "orders\n") || !strings.Contains(out, "invoices\n") {
		t.Error(out)
	}
	if out := works(t, "__complete", "list", "--status", "d"); !strings.Contains(out, "dead\n") {
		t.Error(out)
	}
}
