"""An inbox on connections of the application's own."""

from __future__ import annotations

import asyncio
import os
from typing import Any, Callable, List, Mapping, NoReturn, Optional, Sequence, Set, TypeVar

from knocker import _arguments as arguments
from knocker._attached_worker import AttachedWorker
from knocker._handlers import Registry, registry_of
from knocker._hosts import host_of
from knocker._inbox import Knocker
from knocker._models import Finished, StopReport
from knocker._transport import Transport

T = TypeVar("T")

_kept: Set[Registry] = set()


class AttachedInbox(Knocker):
    """An inbox whose every call runs on a connection of the application's, in its transaction where one is open.

    Made by :func:`knocker.attach`, with the methods of :class:`Knocker`. What
    needs connections of its own raises ``invalid_state``: ``backup``, ``expunge``,
    ``run_retention``, ``watch_hooks``. Closing it leaves the connection open.
    """

    def __init__(self, connection: Any, options: Mapping[str, Any]) -> None:
        transport = Transport(host_of(connection))
        request = {name: value for name, value in options.items() if value is not None}
        if "redact_headers" in request:
            request["redact_headers"] = arguments.texts(request["redact_headers"])
        reply = transport.attach({"options": request})
        self._transport = transport
        transport.registry = registry_of(reply["path"] or "")
        # The library keeps an attached file's handlers as long as the process lives, whatever becomes of this object.
        _kept.add(transport.registry)
        self._set_up(transport, {**reply, "db": 1, "engine": "host", "path": reply["path"] or ""}, transport.registry)

    def __del__(self) -> None:
        """Nothing is held."""

    def __repr__(self) -> str:
        state = " closed" if self.closed else ""
        return f"<knocker.AttachedInbox {self.path!r}{state}>"

    async def _off_loop(self, function: Callable[..., T], *values: Any) -> T:
        # A single connection belongs to its thread, and a handler's is in its transaction.
        if not self._transport.host.many or self._transport.in_handler() is not None or os.getpid() != self._pid:
            return function(*values)

        def run() -> T:
            try:
                return function(*values)
            finally:
                self._transport.host.thread_ends()

        return await super()._off_loop(run)

    def _open_worker(
        self, options: Mapping[str, Any], loop: Optional[asyncio.AbstractEventLoop] = None
    ) -> AttachedWorker:
        self._usable()
        given = {name: value for name, value in options.items() if value is not None}
        return self._opened(AttachedWorker(self._transport, self._registry, given, loop))

    async def _aclose_worker(self, worker: Any) -> None:
        self._workers.discard(worker)
        await self._off_loop(worker.close)

    def _run(self, worker: Any, stop_event: Any) -> StopReport:
        if self._transport.host.many:
            return super()._run(worker, stop_event)
        try:
            worker.serve_here(stop_event)
        finally:
            self._close_worker(worker)
        report: StopReport = worker.report
        return report

    async def _arun(self, worker: Any, stop_event: Any) -> StopReport:
        if self._transport.host.many:
            return await super()._arun(worker, stop_event)
        try:
            await worker.serve_on_loop(stop_event)
        finally:
            self._close_worker(worker)
        report: StopReport = worker.report
        return report

    async def _arun_once(self, worker: Any) -> List[Finished]:
        if self._transport.host.many:
            return await super()._arun_once(worker)
        try:
            handled: List[Finished] = await worker.serve_on_loop(once=True)
            return handled
        finally:
            self._close_worker(worker)


def attach(
    connection: Any,
    *,
    queue_name: Optional[str] = None,
    max_body_bytes: Optional[int] = None,
    max_orphans: Optional[int] = None,
    max_orphan_bytes: Optional[int] = None,
    max_orphan_body_bytes: Optional[int] = None,
    max_orphans_per_s: Optional[int] = None,
    redact_headers: Optional[Sequence[str]] = None,
    migrate: Optional[str] = None,
    max_attempts: Optional[int] = None,
    backoff_initial_s: Optional[float] = None,
    backoff_factor: Optional[float] = None,
    backoff_max_s: Optional[float] = None,
    backoff_jitter: Optional[bool] = None,
    clock: Optional[Mapping[str, float]] = None,
    **unknown: NoReturn,
) -> AttachedInbox:
    """Attach an inbox to a connection of the application's own SQLite.

    ``connection``: a ``sqlite3.Connection`` (or pysqlite3's); SQLAlchemy's
    Engine, Connection, Session, scoped_session or sessionmaker; Django's
    ``connection``. The library is loaded into it as by ``load_extension``, and
    the inbox's tables are made where there are none.

    Every call runs on that connection: in its transaction where one is open
    (``result.durable`` is False then, and your commit stores it), else in one of
    its own. A handler's ``tx`` is the object that you attached; of an Engine a
    Connection, of a sessionmaker a Session. Its transaction is open from before
    the handler until after "handled": don't commit, and do slow work elsewhere.

    The options are those of :func:`knocker.open`, with the same defaults. Attaching
    again, to any connection of the file, is the same inbox; other options
    are ``open_options_conflict``. Whether a commit waits for the disk is
    your connection's ``PRAGMA synchronous``: FULL is what webhooks need.

    Raises KnockerError: ``driver_unavailable``, ``migration_needed``,
    ``schema_too_new``, ``read_only``, ``invalid_argument`` and others.
    """
    options = {name: value for name, value in locals().items() if name not in ("connection", "unknown")}
    return AttachedInbox(connection, {**options, **unknown})
