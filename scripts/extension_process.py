"""Test the SQLite extension where whole processes matter: other versions of SQLite, panics, forks, and the C interface beside it.

scripts/extension_process.py build/libknocker.so build/testpanic/libknocker.so
Ends with `N passed, N failed`.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
from typing import Any, List, Tuple

from extension_test import ADD, LIBRARY, RECEIVE, connect, one, receive, refused, run_tests

PANICKING = os.path.abspath(sys.argv[2])
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# Releases of go-sqlite3 and the SQLite in each: the last that is too old, and the oldest that is not.
TOO_OLD = ("v1.14.11", "3.37.0")
OLDEST = ("v1.14.12", "3.38.0")


def host(release: Tuple[str, str]) -> str:
    """The smallest host, built with the SQLite of a release of go-sqlite3."""
    tag, version = release
    program = os.path.join(ROOT, "build", "hosts", version)
    if not os.path.exists(program):
        os.makedirs(os.path.dirname(program), exist_ok=True)
        with tempfile.TemporaryDirectory() as directory:
            ran = subprocess.run(
                ["go", "mod", "download", "-json", f"github.com/mattn/go-sqlite3@{tag}"],
                capture_output=True, text=True, timeout=120, cwd=directory, env={**os.environ, "GOFLAGS": "-mod=mod", "GOWORK": "off"},
            )
            source = json.loads(ran.stdout)["Dir"]
            made = os.path.join(directory, "host")
            files = (os.path.join(ROOT, "capi/test/host/host.c"), os.path.join(source, "sqlite3-binding.c"))
            subprocess.run(["gcc", "-w", f"-I{source}", "-o", made, *files, "-ldl", "-lpthread", "-lm"], check=True, timeout=180)
            subprocess.run(["mv", made, program + ".new"], check=True)
        os.replace(program + ".new", program)
    return program


def in_host(release: Tuple[str, str], path: str, *statements: str) -> List[str]:
    """What the host prints: its version, how the load went, rows and errors."""
    ran = subprocess.run([host(release), LIBRARY, path, *statements], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0 and not ran.stderr, ran
    return ran.stdout.splitlines()


def test_too_old_sqlite(path: str) -> None:
    """A SQLite that is too old is refused with a sentence that says so, and goes on without the functions."""
    lines = in_host(TOO_OLD, path, "SELECT 1", "SELECT knocker_version()", "SELECT count(*) FROM sqlite_master")
    refusal = "load 1 error during initialization: knocker: driver_unavailable: SQLite 3.37.0 is too old: 3.38 or later is needed"
    assert lines == ["3.37.0", refusal, "1", "error no such function: knocker_version", "0"], lines


def test_oldest_sqlite(path: str) -> None:
    """The oldest SQLite that is not too old runs the whole walk."""
    ingest = "SELECT knocker_ingest('provider', 'POST', NULL, x'7b7d', NULL, 1, NULL, NULL, NULL, NULL, 'k') -> '$.status_code'"
    lines = in_host(
        OLDEST, path, ADD, ingest, "BEGIN IMMEDIATE", "SELECT json_array_length(honker_claim_batch('knocker.events', 'w', 1, 60))",
        "SELECT knocker_mark_processing(1, 1)", "CREATE TABLE orders (event)", "INSERT INTO orders VALUES (1)", "SELECT knocker_mark_handled(1, 5)",
        "SELECT honker_ack(1, 'w')", "COMMIT", "SELECT status, (SELECT count(*) FROM orders), (SELECT count(*) FROM _honker_live) FROM knocker_events",
        "SELECT knocker_stats() -> '$.events.handled'", "SELECT knocker_list_events(NULL) -> '$.events[0].status'",
        "SELECT knocker_call('replay', '{\"event_id\":1}') -> '$.ok'", "SELECT knocker_call('attach', NULL) ->> '$.ok.sqlite_version'",
        "SELECT knocker_call('register_handler', '{\"endpoint\":\"provider\"}') ->> '$.ok.handler'",
        "SELECT knocker_call('worker_open', NULL) ->> '$.ok.worker'", "SELECT knocker_call('worker_next', '{\"worker\":1}') ->> '$.ok.step.event.id'",
    )
    assert lines[:11] == ["3.38.0", "load 0 ", "1", "204", "1", "1", "1", "1", "handled|1|0", "1", '"handled"'], lines
    assert lines[11:] == ['{"event_id":1}', "3.38.0", "1", "1", "1"], lines


def test_oldest_sqlite_migrates(path: str) -> None:
    """The oldest SQLite migrates a file of the existing project: every event finds its delivery, what hangs on the tables stays."""
    shutil.copy(os.path.join(ROOT, "core/testdata/existing/application.db"), path)
    lines = in_host(
        OLDEST, path, "SELECT knocker_get_event(1)", "SELECT knocker_bootstrap()", "SELECT knocker_bootstrap()",
        "SELECT count(*) || ' of ' || count(delivery_id) FROM knocker_events", "SELECT count(*) FROM pragma_foreign_key_check",
        "SELECT count(*) FROM sqlite_schema WHERE name IN ('app_notes', 'open_events', 'event_status')", "PRAGMA integrity_check",
    )
    assert lines[2].startswith("error migration_needed: "), lines
    assert lines[3:] == ["1", "1", "12 of 12", "0", "3", "ok"], lines


def test_panic(path: str) -> None:
    """A panic inside a function is an SQL error; what it began is undone, and the host goes on without the library."""
    script = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[2], isolation_level=None)
db.enable_load_extension(True)
db.load_extension(sys.argv[1])
one = lambda sql: db.execute(sql).fetchone()[0]
one("SELECT knocker_endpoint_upsert('a', NULL, NULL, 1)")
one("SELECT knocker_ingest('a', 'POST', NULL, x'', NULL, 1, NULL, NULL, NULL, NULL, 'k')")
one("SELECT knocker_mark_failed(1, 1, 'no', 0, 1)")
if sys.argv[3] == "inside":
    db.execute("BEGIN IMMEDIATE")
    db.execute("CREATE TABLE mine (x)")
for sql in ("SELECT knocker_test_panic(1)", "SELECT knocker_version()", "SELECT knocker_replay(1, NULL, NULL)"):
    try:
        one(sql)
        print("no error:", sql)
    except sqlite3.OperationalError as error:
        print(str(error).split(" ")[0], end=" ")
print(db.in_transaction, one("SELECT status FROM knocker_events"), one("SELECT count(*) FROM _honker_live"))
if db.in_transaction:
    db.execute("COMMIT")
    print(one("SELECT count(*) FROM mine"))
db.close()
"""
    for name, expected in (("outside", ["False failed 1"]), ("inside", ["True failed 1", "0"])):
        ran = subprocess.run([sys.executable, "-c", script, PANICKING, f"{path}-{name}", name], capture_output=True, text=True, timeout=60)
        assert ran.returncode == 0 and not ran.stderr, ran
        lines = ran.stdout.splitlines()
        assert lines == ["internal: " * 3 + expected[0], *expected[1:]], ran.stdout


def test_interface_beside_it(path: str) -> None:
    """The C interface and the extension on one file in one process, from threads of both."""
    library = ctypes.CDLL(LIBRARY)

    def text(function: str, *arguments: Any) -> Any:
        call = getattr(library, function)
        call.restype = ctypes.c_void_p
        address = call(*arguments)
        reply = json.loads(ctypes.string_at(address))
        library.knocker_free(ctypes.c_void_p(address))
        assert "ok" in reply, reply
        return reply["ok"]

    def request(value: Any) -> Tuple[bytes, ctypes.c_size_t]:
        encoded = json.dumps(value).encode()
        return encoded, ctypes.c_size_t(len(encoded))

    inbox = ctypes.c_uint64(text("knocker_open_json", *request({"path": path}))["db"])
    text("knocker_call_json", inbox, b"add_endpoint", *request({"name": "provider", "provider": "token-header", "secrets": "dev-secret"}))
    errors: List[BaseException] = []
    rounds = 50

    def through_interface(number: int) -> None:
        for n in range(rounds):
            headers = {"x-knocker-token": "dev-secret"}
            key = f"c-{number}-{n}"
            text("knocker_receive_json", inbox, *request({"endpoint": "provider", "headers": headers, "dedupe_key": key}), b"{}", ctypes.c_size_t(2))

    def through_sql(number: int) -> None:
        db = connect(path)
        for n in range(rounds):
            receive(db, key=f"sql-{number}-{n}")
        db.close()

    def guarded(work: Any, number: int) -> None:
        try:
            work(number)
        except BaseException as error:  # reported by the test itself
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(work, n)) for n in range(2) for work in (through_interface, through_sql)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not errors and not any(thread.is_alive() for thread in threads), errors
    db = connect(path)
    assert one(db, "SELECT count(*) FROM knocker_events") == 4 * rounds
    counted = text("knocker_call_json", inbox, b"stats", *request({}))
    assert counted["events"] == {"received": 4 * rounds} and counted["jobs_ready"] == 4 * rounds, counted
    # What SQL has claimed the interface shows, and an endpoint that it has paused SQL leaves alone.
    assert len(json.loads(one(db, "SELECT honker_claim_batch('knocker.events', 'w', 3, 60)"))) == 3
    assert len(text("knocker_call_json", inbox, b"list_running", *request({}))["running"]) == 3
    text("knocker_call_json", inbox, b"pause_endpoint", *request({"name": "provider"}))
    assert one(db, "SELECT honker_claim_batch('knocker.events', 'w', 3, 60)") == "[]"
    assert one(db, "PRAGMA integrity_check") == "ok"
    db.close()
    text("knocker_close_json", inbox)


def test_fork(path: str) -> None:
    """In a forked child neither a function, nor loading, nor closing enters the library."""
    db = connect(path)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            fresh = sqlite3.connect(":memory:")
            fresh.enable_load_extension(True)
            for _ in range(1000):
                try:
                    fresh.load_extension(LIBRARY)
                except sqlite3.OperationalError as error:
                    assert "forked: " in str(error), error
                refused(db, "forked", "SELECT knocker_bootstrap()")
            fresh.close()
            db.close()
            status = 0
        finally:
            os._exit(status)
    timer = threading.Timer(60, os.kill, (child, 9))
    timer.start()
    _, status = os.waitpid(child, 0)
    timer.cancel()
    assert status == 0, status


def test_other_databases(path: str) -> None:
    """A database that is opened later has neither functions nor tables, and works."""
    db = connect(path)
    one(db, ADD)
    later = sqlite3.connect(":memory:")
    try:
        later.execute("SELECT knocker_version()")
        raise AssertionError("an unrelated connection has the functions")
    except sqlite3.OperationalError as error:
        assert "no such function" in str(error)
    assert later.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    later.execute("CREATE TABLE t (x)")
    later.close()
    attached = os.path.join(os.path.dirname(path), "other.db")
    db.execute("ATTACH ? AS other", (attached,))
    receive(db)
    assert one(db, "SELECT count(*) FROM other.sqlite_master") == 0


def test_dropped_tables(path: str) -> None:
    """Tables that are dropped under an open connection, by it or by another, are schema_missing."""
    db, other = connect(path), connect(path)
    one(db, ADD)
    for table in ("_honker_live", "knocker_deliveries", "knocker_events"):
        other.execute(f"DROP TABLE {table}")
        refused(db, "schema_missing", RECEIVE, "dev-secret", b"{}", "k")
        refused(db, "schema_missing", "SELECT knocker_stats()")
        assert not db.in_transaction
    assert one(db, "SELECT 1") == 1


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
