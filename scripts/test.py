"""Run every step of the tests, and end with `N passed, N failed`.

Each step is a target of the Makefile. Where a step counts what it ran, its
counts are summed; a step that only succeeds or fails counts as one.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from typing import List, NamedTuple, Tuple


class Step(NamedTuple):
    """One target, its arguments, and how long it may take (seconds)."""

    target: str
    arguments: Tuple[str, ...] = ()
    limit: int = 300
    needed: bool = False  # the steps after it make no sense without it


STEPS = (
    Step("compile", limit=900, needed=True),
    Step("check-lib"),
    Step("check-generated"),
    Step("lint"),
    Step("test-scripts"),
    Step("test-go", limit=900),
    Step("test-c"),
    Step("extension-test", limit=900),
    Step("test-python"),
    Step("test-node", limit=400),
    Step("test-bun", limit=300),
    Step("test-ruby", limit=400),
    Step("test-elixir", limit=600),
    Step("test-symbols"),
    Step("conformance", limit=600),
    Step("conformance-host"),
    Step("docs-test"),
    Step("test-filelock"),
    Step("torture-two-sqlites", ("SECONDS=20",)),
    Step("torture-two-sqlites", ("SECONDS=15", "CURE=off")),
    Step("torture-two-sqlites", ("SECONDS=8", "ENGINE=host")),
    Step("torture-node", ("SECONDS=8",), limit=500),
    Step("torture-node", ("SECONDS=6", "ENGINE=host")),
)

SUMMARY = re.compile(r"^(\d+) passed, (\d+) failed$")
PYTEST = re.compile(r"^=+ .* in [\d.:]+s?.* =+$")


def main() -> int:
    """Run the steps in turn."""
    passed = failed = 0
    report: List[str] = []
    for step in STEPS:
        print(f"\n--- make {' '.join((step.target, *step.arguments))}", flush=True)
        start = time.monotonic()
        status, output = run(step)
        good, bad = count(status, output)
        passed, failed = passed + good, failed + bad
        report.append(f"{step.target:22} {good:6} {bad:6} {time.monotonic() - start:7.0f}")
        if bad and step.needed:
            report.append(f"nothing else can be tested without {step.target}")
            break
    print(f"\n{'step':22} {'passed':>6} {'failed':>6} {'seconds':>7}")
    print("\n".join(report))
    print(f"{passed} passed, {failed} failed", flush=True)
    return 1 if failed else 0


def run(step: Step) -> Tuple[int, List[str]]:
    """Run one target, showing its output; end its process group at the limit."""
    command = ["make", "--no-print-directory", step.target, *step.arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True
    ) as process:
        timer = threading.Timer(step.limit, stop, (process, step))
        timer.start()
        lines: List[str] = []
        assert process.stdout is not None
        for line in process.stdout:
            sys.stdout.write(line)
            sys.stdout.flush()
            lines.append(line.rstrip())
        process.wait()
        timer.cancel()
    return process.returncode, lines


def stop(process: subprocess.Popen[str], step: Step) -> None:
    """End a step that took too long."""
    print(f"test: {step.target} took longer than {step.limit} s", flush=True)
    os.killpg(process.pid, signal.SIGKILL)


def count(status: int, output: List[str]) -> Tuple[int, int]:
    """Read a step's own counts; its exit status is believed before them."""
    good = bad = 0
    for line in output:
        found = SUMMARY.match(line)
        if found:
            good, bad = good + int(found[1]), bad + int(found[2])
        elif PYTEST.match(line):
            good += number(line, "passed")
            bad += number(line, "failed") + number(line, "error")
    if status != 0:
        return good, max(bad, 1)
    return (good, bad) if good or bad else (1, 0)


def number(line: str, word: str) -> int:
    """The number before a word of pytest's closing line."""
    found = re.search(rf"(\d+) {word}", line)
    return int(found[1]) if found else 0


if __name__ == "__main__":
    sys.exit(main())
