"""Run the generators, or check that their files are up to date.

    generate.py           write the files
    generate.py --check   fail, and leave the files alone, where one would change
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Dict, List

ROOT = Path(__file__).resolve().parent.parent
TAGS = "sqlite_fts5 sqlite_math_functions sqlite_dbstat"

#: One file a method of the C interface. A new one is not in the list yet; the test in capi finds that it is missing.
SCHEMAS = [path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "capi" / "schema").glob("*.json")) if path.name != "released.json"]
WRITE_SCHEMAS = ["go", "test", "-count=1", "-tags", TAGS, "./capi", "-run", "^TestSchemaFiles$", "-write-schemas"]

#: Generated file -> the command that writes it, run in the root.
GENERATED: Dict[str, List[str]] = {
    "docs/providers.md": ["go", "run", "./conformance/providers", "write"],
    "docs/errors.md": ["go", "run", "-tags", TAGS, "./core/cmd/errortable", "-update", "docs/errors.md"],
    "bindings/go/errors_generated.go": ["go", "run", "-tags", TAGS, "./bindings/go/internal/cmd/errortable", "bindings/go/errors_generated.go"],
    "bindings/elixir/lib/knocker_sqlite/error_codes.ex": [sys.executable, "bindings/elixir/tools/generate_errors.py"],
    "bindings/node/src/error-codes.ts": ["node", "bindings/node/scripts/generate-errors.mjs"],
    "bindings/ruby/lib/knocker_sqlite/error_codes.rb": [sys.executable, "bindings/ruby/tools/generate_errors.py"],
    "bindings/ruby/sig/error_codes.rbs": [sys.executable, "bindings/ruby/tools/generate_errors.py"],
    "bindings/python/src/knocker/_error_codes.py": [sys.executable, "bindings/python/tools/generate_errors.py"],
    **{name: WRITE_SCHEMAS for name in SCHEMAS},
}


def main() -> int:
    """Run every generator once."""
    check = "--check" in sys.argv[1:]
    before = {name: read(name) for name in GENERATED}
    commands: List[List[str]] = []
    for command in GENERATED.values():
        if command not in commands:
            commands.append(command)
    # A generator that runs Go by itself gets the same build, and its cache.
    flags = f"{os.environ.get('GOFLAGS', '')} -tags={TAGS.replace(' ', ',')}".strip()
    for command in commands:
        subprocess.run(command, cwd=ROOT, env={**os.environ, "GOFLAGS": flags}, check=True)
    changed = [name for name in GENERATED if read(name) != before[name]]
    if not check:
        print(f"{len(changed)} of {len(GENERATED)} generated files changed")
        return 0
    for name in changed:
        (ROOT / name).write_bytes(before[name])
        print(f"{name} is not what its generator makes: run make generate", file=sys.stderr)
    print(f"{len(GENERATED) - len(changed)} passed, {len(changed)} failed")
    return 1 if changed else 0


def read(name: str) -> bytes:
    """A file's content; nothing where there is none yet."""
    path = ROOT / name
    return path.read_bytes() if path.exists() else b""


if __name__ == "__main__":
    sys.exit(main())
