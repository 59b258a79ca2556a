"""The worker: runs the handlers for what app.py has received, in its own process.

    python worker.py app.db

Each handler's row and its event's "handled" are one commit, so each row is
there exactly once, whatever is killed when.
"""

import signal
import sys

from app import open_inbox

SCHEMA = """
CREATE TABLE IF NOT EXISTS ledger (
    id INTEGER PRIMARY KEY,
    source TEXT NOT NULL,
    what TEXT NOT NULL,
    reference TEXT NOT NULL UNIQUE
)
"""


def write(tx, source, what, reference):
    """Write a row of the application's own table."""
    tx.execute(SCHEMA)
    tx.execute("INSERT INTO ledger (source, what, reference) VALUES (?, ?, ?)", (source, what, reference))


def add_handlers(webhooks):
    """Say which function handles which events."""

    def payment(event, tx):
        write(tx, "stripe", event.event_type, event.json()["id"])

    def refund(event, tx):
        write(tx, "stripe", event.event_type, event.json()["id"])
        if event.attempt_count < 3:
            # The row above goes with the failure: a failed run leaves nothing behind.
            raise ConnectionError("the bookkeeping service does not answer")

    def repository(event, tx):
        write(tx, "github", event.event_type, event.headers["x-github-delivery"])

    def order(event, tx):
        write(tx, "shop", event.event_type, event.json()["id"])

    webhooks.add_handler("stripe", "invoice.*", payment)
    webhooks.add_handler("stripe", "charge.refunded", refund, backoff_initial_s=0.2, backoff_jitter=False)
    webhooks.add_handler("github", repository)
    webhooks.add_handler("shop", order)


def main():
    with open_inbox(sys.argv[1]) as webhooks:
        add_handlers(webhooks)
        # The first process of a container (PID 1) gets no default for SIGTERM: it must ask for one.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: webhooks.stop())
        print("working", flush=True)
        webhooks.run_worker(concurrency=2, stop_timeout_s=10)


if __name__ == "__main__":
    main()
