"""The worker: slots on threads, and a caller that waits so that Ctrl-C works."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any, Callable, Dict, List, Mapping, Optional, Protocol

from knocker._errors import KnockerError
from knocker._handlers import Registry
from knocker._home import loop_home, thread_home
from knocker._library import Library, milliseconds
from knocker._models import Finished, StopReport
from knocker._outcomes import logger
from knocker._slot import Slot, log_outcome
from knocker.errors import ClosedError, InvalidArgumentError

#: How long a waiting slot stays in the library at a time. Stopping wakes it at once.
_SLOT_WAIT_MS = 5_000
#: How long a slot pauses after an error that can pass, such as a full disk.
_PAUSE_S = 0.5
#: How long the worker's own event loop gets to end what was cancelled on it.
_LOOP_END_S = 2.0


class AnyWorker(Protocol):
    """A worker, on the library's connections or on the application's."""

    stopping: bool
    failure: Optional[BaseException]
    report: StopReport

    def start(self) -> None:
        """Start the slots."""

    def running(self) -> bool:
        """Whether some slot still runs."""

    def wait(self, seconds: float) -> bool:
        """Wait a little; True while the worker should go on."""

    def stop(self, deadline_s: Optional[float]) -> StopReport:
        """Stop claiming and let running handlers end until the deadline."""

    def cut_off(self) -> None:
        """Cancel coroutines that outlived the deadline."""

    def close(self) -> None:
        """Close the worker."""

    def once(self) -> List[Finished]:
        """Handle what is due now, on this thread."""


class Worker:
    """An open worker and the threads of its slots.

    ``stopping`` is a plain attribute, set without any lock, so that a signal
    handler may set it at any moment.
    """

    def __init__(
        self,
        library: Library,
        db: int,
        registry: Registry,
        options: Mapping[str, Any],
        loop: Optional[asyncio.AbstractEventLoop] = None,
    ) -> None:
        self._library = library
        self._registry = registry
        reply = library.worker_open(db, options)
        self._handle: int = reply["worker"]
        self.worker_id: str = reply["worker_id"]
        self._concurrency: int = reply["concurrency"]
        self._background = BackgroundLoop()
        self._given_loop = loop
        self.stopping = False
        self.failure: Optional[BaseException] = None
        self.report = StopReport()
        self._slots: List[Slot] = []
        self._threads: List[threading.Thread] = []

    def start(self) -> None:
        """Start the slots."""
        for number in range(self._concurrency):
            slot = self._new_slot()
            name = f"knocker-worker-{number}"
            # Daemons: a handler that never returns must not keep the process from ending.
            thread = threading.Thread(target=self._run_slot, args=(slot,), name=name, daemon=True)
            self._slots.append(slot)
            self._threads.append(thread)
        for thread in self._threads:
            thread.start()

    def running(self) -> bool:
        """Whether some slot still runs."""
        return any(thread.is_alive() for thread in self._threads)

    def wait(self, seconds: float) -> bool:
        """Wait a little; True while the worker should go on."""
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return self.running() and not self.stopping and self.failure is None

    def stop(self, deadline_s: Optional[float]) -> StopReport:
        """Stop claiming and let running handlers end until the deadline; then cut them off."""
        self.stopping = True
        try:
            reply = self._library.worker_stop(self._handle, milliseconds(deadline_s))
        except KnockerError as error:
            if error.code != "closed":
                raise
            return self.report
        self.report = StopReport(rolled_back=tuple(reply["rolled_back"]), given_back=reply["given_back"])
        return self.report

    def cut_off(self) -> None:
        """Cancel coroutines that outlived the deadline."""
        for slot in self._slots:
            self._loop_call(slot.cut_off)

    def close(self) -> None:
        """Close the worker; what still runs is rolled back."""
        self.stopping = True
        try:
            self._library.worker_close(self._handle)
        except KnockerError as error:
            if error.code not in ("closed", "forked"):
                raise
        self._background.close()

    def once(self) -> List[Finished]:
        """Handle what is due now, on this thread."""
        slot = self._new_slot()
        handled: List[Finished] = []
        step = None if self.stopping else self._step({"wait_ms": 0})["step"]
        while step is not None:
            outcome, error = slot.run(step)
            ends = _ends_the_worker(error)
            # Without a wait in the same call the commit is done when it returns.
            finished = self._finish(step, outcome, error, None)["finished"]
            if finished:
                handled.append(Finished.from_reply(finished))
            if ends and error is not None:
                raise error
            step = None if self.stopping else self._step({"wait_ms": 0})["step"]
        return handled

    def _new_slot(self) -> Slot:
        return Slot(self._library, self._registry, self._loop)

    def _loop(self) -> asyncio.AbstractEventLoop:
        return self._given_loop or self._background.get()

    def _loop_call(self, function: Callable[[], None]) -> None:
        loop = self._given_loop or self._background.running()
        if loop is not None:
            try:
                loop.call_soon_threadsafe(function)
            except RuntimeError:  # the loop is closed: nothing of it runs any more
                return

    def _run_slot(self, slot: Slot) -> None:
        try:
            self._serve(slot)
        except ClosedError:  # the inbox was closed under the worker, which ends it
            logger.info("worker %s: the inbox was closed", self.worker_id)
        except BaseException as error:  # the caller of run_worker raises it
            self.failure = self.failure or error

    def _serve(self, slot: Slot) -> None:
        reply = self._claim()
        while True:
            step = reply["step"]
            if step is None:
                if self.stopping or reply["stopping"]:
                    return
                reply = self._claim()
                continue
            outcome, error = slot.run(step)
            ends = _ends_the_worker(error)
            reply = self._finish(step, outcome, error, None if ends or self.stopping else _SLOT_WAIT_MS)
            if ends and error is not None:
                raise error

    def _finish(
        self, step: Dict[str, Any], outcome: Dict[str, Any], error: Optional[BaseException], wait_ms: Optional[int]
    ) -> Dict[str, Any]:
        """End a step and, with ``wait_ms``, wait for the next one."""
        try:
            reply = self._patiently({"step": step["step"], "outcome": outcome, "wait_ms": wait_ms})
        except InvalidArgumentError as refused:
            # The handler chose an outcome that is none (RetryAfter(-1)): that is its failure.
            failed = {"kind": "failed", "error": {"type": type(error).__name__, "message": refused.message}}
            reply = self._step({"step": step["step"], "outcome": failed, "wait_ms": wait_ms})
        log_outcome(step, Finished.from_reply(reply["finished"]) if reply["finished"] else None, error)
        return reply

    def _claim(self) -> Dict[str, Any]:
        """Wait for an event."""
        return self._patiently({"wait_ms": None if self.stopping else _SLOT_WAIT_MS})

    def _patiently(self, request: Dict[str, Any]) -> Dict[str, Any]:
        """Make a step; errors that can pass, such as a full disk, are waited out."""
        try:
            return self._step(request)
        except KnockerError as error:
            if not error.retryable:
                raise
            logger.warning("worker %s: %s", self.worker_id, error)
            time.sleep(_PAUSE_S)
            return {"finished": None, "step": None, "stopping": False}

    def _step(self, request: Dict[str, Any]) -> Dict[str, Any]:
        # Whose the step's transaction is: the loop's, where a coroutine may
        # run it. A plain handler names its own thread with each use of tx.
        home = loop_home(self._loop()) if self._registry.has_async else thread_home()
        reply: Dict[str, Any] = self._library.worker_step(self._handle, {**request, "home": home})
        return reply


def _ends_the_worker(error: Optional[BaseException]) -> bool:
    """Whether a handler raised what is meant for the process: KeyboardInterrupt, SystemExit."""
    return error is not None and not isinstance(error, (Exception, asyncio.CancelledError))


class BackgroundLoop:
    """An event loop on a thread of its own, made when the first ``async def`` handler needs it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: Optional[asyncio.AbstractEventLoop] = None
        self._thread: Optional[threading.Thread] = None

    def get(self) -> asyncio.AbstractEventLoop:
        """The loop, running."""
        with self._lock:
            if self._made is None:
                self._made = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._run, args=(self._made,), name="knocker-loop", daemon=True)
                self._thread.start()
            return self._made

    def running(self) -> Optional[asyncio.AbstractEventLoop]:
        """The loop, if there is one."""
        return self._made

    def close(self) -> None:
        """Cancel what runs on the loop and end it."""
        if self._made is not None and self._thread is not None:
            self._made.call_soon_threadsafe(self._made.stop)
            # Bounded: a coroutine that blocks its loop must not keep the worker from ending.
            self._thread.join(_LOOP_END_S)
            self._made = None

    @staticmethod
    def _run(loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_forever()
            tasks = asyncio.all_tasks(loop)
            for task in tasks:
                task.cancel()
            if tasks:
                loop.run_until_complete(asyncio.wait(tasks, timeout=1.0))
            loop.run_until_complete(loop.shutdown_asyncgens())
        finally:
            asyncio.set_event_loop(None)
            loop.close()
