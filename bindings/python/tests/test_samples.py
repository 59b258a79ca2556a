"""The samples, run as a user runs them."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Any, Dict, Iterator

import httpx
import pytest

import knocker
from conftest import PACKAGE, environment, shell, until

SAMPLES = PACKAGE / "samples"
SECRET = "whsec_c2FtcGxlLXNlY3JldC1mb3ItdGVzdHM"


def sample_environment(path: Path) -> Dict[str, str]:
    return environment(DATABASE=str(path), STRIPE_WEBHOOK_SECRET=SECRET)


@pytest.fixture
def server(path: Path) -> Iterator[str]:
    # A free port is the server's own choice: one that is looked for here could be taken before it starts.
    command = [sys.executable, "-m", "uvicorn", "receive:app", "--port", "0", "--no-access-log", "--no-use-colors"]
    process = subprocess.Popen(
        command, cwd=SAMPLES, env=sample_environment(path), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    try:
        yield address(process.stderr)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) in (0, -signal.SIGTERM)
    finally:
        process.kill()
        process.communicate()


def address(log: IO[str]) -> str:
    """Where the server says that it listens."""
    said = ""
    for line in log:
        said += line
        found = re.search(r"running on (http://[\d.:]+)", line)
        if found:
            return found[1]
    raise AssertionError(f"the server ended: {said}")


def stripe_request(event_id: str, secret: str = SECRET) -> Dict[str, Any]:
    """Sign with Stripe's own library."""
    import stripe

    payload = {
        "id": event_id,
        "object": "event",
        "type": "invoice.paid",
        "data": {"object": {"id": "in_1", "amount_paid": 4200}},
    }
    text = json.dumps(payload)
    now = int(time.time())
    signature = stripe.WebhookSignature._compute_signature(f"{now}.{text}", secret)
    return {
        "content": text,
        "headers": {"Stripe-Signature": f"t={now},v1={signature}", "Content-Type": "application/json"},
    }


def test_the_route_takes_what_stripes_library_signs(server: str, path: Path) -> None:
    url = server + "/webhooks/orders"
    assert httpx.post(url, **stripe_request("evt_1")).status_code == 204
    assert httpx.post(url, **stripe_request("evt_1")).status_code == 204
    assert httpx.post(url, **stripe_request("evt_2", "whsec_guessed")).status_code == 401
    assert httpx.head(url).status_code == 401
    with knocker.open(path) as webhooks:
        assert [event.provider_event_id for event in webhooks.list_events()] == ["evt_1"]
        assert len(webhooks.list_deliveries(orphaned=False)) == 2


def test_what_the_standard_webhooks_library_signs_is_valid(webhooks: knocker.Knocker) -> None:
    from datetime import datetime, timezone

    from standardwebhooks.webhooks import Webhook

    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    endpoint = webhooks.endpoint("s", provider="standard-webhooks", secrets=secret)
    now = datetime.now(timezone.utc)
    payload = '{"type":"contact.created","data":{"name":"Zoë"}}'
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign("msg_1", now, payload),
    }
    result = endpoint.receive(payload.encode(), headers)
    assert (result.status_code, result.reason) == (204, None)
    assert webhooks.get_event(result.event_id or 0).dedupe_key == "msg_1"
    assert endpoint.receive(payload.encode() + b" ", headers).reason == "signature_mismatch"


def receive_one(path: Path, event_id: str) -> None:
    with knocker.open(path) as webhooks:
        endpoint = webhooks.endpoint("orders", provider="stripe", secrets=SECRET, unhandled="ignore")
        request = stripe_request(event_id)
        assert endpoint.receive(request["content"], request["headers"]).status_code == 204


def worker_stops(path: Path, process: subprocess.Popen[Any], number: int, pid: int) -> None:
    """Let a worker handle one event, then stop it by a signal."""
    import os

    receive_one(path, "evt_1")

    def handled() -> bool:
        with knocker.open(path) as webhooks:
            return webhooks.stats().events.get("handled") == 1

    until(handled)
    os.kill(pid, number)
    assert process.wait(60) == 0
    assert shell(path, "SELECT event, invoice, cents FROM payments") == [("evt_1", "in_1", 4200)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_worker_stops_cleanly(path: Path, number: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "worker.py"], cwd=SAMPLES, env=sample_environment(path), stderr=subprocess.DEVNULL
    )
    try:
        worker_stops(path, process, number, process.pid)
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_worker_stops_cleanly_as_pid_1(path: Path, number: int) -> None:
    """The kernel gives the first process of a container no default for signals."""
    unshare = shutil.which("unshare")
    if (
        unshare is None
        or subprocess.run([unshare, "--pid", "--fork", "true"], capture_output=True, check=False).returncode
    ):
        pytest.skip("no process namespaces are permitted here")
    command = [unshare, "--pid", "--fork", "--kill-child", sys.executable, "worker.py"]
    process = subprocess.Popen(command, cwd=SAMPLES, env=sample_environment(path), stderr=subprocess.DEVNULL)
    try:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        inner = until(lambda: children.read_text().split())
        worker_stops(path, process, number, int(inner[0]))
    finally:
        process.kill()
        process.wait()


def test_the_operator_sample(path: Path) -> None:
    receive_one(path, "evt_1")

    def operate(*arguments: str) -> str:
        command = [sys.executable, "operate.py", str(path), *arguments]
        return subprocess.run(
            command, cwd=SAMPLES, env=sample_environment(path), stdout=subprocess.PIPE, text=True, check=True
        ).stdout

    assert "deliveries 1" in operate()
    assert "invoice.paid received" in operate("show", "1")
    assert "ignored" in operate("ignore", "1")
    assert "received" in operate("requeue", "1")
