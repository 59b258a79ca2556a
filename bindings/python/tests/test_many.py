"""Actions on all that a filter matches, and going through long lists."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta, timezone
from typing import Any, List, Tuple

import pytest

import knocker
from conftest import HEADERS, OPTIONS, TOKEN, add_endpoint, body
from knocker.testing import TestInbox

COUNT = 450  # more than two transactions of at most 200


@pytest.fixture(scope="module")
def dead() -> Any:
    """Many events that their handler has given up."""
    with TestInbox(busy_timeout_ms=60_000) as inbox:
        for name in ("shop", "other"):
            inbox.endpoint(name, max_attempts=1)
        for number in range(COUNT):
            inbox.ingest("shop", body(number), event_type=f"order.{number % 2}", dedupe_key=str(number))

        def fail(event: knocker.Event, tx: knocker.Tx) -> None:
            raise knocker.Discard("no")

        inbox.add_handler("shop", fail)
        assert len(inbox.drain()) == COUNT
        yield inbox


def test_a_dry_run_counts_alone(dead: TestInbox) -> None:
    assert dead.replay_events({"endpoint": "shop"}, dry_run=True) == knocker.BulkResult(matched=COUNT)
    assert dead.requeue_events({"event_type": "order.1", "status": ["dead"]}, dry_run=True).matched == COUNT // 2
    assert dead.ignore_events({"endpoint": "other"}, dry_run=True) == knocker.BulkResult()
    assert dead.stats().events == {"dead": COUNT}


def test_progress_is_told_and_can_stop(dead: TestInbox) -> None:
    """What was changed before the stop stays changed, and the cursor goes on with the rest."""
    told: List[Tuple[int, int]] = []

    def progress(matched: int, changed: int) -> bool:
        told.append((matched, changed))
        return len(told) < 2

    first = dead.requeue_events({"endpoint": "shop"}, progress=progress)
    assert len(told) == 2
    assert told[-1] == (first.matched, first.changed) == (COUNT, dead.stats().events["received"])
    assert 0 < told[0][1] < first.changed < COUNT
    assert first.cursor is not None
    rest = dead.requeue_events(
        {"endpoint": "shop"}, cursor=first.cursor, progress=lambda *numbers: told.append(numbers)
    )
    assert (rest.matched, rest.changed, rest.cursor) == (0, COUNT - first.changed, None)
    assert dead.stats().events == {"received": COUNT}
    assert dead.ignore_events({"endpoint": "shop"}, limit=3) == knocker.BulkResult(matched=COUNT, changed=3)
    assert sorted(event.id for event in dead.events(status="ignored")) == [1, 2, 3], "the oldest first"
    assert dead.replay_events({"status": "ignored", "event_id": {1, 2, 3, 4}}).changed == 3
    assert len(dead.drain()) == COUNT


def test_an_error_of_progress_ends_it(dead: TestInbox) -> None:
    def progress(matched: int, changed: int) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        dead.requeue_events({"all": True}, progress=progress)
    changed = dead.stats().events["received"]
    assert 0 < changed < COUNT
    assert len(dead.drain()) == changed


def test_cancelling_ends_it_between_transactions(dead: TestInbox) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        task = loop.create_task(dead.arequeue_events({"endpoint": "shop"}, progress=lambda *_: task.cancel() and None))
        with pytest.raises(asyncio.CancelledError):
            await task
        assert 0 < (await dead.astats()).events["received"] < COUNT
        done = await dead.aignore_events({"status": "received"})
        assert done.changed == done.matched
        assert (await dead.areplay_events({"status": "ignored"})).changed == done.changed
        assert len(await dead.arun_worker_once()) == done.changed

    asyncio.run(main())
    assert dead.stats().events == {"dead": COUNT}


@pytest.mark.parametrize(
    "filter", [{}, {"all": False}, {"endpoint": "shp"}, {"staus": "dead"}, {"status": "ded"}, "dead"]
)
def test_bad_filters_are_refused(dead: TestInbox, filter: Any) -> None:
    for act in (dead.replay_events, dead.requeue_events, dead.ignore_events, dead.expunge):
        with pytest.raises((knocker.InvalidArgumentError, knocker.UnknownEndpointError)):
            act(filter, dry_run=True)  # type: ignore[operator]


def test_iterators_follow_cursors(dead: TestInbox) -> None:
    ids = [event.id for event in dead.events(page_size=100)]
    assert ids == list(range(COUNT, 0, -1))
    assert [event.body for event in dead.events(page_size=1, bodies=True, event_id=[7, 9])] == [body(8), body(6)]
    found = [delivery.event_id for delivery in dead.deliveries(page_size=200, endpoint="shop")]
    assert found == ids
    assert list(dead.events(endpoint="other")) == list(dead.deliveries(event_id=COUNT + 1)) == []


def test_asynchronous_iterators_follow_cursors(dead: TestInbox) -> None:
    async def main() -> None:
        every = [event.id async for event in dead.aevents(page_size=200)]
        assert [event.id async for event in dead.aevents(page_size=200, status="dead")] == every
        assert every == list(range(COUNT, 0, -1))
        assert [one.event_id async for one in dead.adeliveries(page_size=400, orphaned=False)] == every

    asyncio.run(main())


def test_moments_are_numbers_or_aware_datetimes() -> None:
    at = datetime(2026, 3, 1, 12, 0, tzinfo=timezone(timedelta(hours=5)))
    with TestInbox(now=at) as inbox:
        inbox.endpoint("shop")
        inbox.ingest("shop", b"1")
        inbox.advance(3600)
        inbox.ingest("shop", b"2")
        assert inbox.now == at.timestamp() + 3600
        later = at + timedelta(minutes=30)
        assert [event.id for event in inbox.list_events(since=later)] == [2]
        assert [event.id for event in inbox.events(until=later)] == [1]
        assert [one.id for one in inbox.list_deliveries(since=at.timestamp() + 0.9, until=later.timestamp())] == [1]
        assert inbox.ignore_events({"since": at, "until": later}).changed == 1
        with pytest.raises(knocker.InvalidArgumentError, match="time zone"):
            inbox.list_events(since=datetime(2026, 1, 1))


def test_deliveries_are_replayed_and_filtered(dead: TestInbox) -> None:
    result = dead.replay_deliveries({"delivery_id": [1, 2]})
    assert (result.matched, result.changed) == (2, 2)
    assert [one.status for one in asyncio.run(dead.arun_worker_once())] == ["dead", "dead"]
    assert asyncio.run(dead.areplay_deliveries({"event_id": 1}, dry_run=True)).matched >= 1
    assert len(dead.list_deliveries(event_type="order.*", limit=7)) == 7
    assert len(asyncio.run(dead.alist_deliveries(dedupe_key="5"))) == 1


def test_expunging_erases_and_keeps_what_happened() -> None:
    with TestInbox() as inbox:
        add_endpoint(inbox).add_handler(lambda event, tx: None)
        event_id = inbox.receive("shop", body("secret"), HEADERS).event_id or 0
        inbox.drain()
        assert inbox.expunge({"event_id": event_id}, dry_run=True) == knocker.ExpungeResult(matched=1)
        done = inbox.expunge({"event_id": event_id}, reason="asked by the customer")
        assert (done.changed, done.erased_from_file) == (1, True)
        event = inbox.get_event(event_id)
        assert (event.headers, event.query, event.provider_event_id) == ({}, {}, "secret")
        assert b"secret" not in event.body
        assert asyncio.run(inbox.aexpunge({"event_id": event_id})).changed == 0
        audits = inbox.list_prune_audits(limit=10)
        assert {audit.kind for audit in audits} == {"expunge"}
        assert any("asked by the customer" in str(audit.summary) for audit in audits)


def test_refused_deliveries_are_taken_in_later() -> None:
    """After a wrong secret was put right: by checking again, or by decision."""
    with TestInbox() as inbox:
        inbox.endpoint("shop", provider="token-header", secrets="wrong", provider_options=OPTIONS)
        first, second = (inbox.receive("shop", body(number), HEADERS).delivery_id or 0 for number in (1, 2))
        told = inbox.explain_delivery(first)
        assert (told.valid, told.body_cut) == (False, False)
        assert told.steps
        assert all(step.name for step in told.steps)
        assert TOKEN not in repr(told)
        accepted = inbox.accept_delivery(second, reason="seen on the phone")
        assert accepted == knocker.Accepted(accepted.event_id, (accepted.event_id or 0,), False)
        assert inbox.get_delivery(second).accepted_reason == "seen on the phone"
        with pytest.raises(knocker.NotFoundError):
            asyncio.run(inbox.aaccept_delivery(999, reason="?"))
        inbox.endpoint("shop", provider="token-header", secrets=TOKEN, provider_options=OPTIONS)
        # The token itself is not stored, so it can't be checked again: that is told, and nothing is taken in.
        assert inbox.reverify({"endpoint": "shop"}, dry_run=True).matched == 1
        assert asyncio.run(inbox.areverify({"delivery_id": first})).changed == 0
        assert asyncio.run(inbox.aexplain_delivery(first)).redacted


def test_accepting_by_an_identity_makes_the_retry_a_duplicate() -> None:
    with TestInbox() as inbox:
        endpoint = add_endpoint(inbox)
        refused = endpoint.receive(body(1), {"X-Knocker-Token": "guessed"}).delivery_id or 0
        at = datetime.fromtimestamp(inbox.now, timezone.utc)
        assert not inbox.explain_delivery(refused, secrets=[TOKEN], provider_options=OPTIONS, now_s=at).valid
        accepted = inbox.accept_delivery(refused, reason="known", event_type="order", dedupe_key="1")
        event = inbox.get_event(accepted.event_id or 0)
        assert (event.event_type, event.dedupe_key) == ("order", "1")
        again = endpoint.receive(body(2), HEADERS, dedupe_key="1")
        assert (again.duplicate, again.event_id) == (True, event.id)


def test_a_sound_file_is_found_sound() -> None:
    with TestInbox() as inbox:
        found = inbox.check()
        assert found == asyncio.run(inbox.acheck(quick=True))
        assert found.ok
        assert (found.schema_version, found.stuck, found.orphan_jobs) == (inbox.schema_version, 0, 0)


def test_rows_that_point_at_nothing_are_found() -> None:
    with TestInbox(foreign_keys=False) as inbox:
        inbox.endpoint("shop")

        @inbox.handle("shop")
        def handler(event: knocker.Event, tx: knocker.Tx) -> None:
            tx.execute("CREATE TABLE lines (id INTEGER PRIMARY KEY, note REFERENCES notes(id))")
            tx.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY)")
            tx.execute("INSERT INTO lines VALUES (7, 8)")

        inbox.ingest("shop", b"{}")
        assert [done.status for done in inbox.drain()] == ["handled"]
        found = inbox.check()
        assert found.foreign_keys == (knocker.DanglingKey(table="lines", rowid=7, parent="notes"),)
        assert not found.ok
