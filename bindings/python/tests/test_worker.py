"""Workers on threads: starting, stopping, and what they survive."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, List

import pytest

import knocker
from conftest import HEADERS, add_endpoint, body, environment, query, start, until


class Running:
    """A worker in a thread, stopped at the end."""

    def __init__(self, webhooks: knocker.Knocker, **options: Any) -> None:
        self.webhooks = webhooks
        self.report: Any = None
        self.error: Any = None
        self.thread = threading.Thread(target=self._run, kwargs=options)

    def _run(self, **options: Any) -> None:
        try:
            self.report = self.webhooks.run_worker(**options)
        except BaseException as error:
            self.error = error

    def __enter__(self) -> Running:
        self.thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.webhooks.stop()
        self.thread.join(60)
        assert not self.thread.is_alive()


def test_many_slots_handle_each_event_once(webhooks: knocker.Knocker, endpoint: knocker.Endpoint) -> None:
    endpoint.add_handler(lambda event, tx: tx.execute("INSERT INTO app VALUES (?)", (event.id,)))
    query(webhooks, "SELECT 1")
    endpoint.add_handler("setup", lambda event, tx: tx.execute("CREATE TABLE app (id INTEGER PRIMARY KEY)"))
    endpoint.receive(body("setup", "setup"), HEADERS)
    webhooks.run_worker_once()
    with Running(webhooks, concurrency=8):
        for number in range(200):
            endpoint.receive(body(number), HEADERS)
        until(lambda: webhooks.stats().events.get("handled", 0) >= 202)
    assert query(webhooks, "SELECT count(*) FROM app") == [(200,)]


def test_stop_lets_a_handler_finish(webhooks: knocker.Knocker, endpoint: knocker.Endpoint) -> None:
    began = threading.Event()

    def handler(event: knocker.Event, tx: knocker.Tx) -> None:
        began.set()
        time.sleep(0.5)

    endpoint.add_handler(handler)
    event_id = endpoint.receive(body(1), HEADERS).event_id or 0
    with Running(webhooks) as running:
        assert began.wait(60)
    assert running.report == knocker.StopReport()
    assert webhooks.get_event(event_id).status == "handled"


def test_stop_cuts_a_handler_off_at_the_deadline(webhooks: knocker.Knocker, endpoint: knocker.Endpoint) -> None:
    began, free = threading.Event(), threading.Event()

    def handler(event: knocker.Event, tx: knocker.Tx) -> None:
        began.set()
        free.wait(30)

    endpoint.add_handler(handler)
    event_id = endpoint.receive(body(1), HEADERS).event_id or 0
    with Running(webhooks, stop_timeout_s=0.2) as running:
        assert began.wait(60)
    free.set()
    assert running.report == knocker.StopReport(rolled_back=(event_id,))
    assert webhooks.get_event(event_id).status != "handled"


def test_stop_before_the_start_is_not_lost(webhooks: knocker.Knocker, endpoint: knocker.Endpoint) -> None:
    """SIGTERM may come while a process still starts."""
    ran: List[int] = []
    endpoint.add_handler(lambda event, tx: ran.append(event.id))
    webhooks.stop()
    endpoint.receive(body(1), HEADERS)
    assert webhooks.run_worker() == knocker.StopReport()
    assert ran == []
    assert len(webhooks.run_worker_once()) == 1


def test_a_stop_event_stops(webhooks: knocker.Knocker, endpoint: knocker.Endpoint) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=webhooks.run_worker, kwargs={"stop_event": stop})
    thread.start()
    stop.set()
    thread.join(60)
    assert not thread.is_alive()


def test_closing_the_inbox_ends_its_worker(path: Path) -> None:
    webhooks = knocker.open(path)
    running = Running(webhooks, concurrency=3)
    running.thread.start()
    time.sleep(0.3)
    webhooks.close()
    running.thread.join(60)
    assert not running.thread.is_alive()
    assert running.error is None or isinstance(running.error, knocker.ClosedError)


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()])
def test_exit_in_a_handler_ends_the_worker_and_gives_the_event_back(
    webhooks: knocker.Knocker, endpoint: knocker.Endpoint, error: BaseException
) -> None:
    def handler(event: knocker.Event, tx: knocker.Tx) -> None:
        raise error

    endpoint.add_handler(handler)
    event_id = endpoint.receive(body(1), HEADERS).event_id or 0
    with pytest.raises(type(error)):
        webhooks.run_worker()
    assert webhooks.list_attempts(event_id) == ()
    assert webhooks.get_event(event_id).status in ("received", "processing")
    endpoint.add_handler(lambda event, tx: None)
    until(webhooks.run_worker_once)
    assert webhooks.get_event(event_id).status == "handled"


def test_only_the_endpoints_asked_for(webhooks: knocker.Knocker) -> None:
    for name in ("a", "b"):
        endpoint = add_endpoint(webhooks, name)
        endpoint.add_handler(lambda event, tx: None)
        endpoint.receive(body(1), HEADERS)
    webhooks.run_worker_once(endpoints=("b",))
    assert {event.endpoint: event.status for event in webhooks.list_events()} == {"a": "received", "b": "handled"}
    with pytest.raises(knocker.UnknownEndpointError):
        webhooks.run_worker(endpoints=["nowhere"])


def test_two_workers_with_one_id(webhooks: knocker.Knocker, endpoint: knocker.Endpoint) -> None:
    """A name that was configured twice must not make two workers take each other's claims."""
    ran: List[int] = []
    endpoint.add_handler(lambda event, tx: ran.append(event.id))
    with Running(webhooks, worker_id="same", concurrency=2), Running(webhooks, worker_id="same", concurrency=2):
        for number in range(100):
            endpoint.receive(body(number), HEADERS)
        until(lambda: webhooks.stats().events.get("handled") == 100)
    assert sorted(ran) == sorted(set(ran))


def test_a_lease_that_runs_out_while_the_handler_runs(path: Path) -> None:
    """The job runs again elsewhere, the late finish is refused, the worker lives."""
    with knocker.open(path) as webhooks:
        endpoint = add_endpoint(webhooks)
        attempts: List[int] = []
        started, free = threading.Event(), threading.Event()

        def handler(event: knocker.Event, tx: knocker.Tx) -> None:
            attempts.append(event.attempt_count)
            if len(attempts) == 1:
                started.set()
                free.wait(30)

        endpoint.add_handler(handler)
        event_id = endpoint.receive(body(1), HEADERS).event_id or 0
        finished: List[knocker.Finished] = []
        first = threading.Thread(target=lambda: finished.extend(webhooks.run_worker_once(lease_s=60)))
        first.start()
        assert started.wait(60)
        # What a paused machine looks like to the others: the lease is over.
        expire = "UPDATE _honker_live SET claim_expires_at = 1"

        def expire_and_work() -> List[knocker.Finished]:
            # Again each time: a renewal may come in between.
            subprocess.run(["sqlite3", "-cmd", ".timeout 60000", str(path), expire], check=True)
            return webhooks.run_worker_once()

        second = until(expire_and_work)
        free.set()
        first.join(60)
        assert [one.status for one in second] == ["handled"]
        assert [one.status for one in finished] == ["lost"]
        assert attempts[:2] == [1, 2]
        assert webhooks.get_event(event_id).status == "handled"


HOLD = """
import sys, time, knocker
webhooks = knocker.open(sys.argv[1])
endpoint = webhooks.endpoint("shop", provider="token-header", secrets="s3cr3t-token")
def handler(event, tx):
    tx.execute("CREATE TABLE app (id)")
    print("claimed", flush=True)
    time.sleep(60)
endpoint.add_handler(handler)
webhooks.run_worker(lease_s=1)
"""


def test_a_worker_that_dies_leaves_its_job_to_another_one(
    webhooks: knocker.Knocker, endpoint: knocker.Endpoint, path: Path
) -> None:
    event_id = endpoint.receive(body(1), HEADERS).event_id or 0
    with start("-c", HOLD, str(path)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "claimed\n"
        process.kill()
    endpoint.add_handler(lambda event, tx: tx.execute("CREATE TABLE app (id)"))
    finished = until(webhooks.run_worker_once)
    assert finished == [knocker.Finished(event_id, "handled")]
    assert webhooks.get_event(event_id).attempt_count == 2


class Killed(BaseException):
    """Ends a thread, as an asynchronous exception does."""


def test_a_thread_killed_between_claim_and_outcome(webhooks: knocker.Knocker, endpoint: knocker.Endpoint) -> None:
    """The step is given up with its worker, and the event runs again."""
    from knocker._worker import Worker

    endpoint.add_handler(lambda event, tx: None)
    event_id = endpoint.receive(body(1), HEADERS).event_id or 0

    def claim_and_die() -> None:
        worker = Worker(webhooks._library, webhooks._handle, webhooks._registry, {})
        try:
            assert worker._step({"wait_ms": 1000})["step"] is not None
            raise Killed
        except Killed:
            webhooks._library.release(worker._handle)

    thread = threading.Thread(target=claim_and_die)
    thread.start()
    thread.join(60)
    until(webhooks.run_worker_once)
    assert webhooks.get_event(event_id).status == "handled"


INTERRUPTED = """
import sys, threading, time, knocker, knocker._worker
knocker._worker._SLOT_WAIT_MS = 600_000  # whoever is not woken stays for longer than the test
webhooks = knocker.open(sys.argv[1])
endpoint = webhooks.endpoint("shop", provider="token-header", secrets="s3cr3t-token")
endpoint.add_handler(lambda event, tx: None)
try:
    print("ready", flush=True)
    webhooks.run_worker(concurrency=3, stop_timeout_s=600)
except KeyboardInterrupt:
    print("interrupted", flush=True)
webhooks.close()
"""


def test_ctrl_c_stops_a_waiting_worker(path: Path) -> None:
    with start("-c", INTERRUPTED, str(path)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "interrupted\n"
        assert process.wait(60) == 0


STUBBORN = """
def handler(event, tx):
    print("busy", flush=True)
    while not any(thread.name == "knocker-stop" for thread in threading.enumerate()):
        time.sleep(0.01)
    print("stopping", flush=True)
    time.sleep(600)
endpoint.add_handler(handler)
"""


def test_a_second_ctrl_c_does_not_wait(path: Path) -> None:
    script = INTERRUPTED.replace("endpoint.add_handler(lambda event, tx: None)", STUBBORN)
    with knocker.open(path) as webhooks:
        add_endpoint(webhooks).receive(body(1), HEADERS)
    with start("-c", script, str(path)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        assert process.stdout.readline() == "busy\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "stopping\n", "the first one waits for the handler"
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "interrupted\n"
        assert process.wait(60) == 0


def test_async_handlers_share_one_loop_of_the_worker(webhooks: knocker.Knocker, endpoint: knocker.Endpoint) -> None:
    """``async def`` handlers work under run_worker too, two at once, on one loop."""
    loops: List[Any] = []
    meeting: List[asyncio.Event] = []

    @endpoint.handle()
    async def handler(event: knocker.Event, tx: knocker.AsyncTx) -> None:
        loops.append(asyncio.get_running_loop())
        if not meeting:
            meeting.append(asyncio.Event())
        if len(loops) == 2:
            meeting[0].set()
        await asyncio.wait_for(meeting[0].wait(), 10)
        await tx.execute("CREATE TABLE IF NOT EXISTS app (id)")

    for number in range(2):
        endpoint.receive(body(number), HEADERS)
    with Running(webhooks, concurrency=2):
        until(lambda: webhooks.stats().events.get("handled") == 2)
    assert loops[0] is loops[1]


def test_a_worker_in_the_main_thread_leaves_signals_alone(path: Path) -> None:
    script = "import signal, sys, knocker; before = [signal.getsignal(n) for n in (2, 10, 15)]\n"
    script += "w = knocker.open(sys.argv[1]); w.stop(); w.run_worker(); w.close()\n"
    script += "print(before == [signal.getsignal(n) for n in (2, 10, 15)])"
    result = subprocess.run(
        [sys.executable, "-c", script, str(path)], env=environment(), stdout=subprocess.PIPE, check=True
    )
    assert result.stdout == b"True\n"
