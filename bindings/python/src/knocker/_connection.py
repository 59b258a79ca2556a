"""An open inbox: its handle, and how calls get to the library."""

from __future__ import annotations

import asyncio
import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Dict, Generator, Mapping, Optional, Set, Tuple, TypeVar

from knocker import _arguments as arguments
from knocker._completions import Completions
from knocker._handlers import SCOPE, Registry, registry_of
from knocker._home import current_home
from knocker._host import hand_over
from knocker._library import Transport, library
from knocker._models import Result
from knocker._requests import Call, Receipt, result_of
from knocker._worker import AnyWorker
from knocker.errors import ClosedError, UnsupportedPlatformError

T = TypeVar("T")
R = TypeVar("R")

#: Threads for the asynchronous forms of reads and actions. They are the
#: package's own, so that a route's default executor never waits for a database.
_THREADS = 4


class Connection:
    """The part of an inbox that knows the library."""

    def __init__(self, path: Any, options: Mapping[str, Any]) -> None:
        self._handle = 0
        request = dict(options)
        if "redact_headers" in request:
            request["redact_headers"] = arguments.texts(request["redact_headers"])
        path = arguments.file_path(path)
        loaded = library()
        if request.get("engine") == "host":
            hand_over(loaded)
        reply = loaded.open({"path": path, "handler_scope": SCOPE, "options": request})
        self._set_up(loaded, reply, registry_of(reply["path"]), Completions(loaded, int(reply["db"])))

    def _set_up(
        self, transport: Transport, reply: Dict[str, Any], registry: Registry, completions: Optional[Completions] = None
    ) -> None:
        self._library: Transport = transport
        self._handle = int(reply["db"])
        self._pid = os.getpid()
        self._info: Dict[str, Any] = reply
        self._registry = registry
        self._handlers: Dict[Tuple[Any, ...], int] = {}  # endpoint and type -> the number of the handler
        self._completions = completions
        self._executor: Optional[ThreadPoolExecutor] = None
        self._workers: Set[AnyWorker] = set()
        self._stop_next = False

    @property
    def path(self) -> str:
        """The database file."""
        return str(self._info["path"])

    @property
    def version(self) -> str:
        """The library's version."""
        return str(self._info["version"])

    @property
    def sqlite_version(self) -> str:
        """The version of the SQLite that works on the file."""
        return str(self._info["sqlite_version"])

    @property
    def engine(self) -> str:
        """Whose SQLite works on the file: "embedded" or "host"."""
        return str(self._info["engine"])

    @property
    def schema_version(self) -> int:
        """The version of the inbox's tables in the file."""
        return int(self._info["schema_version"])

    @property
    def closed(self) -> bool:
        """Whether ``close`` was called."""
        return self._handle == 0

    def __repr__(self) -> str:
        state = " closed" if self.closed else ""
        return f"<knocker.Knocker {self.path!r}{state}>"

    def __del__(self) -> None:
        handle = getattr(self, "_handle", 0)
        if handle:
            self._handle = 0
            self._library.release(handle)
            warnings.warn(f"unclosed {self.path!r}", ResourceWarning, stacklevel=1, source=self)

    def close(self) -> None:
        """Close the inbox; closing again does nothing.

        Its workers end: what their handlers were doing is rolled back and runs
        again. To let them finish, ``stop()`` them first.
        """
        handle, self._handle = self._handle, 0
        if not handle:
            return
        for worker in list(self._workers):
            worker.stopping = True
        executor, self._executor = self._executor, None
        if executor is not None and os.getpid() == self._pid:
            executor.shutdown(wait=False)
        try:
            self._library.close(handle)
        finally:
            if self._completions is not None:
                self._completions.fail_all()

    async def aclose(self) -> None:
        """Close the inbox without blocking the event loop."""
        if self._handle:
            await self._off_loop(self.close)

    def _call(self, call: Call[T]) -> T:
        request = {**call.request, "home": current_home()} if call.writes else call.request
        return call.convert(self._library.call(self._handle, call.method, request))

    async def _acall(self, call: Call[T]) -> T:
        return call.convert(await self._off_loop(self._library.call, self._handle, call.method, call.request))

    def _drive(self, steps: Generator[Call[T], T, R]) -> R:
        """Make the calls that a generator yields, and return what it returns."""
        try:
            call = next(steps)
            while True:
                call = steps.send(self._call(call))
        except StopIteration as done:
            result: R = done.value
            return result

    async def _adrive(self, steps: Generator[Call[T], T, R]) -> R:
        """Asynchronous ``_drive``; when it is cancelled, the call under way ends first, and no further one is made."""
        try:
            call = next(steps)
            while True:
                await asyncio.sleep(0)  # a cancellation by the generator's own caller comes here
                running = asyncio.ensure_future(self._acall(call))
                try:
                    reply = await asyncio.shield(running)
                except asyncio.CancelledError:
                    await asyncio.gather(running, return_exceptions=True)
                    raise
                call = steps.send(reply)
        except StopIteration as done:
            result: R = done.value
            return result

    def _receive(self, receipt: Receipt) -> Result:
        return result_of(self._library.receive(self._handle, receipt.text, receipt.body))

    async def _areceive(self, receipt: Receipt) -> Result:
        if self._completions is not None:
            try:
                return Result.from_reply(await self._completions.receive(receipt.text, receipt.body))
            except (NotImplementedError, UnsupportedPlatformError):
                pass  # no completion descriptor (Windows), or a loop without add_reader
        return result_of(await self._off_loop(self._library.receive, self._handle, receipt.text, receipt.body))

    async def _off_loop(self, function: Callable[..., T], *values: Any) -> T:
        if os.getpid() != self._pid:
            return function(*values)  # the threads are the parent's; the library answers "forked" at once
        if self._executor is None:
            self._executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="knocker")
        return await asyncio.get_running_loop().run_in_executor(self._executor, lambda: function(*values))

    def _usable(self) -> int:
        if not self._handle:
            raise ClosedError("The inbox is closed.")
        return self._handle
