"""A worker that is killed between the application's write and the commit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Iterator

import pytest
from hosting import KINDS, Host, environment, jobs, rows, send, shop, statuses

import knocker

NOW = 1_800_000_000
CHILD = """
import os, sys, time
from pathlib import Path
import knocker
from hosting import KINDS, shop

host = KINDS[sys.argv[1]](Path(sys.argv[2]))
inbox = knocker.attach(host.given, clock={"now_s": int(sys.argv[3])})
shop(inbox)

def handler(event, tx):
    host.write(tx, event.id)
    if hasattr(tx, "flush"):
        tx.flush()
    if sys.argv[4] == "writing":
        print("written", flush=True)
        time.sleep(60)

if sys.argv[4] == "handled":
    from knocker._attached_slot import AttachedSlot
    from knocker import _links, _links_django, _links_sqlalchemy
    def commit(self):
        print("written", flush=True)
        time.sleep(60)
    for module in (_links, _links_django, _links_sqlalchemy):
        for name, link in vars(module).items():
            if isinstance(link, type) and issubclass(link, _links.Link):
                link.commit = commit

inbox.add_handler("shop", handler)
inbox.run_worker_once()
"""


@pytest.fixture(params=["sqlite3", "Engine", "Session", "sessionmaker", "Django"])
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Host]:
    made = KINDS[request.param](tmp_path / "app.db")
    made.name = request.param  # type: ignore[attr-defined]
    yield made
    made.close()


@pytest.mark.parametrize("moment", ["writing", "handled"])
def test_killed_before_the_commit(host: Host, moment: str) -> None:
    """Neither the write nor "handled" is there; when the lease is over, the event runs once more, and once."""
    inbox = knocker.attach(host.given, clock={"now_s": NOW})
    shop(inbox)
    send(inbox)
    arguments = [sys.executable, "-c", CHILD, host.name, str(host.path), str(NOW), moment]  # type: ignore[attr-defined]
    child = subprocess.Popen(arguments, env=environment(), stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "written\n"
    os.kill(child.pid, signal.SIGKILL)
    assert child.wait(30) == -signal.SIGKILL
    child.stdout.close()
    assert (host.orders(), jobs(host.path)) == ([], 1)
    assert statuses(host.path) in (["received"], ["processing"])
    assert rows(host.path, "SELECT count(*) FROM knocker_attempts WHERE outcome = 'handled'") == [(0,)]
    assert rows(host.path, "PRAGMA integrity_check") == [("ok",)]

    inbox.add_handler("shop", lambda event, tx: host.write(tx, event.id))
    assert inbox.run_worker_once() == [], "its lease still runs"
    inbox.set_clock(NOW + 3600)
    assert [done.status for done in inbox.run_worker_once()] == ["handled"]
    assert (host.orders(), jobs(host.path)) == ([1], 0)
    assert rows(host.path, "SELECT attempt_count FROM knocker_events") == [(2,)]
