"""Run the recorded requests through every runner and print one table.

A runner ends its output with `N passed, N failed`. Every binding that has a
folder under conformance/ must have a row here.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import List, Tuple

ROOT = Path(__file__).resolve().parent.parent
PYTHON = ROOT / ".venv" / "bin" / "python"
TAGS = "sqlite_fts5 sqlite_math_functions sqlite_dbstat"

RUNNERS = {
    "core": ["go", "run", "-tags", TAGS, "./conformance/verify", "conformance/fixtures"],
    "python": [str(PYTHON), "conformance/python/run.py"],
}


def main() -> int:
    """Run all of them; fail if any fails or runs nothing."""
    rows: List[Tuple[str, int, int]] = []
    for name, command in RUNNERS.items():
        rows.append((name, *run(command)))
    print(f"{'fixtures':10} {'passed':>6} {'failed':>6}")
    for name, good, bad in rows:
        print(f"{name:10} {good:6} {bad:6}")
    passed, failed = sum(row[1] for row in rows), sum(row[2] for row in rows)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


def run(command: List[str]) -> Tuple[int, int]:
    """Run one runner and read its closing line."""
    result = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    lines = result.stdout.rstrip().splitlines()
    found = re.match(r"^(\d+) passed, (\d+) failed$", lines[-1]) if lines else None
    if found is None:
        print(result.stdout)
        return 0, 1
    good, bad = int(found[1]), int(found[2])
    if result.returncode != 0 or bad or not good:
        print(result.stdout)
        bad = max(bad, 1)
    return good, bad


if __name__ == "__main__":
    sys.exit(main())
