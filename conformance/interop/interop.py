"""Lets the real Honker and this project work on one file, in two processes.

    interop.py [TEST...]

It ends with the line "N passed, N failed".
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from typing import Any, List, Optional

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "bindings", "python", "src"))

import knocker  # noqa: E402
from alone import Alone  # noqa: E402, F401
from history import History  # noqa: E402, F401

SUFFIX = ".dylib" if sys.platform == "darwin" else ".so"
OURS = os.path.join(ROOT, "build", "libknocker" + SUFFIX)
THEIRS = os.path.join(ROOT, "build", "interop", "target", "release", "libhonker_ext" + SUFFIX)


class Interop(unittest.TestCase):
    """One file, an inbox of ours in this process, Honker in another."""

    def setUp(self) -> None:
        directory = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, directory)
        self.path = os.path.join(directory, "app.db")
        self.inbox = knocker.open(self.path)
        self.addCleanup(self.inbox.close)
        self.hooks = self.inbox.endpoint("hooks", provider="token-header", secrets="s")
        self.honker = subprocess.Popen(
            [sys.executable, os.path.join(os.path.dirname(__file__), "honker_side.py"), self.path],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.addCleanup(self.honker.wait, 20)
        self.addCleanup(self.honker.stdout.close)
        self.addCleanup(self.honker.stdin.close)

    def ask(self, sql: str, parameters: Any = ()) -> Any:
        """What Honker answers."""
        self.honker.stdin.write(json.dumps([sql, parameters]) + "\n")
        self.honker.stdin.flush()
        answer = json.loads(self.honker.stdout.readline())
        self.assertNotIsInstance(answer, dict, answer)
        return answer

    def theirs(self, function: str, *arguments: Any) -> Any:
        """One of Honker's own functions."""
        return self.ask(f"SELECT {function}({', '.join('?' * len(arguments))}) AS answer", arguments)[0][0]

    def shell(self, sql: str, *libraries: str) -> str:
        """What the sqlite3 command line answers with the libraries loaded."""
        commands = [part for library in libraries or (OURS,) for part in ("-cmd", f".load {library}" + (" sqlite3_knocker_init" if library == OURS else ""))]
        done = subprocess.run(
            ["sqlite3", "-cmd", ".timeout 5000", *commands, self.path, sql], capture_output=True, text=True, timeout=60
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.strip().split("\n")[-1]

    def receive(self, count: int) -> List[Optional[int]]:
        results = [self.hooks.receive(body=b"{}", headers={"x-knocker-token": "s"}) for _ in range(count)]
        return [result.event_id for result in results]

    def claim(self, queue: str, worker: str, count: int) -> List[Any]:
        return json.loads(self.theirs("honker_claim_batch", queue, worker, count, 60))

    def test_honker_works_on_our_jobs(self) -> None:
        first, second, third = self.receive(3)
        jobs = self.claim("knocker.events", "h", 10)
        self.assertEqual([json.loads(job["payload"])["event_id"] for job in jobs], [first, second, third])
        self.assertEqual([self.theirs("honker_heartbeat", job["id"], "h", 60) for job in jobs], [1, 1, 1])
        self.assertEqual(self.theirs("honker_heartbeat", jobs[0]["id"], "another", 60), 0)
        self.assertEqual(self.theirs("honker_ack", jobs[0]["id"], "h"), 1)
        self.assertEqual(self.theirs("honker_retry", jobs[1]["id"], "h", 0, "again"), 1)
        self.assertEqual(self.theirs("honker_fail", jobs[2]["id"], "h", "never"), 1)
        seen: List[int] = []
        self.hooks.handle()(lambda event, tx: seen.append(event.id))
        self.assertEqual(len(self.inbox.run_worker_once()), 1)
        self.assertEqual(seen, [second])
        self.assertEqual(self.inbox.get_event(second).attempt_count, 2)
        # A job that Honker ended without our knowing: its event waits, and says so.
        for event in (first, third):
            self.inbox.requeue(event)
        while self.inbox.run_worker_once():
            pass
        self.assertEqual(sorted(seen), [first, second, third])

    def test_we_work_on_honkers_jobs(self) -> None:
        ids = [self.theirs("honker_enqueue", "emails", json.dumps({"event_id": n}), None, None, 0, 3, None) for n in range(4)]
        jobs = json.loads(self.shell("SELECT honker_claim_batch('emails', 'k', 4, 60)"))
        self.assertEqual([(job["id"], job["attempts"], job["queue"]) for job in jobs], [(n, 1, "emails") for n in ids])
        self.assertEqual(self.claim("emails", "h", 4), [])
        self.assertEqual(self.shell(f"SELECT honker_heartbeat({ids[0]}, 'k', 60)"), "1")
        self.assertEqual(self.shell(f"SELECT honker_ack({ids[0]}, 'k')"), "1")
        self.assertEqual(self.shell(f"SELECT honker_ack({ids[1]}, 'another')"), "0")
        self.assertEqual(self.shell(f"SELECT honker_retry({ids[1]}, 'k', 0, 'again')"), "1")
        self.assertEqual(self.shell(f"SELECT honker_fail({ids[2]}, 'k', 'never')"), "1")
        self.assertEqual([job["id"] for job in self.claim("emails", "h", 4)], [ids[1]])
        self.assertEqual(self.ask("SELECT state, attempts FROM _honker_jobs WHERE queue = 'emails' ORDER BY id"), [["processing", 2], ["dead", 1], ["processing", 1]])
        self.assertEqual(self.ask("SELECT last_error FROM _honker_dead WHERE id = ?", [ids[2]]), [["never"]])
        self.assertEqual(self.theirs("honker_ack", ids[3], "k"), 1)

    def test_both_at_once_lose_nothing_and_run_nothing_twice(self) -> None:
        events = self.receive(300)
        self.ask("SELECT 1")  # Honker is there
        seen: List[int] = []

        @self.hooks.handle()
        def take(event: Any, tx: Any) -> None:
            time.sleep(0.005)
            seen.append(event.id)

        stop = threading.Event()

        def run() -> None:
            while not stop.is_set():
                if not self.inbox.run_worker_once():
                    time.sleep(0.005)

        worker = threading.Thread(target=run)
        worker.start()
        try:
            acknowledged = [json.loads(payload)["event_id"] for payload in self.ask("work", "knocker.events")]
        finally:
            stop.set()
            worker.join()
        self.assertEqual(sorted(seen + acknowledged), events)
        self.assertTrue(seen and acknowledged, (len(seen), len(acknowledged)))
        self.assertEqual(self.ask("SELECT count(*) FROM _honker_live"), [[0]])

    def test_both_at_once_on_honkers_queue(self) -> None:
        for n in range(120):
            self.theirs("honker_enqueue", "emails", str(n), None, None, 0, 3, None)
        ours: List[str] = []

        def run() -> None:
            while True:
                jobs = json.loads(self.shell("SELECT honker_claim_batch('emails', 'k', 5, 60)"))
                if not jobs:
                    return
                held = json.dumps([job["id"] for job in jobs])
                self.assertEqual(self.shell(f"SELECT honker_ack_batch('{held}', 'k')"), str(len(jobs)))
                ours.extend(job["payload"] for job in jobs)

        worker = threading.Thread(target=run)
        worker.start()
        theirs = self.ask("work", "emails")
        worker.join()
        self.assertEqual(sorted(map(int, ours + theirs)), list(range(120)))
        self.assertTrue(ours and theirs, (len(ours), len(theirs)))

    def test_honkers_queues_are_left_alone(self) -> None:
        (event,) = self.receive(1)
        self.theirs("honker_enqueue", "emails", json.dumps({"event_id": event}), None, None, 0, 3, None)
        self.theirs("honker_enqueue", "emails", "{}", 1, None, 0, 3, -100)  # expired
        self.theirs("honker_enqueue", "emails", json.dumps({"event_id": 99}), None, None, 9, 1, None)
        self.claim("emails", "h", 1)
        self.ask("UPDATE _honker_live SET claim_expires_at = 1 WHERE state = 'processing'")  # its worker died
        self.ask("INSERT INTO _honker_dead (id, queue, payload, died_at) VALUES (900, 'emails', ?, 1)", [json.dumps({"event_id": event})])
        everything = "SELECT * FROM _honker_live WHERE queue = 'emails' UNION ALL SELECT id, queue, payload, last_error, priority, run_at, NULL, died_at, attempts, max_attempts, created_at, NULL FROM _honker_dead ORDER BY 1"
        before = self.ask(everything)
        self.assertEqual(len(before), 4)
        self.hooks.handle()(lambda event, tx: None)
        self.assertEqual(len(self.inbox.run_worker_once()), 1)
        self.inbox.replay(event)
        self.assertEqual(len(self.inbox.run_worker_once()), 1)
        self.assertEqual(self.inbox.prune_events(statuses=["handled"], older_than=int(time.time()) + 100, limit=100, force=True).events_pruned, 1)
        self.inbox.check()
        self.assertEqual(self.shell("SELECT honker_sweep_expired('knocker.events')"), "0")
        self.assertEqual(json.loads(self.shell("SELECT knocker_run_retention_pass('[\"handled\"]', 9999999999, 1000, 9999999999, 1000, 'knocker.events')"))["event_result"]["events_pruned"], 0)
        self.assertEqual(self.ask(everything), before)

    def test_a_connection_with_the_real_honker_keeps_its_functions(self) -> None:
        claim = "SELECT honker_claim_batch('emails', 'w', 0, 60) || typeof(knocker_version())"
        refused = subprocess.run(["sqlite3", "-cmd", f".load {OURS} sqlite3_knocker_init", self.path, claim], capture_output=True, text=True)
        self.assertIn("1 to 1000", refused.stderr, "ours refuses what theirs answers, which tells them apart")
        for order in ((THEIRS, OURS), (OURS, THEIRS)):
            self.assertEqual(self.shell(claim, *order), "[]text", order)


def main() -> int:
    result = unittest.main(exit=False, verbosity=2).result
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
