"""One history of operations, run by the real Honker on one file and by this
project on another: it leaves equal rows and gives equal results.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
from typing import List

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SUFFIX = ".dylib" if sys.platform == "darwin" else ".so"
OURS = os.path.join(ROOT, "build", "libknocker" + SUFFIX)
THEIRS = os.path.join(ROOT, "build", "interop", "target", "release", "libhonker_ext" + SUFFIX)
LOAD = {OURS: f".load {OURS} sqlite3_knocker_init", THEIRS: f".load {THEIRS} sqlite3_honkerext_init"}

# Times are compared in steps of 100 s from now: the two runs are seconds apart.
JOB = "SELECT json_remove(honker_get_job({id}), '$.run_at', '$.created_at', '$.claim_expires_at', '$.expires_at');"
LIVE = """SELECT id, queue, payload, state, priority, round((run_at - unixepoch()) / 100.0), worker_id, round((claim_expires_at - unixepoch()) / 100.0),
    attempts, max_attempts, round((created_at - unixepoch()) / 100.0), round((expires_at - unixepoch()) / 100.0) FROM _honker_live ORDER BY id;"""
DEAD = """SELECT id, queue, payload, priority, round((run_at - unixepoch()) / 100.0), attempts, max_attempts,
    iif(last_error LIKE '%attempts%', 'no attempts left', last_error), round((created_at - unixepoch()) / 100.0),
    round((died_at - unixepoch()) / 100.0) FROM _honker_dead ORDER BY id;"""


def statement(step: str) -> str:
    """A step's SQL; "CLAIM worker count" is a claim for 1000 seconds."""
    if not step.startswith("CLAIM "):
        return step
    _, worker, count = step.split()
    return f"SELECT honker_claim_batch('q', '{worker}', {count}, 1000);"


def comparable(line: str) -> str:
    """An answer without what may differ: the order of a document's keys and of a claim's jobs; times are in steps of 100 s."""
    if line.startswith("{"):
        return json.dumps(json.loads(line), sort_keys=True)
    if not line.startswith("[{"):
        return line
    jobs = sorted(json.loads(line), key=lambda job: int(job["id"]))
    for job in jobs:
        job["claim_expires_at"] = round((job["claim_expires_at"] - time.time()) / 100)
    return json.dumps(jobs, sort_keys=True)


HISTORY: List[str] = [
    # 1 to 9: plain, by priority, late, at a time, expired, one attempt, and another queue's.
    "SELECT honker_enqueue('q', '{\"n\":1}', NULL, NULL, 0, 3, NULL);",
    "SELECT honker_enqueue('q', 'not json', NULL, NULL, 5, 3, NULL);",
    "SELECT honker_enqueue('q', 'late', NULL, 1000, 9, 3, NULL);",
    "SELECT honker_enqueue('q', 'a delay wins', 1, 2000, 9, 3, NULL);",
    "SELECT honker_enqueue('q', 'long due', unixepoch() - 1000, NULL, 0, 3, NULL);",
    "SELECT honker_enqueue('q', 'expired', NULL, NULL, 99, 3, -100);",
    "SELECT honker_enqueue('q', 'once', NULL, NULL, -1, 1, NULL);",
    "SELECT honker_enqueue('q', 'kept', NULL, NULL, -2, 3, 5000);",
    "SELECT honker_enqueue('other', 'another queue', NULL, NULL, 0, 3, NULL);",
    JOB.format(id=1),
    "SELECT quote(honker_get_job(99));",
    # By priority, then by time, then by id; never more than asked for.
    "CLAIM w 2",
    "CLAIM w 1",
    "CLAIM v 10",
    "CLAIM v 10",
    JOB.format(id=2),
    # Only the holder may end or extend.
    "SELECT honker_ack(2, 'v'), honker_retry(2, 'v', 0, 'x'), honker_fail(2, 'v', 'x'), honker_heartbeat(2, 'v', 5000);",
    "SELECT honker_heartbeat(2, 'w', 5000), honker_heartbeat(3, 'w', 5000), honker_heartbeat(99, 'w', 5000);",
    LIVE,
    "SELECT honker_ack(2, 'w'); SELECT honker_ack(2, 'w');",
    "SELECT honker_retry(5, 'w', 3000, 'again'); SELECT honker_retry(5, 'w', 0, 'again');",
    "SELECT honker_retry(7, 'v', 0, 'used up');",
    "SELECT honker_fail(8, 'v', 'never');",
    LIVE,
    DEAD,
    # Another try, and the attempts that are used up by workers that died.
    "SELECT honker_retry(1, 'w', 0, 'again');",
    "CLAIM w 10",
    "UPDATE _honker_live SET claim_expires_at = 1 WHERE id = 1;",
    "SELECT honker_heartbeat(1, 'w', 100), honker_retry(99, 'w', 0, 'x');",
    "CLAIM v 10",
    "UPDATE _honker_live SET claim_expires_at = 1 WHERE id = 1;",
    "CLAIM w 10",
    LIVE,
    DEAD,
    # What expires, is canceled, is acknowledged together.
    "SELECT honker_sweep_expired('other');",
    "SELECT honker_sweep_expired('q'); SELECT honker_sweep_expired('q');",
    "SELECT honker_cancel(3), honker_cancel(99); SELECT honker_cancel(3);",
    "SELECT round((honker_queue_next_claim_at('q') - unixepoch()) / 100.0), honker_queue_next_claim_at('none');",
    "SELECT honker_enqueue('q', 'a', NULL, NULL, 0, 3, NULL), honker_enqueue('q', 'b', NULL, NULL, 0, 3, NULL);",
    "CLAIM w 10",
    "SELECT round((honker_queue_next_claim_at('q') - unixepoch()) / 100.0);",
    "SELECT honker_ack_batch('[10,11,99,4]', 'v');",
    "SELECT honker_ack_batch('[10,11,99,4]', 'w');",
    "SELECT honker_ack_batch('[]', 'w');",
    LIVE,
    DEAD,
    "SELECT seq FROM sqlite_sequence WHERE name = '_honker_live';",
]


class History(unittest.TestCase):
    """The queue's functions of both, side by side."""

    def setUp(self) -> None:
        self.directory = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.directory)

    def run_history(self, library: str) -> List[List[str]]:
        """What each step answers, in a connection with that library alone."""
        path = os.path.join(self.directory, os.path.basename(library) + ".db")
        script = [LOAD[library], "SELECT honker_bootstrap();"]
        for number, step in enumerate(HISTORY):
            script.append(f".print step {number}")
            script.append(statement(step))
        done = subprocess.run(["sqlite3", "-batch", path], input="\n".join(script) + "\n", capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stderr), (0, ""), library)
        answers: List[List[str]] = []
        for line in done.stdout.splitlines():
            if line.startswith("step "):
                answers.append([])
            elif answers:
                answers[-1].append(comparable(line))
        self.assertEqual(len(answers), len(HISTORY))
        return answers

    def test_one_history_has_one_outcome(self) -> None:
        theirs, ours = self.run_history(THEIRS), self.run_history(OURS)
        for step, their, our in zip(HISTORY, theirs, ours):
            with self.subTest(step=step):
                self.assertEqual(their, our)
        self.assertTrue(any("again" in line or "never" in line for answer in ours for line in answer), "nothing was compared")

    def test_what_differs_is_what_the_documentation_says(self) -> None:
        over = "UPDATE _honker_live SET claim_expires_at = 1 WHERE state = 'processing';"
        add = "SELECT honker_enqueue('q', 'x', NULL, NULL, 0, 3, 100);"
        taken = f"{add} SELECT honker_claim_batch('q', 'w', 1, 1000);"
        for sql, theirs, ours in (
            (f"{add} SELECT honker_queue_next_claim_at('q') > 0;", "0", "1"),
            (f"{taken} {over} SELECT honker_ack(1, 'w');", "0", "1"),
            (f"{taken} {over} SELECT honker_ack_batch('[1]', 'w');", "0", "1"),
            (f"{taken} {over} SELECT honker_retry(1, 'w', 0, 'x');", "0", "1"),
            (f"{taken} {over} SELECT honker_fail(1, 'w', 'x');", "0", "1"),
            (f"{taken} {add} {over} SELECT json_array_length(honker_claim_batch('q', 'v', 9, 60));", "2", "1"),
            (f"{taken} {over} UPDATE _honker_live SET expires_at = 1; SELECT json_array_length(honker_claim_batch('q', 'v', 9, 60));", "0", "1"),
            (f"{taken} INSERT INTO _honker_dead (id, queue, payload) VALUES (1, 'q', ''); SELECT honker_fail(1, 'w', 'x');", "UNIQUE", "1"),
            (f"{taken} SELECT honker_fail(1, 'w', NULL);", "type Null", "1"),
            ("SELECT honker_claim_batch('q', 'w', 0, 60);", "[]", "invalid_argument"),
            ("SELECT honker_claim_batch('q', 'w', -1, 60);", "[]", "invalid_argument"),
            ("SELECT honker_claim_batch('q', 'w', 1001, 60);", "[]", "invalid_argument"),
            (f"{add} UPDATE _honker_live SET attempts = 3; SELECT honker_claim_batch('q', 'w', 1, 60); SELECT last_error FROM _honker_dead;",
             "max attempts exceeded", "attempts used up: the worker died or lost its lease each time"),
            (f"{add} SELECT key FROM json_each(honker_get_job(1)) LIMIT 1;", "attempts", "id"),
        ):
            for library, answer in ((THEIRS, theirs), (OURS, ours)):
                with self.subTest(sql=sql, library=os.path.basename(library)):
                    script = f"{LOAD[library]}\nSELECT honker_bootstrap();\n{sql}\n"
                    done = subprocess.run(["sqlite3", "-batch", ":memory:"], input=script, capture_output=True, text=True, timeout=60)
                    last = (done.stderr or done.stdout).strip().splitlines()[-1]
                    self.assertTrue(last == answer or done.stderr and answer in last, last)
