"""Running workers: on threads, or beside an event loop."""

from __future__ import annotations

import asyncio
import threading
from typing import Any, Dict, List, Mapping, NoReturn, Optional, Sequence, TypeVar

from knocker import _arguments as arguments
from knocker._connection import Connection
from knocker._library import library
from knocker._models import Finished, StopReport
from knocker._worker import AnyWorker, Worker

W = TypeVar("W", bound=AnyWorker)

#: How often a waiting caller looks whether it should stop. Short, because a
#: signal handler can only set a flag.
_SLICE_S = 0.1
#: How long a handler that was cut off at the deadline gets to notice it.
_AFTER_CUT_S = 1.0


class Running(Connection):
    """The part of an inbox that runs handlers."""

    def run_worker(
        self,
        *,
        concurrency: Optional[int] = None,
        lease_s: Optional[float] = None,
        worker_id: Optional[str] = None,
        endpoints: Optional[Sequence[str]] = None,
        stop_timeout_s: Optional[float] = None,
        handler_timeout_s: Optional[float] = None,
        handler_synchronous: Optional[str] = None,
        stop_event: Any = None,
        **unknown: NoReturn,
    ) -> StopReport:
        """Run handlers until ``stop()`` is called; blocks.

        Handlers run on ``concurrency`` threads (defaults to 1); ``async def``
        handlers on one event loop that these share. ``lease_s``: how long a job
        is held without a sign of life (60 seconds). ``worker_id``: a name for
        people (host:pid); a random suffix is added. ``endpoints``: only theirs
        (all). ``stop_timeout_s``: how long stopping waits for running handlers
        (30). ``handler_timeout_s``: the longest run of one handler (900).
        ``handler_synchronous``: "normal" or "full". ``stop_event``: an object
        whose ``is_set()`` also stops the worker, such as threading.Event.

        Ctrl-C lets running handlers finish within ``stop_timeout_s``, then
        KeyboardInterrupt goes on to the caller; a second Ctrl-C does not wait.
        Returns what was left over. Raises KnockerError for wrong options and
        for trouble that does not pass.
        """
        worker = self._open_worker(
            {
                "concurrency": concurrency,
                "lease_s": lease_s,
                "worker_id": worker_id,
                "endpoints": arguments.texts(endpoints),
                "stop_timeout_s": stop_timeout_s,
                "handler_timeout_s": handler_timeout_s,
                "handler_synchronous": handler_synchronous,
                **unknown,
            }
        )
        return self._run(worker, stop_event)

    def _run(self, worker: AnyWorker, stop_event: Any) -> StopReport:
        try:
            worker.start()
            while worker.wait(_SLICE_S):
                if stop_event is not None and stop_event.is_set():
                    break
        finally:
            try:
                self._stop_in_slices(worker)
            finally:
                self._close_worker(worker)
        if worker.failure is not None:
            raise worker.failure
        return worker.report

    def run_worker_once(self, **options: Any) -> List[Finished]:
        """Handle what is due now, one event after the other on this thread; returns what became of each.

        For tests, and for programs that are started now and then. A failed
        event runs again in a later pass, when its time has come. Options as for
        ``run_worker``.
        """
        worker = self._open_worker(_listed(options))
        try:
            return worker.once()
        finally:
            self._close_worker(worker)

    async def arun_worker(
        self,
        *,
        concurrency: Optional[int] = None,
        lease_s: Optional[float] = None,
        worker_id: Optional[str] = None,
        endpoints: Optional[Sequence[str]] = None,
        stop_timeout_s: Optional[float] = None,
        handler_timeout_s: Optional[float] = None,
        handler_synchronous: Optional[str] = None,
        stop_event: Any = None,
        **unknown: NoReturn,
    ) -> StopReport:
        """Run handlers beside an event loop until ``stop()`` or cancellation.

        ``async def`` handlers run on this loop, plain ``def`` handlers on
        threads, never on the loop. Options, result and errors as for
        ``run_worker``. When cancelled, running handlers may finish within
        ``stop_timeout_s``; ``async def`` handlers that don't are cancelled.
        """
        loop = asyncio.get_running_loop()
        options = {
            "concurrency": concurrency,
            "lease_s": lease_s,
            "worker_id": worker_id,
            "endpoints": arguments.texts(endpoints),
            "stop_timeout_s": stop_timeout_s,
            "handler_timeout_s": handler_timeout_s,
            "handler_synchronous": handler_synchronous,
            **unknown,
        }
        return await self._arun(await self._off_loop(self._open_worker, options, loop), stop_event)

    async def _arun(self, worker: AnyWorker, stop_event: Any) -> StopReport:
        try:
            worker.start()
            while worker.running() and not worker.stopping and worker.failure is None:
                if stop_event is not None and stop_event.is_set():
                    break
                await asyncio.sleep(_SLICE_S)
        finally:
            try:
                await self._stop_beside(worker)
            finally:
                await self._aclose_worker(worker)
        if worker.failure is not None:
            raise worker.failure
        return worker.report

    async def arun_worker_once(self, **options: Any) -> List[Finished]:
        """Handle what is due now; ``async def`` handlers run on this loop."""
        loop = asyncio.get_running_loop()
        return await self._arun_once(await self._off_loop(self._open_worker, _listed(options), loop))

    async def _arun_once(self, worker: AnyWorker) -> List[Finished]:
        try:
            # A thread of its own: the handler may use the pool of the a-methods.
            finished: List[Finished] = await _in_thread(worker.once)
            return finished
        finally:
            await self._aclose_worker(worker)

    def stop(self) -> None:
        """Ask all running workers of this inbox to stop; returns at once.

        May be called from any thread and from a signal handler. When no worker
        runs, the next one ends before it claims anything, so that a signal that
        comes during the start is not lost.
        """
        self._stop_next = True
        for worker in list(self._workers):
            worker.stopping = True
            self._stop_next = False

    def _open_worker(self, options: Mapping[str, Any], loop: Optional[asyncio.AbstractEventLoop] = None) -> AnyWorker:
        return self._opened(Worker(library(), self._handle, self._registry, options, loop))

    def _opened(self, worker: W) -> W:
        self._workers.add(worker)
        if self._stop_next:
            self._stop_next = False
            worker.stopping = True
        return worker

    def _close_worker(self, worker: AnyWorker) -> None:
        self._workers.discard(worker)
        worker.close()

    async def _aclose_worker(self, worker: AnyWorker) -> None:
        self._close_worker(worker)

    def _stop_in_slices(self, worker: AnyWorker) -> None:
        """Stop on another thread, so that this one stays open to a second Ctrl-C."""
        failed: Dict[str, BaseException] = {}

        def stop() -> None:
            try:
                worker.stop(None)
            except BaseException as error:  # raised below
                failed["error"] = error

        thread = threading.Thread(target=stop, name="knocker-stop", daemon=True)
        worker.stopping = True
        thread.start()
        while thread.is_alive():
            thread.join(_SLICE_S)
        worker.cut_off()
        worker.wait(_AFTER_CUT_S)
        if "error" in failed:
            raise failed["error"]

    async def _stop_beside(self, worker: AnyWorker) -> None:
        worker.stopping = True
        await _in_thread(lambda: worker.stop(None))
        worker.cut_off()
        for _ in range(int(_AFTER_CUT_S / 0.01)):
            if not worker.running():
                return
            await asyncio.sleep(0.01)


def _listed(options: Mapping[str, Any]) -> Dict[str, Any]:
    return {**options, "endpoints": arguments.texts(options.get("endpoints"))}


async def _in_thread(function: Any) -> Any:
    """Run a function that may take long on a thread of its own."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Any] = loop.create_future()

    def tell(answer: Any, error: Optional[BaseException]) -> None:
        if future.done():
            return
        if error is None:
            future.set_result(answer)
        else:
            future.set_exception(error)

    def run() -> None:
        answer, failure = None, None
        try:
            answer = function()
        except BaseException as error:  # raised where it is awaited
            failure = error
        try:
            loop.call_soon_threadsafe(tell, answer, failure)
        except RuntimeError:  # the loop is closed
            return

    threading.Thread(target=run, name="knocker-call", daemon=True).start()
    return await future
