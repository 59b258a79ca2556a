"""Pruning, backups, replays of one delivery, and what hooks tell."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import hashlib
import hmac
import json
import os
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Iterator, List

import pytest

import knocker
from conftest import HEADERS, add_endpoint, body, drain, query, shell

NOW = 1_800_000_000
DAY = 24 * 3600


@pytest.fixture
def aged(path: Path) -> Iterator[knocker.Knocker]:
    """A handled event, an ignored one, a received one and a refused delivery, all 30 days old."""
    with knocker.open(path, clock={"now_s": NOW - 30 * DAY}) as webhooks:
        endpoint = add_endpoint(webhooks)
        endpoint.add_handler("order", lambda event, tx: None)
        endpoint.receive(body("handled"), HEADERS)
        assert [one.status for one in drain(webhooks)] == ["handled"]
        webhooks.ignore(endpoint.receive(body("ignored"), HEADERS).event_id or 0)
        endpoint.receive(body("waiting"), HEADERS)
        endpoint.receive(body("forged"), {"X-Knocker-Token": "guessed"})
        webhooks.set_clock(NOW)
        yield webhooks


def names(webhooks: knocker.Knocker) -> List[Any]:
    return sorted(str(event.provider_event_id) for event in webhooks.list_events())


def test_pruning_takes_what_is_over_and_old(aged: knocker.Knocker) -> None:
    result = aged.prune_events(NOW - 10 * DAY)
    assert result == knocker.PruneResult(events_pruned=2, attempts_pruned=1, deliveries_pruned=2, live_jobs_pruned=1)
    assert names(aged) == ["waiting"]
    assert len(aged.list_deliveries(orphaned=True)) == 1, "orphans are pruned on their own"
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.events_pruned = 0  # type: ignore[misc]


def test_pruning_keeps_to_statuses_and_limit(aged: knocker.Knocker) -> None:
    assert aged.prune_events(NOW - 10 * DAY, statuses=("ignored",)).events_pruned == 1
    assert names(aged) == ["handled", "waiting"]
    for number in range(3):
        aged.ignore(aged.ingest("shop", b"{}", dedupe_key=str(number)).event_id or 0)
    aged.set_clock(NOW + 30 * DAY)
    assert aged.prune_events(NOW + DAY, limit=3).events_pruned == 3
    assert aged.prune_events(NOW + DAY).events_pruned == 1


def test_pruning_takes_moments_of_every_kind(aged: knocker.Knocker) -> None:
    """The cutoff is exclusive, and a fraction never makes it later."""
    received = NOW - 30 * DAY
    zone = timezone(timedelta(hours=-7))
    for cutoff in (received, received + 0.9, datetime.fromtimestamp(received, zone)):
        assert aged.prune_events(cutoff) == knocker.PruneResult()
        assert aged.prune_orphan_deliveries(cutoff) == knocker.PruneResult()
    later = datetime.fromtimestamp(received, zone) + timedelta(seconds=1, microseconds=5)
    assert aged.prune_orphan_deliveries(later) == knocker.PruneResult(deliveries_pruned=1)
    assert aged.prune_events(later).events_pruned == 2


def test_pruning_young_events_needs_force(aged: knocker.Knocker) -> None:
    """A sender still retries them, and the retry would run again."""
    aged.ignore(aged.ingest("shop", b"{}", dedupe_key="young").event_id or 0)
    aged.set_clock(NOW + DAY)
    with pytest.raises(knocker.InvalidArgumentError, match="8 days"):
        aged.prune_events(NOW + 1)
    assert len(names(aged)) == 4
    assert aged.prune_events(NOW + 1, force=True).events_pruned == 3


@pytest.mark.parametrize(
    ("cutoff", "options", "sentence"),
    [
        (datetime(2026, 1, 1), {}, "time zone"),
        (date(2026, 1, 1), {}, "not a moment"),
        (timedelta(days=30), {}, "not a moment"),
        (None, {}, "older_than"),
        ("yesterday", {}, "older_than"),
        (True, {}, "older_than"),
        (float("nan"), {}, "can't be sent"),
        (1, {"limit": 1001}, "limit"),
    ],
)
def test_bad_cutoffs_are_refused(webhooks: knocker.Knocker, cutoff: Any, options: Any, sentence: str) -> None:
    for prune in (webhooks.prune_events, webhooks.prune_orphan_deliveries):
        with pytest.raises(knocker.InvalidArgumentError, match=sentence):
            prune(cutoff, **options)


@pytest.mark.parametrize("statuses", [["failed"], "handled", [1]])
def test_bad_statuses_are_refused(aged: knocker.Knocker, statuses: Any) -> None:
    with pytest.raises(knocker.InvalidArgumentError, match="statuses"):
        aged.prune_events(1, statuses=statuses)


def test_pruning_is_audited(aged: knocker.Knocker) -> None:
    aged.prune_events(NOW - 10 * DAY)
    aged.prune_orphan_deliveries(NOW - 10 * DAY)
    audits = query(aged, "SELECT kind, events_pruned, deliveries_pruned FROM knocker_prune_audits ORDER BY id")
    assert audits == [("events", 2, 2), ("orphan_deliveries", 0, 1)]


def test_a_backup_holds_what_was_received(
    webhooks: knocker.Knocker, endpoint: knocker.Endpoint, tmp_path: Path
) -> None:
    event_id = endpoint.receive(body(1), HEADERS).event_id or 0
    copy = tmp_path / "copy.db"
    for path in (str(copy), copy, os.fsencode(copy)):  # each replaces the one before
        webhooks.backup(path)
    endpoint.receive(body("later"), HEADERS)
    assert shell(copy, "PRAGMA integrity_check") == [("ok",)]
    assert list(tmp_path.glob("*.part-*")) == []
    with knocker.open(copy) as restored:
        assert [event.id for event in restored.list_events()] == [event_id]
        assert restored.get_event(event_id).body == body(1)


def test_a_backup_that_cannot_be_made_has_its_code(webhooks: knocker.Knocker, path: Path, tmp_path: Path) -> None:
    with pytest.raises(knocker.InvalidArgumentError):
        webhooks.backup(path)
    with pytest.raises(knocker.CannotOpenError):
        webhooks.backup(tmp_path / "nowhere" / "copy.db")
    with pytest.raises(knocker.InvalidArgumentError, match="path"):
        webhooks.backup(7)  # type: ignore[arg-type]
    assert webhooks.stats().deliveries == 0, "the inbox goes on"


def test_one_delivery_is_replayed_with_its_own_body(webhooks: knocker.Knocker, endpoint: knocker.Endpoint) -> None:
    """A sender's second delivery of an event may say more than its first."""
    seen: List[bytes] = []
    endpoint.add_handler(lambda event, tx: seen.append(event.body))
    first, second = body(1), body(1).replace(b"}", b',"more":1}')
    event_id = endpoint.receive(first, HEADERS).event_id or 0
    retry = endpoint.receive(second, HEADERS)
    assert retry.duplicate
    drain(webhooks)
    assert webhooks.replay_delivery(retry.delivery_id or 0) == event_id
    drain(webhooks)
    assert webhooks.replay_delivery(retry.delivery_id or 0, event_id=event_id) == event_id
    drain(webhooks)
    assert seen == [first, second, second]


def test_one_event_of_a_batch_is_replayed(webhooks: knocker.Knocker) -> None:
    endpoint = webhooks.endpoint("line", provider="line", secrets="channel-secret")
    seen: List[Any] = []
    endpoint.add_handler(lambda event, tx: seen.append(event.json()["webhookEventId"]))
    batch = json.dumps({"events": [{"type": "message", "webhookEventId": name} for name in "abc"]}).encode()
    signature = base64.b64encode(hmac.new(b"channel-secret", batch, hashlib.sha256).digest()).decode()
    result = endpoint.receive(batch, {"X-Line-Signature": signature})
    assert len(result.event_ids) == 3
    drain(webhooks)
    assert webhooks.replay_delivery(result.delivery_id or 0, event_id=result.event_ids[1]) == result.event_ids[1]
    drain(webhooks)
    assert seen == ["a", "b", "c", "b"]


def test_replays_that_cannot_be_have_their_code(webhooks: knocker.Knocker, endpoint: knocker.Endpoint) -> None:
    one, other = endpoint.receive(body(1), HEADERS), endpoint.receive(body(2), HEADERS)
    refused = endpoint.receive(body(3), {})
    with pytest.raises(knocker.NotFoundError):
        webhooks.replay_delivery(999)
    with pytest.raises(knocker.NotLinkedError):
        webhooks.replay_delivery(refused.delivery_id or 0)
    with pytest.raises(knocker.NotLinkedError):
        webhooks.replay_delivery(one.delivery_id or 0, event_id=other.event_id)
    with pytest.raises(knocker.InvalidStateError):
        webhooks.replay_delivery(one.delivery_id or 0)


def test_hooks_tell_what_happens(webhooks: knocker.Knocker, endpoint: knocker.Endpoint) -> None:
    endpoint.add_handler("order", lambda event, tx: None)
    with pytest.raises(knocker.InvalidStateError, match="watch_hooks"):
        webhooks.poll_hooks()
    endpoint.receive(body("before"), HEADERS)
    webhooks.watch_hooks()
    event_id = endpoint.receive(body(1), HEADERS).event_id
    endpoint.receive(body(1), HEADERS)
    endpoint.receive(body(2), {"X-Knocker-Token": "guessed"})
    told = webhooks.poll_hooks()
    assert told.dropped == 0
    assert {event.endpoint for event in told} <= {"shop", None}
    by_kind = {event.kind: event for event in told}
    assert set(by_kind) == {"received", "duplicate", "rejected", "batch_committed"}
    assert (by_kind["received"].event_id, by_kind["received"].endpoint) == (event_id, "shop")
    assert by_kind["received"].at_ms > 1_600_000_000_000
    assert by_kind["rejected"].code
    assert by_kind["batch_committed"].count >= 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        told[0].kind = "x"  # type: ignore[misc]
    assert webhooks.poll_hooks() == [], "each is told once"
    drain(webhooks)
    worked = webhooks.poll_hooks()
    assert sum(event.count for event in worked if event.kind == "claimed") == 2, "the one before the watching too"
    handled = [event for event in worked if event.kind == "handled"]
    assert handled[-1].event_id == event_id
    assert all(event.duration_ms > 0 for event in handled)


def test_hooks_that_nobody_polls_give_way_and_are_counted(
    webhooks: knocker.Knocker, endpoint: knocker.Endpoint
) -> None:
    webhooks.watch_hooks(limit=4)
    for number in range(10):
        endpoint.receive(body(number), HEADERS)
    first = webhooks.poll_hooks(max=1)
    rest = webhooks.poll_hooks()
    assert (len(first), len(rest)) == (1, 3)
    assert first.dropped == rest.dropped == 16, "ten receipts, ten commits, four kept"
    for act in (lambda: webhooks.watch_hooks(limit=0), lambda: webhooks.poll_hooks(max=-1)):
        with pytest.raises(knocker.InvalidArgumentError):
            act()


def test_stats_count_what_this_process_did(webhooks: knocker.Knocker, endpoint: knocker.Endpoint) -> None:
    endpoint.add_handler("order", lambda event, tx: None)
    for number in (1, 1, 2):
        endpoint.receive(body(number), HEADERS)
    endpoint.receive(body(3), {})
    drain(webhooks)
    did = webhooks.stats().process
    counted = {name: did[name] for name in ("received", "duplicates", "rejected", "claimed", "handled", "failed")}
    assert counted == {"received": 4, "duplicates": 1, "rejected": 1, "claimed": 2, "handled": 2, "failed": 0}
    told = " ".join((knocker.Stats.__doc__ or "").split())
    assert all(f"{name}" in told for name in did), "the docstring names them all"


def test_all_of_it_beside_a_loop(aged: knocker.Knocker, tmp_path: Path) -> None:
    async def main() -> None:
        await aged.awatch_hooks(limit=10)
        delivery_id = aged.list_events(status="handled")[0].delivery_id or 0
        assert await aged.areplay_delivery(delivery_id, event_id=1) == 1
        await asyncio.gather(*(aged.abackup(tmp_path / f"{number}.db") for number in range(3)))
        assert (await aged.aprune_events(NOW - 10 * DAY, statuses=["ignored"])).events_pruned == 1
        assert (await aged.aprune_orphan_deliveries(NOW - 10 * DAY)).deliveries_pruned == 1
        # The event that is replayed and the one that waits; no handler writes.
        assert {one.status for one in await aged.arun_worker_once()} == {"handled"}
        assert "handled" in {event.kind for event in await aged.apoll_hooks(max=10)}

    asyncio.run(main())
    assert shell(tmp_path / "2.db", "SELECT count(*) FROM knocker_events") == [(3,)]


def test_a_loop_never_waits_for_its_own_handler_to_prune(
    webhooks: knocker.Knocker, endpoint: knocker.Endpoint, tmp_path: Path
) -> None:
    """Pruning needs the writer and fails at once; a backup only reads, and works."""

    async def main() -> None:
        @endpoint.handle()
        async def handler(event: knocker.Event, tx: knocker.AsyncTx) -> None:
            await tx.execute("CREATE TABLE app (id)")
            for act in (lambda: webhooks.prune_events(1), lambda: webhooks.prune_orphan_deliveries(1)):
                with pytest.raises(knocker.WouldDeadlockError):
                    act()
            await webhooks.abackup(tmp_path / "copy.db")

        await endpoint.areceive(body(1), HEADERS)
        assert [one.status for one in await webhooks.arun_worker_once()] == ["handled"]

    asyncio.run(main())
    tables = shell(tmp_path / "copy.db", "SELECT count(*) FROM sqlite_master WHERE name = 'app'")
    assert tables == [(0,)], "what is not committed is in no backup"
