"""The helpers for tests, of which the first is that they tell the truth."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

import pytest
import standardwebhooks

import knocker
from conftest import environment
from knocker.testing import Provider, ProviderOption, SignedRequest, TestInbox, providers, sign, sign_request

AT = datetime(2026, 5, 1, 10, 30, tzinfo=timezone.utc)
BODY = b'{"id": "evt_1", "type": "invoice.paid"}'


def test_what_is_signed_is_received() -> None:
    with TestInbox(now=AT) as inbox:
        for provider, secret in (("stripe", "whsec_test"), ("github", b"\x00\xff"), ("slack", "s")):
            endpoint = inbox.endpoint(provider, provider=provider, secrets=secret)
            headers = sign(provider, secret, BODY, at=inbox.now)
            assert endpoint.receive(BODY, headers).status_code in (200, 204), provider
            assert endpoint.receive(BODY + b" ", headers).status_code == 401, provider


def test_signing_agrees_with_the_providers_own_library() -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    headers = sign("standard-webhooks", secret, BODY, at=AT, event_id="msg_1")
    theirs = standardwebhooks.Webhook(secret).sign("msg_1", AT, BODY.decode())
    assert headers["webhook-signature"] == theirs
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == ("msg_1", str(int(AT.timestamp())))


def test_the_same_request_twice_is_a_retry() -> None:
    assert sign("github", "x", BODY, AT) == sign("github", secrets=["x", "y"], body=BODY.decode(), at=AT.timestamp())
    assert sign("github", "x", BODY, AT, event_type="push") != sign("github", "x", BODY, AT)


def test_signatures_outside_the_headers_are_whole_requests() -> None:
    request = sign_request("twilio", "auth", "From=1&To=2", AT, url="https://a.example/hook?x=1")
    assert isinstance(request, SignedRequest)
    assert (request.method, request.body, request.query) == ("POST", b"From=1&To=2", "x=1")
    signs_in_body = [one.name for one in providers() if one.signs and _differs(one.name)]
    for name in signs_in_body:
        with pytest.raises(knocker.InvalidArgumentError, match="sign_request"):
            sign(name, "key-0123456789", b"{}", AT)
    assert "mailgun" in signs_in_body


def _differs(name: str) -> bool:
    try:
        return sign_request(name, "key-0123456789", b"{}", AT).body != b"{}"
    except knocker.KnockerError:
        return False


def test_mistakes_in_signing_are_named() -> None:
    with pytest.raises(knocker.UnknownProviderError, match="stripe"):
        sign("strpe", "x", b"")
    with pytest.raises(knocker.InvalidArgumentError, match="dict"):
        sign("stripe", "x", {"parsed": 1})  # type: ignore[arg-type]


def test_providers_are_listed() -> None:
    listed = {one.name: one for one in providers()}
    assert len(listed) >= 20
    stripe = listed["stripe"]
    assert isinstance(stripe, Provider)
    assert (stripe.needs_secret, stripe.signs, stripe.title) == (True, True, "Stripe")
    options = listed["token-header"].options
    assert {"event_type_path", "event_id_path"} <= {option.name for option in options}
    assert all(isinstance(option, ProviderOption) and option.doc for option in options)


def test_an_inbox_for_tests() -> None:
    """Its clock is the test's, its file is gone afterwards."""
    runs = []
    with TestInbox(now=AT) as inbox:
        endpoint = inbox.endpoint("shop", backoff_initial_s=60, backoff_jitter=False)

        @endpoint.handle()
        def handler(event: knocker.Event, tx: knocker.Tx) -> None:
            runs.append(event.id)
            if len(runs) < 3:
                raise ValueError("not yet")

        endpoint.ingest(b"1")
        endpoint.ingest(b"2")
        assert [done.status for done in inbox.drain()] == ["failed", "failed"]
        assert inbox.drain() == []
        inbox.advance(60.5)
        assert [done.status for done in inbox.drain()] == ["handled", "handled"]
        assert [event.body for event in inbox.received] == [b"1", b"2"]
        assert inbox.now == AT.timestamp() + 60.5
        inbox.set_clock(AT)
        assert inbox.get_event(1).received_at == AT.timestamp()
        file = Path(inbox.path)
        assert file.exists()
    assert not file.parent.exists()
    inbox.close()


def test_an_endless_drain_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("knocker.testing._MOST_PASSES", 3)
    with TestInbox() as inbox:
        inbox.endpoint("shop")
        monkeypatch.setattr(inbox, "run_worker_once", lambda **options: [knocker.Finished(1, "handled")])
        with pytest.raises(RuntimeError, match="still due"):
            inbox.drain()


def test_a_test_inbox_with_wrong_options_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(knocker.InvalidArgumentError, match="max_body_bytes"):
        TestInbox(max_body_byte=1)
    assert list(tmp_path.iterdir()) == []


def test_the_pytest_fixture(tmp_path: Path) -> None:
    """In a pytest of its own, as an application's tests would have it."""
    (tmp_path / "test_app.py").write_text(
        """
def test_first(knocker_inbox):
    knocker_inbox.endpoint("shop").ingest(b"{}")
    assert [event.endpoint for event in knocker_inbox.received] == ["shop"]


def test_second(knocker_inbox):
    assert knocker_inbox.received == []
"""
    )
    command = [
        sys.executable,
        "-W",
        "error",
        "-m",
        "pytest",
        "-q",
        "-p",
        "knocker.pytest_plugin",
        "-p",
        "no:cacheprovider",
    ]
    result = subprocess.run(
        [*command, str(tmp_path)], env=environment(), capture_output=True, text=True, timeout=60, check=False
    )
    assert "2 passed" in result.stdout, result.stdout + result.stderr


def test_a_handler_is_removed_again() -> None:
    with TestInbox() as inbox:
        endpoint = inbox.endpoint("shop", unhandled="ignore")
        endpoint.add_handler("order", lambda event, tx: None)
        assert endpoint.remove_handler("order")
        assert not endpoint.remove_handler("order")
        assert not inbox.remove_handler("shop")
        endpoint.ingest(b"{}", event_type="order")
        inbox.drain()
        assert inbox.stats().events == {"ignored": 1}
