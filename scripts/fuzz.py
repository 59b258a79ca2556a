"""Fuzz every fuzz target of the Go modules, one after the other.

    fuzz.py 60s
"""

from __future__ import annotations

import subprocess
import sys
from typing import List, Tuple

TAGS = "sqlite_fts5 sqlite_math_functions sqlite_dbstat"
MODULES = ["./core/...", "./capi/...", "./bindings/go/...", "./conformance/..."]


def targets() -> List[Tuple[str, str]]:
    """All (package, target) pairs."""
    command = ["go", "test", "-tags", TAGS, "-list", "^Fuzz", *MODULES]
    lines = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    found: List[Tuple[str, str]] = []
    waiting: List[str] = []
    for line in lines:
        if line.startswith("Fuzz"):
            waiting.append(line)
        elif line.startswith("ok"):
            found += [(line.split()[1], name) for name in waiting]
            waiting = []
    return found


def main() -> int:
    """Fuzz each target for the given time."""
    seconds = sys.argv[1] if len(sys.argv) > 1 else "60s"
    passed = failed = 0
    for package, name in targets():
        command = ["go", "test", "-tags", TAGS, package, "-run", "^$", "-fuzz", f"^{name}$", "-fuzztime", seconds]
        result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        good = result.returncode == 0
        passed, failed = passed + good, failed + (not good)
        print(f"{'ok' if good else 'FAIL':4}  {package}  {name}", flush=True)
        if not good:
            print(result.stdout, flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
