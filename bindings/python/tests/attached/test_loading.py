"""Loading the library into connections, and SQL's own way through it."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Callable, Iterator, List

import pytest
from hosting import CREATE, Django, connect, engine_of, environment, rows, send, shop

import knocker
from conftest import ROOT

Run = Callable[..., Any]


def walk(run: Run, path: Path) -> None:
    """The README's walk in plain SQL; ``run`` answers the first value."""
    run("SELECT knocker_endpoint_upsert('provider', '/webhooks/provider', 'token-header', 1)")
    receive = (
        "SELECT knocker_receive('provider', 'token-header', json_array('dev-secret'), json_object(), 'POST', "
        "json_object('x-knocker-token', 'dev-secret'), CAST('{}' AS BLOB), NULL, NULL, NULL, NULL, 'evt_1', 'knocker.events', 3)"
    )
    received = json.loads(run(receive))
    assert (received["status_code"], received["duplicate"], received["durable"]) == (204, 0, 1)
    assert json.loads(run(receive))["duplicate"] == 1
    (job,) = json.loads(run("SELECT honker_claim_batch('knocker.events', 'worker-1', 1, 60)"))
    event = json.loads(job["payload"])["event_id"]
    for end in ("ROLLBACK", "COMMIT"):
        run("BEGIN IMMEDIATE")
        assert run(f"SELECT knocker_mark_processing({event}, {job['attempts']})") == 1
        run(f"INSERT INTO orders (event) VALUES ({event})")
        assert run(f"SELECT knocker_mark_handled({event}, 5)") == 1
        assert run(f"SELECT honker_ack({job['id']}, 'worker-1')") == 1
        run(end)
        done = end == "COMMIT"
        assert rows(path, "SELECT status FROM knocker_events") == [("handled" if done else "received",)]
        assert rows(path, "SELECT event FROM orders") == ([(event,)] if done else [])
        assert rows(path, "SELECT count(*) FROM _honker_live") == [(0 if done else 1,)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = connect(tmp_path / "app.db")
    made.execute("PRAGMA journal_mode = WAL")
    made.execute(CREATE)
    made.close()
    return tmp_path / "app.db"


def test_raw_sql_by_sqlite3(path: Path) -> None:
    db = connect(path)
    knocker.load_extension(db)
    walk(lambda sql: (db.execute(sql).fetchone() or [None])[0], path)
    db.close()


def test_raw_sql_by_sqlalchemy(path: Path) -> None:
    """Also by connections that the pool makes later, and by those that it had before."""
    engine = engine_of(path)
    before = engine.connect()
    knocker.load_extension(engine)
    with engine.connect() as later, engine.connect() as another:
        raw = later.execution_options(isolation_level="AUTOCOMMIT")

        def run(sql: str) -> Any:
            result = raw.exec_driver_sql(sql)
            return result.scalar() if result.returns_rows else None

        walk(run, path)
        assert another.exec_driver_sql("SELECT knocker_version()").scalar()
    before.close()
    with engine.connect() as reused:
        assert reused.exec_driver_sql("SELECT knocker_version()").scalar()
    engine.dispose()


@pytest.fixture
def django(tmp_path: Path) -> Iterator[Any]:
    host = Django(tmp_path / "app.db")
    yield host.given
    host.close()


def test_raw_sql_by_django(django: Any, path: Path) -> None:
    """By the receiver of docs/orms.md, so that each thread's connection has the functions."""
    from django.db.backends.signals import connection_created

    def load(connection: Any, **_: Any) -> None:
        knocker.load_extension(connection)

    connection_created.connect(load)
    try:
        django.close()

        def run(sql: str) -> Any:
            with django.cursor() as cursor:
                cursor.execute(sql)
                return (cursor.fetchone() or [None])[0] if cursor.description else None

        walk(run, path)
    finally:
        connection_created.disconnect(load)


def test_the_path_is_the_librarys(path: Path) -> None:
    found = Path(knocker.extension_path())
    assert found.is_file()
    assert found.name.startswith("libknocker.")
    db = connect(path)
    db.enable_load_extension(True)
    db.load_extension(knocker.extension_path())
    assert db.execute("SELECT knocker_version()").fetchone()[0] == knocker.__version__
    db.close()


def test_loading_again_does_nothing_and_leaves_loading_switched_off(path: Path) -> None:
    db = connect(path)
    for _ in range(3):
        knocker.load_extension(db)
    with pytest.raises(sqlite3.OperationalError, match="not authorized"):
        db.execute("SELECT load_extension('anything')")
    db.close()


def test_other_connections_are_left_alone(path: Path) -> None:
    db, other = connect(path), connect(":memory:")
    knocker.load_extension(db)
    with pytest.raises(sqlite3.OperationalError, match="no such function"):
        other.execute("SELECT knocker_version()")
    after = connect(":memory:")
    assert after.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (0,)
    for one in (db, other, after):
        one.close()


def test_without_bootstrap_nothing_is_written(tmp_path: Path) -> None:
    db = connect(tmp_path / "empty.db")
    knocker.load_extension(db, bootstrap=False)
    assert db.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (0,)
    assert db.execute("SELECT knocker_bootstrap()").fetchone() == (1,)
    db.close()


def test_an_application_keeps_its_row_and_text_factories(path: Path) -> None:
    db = connect(path)
    db.row_factory = lambda cursor, row: {column[0]: value for column, value in zip(cursor.description, row)}
    db.text_factory = bytes
    inbox = knocker.attach(db)
    shop(inbox)
    inbox.add_handler("shop", lambda event, tx: tx.execute("INSERT INTO orders (event) VALUES (?)", (event.id,)))
    assert send(inbox).event_id == 1
    assert [done.status for done in inbox.run_worker_once()] == ["handled"]
    assert db.execute("SELECT event FROM orders").fetchall() == [{"event": 1}]
    db.close()


def test_what_is_no_connection_is_refused() -> None:
    for wrong in ("app.db", 7, None, Path("app.db")):
        with pytest.raises(knocker.InvalidArgumentError, match=r"sqlite3\.Connection"):
            knocker.attach(wrong)
        with pytest.raises(knocker.InvalidArgumentError):
            knocker.load_extension(wrong)
    postgres = SimpleNamespace(vendor="postgresql", ensure_connection=None, in_atomic_block=False)
    with pytest.raises(knocker.InvalidArgumentError, match="postgresql"):
        knocker.attach(postgres)
    engine = SimpleNamespace(
        dialect=SimpleNamespace(name="postgresql", driver="psycopg", is_async=False), raw_connection=None, connect=None
    )
    with pytest.raises(knocker.InvalidArgumentError, match=r"postgresql\+psycopg"):
        knocker.attach(engine)
    with pytest.raises(knocker.InvalidArgumentError, match="asynchronous"):
        knocker.attach(SimpleNamespace(sync_engine=None))


def test_the_drivers_own_errors_stay(path: Path) -> None:
    db = connect(path)
    inbox = knocker.attach(db)
    db.close()
    with pytest.raises(sqlite3.ProgrammingError):
        inbox.stats()
    not_a_database = path.with_name("text.db")
    not_a_database.write_text("this is no database, and long enough that SQLite would see it at once" * 20)
    db = sqlite3.connect(not_a_database)
    with pytest.raises(knocker.NotADatabaseError):
        knocker.attach(db)
    db.close()


def test_a_file_that_can_only_be_read(path: Path) -> None:
    knocker.attach(connect(path))
    reader = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    inbox = knocker.attach(reader)
    assert inbox.stats().events == {}
    with pytest.raises(knocker.ReadOnlyError):
        shop(inbox)
    reader.close()


def test_options_of_one_file_are_one(path: Path) -> None:
    db, other = connect(path), connect(path)
    inbox = knocker.attach(db, max_body_bytes=10)
    shop(inbox)
    assert send(inbox).status_code == 413
    assert send(knocker.attach(other, max_body_bytes=10)).status_code == 413
    with pytest.raises(knocker.OpenOptionsConflictError):
        knocker.attach(other, max_body_bytes=20)
    with pytest.raises(knocker.InvalidArgumentError, match="max_body_bytes"):
        knocker.attach(other, max_body_byte=20)  # type: ignore[arg-type,unused-ignore]
    db.close()
    other.close()


def test_a_database_in_memory_is_its_connections(path: Path) -> None:
    db, other = connect(":memory:"), connect(":memory:")
    inbox = knocker.attach(db)
    shop(inbox)
    seen: List[int] = []
    inbox.add_handler("shop", lambda event, tx: seen.append(event.id))
    assert (send(inbox).durable, inbox.path, inbox.engine) == (False, "", "host")
    with pytest.raises(knocker.UnknownEndpointError):
        send(knocker.attach(other))
    assert [done.status for done in inbox.run_worker_once()] == ["handled"]
    assert seen == [1]
    db.close()
    other.close()


def test_each_thread_loads_into_its_own_connection(path: Path) -> None:
    errors: List[BaseException] = []

    def work(number: int) -> None:
        try:
            db = connect(path)
            inbox = knocker.attach(db)
            shop(inbox)
            for one in range(25):
                send(inbox, f"{number}-{one}")
            db.close()
        except BaseException as error:  # raised below
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert rows(path, "SELECT count(*) FROM knocker_events") == [(100,)]


def test_a_python_without_extensions_says_what_to_do(path: Path) -> None:
    """The environment of the other tests may have such a Python; here one is made of a connection that lacks the method."""
    without = SimpleNamespace(cursor=None, in_transaction=False, isolation_level=None, execute=None)
    with pytest.raises(knocker.DriverUnavailableError, match='engine="host"'):
        knocker.load_extension(without)


def test_tables_dropped_under_an_attached_inbox(path: Path) -> None:
    db = connect(path)
    inbox = knocker.attach(db)
    shop(inbox)
    send(inbox)
    other = connect(path)
    other.execute("PRAGMA foreign_keys = OFF")
    for (name,) in other.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 'knocker_%'"
    ).fetchall():
        other.execute(f"DROP TABLE {name}")
    for call in (lambda: send(inbox, 2), inbox.stats, inbox.run_worker_once):
        with pytest.raises(knocker.SchemaMissingError):
            call()
    inbox = knocker.attach(db)
    shop(inbox)
    assert send(inbox, 3).status_code == 204
    other.close()
    db.close()


def test_a_forked_child_is_told_so(path: Path) -> None:
    program = """
import os, sys
import knocker
from hosting import connect, send, shop
db = connect(sys.argv[1])
inbox = knocker.attach(db)
shop(inbox)
child = os.fork()
if child == 0:
    try:
        send(inbox)
    except knocker.ForkedError:
        os._exit(7)
    os._exit(1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == "7\n", done.stderr


def test_importing_imports_no_driver() -> None:
    program = "import sys, knocker; print([name for name in ('sqlalchemy', 'django') if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment(), capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
    assert (ROOT / "capi").is_dir()
