"""Sends webhooks as Stripe, GitHub and a shop with a token would, over HTTP.

    python sender.py http://127.0.0.1:8000
"""

import hashlib
import hmac
import json
import os
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field


@dataclass
class Sending:
    """One request, and what should become of it."""

    note: str
    endpoint: str
    body: bytes
    headers: dict
    duplicate: bool = False
    forged: bool = False
    failures: int = 0
    status: int = field(default=0, init=False)


def stripe(note, event_id, event_type, secret=None, at=None, **expected):
    """Sign as Stripe does: HMAC-SHA256 over the time and the body."""
    body = json.dumps({"id": event_id, "object": "event", "type": event_type, "data": {"object": {}}}).encode()
    stamp = str(int(at or time.time()))
    key = secret or os.environ["STRIPE_WEBHOOK_SECRET"]
    signature = hmac.new(key.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    headers = {"Content-Type": "application/json", "Stripe-Signature": f"t={stamp},v1={signature}"}
    return Sending(note, "stripe", body, headers, **expected)


def github(note, delivery, event, **expected):
    """Sign as GitHub does: HMAC-SHA256 over the body."""
    body = json.dumps({"action": "opened", "repository": {"full_name": "octo/example"}}).encode()
    signature = hmac.new(os.environ["GITHUB_WEBHOOK_SECRET"].encode(), body, hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/json",
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": delivery,
        "X-Hub-Signature-256": f"sha256={signature}",
    }
    return Sending(note, "github", body, headers, **expected)


def shop(note, order_id, token=None, **expected):
    """Send the token in a header."""
    body = json.dumps({"id": order_id, "type": "order.created"}).encode()
    headers = {"Content-Type": "application/json", "X-Shop-Token": token or os.environ["SHOP_WEBHOOK_TOKEN"]}
    return Sending(note, "shop", body, headers, **expected)


def sendings():
    """List everything that is sent, in order."""
    now = time.time()
    delivery = "72d3162e-cc78-11e3-81ab-4c9367dc0958"
    return [
        stripe("valid", "evt_1", "invoice.paid", at=now - 5),
        stripe("the provider's retry of it, signed anew", "evt_1", "invoice.paid", at=now, duplicate=True),
        stripe("forged: signed with another secret", "evt_9", "invoice.paid", secret="whsec_guessed", forged=True),
        stripe("valid; its handler fails twice", "evt_2", "charge.refunded", failures=2),
        github("valid", delivery, "issues"),
        github("valid", delivery.replace("72d3", "83e4"), "push"),
        shop("valid", "order-1"),
        shop("valid", "order-2"),
        shop("forged: wrong token", "order-3", token="guessed", forged=True),
    ]


def send(base, sending):
    """Post one request and note the answer's status."""
    request = urllib.request.Request(
        f"{base}/webhooks/{sending.endpoint}", data=sending.body, headers=sending.headers, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            sending.status = response.status
    except urllib.error.HTTPError as error:
        sending.status = error.code
        error.close()


def main():
    for sending in sendings():
        send(sys.argv[1], sending)
        print(f"{sending.endpoint:8} {sending.status}  {sending.note}")


if __name__ == "__main__":
    main()
