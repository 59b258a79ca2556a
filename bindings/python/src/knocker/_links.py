"""A connection of the application's in the hands of one thread."""

from __future__ import annotations

from typing import Any

from knocker._errors import KnockerError
from knocker._extension import knocker_error, load_into
from knocker.errors import InvalidStateError

#: As bytes: a connection's text_factory is the application's.
_CALL = "SELECT CAST(knocker_call(?, ?, ?) AS BLOB)"


class Link:
    """One connection, and how its owner begins and ends transactions."""

    #: What a handler gets as its ``tx``: the application's own object.
    tx: Any = None

    def raw(self) -> Any:
        """The connection of sqlite3 that a call runs on, in the transaction that is open there.

        Raises the host's own error where that transaction can't be committed any more.
        """
        raise NotImplementedError

    def alone(self) -> Any:
        """The same for a call that must not run in a transaction. None of the application's is open: see ``enter``."""
        return self.raw()

    def after(self) -> None:
        """Undo what ``raw`` or ``alone`` did for a call that is over."""

    def enter(self) -> None:
        """Make ready for a worker. Raises ``invalid_state`` where the application has a transaction open."""
        if self.raw().in_transaction:
            raise transaction_open()

    def leave(self) -> None:
        """Undo ``enter``."""

    def begin(self) -> None:
        """Begin the transaction that a handler and "handled" share."""
        raise NotImplementedError

    def commit(self) -> None:
        """Commit it."""
        raise NotImplementedError

    def rollback(self) -> None:
        """Roll back what is left of it; nothing is fine."""
        raise NotImplementedError

    def rest(self) -> None:
        """Hold nothing until the next step."""

    def close(self) -> None:
        """Give the connection back to its owner."""


class SqliteLink(Link):
    """A ``sqlite3.Connection``. Statements do all, for what ``commit()`` does depends on how it was opened."""

    def __init__(self, connection: Any) -> None:
        self.tx = connection

    def raw(self) -> Any:
        """The connection."""
        return self.tx

    def enter(self) -> None:
        """Refuse an open transaction, except where one always is: with ``autocommit=False``."""
        if not always_open(self.tx):
            super().enter()
        elif self.tx.in_transaction:
            # As setting the attribute to True does.
            execute(self.tx, "COMMIT")

    def leave(self) -> None:
        """Open again what is always open."""
        restore(self.tx)

    def begin(self) -> None:
        """Begin."""
        execute(self.tx, "BEGIN IMMEDIATE")

    def commit(self) -> None:
        """Commit."""
        execute(self.tx, "COMMIT")

    def rollback(self) -> None:
        """Roll back."""
        rollback(self.tx)


def call(raw: Any, method: str, text: bytes, body: Any = None) -> bytes:
    """Call the library on a connection, which is given its functions when it has none yet; answers the reply's text."""
    parameters = (method, text.decode("utf-8"), body)
    try:
        try:
            return _one(raw, parameters)
        except Exception as error:
            if "no such function: knocker_call" not in str(error):
                raise
        load_into(raw)
        return _one(raw, parameters)
    except KnockerError:
        raise
    except Exception as error:
        known = knocker_error(error)
        if known is None:
            raise
        raise known from error


def _one(raw: Any, parameters: Any) -> bytes:
    cursor = raw.cursor()
    cursor.row_factory = None
    try:
        answer: bytes = cursor.execute(_CALL, parameters).fetchone()[0]
    finally:
        cursor.close()
    return answer


def execute(raw: Any, sql: str) -> None:
    """Run a statement beside all that the application has set up."""
    raw.cursor().execute(sql).close()


def begin(raw: Any) -> None:
    """Begin at once with the right to write, also where the owner's own way has begun without it."""
    rollback(raw)
    execute(raw, "BEGIN IMMEDIATE")


def rollback(raw: Any) -> None:
    """Roll back if anything is open."""
    if raw.in_transaction:
        execute(raw, "ROLLBACK")


def always_open(raw: Any) -> bool:
    """Whether the driver keeps a transaction open: opened with ``autocommit=False``, Python 3.12."""
    return getattr(raw, "autocommit", None) is False


def restore(raw: Any) -> None:
    """Open what the driver expects to be open when it commits or rolls back."""
    if always_open(raw) and not raw.in_transaction:
        execute(raw, "BEGIN")


def transaction_open() -> InvalidStateError:
    """What a worker says to a transaction of the application's."""
    return InvalidStateError(
        "The connection is in a transaction, and a worker needs transactions of its own: commit or roll back first."
    )
