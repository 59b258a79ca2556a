"""SQLAlchemy's Engine, Connection, Session, scoped_session and sessionmaker."""

from __future__ import annotations

from typing import Any, Optional

from knocker._extension import load_into
from knocker._hosts import Host
from knocker._links import Link, begin, execute, restore, rollback, transaction_open
from knocker.errors import InvalidArgumentError


class ConnectionLink(Link):
    """A Connection that the application has checked out."""

    def __init__(self, connection: Any) -> None:
        self.tx = connection

    def raw(self) -> Any:
        """The driver's connection below it, in a transaction only if SQLAlchemy has begun one: it would not commit."""
        raw = driver_connection(self.tx)
        if not self.tx.in_transaction():
            rollback(raw)
        return raw

    def after(self) -> None:
        """Open what the driver expects."""
        if self.tx is not None:
            restore(driver_connection(self.tx))

    def enter(self) -> None:
        """Refuse a transaction that has begun."""
        if self.tx.in_transaction():
            raise transaction_open()
        super().enter()

    def begin(self) -> None:
        """Begin for SQLAlchemy, then for SQLite with the right to write."""
        self.tx.begin()
        begin(self.raw())

    def commit(self) -> None:
        """Commit, in the driver's own autocommit mode too."""
        commit(driver_connection(self.tx))
        self.tx.commit()

    def rollback(self) -> None:
        """Roll back both."""
        raw = driver_connection(self.tx)
        rollback(raw)
        restore(raw)
        self.tx.rollback()


class EngineLink(ConnectionLink):
    """A Connection of our own from the pool."""

    def __init__(self, engine: Any) -> None:
        super().__init__(None)
        self._engine = engine

    def raw(self) -> Any:
        """The connection below, checked out at the first use."""
        if self.tx is None:
            self.tx = self._engine.connect()
        return super().raw()

    def enter(self) -> None:
        """Nothing of the application's can be open here."""

    def begin(self) -> None:
        """Check out, and begin."""
        self.raw()
        super().begin()

    def rollback(self) -> None:
        """Roll back both, unless the handler has closed the Connection, which rolls back too."""
        if self.tx.closed:
            self.tx = None
        else:
            super().rollback()

    def rest(self) -> None:
        """Give the connection back to the pool."""
        connection, self.tx = self.tx, None
        if connection is not None:
            restore(driver_connection(connection))
            connection.close()

    def close(self) -> None:
        """Give the connection back to the pool."""
        self.rest()


class SessionLink(Link):
    """A Session; ``ours``: made for the worker, so it forgets its objects between two steps."""

    def __init__(self, session: Any, ours: bool = False, tx: Any = None) -> None:
        self._session = session
        self._ours = ours
        self._outside: Optional[Link] = None
        self.tx = session if tx is None else tx

    def raw(self) -> Any:
        """The connection of the Session's transaction, after what waits to be written; else one of its engine's."""
        if not self._session.in_transaction():
            return self.alone()
        if self._session.autoflush:
            self._session.flush()
        return driver_connection(self._session.connection())

    def alone(self) -> Any:
        """A connection of the engine's."""
        if self._outside is None:
            bind = self._session.get_bind()
            self._outside = EngineLink(bind) if hasattr(bind, "raw_connection") else ConnectionLink(bind)
        return self._outside.raw()

    def after(self) -> None:
        """Give the engine's connection back."""
        self._leave_outside()

    def enter(self) -> None:
        """Refuse what is not committed yet; a Session that has only read starts anew."""
        session = self._session
        if not session.in_transaction():
            return
        if session.new or session.dirty or session.deleted or driver_connection(session.connection()).in_transaction:
            raise transaction_open()
        session.rollback()

    def begin(self) -> None:
        """Begin for SQLAlchemy, then for SQLite with the right to write."""
        self._session.begin()
        begin(driver_connection(self._session.connection()))

    def commit(self) -> None:
        """Commit, in the driver's own autocommit mode too."""
        commit(driver_connection(self._session.connection()))
        self._session.commit()

    def rollback(self) -> None:
        """Roll back both."""
        if self._session.in_transaction() and self._session.is_active:
            raw = driver_connection(self._session.connection())
            rollback(raw)
            restore(raw)
        self._session.rollback()

    def rest(self) -> None:
        """Hold no objects."""
        if self._ours:
            self._session.close()

    def close(self) -> None:
        """Hold no connection."""
        self._leave_outside()
        self.rest()

    def _leave_outside(self) -> None:
        outside, self._outside = self._outside, None
        if outside is not None:
            outside.after()
            outside.close()


class ConnectionHost(Host):
    """A Connection."""

    def link(self) -> Link:
        """The Connection itself."""
        refuse_other_databases(self.given)
        return ConnectionLink(self.given)


class EngineHost(Host):
    """An Engine: each thread checks out its own Connection."""

    def __init__(self, given: Any) -> None:
        super().__init__(given)
        refuse_other_databases(given)
        self._single = is_single(given)

    @property
    def many(self) -> bool:
        """Unless all would have one connection, or a database each."""
        return not self._single

    def link(self) -> Link:
        """A Connection of the pool."""
        return EngineLink(self.given)

    def load(self, bootstrap: bool) -> None:
        """Load into each connection when the pool hands it out."""
        from sqlalchemy import event  # type: ignore[import-not-found,unused-ignore]

        def load(raw: Any, record: Any, _: Any) -> None:
            if not record.info.get("knocker"):
                load_into(raw, bootstrap)
                record.info["knocker"] = True

        event.listen(self.given, "checkout", load)
        super().load(bootstrap)  # at least once, so that what is wrong shows here


class SessionHost(Host):
    """A Session, or the scoped_session that stands for one."""

    def link(self) -> Link:
        """The Session of this moment; a handler gets what was attached."""
        session = self.shared()
        refuse_other_databases(session.get_bind())
        return SessionLink(session, tx=self.given)

    def shared(self) -> Any:
        """The Session of this moment."""
        scoped = hasattr(self.given, "registry") and callable(self.given)
        return self.given() if scoped else self.given


class MakerHost(Host):
    """A sessionmaker: each thread gets a Session."""

    def __init__(self, given: Any) -> None:
        super().__init__(given)
        with given() as session:
            self._single = is_single(session.get_bind())

    @property
    def many(self) -> bool:
        """Unless its engine has one connection, or a database for each."""
        return not self._single

    def link(self) -> Link:
        """A new Session."""
        session = self.given()
        refuse_other_databases(session.get_bind())
        return SessionLink(session, ours=True)


def driver_connection(connection: Any) -> Any:
    """The connection of sqlite3 below a Connection of SQLAlchemy's."""
    return connection.connection.dbapi_connection


def is_single(bind: Any) -> bool:
    """Whether the database is in memory, where each connection has its own, or the pool has one connection for all."""
    engine = bind.engine
    in_memory = engine.url.database in (None, "", ":memory:") or "mode=memory" in str(engine.url)
    return in_memory or type(engine.pool).__name__ == "StaticPool"


def commit(raw: Any) -> None:
    """Commit where the driver's own way does nothing: opened with ``autocommit=True``, Python 3.12."""
    if getattr(raw, "autocommit", None) is True and raw.in_transaction:
        execute(raw, "COMMIT")


def refuse_other_databases(bind: Any) -> None:
    """Refuse what is not a SQLite database, or not by a driver like sqlite3."""
    if bind.dialect.name != "sqlite" or bind.dialect.is_async:
        driver = f"{bind.dialect.name}+{bind.dialect.driver}"
        raise InvalidArgumentError(f"The inbox is a SQLite file, reached by sqlite3 or pysqlite3; this is {driver}.")
