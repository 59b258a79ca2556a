"""Pausing endpoints, looking at what runs, and counting by endpoint."""

from __future__ import annotations

import asyncio
import threading

import pytest

import knocker
from knocker.testing import TestInbox


def test_a_paused_endpoint_receives_and_waits() -> None:
    with TestInbox() as inbox:
        for name in ("shop", "other"):
            inbox.endpoint(name)
            inbox.add_handler(name, lambda event, tx: None)
        assert inbox.pause_endpoint("shop").paused
        for name in ("shop", "other"):
            inbox.ingest(name, b"{}")
        assert [done.event_id for done in inbox.drain()] == [2]
        stats = inbox.stats(endpoint="shop")
        assert (stats.jobs_paused, stats.jobs_ready, stats.events) == (1, 0, {"received": 1})
        assert inbox.stats(endpoint=("shop", "other")).deliveries == 2
        assert asyncio.run(inbox.astats()).stuck == 0
        assert not inbox.resume_endpoint("shop").paused
        assert [done.event_id for done in inbox.drain()] == [1]
        assert asyncio.run(inbox.apause_endpoint("shop")).paused
        assert not asyncio.run(inbox.aresume_endpoint("shop")).paused
        with pytest.raises(knocker.UnknownEndpointError):
            inbox.pause_endpoint("shp")


def test_what_runs_is_shown() -> None:
    with TestInbox() as inbox:
        inbox.endpoint("shop")
        started, go = threading.Event(), threading.Event()

        @inbox.handle("shop")
        def handler(event: knocker.Event, tx: knocker.Tx) -> None:
            started.set()
            assert go.wait(30)

        event_id = inbox.ingest("shop", b"{}", event_type="order").event_id
        worker = threading.Thread(target=inbox.run_worker_once)
        worker.start()
        try:
            assert started.wait(30)
            (job,) = inbox.list_running(endpoint="shop")
            assert isinstance(job, knocker.RunningJob)
            assert (job.event_id, job.endpoint, job.event_type, job.attempt) == (event_id, "shop", "order", 1)
            assert 0 < job.lease_left_s <= 60
            assert asyncio.run(inbox.alist_running(limit=1)) == [job]
        finally:
            go.set()
            worker.join()
        assert inbox.list_running() == []


def test_endpoints_are_counted_in_pages() -> None:
    with TestInbox() as inbox:
        for number in range(5):
            inbox.endpoint(f"tenant-{number}")
        inbox.ingest("tenant-1", b"{}")
        first = inbox.stats_by_endpoint(limit=3)
        assert [one.name for one in first] == ["tenant-0", "tenant-1", "tenant-2"]
        assert first[1] == knocker.EndpointStats(
            name="tenant-1", events={"received": 1}, last_received_at=int(inbox.now)
        )
        rest = asyncio.run(inbox.astats_by_endpoint(limit=3, cursor=first.cursor))
        assert ([one.name for one in rest], rest.cursor) == (["tenant-3", "tenant-4"], None)
