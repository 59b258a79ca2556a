"""Test the SQLite extension inside real hosts: the sqlite3 command line, and a Python that can load extensions.

scripts/extension_test.py build/libknocker.so
Ends with `N passed, N failed`.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
import traceback
from typing import Any, Callable, Dict, List

LIBRARY = os.path.abspath(sys.argv[1])
SHELL = "sqlite3"
# A Python that can load extensions; many builds leave that out.
PYTHONS = (sys.executable, "/usr/bin/python3")

RECEIVE = (
    "SELECT knocker_receive('provider', 'token-header', json_array('dev-secret'), json_object(), 'POST', "
    "json_object('x-knocker-token', ?), ?, NULL, NULL, NULL, NULL, ?, 'knocker.events', 3)"
)
ADD = "SELECT knocker_endpoint_upsert('provider', '/webhooks/provider', 'token-header', 1)"


def connect(path: str, entry: str = "") -> sqlite3.Connection:
    """A connection in autocommit, with the extension loaded."""
    db = sqlite3.connect(path, isolation_level=None, timeout=5)
    db.enable_load_extension(True)
    if entry:
        db.execute("SELECT load_extension(?, ?)", (LIBRARY, entry))
    else:
        db.load_extension(LIBRARY)
    return db


def one(db: sqlite3.Connection, sql: str, *args: Any) -> Any:
    """The only value of the only row."""
    return db.execute(sql, args).fetchone()[0]


def receive(db: sqlite3.Connection, key: str = "evt_1", token: str = "dev-secret", body: Any = b"{}") -> Any:
    """A request, as its answer."""
    return json.loads(one(db, RECEIVE, token, body, key))


def refused(db: sqlite3.Connection, code: str, sql: str, *args: Any) -> str:
    """Run what must fail with a code; its message."""
    try:
        db.execute(sql, args).fetchall()
    except sqlite3.Error as error:
        assert str(error).startswith(code + ":"), f"{sql}: {error}"
        return str(error)
    raise AssertionError(f"{sql} did not fail")


def test_walk(path: str) -> None:
    """The application's row, "handled" and the job's end are one commit, or none."""
    db = connect(path)
    db.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, event INTEGER)")
    assert one(db, ADD) == 1 and one(db, ADD) == 1
    first = receive(db, body=b"\x00\xff")
    assert first["duplicate"] == 0 and first["status_code"] == 204 and first["event_ids"] == [first["event_id"]]
    assert one(db, "SELECT body_blob FROM knocker_deliveries") == b"\x00\xff"
    for end in ("ROLLBACK", "COMMIT"):
        db.execute("BEGIN IMMEDIATE")
        (job,) = json.loads(one(db, "SELECT honker_claim_batch('knocker.events', 'w', 10, 60)"))
        event = json.loads(job["payload"])["event_id"]
        assert job["worker_id"] == "w" and job["attempts"] == 1 and event == first["event_id"]
        assert one(db, "SELECT knocker_mark_processing(?, 1)", event) == 1
        db.execute("INSERT INTO orders (event) VALUES (?)", (event,))
        order = one(db, "SELECT last_insert_rowid()")
        assert one(db, "SELECT knocker_mark_handled(?, 7)", event) == 1
        assert one(db, "SELECT last_insert_rowid()") == order
        assert one(db, "SELECT honker_ack(?, 'other')", job["id"]) == 0
        assert one(db, "SELECT honker_ack(?, 'w')", job["id"]) == 1
        db.execute(end)
        done = end == "COMMIT"
        assert one(db, "SELECT count(*) FROM orders") == done
        assert one(db, "SELECT status FROM knocker_events") == ("handled" if done else "received")
        assert one(db, "SELECT count(*) FROM _honker_live") == (not done)
        assert one(db, "SELECT count(*) FROM knocker_attempts") == done
    again = receive(db)
    assert again["duplicate"] == 1 and again["event_id"] == first["event_id"]
    db.close()


def test_forged(path: str) -> None:
    """A forged request makes a delivery and no event."""
    db = connect(path)
    one(db, ADD)
    answer = receive(db, token="wrong")
    assert answer["status_code"] == 401 and answer["event_id"] is None and answer["reason"]
    assert one(db, "SELECT count(*) FROM knocker_events") == 0
    assert one(db, "SELECT kind FROM knocker_deliveries") == "rejected"


def test_savepoint(path: str) -> None:
    """In the caller's transaction an error undoes its own work alone, and a rollback all."""
    db = connect(path)
    one(db, ADD)
    db.execute("CREATE TABLE t (x)")
    db.execute("BEGIN")
    db.execute("INSERT INTO t VALUES (1)")
    assert receive(db)["durable"] == 0
    refused(db, "unknown_endpoint", "SELECT knocker_ingest('none', 'POST', NULL, x'', NULL, 1, NULL, NULL, NULL, NULL, NULL)")
    refused(db, "not_found", "SELECT knocker_mark_handled(99, 1)")
    assert db.in_transaction and one(db, "SELECT count(*) FROM t") == 1 and one(db, "SELECT count(*) FROM knocker_events") == 1
    db.execute("ROLLBACK")
    for table in ("t", "knocker_deliveries", "knocker_events", "_honker_live"):
        assert one(db, f"SELECT count(*) FROM {table}") == 0
    receive(db)
    assert not db.in_transaction


def test_write_statement(path: str) -> None:
    """Inside a statement that writes, and in a view, a clear error and no change."""
    db = connect(path)
    one(db, ADD)
    db.execute("CREATE TABLE t (x)")
    assert "inside a statement" in refused(db, "invalid_argument", "INSERT INTO t " + RECEIVE, "dev-secret", b"{}", "k")
    assert not db.in_transaction and one(db, "SELECT count(*) FROM t") == 0 and one(db, "SELECT count(*) FROM knocker_events") == 0
    db.execute("CREATE VIEW v AS SELECT knocker_bootstrap()")
    try:
        db.execute("SELECT * FROM v").fetchall()
        raise AssertionError("ran from a view")
    except sqlite3.OperationalError as error:
        assert "unsafe use" in str(error)


def test_busy_snapshot(path: str) -> None:
    """A transaction that has read an older state is told so."""
    db, other = connect(path), connect(path)
    db.execute("PRAGMA journal_mode = WAL")
    one(db, ADD)
    db.execute("BEGIN")
    one(db, "SELECT count(*) FROM knocker_events")
    receive(other)
    refused(db, "busy_snapshot", RECEIVE, "dev-secret", b"{}", "k")


def test_arguments(path: str) -> None:
    """NULL, wrong types, TEXT bodies and huge ones behave as told."""
    db = connect(path)
    one(db, ADD)
    refused(db, "invalid_argument", "SELECT knocker_endpoint_upsert(NULL, NULL, NULL, 1)")
    refused(db, "invalid_argument", "SELECT knocker_endpoint_upsert('a', NULL, NULL, 2)")
    refused(db, "unknown_provider", "SELECT knocker_endpoint_upsert('a', NULL, 'nobody', 1)")
    refused(db, "path_taken", "SELECT knocker_endpoint_upsert('a', '/webhooks/provider', NULL, 1)")
    for sql in ("SELECT honker_ack('1', 'w')", "SELECT honker_ack(NULL, NULL)", "SELECT honker_claim_batch(1, 'w', 1, 1)"):
        refused(db, "invalid_argument", sql)
    refused(db, "invalid_argument", "SELECT honker_claim_batch('q', 'w', 1, 9223372036854775807)")
    refused(db, "invalid_argument", "SELECT knocker_ingest('provider', 'POST', '{', x'', NULL, 1, NULL, NULL, NULL, NULL, NULL)")
    receive(db, body="tëxt")
    assert one(db, "SELECT body_blob FROM knocker_deliveries") == "tëxt".encode()
    assert receive(db, key="null", body=None)["status_code"] == 204
    assert receive(db, key="huge", body=bytes(40 << 20))["status_code"] == 413


def test_queue(path: str) -> None:
    """Retry, heartbeat and fail by the holder alone; the last attempt's event dies."""
    db = connect(path)
    one(db, ADD)
    event = receive(db)["event_id"]
    assert one(db, "SELECT honker_queue_next_claim_at('knocker.events')") > 0
    assert one(db, "SELECT honker_queue_next_claim_at('none')") == 0
    for attempt in (1, 2, 3):
        (job,) = json.loads(one(db, "SELECT honker_claim_batch('knocker.events', 'w', 1, 60)"))
        assert job["attempts"] == attempt
        assert one(db, "SELECT honker_heartbeat(?, 'w', 120)", job["id"]) == 1
        assert one(db, "SELECT honker_heartbeat(?, 'x', 120)", job["id"]) == 0
        assert one(db, "SELECT knocker_mark_failed(?, ?, 'no', 0, 3)", event, attempt) == 1
        assert one(db, "SELECT honker_retry(?, 'x', 0, 'no')", job["id"]) == 0
        assert one(db, "SELECT honker_retry(?, 'w', 0, 'no')", job["id"]) == 1
    assert one(db, "SELECT status FROM knocker_events") == "dead"
    assert one(db, "SELECT count(*) FROM _honker_dead") == 1 and one(db, "SELECT count(*) FROM _honker_live") == 0
    assert one(db, "SELECT knocker_requeue(?, 'knocker.events', 5)", event) == 1
    assert one(db, "SELECT max_attempts FROM _honker_live") == 5
    (job,) = json.loads(one(db, "SELECT honker_claim_batch('knocker.events', 'w', 1, 60)"))
    assert one(db, "SELECT honker_fail(?, 'w', 'no')", job["id"]) == 1
    assert one(db, "SELECT knocker_ignore(?)", event) == 1
    refused(db, "invalid_state", "SELECT knocker_mark_handled(?, 1)", event)


def test_loading(path: str) -> None:
    """Twice, in several connections and threads; manual_init and read-only files are not written; memory works."""
    manual = connect(path, "knocker_manual_init")
    assert one(manual, "SELECT count(*) FROM sqlite_schema") == 0
    refused(manual, "schema_missing", ADD)
    assert one(manual, "SELECT knocker_bootstrap()") == 1 and one(manual, ADD) == 1
    manual.load_extension(LIBRARY)
    for _ in range(2):  # while a statement runs nothing can be registered anew
        one(manual, "SELECT load_extension(?)", LIBRARY)
    readonly = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    readonly.enable_load_extension(True)
    readonly.load_extension(LIBRARY)
    assert one(readonly, "SELECT knocker_version()")
    refused(readonly, "read_only", ADD.replace("provider'", "other'", 1).replace("webhooks/provider", "other"))
    memory = connect(":memory:")
    one(memory, ADD)
    assert receive(memory)["event_id"] == 1
    errors: List[BaseException] = []

    def work(number: int) -> None:
        try:
            db = connect(path)
            for n in range(20):
                receive(db, key=f"{number}-{n}")
            db.close()
        except BaseException as error:  # reported by the test itself
            errors.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not errors, errors
    assert one(manual, "SELECT count(*) FROM knocker_events") == 80


def test_own_honker(path: str) -> None:
    """A honker_* function that the connection has is not replaced."""
    db = sqlite3.connect(path, isolation_level=None)
    db.create_function("honker_ack", 2, lambda job, worker: "mine")
    db.enable_load_extension(True)
    db.load_extension(LIBRARY)
    assert one(db, "SELECT honker_ack(1, 'w')") == "mine"


def test_older_layout(path: str) -> None:
    """A file of the older layout is left as it is, and every function says so."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("CREATE TABLE knocker_events (id INTEGER PRIMARY KEY)")
    db.close()
    db = connect(path)
    refused(db, "migration_needed", ADD)
    assert one(db, "SELECT count(*) FROM sqlite_schema") == 1


def test_fork(path: str) -> None:
    """20,000 calls in a forked child all answer, none hangs."""
    db = connect(path)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            for _ in range(20000):
                refused(db, "forked", "SELECT knocker_version()")
            status = 0
        finally:
            os._exit(status)
    timer = threading.Timer(60, os.kill, (child, 9))
    timer.start()
    _, status = os.waitpid(child, 0)
    timer.cancel()
    assert status == 0, status


def test_shell(path: str) -> None:
    """The sqlite3 command line loads the library by its name alone, and prints nothing of ours."""
    script = f"""
.load {os.path.splitext(LIBRARY)[0]}
{ADD};
{RECEIVE.replace("?", "'dev-secret'", 1).replace("?", "x'7b7d'", 1).replace("?", "'k'", 1)} -> '$.event_id';
BEGIN IMMEDIATE;
SELECT json_array_length(honker_claim_batch('knocker.events', 'w', 10, 60));
SELECT knocker_mark_processing(1, 1);
CREATE TABLE orders (event);
INSERT INTO orders VALUES (1);
SELECT knocker_mark_handled(1, 5);
SELECT honker_ack(1, 'w');
COMMIT;
SELECT status, (SELECT count(*) FROM orders), (SELECT count(*) FROM _honker_live) FROM knocker_events;
"""
    ran = subprocess.run([SHELL, "-batch", "-bail", path], input=script, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0 and not ran.stderr, ran
    assert ran.stdout.split() == ["1", "1", "1", "1", "1", "1", "handled|1|0"], ran.stdout


def run_tests(names: Dict[str, Any]) -> int:
    """Run every test among the names, each on a file of its own."""
    if not hasattr(sqlite3.Connection, "enable_load_extension"):
        for other in PYTHONS:
            able = subprocess.run([other, "-c", "import sqlite3; sqlite3.Connection.enable_load_extension"], capture_output=True)
            if able.returncode == 0:
                print(f"extension-test: {sys.executable} can't load extensions, {other} can")
                os.execv(other, [other, *sys.argv])
        print("extension-test: no Python here can load extensions")
        return 1
    tests: List[Callable[[str], None]] = [value for name, value in names.items() if name.startswith("test_")]
    failed = 0
    for test in tests:
        with tempfile.TemporaryDirectory() as directory:
            try:
                test(os.path.join(directory, "app.db"))
            except Exception:
                failed += 1
                print(f"FAILED {test.__name__}")
                traceback.print_exc()
    print(f"{len(tests) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
