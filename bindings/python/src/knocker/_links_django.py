"""Django's connections."""

from __future__ import annotations

from typing import Any, Optional

from knocker._hosts import Host
from knocker._links import Link, begin, transaction_open


class DjangoLink(Link):
    """A connection wrapper of Django's. A handler runs inside ``transaction.atomic``; its own ones are savepoints."""

    def __init__(self, wrapper: Any) -> None:
        self.tx = wrapper
        self._atomic: Optional[Any] = None

    def raw(self) -> Any:
        """The driver's connection below it; raises in an atomic block with an error, which Django would roll back."""
        self.tx.ensure_connection()
        self.tx.validate_no_broken_transaction()
        return self.tx.connection

    def enter(self) -> None:
        """Refuse an atomic block, such as that around a TestCase's test."""
        if self.tx.in_atomic_block or not self.tx.get_autocommit():
            raise transaction_open()
        super().enter()

    def begin(self) -> None:
        """Enter ``atomic``, with the right to write."""
        from django.db import transaction  # type: ignore[import-untyped,unused-ignore]

        atomic = transaction.atomic(using=self.tx.alias)
        atomic.__enter__()
        self._atomic = atomic
        begin(self.tx.connection)

    def commit(self) -> None:
        """Leave ``atomic``; Django runs what waits for the commit."""
        self._exit(None)

    def rollback(self) -> None:
        """Leave ``atomic`` by an error."""
        self._exit(_Rollback())

    def _exit(self, error: Optional[BaseException]) -> None:
        atomic, self._atomic = self._atomic, None
        if atomic is not None:
            atomic.__exit__(type(error) if error else None, error, None)


class _Rollback(Exception):
    """Tells Django to roll back."""


class DjangoHost(Host):
    """A connection wrapper, which belongs to its thread."""

    def link(self) -> Link:
        """The wrapper."""
        return DjangoLink(self.given)


class ThreadsDjangoHost(Host):
    """``django.db.connection``: another connection in each thread."""

    @property
    def many(self) -> bool:
        """Unless the database is in memory, as a test's."""
        return not self.given.is_in_memory_db()

    def link(self) -> Link:
        """This thread's connection."""
        return DjangoLink(self.given)

    def thread_ends(self) -> None:
        """Close what nobody else would."""
        self.given.close()
