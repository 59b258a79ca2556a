"""One slot of a worker over a connection of the application's."""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from typing import Any, Awaitable, Coroutine, Dict, Generator, List, Optional, Protocol, Union

from knocker._errors import KnockerError
from knocker._handlers import Registered, Registry
from knocker._links import Link
from knocker._models import Event, Finished
from knocker._outcomes import GIVE_BACK, HANDLED, logger, outcome_of
from knocker._slot import log_outcome
from knocker._transport import Handling, Transport
from knocker.errors import InvalidArgumentError

#: What a slot waits for: seconds, or a handler's coroutine, which never raises.
Wait = Union[float, Coroutine[Any, Any, None]]

#: How long a slot pauses after an error that can pass, such as a lock that another process holds.
_PAUSE_S = 0.5
#: The longest pause between two looks for something to do: nothing wakes a worker on a connection of the application's.
_LOOK_S = 0.1
#: How often the end of a step is told again when it can't be written.
_TRIES = 20
#: How often a thread that waits for a coroutine looks whether its loop is there any more.
_LOOP_LOOK_S = 1.0


class Owner(Protocol):
    """The worker of a slot."""

    stopping: bool
    worker_id: str


class AttachedSlot:
    """Handles events one after the other on one connection.

    ``serve`` is a generator of what it waits for, so that a thread and an event
    loop can run the same steps.
    """

    def __init__(
        self,
        transport: Transport,
        registry: Registry,
        worker: int,
        owner: Owner,
        loop: Optional[asyncio.AbstractEventLoop],
    ) -> None:
        self._transport = transport
        self._registry = registry
        self._worker = worker
        self._owner = owner
        self._loop = loop
        self._own_loop: Optional[asyncio.AbstractEventLoop] = None
        self._cut_off = False
        self._error: Optional[BaseException] = None
        self.stop_event: Any = None
        #: The coroutine that runs.
        self.running: Optional[asyncio.Future[Any]] = None
        #: The event whose handler runs.
        self.event_id: Optional[int] = None
        self.handled: List[Finished] = []

    def stopped(self) -> bool:
        """Whether to claim nothing more."""
        return self._owner.stopping or (self.stop_event is not None and self.stop_event.is_set())

    def serve(self, once: bool = False) -> Generator[Wait, None, None]:
        """Handle events until told to stop, or, with ``once``, until none is due."""
        link = self._transport.host.link()
        try:
            link.enter()
            while not self.stopped():
                try:
                    reply = self._transport.on(link, "worker_next", {"worker": self._worker}, alone=True)
                except KnockerError as error:
                    if not error.retryable or error.code == "closed":
                        raise
                    logger.warning("worker %s: %s", self._owner.worker_id, error)
                    yield _PAUSE_S
                    continue
                if reply["step"] is not None:
                    yield from self._handle(link, reply["step"], once)
                elif reply["stopping"] or once:
                    return
                else:
                    link.rest()
                    yield min(reply["wait_ms"] / 1000, _LOOK_S)
        finally:
            link.leave()
            link.close()

    def run_coroutine(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run a handler's coroutine from this thread, on the worker's loop or on one of the slot's own."""
        if self._loop is not None:
            self._run_on(self._loop, coroutine)
            return
        if self._own_loop is None:
            self._own_loop = asyncio.new_event_loop()
        self.running = self._own_loop.create_task(coroutine)
        try:
            self._own_loop.run_until_complete(self.running)
        except asyncio.CancelledError as error:  # before it began
            self._error = error

    def cut_off(self) -> None:
        """Cancel the coroutine that runs."""
        running, self._cut_off = self.running, True
        if running is not None:
            try:
                running.get_loop().call_soon_threadsafe(running.cancel)
            except RuntimeError:  # the loop is closed: nothing of it runs any more
                return

    def _run_on(self, loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, None]) -> None:
        """Wait for a coroutine on another thread's loop until it has really ended, also when it is cancelled."""
        over = threading.Event()

        def start() -> None:
            self.running = loop.create_task(coroutine)
            self.running.add_done_callback(ended)

        def ended(task: asyncio.Task[None]) -> None:
            if task.cancelled():
                self._error = asyncio.CancelledError()
            over.set()

        try:
            loop.call_soon_threadsafe(start)
        except RuntimeError:  # the loop is closed
            coroutine.close()
            self._cut_off, self._error = True, asyncio.CancelledError()
            return
        while not over.wait(_LOOP_LOOK_S):
            if loop.is_closed():
                self._cut_off, self._error = True, asyncio.CancelledError()
                return

    def close_loop(self) -> None:
        """Close the slot's own event loop."""
        loop, self._own_loop = self._own_loop, None
        if loop is not None:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()

    def _handle(self, link: Link, step: Dict[str, Any], once: bool) -> Generator[Wait, None, None]:
        registered = self._registry.functions.get(step["handler"])
        if registered is None:  # replaced since the claim: the next claim finds the new one
            self._told(step, GIVE_BACK, link)
            return
        try:
            handling = self._transport.begin(link, self._loop if registered.is_async else None)
        except Exception as error:  # the database is locked, most likely: the handler has not run
            logger.warning("worker %s: %s", self._owner.worker_id, error)
            yield from self._pause_after_locked(link, step)
            return
        self.event_id, self._error = step["event"]["id"], None
        try:
            self._transport.on(link, "step_begin", {"step": step["step"]})
            if registered.is_async:
                yield self._awaited(registered, Event.from_reply(step["event"]), link)
            else:
                self._called(registered, Event.from_reply(step["event"]), link)
        except BaseException as error:  # outcome_of decides; what is meant for the process is passed on
            self._error = error
        finished = self._end(link, handling, step)
        self.event_id = self.running = None
        log_outcome(step, finished, self._error)
        if finished is not None and once:
            self.handled.append(finished)
        link.rest()
        if self._error is not None and not isinstance(self._error, (Exception, asyncio.CancelledError)):
            raise self._error

    def _called(self, registered: Registered, event: Event, link: Link) -> None:
        answer = registered.function(event, link.tx)
        if inspect.isawaitable(answer):
            if inspect.iscoroutine(answer):
                answer.close()
            raise TypeError(f"the handler {registered.name} returned an awaitable: declare it with async def")

    async def _awaited(self, registered: Registered, event: Event, link: Link) -> None:
        try:
            answer: Awaitable[Any] = registered.function(event, link.tx)
            await answer
        except BaseException as error:  # told to the slot
            self._error = error

    def _end(self, link: Link, handling: Handling, step: Dict[str, Any]) -> Optional[Finished]:
        """Write "handled" and commit, or roll back and write what else became of the run."""
        committed: Optional[Finished] = None
        if self._error is None:
            try:
                request = {"step": step["step"], "outcome": HANDLED}
                committed = Finished.from_reply(self._transport.on(link, "step_finish", request))
                link.commit()
            except BaseException as error:
                committed, self._error = None, error
        try:
            if committed is None:
                link.rollback()
        finally:
            self._transport.end(handling)
        return committed or self._told(step, outcome_of(self._error, self._cut_off), link)

    def _told(self, step: Dict[str, Any], outcome: Dict[str, Any], link: Link) -> Optional[Finished]:
        """Write what became of a run that was rolled back; waits while the database is locked."""
        for _ in range(_TRIES):
            try:
                reply = self._transport.on(link, "step_finish", {"step": step["step"], "outcome": outcome}, alone=True)
                return Finished.from_reply(reply)
            except InvalidArgumentError as refused:
                # The handler chose an outcome that is none (RetryAfter(-1)): that is its failure.
                error = {"type": type(self._error).__name__, "message": refused.message}
                outcome = {"kind": "failed", "error": error}
            except KnockerError as error:
                if not error.retryable or error.code == "closed":
                    logger.warning("worker %s: %s", self._owner.worker_id, error)
                    return None
                time.sleep(_PAUSE_S)
        return None  # the lease ends, and another worker runs the event

    def _pause_after_locked(self, link: Link, step: Dict[str, Any]) -> Generator[Wait, None, None]:
        yield _PAUSE_S
        self._told(step, GIVE_BACK, link)
