"""The whole way of a webhook in under a minute: sender, HTTP server, inbox, worker, application.

    python demo.py

Three processes on one file: app.py receives, worker.py handles, and this one
sends, looks on, and compares what happened with what was sent.
"""

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
PATIENCE_S = 30

# The application's table is read by another process: two copies of SQLite that
# work on one file in one process would undo each other's locks.
READ_ROWS = """
import json, sqlite3, sys
rows = sqlite3.connect(sys.argv[1]).execute("SELECT source, what, reference FROM ledger ORDER BY id").fetchall()
print(json.dumps(rows))
"""


@contextlib.contextmanager
def child(script, *arguments):
    """Run a script of this folder; answers its first line. It is stopped with SIGTERM."""
    process = subprocess.Popen([sys.executable, str(HERE / script), *arguments], stdout=subprocess.PIPE, text=True)
    try:
        yield process.stdout.readline().strip()
        process.send_signal(signal.SIGTERM)
        if process.wait(timeout=PATIENCE_S) != 0:
            raise SystemExit(f"{script} ended with status {process.returncode}")
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def wait_until_done(webhooks, events):
    """Wait until that many events are handled and no job is left."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        stats = webhooks.stats()
        if stats.events.get("handled", 0) >= events and not stats.jobs_ready + stats.jobs_later + stats.jobs_held:
            return
        time.sleep(0.05)


def table(title, columns, rows):
    """Print rows under their column names."""
    texts = [[str(cell) for cell in row] for row in [columns, *rows]]
    widths = [max(len(row[index]) for row in texts) for index in range(len(columns))]
    print(f"\n{title}")
    for row in texts:
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def show(sent, deliveries, events, attempts, rows):
    """Print what happened."""
    table("sent", ["to", "answer", "what it is"], [(s.endpoint, s.status, s.note) for s in sent])
    table(
        "deliveries",
        ["id", "endpoint", "signature", "event", "reason"],
        [(d.id, d.endpoint, "valid" if d.signature_valid else "refused", d.event_id or "-", d.reason or "-")
         for d in deliveries],
    )
    table(
        "events",
        ["id", "endpoint", "type", "status", "attempts"],
        [(e.id, e.endpoint, e.event_type, e.status, " then ".join(a.outcome for a in attempts[e.id])) for e in events],
    )
    table("rows of the application's table", ["source", "what", "reference"], rows)


def count(deliveries, events, attempts, rows):
    """Count what is in the file."""
    linked = [delivery for delivery in deliveries if delivery.event_id is not None]
    return {
        "deliveries": len(deliveries),
        "events": len(events),
        "duplicates": len(linked) - len({delivery.event_id for delivery in linked}),
        "rejected": sum(delivery.kind == "rejected" for delivery in deliveries),
        "handled": sum(event.status == "handled" for event in events),
        "retried": sum(attempt.outcome == "failed" for runs in attempts.values() for attempt in runs),
        "rows": len(rows),
    }


def expect(sent):
    """Count what was sent."""
    real = [sending for sending in sent if not sending.duplicate and not sending.forged]
    return {
        "deliveries": len(sent),
        "events": len(real),
        "duplicates": sum(sending.duplicate for sending in sent),
        "rejected": sum(sending.forged for sending in sent),
        "handled": len(real),
        "retried": sum(sending.failures for sending in sent),
        "rows": len(real),
    }


def run(path):
    """Send everything, wait for the worker, and return what was sent and what happened."""
    from app import open_inbox
    from sender import send, sendings

    sent = sendings()
    with child("app.py", path, "0") as greeting, open_inbox(path) as webhooks:
        base = greeting.rpartition(" ")[2]
        with child("worker.py", path):
            for sending in sent:
                send(base, sending)
            wait_until_done(webhooks, len([s for s in sent if not s.duplicate and not s.forged]))
        deliveries = list(reversed(webhooks.list_deliveries()))
        events = list(reversed(webhooks.list_events()))
        attempts = {event.id: webhooks.list_attempts(event.id) for event in events}
    reader = subprocess.run([sys.executable, "-c", READ_ROWS, path], stdout=subprocess.PIPE, text=True, check=True)
    return sent, deliveries, events, attempts, json.loads(reader.stdout)


def main():
    for name in ("STRIPE_WEBHOOK_SECRET", "GITHUB_WEBHOOK_SECRET", "SHOP_WEBHOOK_TOKEN"):
        os.environ[name] = "whsec_" + secrets.token_hex(16)
    with tempfile.TemporaryDirectory() as folder:
        sent, deliveries, events, attempts, rows = run(os.path.join(folder, "app.db"))
    show(sent, deliveries, events, attempts, rows)
    got, wanted = count(deliveries, events, attempts, rows), expect(sent)
    answers = all((sending.status == 401) if sending.forged else (200 <= sending.status < 300) for sending in sent)
    if got != wanted or not answers:
        print(f"\nexpected {wanted}, and 401 for what is forged")
    print("\ndemo: " + " ".join(f"{name}={number}" for name, number in got.items()))
    return 0 if got == wanted and answers else 1


if __name__ == "__main__":
    sys.exit(main())
