"""Drives an inbox from Python: this project's package or the existing one, whichever is importable.

    drive.py receive DB THREADS SECONDS MAXIMUM [WARMUP]   threads share one handle; the first WARMUP don't count
    drive.py own     DB THREADS SECONDS MAXIMUM     each thread has a handle of its own
    drive.py drain   DB COUNT WRITES SYNCHRONOUS    handle COUNT events; WRITES is 0 or 1; of ours the handler_synchronous
    drive.py synchronous DB                         level: SQLite's number for it on the connection of a handler
    drive.py count   DB                             what is in the file

Requests are made and signed before the clock starts. Prints one JSON object:
rows, seconds, errors (how many calls raised) and error (the first one).
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import secrets
import sqlite3
import sys
import threading
import time
from collections import deque
from typing import Any, Callable, Dict, List, Tuple

import knocker

ENDPOINT = "stripe"
SECRET = "whsec_benchmarks_0123456789abcdef"
BODY_BYTES = 2048
OURS = hasattr(knocker, "KnockerError")
Request = Tuple[bytes, Dict[str, str]]


def request(now: int) -> Request:
    """A webhook with a random identity, signed as Stripe does."""
    head = '{"id":"evt_%s","object":"event","type":"invoice.paid","created":1700000000,"note":"' % secrets.token_urlsafe(18)
    body = (head + "n" * (BODY_BYTES - len(head) - 2) + '"}').encode()
    mac = hmac.new(SECRET.encode(), b"%d." % now + body, hashlib.sha256).hexdigest()
    return body, {
        "accept": "*/*; q=0.5, application/xml",
        "accept-encoding": "gzip;q=1.0,deflate;q=0.6,identity;q=0.3",
        "cache-control": "no-cache",
        "connection": "keep-alive",
        "content-length": str(BODY_BYTES),
        "content-type": "application/json; charset=utf-8",
        "host": "shop.example.com",
        "stripe-signature": f"t={now},v1={mac}",
        "user-agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        "x-forwarded-for": "203.0.113.7",
        "x-forwarded-proto": "https",
        "x-request-id": "5f0c2d6e-8a9b-4d8e-9f27-0d1c2b3a4e5f",
    }


def open_inbox(path: str) -> Any:
    inbox = knocker.open(path)
    if OURS:
        inbox.endpoint(ENDPOINT, provider="stripe", secrets=SECRET)
    else:
        inbox.add_endpoint(name=ENDPOINT, path="/webhooks/stripe", provider="stripe", secrets=[SECRET])
    return inbox


def receive(path: str, own: bool, threads: int, seconds: float, counts: Tuple[int, int]) -> Dict[str, Any]:
    """A closed loop of threads over one handle, or with one each. counts: at most, and before the clock starts."""
    maximum, warmup = counts
    # Opening in turn: only receiving at once is measured.
    refused: List[str] = []
    inboxes = [open_beside_others(path, refused) for _ in range(threads if own else 1)]
    if warmup:
        warm = closed_loop(inboxes, threads, 60, warmup)
        assert warm["rows"] == warmup, warm
    run = closed_loop(inboxes, threads, seconds, maximum)
    return {**run, "errors": run["errors"] + len(refused), "error": (refused + [run["error"]])[0]}


def open_beside_others(path: str, refused: List[str]) -> Any:
    """Open, again where other processes that write keep it from opening: that counts as an error."""
    while True:
        try:
            return open_inbox(path)
        except Exception as error:
            refused.append(f"open: {type(error).__name__}: {error}")
            if len(refused) > 100:
                raise
            time.sleep(0.02)


def closed_loop(inboxes: List[Any], threads: int, seconds: float, maximum: int) -> Dict[str, Any]:
    """Threads that each send the next request when the one before is answered."""
    errors: List[str] = []
    now = int(time.time())
    waiting = deque(request(now) for _ in range(maximum))
    rows = [0] * threads
    ready = threading.Barrier(threads + 1)
    ends = [0.0]

    def caller(number: int) -> None:
        inbox = inboxes[number % len(inboxes)]
        ready.wait()
        while time.perf_counter() < ends[0]:
            try:
                item = waiting.popleft()
            except IndexError:
                return
            try:
                result = inbox.receive(endpoint=ENDPOINT, body=item[0], headers=item[1])
                assert not result.duplicate and getattr(result, "status_code", 204) == 204, result
                rows[number] += 1
            except Exception as error:  # counted: that is what is measured
                errors.append(f"{type(error).__name__}: {error}")

    callers = [threading.Thread(target=caller, args=(number,)) for number in range(threads)]
    for thread in callers:
        thread.start()
    start = time.perf_counter()
    ends[0] = start + seconds
    ready.wait()
    for thread in callers:
        thread.join()
    took = time.perf_counter() - start
    return {"rows": sum(rows), "seconds": took, "errors": len(errors), "error": errors[0] if errors else ""}


def drain(path: str, count: int, writes: bool, synchronous: str) -> Dict[str, Any]:
    """One worker until count events have been handled, at its defaults but for synchronous."""

    def handler(event: Any, tx: Any) -> None:
        if writes:
            sql = "INSERT INTO app_rows (event_id, note) VALUES (?, ?)"
            write: Callable[..., Any] = tx.execute if OURS else tx.query
            write(sql, [event.id, "note"])

    took = work(open_inbox(path), count, handler, synchronous)
    return {"rows": count, "seconds": took, "errors": 0, "error": ""}


def level(path: str) -> Dict[str, Any]:
    """What SQLite says of the connection on which a handler writes, asked for FULL."""
    inbox, found = open_inbox(path), []
    body, headers = request(int(time.time()))
    inbox.receive(endpoint=ENDPOINT, body=body, headers=headers)
    work(inbox, 1, lambda event, tx: found.append(tx.query("PRAGMA synchronous")[0]), "full")
    (number,) = dict(found[0]).values()
    return {"level": number}


def work(inbox: Any, count: int, handler: Callable[[Any, Any], None], synchronous: str) -> float:
    """Runs one worker until it has handled count events; how many seconds that took."""
    stop = _Stop()
    handled = [0]

    def counting(event: Any, tx: Any) -> None:
        handler(event, tx)
        handled[0] += 1
        if handled[0] == count:
            stop.set()

    inbox.add_handler(endpoint=ENDPOINT, handler=counting)
    options = {} if synchronous == "default" else {"handler_synchronous": synchronous}
    start = time.perf_counter()
    if OURS:
        inbox.run_worker(stop_event=stop, **options)
    else:
        asyncio.run(_run_existing(inbox, stop))
    took = time.perf_counter() - start
    if OURS:
        inbox.close()
    return took


class _Stop:
    """What both packages take as a sign to stop, set from a handler."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self.wake: Callable[[], None] = lambda: None

    def is_set(self) -> bool:
        return self.event.is_set()

    def set(self) -> None:
        self.event.set()
        self.wake()


async def _run_existing(inbox: Any, stop: _Stop) -> None:
    event = asyncio.Event()
    stop.wake = event.set
    await inbox.run_worker(stop_event=event)


def count(path: str) -> Dict[str, int]:
    """Rows by table, as any SQLite sees them."""
    tables = {
        "deliveries": "SELECT count(*) FROM knocker_deliveries",
        "events": "SELECT count(*) FROM knocker_events",
        "handled": "SELECT count(*) FROM knocker_events WHERE status = 'handled'",
        "jobs": "SELECT count(*) FROM _honker_live",
    }
    with sqlite3.connect(path) as db:
        return {name: db.execute(sql).fetchone()[0] for name, sql in tables.items()}


def main(action: str, path: str, *rest: str) -> Dict[str, Any]:
    if action in ("receive", "own"):
        warmup = int(rest[3]) if len(rest) > 3 else 0
        return receive(path, action == "own", int(rest[0]), float(rest[1]), (int(rest[2]), warmup))
    if action == "drain":
        return drain(path, int(rest[0]), rest[1] == "1", rest[2])
    if action == "synchronous":
        return level(path)
    return count(path)


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
