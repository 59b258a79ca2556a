"""Write lib/knocker_sqlite/error_codes.rb and sig/error_codes.rbs from the core's table of errors.

The table is the JSON that ``go run ./core/cmd/errortable -format json`` prints::

    python tools/generate_errors.py
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List

PACKAGE = Path(__file__).resolve().parents[1]
REPOSITORY = PACKAGE.parents[1]
MADE_BY = "# Made by tools/generate_errors.py from the core's table; don't edit.\n"


def class_name(code: str) -> str:
    """``would_deadlock`` -> ``WouldDeadlockError``, ``sql_error`` -> ``SqlError``."""
    words = code.split("_")
    if words[-1] != "error":
        words.append("error")
    return "".join(word.capitalize() for word in words)


def quoted(text: str) -> str:
    """A Ruby string literal; Ruby would read #{ in one as code."""
    return json.dumps(text, ensure_ascii=False).replace("#{", "\\#{")


def ruby(table: List[Dict[str, Any]]) -> str:
    """The classes."""
    parts = ["# frozen_string_literal: true\n\n" + MADE_BY + "module KnockerSqlite\n"]
    classes = [
        f"  # {row['message']}\n"
        f"  class {class_name(row['code'])} < Error\n"
        f"    CODE = {quoted(row['code'])}\n"
        f"    HTTP_STATUS = {row['http_status']}\n"
        f"    RETRYABLE = {str(row['retryable']).lower()}\n"
        f"    MESSAGE = {quoted(row['message'])}\n"
        "  end\n"
        for row in table
    ]
    return parts[0] + "\n".join(classes) + "end\n"


def signatures(table: List[Dict[str, Any]]) -> str:
    """Their types."""
    lines = "".join(f"  class {class_name(row['code'])} < Error\n  end\n" for row in table)
    return f"{MADE_BY}module KnockerSqlite\n{lines}end\n"


def main() -> int:
    """Write both files."""
    command = ["go", "run", "./core/cmd/errortable", "-format", "json"]
    table = json.loads(subprocess.run(command, cwd=REPOSITORY, check=True, stdout=subprocess.PIPE, text=True).stdout)
    (PACKAGE / "lib" / "knocker_sqlite" / "error_codes.rb").write_text(ruby(table), encoding="utf-8")
    (PACKAGE / "sig" / "error_codes.rbs").write_text(signatures(table), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
