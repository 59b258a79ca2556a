"""A worker over connections of the application's: claim, BEGIN, handler, "handled", COMMIT."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any, Generator, List, Mapping, Optional

from knocker._attached_slot import AttachedSlot, Wait
from knocker._errors import KnockerError
from knocker._handlers import SCOPE, Registry
from knocker._models import Finished, StopReport
from knocker._outcomes import logger
from knocker._transport import Transport
from knocker.errors import ClosedError, InvalidArgumentError, InvalidStateError

#: How often a waiting thread looks whether it should stop.
_LOOK_S = 0.02
#: How long stopping waits for running handlers, unless the options say so.
_STOP_S = 30.0


class AttachedWorker:
    """An open worker: one slot on the caller's thread, or several on threads of their own.

    ``stopping`` is a plain attribute, set without any lock, so that a signal
    handler may set it at any moment.
    """

    def __init__(
        self,
        transport: Transport,
        registry: Registry,
        options: Mapping[str, Any],
        loop: Optional[asyncio.AbstractEventLoop] = None,
    ) -> None:
        self._transport = transport
        self._registry = registry
        self._loop = loop
        concurrency = options.get("concurrency")
        if isinstance(concurrency, int) and concurrency > 1 and not transport.host.many:
            raise InvalidArgumentError(
                f"concurrency: {concurrency} handlers at a time need as many connections, and the inbox is attached "
                "to one. Attach an Engine, a sessionmaker or django.db.connection, or run one process more."
            )
        reply = self._alone("worker_open", {**options, "handler_scope": SCOPE})
        self._number: int = reply["worker"]
        self.worker_id: str = reply["worker_id"]
        self._concurrency: int = concurrency or 1
        self._stop_timeout_s: float = options.get("stop_timeout_s") or _STOP_S
        self.stopping = False
        self.failure: Optional[BaseException] = None
        self.report = StopReport()
        self._slots: List[AttachedSlot] = []
        self._threads: List[threading.Thread] = []

    def start(self) -> None:
        """Start slots on threads of their own."""
        for number in range(self._concurrency):
            slot = self._new_slot()
            name = f"knocker-worker-{number}"
            # Daemons: a handler that never returns must not keep the process from ending.
            self._threads.append(threading.Thread(target=self._run_slot, args=(slot,), name=name, daemon=True))
        for thread in self._threads:
            thread.start()

    def running(self) -> bool:
        """Whether some thread still runs."""
        return any(thread.is_alive() for thread in self._threads)

    def wait(self, seconds: float) -> bool:
        """Wait a little; True while the worker should go on."""
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return self.running() and not self.stopping and self.failure is None

    def serve_here(self, stop_event: Any = None) -> None:
        """Handle events on this thread until told to stop."""
        self._refuse_loop()
        slot = self._new_slot()
        slot.stop_event = stop_event
        self._drive(slot, slot.serve())

    async def serve_on_loop(self, stop_event: Any = None, once: bool = False) -> List[Finished]:
        """Handle events on the running loop's thread; cancelled, it gives the running handler ``stop_timeout_s``."""
        slot = self._new_slot()
        slot.stop_event = stop_event
        steps = slot.serve(once)
        cancelled: Optional[BaseException] = None
        try:
            wait = next(steps)
            while True:
                try:
                    await self._wait_on_loop(wait, slot)
                except asyncio.CancelledError as error:
                    self.stopping, cancelled = True, error
                wait = steps.send(None)
        except StopIteration:
            pass
        finally:
            steps.close()
        if cancelled is not None:
            raise cancelled
        return slot.handled

    def once(self) -> List[Finished]:
        """Handle what is due now, on this thread."""
        if self._loop is None:
            self._refuse_loop()
        slot = self._new_slot()
        self._drive(slot, slot.serve(once=True))
        return slot.handled

    def stop(self, deadline_s: Optional[float]) -> StopReport:
        """Claim nothing more and wait for the running handlers until the deadline."""
        self.stopping = True
        deadline = time.monotonic() + (self._stop_timeout_s if deadline_s is None else deadline_s)
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        left = [slot.event_id for slot in self._slots if slot.event_id is not None]
        self.report = StopReport(rolled_back=tuple(left), given_back=0)
        return self.report

    def cut_off(self) -> None:
        """Cancel coroutines that outlived the deadline."""
        for slot in self._slots:
            slot.cut_off()

    def close(self) -> None:
        """Close the worker; a handler that still runs has lost its claim, so it can't commit any more."""
        self.stopping = True
        try:
            self._alone("worker_close", {"worker": self._number})
        except KnockerError as error:
            # A handler that was left behind holds the connection or the database. Its lease ends by itself.
            if not error.retryable and error.code not in ("closed", "forked", "invalid_state"):
                raise
            logger.warning("worker %s was not closed: %s", self.worker_id, error)

    def _alone(self, method: str, request: Mapping[str, Any]) -> Any:
        """Make a call about the worker itself, outside the application's transactions."""
        link = self._transport.host.link()
        try:
            link.enter()
            try:
                return self._transport.on(link, method, request, alone=True)
            finally:
                link.leave()
        finally:
            link.close()

    def _new_slot(self) -> AttachedSlot:
        slot = AttachedSlot(self._transport, self._registry, self._number, self, self._loop)
        self._slots.append(slot)
        return slot

    def _run_slot(self, slot: AttachedSlot) -> None:
        try:
            self._drive(slot, slot.serve())
        except ClosedError:
            logger.info("worker %s: the inbox was closed", self.worker_id)
        except BaseException as error:  # the caller of run_worker raises it
            self.failure = self.failure or error
        finally:
            self._transport.host.thread_ends()

    def _drive(self, slot: AttachedSlot, steps: Generator[Wait, None, None]) -> None:
        """Do on this thread what a slot waits for."""
        try:
            for wait in steps:
                if isinstance(wait, float):
                    self._sleep(wait, slot)
                else:
                    slot.run_coroutine(wait)
        finally:
            steps.close()
            slot.close_loop()

    def _sleep(self, seconds: float, slot: AttachedSlot) -> None:
        deadline = time.monotonic() + seconds
        while not slot.stopped() and time.monotonic() < deadline:
            time.sleep(min(_LOOK_S, max(0.0, deadline - time.monotonic())))

    async def _wait_on_loop(self, wait: Wait, slot: AttachedSlot) -> None:
        if isinstance(wait, float):
            await asyncio.sleep(wait)
            return
        running = slot.running = asyncio.ensure_future(wait)
        try:
            await asyncio.shield(running)
        except asyncio.CancelledError:
            await asyncio.wait({running}, timeout=self._stop_timeout_s)
            if not running.done():
                slot.cut_off()
                await asyncio.wait({running}, timeout=_STOP_S)
            raise

    def _refuse_loop(self) -> None:
        """A coroutine can't be waited for on the thread of a loop that runs."""
        if self._registry.has_async and asyncio._get_running_loop() is not None:
            raise InvalidStateError("An event loop runs on this thread: await arun_worker or arun_worker_once there.")
