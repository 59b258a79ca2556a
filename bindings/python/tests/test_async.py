"""asyncio: nothing blocks the loop, and no loop waits for itself."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path
from typing import Any, Callable, List

import pytest

import knocker
from conftest import HEADERS, PATIENT, add_endpoint, body, query, until


async def beats(condition: Callable[[], Any], count: int = 20) -> None:
    """Come round the loop some times after the condition holds; a loop that is blocked does not get there."""
    while not condition():
        await asyncio.sleep(0.005)
    for _ in range(count):
        await asyncio.sleep(0.005)


async def worked(webhooks: knocker.Knocker, condition: Callable[[], Any], **options: Any) -> None:
    """Run a worker beside the loop until the condition holds."""
    worker = asyncio.create_task(webhooks.arun_worker(**options))
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        assert not worker.done(), worker
        await asyncio.sleep(0.02)
    webhooks.stop()
    await worker


def test_areceive_stores(webhooks: knocker.Knocker, endpoint: knocker.Endpoint) -> None:
    async def main() -> List[knocker.Result]:
        return await asyncio.gather(*(endpoint.areceive(body(number % 50), HEADERS) for number in range(200)))

    results = asyncio.run(main())
    assert {result.status_code for result in results} == {204}
    assert len({result.delivery_id for result in results}) == 200
    assert len({result.event_id for result in results}) == 50


def test_areceive_raises_what_receive_raises(webhooks: knocker.Knocker, endpoint: knocker.Endpoint) -> None:
    async def main() -> None:
        with pytest.raises(knocker.UnknownEndpointError):
            await webhooks.areceive("nowhere", b"")
        with pytest.raises(knocker.BodyConsumedError):
            await endpoint.areceive({"parsed": True}, HEADERS)  # type: ignore[arg-type]
        with pytest.raises(knocker.InvalidArgumentError, match="headers"):
            await endpoint.areceive(b"", haeders={})  # type: ignore[arg-type]

    asyncio.run(main())


def test_several_loops_in_several_threads(webhooks: knocker.Knocker, endpoint: knocker.Endpoint) -> None:
    """Whichever loop takes the completions, each caller gets its own."""

    def loop(number: int) -> None:
        async def main() -> None:
            for index in range(25):
                names = [f"{number}-{index}-{item}" for item in range(4)]
                results = await asyncio.gather(*(endpoint.areceive(body(name), HEADERS) for name in names))
                events.update(zip(names, (result.event_id or 0 for result in results)))

        asyncio.run(main())

    events: dict[str, int] = {}
    threads = [threading.Thread(target=loop, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert len(events) == 800
    for name, event_id in list(events.items())[::50]:
        assert webhooks.get_event(event_id).provider_event_id == name
    assert not webhooks._completions._waiting
    assert not webhooks._completions._early
    assert not webhooks._completions._watches


def test_a_cancelled_areceive_leaves_the_inbox_usable(webhooks: knocker.Knocker, endpoint: knocker.Endpoint) -> None:
    """A client that hangs up while the writer is busy."""
    holding, free = threading.Event(), threading.Event()

    def handler(event: knocker.Event, tx: knocker.Tx) -> None:
        tx.execute("CREATE TABLE app (id)")
        holding.set()
        free.wait(30)

    endpoint.add_handler("hold", handler)
    endpoint.receive(body("hold", "hold"), HEADERS)
    worker = threading.Thread(target=webhooks.run_worker_once)
    worker.start()
    assert holding.wait(60)

    async def main() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(endpoint.areceive(body("given up"), HEADERS), 0.1)
        free.set()
        assert (await endpoint.areceive(body("after"), HEADERS)).status_code == 204

    asyncio.run(main())
    worker.join(60)
    names = {event.provider_event_id for event in webhooks.list_events()}
    assert names == {"hold", "after"}


def test_cancelled_callers_never_use_up_the_tickets(webhooks: knocker.Knocker, endpoint: knocker.Endpoint) -> None:
    """Those that were stored all the same leave outcomes that nobody waits for."""

    async def main() -> int:
        calls = [asyncio.ensure_future(endpoint.areceive(body(number), HEADERS)) for number in range(4500)]
        await asyncio.sleep(0)
        for call in calls:
            call.cancel()
        ended = await asyncio.gather(*calls, return_exceptions=True)
        assert {type(end) for end in ended} == {asyncio.CancelledError}
        assert (await endpoint.areceive(body("after"), HEADERS)).status_code == 204
        for _ in range(20):
            await endpoint.areceive(body("again"), HEADERS)
        return len(webhooks._completions._waiting)

    assert asyncio.run(main()) == 0


def test_nothing_blocks_the_loop(webhooks: knocker.Knocker, endpoint: knocker.Endpoint) -> None:
    """While another thread holds the writer, the loop goes on, and it is the loop that frees it."""
    holding, free = threading.Event(), threading.Event()
    freed: List[bool] = []

    def handler(event: knocker.Event, tx: knocker.Tx) -> None:
        tx.execute("CREATE TABLE app (id)")
        holding.set()
        freed.append(free.wait(30))

    endpoint.add_handler("hold", handler)
    endpoint.receive(body("hold", "hold"), HEADERS)
    worker = threading.Thread(target=webhooks.run_worker_once)
    worker.start()
    assert holding.wait(60)

    async def main() -> None:
        work = asyncio.gather(
            endpoint.areceive(body(1), HEADERS),
            webhooks.astats(),
            webhooks.alist_events(),
            webhooks.aendpoint("other", provider="token-header", secrets="t"),
        )
        await beats(lambda: True)
        assert not work.done(), "two of them wait for the writer"
        free.set()
        await work

    asyncio.run(main())
    worker.join(60)
    assert freed == [True], "the loop stood still until the handler gave up"


def test_async_handlers_run_on_the_loop_and_plain_ones_never(
    webhooks: knocker.Knocker, endpoint: knocker.Endpoint
) -> None:
    where: dict[str, Any] = {}
    running, free = threading.Event(), threading.Event()

    @endpoint.handle("coroutine")
    async def coroutine(event: knocker.Event, tx: knocker.AsyncTx) -> None:
        where["coroutine"] = threading.get_ident()
        await tx.begin()
        await tx.execute("CREATE TABLE app (id INTEGER)")
        await tx.execute("INSERT INTO app VALUES (?)", (event.id,))
        where["rows"] = await tx.query("SELECT id FROM app")

    @endpoint.handle("plain")
    def plain(event: knocker.Event, tx: knocker.Tx) -> None:
        where["plain"] = threading.get_ident()
        running.set()
        where["freed"] = free.wait(30)

    async def main() -> None:
        first = await endpoint.areceive(body(1, "coroutine"), HEADERS)
        await endpoint.areceive(body(2, "plain"), HEADERS)
        working = asyncio.ensure_future(worked(webhooks, lambda: webhooks.stats().events.get("handled") == 2))
        await beats(running.is_set)
        free.set()
        await working
        assert where["coroutine"] == threading.get_ident()
        assert where["plain"] != threading.get_ident()
        assert where["rows"] == [(first.event_id,)]
        assert where["freed"], "a plain handler stopped the loop"

    asyncio.run(main())


def test_a_loop_never_waits_for_its_own_handler(webhooks: knocker.Knocker, endpoint: knocker.Endpoint) -> None:
    """The synchronous call fails at once and names areceive; areceive waits and succeeds."""
    seen: dict[str, Any] = {}

    async def main() -> None:
        written, go_on = asyncio.Event(), asyncio.Event()

        @endpoint.handle("slow")
        async def handler(event: knocker.Event, tx: knocker.AsyncTx) -> None:
            await tx.execute("CREATE TABLE app (id)")
            written.set()
            await go_on.wait()

        await endpoint.areceive(body("slow", "slow"), HEADERS)
        worker = asyncio.create_task(webhooks.arun_worker())
        await asyncio.wait_for(written.wait(), 60)
        began = time.monotonic()
        with pytest.raises(knocker.WouldDeadlockError, match="areceive") as caught:
            endpoint.receive(body("sync"), HEADERS)
        assert time.monotonic() - began < 30, "it waited until the receive timeout, which is 60 s here"
        assert (caught.value.http_status, caught.value.retryable) == (503, True)
        for act in (
            lambda: webhooks.ignore(1),
            lambda: webhooks.endpoint("new"),
            lambda: webhooks.disable_endpoint("shop"),
        ):
            with pytest.raises(knocker.WouldDeadlockError):
                act()
        waiting = asyncio.create_task(endpoint.areceive(body("async"), HEADERS))
        await asyncio.sleep(0.2)
        assert not waiting.done()
        go_on.set()
        seen["result"] = await asyncio.wait_for(waiting, 60)
        webhooks.stop()
        await worker

    asyncio.run(main())
    assert seen["result"].status_code == 204
    events = {event.provider_event_id: event.status for event in webhooks.list_events()}
    assert set(events) == {"slow", "async"}
    assert events["slow"] == "handled"


def test_a_plain_handler_in_a_thread_does_not_make_the_loop_fail(
    webhooks: knocker.Knocker, endpoint: knocker.Endpoint
) -> None:
    """Its transaction is its thread's: the loop may wait for it."""
    holding = threading.Event()

    @endpoint.handle("hold")
    def handler(event: knocker.Event, tx: knocker.Tx) -> None:
        tx.execute("CREATE TABLE app (id)")
        holding.set()
        time.sleep(0.3)

    @endpoint.handle("other")
    async def other(event: knocker.Event, tx: knocker.AsyncTx) -> None: ...

    async def main() -> None:
        await endpoint.areceive(body("hold", "hold"), HEADERS)
        worker = asyncio.create_task(webhooks.arun_worker())
        while not holding.is_set():
            await asyncio.sleep(0.01)
        assert endpoint.receive(body("sync"), HEADERS).status_code == 204
        webhooks.stop()
        await worker

    asyncio.run(main())


def test_async_handlers_that_meet_wait_off_the_loop(webhooks: knocker.Knocker, endpoint: knocker.Endpoint) -> None:
    """Two coroutines of one loop that both write: the second waits, and the first can go on."""
    query(webhooks, "SELECT 1")

    @endpoint.handle()
    async def handler(event: knocker.Event, tx: knocker.AsyncTx) -> None:
        await tx.execute("CREATE TABLE IF NOT EXISTS app (id INTEGER)")
        await asyncio.sleep(0.05)
        await tx.execute("INSERT INTO app VALUES (?)", (event.id,))

    for number in range(8):
        endpoint.receive(body(number), HEADERS)
    asyncio.run(worked(webhooks, lambda: webhooks.stats().events.get("handled", 0) >= 9, concurrency=4))
    assert query(webhooks, "SELECT count(*), count(DISTINCT id) FROM app") == [(8, 8)]
    assert {len(webhooks.list_attempts(event.id)) for event in webhooks.list_events(endpoint="shop")} == {1}


def test_an_async_handler_that_raises_leaves_no_row(webhooks: knocker.Knocker, endpoint: knocker.Endpoint) -> None:
    @endpoint.handle(backoff_initial_s=3600)
    async def handler(event: knocker.Event, tx: knocker.AsyncTx) -> None:
        await tx.execute("CREATE TABLE app (id)")
        raise OSError("down")

    event_id = endpoint.receive(body(1), HEADERS).event_id or 0
    assert [one.status for one in asyncio.run(webhooks.arun_worker_once())] == ["failed"]
    assert "OSError" in (webhooks.get_event(event_id).last_error or "")
    assert query(webhooks, "SELECT count(*) FROM sqlite_schema WHERE name = 'app'") == [(0,)]


def test_cancelling_the_worker_lets_handlers_finish(webhooks: knocker.Knocker, endpoint: knocker.Endpoint) -> None:
    async def main() -> None:
        began = asyncio.Event()

        @endpoint.handle()
        async def handler(event: knocker.Event, tx: knocker.AsyncTx) -> None:
            began.set()
            await asyncio.sleep(0.3)
            await tx.execute("CREATE TABLE app (id)")

        await endpoint.areceive(body(1), HEADERS)
        worker = asyncio.create_task(webhooks.arun_worker())
        await asyncio.wait_for(began.wait(), 60)
        worker.cancel()
        with pytest.raises(asyncio.CancelledError):
            await worker

    asyncio.run(main())
    assert webhooks.stats().events == {"handled": 1}


def test_a_coroutine_that_outlives_the_deadline_is_cancelled(
    webhooks: knocker.Knocker, endpoint: knocker.Endpoint
) -> None:
    seen: List[str] = []

    async def main() -> None:
        began = asyncio.Event()

        @endpoint.handle()
        async def handler(event: knocker.Event, tx: knocker.AsyncTx) -> None:
            began.set()
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                seen.append("cancelled")
                raise

        await endpoint.areceive(body(1), HEADERS)
        worker = asyncio.create_task(webhooks.arun_worker(stop_timeout_s=0.2))
        await asyncio.wait_for(began.wait(), 60)
        webhooks.stop()
        report = await worker
        assert len(report.rolled_back) == 1

    asyncio.run(main())
    assert seen == ["cancelled"]
    assert webhooks.list_attempts(1) == ()


def test_a_stray_task_cannot_use_tx_after_its_handler(webhooks: knocker.Knocker, endpoint: knocker.Endpoint) -> None:
    """It must fail, not wait for ever."""
    strays: List[asyncio.Task[Any]] = []

    async def main() -> None:
        @endpoint.handle()
        async def handler(event: knocker.Event, tx: knocker.AsyncTx) -> None:
            async def later() -> None:
                await asyncio.sleep(0.3)
                await tx.execute("SELECT 1")

            strays.append(asyncio.create_task(later()))

        await endpoint.areceive(body(1), HEADERS)
        await webhooks.arun_worker_once()
        with pytest.raises(knocker.ClosedError):
            await asyncio.wait_for(strays[0], 60)

    asyncio.run(main())


def test_async_context_manager_and_twins(path: Path) -> None:
    async def main() -> None:
        async with await knocker.aopen(path) as webhooks:
            endpoint = await webhooks.aendpoint("shop", provider="token-header", secrets="s3cr3t-token")
            result = await endpoint.areceive(b"{}", HEADERS)
            event = await webhooks.aget_event(result.event_id or 0)
            assert event.body == b"{}"
            assert len(await webhooks.alist_deliveries(bodies=True)) == 1
            assert (await webhooks.aget_delivery(result.delivery_id or 0)).json() == {}
            assert await webhooks.aignore(event.id) == event.id
            assert await webhooks.areplay(event.id) == event.id
            await webhooks.aignore(event.id)
            assert await webhooks.arequeue(event.id) == event.id
            assert await webhooks.alist_attempts(event.id) == ()
            await webhooks.adisable_endpoint("shop")
            await webhooks.aenable_endpoint("shop")
            assert [info.name for info in await webhooks.alist_endpoints()] == ["shop"]
            await webhooks.aremove_endpoint("shop", prune=True)
            with pytest.raises(knocker.UnknownEndpointError):
                await webhooks.aget_endpoint("shop")
            trusted = await webhooks.aendpoint("trusted")
            assert (await trusted.aingest(b"{}", event_type="x")).event_id
        assert webhooks.closed

    asyncio.run(main())


def test_a_loop_without_readers_gets_a_thread(
    webhooks: knocker.Knocker, endpoint: knocker.Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows' proactor loop watches no descriptors."""

    async def main() -> knocker.Result:
        def refuse(*_: Any) -> None:
            raise NotImplementedError

        monkeypatch.setattr(asyncio.get_running_loop(), "add_reader", refuse, raising=False)
        return await endpoint.areceive(body(1), HEADERS)

    assert asyncio.run(main()).status_code == 204


def test_closing_while_others_wait(path: Path) -> None:
    """Who still waits for the inbox learns that it is closed."""
    webhooks = knocker.open(path, **PATIENT)
    endpoint = add_endpoint(webhooks)
    holding, free = threading.Event(), threading.Event()

    def handler(event: knocker.Event, tx: knocker.Tx) -> None:
        tx.execute("CREATE TABLE app (id)")
        holding.set()
        free.wait(30)

    endpoint.add_handler("hold", handler)
    endpoint.receive(body("hold", "hold"), HEADERS)
    worker = threading.Thread(target=lambda: _quietly(webhooks.run_worker_once))
    worker.start()
    assert holding.wait(60)

    async def main() -> None:
        waiting = asyncio.create_task(endpoint.areceive(body(1), HEADERS))
        await asyncio.sleep(0.2)
        closing = asyncio.create_task(webhooks.aclose())
        with pytest.raises(knocker.KnockerError) as caught:
            await asyncio.wait_for(waiting, 60)
        assert caught.value.code in ("closed", "cancelled")
        free.set()
        await closing

    asyncio.run(main())
    worker.join(60)
    until(lambda: not worker.is_alive())


def _quietly(function: Callable[[], Any]) -> None:
    try:
        function()
    except knocker.KnockerError:
        return
