"""Asynchronous receives: tickets, and the event loops that wait for them.

Several loops in several threads may wait on one inbox. Each watches the
library's completion descriptor while it waits for something; whichever wakes
first takes all completed tickets and tells each to its own loop. There are no
locks: every dictionary step below is a single one.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any, Dict, Mapping, Optional, Tuple

from knocker._errors import KnockerError, error_from_reply
from knocker._library import Library
from knocker.errors import BusyError, ClosedError

Waiting = Tuple[asyncio.AbstractEventLoop, "asyncio.Future[Any]"]


class Completions:
    """The tickets of one inbox."""

    def __init__(self, library: Library, db: int) -> None:
        self._library = library
        self._db = db
        self._descriptor: Optional[int] = None
        self._waiting: Dict[int, Waiting] = {}
        # Outcomes that one loop has taken before the loop that started the
        # ticket could note it down.
        self._early: Dict[int, Mapping[str, Any]] = {}
        self._watches: Dict[int, _Watch] = {}

    async def receive(self, text: bytes, body: bytes) -> Any:
        """Start a receive and wait for its outcome; cancelling gives it up if it is not being stored yet."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        watch = self._watch(loop)
        try:
            ticket = self._start(text, body)
            self._waiting[ticket] = (loop, future)
            early = self._early.pop(ticket, None)
            if early is not None:
                self._waiting.pop(ticket, None)
                _settle(future, early)
            try:
                return await future
            except asyncio.CancelledError:
                self._cancel(ticket)
                raise
        finally:
            self._unwatch(loop, watch)

    def _start(self, text: bytes, body: bytes) -> int:
        try:
            return self._library.receive_start(self._db, text, body)
        except BusyError:
            # Outcomes take up the room whose callers were cancelled too late:
            # no loop has waited since, so none has fetched them.
            self._poll()
            return self._library.receive_start(self._db, text, body)

    def fail_all(self) -> None:
        """Tell everybody who still waits that the inbox is closed."""
        self._fail(ClosedError())

    def _cancel(self, ticket: int) -> None:
        try:
            if self._library.receive_cancel(self._db, ticket):
                self._waiting.pop(ticket, None)
        except KnockerError:  # closed meanwhile: nobody waits for the outcome any more
            self._waiting.pop(ticket, None)

    def _watch(self, loop: asyncio.AbstractEventLoop) -> _Watch:
        watch = self._watches.get(id(loop))
        if watch is None or watch.loop is not loop:
            watch = self._watches[id(loop)] = _Watch(loop, self._descriptor_of_library(), self._poll)
        watch.users += 1
        return watch

    def _descriptor_of_library(self) -> int:
        if self._descriptor is None:
            self._descriptor = int(self._library.call(self._db, "completion_descriptor", {})["descriptor"])
        return self._descriptor

    def _unwatch(self, loop: asyncio.AbstractEventLoop, watch: _Watch) -> None:
        watch.users -= 1
        if watch.users == 0:
            self._watches.pop(id(loop), None)
            watch.end()

    def _poll(self) -> None:
        try:
            completed = self._library.receive_poll(self._db)
        except KnockerError as error:
            self._fail(error)
            return
        for outcome in completed:
            self._deliver(outcome["ticket"], outcome)

    def _deliver(self, ticket: int, outcome: Mapping[str, Any]) -> None:
        waiting = self._waiting.pop(ticket, None)
        if waiting is None:
            # Its starter is another thread that has not got as far; leave the
            # outcome, and look again in case it did so just now. Whoever takes
            # the outcome away tells it.
            self._early[ticket] = outcome
            waiting = self._waiting.pop(ticket, None)
            if waiting is None or self._early.pop(ticket, None) is None:
                return
        _call(*waiting, outcome)

    def _fail(self, error: KnockerError) -> None:
        failed = {
            "code": error.code,
            "message": error.message,
            "http_status": error.http_status,
            "retryable": error.retryable,
        }
        while self._waiting:
            try:
                _, waiting = self._waiting.popitem()
            except KeyError:
                return
            _call(*waiting, {"error": failed})


class _Watch:
    """A loop's reader on its own duplicate of the descriptor.

    The duplicate stays valid when the library closes the inbox, so the loop
    never watches a number that meanwhile means another file.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, descriptor: int, poll: Any) -> None:
        self.loop = loop
        self.users = 0
        self._own = os.dup(descriptor)
        try:
            loop.add_reader(self._own, poll)
        except BaseException:
            os.close(self._own)
            raise

    def end(self) -> None:
        """Stop watching."""
        if not self.loop.is_closed():
            self.loop.remove_reader(self._own)
        os.close(self._own)


def _call(loop: asyncio.AbstractEventLoop, future: asyncio.Future[Any], outcome: Mapping[str, Any]) -> None:
    try:
        loop.call_soon_threadsafe(_settle, future, outcome)
    except RuntimeError:  # the loop is closed: its caller is gone
        return


def _settle(future: asyncio.Future[Any], outcome: Mapping[str, Any]) -> None:
    if future.done():
        return
    if "error" in outcome:
        future.set_exception(error_from_reply(outcome["error"]))
    else:
        future.set_result(outcome["ok"])
