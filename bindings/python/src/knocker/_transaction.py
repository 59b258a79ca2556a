"""The transaction that a handler writes in."""

from __future__ import annotations

import asyncio
import queue
from typing import Any, Callable, List, Optional, Tuple

from knocker._home import thread_home
from knocker._library import Library
from knocker._values import Executed, Parameters, Row, decode_cell, decode_rows, encode_parameters
from knocker.errors import ClosedError


class Tx:
    """The transaction of a plain ``def`` handler.

    It opens at the first ``execute`` or ``query`` and is committed together
    with "handled" when the handler returns; when the handler raises, all of it
    is rolled back. It may stay open for ``max_transaction_s`` (defaults to 3
    seconds), so do slow work before its first use. One statement a call.
    SAVEPOINT is allowed; BEGIN, COMMIT, ROLLBACK, ATTACH, TEMP objects, PRAGMAs
    that set something and writes to ``knocker_*`` are ``forbidden_in_handler``.
    """

    def __init__(self, library: Library, step: int) -> None:
        self._library = library
        self._step = step

    def begin(self) -> None:
        """Open the transaction now, so that what is read next can't change any more."""
        self._library.tx(self._step, {"op": "begin", "home": thread_home()}, ())

    def execute(self, sql: str, params: Parameters = ()) -> Executed:
        """Run a statement.

        ``params``: a sequence for ``?``, a mapping for ``:name``; values are
        None, int (64 bits), float (NaN becomes NULL), str, bytes-like or bool.
        Raises KnockerError: ``sql_error``, ``forbidden_in_handler``,
        ``transaction_timeout``, ``busy``, ``would_deadlock``, ``invalid_argument``.
        """
        return run_execute(self._library, self._step, sql, params, thread_home())

    def query(self, sql: str, params: Parameters = ()) -> List[Row]:
        """Run a query and return all its rows; parameters and errors as for ``execute``."""
        return run_query(self._library, self._step, sql, params, thread_home())


class AsyncTx:
    """The transaction of an ``async def`` handler: as :class:`Tx`, with methods that are awaited.

    None of them blocks the event loop. ``await tx.begin()`` opens the
    transaction ahead of its first use.
    """

    # The calls name no home: they run off the loop, so nothing stands still
    # while they wait. The transaction belongs to the home of its step.

    def __init__(self, library: Library, step: int, calls: Calls) -> None:
        self._library = library
        self._step = step
        self._calls = calls

    async def begin(self) -> None:
        """Open the transaction now."""
        await self._calls.run(lambda: self._library.tx(self._step, {"op": "begin"}, ()))

    async def execute(self, sql: str, params: Parameters = ()) -> Executed:
        """Run a statement: see :meth:`Tx.execute`."""
        done: Executed = await self._calls.run(lambda: run_execute(self._library, self._step, sql, params))
        return done

    async def query(self, sql: str, params: Parameters = ()) -> List[Row]:
        """Run a query: see :meth:`Tx.query`."""
        rows: List[Row] = await self._calls.run(lambda: run_query(self._library, self._step, sql, params))
        return rows


def run_execute(library: Library, step: int, sql: str, params: Parameters, home: Optional[int] = None) -> Executed:
    """Run a statement in a step's transaction."""
    cells, blobs = encode_parameters(params)
    reply = library.tx(step, {"op": "execute", "sql": sql, "params": cells, "home": home}, blobs)
    rowid = decode_cell(reply["last_insert_rowid"])
    return Executed(changes=int(reply["changes"]), lastrowid=rowid if isinstance(rowid, int) else 0)


def run_query(library: Library, step: int, sql: str, params: Parameters, home: Optional[int] = None) -> List[Row]:
    """Run a query in a step's transaction."""
    cells, blobs = encode_parameters(params)
    return decode_rows(library.tx(step, {"op": "query", "sql": sql, "params": cells, "home": home}, blobs))


class Calls:
    """Work that a coroutine hands to the thread which waits for it.

    The thread of a worker's slot has nothing to do while the handler's
    coroutine runs, so it serves the handler's transaction.
    """

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Optional[Tuple[Callable[[], Any], asyncio.Future[Any]]]] = queue.SimpleQueue()
        self._over = False

    async def run(self, work: Callable[[], Any]) -> Any:
        """Have work done on the thread and wait for its answer."""
        if self._over:
            raise ClosedError("The handler is over, and so is its transaction.")
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._queue.put((work, future))
        if self._over and not future.done():
            future.cancel()
            raise ClosedError("The handler is over, and so is its transaction.")
        return await future

    def finish(self) -> None:
        """Let the serving thread go on: the coroutine has ended."""
        self._over = True
        self._queue.put(None)

    def serve(self) -> None:
        """Do what comes until the coroutine has ended."""
        while True:
            item = self._queue.get()
            if item is None:
                return
            work, future = item
            try:
                answer, error = work(), None
            except BaseException as caught:  # it is raised where it is awaited
                answer, error = None, caught
            _settle(future, answer, error)


def _settle(future: asyncio.Future[Any], answer: Any, error: Optional[BaseException]) -> None:
    def settle() -> None:
        if future.done():  # its caller was cancelled
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(answer)

    try:
        future.get_loop().call_soon_threadsafe(settle)
    except RuntimeError:  # the loop is closed, so nobody waits any more
        return
