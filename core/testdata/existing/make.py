"""Makes the test files of the existing project: see README.md in this directory.

    make.py DIRECTORY

Runs in a Python that has knockerlite 0.1.0 and honker 0.2.4.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import sqlite3
import subprocess
import sys
import time
from typing import Any

NOW = 1700000000  # 2023-11-14: all times in the files are near it


def stripe(number: int, kind: str) -> tuple[bytes, dict[str, str]]:
    body = json.dumps({"id": f"evt_{number}", "type": kind, "data": {"object": {"amount": number}}}).encode()
    at = int(time.time())
    signature = hmac.new(b"whsec_old", b"%d." % at + body, hashlib.sha256).hexdigest()
    return body, {"Stripe-Signature": f"t={at},v1={signature}", "Content-Type": "application/json"}


async def work(inbox: Any, seconds: float) -> None:
    stop = asyncio.Event()
    worker = asyncio.create_task(inbox.run_worker(worker_id="old", stop_event=stop, idle_poll_s=0.05))
    await asyncio.sleep(seconds)
    stop.set()
    await worker


def fill(path: str) -> None:
    """Events in every status, duplicates, orphans, attempts, dead and live jobs."""
    import knocker  # knockerlite: its import name

    inbox = knocker.open(path)
    inbox.add_endpoint(name="stripe", path="/webhooks/stripe", provider="stripe", secrets=["whsec_old"])
    inbox.add_endpoint(name="github", path="/webhooks/github", provider="github")
    inbox.add_endpoint(name="plain", path="/hooks/plain", enabled=True)

    @inbox.handle(endpoint="stripe")
    def handle(event: Any, tx: Any) -> None:
        if event.event_type == "invoice.broken":
            raise ValueError("no such customer")

    for number in range(1, 5):
        body, headers = stripe(number, "invoice.paid")
        inbox.receive(endpoint="stripe", body=body, headers=headers)
    inbox.receive(endpoint="stripe", body=body, headers=headers, query={"again": "1"})  # a duplicate
    inbox.receive(endpoint="stripe", body=b'{"id": "evt_4", "changed": true}', headers=headers)  # an orphan
    inbox.receive(endpoint="stripe", body=b"{}", headers={})
    broken, headers = stripe(5, "invoice.broken")
    inbox.receive(endpoint="stripe", body=broken, headers=headers)
    inbox.receive(endpoint="github", body=b'{"zen": 1}', headers={"X-GitHub-Delivery": "d-1", "X-GitHub-Event": "push"})
    asyncio.run(work(inbox, 1.5))  # 1 to 4 handled, 5 dead after three attempts, the push dead: nobody handles it
    inbox.replay(2)
    inbox.replay_delivery(4)  # its job names the delivery

    def claimed_and(event: int, then: str | None) -> None:
        with inbox.db.transaction() as tx:
            job = json.loads(tx.query("SELECT honker_claim_batch('knocker.events', 'gone', 1, 300) AS jobs")[0]["jobs"])[0]
            assert json.loads(job["payload"])["event_id"] == event, job
            if then is None:
                tx.query("SELECT knocker_mark_processing(?, 1)", [event])
            else:
                tx.query("SELECT knocker_mark_failed(?, 1, ?, 0, 12)", [event, then])
                tx.query("SELECT honker_retry(?, 'gone', 0, ?)", [job["id"], then])

    with inbox.db.transaction() as tx:
        tx.execute("UPDATE _honker_live SET run_at = run_at + 100000")
    inbox.ingest(endpoint="plain", body=b"failed \x00\xff", headers={"X": ["a", "b"]}, query={"q": 1}, dedupe_key="k-7", event_type="t")
    claimed_and(7, "OSError: gone")
    with inbox.db.transaction() as tx:
        tx.execute("UPDATE _honker_live SET run_at = run_at + 100000 WHERE state = 'pending'")
    inbox.ingest(endpoint="plain", body=b"processing", signature_valid=None, provider_delivery_id="p-8")
    claimed_and(8, None)
    inbox.ingest(endpoint="plain", body=b"", method="PUT")  # received: no identity, no body
    inbox.ingest(endpoint="plain", body="größer".encode(), dedupe_key="")
    # An event whose deliveries are gone, one whose delivery has another body, and
    # an id that was used and pruned.
    inbox.ingest(endpoint="plain", body=b"alone", headers={"only": "here"}, dedupe_key="k-11")
    inbox.ingest(endpoint="plain", body=b"first", dedupe_key="k-12")
    inbox.ingest(endpoint="plain", body=b"to be pruned", dedupe_key="k-13")
    with inbox.db.transaction() as tx:
        tx.execute("DELETE FROM knocker_deliveries WHERE event_id = 11")
        tx.execute("UPDATE knocker_deliveries SET body_blob = x'00' WHERE event_id = 12")
        tx.execute("DELETE FROM _honker_live WHERE payload = '{\"event_id\":13}'")
    inbox.ignore(13)
    print(inbox.prune_events(statuses=["ignored"], older_than=int(time.time()) + 10, limit=1000))
    inbox.ignore(2)  # its job is still there
    inbox.ignore(6)


def fill_queue(path: str) -> None:
    """The application's own queue, with payloads that look like an inbox's, and the
    rest of what Honker's package makes."""
    import honker

    database = honker.open(path)
    emails = database.queue("emails")
    emails.enqueue({"event_id": 1})
    emails.enqueue({"event_id": 10, "to": "a@example.org"})
    database.stream("audit").publish({"n": 1})
    with database.transaction() as tx:
        tx.execute("INSERT INTO _honker_locks VALUES ('nightly', 'me', 1)")
        tx.execute("INSERT INTO _honker_rate_limits VALUES ('api', 1, 2)")


def set_times(path: str) -> None:
    """Fixed times, so that making the files again makes the same rows; but none in
    what a provider has signed."""
    connection = sqlite3.connect(path)
    offset = NOW - connection.execute("SELECT min(received_at) FROM knocker_events").fetchone()[0]
    for table, columns in {
        "knocker_endpoints": ["created_at"], "knocker_events": ["received_at", "handled_at"], "knocker_deliveries": ["received_at"],
        "knocker_attempts": ["attempted_at"], "_honker_live": ["run_at", "claim_expires_at", "created_at"],
        "_honker_dead": ["run_at", "created_at", "died_at"],
    }.items():
        for column in columns:
            connection.execute(f"UPDATE {table} SET {column} = {column} + ?", [offset])
    connection.commit()
    connection.close()


def add_audits(path: str) -> None:
    """The table of prune audits, which later versions of the existing project have,
    and no row of versions, which those do not have."""
    connection = sqlite3.connect(path)
    connection.executescript("""
        CREATE TABLE knocker_prune_audits (
          id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, queue_name TEXT NOT NULL, executed_at INTEGER NOT NULL,
          events_pruned INTEGER NOT NULL, deliveries_pruned INTEGER NOT NULL, attempts_pruned INTEGER NOT NULL,
          live_jobs_pruned INTEGER NOT NULL, summary_json TEXT NOT NULL);
        INSERT INTO knocker_prune_audits VALUES (7, 'events', 'knocker.events', 1700000100, 1, 1, 0, 1, '{"statuses":["ignored"]}');
        DROP TABLE knocker_meta;
    """)
    connection.commit()
    connection.close()


def add_application(path: str) -> None:
    """What an application may hang on these tables."""
    connection = sqlite3.connect(path)
    connection.executescript("""
        CREATE TABLE orders (id INTEGER PRIMARY KEY, event INTEGER NOT NULL REFERENCES knocker_events(id) ON DELETE RESTRICT);
        CREATE TABLE receipts (delivery INTEGER PRIMARY KEY REFERENCES knocker_deliveries(id) ON DELETE CASCADE, seen INTEGER);
        CREATE TABLE tenants (id INTEGER PRIMARY KEY, name TEXT);
        CREATE TABLE log (id INTEGER PRIMARY KEY, what TEXT, event INTEGER);
        INSERT INTO tenants VALUES (1, 'first');
        INSERT INTO orders VALUES (1, 1), (2, 3);
        INSERT INTO receipts VALUES (1, 1), (2, 0);
        ALTER TABLE knocker_events ADD COLUMN "tenant, id" INTEGER /* who (pays */ REFERENCES tenants(id) ON DELETE SET NULL;
        ALTER TABLE knocker_events ADD COLUMN note TEXT NOT NULL DEFAULT 'a, (b' COLLATE NOCASE;
        UPDATE knocker_events SET "tenant, id" = 1, note = 'Seen' WHERE id = 3;
        CREATE INDEX app_notes ON knocker_events (note, id);
        CREATE VIEW open_events AS SELECT e.id, e.status, e.event_type, count(d.id) AS deliveries
          FROM knocker_events e LEFT JOIN knocker_deliveries d ON d.event_id = e.id WHERE e.status NOT IN ('handled', 'ignored') GROUP BY e.id;
        CREATE VIEW broken_before AS SELECT * FROM no_such_table;
        CREATE TRIGGER broken_too INSTEAD OF INSERT ON broken_before BEGIN DELETE FROM log; END;
        CREATE TRIGGER event_status AFTER UPDATE OF status ON knocker_events BEGIN
          INSERT INTO log (what, event) VALUES (old.status || ' to ' || new.status, new.id); END;
        CREATE TRIGGER delivery_in AFTER INSERT ON knocker_deliveries BEGIN
          INSERT INTO log (what, event) VALUES ('delivery of ' || length(new.body_blob), new.event_id); END;
        CREATE TRIGGER order_in AFTER INSERT ON orders BEGIN
          UPDATE knocker_events SET note = 'ordered' WHERE id = new.event; END;
    """)
    connection.commit()
    connection.close()


def finish(path: str) -> None:
    set_times(path)
    extra = {"audits.db": add_audits, "application.db": add_application}.get(os.path.basename(path))
    if extra is not None:
        extra(path)
    connection = sqlite3.connect(path)
    connection.execute("VACUUM")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    print(os.path.basename(path), connection.execute("SELECT status, count(*) FROM knocker_events GROUP BY 1").fetchall())
    connection.close()


STAGES = {"fill": fill, "fill_queue": fill_queue, "finish": finish}


def main(directory: str) -> None:
    for name in ("knockerlite.db", "audits.db", "application.db"):
        path = os.path.join(directory, name)
        if os.path.exists(path):
            os.remove(path)
        # Each in a process of its own: each brings a SQLite of its own, and two in
        # one process damage the file.
        for stage in STAGES:
            subprocess.run([sys.executable, __file__, stage, path], check=True)


if __name__ == "__main__":
    if sys.argv[1] in STAGES:
        STAGES[sys.argv[1]](sys.argv[2])
    else:
        main(sys.argv[1])
