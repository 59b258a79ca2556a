"""What reads answer: their types, plain and asynchronous, and the verbs of endpoints."""

from __future__ import annotations

import asyncio
from typing import Any, List

import pytest

import knocker
from conftest import HEADERS, add_endpoint, body
from knocker.testing import TestInbox


@pytest.fixture
def inbox() -> Any:
    with TestInbox() as inbox:
        add_endpoint(inbox).add_handler(lambda event, tx: None)
        inbox.receive("shop", body(1), HEADERS)
        inbox.drain()
        inbox.receive("shop", body(2), {"X-Knocker-Token": "guessed"})
        yield inbox


def test_reads_and_their_twins_answer_the_same(inbox: TestInbox) -> None:
    async def main() -> List[Any]:
        return [
            await inbox.aget_event(1),
            await inbox.aget_delivery(2),
            await inbox.alist_events(status=["handled"], limit=5),
            await inbox.alist_deliveries(reason=["bad_credentials", "signature_mismatch"], kind="rejected"),
            await inbox.alist_attempts(1),
            await inbox.alist_endpoints(limit=5),
            await inbox.aget_endpoint("shop"),
            await inbox.acheck(),
            await inbox.aexplain_delivery(2),
        ]

    answers = [
        inbox.get_event(1),
        inbox.get_delivery(2),
        inbox.list_events(status=["handled"], limit=5),
        inbox.list_deliveries(reason=["bad_credentials", "signature_mismatch"], kind="rejected"),
        inbox.list_attempts(1),
        inbox.list_endpoints(limit=5),
        inbox.get_endpoint("shop"),
        inbox.check(),
        inbox.explain_delivery(2),
    ]
    assert asyncio.run(main()) == answers
    event, delivery, events, deliveries, attempts, endpoints, endpoint, check, explanation = answers
    assert (type(event), type(delivery)) == (knocker.Event, knocker.Delivery)
    assert (type(events), type(deliveries)) == (knocker.Page, knocker.Page)
    assert ([one.id for one in events], [one.id for one in deliveries]) == ([1], [2])
    assert [type(one) for one in attempts] == [knocker.Attempt]
    assert endpoints == [endpoint]
    assert isinstance(check, knocker.Check)
    assert isinstance(explanation, knocker.Explanation)
    assert {type(step) for step in explanation.steps} == {knocker.ExplainStep}


def test_filters_can_be_kept_and_typed(inbox: TestInbox) -> None:
    rejected: knocker.DeliveryFilter = {"orphaned": True}
    handled: knocker.EventFilter = {"status": "handled", "since": 0}
    assert [one.id for one in inbox.deliveries(**rejected)] == [2]
    assert [one.id for one in inbox.events(**handled)] == [1]
    assert inbox.replay_events(handled).changed == 1
    policy: knocker.RetentionPolicy = {"handled_s": -1}
    assert not inbox.run_retention_pass(policy).more


def test_endpoints_are_switched(inbox: TestInbox) -> None:
    assert not inbox.disable_endpoint("shop").enabled
    with pytest.raises(knocker.EndpointDisabledError):
        inbox.receive("shop", body(3), HEADERS)
    assert inbox.enable_endpoint("shop") == inbox.get_endpoint("shop")

    async def main() -> None:
        assert not (await inbox.adisable_endpoint("shop")).enabled
        assert (await inbox.aenable_endpoint("shop")).enabled
        added = await inbox.aadd_endpoint("other", provider="github", secrets="x")
        assert (added.name, added.info.provider) == ("other", "github")
        await inbox.aremove_endpoint("other")
        with pytest.raises(knocker.UnknownEndpointError):
            await inbox.aget_endpoint("other")

    asyncio.run(main())
    assert inbox.get_endpoint("shop").enabled


def test_hooks_come_as_their_type(inbox: TestInbox) -> None:
    inbox.watch_hooks()
    inbox.receive("shop", body(4), HEADERS)
    polled = inbox.poll_hooks()
    assert type(polled) is knocker.HookEvents
    assert "received" in {one.kind for one in polled}


@pytest.mark.parametrize("signal", [knocker.RetryAfter(60), knocker.Discard("spam"), knocker.Ignore("ours")], ids=repr)
def test_signals_of_handlers_share_a_base(inbox: TestInbox, signal: knocker.HandlerSignal) -> None:
    """So that a handler's own ``except Exception`` can let them pass by one name."""

    def handler(event: knocker.Event, tx: knocker.Tx) -> None:
        try:
            raise signal
        except knocker.HandlerSignal:
            raise
        except Exception:
            raise AssertionError("not reached") from None

    inbox.add_handler("shop", handler)
    inbox.receive("shop", body(5), HEADERS)
    (done,) = inbox.drain()
    assert done.status == {"RetryAfter": "failed", "Discard": "dead", "Ignore": "ignored"}[type(signal).__name__]
