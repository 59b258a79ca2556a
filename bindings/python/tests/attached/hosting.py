"""The hosts that the tests attach an inbox to, and what each of them writes."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional

import django
from django.conf import settings
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, scoped_session, sessionmaker

import knocker
from conftest import OPTIONS, TOKEN

BODY = b'{"id":"1","type":"order"}'
HEADERS = {"x-knocker-token": TOKEN}
CREATE = (
    "CREATE TABLE IF NOT EXISTS orders (event INTEGER PRIMARY KEY, "
    "parent INTEGER REFERENCES orders (event) DEFERRABLE INITIALLY DEFERRED)"
)


class Base(DeclarativeBase):
    pass


class Order(Base):
    __tablename__ = "orders"
    event: Mapped[int] = mapped_column(primary_key=True)
    parent: Mapped[Optional[int]] = mapped_column()


class Host:
    """One kind of host on one file: what is attached, and how its user writes, commits and rolls back."""

    #: Whether a second thread has a connection of its own.
    many = False

    def __init__(self, path: Path) -> None:
        self.path = path
        with connect(path) as made:
            made.execute("PRAGMA journal_mode = WAL")
            made.execute(CREATE)
        made.close()
        self.given: Any = self.make()

    def make(self) -> Any:
        """What is attached."""
        raise NotImplementedError

    def write(self, tx: Any, event: int, parent: Optional[int] = None) -> None:
        """Write an order as this host's users do."""
        raise NotImplementedError

    def begin(self) -> None:
        """Open a transaction of the application's, by writing where that is what opens one."""
        self.write(self.given, 1000)

    def commit(self, tx: Any) -> None:
        tx.commit()

    def rollback(self) -> None:
        self.given.rollback()

    def close(self) -> None:
        self.given.close()

    def orders(self) -> List[int]:
        """What another connection sees."""
        return [row[0] for row in rows(self.path, "SELECT event FROM orders ORDER BY event")]


class Sqlite(Host):
    isolation_level: Any = ""

    def make(self) -> Any:
        return connect(self.path, self.isolation_level)

    def write(self, tx: Any, event: int, parent: Optional[int] = None) -> None:
        tx.execute("INSERT INTO orders VALUES (?, ?)", (event, parent))


class SqliteAutocommit(Sqlite):
    isolation_level = None

    def begin(self) -> None:
        self.given.execute("BEGIN")
        super().begin()


class SqliteImmediate(Sqlite):
    isolation_level = "IMMEDIATE"


def engine_of(path: Path, **options: Any) -> Engine:
    engine = create_engine(f"sqlite:///{path}", **options)

    @event.listens_for(engine, "connect")
    def pragmas(raw: Any, _: Any) -> None:
        raw.execute("PRAGMA foreign_keys = ON").close()
        raw.execute("PRAGMA synchronous = FULL").close()

    return engine


def begins_itself(engine: Engine) -> Engine:
    """The setting that SQLAlchemy's documentation gives for real transactions with older Pythons."""

    @event.listens_for(engine, "connect")
    def connected(raw: Any, _: Any) -> None:
        raw.isolation_level = None

    @event.listens_for(engine, "begin")
    def begun(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


class AnEngine(Host):
    many = True

    def make(self) -> Any:
        return engine_of(self.path)

    def write(self, tx: Any, event: int, parent: Optional[int] = None) -> None:
        tx.execute(Order.__table__.insert().values(event=event, parent=parent))

    def close(self) -> None:
        self.given.dispose()


class AConnection(AnEngine):
    many = False

    def make(self) -> Any:
        self.engine = engine_of(self.path)
        return self.engine.connect()

    def close(self) -> None:
        self.given.close()
        self.engine.dispose()


class ASession(Host):
    def make(self) -> Any:
        self.engine = self.make_engine()
        return Session(self.engine)

    def make_engine(self) -> Engine:
        return engine_of(self.path)

    def write(self, tx: Any, event: int, parent: Optional[int] = None) -> None:
        tx.add(Order(event=event, parent=parent))

    def close(self) -> None:
        self.given.close()
        self.engine.dispose()


class ASessionThatBegins(ASession):
    def make_engine(self) -> Engine:
        return begins_itself(engine_of(self.path))


class AScopedSession(ASession):
    def make(self) -> Any:
        self.engine = self.make_engine()
        return scoped_session(sessionmaker(self.engine))

    def close(self) -> None:
        self.given.remove()
        self.engine.dispose()


class AMaker(ASession):
    many = True

    def make(self) -> Any:
        self.engine = self.make_engine()
        return sessionmaker(self.engine)

    def close(self) -> None:
        self.engine.dispose()


class Django(Host):
    many = True

    def make(self) -> Any:
        configure_django()
        from django.db import connections

        connections.close_all()
        for alias in ("default",):
            settings.DATABASES[alias]["NAME"] = str(self.path)
            connections[alias].settings_dict["NAME"] = str(self.path)
        from django.db import connection

        return connection

    def write(self, tx: Any, event: int, parent: Optional[int] = None) -> None:
        from django_app.models import Order as DjangoOrder

        DjangoOrder.objects.create(event=event, parent_id=parent)

    def begin(self) -> None:
        from django.db import transaction

        self.atomic = transaction.atomic()
        self.atomic.__enter__()
        super().begin()

    def commit(self, tx: Any) -> None:
        tx.cursor().execute("COMMIT")

    def rollback(self) -> None:
        self.atomic.__exit__(ValueError, ValueError(), None)

    def close(self) -> None:
        self.given.close()


def configure_django() -> None:
    if not settings.configured:
        settings.configure(
            SECRET_KEY="of the tests",
            DATABASES={
                "default": {
                    "ENGINE": "django.db.backends.sqlite3",
                    "NAME": "unset",
                    "OPTIONS": {"init_command": "PRAGMA synchronous = FULL"},
                }
            },
            INSTALLED_APPS=["django_app"],
            ROOT_URLCONF="django_app.urls",
            ALLOWED_HOSTS=["*"],
            USE_TZ=True,
            DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        )
        django.setup()


KINDS: Dict[str, Callable[[Path], Host]] = {
    "sqlite3": Sqlite,
    "sqlite3, isolation_level None": SqliteAutocommit,
    "sqlite3, IMMEDIATE": SqliteImmediate,
    "Engine": AnEngine,
    "Connection": AConnection,
    "Session": ASession,
    "Session whose engine begins": ASessionThatBegins,
    "scoped_session": AScopedSession,
    "sessionmaker": AMaker,
    "Django": Django,
}


def connect(path: Any, isolation_level: Any = None, **options: Any) -> sqlite3.Connection:
    made = sqlite3.connect(path, isolation_level=isolation_level, timeout=20, **options)
    made.execute("PRAGMA foreign_keys = ON")
    made.execute("PRAGMA synchronous = FULL")
    return made


def rows(path: Path, sql: str, *parameters: Any) -> List[Any]:
    """Read by a connection of its own."""
    reader = connect(path)
    try:
        return reader.execute(sql, parameters).fetchall()
    finally:
        reader.close()


def shop(inbox: knocker.Knocker, **options: Any) -> knocker.Endpoint:
    return inbox.endpoint("shop", provider="token-header", secrets=TOKEN, provider_options=OPTIONS, **options)


def send(inbox: knocker.Knocker, number: Any = 1, event_type: str = "order") -> knocker.Result:
    return inbox.receive("shop", f'{{"id":"{number}","type":"{event_type}"}}'.encode(), HEADERS)


def statuses(path: Path) -> List[str]:
    return [row[0] for row in rows(path, "SELECT status FROM knocker_events ORDER BY id")]


def jobs(path: Path) -> int:
    count: int = rows(path, "SELECT count(*) FROM _honker_live")[0][0]
    return count


def environment() -> Dict[str, str]:
    here = Path(__file__).resolve().parent
    paths = [str(here.parents[1] / "src"), str(here.parent), str(here)]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1"}
