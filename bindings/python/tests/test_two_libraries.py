"""Python's own SQLite beside ours: neither may see the other's symbols."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import run

PROGRAM = """
import sys
ORDER
with knocker.open(sys.argv[1]) as webhooks:
    ours = webhooks.sqlite_version
    endpoint = webhooks.endpoint("shop", provider="token-header", secrets="t")
    seen = []
    @endpoint.handle()
    def handler(event, tx):
        seen.append(tx.query("SELECT sqlite_version() AS v")[0]["v"])
        seen.append(tx.query("SELECT count(*) FROM pragma_function_list WHERE name = 'only_in_python'")[0][0])
    theirs = sqlite3.connect(sys.argv[1] + ".other")
    theirs.create_function("only_in_python", 0, lambda: 1)
    endpoint.receive(b"{}", {"X-Knocker-Token": "t"})
    assert webhooks.run_worker_once()[0].status == "handled"
    assert seen == [ours, 0], seen
    assert theirs.execute("SELECT sqlite_version()").fetchone() == (sqlite3.sqlite_version,)
    found = theirs.execute("SELECT count(*) FROM pragma_function_list WHERE name LIKE 'knocker%'").fetchone()
    assert found == (0,), "our functions got into the application's SQLite"
    theirs.close()
print(ours != sqlite3.sqlite_version or "the same version: nothing shown")
"""


@pytest.mark.parametrize("order", ["import sqlite3\nimport knocker", "import knocker\nknocker._inbox\nimport sqlite3"])
def test_each_keeps_its_own_sqlite(path: Path, order: str) -> None:
    assert run(PROGRAM.replace("ORDER", order), str(path)) == "True"


def test_our_sqlite_is_not_visible_to_the_process(path: Path) -> None:
    """A symbol that leaked would be found by the next library that links SQLite."""
    script = """
import ctypes, sys, knocker
knocker.open(sys.argv[1]).close()
print(hasattr(ctypes.CDLL(None), "sqlite3_libversion"))
"""
    import subprocess
    import sys

    from conftest import environment

    without = "import ctypes; print(hasattr(ctypes.CDLL(None), 'sqlite3_libversion'))"
    before = subprocess.run(
        [sys.executable, "-c", without], env=environment(), capture_output=True, text=True, check=True
    )
    assert run(script, str(path)) == before.stdout.strip()
