"""On every host: the application's write and "handled" are one commit, or none."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterator, List

import pytest
from hosting import KINDS, Host, jobs, rows, send, shop, statuses

import knocker

NOW = 1_800_000_000


@pytest.fixture(params=list(KINDS))
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Host]:
    made = KINDS[request.param](tmp_path / "app.db")
    yield made
    made.close()


@pytest.fixture
def inbox(host: Host) -> knocker.AttachedInbox:
    inbox = knocker.attach(host.given, clock={"now_s": NOW})
    shop(inbox, max_attempts=3, backoff_initial_s=0.001, backoff_jitter=False)
    return inbox


def test_a_write_and_handled_are_one_commit(host: Host, inbox: knocker.AttachedInbox) -> None:
    seen: List[Any] = []

    def handler(event: knocker.Event, tx: Any) -> None:
        host.write(tx, event.id)
        seen.append((event.body, host.orders(), statuses(host.path)))

    inbox.add_handler("shop", handler)
    result = send(inbox)
    assert (result.status_code, result.duplicate, result.durable) == (204, False, True)
    assert send(inbox).duplicate
    assert inbox.run_worker_once() == [knocker.Finished(result.event_id or 0, "handled")]
    # Before the commit nobody else sees anything of it.
    assert seen == [(b'{"id":"1","type":"order"}', [], ["received"])] or seen[0][1:] == ([], ["processing"])
    assert (host.orders(), statuses(host.path), jobs(host.path)) == ([1], ["handled"], 0)
    assert inbox.run_worker_once() == []


def test_what_a_handler_raises_rolls_its_writes_back(host: Host, inbox: knocker.AttachedInbox) -> None:
    outcome: List[Any] = [ValueError("no"), None]

    def handler(event: knocker.Event, tx: Any) -> None:
        host.write(tx, event.id)
        error = outcome.pop(0)
        if error is not None:
            raise error

    inbox.add_handler("shop", handler)
    event = send(inbox).event_id or 0
    assert inbox.run_worker_once() == [knocker.Finished(event, "failed")]
    assert (host.orders(), inbox.get_event(event).last_error) == ([], "ValueError: no")
    assert until_due(inbox) == [knocker.Finished(event, "handled")]
    assert host.orders() == [1]
    assert [attempt.outcome for attempt in reversed(inbox.list_attempts(event))] in (
        ["failed", "handled"],
        ["handled", "failed"],
    )


@pytest.mark.parametrize(
    ("signal", "status"),
    [
        (knocker.RetryAfter(3600), "failed"),
        (knocker.Discard("wrong shop"), "dead"),
        (knocker.Ignore("a test"), "ignored"),
        (knocker.RetryAfter(-1), "failed"),
    ],
    ids=["RetryAfter", "Discard", "Ignore", "RetryAfter that is none"],
)
def test_a_handler_chooses_its_outcome(
    host: Host, inbox: knocker.AttachedInbox, signal: Exception, status: str
) -> None:
    def handler(event: knocker.Event, tx: Any) -> None:
        host.write(tx, event.id)
        raise signal

    inbox.add_handler("shop", handler)
    event = send(inbox).event_id or 0
    assert [done.status for done in inbox.run_worker_once()] == [status]
    assert (host.orders(), inbox.get_event(event).status) == ([], status)


def test_a_handler_that_commits_itself_is_told_so(host: Host, inbox: knocker.AttachedInbox) -> None:
    def handler(event: knocker.Event, tx: Any) -> None:
        host.write(tx, event.id)
        host.commit(tx)

    inbox.add_handler("shop", handler)
    event = send(inbox).event_id or 0
    (done,) = inbox.run_worker_once()
    assert done.status == "failed"
    assert (inbox.get_event(event).last_error or "").startswith("transaction_ended")
    assert statuses(host.path) == ["failed"]
    # The connection is as good as before.
    inbox.remove_handler("shop")
    inbox.add_handler("shop", lambda event, tx: None)
    assert [done.status for done in until_due(inbox)] == ["handled"]


def test_a_commit_that_fails_is_the_handlers_failure(host: Host, inbox: knocker.AttachedInbox) -> None:
    """A deferred foreign key is only checked at COMMIT, after "handled" was written."""

    def handler(event: knocker.Event, tx: Any) -> None:
        host.write(tx, event.id, parent=77)

    inbox.add_handler("shop", handler)
    event = send(inbox).event_id or 0
    (done,) = inbox.run_worker_once()
    assert done.status == "failed"
    assert "FOREIGN KEY constraint failed" in (inbox.get_event(event).last_error or "")
    assert (host.orders(), statuses(host.path), jobs(host.path)) == ([], ["failed"], 1)


def test_a_receipt_inside_a_handler_shares_its_transaction(host: Host, inbox: knocker.AttachedInbox) -> None:
    """No second connection: the handler's own is the only one that can write."""
    fails = [True, False]
    durable: List[bool] = []

    def handler(event: knocker.Event, tx: Any) -> None:
        if event.event_type == "order":
            durable.append(send(inbox, 2, "follow-up").durable)
            host.write(tx, event.id)
            if fails.pop(0):
                raise ValueError("no")

    inbox.add_handler("shop", handler)
    send(inbox)
    assert [done.status for done in inbox.run_worker_once()] == ["failed"]
    assert (statuses(host.path), host.orders()) == (["failed"], [])
    done = until_due(inbox)
    done += inbox.run_worker_once()
    assert ([one.status for one in done], durable) == (["handled", "handled"], [False, False])
    assert (statuses(host.path), host.orders()) == (["handled", "handled"], [1])


def test_a_worker_runs_until_it_is_told_to_stop(host: Host, inbox: knocker.AttachedInbox) -> None:
    def handler(event: knocker.Event, tx: Any) -> None:
        host.write(tx, event.id)
        if event.id == 3:
            inbox.stop()

    inbox.add_handler("shop", handler)
    for number in range(3):
        send(inbox, number)
    report = inbox.run_worker()
    assert report.rolled_back == ()
    assert (host.orders(), statuses(host.path)) == ([1, 2, 3], ["handled"] * 3)


def test_operators_calls(host: Host, inbox: knocker.AttachedInbox) -> None:
    inbox.add_handler("shop", lambda event, tx: None)
    event = send(inbox).event_id or 0
    assert send(inbox, 2).event_id != event
    assert inbox.receive("shop", b"{}", {"x-knocker-token": "guessed"}).status_code == 401
    inbox.ignore(2)
    inbox.run_worker_once()
    assert inbox.stats().events == {"handled": 1, "ignored": 1}
    assert [one.id for one in inbox.list_events(status="handled")] == [event]
    assert inbox.get_delivery(1).body == b'{"id":"1","type":"order"}'
    assert inbox.replay(event) == event
    assert inbox.replay_events({"endpoint": "shop", "status": "ignored"}).changed == 1
    assert [done.status for done in inbox.run_worker_once()] == ["handled", "handled"]
    assert inbox.disable_endpoint("shop").enabled is False
    with pytest.raises(knocker.EndpointDisabledError):
        send(inbox)
    assert inbox.prune_events(4102444800, force=True).events_pruned == 2
    assert inbox.check().integrity == ()
    with pytest.raises(knocker.NotFoundError):
        inbox.get_event(99)
    assert rows(host.path, "SELECT count(*) FROM knocker_events") == [(0,)]


def test_what_needs_connections_of_its_own_says_so(host: Host, inbox: knocker.AttachedInbox, tmp_path: Path) -> None:
    inbox.add_handler("shop", lambda event, tx: None)
    send(inbox)
    inbox.run_worker_once()
    for call in (
        lambda: inbox.backup(tmp_path / "b.db"),
        lambda: inbox.expunge({"status": "handled"}),
        inbox.run_retention,
        inbox.watch_hooks,
        inbox.poll_hooks,
    ):
        with pytest.raises(knocker.InvalidStateError, match=r"open"):
            call()


def until_due(inbox: knocker.Knocker) -> List[knocker.Finished]:
    """Run what has failed before again, an hour later."""
    inbox.set_clock(NOW + 3600)
    return inbox.run_worker_once()
