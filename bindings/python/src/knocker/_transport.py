"""Calls of the library by SQL, on connections of the application's."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import weakref
from dataclasses import dataclass
from typing import Any, Mapping, Optional

from knocker._encoding import encode
from knocker._handlers import SCOPE, Registry
from knocker._hosts import Host
from knocker._library import answer
from knocker._links import Link, call
from knocker.errors import BusyError, ClosedError, WouldDeadlockError

#: How long a call waits for a handler that another thread runs on the same connection.
_TURN_S = 5.0


class _Turn:
    """Who may use a connection: one call, or one handler from BEGIN to COMMIT."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.thread = 0

    def take(self, wait_s: float) -> None:
        """Wait for the connection; fails at once where this very thread holds it."""
        if not self.lock.acquire(blocking=False):
            if self.thread == threading.get_ident():
                raise WouldDeadlockError(
                    "A handler of this event loop has its transaction open on the connection. "
                    "Attach an Engine or sessionmaker, so that each has a connection of its own."
                )
            if not self.lock.acquire(timeout=wait_s):
                raise BusyError("A handler in another thread has its transaction open on the connection.")
        self.thread = threading.get_ident()

    def give(self) -> None:
        """Let the next one in."""
        self.thread = 0
        self.lock.release()


@dataclass
class Handling:
    """A handler that runs, and the connection that it runs on."""

    registry: Registry
    link: Link
    turn: _Turn
    #: The event loop that the handler runs on, and nothing else can while a call of this loop waits for it.
    loop: Optional[asyncio.AbstractEventLoop] = None
    over: bool = False


#: The handler that the calling thread or task is in.
_handling: contextvars.ContextVar[Optional[Handling]] = contextvars.ContextVar("knocker_handling", default=None)

#: One lock a connection that several threads or tasks may share, by the address of the application's object.
_turns: weakref.WeakValueDictionary[int, _Turn] = weakref.WeakValueDictionary()


class Transport:
    """What an attached inbox has in place of the library: the same calls, each a SELECT."""

    def __init__(self, host: Host) -> None:
        self.host = host
        #: Set once the inbox knows its file.
        self.registry = Registry()

    def attach(self, request: Mapping[str, Any]) -> Any:
        """Make or migrate the tables, and answer what the inbox is."""
        return answer(self._send("attach", encode(request)))

    def call(self, db: int, method: str, request: Mapping[str, Any]) -> Any:
        """Call a method by its name."""
        self._refuse_closed(db)
        if method == "register_handler":
            request = {**request, "handler_scope": SCOPE}
        return answer(self._send(method, encode(request)))

    def receive(self, db: int, text: bytes, body: bytes) -> bytes:
        """Take in one request; answers the reply's text."""
        self._refuse_closed(db)
        return self._send("receive", text, body)

    def close(self, db: int) -> None:
        """Nothing is held: the connection is the application's."""

    def release(self, handle: int) -> None:
        """Nothing is held."""

    def on(self, link: Link, method: str, request: Mapping[str, Any], alone: bool = False) -> Any:
        """Call a method on a worker's connection; ``alone``: outside a transaction."""
        text = encode(request)
        try:
            return answer(call(link.alone() if alone else link.raw(), method, text))
        finally:
            link.after()

    def begin(self, link: Link, loop: Optional[asyncio.AbstractEventLoop]) -> Handling:
        """Begin a handler's transaction; its calls of the inbox run on its connection from now on."""
        turn = self._take_turn()
        try:
            link.begin()
        except BaseException:
            turn.give()
            raise
        handling = Handling(self.registry, link, turn, loop)
        self.registry.handling[id(handling)] = handling
        _handling.set(handling)
        return handling

    def end(self, handling: Handling) -> None:
        """Note that a handler's transaction is over."""
        handling.over = True
        self.registry.handling.pop(id(handling), None)
        _handling.set(None)
        handling.turn.give()

    def in_handler(self) -> Optional[Handling]:
        """The handler that the caller is in, where it works on this inbox's file."""
        handling = _handling.get()
        mine = handling is not None and not handling.over and handling.registry is self.registry
        return handling if mine else None

    def _send(self, method: str, text: bytes, body: Optional[bytes] = None) -> bytes:
        handling = self.in_handler()
        if handling is not None:
            return call(handling.link.raw(), method, text, body)
        self._refuse_own_loop()
        turn = self._take_turn()
        try:
            link = self.host.link()
            try:
                return call(link.raw(), method, text, body)
            finally:
                link.after()
                link.close()
        finally:
            turn.give()

    def _take_turn(self) -> _Turn:
        shared = self.host.shared()
        turn = _Turn() if shared is None else _turns.setdefault(id(shared), _Turn())
        turn.take(_TURN_S)
        return turn

    def _refuse_own_loop(self) -> None:
        """Fail at once where the call would stop the event loop that a handler needs to end its transaction."""
        loop = asyncio._get_running_loop()
        if loop is not None and any(handling.loop is loop for handling in list(self.registry.handling.values())):
            raise WouldDeadlockError()

    def _refuse_closed(self, db: int) -> None:
        if not db:
            raise ClosedError("The inbox is closed.")
