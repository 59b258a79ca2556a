"""What Honker keeps in the same file is byte for byte left alone by this project."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import tempfile
import time
import unittest
from typing import Any, Dict, List

import knocker
from history import LOAD, THEIRS

FILL = """SELECT honker_enqueue('emails', '{"event_id":1}', NULL, NULL, 0, 3, NULL), honker_enqueue('emails', 'x', 1, NULL, 0, 0, -100);
SELECT honker_stream_publish('orders', 'key', '{"event_id":1}'); SELECT honker_stream_save_offset('reader', 'orders', 1);
SELECT honker_lock_acquire('nightly', 'me', 1); SELECT honker_rate_limit_try('mail', 5, 1);
SELECT honker_result_save(1, '{"done":1}', 1);
SELECT honker_scheduler_register('nightly', 'knocker.events', '0 3 * * *', '{"event_id":1}', 0, NULL);
INSERT INTO _honker_notifications (channel, payload) VALUES ('knocker.events', '{"event_id":1}');
INSERT INTO _honker_dead (id, queue, payload) VALUES (900, 'emails', '{"event_id":1}');"""


class Alone(unittest.TestCase):
    """Honker's tables, before and after everything that an inbox does."""

    def setUp(self) -> None:
        directory = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, directory)
        self.path, self.copy = os.path.join(directory, "app.db"), os.path.join(directory, "copy.db")

    def rows(self, path: str) -> Dict[str, List[Any]]:
        """Everything in Honker's tables but the inbox's own queue."""
        connection = sqlite3.connect(path)
        try:
            tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE '\\_honker%' ESCAPE '\\'")]
            found = {}
            for table in sorted(tables):
                where = "WHERE queue NOT LIKE 'knocker.%'" if table in ("_honker_live", "_honker_dead") else ""
                found[table] = connection.execute(f"SELECT rowid, * FROM {table} {where} ORDER BY rowid").fetchall()
            return found
        finally:
            connection.close()

    def test_all_that_honker_has(self) -> None:
        with knocker.open(self.path) as inbox:
            hooks = inbox.endpoint("hooks", provider="token-header", secrets="s")
            done = subprocess.run(["sqlite3", "-bail", "-batch", self.path], input=f"{LOAD[THEIRS]}\nSELECT honker_bootstrap();\n{FILL}\n", capture_output=True, text=True, timeout=60)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            before = self.rows(self.path)
            self.assertEqual(len(before), 9, sorted(before))
            self.assertEqual([table for table in before if not before[table]], [], "every table has rows")
            hooks.handle()(lambda event, tx: None)
            events = [hooks.receive(body=b"{}", headers={"x-knocker-token": "s"}).event_id for _ in range(3)]
            hooks.receive(body=b"{}", headers={"x-knocker-token": "wrong"})
            while inbox.run_worker_once():
                pass
            inbox.replay(events[0])
            while inbox.run_worker_once():
                pass
            inbox.check()
            inbox.backup(self.copy)
            self.assertEqual(self.rows(self.copy), before, "in the backup")
            self.assertEqual(inbox.expunge({"event_id": [events[0]]}, reason="asked for").matched, 1)
            later = int(time.time()) + 100
            inbox.prune_events(statuses=["handled"], older_than=later, limit=100, force=True)
            inbox.prune_orphan_deliveries(older_than=later, limit=100)
            self.assertEqual(self.rows(self.path), before)

    def test_an_event_whose_job_honker_ended_is_found(self) -> None:
        with knocker.open(self.path) as inbox:
            hooks = inbox.endpoint("hooks", provider="token-header", secrets="s")
            events = [hooks.receive(body=b"{}", headers={"x-knocker-token": "s"}).event_id for _ in range(2)]
            script = f"{LOAD[THEIRS]}\nSELECT honker_claim_batch('knocker.events', 'h', 2, 60);\nSELECT honker_ack(1, 'h'), honker_fail(2, 'h', 'never');\n"
            done = subprocess.run(["sqlite3", "-bail", "-batch", self.path], input=script, capture_output=True, text=True, timeout=60)
            self.assertEqual(done.stdout.splitlines()[-1], "1|1", done.stderr)
            self.assertEqual((inbox.stats().stuck, inbox.check().stuck), (2, 2))
            self.assertEqual(sorted(event.id for event in inbox.list_events(stuck=True)), events)
            self.assertEqual([inbox.get_event(event).status for event in events], ["received", "received"])
            for event in events:
                inbox.requeue(event)
            hooks.handle()(lambda event, tx: None)
            while inbox.run_worker_once():
                pass
            self.assertEqual([inbox.get_event(event).status for event in events], ["handled", "handled"])
