"""One slot of a worker: claims an event, runs its handler, reports the outcome."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any, Callable, Dict, Optional, Tuple

from knocker._handlers import Registered, Registry
from knocker._library import Library
from knocker._models import Event, Finished
from knocker._outcomes import GIVE_BACK, logger, outcome_of
from knocker._transaction import AsyncTx, Calls, Tx

Ran = Tuple[Dict[str, Any], Optional[BaseException]]


class Slot:
    """Runs handlers one after the other, on the thread that calls it.

    ``loop`` gives the event loop for ``async def`` handlers. The coroutine runs
    there; this thread waits and serves its transaction.
    """

    def __init__(self, library: Library, registry: Registry, loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
        self._library = library
        self._registry = registry
        self._loop = loop
        self._task: Optional[asyncio.Task[Any]] = None
        self._cut_off = False

    def run(self, step: Dict[str, Any]) -> Ran:
        """Run the handler of a claimed step; answers the outcome and what the handler raised."""
        registered = self._registry.functions.get(step["handler"])
        if registered is None:  # replaced since the claim: the next claim finds the new one
            return GIVE_BACK, None
        event = Event.from_reply(step["event"])
        error: Optional[BaseException] = None
        try:
            if registered.is_async:
                error = self._run_coroutine(registered, event, step["step"])
            else:
                self._run_function(registered, event, step["step"])
        except BaseException as caught:  # outcome_of decides; the worker passes it on
            error = caught
        return outcome_of(error, self._cut_off), error

    def cut_off(self) -> None:
        """Cancel the coroutine that is running, from its loop."""
        self._cut_off = True
        if self._task is not None:
            self._task.cancel()

    def _run_function(self, registered: Registered, event: Event, step: int) -> None:
        answer = registered.function(event, Tx(self._library, step))
        if inspect.isawaitable(answer):
            if inspect.iscoroutine(answer):
                answer.close()
            raise TypeError(f"the handler {registered.name} returned an awaitable: declare it with async def")

    def _run_coroutine(self, registered: Registered, event: Event, step: int) -> Optional[BaseException]:
        loop = self._loop()
        calls = Calls()
        tx = AsyncTx(self._library, step, calls)
        ended: Dict[str, Optional[BaseException]] = {}

        async def run() -> None:
            try:
                await registered.function(event, tx)
            except BaseException as caught:  # told to the slot's thread
                ended["error"] = caught
            finally:
                calls.finish()

        def start() -> None:
            self._task = loop.create_task(run())
            self._task.add_done_callback(lambda _: calls.finish())  # also when cancelled before it began

        try:
            loop.call_soon_threadsafe(start)
        except RuntimeError:  # the loop is closed
            self._cut_off = True
            return asyncio.CancelledError()
        calls.serve()
        task, self._task = self._task, None
        if task is not None and "error" not in ended and task.done() and task.cancelled():
            return asyncio.CancelledError()
        return ended.get("error")


def log_outcome(step: Dict[str, Any], finished: Optional[Finished], error: Optional[BaseException]) -> None:
    """Log what became of a run that did not end as handled. Never prints."""
    if finished is None or (finished.status in ("handled", "ignored") and error is None):
        return
    event = step["event"]
    what = (event["id"], event["endpoint"], event["event_type"], step["attempt"], step["max_attempts"])
    words = "event %s (%s, %s), attempt %s of %s: "
    if finished.code is not None:
        logger.warning(words + "%s: %s: %s", *what, finished.status, finished.code, finished.message, exc_info=error)
    elif finished.status == "dead":
        logger.error(words + "dead", *what, exc_info=error)
    elif finished.status in ("ignored", "given_back"):
        logger.info(words + "%s", *what, finished.status, exc_info=error)
    else:
        logger.warning(words + "%s", *what, finished.status, exc_info=error)
