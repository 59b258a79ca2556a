"""Calls inside the application's own transaction, and transactions that nothing can be done with."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Any, Iterator, List

import pytest
from hosting import (
    KINDS,
    ASession,
    ASessionThatBegins,
    Django,
    Host,
    Order,
    Sqlite,
    connect,
    engine_of,
    rows,
    send,
    shop,
    statuses,
)
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, PendingRollbackError
from sqlalchemy.orm import Session

import knocker

#: Where the application has a transaction that calls can be in: of an Engine and a sessionmaker each call makes its own.
WITH_TRANSACTIONS = [name for name in KINDS if name not in ("Engine", "sessionmaker")]


@pytest.fixture(params=WITH_TRANSACTIONS)
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Host]:
    made = KINDS[request.param](tmp_path / "app.db")
    yield made
    made.close()


@pytest.fixture
def session(tmp_path: Path) -> Iterator[ASession]:
    made = ASession(tmp_path / "app.db")
    yield made
    made.close()


def test_a_receipt_goes_with_the_applications_transaction(host: Host) -> None:
    inbox = knocker.attach(host.given)
    shop(inbox)
    host.begin()
    result = send(inbox)
    assert (result.status_code, result.durable) == (204, False)
    assert inbox.get_event(result.event_id or 0).status == "received", "the transaction itself sees it"
    assert rows(host.path, "SELECT count(*) FROM knocker_events, orders") == [(0,)]
    host.rollback()
    assert (statuses(host.path), host.orders()) == ([], [])
    assert send(inbox).duplicate is False


def test_an_error_undoes_its_own_work_alone(host: Host) -> None:
    inbox = knocker.attach(host.given)
    shop(inbox)
    host.begin()
    with pytest.raises(knocker.UnknownEndpointError):
        inbox.receive("nobody", b"{}")
    with pytest.raises(knocker.InvalidArgumentError):
        inbox.receive("shop", b"{}", max_attempts=-1)
    with pytest.raises(knocker.NotFoundError):
        inbox.ignore(99)
    send(inbox)
    assert inbox.stats().deliveries == 1
    host.rollback()
    assert statuses(host.path) == []


def test_a_worker_wants_transactions_of_its_own(host: Host) -> None:
    inbox = knocker.attach(host.given)
    shop(inbox)
    inbox.add_handler("shop", lambda event, tx: None)
    send(inbox)
    host.begin()
    with pytest.raises(knocker.InvalidStateError, match="commit or roll back first"):
        inbox.run_worker_once()
    with pytest.raises(knocker.InvalidStateError):
        inbox.run_worker()
    host.rollback()
    assert (host.orders(), [done.status for done in inbox.run_worker_once()]) == ([], ["handled"])


def test_a_request_commits_its_rows_and_the_receipt_together(session: ASession) -> None:
    """What is only added yet is written first, as before a query."""
    inbox = knocker.attach(session.given)
    shop(inbox)
    session.given.add(Order(event=7))
    assert send(inbox).durable is False
    assert (session.orders(), statuses(session.path)) == ([], [])
    session.given.commit()
    assert (session.orders(), statuses(session.path)) == ([7], ["received"])


def test_a_session_that_has_only_read_leaves_the_receipt_durable(session: ASession) -> None:
    """No transaction of SQLite's is open then, so that nobody has to remember a commit."""
    inbox = knocker.attach(session.given)
    shop(inbox)
    inbox.add_handler("shop", lambda event, tx: None)
    assert session.given.get(Order, 1) is None
    assert send(inbox).durable is True
    session.given.rollback()
    assert statuses(session.path) == ["received"]
    session.given.get(Order, 1)
    assert [done.status for done in inbox.run_worker_once()] == ["handled"], (
        "a read does not keep a worker from running"
    )


def test_calls_leave_a_session_as_it_was(session: ASession) -> None:
    session.given.expire_on_commit = False
    inbox = knocker.attach(session.given)
    shop(inbox)
    order = Order(event=7)
    session.given.add(order)
    session.given.commit()
    send(inbox)
    assert not session.given.in_transaction()
    assert "event" in order.__dict__, "nothing was expired"
    assert session.engine.pool.checkedout() == 0  # type: ignore[attr-defined]


def test_a_session_without_autoflush_is_not_flushed(session: ASession) -> None:
    session.given.autoflush = False
    inbox = knocker.attach(session.given)
    shop(inbox)
    session.given.add(Order(event=7))
    assert send(inbox).durable is True
    session.given.rollback()
    assert (session.orders(), statuses(session.path)) == ([], ["received"])


def test_a_session_that_failed_to_flush_is_unusable_until_it_is_rolled_back(session: ASession) -> None:
    inbox = knocker.attach(session.given)
    shop(inbox)
    session.given.execute(text("INSERT INTO orders (event) VALUES (1)"))
    session.given.add(Order(event=1))
    with pytest.raises(IntegrityError):
        send(inbox)
    with pytest.raises(PendingRollbackError):
        send(inbox)
    session.given.rollback()
    assert send(inbox).status_code == 204
    assert (session.orders(), statuses(session.path)) == ([], ["received"])


def test_a_handler_that_swallows_a_failed_flush_has_failed(session: ASession) -> None:
    inbox = knocker.attach(session.given)
    shop(inbox)

    def handler(event: knocker.Event, tx: Session) -> None:
        tx.execute(text("INSERT INTO orders (event) VALUES (1)"))
        tx.add(Order(event=1))
        with contextlib.suppress(IntegrityError):
            tx.flush()

    inbox.add_handler("shop", handler)
    event = send(inbox).event_id or 0
    assert [done.status for done in inbox.run_worker_once()] == ["failed"]
    assert "PendingRollbackError" in (inbox.get_event(event).last_error or "")
    assert session.orders() == []


def test_a_handlers_own_savepoints_are_its_own(session: ASession) -> None:
    inbox = knocker.attach(session.given)
    shop(inbox)

    def handler(event: knocker.Event, tx: Session) -> None:
        tx.add(Order(event=1))
        nested = tx.begin_nested()
        tx.add(Order(event=2))
        tx.flush()
        nested.rollback()
        with tx.begin_nested():
            tx.add(Order(event=3))

    inbox.add_handler("shop", handler)
    send(inbox)
    assert [done.status for done in inbox.run_worker_once()] == ["handled"]
    assert session.orders() == [1, 3]


def test_a_sessions_engine_that_begins_takes_receipts_along(tmp_path: Path) -> None:
    """Where the engine begins a transaction for SQLite with each of SQLAlchemy's, a read has begun one."""
    host = ASessionThatBegins(tmp_path / "app.db")
    inbox = knocker.attach(host.given)
    shop(inbox)
    assert send(inbox).durable is True
    host.given.get(Order, 1)
    assert send(inbox, 2).durable is False
    host.given.rollback()
    assert statuses(host.path) == ["received"]
    host.close()


def test_a_transaction_that_read_an_older_state_is_told(tmp_path: Path) -> None:
    host = Sqlite(tmp_path / "app.db")
    inbox = knocker.attach(host.given)
    shop(inbox)
    other = connect(host.path)
    host.given.execute("BEGIN")
    host.given.execute("SELECT count(*) FROM orders").fetchall()
    other.execute("INSERT INTO orders (event) VALUES (5)")
    with pytest.raises(knocker.BusySnapshotError):
        send(inbox)
    host.given.rollback()
    assert send(inbox).durable is True
    other.close()
    host.close()


def test_a_lock_of_another_process_is_waited_for_and_then_busy(tmp_path: Path) -> None:
    host = Sqlite(tmp_path / "app.db")
    inbox = knocker.attach(host.given)
    shop(inbox)
    inbox.add_handler("shop", lambda event, tx: None)
    send(inbox)
    host.given.execute("PRAGMA busy_timeout = 50")
    other = connect(host.path)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(knocker.BusyError):
        send(inbox, 2)
    assert inbox.run_worker_once() == []
    other.execute("ROLLBACK")
    assert [done.status for done in inbox.run_worker_once()] == ["handled"]
    other.close()
    host.close()


def test_durable_tells_what_the_connections_pragma_does(tmp_path: Path) -> None:
    host = Sqlite(tmp_path / "app.db")
    inbox = knocker.attach(host.given)
    shop(inbox)
    found: List[Any] = []
    for level in ("OFF", "NORMAL", "FULL", "EXTRA"):
        host.given.execute(f"PRAGMA synchronous = {level}")
        found.append(send(inbox, level).durable)
    assert found == [False, False, True, True]
    host.close()


def test_with_connection_in_a_handler_commits_and_is_told(tmp_path: Path) -> None:
    """``with connection:`` of sqlite3 commits at its end."""
    host = Sqlite(tmp_path / "app.db")
    inbox = knocker.attach(host.given)
    shop(inbox)

    def handler(event: knocker.Event, tx: sqlite3.Connection) -> None:
        with tx:
            host.write(tx, event.id)

    inbox.add_handler("shop", handler)
    event = send(inbox).event_id or 0
    assert [done.status for done in inbox.run_worker_once()] == ["failed"]
    assert (inbox.get_event(event).last_error or "").startswith("transaction_ended")
    host.close()


def test_a_handler_that_closes_its_connection_ends_the_worker(tmp_path: Path) -> None:
    host = Sqlite(tmp_path / "app.db")
    inbox = knocker.attach(host.given)
    shop(inbox)
    inbox.add_handler("shop", lambda event, tx: tx.close())
    send(inbox)
    with pytest.raises(sqlite3.ProgrammingError):
        inbox.run_worker_once()
    again = knocker.attach(connect(host.path))
    assert again.stats().events == {"received": 1}


def test_an_engines_connection_that_a_handler_closes_is_its_failure_alone(tmp_path: Path) -> None:
    engine = engine_of(tmp_path / "app.db")
    inbox = knocker.attach(engine)
    shop(inbox)
    inbox.add_handler("shop", lambda event, tx: tx.close())
    event = send(inbox).event_id or 0
    assert [done.status for done in inbox.run_worker_once()] == ["failed"]
    assert inbox.get_event(event).last_error
    assert send(inbox, 2).durable is True
    engine.dispose()


def test_django_rolls_back_what_a_handler_has_broken(tmp_path: Path) -> None:
    """An error of the database that a handler swallows marks Django's block: it would roll back silently."""
    host = Django(tmp_path / "app.db")
    from django.db import IntegrityError as Broken
    from django.db import transaction

    inbox = knocker.attach(host.given)
    shop(inbox)
    ran: List[str] = []

    def handler(event: knocker.Event, tx: Any) -> None:
        transaction.on_commit(lambda: ran.append(event.event_type or ""))
        host.write(tx, event.id)
        with transaction.atomic():
            host.write(tx, 100 + event.id)
        if event.event_type == "breaks":
            try:
                with transaction.atomic(savepoint=False):
                    host.write(tx, event.id)
            except Broken:
                pass

    inbox.add_handler("shop", handler)
    send(inbox, 1, "breaks")
    send(inbox, 2, "works")
    assert [done.status for done in inbox.run_worker_once()] == ["failed", "handled"]
    assert "TransactionManagementError" in (inbox.get_event(1).last_error or "")
    assert (host.orders(), ran) == ([2, 102], ["works"])
    host.close()
