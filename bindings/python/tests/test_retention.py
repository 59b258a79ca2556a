"""Retention: policies, passes, the one who leads, audits."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import knocker
from conftest import until
from knocker.testing import TestInbox

DAY = 24 * 3600


def fill(inbox: knocker.Knocker, count: int = 3) -> None:
    inbox.endpoint("shop")
    inbox.add_handler("shop", lambda event, tx: None)
    for number in range(count):
        inbox.ingest("shop", b"{}", dedupe_key=f"{number}")


def test_a_pass_removes_what_is_too_old() -> None:
    with TestInbox() as inbox:
        fill(inbox)
        inbox.drain()
        assert inbox.run_retention_pass() == knocker.RetentionPass()
        inbox.advance(20 * DAY)
        assert inbox.run_retention_pass({"handled_s": -1, "dead_s": None}).events_pruned == 0
        first = inbox.run_retention_pass({"handled_s": timedelta(days=10), "batch": 2})
        assert (first.events_pruned, first.more) == (2, True)
        rest = asyncio.run(inbox.arun_retention_pass({"handled_s": 10 * DAY, "batch": 2}))
        assert (rest.events_pruned, rest.more) == (1, False)
        audits = inbox.list_prune_audits()
        assert [audit.kind for audit in audits] == ["retention"] * len(audits)
        assert sum(audit.events_pruned for audit in audits) == 3
        page = asyncio.run(inbox.alist_prune_audits(limit=1))
        assert page[0] == audits[0]
        assert inbox.list_prune_audits(cursor=page.cursor) == audits[1:]


def test_retention_runs_by_itself(path: Path) -> None:
    with knocker.open(path, clock={"now_s": 1_800_000_000}) as inbox:
        fill(inbox)
        inbox.run_worker_once()
        inbox.set_clock(1_800_000_000 + 40 * DAY)
        assert inbox.retention_state() == knocker.RetentionState()
        assert not inbox.stop_retention()
        inbox.run_retention({"interval_s": timedelta(hours=1)})
        state = until(lambda: inbox.retention_state().last_pass and inbox.retention_state())
        assert (state.running, state.leader, state.last_error) == (True, True, None)
        assert isinstance(state.last_pass, knocker.PruneAudit)
        assert state.last_pass.events_pruned == 3
        assert state.leader_id
        assert inbox.stop_retention()
        assert not inbox.retention_state().running


def test_retention_from_an_event_loop(path: Path) -> None:
    async def main() -> None:
        async with await knocker.aopen(path) as inbox:
            await inbox.arun_retention()
            assert (await inbox.aretention_state()).running
            assert await inbox.astop_retention()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("policy", "sentence"),
    [
        ({"handled_s": 60}, "8 days"),
        ({"handeld_s": 60}, "handled_s"),
        ({"batch": 0}, "batch"),
        ({"handled_s": "30 days"}, "handled_s"),
        (30, "mapping"),
    ],
)
def test_bad_policies_are_refused(policy: Any, sentence: str) -> None:
    with TestInbox() as inbox:
        for run in (inbox.run_retention, inbox.run_retention_pass):
            with pytest.raises(knocker.InvalidArgumentError, match=sentence):
                run(policy)


def test_an_error_of_retention_has_its_shape() -> None:
    reply = {"running": True, "leader": False, "leader_id": None, "lease_until": None, "last_pass": None}
    error = {"at": 5, "code": "busy", "message": "m"}
    state = knocker.RetentionState.from_reply({**reply, "last_error": error})
    assert state.last_error == knocker.RetentionError(at=5, code="busy", message="m")
