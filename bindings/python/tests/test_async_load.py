"""asyncio under load: receiving and handling share one loop, and it keeps coming round."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Dict, List

import knocker
from conftest import HEADERS, body

RECEIPTS = 200
SLOTS = 4
#: Far above what a busy machine needs: only a loop that stands still meets it.
STUCK_S = 90


def test_a_loop_comes_round_while_it_receives_and_handles(
    webhooks: knocker.Knocker, endpoint: knocker.Endpoint
) -> None:
    """Receives, handlers and a task of the application all make progress; nobody starves the others."""
    ticks = 0
    ticks_at: Dict[int, int] = {}
    running: List[int] = []
    most_running = receiving = most_receiving = 0
    written: Counter[int] = Counter()

    async def come_round() -> None:
        before = ticks
        while ticks == before:
            await asyncio.sleep(0.001)

    @endpoint.handle("setup")
    def setup(event: knocker.Event, tx: knocker.Tx) -> None:
        tx.execute("CREATE TABLE app (id INTEGER PRIMARY KEY)")

    @endpoint.handle("order")
    async def order(event: knocker.Event, tx: knocker.AsyncTx) -> None:
        nonlocal most_running
        running.append(event.id)
        most_running = max(most_running, len(running))
        ticks_at[event.id] = ticks
        await come_round()
        await tx.execute("INSERT INTO app VALUES (?)", (event.id,))
        written[event.id] += 1
        running.remove(event.id)

    endpoint.receive(body("setup", "setup"), HEADERS)
    webhooks.run_worker_once()

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0.001)

    async def receive(number: int) -> int:
        nonlocal receiving, most_receiving
        receiving += 1
        most_receiving = max(most_receiving, receiving)
        result = await endpoint.areceive(body(number), HEADERS)
        receiving -= 1
        await come_round()
        return result.event_id or 0

    async def handled() -> None:
        while (await webhooks.astats()).events.get("handled", 0) < RECEIPTS + 1:
            await asyncio.sleep(0.02)

    async def main() -> None:
        ticking = asyncio.create_task(tick())
        worker = asyncio.create_task(webhooks.arun_worker(concurrency=SLOTS))
        event_ids = await asyncio.wait_for(asyncio.gather(*map(receive, range(RECEIPTS))), STUCK_S)
        await asyncio.wait_for(handled(), STUCK_S)
        webhooks.stop()
        assert await asyncio.wait_for(worker, STUCK_S) == knocker.StopReport()
        assert not ticking.done()
        ticking.cancel()
        assert set(written) == set(event_ids)

    asyncio.run(main())
    assert set(written.values()) == {1}, "each ran once"
    assert {event.status for event in webhooks.list_events(limit=1000)} == {"handled"}
    assert most_receiving == RECEIPTS, "all wait at once, none blocks the loop until it is stored"
    assert 1 < most_running <= SLOTS, "handlers overlap on the loop"
    # A slot's next handler begins after the loop came round for the one before.
    assert len(set(ticks_at.values())) >= RECEIPTS / SLOTS
