"""What an inbox can be attached to, recognised by its methods: none of these packages is imported for it."""

from __future__ import annotations

from typing import Any

from knocker._extension import load_into
from knocker._links import Link, SqliteLink
from knocker._outcomes import type_name
from knocker.errors import InvalidArgumentError


class Host:
    """The application's object, and how a thread gets a connection from it."""

    def __init__(self, given: Any) -> None:
        self.given = given

    @property
    def many(self) -> bool:
        """Whether each of several threads gets a connection of its own, to one database."""
        return False

    def link(self) -> Link:
        """A connection for the calling thread, to be closed."""
        raise NotImplementedError

    def shared(self) -> Any:
        """The object that all threads and tasks of the moment would use together; None where each has its own."""
        return None if self.many else self.given

    def thread_ends(self) -> None:
        """Let go of what belongs to the calling thread, one of this package's own."""

    def load(self, bootstrap: bool) -> None:
        """Load the library into the connection, or into all that there will be."""
        link = self.link()
        try:
            load_into(link.raw(), bootstrap)
        finally:
            link.close()


class SqliteHost(Host):
    """A ``sqlite3.Connection``, or one of a module like it."""

    def link(self) -> Link:
        """The connection itself."""
        return SqliteLink(self.given)


def host_of(given: Any) -> Host:
    """Recognise the application's object."""
    from knocker._links_django import DjangoHost, ThreadsDjangoHost
    from knocker._links_sqlalchemy import ConnectionHost, EngineHost, MakerHost, SessionHost

    def has(*names: str) -> bool:
        return all(hasattr(given, name) for name in names)

    if hasattr(given, "sync_session") or hasattr(given, "sync_engine"):
        raise InvalidArgumentError(
            f"{type(given).__name__} is asynchronous: attach a synchronous Engine or Session on the same file, "
            "whose calls areceive and arun_worker keep off the event loop."
        )
    if has("vendor", "ensure_connection", "in_atomic_block"):
        if given.vendor != "sqlite":
            raise InvalidArgumentError(f"The inbox is a SQLite file, and this connection is to {given.vendor}.")
        # django.db.connection is each thread's connection, connections["default"] that of this one.
        return ThreadsDjangoHost(given) if "_alias" in vars(given) else DjangoHost(given)
    if has("dialect", "raw_connection", "connect"):
        return EngineHost(given)
    if has("dialect", "exec_driver_sql", "in_transaction"):
        return ConnectionHost(given)
    if has("get_bind", "flush", "autoflush"):
        return SessionHost(given)
    if has("class_", "kw", "configure") and callable(given):
        return MakerHost(given)
    if has("cursor", "in_transaction", "isolation_level"):
        return SqliteHost(given)
    raise InvalidArgumentError(
        f"An inbox can't be attached to {type_name(given)}: give a sqlite3.Connection, "
        "SQLAlchemy's Engine, Connection, Session or sessionmaker, or Django's connection."
    )
