"""Handlers: their transaction, its values, and how a run may end."""

from __future__ import annotations

import logging
import math
import threading
import time
from pathlib import Path
from typing import Any, List

import pytest

import knocker
from conftest import HEADERS, add_endpoint, body, drain, query


def table(tx: knocker.Tx) -> None:
    tx.execute("CREATE TABLE IF NOT EXISTS app (event INTEGER, note TEXT)")


def test_writes_and_handled_are_one_commit(webhooks: knocker.Knocker, endpoint: knocker.Endpoint) -> None:
    @endpoint.handle("order")
    def handler(event: knocker.Event, tx: knocker.Tx) -> None:
        table(tx)
        tx.execute("INSERT INTO app VALUES (?, ?)", [event.id, event.json()["type"]])

    event_id = endpoint.receive(body(1), HEADERS).event_id or 0
    assert drain(webhooks) == [knocker.Finished(event_id, "handled")]
    assert query(webhooks, "SELECT event, note FROM app") == [(event_id, "order")]
    attempt = webhooks.list_attempts(event_id)[0]
    assert (attempt.outcome, attempt.error) == ("handled", None)


def test_a_handler_that_raises_leaves_no_row(
    webhooks: knocker.Knocker,
    endpoint: knocker.Endpoint,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    @endpoint.handle(backoff_initial_s=1000)
    def handler(event: knocker.Event, tx: knocker.Tx) -> None:
        table(tx)
        tx.execute("INSERT INTO app VALUES (?, ?)", (event.id, "never"))
        raise LookupError("no such customer \udce9")

    event_id = endpoint.receive(body(1), HEADERS).event_id or 0
    with caplog.at_level(logging.INFO, "knocker"):
        assert [finished.status for finished in drain(webhooks)] == ["failed"]
    event = webhooks.get_event(event_id)
    assert event.status == "failed"
    assert "LookupError" in (event.last_error or "")
    assert "no such customer" in (event.last_error or "")
    assert query(webhooks, "SELECT count(*) FROM sqlite_schema WHERE name = 'app'") == [(0,)]
    assert "LookupError" in caplog.text, "the traceback belongs into the log"
    assert capfd.readouterr() == ("", ""), "and nowhere else"


def test_a_process_without_logging_prints_nothing(path: Path) -> None:
    from conftest import run

    script = """
import sys, knocker
with knocker.open(sys.argv[1]) as w:
    e = w.endpoint("x", provider="token-header", secrets="t")
    e.add_handler(lambda event, tx: 1 / 0)
    e.receive(b"{}", {"X-Knocker-Token": "t"})
    w.run_worker_once()
sys.stderr.flush()
"""
    import subprocess
    import sys

    from conftest import environment

    result = subprocess.run(
        [sys.executable, "-c", script, str(path)], env=environment(), capture_output=True, check=True
    )
    assert (result.stdout, result.stderr) == (b"", b"")
    assert run("print('ok')") == "ok"


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (knocker.Discard("we never sold this"), "dead", "never sold"),
        (knocker.Ignore("test mode"), "ignored", ""),
        (knocker.RetryAfter(3600, "rate limit"), "failed", "rate limit"),
        (knocker.RetryAfter(-1), "failed", "seconds"),
        (ValueError(), "failed", "ValueError"),
    ],
)
def test_a_handler_chooses_its_outcome(
    webhooks: knocker.Knocker, endpoint: knocker.Endpoint, error: Exception, status: str, words: str
) -> None:
    def handler(event: knocker.Event, tx: knocker.Tx) -> None:
        table(tx)
        raise error

    endpoint.add_handler(handler, backoff_initial_s=3600)
    event_id = endpoint.receive(body(1), HEADERS).event_id or 0
    assert [finished.status for finished in drain(webhooks)] == [status]
    event = webhooks.get_event(event_id)
    assert event.status == status
    assert words in (event.last_error or "")


def test_a_failing_event_dies_after_its_attempts(webhooks: knocker.Knocker, endpoint: knocker.Endpoint) -> None:
    attempts: List[int] = []

    def handler(event: knocker.Event, tx: knocker.Tx) -> None:
        attempts.append(event.attempt_count)
        raise OSError("down")

    endpoint.add_handler(handler, max_attempts=3, backoff_initial_s=0.001, backoff_max_s=0.001)
    event_id = endpoint.receive(body(1), HEADERS).event_id or 0
    deadline = time.monotonic() + 60
    while webhooks.get_event(event_id).status != "dead" and time.monotonic() < deadline:
        webhooks.run_worker_once()
    assert attempts == [1, 2, 3]
    assert [attempt.outcome for attempt in webhooks.list_attempts(event_id)] == ["failed", "failed", "dead"]
    webhooks.requeue(event_id)
    assert webhooks.get_event(event_id).status == "received"


@pytest.mark.parametrize(
    "sql",
    [
        "COMMIT",
        "ROLLBACK",
        "BEGIN",
        "PRAGMA journal_mode = DELETE",
        "ATTACH ':memory:' AS other",
        "DETACH main",
        "CREATE TEMP TABLE knocker_deliveries (id)",
        "DELETE FROM knocker_events",
    ],
)
def test_forbidden_statements_touch_no_receipt(webhooks: knocker.Knocker, endpoint: knocker.Endpoint, sql: str) -> None:
    errors: List[BaseException] = []

    def handler(event: knocker.Event, tx: knocker.Tx) -> None:
        table(tx)
        try:
            tx.execute(sql)
        except knocker.KnockerError as error:
            errors.append(error)
            raise

    endpoint.add_handler(handler, backoff_initial_s=3600)
    event_id = endpoint.receive(body(1), HEADERS).event_id or 0
    drain(webhooks)
    assert [getattr(error, "code", None) for error in errors] == ["forbidden_in_handler"]
    assert webhooks.get_event(event_id).status == "failed"
    assert endpoint.receive(body(2), HEADERS).status_code == 204
    assert webhooks.stats().deliveries == 2


def test_insert_or_rollback_is_the_handlers_own_failure(webhooks: knocker.Knocker, endpoint: knocker.Endpoint) -> None:
    """SQLite itself ends the transaction there; nothing of the run may survive, and no receipt may be lost."""

    def handler(event: knocker.Event, tx: knocker.Tx) -> None:
        tx.execute("CREATE TABLE app (id INTEGER PRIMARY KEY)")
        tx.execute("INSERT INTO app VALUES (1)")
        try:
            tx.execute("INSERT OR ROLLBACK INTO app VALUES (1)")
        except knocker.KnockerError:
            return  # and claims to have handled it

    endpoint.add_handler(handler, backoff_initial_s=3600)
    event_id = endpoint.receive(body(1), HEADERS).event_id or 0
    assert [finished.status for finished in drain(webhooks)] != ["handled"]
    assert webhooks.get_event(event_id).status == "failed"
    assert endpoint.receive(body(2), HEADERS).status_code == 204
    assert query(webhooks, "SELECT count(*) FROM sqlite_schema WHERE name = 'app'") == [(0,)]


def test_a_savepoint_is_allowed(webhooks: knocker.Knocker, endpoint: knocker.Endpoint) -> None:
    def handler(event: knocker.Event, tx: knocker.Tx) -> None:
        table(tx)
        tx.execute("SAVEPOINT part")
        tx.execute("INSERT INTO app VALUES (1, 'undone')")
        tx.execute("ROLLBACK TO part")
        tx.execute("INSERT INTO app VALUES (2, 'kept')")
        tx.execute("RELEASE part")

    endpoint.add_handler(handler)
    endpoint.receive(body(1), HEADERS)
    assert [finished.status for finished in drain(webhooks)] == ["handled"]
    assert query(webhooks, "SELECT note FROM app") == [("kept",)]


def test_a_handler_that_sleeps_is_rolled_back_and_blocks_nobody(path: Path) -> None:
    """After max_transaction_s the writer is free again, whatever the handler does."""
    with knocker.open(path, max_transaction_s=1) as webhooks:
        endpoint = add_endpoint(webhooks)
        holding, free = threading.Event(), threading.Event()
        codes: List[str] = []

        def handler(event: knocker.Event, tx: knocker.Tx) -> None:
            tx.execute("CREATE TABLE app (id)")
            holding.set()
            free.wait(100)
            try:
                tx.execute("INSERT INTO app VALUES (1)")
            except knocker.KnockerError as error:
                codes.append(error.code)
                raise

        endpoint.add_handler("slow", handler, backoff_initial_s=3600)
        slow = endpoint.receive(body("slow", "slow"), HEADERS).event_id or 0
        worker = threading.Thread(target=webhooks.run_worker_once)
        worker.start()
        assert holding.wait(60)
        # The handler sleeps on until these are stored, so it can't be what they wait for.
        for number in range(100):
            assert endpoint.receive(body(number), HEADERS, timeout_ms=60_000).status_code == 204
        free.set()
        worker.join(60)
        assert codes == ["transaction_timeout"]
        event = webhooks.get_event(slow)
        assert event.status == "failed"
        assert query(webhooks, "SELECT count(*) FROM sqlite_schema WHERE name = 'app'") == [(0,)]


VALUES: List[Any] = [
    None,
    0,
    1,
    -1,
    2**53,
    -(2**53),
    2**63 - 1,
    -(2**63),
    0.5,
    -0.0,
    1.0,
    1e300,
    5e-324,
    math.inf,
    -math.inf,
    "",
    "text",
    "é\u0000😀",
    b"",
    b"\x00\xff" * 1000,
    "\udcff",
]


def test_every_value_comes_back_as_it_went(webhooks: knocker.Knocker, endpoint: knocker.Endpoint) -> None:
    rows: List[knocker.Row] = []

    def handler(event: knocker.Event, tx: knocker.Tx) -> None:
        tx.execute("CREATE TABLE app (id INTEGER PRIMARY KEY, v)")
        for value in VALUES:
            tx.execute("INSERT INTO app (v) VALUES (?)", (value,))
        rows.extend(tx.query("SELECT v, typeof(v) AS t FROM app ORDER BY id"))

    endpoint.add_handler(handler)
    endpoint.receive(body(1), HEADERS)
    assert [finished.status for finished in drain(webhooks)] == ["handled"]
    types = {type(None): "null", int: "integer", float: "real", str: "text", bytes: "blob"}
    for value, row in zip(VALUES, rows):
        assert (row["v"], type(row["v"]), row["t"]) == (value, type(value), types[type(value)])
    assert math.copysign(1, rows[VALUES.index(-0.0, 9)]["v"]) == -1


def test_parameters_of_every_kind(webhooks: knocker.Knocker, endpoint: knocker.Endpoint) -> None:
    class Index:
        def __index__(self) -> int:
            return 7

    got: List[Any] = []
    refused: List[Any] = []

    def handler(event: knocker.Event, tx: knocker.Tx) -> None:
        got.append(tx.query("SELECT :a AS a, @b AS b, $c AS c", {"a": 1, "b": b"x", "c": "y"})[0])
        got.append(tx.query("SELECT ?2, ?1", (1, 2))[0])
        got.append(tx.query("SELECT ?, ?, ?, ?, ?", [True, math.nan, bytearray(b"a"), memoryview(b"b"), Index()])[0])
        got.append(tx.query("SELECT ? || ?", (value for value in "ab"))[0])
        for bad in [(object(),), "text", b"bytes", 5, (2**63,), {"nobody": 1}, (1, 2), ()]:
            try:
                tx.query("SELECT ?", bad)  # type: ignore[arg-type]
            except knocker.KnockerError as error:
                refused.append(error.code)
            else:
                refused.append(bad)

    endpoint.add_handler(handler)
    endpoint.receive(body(1), HEADERS)
    assert [finished.status for finished in drain(webhooks)] == ["handled"]
    assert [tuple(row) for row in got] == [(1, b"x", "y"), (2, 1), (1, None, b"a", b"b", 7), ("ab",)]
    assert refused[:5] == ["invalid_argument"] * 5
    assert all(code in ("invalid_argument", "sql_error") for code in refused), refused


def test_rows_are_sequences_and_mappings() -> None:
    import pickle

    row = knocker.Row((1, "x", 2), ("id", "Name", "id"))
    assert (row[0], row["name"], row["ID"], row[-1], row[:2]) == (1, "x", 1, 2, (1, "x"))
    assert dict(row)["Name"] == "x"
    assert list(row) == [1, "x", 2]
    assert row == (1, "x", 2)
    assert hash(row) == hash((1, "x", 2))
    assert repr(row) == "Row(id=1, Name='x', id=2)"
    assert pickle.loads(pickle.dumps(row)).keys() == ["id", "Name", "id"]
    with pytest.raises(KeyError):
        row["nobody"]
    with pytest.raises(IndexError):
        row[3]


def test_what_a_statement_did(webhooks: knocker.Knocker, endpoint: knocker.Endpoint) -> None:
    done: List[knocker.Executed] = []

    def handler(event: knocker.Event, tx: knocker.Tx) -> None:
        tx.execute("CREATE TABLE app (id INTEGER PRIMARY KEY)")
        done.append(tx.execute("INSERT INTO app VALUES (?)", (2**60,)))
        done.append(tx.execute("INSERT INTO app VALUES (1), (2)"))
        done.append(tx.execute("DELETE FROM app"))

    endpoint.add_handler(handler)
    endpoint.receive(body(1), HEADERS)
    drain(webhooks)
    assert [one.rowcount for one in done] == [1, 2, 3]
    assert done[0].lastrowid == 2**60


def test_the_nearest_handler_runs_and_the_last_one_added(webhooks: knocker.Knocker, endpoint: knocker.Endpoint) -> None:
    ran: List[str] = []
    endpoint.add_handler("invoice.paid", lambda event, tx: ran.append("first"))
    endpoint.add_handler("invoice.paid", lambda event, tx: ran.append("exact"))
    endpoint.add_handler("invoice.*", lambda event, tx: ran.append("prefix"))
    webhooks.add_handler("shop", lambda event, tx: ran.append("default"))
    for number, kind in enumerate(["invoice.paid", "invoice.sent", "charge"]):
        endpoint.receive(body(number, kind), HEADERS)
    drain(webhooks)
    assert ran == ["exact", "prefix", "default"]


def test_unhandled_events_follow_their_endpoint(webhooks: knocker.Knocker) -> None:
    for name, unhandled in [("a", "dead"), ("b", "ignore"), ("c", "leave")]:
        add_endpoint(webhooks, name, unhandled=unhandled).receive(body(1), HEADERS)
    drain(webhooks)
    assert {event.endpoint: event.status for event in webhooks.list_events()} == {
        "a": "dead",
        "b": "ignored",
        "c": "received",
    }


def test_a_coroutine_from_a_plain_function_is_an_error(webhooks: knocker.Knocker, endpoint: knocker.Endpoint) -> None:
    """Otherwise the event would count as handled although nothing ran."""

    async def work() -> None: ...

    endpoint.add_handler(lambda event, tx: work(), backoff_initial_s=3600)
    event_id = endpoint.receive(body(1), HEADERS).event_id or 0
    drain(webhooks)
    assert "async def" in (webhooks.get_event(event_id).last_error or "")


def test_receive_inside_an_open_transaction_is_refused(webhooks: knocker.Knocker, endpoint: knocker.Endpoint) -> None:
    """One thread never waits for itself."""
    errors: List[Any] = []

    def handler(event: knocker.Event, tx: knocker.Tx) -> None:
        table(tx)
        for act in (lambda: endpoint.receive(body(2), HEADERS), webhooks.run_worker_once):
            try:
                errors.append(act())
            except knocker.KnockerError as error:
                errors.append(error.code)

    endpoint.add_handler(handler)
    endpoint.receive(body(1), HEADERS)
    drain(webhooks)
    assert errors[0] == "would_deadlock"
    assert errors[1] in ("would_deadlock", [])
    assert webhooks.stats().deliveries == 1


def test_tx_is_over_with_its_handler(webhooks: knocker.Knocker, endpoint: knocker.Endpoint) -> None:
    kept: List[knocker.Tx] = []
    endpoint.add_handler(lambda event, tx: kept.append(tx))
    endpoint.receive(body(1), HEADERS)
    drain(webhooks)
    with pytest.raises(knocker.KnockerError) as caught:
        kept[0].execute("SELECT 1")
    assert caught.value.code in ("closed", "transaction_ended")


def test_replay_shows_the_same_event_again(webhooks: knocker.Knocker, endpoint: knocker.Endpoint) -> None:
    bodies: List[bytes] = []
    endpoint.add_handler(lambda event, tx: bodies.append(event.body))
    result = endpoint.receive(body(1), HEADERS)
    retry = endpoint.receive(body(1).replace(b'"id"', b' "id"'), HEADERS)
    drain(webhooks)
    assert webhooks.replay(result.event_id or 0) == result.event_id
    drain(webhooks)
    assert webhooks.replay_delivery(retry.delivery_id or 0) == result.event_id
    drain(webhooks)
    assert bodies == [body(1), body(1), body(1).replace(b'"id"', b' "id"')]
    webhooks.ignore(endpoint.receive(body(2), HEADERS).event_id or 0)
    assert webhooks.list_events(status="ignored")[0].provider_event_id == "2"
