"""Check the form of everything: gofmt, go vet, ruff, mypy, bash -n, tidy.

One line a check, the output of those that failed, and `N passed, N failed`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Dict, List

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv" / "bin"
TAGS = "sqlite_fts5 sqlite_math_functions sqlite_dbstat"
GO_DIRECTORIES = ["core", "capi", "bindings/go", "cmd/knocker", "conformance", "bench"]
PYTHON_PACKAGE = ["src", "tests", "tools", "samples"]
OTHER_PYTHON = ["scripts", "examples", "conformance/python", "bench"]


def checks() -> Dict[str, List[str]]:
    """Name -> command, run in the root."""
    package = [f"bindings/python/{name}" for name in PYTHON_PACKAGE if (ROOT / "bindings/python" / name).exists()]
    shell = [str(path) for path in sorted(ROOT.glob("scripts/*.sh"))]
    other = [name for name in OTHER_PYTHON if (ROOT / name).exists()]
    return {
        "gofmt": ["gofmt", "-l", *GO_DIRECTORIES],
        "go vet": ["go", "vet", "-tags", TAGS, *[f"./{name}/..." for name in GO_DIRECTORIES]],
        # A module of its own, outside go.work.
        "go vet, ormtest": ["env", "GOWORK=off", "go", "-C", "bindings/go/ormtest", "vet", "-tags", TAGS, "./..."],
        "shell": ["bash", "-c", 'for file; do bash -n "$file" || exit 1; done', "bash", *shell, ".ci/run"],
        "ruff, package": [str(VENV / "ruff"), "check", "--no-cache", "--output-format=concise", *package],
        "ruff, scripts": [str(VENV / "ruff"), "check", "--no-cache", "--output-format=concise", "--config", "scripts/ruff.toml", *other],
        "mypy, package": [str(VENV / "mypy"), "--config-file", "bindings/python/pyproject.toml", "bindings/python/src"],
        "mypy, scripts": [str(VENV / "mypy"), "--strict", "--ignore-missing-imports", *sorted(str(path) for path in ROOT.glob("scripts/*.py"))],
        "tidy": [sys.executable, "scripts/tidy.py"],
    }


def main() -> int:
    """Run them all."""
    failed = 0
    commands = checks()
    for name, command in commands.items():
        result = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        # gofmt -l names files and succeeds.
        bad = result.returncode != 0 or (name == "gofmt" and bool(result.stdout.strip()))
        failed += bad
        print(f"{'FAIL' if bad else 'ok':4}  {name}", flush=True)
        if bad:
            print(result.stdout, flush=True)
    print(f"{len(commands) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
