"""Run `go test` with the given arguments and count what it ran.

Prints one line a package, the output of what failed, and at the end
`N passed, N failed`. A test with subtests is counted by its subtests. A package
that can't be built, or that ends outside a test, counts as one failure.

With KNOCKER_REPORTS=DIR in the environment the tests' names and outcomes go to
DIR/go.txt (those of bindings/go) and DIR/core.txt, for scripts/conformance.py.
Where none of either ran, its file is left alone.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any, Dict, List, Set, Tuple

TIMEOUT = "10m"

Test = Tuple[str, str]


class Tally:
    """What the events of `go test -json` add up to."""

    def __init__(self) -> None:
        self.outcome: Dict[Test, str] = {}
        self.output: Dict[Test, List[str]] = defaultdict(list)
        self.broken: Set[str] = set()

    def add(self, event: Dict[str, Any]) -> None:
        """Take in one event, and print what a person wants to see at once."""
        package = event.get("Package") or event.get("ImportPath", "").split(" ")[0]
        key = (package, event.get("Test", ""))
        action = event["Action"]
        if action in ("output", "build-output"):
            self.output[key].append(event["Output"])
        elif action == "build-fail":
            self.broken.add(package)
            self.show(key)
        elif action in ("pass", "fail", "skip"):
            if key[1]:
                self.outcome[key] = action
                if action == "fail":
                    self.show(key)
            else:
                self.end_package(package, action, event.get("Elapsed", 0))

    def end_package(self, package: str, action: str, elapsed: float) -> None:
        """Print a package's line; a package can fail without a failing test."""
        tests = [test for test in self.leaves() if test[0] == package]
        if action == "fail" and not any(self.outcome[test] == "fail" for test in tests):
            self.broken.add(package)
            self.show((package, ""))
            for test in self.unfinished(package):
                self.show(test)
        if tests or action == "fail":
            print(f"{action:4}  {package}  {len(tests)} tests  {elapsed:.1f} s", flush=True)

    def unfinished(self, package: str) -> List[Test]:
        """The tests that were running when their package died."""
        return [test for test in self.output if test[0] == package and test[1] and test not in self.outcome]

    def show(self, key: Test) -> None:
        """Print what a test has written."""
        sys.stdout.write("".join(self.output.pop(key, [])))
        sys.stdout.flush()

    def leaves(self) -> List[Test]:
        """The tests without subtests."""
        parents = {(package, name.rpartition("/")[0]) for package, name in self.outcome}
        return [test for test in self.outcome if test not in parents]

    def report(self, folder: Path) -> None:
        """Leave the outcomes by name."""
        folder.mkdir(parents=True, exist_ok=True)
        names = {"pass": "passed", "fail": "failed", "skip": "skipped"}
        lines: Dict[str, List[str]] = defaultdict(list)
        for (package, name), outcome in self.outcome.items():
            lines["go" if "/bindings/go" in package else "core"].append(f"{names[outcome]} {name}\n")
        for binding, listed in lines.items():
            (folder / f"{binding}.txt").write_text("".join(listed), encoding="utf-8")

    def close(self) -> int:
        """Print the sum and answer the exit status."""
        counts: Dict[str, int] = defaultdict(int)
        for test in self.leaves():
            counts[self.outcome[test]] += 1
        for package, name in self.leaves():
            if self.outcome[package, name] == "skip":
                reason = "".join(self.output[package, name]).strip().splitlines()
                print(f"skip  {package}  {name}: {reason[-2].strip() if len(reason) > 1 else ''}")
        failed = counts["fail"] + len(self.broken)
        if counts["skip"]:
            print(f"{counts['skip']} skipped")
        print(f"{counts['pass']} passed, {failed} failed", flush=True)
        return 1 if failed or not counts["pass"] else 0


def main() -> int:
    """Run `go test` and follow its events."""
    command = ["go", "test", "-json", "-timeout", TIMEOUT, *sys.argv[1:]]
    tally = Tally()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, errors="replace") as process:
        assert process.stdout is not None
        for line in process.stdout:
            try:
                tally.add(json.loads(line))
            except ValueError:
                sys.stdout.write(line)
    if os.environ.get("KNOCKER_REPORTS"):
        tally.report(Path(os.environ["KNOCKER_REPORTS"]))
    status = tally.close()
    return status or process.returncode


if __name__ == "__main__":
    sys.exit(main())
