"""Processes that are killed at random moments."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Dict, List

import pytest

import knocker
from conftest import HEADERS, add_endpoint, body, environment, shell

ROUNDS = 50

RECEIVER = """
import os, sys, threading, knocker
webhooks = knocker.open(sys.argv[1])
endpoint = webhooks.endpoint("shop", provider="token-header", secrets="s3cr3t-token",
                             provider_options={"event_type_path": "type", "event_id_path": "id"})
def receive(slot):
    number = 0
    while True:
        name = f"{sys.argv[2]}-{slot}-{number // 2}"   # each twice: the second one is a duplicate
        result = endpoint.receive(f'{{"id":"{name}"}}'.encode(), {"X-Knocker-Token": "s3cr3t-token"})
        os.write(1, f'{name} {result.delivery_id} {result.event_id}\\n'.encode())
        number += 1
for slot in range(4):
    threading.Thread(target=receive, args=(slot,)).start()
"""

WORKER = """
import sys, time, knocker
webhooks = knocker.open(sys.argv[1])
endpoint = webhooks.endpoint("shop", provider="token-header", secrets="s3cr3t-token")
def handler(event, tx):
    print(event.id, flush=True)
    tx.execute("INSERT INTO app VALUES (?)", (event.id,))
    time.sleep(0.002)
    tx.execute("INSERT INTO app_too VALUES (?)", (event.id,))
endpoint.add_handler(handler)
print("ready", flush=True)
webhooks.run_worker(concurrency=4, lease_s=1)
"""


def kill_after(command: List[str], lines: int, seconds: float) -> str:
    """Run a child, SIGKILL it so long after it has printed so many lines, and return what it had printed by then."""
    process = subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    # A worker that has run out of events prints no more.
    timers = [threading.Timer(30, process.kill), threading.Timer(seconds, process.kill)]
    timers[0].start()
    head = "".join(process.stdout.readline() for _ in range(lines))
    timers[1].start()
    rest, _ = process.communicate()
    for timer in timers:
        timer.cancel()
    return head + rest


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_every_answered_receipt_survives_sigkill(path: Path) -> None:
    answered: Dict[int, List[str]] = {}
    for round_number in range(ROUNDS):
        command = [sys.executable, "-c", RECEIVER, str(path), str(round_number)]
        # A part of the rounds dies while it starts, the rest amid receipts.
        starting = round_number % 5 == 0
        lines, seconds = (0, random.uniform(0.1, 0.8)) if starting else (random.randint(20, 60), random.uniform(0, 0.1))
        printed = kill_after(command, lines, seconds)
        for line in printed.splitlines(keepends=True):
            if line.endswith("\n"):
                name, delivery, event = line.split()
                answered[int(delivery)] = [name, event]
    assert len(answered) > 500, "the children ended by themselves"
    stored = {row[0]: row[1:] for row in shell(path, "SELECT id, event_id, dedupe_key FROM knocker_deliveries")}
    lost = [delivery for delivery, (name, event) in answered.items() if stored.get(delivery) != (int(event), name)]
    assert lost == []
    assert shell(path, "PRAGMA integrity_check") == [("ok",)]
    twice = "SELECT dedupe_key FROM knocker_events GROUP BY endpoint_id, dedupe_key HAVING count(*) > 1"
    assert shell(path, twice) == []
    jobless = "SELECT count(*) FROM knocker_events WHERE id NOT IN (SELECT json_extract(payload, '$.event_id') FROM _honker_live)"
    assert shell(path, jobless) == [(0,)]


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_each_event_is_worked_once_however_often_the_worker_dies(path: Path) -> None:
    events = 600
    with knocker.open(path, max_attempts=1000) as webhooks:
        endpoint = add_endpoint(webhooks)
        endpoint.add_handler("setup", create_tables)
        endpoint.receive(body("setup", "setup"), HEADERS)
        webhooks.run_worker_once()
        for number in range(events):
            endpoint.receive(body(number), HEADERS)
    for _ in range(12):
        kill_after([sys.executable, "-c", WORKER, str(path)], random.randint(1, 30), random.uniform(0, 0.1))
    with knocker.open(path, max_attempts=1000) as webhooks:
        endpoint = add_endpoint(webhooks)
        endpoint.add_handler(write_both)
        deadline = time.monotonic() + 100
        while webhooks.stats().events.get("handled", 0) < events + 1 and time.monotonic() < deadline:
            webhooks.run_worker_once()
            time.sleep(0.05)
        stats = webhooks.stats()
    assert stats.events == {"handled": events + 1}
    for table in ("app", "app_too"):
        assert shell(path, f"SELECT count(*), count(DISTINCT id) FROM {table}") == [(events, events)]
    assert shell(path, "PRAGMA integrity_check") == [("ok",)]
    assert shell(path, "SELECT count(*) FROM _honker_live") == [(0,)]


def create_tables(event: knocker.Event, tx: knocker.Tx) -> None:
    tx.execute("CREATE TABLE app (id INTEGER)")
    tx.execute("CREATE TABLE app_too (id INTEGER)")


def write_both(event: knocker.Event, tx: knocker.Tx) -> None:
    tx.execute("INSERT INTO app VALUES (?)", (event.id,))
    tx.execute("INSERT INTO app_too VALUES (?)", (event.id,))


HIGH = """
import json, sys, knocker
webhooks = knocker.open(sys.argv[1], busy_timeout_ms=60_000)
print(json.dumps(webhooks.stats().events))
webhooks.close()
"""


def test_two_processes_open_a_new_file_at_once(path: Path) -> None:
    """The bootstrap is safe when several processes start together."""
    processes: List[Any] = [
        subprocess.Popen([sys.executable, "-c", HIGH, str(path)], env=environment(), stdout=subprocess.PIPE)
        for _ in range(6)
    ]
    for process in processes:
        printed, _ = process.communicate(timeout=100)
        assert (process.returncode, json.loads(printed)) == (0, {})
