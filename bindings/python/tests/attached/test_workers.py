"""Workers over the application's connections: threads, event loops, stopping."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Iterator, List, Set

import pytest
from hosting import (
    KINDS,
    AnEngine,
    Base,
    Host,
    Order,
    Sqlite,
    connect,
    engine_of,
    environment,
    rows,
    send,
    shop,
    statuses,
)
from sqlalchemy import StaticPool, create_engine, insert, select
from sqlalchemy.orm import Session, sessionmaker

import knocker
from conftest import until

MANY = ["Engine", "sessionmaker", "Django"]
ONE = ["sqlite3", "Connection", "Session", "scoped_session"]


def made(name: str, path: Path) -> Host:
    return KINDS[name](path / "app.db")


@pytest.fixture(params=MANY)
def many(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Host]:
    host = made(request.param, tmp_path)
    yield host
    host.close()


@pytest.fixture(params=ONE)
def one(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Host]:
    host = made(request.param, tmp_path)
    yield host
    host.close()


@pytest.fixture(params=["Engine", "sessionmaker", *ONE])
def any_host(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Host]:
    host = made(request.param, tmp_path)
    yield host
    host.close()


def test_threads_have_connections_of_their_own(many: Host) -> None:
    inbox = knocker.attach(many.given)
    shop(inbox)
    threads: Set[int] = set()
    barrier = threading.Barrier(2, timeout=30)

    def handler(event: knocker.Event, tx: Any) -> None:
        threads.add(threading.get_ident())
        many.write(tx, event.id)
        if event.id == 30:
            inbox.stop()

    def receiver(number: int) -> None:
        barrier.wait()
        for one in range(15):
            send(inbox, f"{number}-{one}")
        if many.given.__class__.__name__ == "ConnectionProxy":
            many.given.close()

    inbox.add_handler("shop", handler)
    receivers = [threading.Thread(target=receiver, args=(number,)) for number in range(2)]
    for thread in receivers:
        thread.start()
    inbox.run_worker(concurrency=3)
    for thread in receivers:
        thread.join(30)
    inbox.run_worker_once()
    assert many.orders() == list(range(1, 31))
    assert statuses(many.path) == ["handled"] * 30
    assert threading.get_ident() not in threads or len(threads) > 1


def test_one_connection_runs_one_handler_at_a_time_on_the_callers_thread(one: Host) -> None:
    inbox = knocker.attach(one.given)
    shop(inbox)
    threads: List[int] = []
    inbox.add_handler("shop", lambda event, tx: threads.append(threading.get_ident()))
    send(inbox)
    with pytest.raises(knocker.InvalidArgumentError, match="concurrency"):
        inbox.run_worker(concurrency=2)
    stop = threading.Event()
    timer = threading.Timer(0.5, stop.set)
    timer.start()
    inbox.run_worker(stop_event=stop)
    assert threads == [threading.get_ident()]


def test_each_thread_attaches_its_own_connection(tmp_path: Path) -> None:
    """Handlers belong to the file: a worker on any connection of it finds them."""
    host = Sqlite(tmp_path / "app.db")
    shop(knocker.attach(host.given))
    knocker.attach(host.given).add_handler("shop", lambda event, tx: host.write(tx, event.id))
    stop = threading.Event()
    errors: List[BaseException] = []

    def work() -> None:
        try:
            db = connect(host.path)
            knocker.attach(db).run_worker(stop_event=stop)
            db.close()
        except BaseException as error:  # raised below
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(20):
        send(knocker.attach(host.given), number)
    until(lambda: statuses(host.path) == ["handled"] * 20, 60)
    stop.set()
    for thread in threads:
        thread.join(30)
    assert errors == []
    assert host.orders() == list(range(1, 21))
    host.close()


def test_a_call_of_another_thread_waits_for_the_handler_on_its_connection(tmp_path: Path) -> None:
    """Else its receipt would be in the handler's transaction, and lost if that fails."""
    db = connect(tmp_path / "app.db", check_same_thread=False)
    inbox = knocker.attach(db)
    shop(inbox)
    began, durable = threading.Event(), []

    def route() -> None:
        began.wait(30)
        durable.append(send(inbox, 2).durable)

    def handler(event: knocker.Event, tx: Any) -> None:
        if event.id == 1:
            began.set()
            time.sleep(0.3)
            assert durable == []
            raise ValueError("no")

    inbox.add_handler("shop", handler)
    send(inbox)
    thread = threading.Thread(target=route)
    thread.start()
    inbox.run_worker_once()
    thread.join(30)
    assert durable == [True]
    assert statuses(tmp_path / "app.db")[0] == "failed"
    db.close()


@pytest.mark.parametrize("asynchronous", [False, True], ids=["run_worker", "arun_worker"])
def test_async_handlers(any_host: Host, asynchronous: bool) -> None:
    inbox = knocker.attach(any_host.given)
    shop(inbox, max_attempts=1)
    received: List[bool] = []

    async def handler(event: knocker.Event, tx: Any) -> None:
        await asyncio.sleep(0.01)
        any_host.write(tx, event.id)
        if event.id == 1:
            received.append(
                (await inbox.areceive("shop", b'{"id":"9","type":"x"}', {"x-knocker-token": "s3cr3t-token"})).durable
            )
        if event.event_type == "fails":
            raise ValueError("no")

    inbox.add_handler("shop", handler)
    send(inbox, 1)
    send(inbox, 2, "fails")
    done = asyncio.run(inbox.arun_worker_once()) if asynchronous else inbox.run_worker_once()
    assert [one.status for one in done] == ["handled", "dead", "handled"]
    assert (any_host.orders(), received) == ([1, 3], [False])


def test_a_worker_beside_an_event_loop(any_host: Host) -> None:
    """Handlers of both kinds; routes of the same loop receive meanwhile where they have a connection of their own."""
    inbox = knocker.attach(any_host.given)
    shop(inbox)
    seen: List[str] = []

    async def later(event: knocker.Event, tx: Any) -> None:
        await asyncio.sleep(0.005)
        any_host.write(tx, event.id)
        seen.append("async")

    def now(event: knocker.Event, tx: Any) -> None:
        any_host.write(tx, event.id)
        seen.append("plain")

    inbox.add_handler("shop", "later", later)
    inbox.add_handler("shop", "now", now)

    async def main() -> knocker.StopReport:
        worker = asyncio.ensure_future(inbox.arun_worker())
        for number in range(6):
            while True:
                try:
                    body = f'{{"id":"{number}","type":"{("later", "now")[number % 2]}"}}'.encode()
                    assert (await inbox.areceive("shop", body, {"x-knocker-token": "s3cr3t-token"})).durable
                    break
                except knocker.WouldDeadlockError:
                    assert not any_host.many
                    await asyncio.sleep(0.01)
        while len(seen) < 6:
            await asyncio.sleep(0.01)
        inbox.stop()
        return await worker

    assert asyncio.run(asyncio.wait_for(main(), 60)).rolled_back == ()
    assert sorted(seen) == ["async"] * 3 + ["plain"] * 3
    assert any_host.orders() == [1, 2, 3, 4, 5, 6]


def test_a_route_on_the_loop_of_an_open_transaction_would_wait_for_itself(any_host: Host) -> None:
    inbox = knocker.attach(any_host.given)
    shop(inbox)
    errors: List[str] = []

    async def main() -> None:
        inside, go_on = asyncio.Event(), asyncio.Event()

        async def handler(event: knocker.Event, tx: Any) -> None:
            any_host.write(tx, event.id)
            inside.set()
            await go_on.wait()

        async def route() -> None:
            await inside.wait()
            try:
                send(inbox, 2)
            except knocker.WouldDeadlockError as error:
                errors.append(error.code)
            go_on.set()

        inbox.add_handler("shop", handler)
        await inbox.areceive("shop", b'{"id":"1","type":"order"}', {"x-knocker-token": "s3cr3t-token"})
        task = asyncio.ensure_future(route())
        await inbox.arun_worker_once()
        await task

    asyncio.run(asyncio.wait_for(main(), 30))
    assert errors == ["would_deadlock"]
    assert (any_host.orders(), statuses(any_host.path)) == ([1], ["handled"])


def test_cancelling_lets_the_running_handler_end(any_host: Host) -> None:
    inbox = knocker.attach(any_host.given)
    shop(inbox)

    async def main() -> None:
        inside = asyncio.Event()

        async def handler(event: knocker.Event, tx: Any) -> None:
            inside.set()
            await asyncio.sleep(0.1)
            any_host.write(tx, event.id)

        inbox.add_handler("shop", handler)
        await inbox.areceive("shop", b'{"id":"1","type":"order"}', {"x-knocker-token": "s3cr3t-token"})
        worker = asyncio.ensure_future(inbox.arun_worker())
        await inside.wait()
        worker.cancel()
        with pytest.raises(asyncio.CancelledError):
            await worker

    asyncio.run(asyncio.wait_for(main(), 60))
    assert (any_host.orders(), statuses(any_host.path)) == ([1], ["handled"])


def test_a_coroutine_that_outlives_the_deadline_is_given_back(any_host: Host) -> None:
    inbox = knocker.attach(any_host.given)
    shop(inbox)

    async def main() -> None:
        inside = asyncio.Event()

        async def handler(event: knocker.Event, tx: Any) -> None:
            any_host.write(tx, event.id)
            inside.set()
            await asyncio.sleep(60)

        inbox.add_handler("shop", handler)
        await inbox.areceive("shop", b'{"id":"1","type":"order"}', {"x-knocker-token": "s3cr3t-token"})
        worker = asyncio.ensure_future(inbox.arun_worker(stop_timeout_s=0.2))
        await inside.wait()
        worker.cancel()
        with pytest.raises(asyncio.CancelledError):
            await worker

    asyncio.run(asyncio.wait_for(main(), 60))
    assert (any_host.orders(), statuses(any_host.path)) == ([], ["received"])
    assert rows(any_host.path, "SELECT count(*) FROM knocker_attempts") == [(0,)]


def test_a_plain_worker_with_coroutines_needs_a_thread_without_a_loop(tmp_path: Path) -> None:
    host = Sqlite(tmp_path / "app.db")
    inbox = knocker.attach(host.given)
    shop(inbox)

    async def handler(event: knocker.Event, tx: Any) -> None:
        host.write(tx, event.id)

    inbox.add_handler("shop", handler)
    send(inbox)

    async def main() -> None:
        with pytest.raises(knocker.InvalidStateError, match="arun_worker"):
            inbox.run_worker_once()

    asyncio.run(main())
    assert [done.status for done in inbox.run_worker_once()] == ["handled"]
    host.close()


def test_a_handler_that_ignores_the_deadline_can_not_commit_any_more(tmp_path: Path) -> None:
    """The thread is left behind; its transaction finds that the claim is gone, or that another worker waits for it."""
    engine = engine_of(tmp_path / "app.db", connect_args={"timeout": 0.3})
    host = AnEngine(tmp_path / "app.db")
    inbox = knocker.attach(engine)
    shop(inbox)
    inside, release = threading.Event(), threading.Event()

    def handler(event: knocker.Event, tx: Any) -> None:
        host.write(tx, event.id)
        inside.set()
        release.wait(60)

    inbox.add_handler("shop", handler)
    send(inbox)

    def stopper() -> None:
        inside.wait(30)
        inbox.stop()

    thread = threading.Thread(target=stopper)
    thread.start()
    report = inbox.run_worker(stop_timeout_s=0.2)
    thread.join(30)
    assert report.rolled_back == (1,)
    release.set()
    until(lambda: not [one for one in threading.enumerate() if one.name.startswith("knocker-worker")], 30)
    assert (host.orders(), statuses(host.path)) == ([], ["received"])
    engine.dispose()
    host.close()


def test_ctrl_c_rolls_back_and_gives_the_event_back(tmp_path: Path) -> None:
    program = """
import sys, time
from pathlib import Path
import knocker
from hosting import KINDS, send, shop
host = KINDS["Session"](Path(sys.argv[1]))
inbox = knocker.attach(host.given)
shop(inbox)
def handler(event, tx):
    host.write(tx, event.id)
    tx.flush()
    print("inside", flush=True)
    time.sleep(60)
inbox.add_handler("shop", handler)
send(inbox)
try:
    inbox.run_worker()
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""
    path = tmp_path / "app.db"
    child = subprocess.Popen(
        [sys.executable, "-c", program, str(path)], env=environment(), stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "inside\n"
    child.send_signal(signal.SIGINT)
    assert child.communicate(timeout=30)[0] == "interrupted\n"
    assert (child.returncode, statuses(path), rows(path, "SELECT count(*) FROM orders")) == (0, ["received"], [(0,)])
    assert rows(path, "SELECT state, attempts FROM _honker_live") == [("pending", 0)]


def test_a_closed_inbox_leaves_the_connection_open(tmp_path: Path) -> None:
    host = Sqlite(tmp_path / "app.db")
    with knocker.attach(host.given) as inbox:
        shop(inbox)
    assert inbox.closed
    for call in (lambda: send(inbox), inbox.stats, inbox.run_worker_once):
        with pytest.raises(knocker.ClosedError):
            call()
    assert host.given.execute("SELECT 1").fetchone() == (1,)
    host.close()


def test_a_session_of_the_workers_own_forgets_its_objects(tmp_path: Path) -> None:
    """A worker that runs for weeks must not keep every row that it has seen, nor hold a connection while it waits."""
    host = KINDS["sessionmaker"](tmp_path / "app.db")
    inbox = knocker.attach(host.given)
    shop(inbox)
    sizes: List[int] = []
    kept: List[Order] = []

    def handler(event: knocker.Event, tx: Session) -> None:
        sizes.append(len(tx.identity_map))
        kept.append(Order(event=event.id))
        tx.add(kept[-1])

    inbox.add_handler("shop", handler)
    for number in range(3):
        send(inbox, number)
    while inbox.run_worker_once():
        pass
    assert sizes == [0, 0, 0]
    assert host.engine.pool.checkedout() == 0  # type: ignore[attr-defined]
    host.close()


@pytest.mark.parametrize("pool", [StaticPool, None], ids=["StaticPool", "SingletonThreadPool"])
@pytest.mark.parametrize("kind", ["Engine", "sessionmaker"])
def test_an_engine_in_memory_is_one_connection(pool: Any, kind: str) -> None:
    """As applications' own tests have it: worker threads would look into other databases, or write into one transaction."""
    more = {} if pool is None else {"poolclass": pool, "connect_args": {"check_same_thread": False}}
    engine = create_engine("sqlite://", **more)
    Base.metadata.create_all(engine)
    inbox = knocker.attach(engine if kind == "Engine" else sessionmaker(engine))
    shop(inbox)

    def handler(event: knocker.Event, tx: Any) -> None:
        tx.execute(insert(Order).values(event=event.id))
        assert send(inbox, 2).durable is False
        if event.id == 2:
            inbox.stop()

    inbox.add_handler("shop", handler)
    send(inbox)
    with pytest.raises(knocker.InvalidArgumentError, match="concurrency"):
        inbox.run_worker(concurrency=2)
    inbox.run_worker()
    with Session(engine) as session:
        assert session.scalars(select(Order.event)).all() == [1, 2]
    assert inbox.stats().events == {"handled": 2}
    engine.dispose()
