"""The attribute ``autocommit`` of Python 3.12's connections, in a Python that has it.

Such a Python may lack ``enable_load_extension``; its SQLite is a library that has it,
and there the program loads ours through it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Dict, List

import pytest
import sqlalchemy
from hosting import environment

LOAD = """
import ctypes, sqlite3, sys
import knocker

def load(db):
    if hasattr(db, "enable_load_extension"):
        return
    import _sqlite3
    api = ctypes.CDLL(_sqlite3.__file__)
    pointer = ctypes.c_void_p.from_address(id(db) + object.__basicsize__)  # pysqlite_Connection begins with it
    assert api.sqlite3_enable_load_extension(pointer, 1) == 0
    assert api.sqlite3_load_extension(pointer, knocker.extension_path().encode(), None, None) == 0
"""

SQLITE3 = """
def status():
    other = sqlite3.connect(sys.argv[1])
    found = other.execute("SELECT (SELECT group_concat(status) FROM (SELECT status FROM knocker_events ORDER BY id)), (SELECT count(*) FROM orders)").fetchone()
    other.close()
    return found

first = sqlite3.connect(sys.argv[1])
first.executescript("PRAGMA journal_mode = WAL; CREATE TABLE orders (event INTEGER)")
first.close()
db = sqlite3.connect(sys.argv[1], autocommit=sys.argv[2] == "True")
if not db.autocommit:
    db.commit()
    db.execute("ROLLBACK")  # a PRAGMA of this kind does nothing inside a transaction
db.execute("PRAGMA synchronous = FULL")
if not db.autocommit:
    db.execute("BEGIN")
load(db)
inbox = knocker.attach(db)
shop = inbox.endpoint("shop", provider="token-header", secrets="s")
db.commit()
fails = [True, False]

@shop.handle()
def handler(event, tx):
    assert tx is db and tx.in_transaction
    tx.execute("INSERT INTO orders VALUES (?)", (event.id,))
    if event.event_type == "fails" and fails.pop(0):
        raise ValueError("no")

head = {"x-knocker-token": "s"}
result = shop.receive(b"{}", head, dedupe_key="1")
assert result.durable == db.autocommit, result
if not db.autocommit:
    assert status() == (None, 0)
    db.rollback()
    assert not shop.receive(b"{}", head, dedupe_key="1").duplicate
    db.commit()
assert status() == ("received", 0)
assert [done.status for done in inbox.run_worker_once()] == ["handled"]
assert status() == ("handled", 1), status()
assert db.in_transaction == (not db.autocommit)
shop.receive(b"{}", head, dedupe_key="2", event_type="fails")
db.commit()
assert [done.status for done in inbox.run_worker_once()] == ["failed"]
assert status() == ("handled,failed", 1), status()
db.execute("INSERT INTO orders VALUES (9)")
db.commit()
assert status() == ("handled,failed", 2), status()
db.close()
print("ok")
"""

SQLALCHEMY = """
from sqlalchemy import create_engine, event, text
from sqlalchemy.orm import Session, sessionmaker

path, mode = sys.argv[1], sys.argv[2] == "True"
TABLE = "CREATE TABLE orders (event INTEGER PRIMARY KEY, parent REFERENCES orders DEFERRABLE INITIALLY DEFERRED)"

def check(kind):
    first = sqlite3.connect(path + kind)
    first.executescript("PRAGMA journal_mode = WAL;" + TABLE)
    engine = create_engine(f"sqlite:///{path}{kind}", connect_args={"autocommit": mode})

    @event.listens_for(engine, "connect")
    def connected(raw, _):
        raw.autocommit = True
        raw.execute("PRAGMA synchronous = FULL")
        raw.execute("PRAGMA foreign_keys = ON")
        load(raw)
        raw.autocommit = mode

    given = {"Engine": lambda: engine, "Connection": engine.connect, "Session": lambda: Session(engine),
             "sessionmaker": lambda: sessionmaker(engine)}[kind]()
    inbox = knocker.attach(given)
    shop = inbox.endpoint("shop", provider="token-header", secrets="s")

    @shop.handle()
    def handler(event, tx):
        parent = 77 if event.event_type == "foreign key" else None
        tx.execute(text("INSERT INTO orders VALUES (:event, :parent)"), {"event": event.id, "parent": parent})
        if event.event_type == "raises":
            raise ValueError("no")

    def send(kind):
        return shop.receive(b"{}", {"x-knocker-token": "s"}, event_type=kind, dedupe_key=kind).durable

    assert [send(one) for one in ("raises", "foreign key", "handled")] == [True] * 3
    assert [done.status for done in inbox.run_worker_once()] == ["failed", "failed", "handled"]
    assert first.execute("SELECT event FROM orders").fetchall() == [(3,)]
    if kind in ("Connection", "Session") and not mode:
        given.execute(text("INSERT INTO orders VALUES (1000, NULL)"))
        assert not send("with it")
        given.rollback()
        assert first.execute("SELECT count(*) FROM knocker_events").fetchone() == (3,)
    if kind in ("Connection", "Session"):
        given.close()
    engine.dispose()
    first.close()

for kind in ("Engine", "Connection", "Session", "sessionmaker"):
    check(kind)
print("ok")
"""


def pythons() -> List[str]:
    """Pythons of this machine that have the attribute."""
    versions = [f"python3.{minor}" for minor in range(12, 16)]
    names = [shutil.which(name) for name in ("python3", *versions)]
    homes = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    names += [str(path) for version in versions for path in sorted(homes.glob(f"*/bin/{version}"))]
    able = []
    for name in dict.fromkeys(name for name in names if name):
        check = "import sqlite3; sqlite3.Connection.autocommit"
        if subprocess.run([name, "-c", check], capture_output=True, check=False).returncode == 0:
            able.append(name)
    return able


def with_sqlalchemy() -> Dict[str, str]:
    """SQLAlchemy of this environment, whose modules are plain Python where its compiled ones don't fit."""
    paths = [environment()["PYTHONPATH"], str(Path(sqlalchemy.__file__).parents[1])]
    return {**environment(), "PYTHONPATH": os.pathsep.join(paths)}


@pytest.mark.parametrize("program", [SQLITE3, SQLALCHEMY], ids=["sqlite3", "SQLAlchemy"])
@pytest.mark.parametrize("autocommit", [True, False])
def test_autocommit(tmp_path: Path, autocommit: bool, program: str) -> None:
    found = pythons()
    if not found:
        pytest.skip("no Python 3.12 or newer here")
    for number, python in enumerate(found):
        path = tmp_path / f"{number}.db"
        done = subprocess.run(
            [python, "-c", LOAD + program, str(path), str(autocommit)],
            env=with_sqlalchemy(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.stdout == "ok\n", f"{python}: {done.stderr}"
