"""The engine "host": the inbox runs on the SQLite of the interpreter's ``sqlite3``."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

import knocker
from conftest import HEADERS, PATIENT, add_endpoint, body, drain, run


def test_the_process_works_with_one_sqlite(path: Path) -> None:
    """The application's connections and the inbox's write the same file at once; a handler sees Python's version."""
    with knocker.open(path, engine="host", **PATIENT) as webhooks, sqlite3.connect(path, timeout=60) as theirs:
        assert (webhooks.engine, webhooks.sqlite_version) == ("host", sqlite3.sqlite_version)
        theirs.execute("CREATE TABLE orders (event INTEGER)")
        theirs.execute("CREATE TABLE notes (n INTEGER)")
        theirs.commit()
        endpoint = add_endpoint(webhooks)
        versions = set()

        @endpoint.handle()
        def handler(event: knocker.Event, tx: knocker.Tx) -> None:
            versions.add(tx.query("SELECT sqlite_version() AS v")[0]["v"])
            tx.execute("INSERT INTO orders VALUES (?)", (event.id,))

        def receive(thread: int) -> None:
            for n in range(20):
                assert endpoint.receive(body(f"{thread}-{n}"), HEADERS).status_code == 204

        threads = [threading.Thread(target=receive, args=(number,)) for number in range(3)]
        for thread in threads:
            thread.start()
        for n in range(20):
            theirs.execute("INSERT INTO notes VALUES (?)", (n,))
            theirs.commit()
        for thread in threads:
            thread.join()
        assert len(drain(webhooks)) == 60
        assert versions == {sqlite3.sqlite_version}
        counts = theirs.execute("SELECT (SELECT count(*) FROM orders), (SELECT count(*) FROM notes)").fetchone()
        assert counts == (60, 20)
    theirs.close()


@pytest.mark.parametrize(("first", "second"), [("embedded", "host"), ("host", "embedded")])
def test_one_file_has_one_engine(path: Path, first: str, second: str) -> None:
    with knocker.open(path, engine=first) as webhooks:
        with pytest.raises(knocker.OpenOptionsConflictError, match="another engine"):
            knocker.open(path, engine=second)
        assert webhooks.engine == first
    knocker.open(path, engine=second).close()


def test_without_a_host_the_error_says_what_to_do(path: Path) -> None:
    """What an interpreter without sqlite3, or a binding that has not loaded the extension, is told."""
    program = """
import sys
from knocker._library import library
import knocker
try:
    library().open({"path": sys.argv[1], "options": {"engine": "host"}})
except knocker.DriverUnavailableError as error:
    print("load this library as an extension" in error.message, error.http_status, error.retryable)
"""
    assert run(program, str(path)) == "True 500 False"
    assert not path.exists()
