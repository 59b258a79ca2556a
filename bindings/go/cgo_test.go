package knockersqlite_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// A build without C fails with a sentence that says what is missing, and with
// nothing else.
func TestWithoutCgo(t *testing.T) {
	build := exec.Command("go", "build", ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if err == nil || len(lines) != 2 || !strings.Contains(lines[1], "build with CGO_ENABLED=1 and a C compiler") {
		t.Errorf("%v\n%s", err, out)
	}
}
